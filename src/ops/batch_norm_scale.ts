/**
 * The gradients of batch normalisation to its scale and shift: sums over channels.
 *
 * @module
 */

import sumsText from "../../kernels/batch_norm_sums.wgsl" with { type: "text" };
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkKeys, checkNumber } from "../options.ts";
import { formatShape } from "../shape.ts";
import { bindingParts } from "./binding_parts.ts";
import type { ChannelStatistics } from "./channel_statistics.ts";
import { planChannels } from "./channel_tuning.ts";
import {
  CHANNEL_SOURCE,
  type ChannelPlan,
  channelsOf,
  type ChannelView,
  cutChannels,
} from "./channels.ts";
import { expectShape, NAN_SOURCE, ROW_SOURCE, rowWorkgroups } from "./launch.ts";
import { sum } from "./reductions.ts";

/** The gradients of scale and shift. */
export interface BatchNormScaleGradients {
  /** The gradient of the scale. Shape: [c]. */
  readonly dGamma: Tensor;
  /** The gradient of the shift. Shape: [c]. */
  readonly dBeta: Tensor;
}

/** Options of {@linkcode batchNormScaleGradients}. */
export interface BatchNormScaleGradientsOptions extends Partial<BatchNormScaleGradients> {
  /** The statistics that the forward step normalised with. */
  readonly statistics: ChannelStatistics;
  /** As in the forward step. */
  readonly epsilon?: number;
}

const SUMS = new KernelFamily("batchNormSums", [NAN_SOURCE, ROW_SOURCE, CHANNEL_SOURCE, {
  name: "batch_norm_sums.wgsl",
  text: sumsText,
}]);

/**
 * The gradients of {@linkcode batchNorm} to scale and shift alone. Shape: x [n, c, …], dy as x → two of [c].
 *
 * @param options The statistics of the forward step, and where to write the gradients. Default: new tensors.
 * @throws {ShapeError} if the shapes do not fit together; {@linkcode OptionError} if ε is below 0.
 */
export function batchNormScaleGradients(
  recorder: Recorder,
  x: Tensor,
  dy: Tensor,
  options: BatchNormScaleGradientsOptions,
): BatchNormScaleGradients {
  const what = "batchNormScaleGradients";
  checkKeys(options, what, ["statistics", "epsilon", "dGamma", "dBeta"]);
  const view = channelsOf(x.shape, what);
  const shape = [view.channels];
  expectShape(dy, x.shape, `${what}: dy`);
  checkStatistics(options.statistics, view, what);
  const epsilon = epsilonOf(options, what);
  if (options.dGamma !== undefined) expectShape(options.dGamma, shape, `${what}: dGamma`);
  if (options.dBeta !== undefined) expectShape(options.dBeta, shape, `${what}: dBeta`);
  const { dGamma = recorder.empty(shape), dBeta = recorder.empty(shape) } = options;
  const { adapter: { software }, tuning } = recorder.device;
  const gradients = { dGamma, dBeta };
  const plan = planChannels({ software, tuning }, view, (recorder, x, dy, zeros, plan) => {
    const own = { dGamma: recorder.empty(shape), dBeta: recorder.empty(shape) };
    const statistics = { mean: zeros, variance: zeros };
    sumScaleGradients(recorder, x, dy, statistics, epsilon, plan, own);
    recorder.release(own.dGamma);
    return own.dBeta;
  });
  sumScaleGradients(recorder, x, dy, options.statistics, epsilon, plan, gradients);
  return gradients;
}

/** Writes the gradients of scale and shift: those of parts of every channel, and their sums. */
function sumScaleGradients(
  recorder: Recorder,
  x: Tensor,
  dy: Tensor,
  statistics: ChannelStatistics,
  epsilon: number,
  plan: ChannelPlan,
  { dGamma, dBeta }: BatchNormScaleGradients,
): void {
  const what = "batchNormScaleGradients";
  const view = channelsOf(x.shape, what);
  const { channels, area } = view;
  const pieces = bindingParts(what, view.rows, [x, dy] as const).map(({ count, tensors }) => ({
    tensors,
    cut: cutChannels({ ...view, rows: count, count: count * area }, plan, what),
  }));
  const total = pieces.reduce((sum, { cut }) => sum + cut.parts, 0);
  const outs = [dGamma, dBeta];
  const ofParts = outs.map((out) => total === 1 ? out : recorder.empty([total, channels]));
  let begin = 0;
  for (const { tensors: [x, dy], cut: { parts, lanes, vector, uniforms } } of pieces) {
    recorder.dispatch({
      label: `batch norm scale gradients ${formatShape(x.shape)}`,
      kernel: SUMS.variant({ LANES: lanes, VECTOR: vector }),
      tensors: { x, dy, ...statistics, d_gamma: ofParts[0]!, d_beta: ofParts[1]! },
      uniforms: { ...uniforms, y_begin: begin * channels, epsilon },
      workgroups: rowWorkgroups(parts * channels, lanes),
      flops: 5 * x.size,
    });
    begin += parts;
  }
  if (total === 1) return;
  outs.forEach((out, i) => {
    sum(recorder, ofParts[i]!, { axis: 0, out });
    recorder.release(ofParts[i]!);
  });
}

/** @throws {ShapeError} if the statistics are not those of so many channels. */
export function checkStatistics(
  { mean, variance }: ChannelStatistics,
  { channels }: ChannelView,
  what: string,
): void {
  expectShape(mean, [channels], `${what}: mean`);
  expectShape(variance, [channels], `${what}: variance`);
}

/** ε of some options. @throws {OptionError} if it is below 0. */
export function epsilonOf({ epsilon = 1e-5 }: { readonly epsilon?: number }, what: string): number {
  checkNumber(epsilon, `${what}: epsilon`, { min: 0 });
  return epsilon;
}
