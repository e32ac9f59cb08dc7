/**
 * What a method of convolution is: which convolutions it can compute, the memory it needs, and its three passes. Each method
 * is a file `convolution_….ts`; `convolution_plan.ts` knows them all.
 *
 * @module
 */

import type { ConvolutionGeometry } from "../convolution_shape.ts";
import { paddedBytes, textureBytes } from "../gpu/memory.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { sizeOf } from "../shape.ts";
import { add } from "./elementwise.ts";
import type { Epilogue } from "./epilogue.ts";
import type { MatmulPlace } from "./matmul_tuning.ts";
import { sum } from "./reductions.ts";

/** Trips of an invocation's loops, at most: fewer than the 65,535 at which lavapipe stops. */
export const MAX_TRIPS = 60_000;
/** Bytes of partial sums of dw that are worth their parallelism. */
export const PARTIAL_BYTES = 2 ** 25;

/** The three things that are computed of a convolution. */
export type ConvolutionPass = "forward" | "inputGradient" | "weightGradient";

/** A part of the batch: the images from `first` to before `first + count`. */
export interface ImageRange {
  readonly first: number;
  readonly count: number;
}

/** What a method is to compute. */
export interface ConvolutionTask {
  readonly geometry: ConvolutionGeometry;
  /** Parts of the batch, in order, each to be computed by itself so that the workspace is that of one part. */
  readonly parts: readonly ImageRange[];
}

/** What a method's plan depends on, besides the geometry; the products of a method depend on what was measured, too. */
export interface MethodOptions extends MatmulPlace {
  /** Outputs of a Winograd tile along an edge. */
  readonly winogradTile: 2 | 4;
  /** Bytes of intermediate results, beyond which a method leaves out what only makes it faster. */
  readonly workspaceLimit: number;
  /** Bytes of an intermediate tensor, at most. */
  readonly bindingLimit: number;
}

/** A way to compute convolutions. Tensors are those of the whole batch; shapes as in `conv2d` and its gradients. */
export interface ConvolutionMethod {
  /** Why it cannot compute a pass, as in "expected strides of 1, got [2, 2]"; undefined if it can. */
  refusal(
    pass: ConvolutionPass,
    geometry: ConvolutionGeometry,
    options: MethodOptions,
  ): string | undefined;
  /**
   * Bytes of each intermediate tensor that is alive while the most are, for a part of `count` images.
   *
   * @param whole Images of the whole batch.
   */
  workspace(
    pass: ConvolutionPass,
    geometry: ConvolutionGeometry,
    count: number,
    options: MethodOptions,
    whole: number,
  ): readonly number[];
  /** y = f(x ⋆ w + b); `y` is written. */
  forward(
    recorder: Recorder,
    task: ConvolutionTask,
    x: Tensor,
    weight: Tensor,
    epilogue: Epilogue,
    y: Tensor,
    options: MethodOptions,
  ): void;
  /** dx = dy ∗ w, times the slope of the epilogue; `dx` is written. */
  inputGradient(
    recorder: Recorder,
    task: ConvolutionTask,
    dy: Tensor,
    weight: Tensor,
    epilogue: Epilogue,
    dx: Tensor,
    options: MethodOptions,
  ): void;
  /** dw = x ⋆ dy; `dw` is written. */
  weightGradient(
    recorder: Recorder,
    task: ConvolutionTask,
    x: Tensor,
    dy: Tensor,
    dw: Tensor,
    options: MethodOptions,
  ): void;
}

/**
 * Whether eight invocations are to share what they load, by subgroup functions: where a load is dear, and eight lie in one
 * subgroup.
 */
export function sharesLoads({ software, subgroupSize }: MethodOptions): boolean {
  return software && subgroupSize % 8 === 0 && subgroupSize > 0;
}

/**
 * Whether images, of so many numbers each, can be copied into a texture within a workspace that holds these tensors then. Of a
 * tensor that is too large, the plan cuts the batch into parts, for which it asks again; so one image has to be small enough.
 */
export function hasRoomForTextures(
  { workspaceLimit, bindingLimit }: MethodOptions,
  imageSizes: readonly number[],
  workspace: readonly number[],
): boolean {
  const bytes = workspace.map((each) => paddedBytes(Math.min(each, bindingLimit)));
  return imageSizes.every((size) => textureBytes(4 * size) <= bindingLimit) &&
    bytes.reduce((sum, each) => sum + each, 0) <= workspaceLimit;
}

/** Multiply-adds for each number that is read, from which on it repays to fill up rows with zeros to whole texels. */
export const FILLING_PRODUCTS = 200;

/**
 * Whether rows are to be filled up: it repays, and what comes out can be bound.
 *
 * @param products Multiply-adds of an image.
 * @param numbers Those of an image that are read.
 * @param filled Numbers of each tensor of filled rows.
 */
export function repaysFilling(
  { bindingLimit }: MethodOptions,
  products: number,
  numbers: number,
  filled: readonly number[],
): boolean {
  return products >= FILLING_PRODUCTS * numbers &&
    filled.every((count) => 4 * count <= bindingLimit);
}

/** vec4s of channels or filters in the tile of an invocation that keeps up to 16 of them in registers. */
export function registerGroups(channels: number): number {
  return channels > 8 ? 4 : channels > 4 ? 2 : 1;
}

/** The shape of the weights. */
export function weightShapeOf(
  { filters, channels, groups, kernel }: ConvolutionGeometry,
): number[] {
  return [filters, channels / groups, ...kernel];
}

/**
 * Computes a sum in splits that run side by side, and adds them up in their order.
 *
 * @param compute Writes the splits, [splits, …out], or out itself if there is one.
 */
export function sumOverSplits(
  recorder: Recorder,
  splits: number,
  out: Tensor,
  compute: (partial: Tensor) => void,
): void {
  if (splits === 1) return compute(out);
  const partial = recorder.empty([splits, ...out.shape]);
  compute(partial);
  sum(recorder, partial, { axis: 0, out });
  recorder.release(partial);
}

/**
 * Computes dw part by part of the batch and adds the parts up, in their order.
 *
 * @param compute Writes the gradient of one part.
 */
export function sumOverParts<Range extends ImageRange>(
  recorder: Recorder,
  { parts }: { readonly parts: readonly Range[] },
  dw: Tensor,
  compute: (range: Range, dw: Tensor) => void,
): void {
  let total: Tensor | undefined;
  parts.forEach((range, i) => {
    const last = i === parts.length - 1;
    const piece = parts.length === 1 ? dw : recorder.empty(dw.shape);
    compute(range, piece);
    if (total === undefined) {
      total = piece;
      return;
    }
    const next = add(recorder, total, piece, last ? { out: dw } : {});
    recorder.release(total);
    recorder.release(piece);
    total = next;
  });
}

/**
 * Workspace of {@linkcode sumOverParts}: while a part is computed, its gradient and what is kept of earlier ones; while two are
 * added up, their sum.
 *
 * @param tensors Bytes of each tensor that `compute` needs.
 */
export function partsWorkspace(
  geometry: ConvolutionGeometry,
  count: number,
  whole: number,
  tensors: readonly number[],
): readonly number[] {
  if (count >= whole) return tensors;
  const bytes = 4 * sizeOf(weightShapeOf(geometry));
  // While the first of two parts is computed, nothing is kept yet.
  if (2 * count > whole) return [...tensors, bytes];
  const adding = Math.ceil(whole / count) > 2 ? [bytes, bytes, bytes] : [];
  return largestPhase([...tensors, bytes, bytes], adding);
}

/** Of the tensors that are alive in several phases, one after the other, those of the phase with the most bytes. */
export function largestPhase(...phases: readonly (readonly number[])[]): readonly number[] {
  const total = (list: readonly number[]) => list.reduce((sum, each) => sum + each, 0);
  return phases.reduce((most, phase) => total(phase) > total(most) ? phase : most);
}
