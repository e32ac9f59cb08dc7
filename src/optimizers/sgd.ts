/**
 * Stochastic gradient descent.
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import type { Recorder, Scalar } from "../gpu/recorder.ts";
import { sgdUpdate } from "../ops/updates.ts";
import { checkKeys } from "../options.ts";
import {
  checkCommonOptions,
  checkKept,
  COMMON_OPTIONS,
  type Optimizer,
  type OptimizerOptions,
  type UpdateTensors,
} from "./optimizer.ts";
import type { Schedule } from "./schedules.ts";

/** Options of {@linkcode Sgd}. */
export interface SgdOptions extends OptimizerOptions {
  /** α, at least 0, or a function of the step. */
  learningRate: number | Schedule;
  /** μ, 0 ≤ μ < 1. Default 0. */
  momentum?: number;
  /** Nesterov's look-ahead; needs momentum. Default false. */
  nesterov?: boolean;
  /** λ, at least 0: the gradient of λ/2 · ‖p‖² is added. Default 0. */
  weightDecay?: number;
}

/**
 * g = ∂C/∂p + λ p; v ← μ v + g; p ← p − α v, or with Nesterov's look-ahead p ← p − α (g + μ v).
 *
 * @example
 * ```ts
 * import { Sgd, cosineDecay } from "@strata/strata";
 *
 * const plain = new Sgd({ learningRate: 0.1 });
 * const better = new Sgd({ learningRate: cosineDecay({ rate: 0.1, steps: 2000 }), momentum: 0.9 });
 * ```
 * @see Sutskever, Martens, Dahl, Hinton, "On the importance of initialization and momentum in deep learning", ICML 2013.
 */
export class Sgd implements Optimizer<"rate"> {
  /** α, or its schedule. */
  readonly learningRate: number | Schedule;
  /** μ. */
  readonly momentum: number;
  /** Whether the update looks ahead. */
  readonly nesterov: boolean;
  /** λ. */
  readonly weightDecay: number;
  /** The largest norm of all gradients, or undefined. */
  readonly clipNorm: number | undefined;

  /**
   * Checks the options.
   *
   * @throws {OptionError} if an option is unknown or out of range.
   */
  constructor(options: SgdOptions) {
    checkKeys(options, "Sgd", [...COMMON_OPTIONS, "momentum", "nesterov"]);
    const { learningRate, momentum = 0, nesterov = false, weightDecay = 0, clipNorm } = options;
    checkCommonOptions("Sgd", { ...options, weightDecay });
    checkKept(momentum, "Sgd: momentum");
    if (nesterov && momentum === 0) {
      throw new OptionError("Sgd: nesterov needs a momentum above 0, got 0");
    }
    this.learningRate = learningRate;
    this.momentum = momentum;
    this.nesterov = nesterov;
    this.weightDecay = weightDecay;
    this.clipNorm = clipNorm;
  }

  /** `velocity`, if there is momentum. */
  get stateNames(): readonly string[] {
    return this.momentum > 0 ? ["velocity"] : [];
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
    const { momentum, nesterov, weightDecay } = this;
    sgdUpdate(recorder, parameters, gradients, {
      rate,
      momentum,
      nesterov,
      weightDecay,
      ...(state[0] === undefined ? {} : { velocity: state[0] }),
      ...(clip === undefined ? {} : { clip }),
    });
  }
}
