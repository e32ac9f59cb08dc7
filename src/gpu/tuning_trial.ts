/**
 * What an operation says about itself to be tuned: how to try a choice, and how to know that its results are right.
 *
 * @module
 */

import type { Shape } from "../shape.ts";
import type { Gpu } from "./gpu.ts";
import type { Recorder } from "./recorder.ts";
import type { DataType, Tensor } from "./tensor.ts";
import type { ChoiceRequest } from "./tuning.ts";

/** A choice that can be measured. */
export interface TuningRequest<C extends object = object> extends ChoiceRequest<C> {
  /** What it is about, as tables show it: `matmul NT 128×784×128`. */
  readonly label: string;
  /** Arithmetic operations: the largest requests are measured first. */
  readonly flops: number;
  /** A choice in a few words. */
  describe(choice: C): string;
  /** Makes the inputs. */
  trial(gpu: Gpu): Trial<C>;
}

/** Whether a request can be measured. */
export function isTunable(request: ChoiceRequest): request is TuningRequest {
  return "trial" in request;
}

/** Inputs on which choices are compared. */
export interface Trial<C extends object = object> extends Disposable {
  /** Computes the result in the way chosen. */
  run(recorder: Recorder, choice: C): Tensor<DataType>;
  /** Computes the result with the plainest kernel. */
  reference(recorder: Recorder): Tensor<DataType>;
  /**
   * How far an element may be from the reference: derived from the roundings of this choice and the reference. `undefined` if
   * the bound is too wide to tell right from wrong; the choice is refused then.
   */
  tolerance(choice: C): number | undefined;
}

/** Largest absolute value of whole numbers for which a sum of `terms` products is exact in float32, in every order. */
export function exactMagnitude(terms: number): number {
  // Every partial sum is a whole number of at most terms · magnitude² ≤ 2²⁴.
  return Math.min(127, Math.floor(Math.sqrt(2 ** 24 / Math.max(1, terms))));
}

/** Whole numbers from −magnitude to magnitude without a pattern, the same for the same salt. */
export function wholeNumbers(
  gpu: Gpu,
  shape: Shape,
  magnitude: number,
  salt: number,
): Tensor {
  const tensor = gpu.empty(shape, "f32", "numbers to try choices on");
  const values = new Float32Array(tensor.size);
  const count = 2 * magnitude + 1;
  let state = (0x9e3779b9 ^ Math.imul(salt + 1, 0x85ebca6b)) || 1; // xorshift32
  for (let i = 0; i < values.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    values[i] = (state >>> 0) % count - magnitude;
  }
  return tensor.write(values);
}
