/**
 * The direct gradient of a convolution to its weights: weights in registers, partial sums added up.
 *
 * @module
 */

import { type ConvolutionGeometry, liftDimensions } from "../convolution_shape.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { copyRowsToTexture, rowCopyBytes } from "../gpu/texture.ts";
import { formatShape, sizeOf } from "../shape.ts";
import { bareFrame, channelsLast } from "./convolution_channels_last.ts";
import {
  type ConvolutionTask,
  hasRoomForTextures,
  type ImageRange,
  largestPhase,
  type MethodOptions,
  partsWorkspace,
  sumOverParts,
  sumOverSplits,
  weightShapeOf,
} from "./convolution_method.ts";
import {
  couldReadTextures,
  imageSizes,
  planWeightGradient,
  type WeightGradientPlan,
} from "./convolution_weight_gradient_tiles.ts";
import { perAxis } from "./launch.ts";
import { sumWorkspace } from "./reductions.ts";

/** The plan of a part of the batch, and the bytes of its intermediate tensors. */
export interface DirectWeightGradientPlan {
  readonly plan: WeightGradientPlan;
  readonly workspace: readonly number[];
}

/**
 * Plans a part of the batch: x and dy are read from textures where the kernel can do it, and where the copies have their place in
 * the workspace.
 *
 * @param whole Images of the whole batch.
 */
export function planDirectWeightGradient(
  geometry: ConvolutionGeometry,
  count: number,
  options: MethodOptions,
  whole: number,
): DirectWeightGradientPlan {
  const attempt = (textures: boolean) => {
    const plan = planWeightGradient(geometry, count, options, textures);
    return { plan, workspace: workspaceOf(plan, geometry, count, options, whole) };
  };
  if (couldReadTextures(geometry, count, options)) {
    const result = attempt(true);
    if (hasRoomForTextures(options, imageSizes(geometry), result.workspace)) return result;
  }
  return attempt(false);
}

/** Copies of x and dy in textures or interleaved dy, if the kernel wants them, and partial sums. */
function workspaceOf(
  { parts, padded, textures }: WeightGradientPlan,
  geometry: ConvolutionGeometry,
  count: number,
  options: MethodOptions,
  whole: number,
): readonly number[] {
  const { groups, output } = geometry;
  const pixels = sizeOf(output);
  const bytes = 4 * sizeOf(weightShapeOf(geometry));
  const interleaved = padded === undefined ? [] : [4 * count * groups * pixels * padded];
  const x = rowCopyBytes([count, geometry.channels, ...geometry.input]);
  const dy = rowCopyBytes([count, geometry.filters, ...output]);
  const copies = textures ? [x.copy, dy.copy] : interleaved;
  const partial = parts > 1 ? [parts * bytes] : [];
  const tensors = largestPhase(
    ...(textures ? [[...x.filled, x.copy], [...dy.filled, x.copy, dy.copy]] : []),
    [...copies, ...partial],
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
  const { plan } = planDirectWeightGradient(geometry, count, options, x.shape[0]!);
  const { parts, padded, textures } = plan;
  const g = liftDimensions(geometry, 3);
  const { groups } = g;
  const channels = g.channels / groups;
  const filters = g.filters / groups;
  const images = { groups, channels: filters, size: g.output };
  const label = `convolution weight gradient ${formatShape(x.shape)} ${formatShape(out.shape)}`;
  const inTexture = (tensor: Tensor, name: string) => {
    const [whole, ...shape] = tensor.shape as [number, ...number[]];
    const begin = first * tensor.size / whole;
    return copyRowsToTexture(recorder, `${label}, copy of ${name}`, tensor, begin, [
      count,
      ...shape,
    ]);
  };
  const sources = textures
    ? { x: inTexture(x, "x"), dy: inTexture(dy, "dy") }
    : padded === undefined
    ? { x, dy }
    : { x, dy: channelsLast(recorder, dy, range, images, bareFrame(g.output), padded) };
  sumOverSplits(recorder, parts, out, (partial) => {
    recorder.dispatch({
      label,
      kernel: plan.family.variant(plan.parameters),
      tensors: { ...sources, dw: partial },
      uniforms: {
        ...plan.uniforms,
        first: textures ? 0 : first,
        parts,
        groups,
        channels,
        filters,
        in_d: g.input[0]!,
        in_h: g.input[1]!,
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
    for (const source of Object.values(sources)) {
      if (source !== x && source !== dy) recorder.release(source);
    }
  });
}
