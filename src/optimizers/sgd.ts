/**
 * Stochastic gradient descent.
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import type { Recorder, Scalar } from "../gpu/recorder.ts";
import { sgdUpdate } from "../ops/updates.ts";
import { checkKeys, checkNumber } from "../options.ts";
import type { Optimizer, UpdateTensors } from "./optimizer.ts";
import type { Schedule } from "./schedules.ts";

/** Options of {@linkcode Sgd}. */
export interface SgdOptions {
  /** α, at least 0, or a function of the step. */
  learningRate: number | Schedule;
  /** μ, 0 ≤ μ < 1. Default 0. */
  momentum?: number;
  /** Nesterov's look-ahead; needs momentum. Default false. */
  nesterov?: boolean;
  /** λ, at least 0: the gradient of λ/2 · ‖p‖² is added. Default 0. */
  weightDecay?: number;
  /** Gradients are scaled so that the norm of all together is at most this. Default: not at all. */
  clipNorm?: number;
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
export class Sgd implements Optimizer {
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
    checkKeys(options, "Sgd", [
      "learningRate",
      "momentum",
      "nesterov",
      "weightDecay",
      "clipNorm",
    ]);
    const { learningRate, momentum = 0, nesterov = false, weightDecay = 0, clipNorm } = options;
    if (typeof learningRate !== "function") {
      checkNumber(learningRate, "Sgd: learningRate", { min: 0 });
    }
    checkNumber(momentum, "Sgd: momentum", { min: 0, max: 1 - 2 ** -24 });
    checkNumber(weightDecay, "Sgd: weightDecay", { min: 0 });
    if (clipNorm !== undefined) {
      checkNumber(clipNorm, "Sgd: clipNorm", { min: 0, exclusiveMin: true });
    }
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

  /** Records one dispatch. */
  update(recorder: Recorder, tensors: UpdateTensors, rate: Scalar): void {
    const { parameters, gradients, state, clip } = tensors;
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
