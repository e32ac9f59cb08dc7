/**
 * Adagrad.
 *
 * @module
 */

import type { Recorder, Scalar } from "../gpu/recorder.ts";
import { adagradUpdate } from "../ops/adaptive_updates.ts";
import { checkKeys, checkNumber } from "../options.ts";
import {
  checkCommonOptions,
  checkEpsilon,
  COMMON_OPTIONS,
  type Optimizer,
  type OptimizerOptions,
  type UpdateTensors,
} from "./optimizer.ts";
import type { Schedule } from "./schedules.ts";

/** Options of {@linkcode Adagrad}. */
export interface AdagradOptions extends OptimizerOptions {
  /** α, at least 0, or a function of the step. Default 0.01. */
  learningRate?: number | Schedule;
  /** s₀, at least 0: the larger, the shorter the first steps. Default 0. */
  initialAccumulator?: number;
  /** ε, at least 2⁻¹²⁶. Default 1e-10. */
  epsilon?: number;
  /** λ, at least 0: the gradient of λ/2 · ‖p‖² is added. Default 0. */
  weightDecay?: number;
}

/**
 * g = ∂C/∂p + λ p; s ← s + g², from s₀; p ← p − α g / (√s + ε).
 *
 * PyTorch's `lr_decay` is a schedule: `inverseTimeDecay({ rate, steps: 1 / decay })`.
 *
 * @example
 * ```ts
 * import { Adagrad } from "@strata/strata";
 *
 * const optimizer = new Adagrad({ learningRate: 0.05, initialAccumulator: 0.1 });
 * ```
 * @see Duchi, Hazan, Singer, "Adaptive subgradient methods for online learning and stochastic optimization", JMLR 12, 2011.
 */
export class Adagrad implements Optimizer<"rate"> {
  /** α, or its schedule. */
  readonly learningRate: number | Schedule;
  /** s₀. */
  readonly initialAccumulator: number;
  /** ε. */
  readonly epsilon: number;
  /** λ. */
  readonly weightDecay: number;
  /** The largest norm of all gradients, or undefined. */
  readonly clipNorm: number | undefined;
  /** The sum of the squares of the gradients. */
  readonly stateNames: readonly string[] = ["sum of squares"];

  /**
   * Checks the options.
   *
   * @throws {OptionError} if an option is unknown or out of range.
   */
  constructor(options: AdagradOptions = {}) {
    checkKeys(options, "Adagrad", [...COMMON_OPTIONS, "initialAccumulator", "epsilon"]);
    const { learningRate = 0.01, initialAccumulator = 0, epsilon = 1e-10 } = options;
    const { weightDecay = 0, clipNorm } = options;
    checkCommonOptions("Adagrad", { ...options, learningRate, weightDecay });
    checkNumber(initialAccumulator, "Adagrad: initialAccumulator", { min: 0 });
    checkEpsilon(epsilon, "Adagrad");
    this.learningRate = learningRate;
    this.initialAccumulator = initialAccumulator;
    this.epsilon = epsilon;
    this.weightDecay = weightDecay;
    this.clipNorm = clipNorm;
  }

  /** α. */
  stepNumbers(rate: number): { rate: number } {
    return { rate };
  }

  /** Records one dispatch. */
  update(
    recorder: Recorder,
    { parameters, gradients, state, clip }: UpdateTensors,
    { rate }: { readonly rate: Scalar },
  ): void {
    const { initialAccumulator, epsilon, weightDecay } = this;
    adagradUpdate(recorder, parameters, gradients, {
      ...{ rate, initialAccumulator, epsilon, weightDecay },
      sum: state[0]!,
      ...(clip === undefined ? {} : { clip }),
    });
  }
}
