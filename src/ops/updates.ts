/**
 * Updates of all parameters at once, over the flat buffers that hold them.
 *
 * @module
 */

import clipText from "../../kernels/clip_scale.wgsl" with { type: "text" };
import lossScaleText from "../../kernels/loss_scale.wgsl" with { type: "text" };
import sgdText from "../../kernels/sgd.wgsl" with { type: "text" };
import { OptionError, ShapeError } from "../errors.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder, Scalar } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { formatShape } from "../shape.ts";
import { expectShape, workgroupsFor } from "./launch.ts";

const SGD = new KernelFamily("sgd", [{ name: "sgd.wgsl", text: sgdText }]);
const CLIP = new KernelFamily("clipScale", [{ name: "clip_scale.wgsl", text: clipText }]);
const LOSS_SCALE = new KernelFamily("lossScale", [
  { name: "loss_scale.wgsl", text: lossScaleText },
]);

/** The numbers of {@linkcode sgdUpdate}. */
export interface SgdUpdate {
  /** α. */
  rate: number | Scalar;
  /** μ; needs a velocity. Default 0. */
  momentum?: number;
  /** Whether to look ahead by μ v. Default false. */
  nesterov?: boolean;
  /** λ: adds λ p to the gradient. Default 0. */
  weightDecay?: number;
  /** v, changed in place. Shape: that of the parameters. */
  velocity?: Tensor;
  /**
   * Multiplies the gradient first: element 0 of {@linkcode clipScale}'s result. If it is below 0, the step is skipped: nothing
   * changes.
   */
  clip?: Tensor;
}

/**
 * g = clip · dp + λ p; v ← μ v + g; p ← p − α v, or p − α (g + μ v) with Nesterov's look-ahead. In place.
 *
 * Shape: parameters and gradients [n], n a multiple of 4.
 *
 * @throws {ShapeError} if the shapes do not fit; {@linkcode OptionError} for momentum without a velocity.
 * @see Sutskever, Martens, Dahl, Hinton, "On the importance of initialization and momentum in deep learning", ICML 2013.
 */
export function sgdUpdate(
  recorder: Recorder,
  parameters: Tensor,
  gradients: Tensor,
  options: SgdUpdate,
): void {
  const { rate, momentum = 0, nesterov = false, weightDecay = 0, velocity, clip } = options;
  checkUpdate("sgdUpdate", parameters, { gradients, velocity });
  if (momentum !== 0 && velocity === undefined) {
    throw new OptionError(`sgdUpdate: momentum ${momentum} needs a velocity`);
  }
  const length = parameters.size / 4;
  recorder.dispatch({
    label: `sgd ${parameters.size}`,
    kernel: SGD.variant({
      MOMENTUM: velocity !== undefined,
      NESTEROV: nesterov,
      CLIP: clip !== undefined,
    }),
    tensors: {
      p: parameters,
      dp: gradients,
      ...(velocity === undefined ? {} : { v: velocity }),
      ...(clip === undefined ? {} : { clip }),
    },
    uniforms: { length, rate, momentum, decay: weightDecay },
    workgroups: workgroupsFor(length),
    flops: 6 * parameters.size,
  });
}

/**
 * Checks the parameters of an update, and that all that belongs to them has their shape.
 *
 * @throws {ShapeError} if not.
 */
export function checkUpdate(
  what: string,
  parameters: Tensor,
  others: Readonly<Record<string, Tensor | undefined>>,
): void {
  if (parameters.size % 4 !== 0) {
    throw new ShapeError(
      `${what}: expected a multiple of 4 parameters, got ${formatShape(parameters.shape)}`,
    );
  }
  for (const [name, tensor] of Object.entries(others)) {
    if (tensor !== undefined) expectShape(tensor, parameters.shape, `${what}: ${name}`);
  }
}

/**
 * [min(1, limit / ‖g‖), ‖g‖] from ‖g‖², the sum of squares of all gradients. Shape: [] → [2].
 *
 * @see Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", ICML 2013.
 */
export function clipScale(recorder: Recorder, sumOfSquares: Tensor, limit: number): Tensor {
  const clip = recorder.empty([2]);
  recorder.dispatch({
    label: "clip scale",
    kernel: CLIP.variant(),
    tensors: { sum_of_squares: sumOfSquares, clip },
    uniforms: { limit },
    workgroups: 1,
    flops: 3,
  });
  return clip;
}

/** The largest scale of a loss. */
export const MAX_LOSS_SCALE = 2 ** 24;

/** The largest float32: a norm that nothing exceeds, and more steps than are ever taken. */
const LARGEST = 2 ** 128 - 2 ** 104;

/** The numbers of {@linkcode updateLossScale}. */
export interface LossScaleUpdate {
  /** Good steps in a row after which the scale doubles. */
  interval: number;
  /** The largest norm of the gradients without the scale. Default: none. */
  limit?: number;
}

/**
 * Ends the backward step of a scaled loss: makes the factor that undoes the scale, and clips, or says that the step is to be skipped
 * because a gradient is not finite; doubles the scale after some good steps, halves it after a bad one.
 *
 * Shape: sumOfSquares [] of all scaled gradients, state [2] = [scale, good steps since it changed], changed in place → [factor, norm]
 * for the updates' `clip`: the factor is −1 for a step to be skipped, and NaN if a gradient is not finite at a scale of 1.
 *
 * @throws {ShapeError} if a shape is another.
 * @see Micikevicius et al., "Mixed precision training", ICLR 2018.
 */
export function updateLossScale(
  recorder: Recorder,
  sumOfSquares: Tensor,
  state: Tensor,
  { interval, limit = LARGEST }: LossScaleUpdate,
): Tensor {
  expectShape(sumOfSquares, [], "updateLossScale: sumOfSquares");
  expectShape(state, [2], "updateLossScale: state");
  const clip = recorder.empty([2]);
  recorder.dispatch({
    label: "loss scale",
    kernel: LOSS_SCALE.variant(),
    tensors: { sum_of_squares: sumOfSquares, state, clip },
    uniforms: { limit: Math.min(limit, LARGEST), interval: Math.min(interval, LARGEST) },
    workgroups: 1,
    flops: 5,
  });
  return clip;
}
