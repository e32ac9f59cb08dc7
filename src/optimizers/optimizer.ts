/**
 * What an optimiser is: a rule that changes all parameters at once, given their gradients.
 *
 * @module
 */

import type { Recorder, Scalar } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkNumber } from "../options.ts";
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

/**
 * A rule of updating. It holds no GPU state, so that one optimiser may serve several models.
 *
 * @typeParam Name What the numbers that change from step to step are called: `rate`.
 */
export interface Optimizer<Name extends string = string> {
  /** The learning rate, or its schedule. */
  readonly learningRate: number | Schedule;
  /** What it remembers for every parameter: `velocity`. */
  readonly stateNames: readonly string[];
  /** The largest norm of all gradients together, or undefined. */
  readonly clipNorm: number | undefined;
  /**
   * The numbers that change from step to step, in double precision. They depend on nothing else, so that a run can be
   * repeated and resumed.
   *
   * @param rate The learning rate of the step.
   * @param step Counts from 0.
   */
  stepNumbers(rate: number, step: number): Readonly<Record<Name, number>>;
  /**
   * Records the update, once for all steps.
   *
   * @param numbers Those of `stepNumbers`, with the values of the step that is submitted.
   */
  update(
    recorder: Recorder,
    tensors: UpdateTensors,
    numbers: Readonly<Record<Name, Scalar>>,
  ): void;
}

/** The learning rate of a step, from 0. */
export function rateAt(learningRate: number | Schedule, step: number): number {
  return typeof learningRate === "number" ? learningRate : learningRate(step);
}

/** Options that every optimiser has. */
export interface OptimizerOptions {
  /** α, at least 0, or a function of the step. */
  learningRate?: number | Schedule;
  /** λ, at least 0: pulls parameters towards 0. */
  weightDecay?: number;
  /** Gradients are scaled so that the norm of all together is at most this. Default: not at all. */
  clipNorm?: number;
}

/** The names of the common options, for `checkKeys`. */
export const COMMON_OPTIONS: readonly string[] = ["learningRate", "weightDecay", "clipNorm"];

/**
 * Checks the options that every optimiser has.
 *
 * @param what The optimiser, for the error.
 * @throws {OptionError} if one is out of range.
 */
export function checkCommonOptions(what: string, options: OptimizerOptions): void {
  const { learningRate, weightDecay, clipNorm } = options;
  if (typeof learningRate !== "function") {
    checkNumber(learningRate, `${what}: learningRate`, { min: 0 });
  }
  checkNumber(weightDecay, `${what}: weightDecay`, { min: 0 });
  if (clipNorm !== undefined) {
    checkNumber(clipNorm, `${what}: clipNorm`, { min: 0, exclusiveMin: true });
  }
}

/** The largest share of the past that an average keeps: the next float32 below 1 takes no more in. */
const MOST_KEPT = 1 - 2 ** -24;

/** Checks how much of the past an average keeps. */
export function checkKept(value: unknown, what: string): void {
  checkNumber(value, what, { min: 0, max: MOST_KEPT });
}

/** Checks ε: 0, or what float32 would make 0, would divide 0 by 0 where a gradient is 0. */
export function checkEpsilon(value: unknown, what: string): void {
  checkNumber(value, `${what}: epsilon`, { min: 2 ** -126 });
}
