/**
 * Convolutions as passes: sums over channels and taps for a grid of outputs, the same for the forward step and for the gradient
 * to the input. The methods that compute such sums in space share them.
 *
 * @module
 */

import packText from "../../kernels/convolution_pack.wgsl" with { type: "text" };
import { type ConvolutionGeometry, liftDimensions } from "../convolution_shape.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { formatShape, sizeOf } from "../shape.ts";
import type { ConvolutionPass } from "./convolution_method.ts";
import { perAxis, workgroupsFor } from "./launch.ts";

/** One spatial dimension of a pass: which outputs are computed from which taps, and where they go. */
export interface PassAxis {
  /** Input size. */
  readonly input: number;
  /** Outputs that are computed. */
  readonly grid: number;
  /** Outputs that exist. */
  readonly output: number;
  readonly stride: number;
  readonly dilation: number;
  /** Before the input; negative if its first elements are not read. */
  readonly pad: number;
  /** Taps of the kernel that take part: first, first + step, … */
  readonly first: number;
  readonly step: number;
  readonly taps: number;
  /** Output i goes to position i · outStep + outFirst. */
  readonly outStep: number;
  readonly outFirst: number;
}

/** A convolution, or a part of its gradient to the input: y[o] = Σ over channels and taps of x and weights. */
export interface Pass {
  /** Depth, height and width. */
  readonly axes: readonly [PassAxis, PassAxis, PassAxis];
  readonly groups: number;
  /** Channels of a group that are summed, and those that come out. */
  readonly summed: number;
  readonly produced: number;
  /** Size of the whole kernel. */
  readonly kernel: readonly number[];
  /** Whether the weights' filters are summed, from the last tap to the first: the gradient to the input. */
  readonly transposed: boolean;
}

const PACK = new KernelFamily("convolution/pack", [
  { name: "convolution_pack.wgsl", text: packText },
]);

/** Neighbours that one invocation packs: dividing for each of them would take longer than copying it. */
const RUN = 4;

/** The forward step, one pass. */
export function forwardPass(geometry: ConvolutionGeometry): Pass {
  const g = liftDimensions(geometry, 3);
  const axis = (i: number): PassAxis => ({
    input: g.input[i]!,
    grid: g.output[i]!,
    output: g.output[i]!,
    stride: g.strides[i]!,
    dilation: g.dilation[i]!,
    pad: g.padBefore[i]!,
    first: 0,
    step: 1,
    taps: g.kernel[i]!,
    outStep: 1,
    outFirst: 0,
  });
  return {
    axes: [axis(0), axis(1), axis(2)],
    groups: g.groups,
    summed: g.channels / g.groups,
    produced: g.filters / g.groups,
    kernel: g.kernel,
    transposed: false,
  };
}

/**
 * The gradient to the input, dx = dy ∗ w, the full convolution. With a stride s, the inputs of one residue modulo s are a
 * stride-1 convolution of dy with every s-th tap of the kernel: one pass for each residue.
 */
export function inputGradientPasses(geometry: ConvolutionGeometry): Pass[] {
  const g = liftDimensions(geometry, 3);
  const [depths, rows, columns] = g.strides.map((stride, i) =>
    Array.from({ length: Math.min(stride, g.input[i]!) }, (_, r) => gradientAxis(g, i, r))
  ) as [PassAxis[], PassAxis[], PassAxis[]];
  const common = {
    groups: g.groups,
    summed: g.filters / g.groups,
    produced: g.channels / g.groups,
    kernel: g.kernel,
    transposed: true,
  };
  return depths.flatMap((depth) =>
    rows.flatMap((row) =>
      columns.map((column): Pass => ({ ...common, axes: [depth, row, column] }))
    )
  );
}

/**
 * The inputs i with (i + pad) mod stride = (first + pad) mod stride, i = first + stride · q: they meet the taps t with
 * t · dilation ≡ i + pad (mod stride), at dy position (i + pad − t · dilation) / stride.
 */
function gradientAxis(
  { input, kernel, strides, dilation, padBefore, output }: ConvolutionGeometry,
  axis: number,
  first: number,
): PassAxis {
  const [size, taps, stride, spread] = [
    input[axis]!,
    kernel[axis]!,
    strides[axis]!,
    dilation[axis]!,
  ];
  const offset = first + padBefore[axis]!;
  const matching = Array.from({ length: taps }, (_, t) => t)
    .filter((t) => (offset - t * spread) % stride === 0);
  const count = matching.length;
  const step = count > 1 ? matching[1]! - matching[0]! : 1;
  // dy position of q and tap number j: q + (offset − (t₀ + j · step) · dilation) / stride.
  const spacing = count > 1 ? step * spread / stride : 1;
  const start = count === 0 ? 0 : (offset - matching[0]! * spread) / stride;
  return {
    input: output[axis]!,
    grid: Math.ceil((size - first) / stride),
    output: size,
    stride: 1,
    dilation: spacing,
    pad: count === 0 ? 0 : (count - 1) * spacing - start,
    first: matching[0] ?? 0,
    step,
    taps: count,
    outStep: stride,
    outFirst: first,
  };
}

/** The passes of a forward step or of a gradient to the input. */
export function passesOf(
  pass: Exclude<ConvolutionPass, "weightGradient">,
  geometry: ConvolutionGeometry,
): Pass[] {
  return pass === "forward" ? [forwardPass(geometry)] : inputGradientPasses(geometry);
}

/** Taps of a pass along each axis; where none matches, zeros are written: a sum over no channels, with one tap. */
export function tapsOf({ axes }: Pass): { taps: readonly number[]; none: boolean } {
  const taps = axes.map((axis) => axis.taps);
  const none = sizeOf(taps) === 0;
  return { taps: none ? [1, 1, 1] : taps, none };
}

/** Floats of the packed weights. */
export function packedLength(pass: Pass, summed: number, padded: number): number {
  const { taps, none } = tapsOf(pass);
  return none ? padded : pass.groups * summed * sizeOf(taps) * padded;
}

/** Which of the two orders packed weights have: taps within channels, or channels within taps. */
export type PackedOrder = "channelsFirst" | "tapsFirst";

/**
 * The weights of a pass with the channels that come out as the fastest dimension, filled up with zeros to `padded`, and those
 * that are summed to `summed`.
 *
 * Shape: [groups, summed, …taps, padded], or [groups, …taps, summed, padded] with the taps first.
 */
export function packWeights(
  recorder: Recorder,
  weight: Tensor,
  pass: Pass,
  order: PackedOrder,
  summed: number,
  padded: number,
): Tensor {
  const { axes: [d, h, w], kernel, transposed, produced } = pass;
  const { taps, none } = tapsOf(pass);
  const length = packedLength(pass, summed, padded);
  const packed = recorder.empty([length]);
  const run = padded % RUN === 0 ? RUN : 1;
  const runs = length / run;
  recorder.dispatch({
    label: `pack ${formatShape(weight.shape)}`,
    kernel: PACK.variant({ TRANSPOSE: transposed, TAPS_FIRST: order === "tapsFirst", RUN: run }),
    tensors: { weight, packed_weight: packed },
    uniforms: {
      runs,
      padded,
      rows: produced,
      summed: none ? 1 : summed,
      channels: pass.summed,
      ...perAxis("k", kernel),
      ...perAxis("taps", taps),
      ...perAxis("first", [d.first, h.first, w.first]),
      ...perAxis("step", [d.step, h.step, w.step]),
    },
    workgroups: workgroupsFor(runs),
  });
  return packed;
}
