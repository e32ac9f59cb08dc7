/**
 * RMSProp.
 *
 * @module
 */

import type { Recorder, Scalar } from "../gpu/recorder.ts";
import { rmsPropUpdate } from "../ops/adaptive_updates.ts";
import { checkKeys } from "../options.ts";
import {
  checkCommonOptions,
  checkEpsilon,
  checkKept,
  COMMON_OPTIONS,
  type Optimizer,
  type OptimizerOptions,
  type UpdateTensors,
} from "./optimizer.ts";
import type { Schedule } from "./schedules.ts";

/** Options of {@linkcode RmsProp}. */
export interface RmsPropOptions extends OptimizerOptions {
  /** α, at least 0, or a function of the step. Default 0.01. */
  learningRate?: number | Schedule;
  /** ρ, the share that the mean of the squares keeps in a step; 0 ≤ ρ < 1. Default 0.99. */
  alpha?: number;
  /** ε, at least 2⁻¹²⁶. Default 1e-8. */
  epsilon?: number;
  /** λ, at least 0: the gradient of λ/2 · ‖p‖² is added. Default 0. */
  weightDecay?: number;
  /** μ, 0 ≤ μ < 1. Default 0. */
  momentum?: number;
  /** Whether to divide by the deviation of the gradients, rather than by their root mean square. Default false. */
  centered?: boolean;
}

/**
 * g = ∂C/∂p + λ p; v ← ρ v + (1 − ρ) g²; p ← p − α g / (√v + ε). Centered, a ← ρ a + (1 − ρ) g is kept too and v − a², at
 * least 0, stands for v. With momentum, b ← μ b + g / (√v + ε); p ← p − α b.
 *
 * @example
 * ```ts
 * import { RmsProp } from "@strata/strata";
 *
 * const optimizer = new RmsProp({ learningRate: 1e-3, momentum: 0.9, centered: true });
 * ```
 * @see Hinton, "Neural networks for machine learning", lecture 6e, 2012; Graves, arXiv 1308.0850, for the centered one.
 */
export class RmsProp implements Optimizer<"rate"> {
  /** α, or its schedule. */
  readonly learningRate: number | Schedule;
  /** ρ. */
  readonly alpha: number;
  /** ε. */
  readonly epsilon: number;
  /** λ. */
  readonly weightDecay: number;
  /** μ. */
  readonly momentum: number;
  /** Whether the mean gradient is taken off. */
  readonly centered: boolean;
  /** The largest norm of all gradients, or undefined. */
  readonly clipNorm: number | undefined;

  /**
   * Checks the options.
   *
   * @throws {OptionError} if an option is unknown or out of range.
   */
  constructor(options: RmsPropOptions = {}) {
    checkKeys(options, "RmsProp", [
      ...COMMON_OPTIONS,
      "alpha",
      "epsilon",
      "momentum",
      "centered",
    ]);
    const { learningRate = 0.01, alpha = 0.99, epsilon = 1e-8, weightDecay = 0 } = options;
    const { momentum = 0, centered = false, clipNorm } = options;
    checkCommonOptions("RmsProp", { ...options, learningRate, weightDecay });
    checkKept(alpha, "RmsProp: alpha");
    checkEpsilon(epsilon, "RmsProp");
    checkKept(momentum, "RmsProp: momentum");
    this.learningRate = learningRate;
    this.alpha = alpha;
    this.epsilon = epsilon;
    this.weightDecay = weightDecay;
    this.momentum = momentum;
    this.centered = centered;
    this.clipNorm = clipNorm;
  }

  /** The mean of the squares; that of the gradients if they are centered; the velocity if there is momentum. */
  get stateNames(): readonly string[] {
    return [
      "mean square",
      ...(this.centered ? ["mean gradient"] : []),
      ...(this.momentum > 0 ? ["velocity"] : []),
    ];
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
    const { alpha, epsilon, weightDecay, momentum, centered } = this;
    rmsPropUpdate(recorder, parameters, gradients, {
      ...{ rate, alpha, epsilon, weightDecay, momentum },
      square: state[0]!,
      ...(centered ? { average: state[1]! } : {}),
      ...(momentum > 0 ? { velocity: state.at(-1)! } : {}),
      ...(clip === undefined ? {} : { clip }),
    });
  }
}
