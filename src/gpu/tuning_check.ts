/**
 * Whether a choice computes what it should: its whole result is compared with the plainest kernel's.
 *
 * @module
 */

import type { Shape } from "../shape.ts";
import type { Gpu } from "./gpu.ts";
import type { Dispatch, Recorder } from "./recorder.ts";
import type { DataType, Tensor } from "./tensor.ts";
import type { Trial } from "./tuning_trial.ts";

/** Runs dispatches at once on tensors that are full of NaN, so that what is not written is seen. */
class NaNRecorder implements Recorder {
  readonly device;
  readonly recording = false;
  readonly #gpu: Gpu;
  #nan = new Float32Array(0);

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
    this.device = gpu.device;
  }

  empty<T extends DataType = "f32">(shape: Shape, type?: T): Tensor<T> {
    const tensor = this.#gpu.empty(shape, type);
    if (tensor.type !== "f32") return tensor;
    if (this.#nan.length < tensor.size) this.#nan = new Float32Array(tensor.size).fill(NaN);
    (tensor as Tensor).write(this.#nan.subarray(0, tensor.size));
    return tensor;
  }

  dispatch(dispatch: Dispatch): void {
    this.#gpu.dispatch(dispatch);
  }

  release(tensor: Tensor<DataType>): void {
    this.#gpu.release(tensor);
  }
}

/** Compares results of one trial with its reference, which is computed once. */
export class TrialCheck<C extends object> {
  readonly #gpu: Gpu;
  readonly #trial: Trial<C>;
  #expected: ArrayLike<number> | undefined;

  /** Nothing is computed yet. */
  constructor(gpu: Gpu, trial: Trial<C>) {
    this.#gpu = gpu;
    this.#trial = trial;
  }

  /** What is wrong with the results of a choice, if anything is. */
  async fault(choice: C): Promise<string | undefined> {
    const tolerance = this.#trial.tolerance(choice);
    if (tolerance === undefined) return "its rounding errors are too large to check it";
    try {
      this.#expected ??= await this.#compute((recorder) => this.#trial.reference(recorder));
      const actual = await this.#compute((recorder) => this.#trial.run(recorder, choice));
      return firstFault(actual, this.#expected, tolerance);
    } catch (error) {
      this.#gpu.device.check(); // a lost device stays lost: nothing more can be measured
      return error instanceof Error ? error.message : String(error);
    }
  }

  async #compute(run: (recorder: Recorder) => Tensor<DataType>): Promise<ArrayLike<number>> {
    const result = run(new NaNRecorder(this.#gpu));
    try {
      return await result.read();
    } finally {
      result.dispose();
    }
  }
}

/** The first element that is too far from what is expected, and how many are. */
export function firstFault(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
): string | undefined {
  let wrong = 0;
  let first = 0;
  for (let i = 0; i < expected.length; i++) {
    // Not "> tolerance": comparisons with NaN are false.
    if (Math.abs(actual[i]! - expected[i]!) <= tolerance) continue;
    if (wrong++ === 0) first = i;
  }
  if (wrong === 0) return undefined;
  return `element ${first} is ${actual[first]}, expected ${expected[first]} ± ${tolerance} ` +
    `(${wrong} of ${expected.length} are wrong)`;
}
