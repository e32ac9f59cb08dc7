/**
 * What an optimiser is: a rule that changes all parameters at once, given their gradients.
 *
 * @module
 */

import type { Recorder, Scalar } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import type { Schedule } from "./schedules.ts";

/** The tensors of one update. They hold all parameters, one after the other, or a part of them. */
export interface UpdateTensors {
  /** Changed in place. */
  readonly parameters: Tensor;
  /** Of the mean loss. */
  readonly gradients: Tensor;
  /** One tensor for each of the optimiser's `stateNames`, zero at the start. */
  readonly state: readonly Tensor[];
  /** [factor for the gradients, their norm], if the optimiser clips. */
  readonly clip: Tensor | undefined;
}

/** A rule of updating. It holds no GPU state, so that one optimiser may serve several models. */
export interface Optimizer {
  /** The learning rate, or its schedule. */
  readonly learningRate: number | Schedule;
  /** What it remembers for every parameter: `velocity`. */
  readonly stateNames: readonly string[];
  /** The largest norm of all gradients together, or undefined. */
  readonly clipNorm: number | undefined;
  /**
   * Records the update.
   *
   * @param rate The learning rate of the step.
   */
  update(recorder: Recorder, tensors: UpdateTensors, rate: Scalar): void;
}

/** The learning rate of a step, from 0. */
export function rateAt({ learningRate }: Optimizer, step: number): number {
  return typeof learningRate === "number" ? learningRate : learningRate(step);
}
