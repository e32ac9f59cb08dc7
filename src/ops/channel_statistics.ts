/**
 * Mean and variance of channels, of a batch and running.
 *
 * @module
 */

import mergeText from "../../kernels/channel_statistics_merge.wgsl" with { type: "text" };
import runningText from "../../kernels/running_statistics.wgsl" with { type: "text" };
import text from "../../kernels/channel_statistics.wgsl" with { type: "text" };
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkNumber } from "../options.ts";
import { formatShape, type Shape } from "../shape.ts";
import { bindingParts } from "./binding_parts.ts";
import { planChannels } from "./channel_tuning.ts";
import { CHANNEL_SOURCE, channelsOf, type ChannelView, cutChannels } from "./channels.ts";
import {
  checkRow,
  expectShape,
  NAN_SOURCE,
  ROW_SOURCE,
  rowLanes,
  rowWorkgroups,
  workgroupsFor,
} from "./launch.ts";

/** Mean and variance of every channel. */
export interface ChannelStatistics {
  /** Shape: [c]. */
  readonly mean: Tensor;
  /** Shape: [c]. */
  readonly variance: Tensor;
}

const PARTS = new KernelFamily("channelStatistics", [NAN_SOURCE, ROW_SOURCE, CHANNEL_SOURCE, {
  name: "channel_statistics.wgsl",
  text,
}]);
const MERGE = new KernelFamily("channelStatisticsMerge", [NAN_SOURCE, ROW_SOURCE, {
  name: "channel_statistics_merge.wgsl",
  text: mergeText,
}]);
const RUNNING = new KernelFamily("runningStatistics", [{
  name: "running_statistics.wgsl",
  text: runningText,
}]);

/**
 * The mean and the biased variance of every channel, over the batch and all positions.
 *
 * mean[c] = 1/m · Σ x[n, c, i], variance[c] = 1/m · Σ (x[n, c, i] − mean[c])², with m the number of n and i
 *
 * Numerically stable: the squares are those of distances to the mean, not of x. The statistics of no elements are NaN. Those of
 * rows that the device does not bind at once are merged.
 *
 * Shape: x [n, c, …] → two of [c].
 *
 * @throws {ShapeError} if x has less than two dimensions.
 */
export function channelStatistics(recorder: Recorder, x: Tensor): ChannelStatistics {
  const what = "channelStatistics";
  const view = channelsOf(x.shape, what);
  const { rows, channels, area, count } = view;
  const result = emptyPair(recorder, [channels]);
  const pieces = bindingParts(what, rows, [x] as const);
  if (pieces.length === 1) {
    statisticsOf(recorder, x, view, result, 0);
    return result;
  }
  const ofPieces = emptyPair(recorder, [pieces.length, channels]);
  pieces.forEach(({ count: rows, tensors: [x] }, i) => {
    statisticsOf(recorder, x, { ...view, rows, count: rows * area }, ofPieces, i * channels);
  });
  const length = pieces[0]!.count * area;
  const last = pieces.at(-1)!.count * area;
  merge(recorder, ofPieces, { channels, parts: pieces.length, length, last, count }, result, 0);
  return result;
}

function emptyPair(recorder: Recorder, shape: Shape): ChannelStatistics {
  return { mean: recorder.empty(shape), variance: recorder.empty(shape) };
}

/** Writes the statistics of x into `target`, from its element `begin` on. */
function statisticsOf(
  recorder: Recorder,
  x: Tensor,
  view: ChannelView,
  target: ChannelStatistics,
  begin: number,
): void {
  const { channels, count } = view;
  const { adapter: { software }, tuning } = recorder.device;
  const plan = planChannels({ software, tuning }, view);
  const cut = cutChannels(view, plan, "channelStatistics");
  const { parts, length, lanes, vector, uniforms } = cut;
  const ofParts = parts === 1 ? target : emptyPair(recorder, [parts, channels]);
  recorder.dispatch({
    label: `statistics of channels ${formatShape(x.shape)}`,
    kernel: PARTS.variant({ LANES: lanes, VECTOR: vector }),
    tensors: { x, ...ofParts },
    uniforms: { ...uniforms, y_begin: parts === 1 ? begin : 0 },
    workgroups: rowWorkgroups(parts * channels, lanes),
    flops: 5 * x.size,
  });
  if (parts === 1) return;
  const last = count - (parts - 1) * length;
  merge(recorder, ofParts, { channels, parts, length, last, count }, target, begin);
}

/** Writes the statistics of all parts into `target`, from its element `begin` on; frees those of the parts. */
function merge(
  recorder: Recorder,
  ofParts: ChannelStatistics,
  numbers: Readonly<Record<"channels" | "parts" | "length" | "last" | "count", number>>,
  target: ChannelStatistics,
  begin: number,
): void {
  const { channels, parts } = numbers;
  checkRow({ rows: channels, columns: parts }, "parts");
  const lanes = rowLanes(recorder.device.adapter.software, parts);
  recorder.dispatch({
    label: `statistics of channels, ${parts} parts`,
    kernel: MERGE.variant({ LANES: lanes }),
    tensors: { part_mean: ofParts.mean, part_variance: ofParts.variance, ...target },
    uniforms: { ...numbers, y_begin: begin },
    workgroups: rowWorkgroups(channels, lanes),
    flops: 9 * parts * channels,
  });
  recorder.release(ofParts.mean);
  recorder.release(ofParts.variance);
}

/**
 * Takes a further batch into the running statistics, in place, in PyTorch's convention.
 *
 * mean ← (1 − momentum) · mean + momentum · batch mean
 * variance ← (1 − momentum) · variance + momentum · m / (m − 1) · batch variance
 *
 * The variance of the batch is made unbiased; with a single element per channel it is 0 and stays so.
 *
 * Shape: all [c].
 *
 * @param running What has been gathered so far; at the start, mean 0 and variance 1.
 * @param batch The biased statistics of the batch, as {@linkcode channelStatistics} returns them.
 * @param count m, the number of elements per channel in the batch, 1 or more.
 * @param momentum How much the batch counts, 0 … 1.
 * @throws {ShapeError} if the shapes differ; {@linkcode OptionError} for a wrong number.
 */
export function updateRunningStatistics(
  recorder: Recorder,
  running: ChannelStatistics,
  batch: ChannelStatistics,
  count: number,
  momentum: number = 0.1,
): void {
  const what = "updateRunningStatistics";
  const { mean, variance } = running;
  expectShape(mean, [mean.size], `${what}: mean`);
  expectShape(variance, mean.shape, `${what}: variance`);
  expectShape(batch.mean, mean.shape, `${what}: batch mean`);
  expectShape(batch.variance, mean.shape, `${what}: batch variance`);
  checkNumber(count, `${what}: count`, { min: 1, integer: true });
  checkNumber(momentum, `${what}: momentum`, { min: 0, max: 1 });
  recorder.dispatch({
    label: `running statistics ${formatShape(mean.shape)}`,
    kernel: RUNNING.variant(),
    tensors: { mean, variance, batch_mean: batch.mean, batch_variance: batch.variance },
    uniforms: {
      length: mean.size,
      keep: 1 - momentum,
      mix: momentum,
      mix_variance: momentum * count / Math.max(1, count - 1),
    },
    workgroups: workgroupsFor(mean.size),
    flops: 6 * mean.size,
  });
}
