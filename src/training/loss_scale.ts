/**
 * Loss scaling: gradients of scale · loss, so that small ones do not vanish in 16 bits, and steps that are skipped where one overflows.
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import type { Gpu } from "../gpu/gpu.ts";
import type { Recorder } from "../gpu/recorder.ts";
import { Tensor } from "../gpu/tensor.ts";
import { MAX_LOSS_SCALE, updateLossScale } from "../ops/updates.ts";
import { checkKeys, checkNumber } from "../options.ts";

/** How the loss is scaled; see {@linkcode CompileOptions.lossScaling}. */
export interface LossScalingOptions {
  /** The scale at the beginning: a power of two from 1 to 2²⁴. Default 65,536. */
  initialScale?: number;
  /** Good steps in a row after which the scale doubles, at least 1; Infinity: never. Default 2,000. */
  growthInterval?: number;
}

/** The scale and the number of good steps since it changed. They live on the GPU, where no step waits for a reading. */
export class LossScale {
  /** Shape: [2]. */
  readonly state: Tensor;
  readonly #growthInterval: number;

  /** @throws {OptionError} if an option is unknown or out of range. */
  constructor(gpu: Gpu, options: LossScalingOptions = {}) {
    const what = "compile: lossScaling";
    checkKeys(options, what, ["initialScale", "growthInterval"]);
    const { initialScale = 65_536, growthInterval = 2000 } = options;
    checkNumber(initialScale, `${what}: initialScale`, { min: 1, max: MAX_LOSS_SCALE });
    if (!Number.isInteger(Math.log2(initialScale))) {
      throw new OptionError(
        `${what}: initialScale: expected a power of two, which rounds nothing, got ${initialScale}`,
      );
    }
    checkNumber(growthInterval, `${what}: growthInterval`, { min: 1 });
    this.#growthInterval = growthInterval;
    this.state = gpu.empty([2], "f32", "loss scale");
    this.state.write(Float32Array.of(initialScale, 0));
  }

  /** The scale as a scalar. */
  get factor(): Tensor {
    const { device, storage, offset } = this.state;
    return new Tensor(device, storage, [], "f32", offset);
  }

  /**
   * Records what follows the backward step.
   *
   * @param sumOfSquares Of all gradients, which are those of scale · loss. Shape: [].
   * @param limit The largest norm of the unscaled gradients. Default: none.
   * @returns What optimisers take as `clip`.
   */
  record(recorder: Recorder, sumOfSquares: Tensor, limit?: number): Tensor {
    return updateLossScale(recorder, sumOfSquares, this.state, {
      interval: this.#growthInterval,
      ...(limit === undefined ? {} : { limit }),
    });
  }

  /** Frees the state. */
  dispose(): void {
    this.state.dispose();
  }
}
