/**
 * The direct gradient of a convolution to its weights: weights in registers, partial sums added up.
 *
 * @module
 */

import { type ConvolutionGeometry, liftDimensions } from "../convolution_shape.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { formatShape, sizeOf } from "../shape.ts";
import { bareFrame, channelsLast } from "./convolution_channels_last.ts";
import {
  type ConvolutionTask,
  type ImageRange,
  largestPhase,
  type MethodOptions,
  partsWorkspace,
  sumOverParts,
  sumOverSplits,
  weightShapeOf,
} from "./convolution_method.ts";
import { planWeightGradient } from "./convolution_weight_gradient_tiles.ts";
import { perAxis } from "./launch.ts";
import { sumWorkspace } from "./reductions.ts";

/** Interleaved dy, if the kernel wants it, and partial sums. */
export function directWeightGradientWorkspace(
  geometry: ConvolutionGeometry,
  count: number,
  options: MethodOptions,
  whole: number,
): readonly number[] {
  const { padded, parts } = planWeightGradient(geometry, count, options);
  const pixels = sizeOf(geometry.output);
  const bytes = 4 * sizeOf(weightShapeOf(geometry));
  const interleaved = padded === undefined ? [] : [4 * count * geometry.groups * pixels * padded];
  const partial = parts > 1 ? [parts * bytes] : [];
  const tensors = largestPhase(
    [...interleaved, ...partial],
    [...partial, ...sumWorkspace(options, [parts, bytes / 4])],
  );
  return partsWorkspace(geometry, count, whole, tensors);
}

/** dw = x ⋆ dy. Shapes as in `conv2dWeightGradient`; `out` is written. */
export function directWeightGradient(
  recorder: Recorder,
  task: ConvolutionTask,
  x: Tensor,
  dy: Tensor,
  out: Tensor,
  options: MethodOptions,
): void {
  sumOverParts(recorder, task, out, (range, dw) => {
    gradientOfRange(recorder, task.geometry, range, x, dy, dw, options);
  });
}

function gradientOfRange(
  recorder: Recorder,
  geometry: ConvolutionGeometry,
  range: ImageRange,
  x: Tensor,
  dy: Tensor,
  out: Tensor,
  options: MethodOptions,
): void {
  const { first, count } = range;
  const plan = planWeightGradient(geometry, count, options);
  const { parts, padded } = plan;
  const g = liftDimensions(geometry, 3);
  const { groups } = g;
  const channels = g.channels / groups;
  const filters = g.filters / groups;
  const images = { groups, channels: filters, size: g.output };
  const source = padded === undefined
    ? dy
    : channelsLast(recorder, dy, range, images, bareFrame(g.output), padded);
  sumOverSplits(recorder, parts, out, (partial) => {
    recorder.dispatch({
      label: `convolution weight gradient ${formatShape(x.shape)} ${formatShape(out.shape)}`,
      kernel: plan.family.variant(plan.parameters),
      tensors: { x, dy: source, dw: partial },
      uniforms: {
        ...plan.uniforms,
        first,
        parts,
        groups,
        channels,
        filters,
        ...perAxis("in", g.input),
        ...perAxis("out", g.output),
        k_d: g.kernel[0]!,
        k_h: g.kernel[1]!,
        stride_d: g.strides[0]!,
        stride_h: g.strides[1]!,
        dilation_d: g.dilation[0]!,
        dilation_h: g.dilation[1]!,
        ...perAxis("pad", g.padBefore),
      },
      workgroups: plan.workgroups,
      flops: 2 * count * sizeOf(g.output) * out.size,
    });
    if (source !== dy) recorder.release(source);
  });
}
