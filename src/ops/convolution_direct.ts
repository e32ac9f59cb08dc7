/**
 * The direct convolution: outputs in registers, no workspace but the packed weights.
 *
 * @module
 */

import directText from "../../kernels/convolution_direct.wgsl" with { type: "text" };
import packText from "../../kernels/convolution_pack.wgsl" with { type: "text" };
import { type ConvolutionGeometry, liftDimensions } from "../convolution_shape.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { formatShape, sizeOf } from "../shape.ts";
import { ACTIVATION_SOURCE } from "./activation_source.ts";
import type {
  ConvolutionMethod,
  ConvolutionPass,
  ConvolutionTask,
  Epilogue,
  MethodOptions,
} from "./convolution_method.ts";
import {
  directWeightGradient,
  directWeightGradientWorkspace,
} from "./convolution_weight_gradient.ts";
import { NAN_SOURCE, perAxis, workgroupsFor } from "./launch.ts";

const DIRECT = new KernelFamily("convolution/direct", [
  NAN_SOURCE,
  ACTIVATION_SOURCE,
  { name: "convolution_direct.wgsl", text: directText },
]);
const PACK = new KernelFamily("convolution/pack", [
  { name: "convolution_pack.wgsl", text: packText },
]);

/** One spatial dimension of a pass: which outputs are computed from which taps, and where they go. */
interface PassAxis {
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

/** Channels that are summed, and those that come out, of one group. */
interface PassChannels {
  readonly groups: number;
  readonly summed: number;
  readonly produced: number;
}

/** Trips of an invocation's loop, at most: fewer than the 65,535 at which lavapipe stops. */
const MAX_TRIPS = 60_000;

/** Why the direct kernels cannot take a convolution: an invocation would loop for too long. */
function directRefusal(
  _pass: ConvolutionPass,
  { channels, filters, groups, kernel }: ConvolutionGeometry,
): string | undefined {
  const trips = Math.max(channels, filters) / groups * sizeOf(kernel.slice(0, -1));
  if (trips <= MAX_TRIPS) return undefined;
  return `channels (or filters) · kernel without its width may be ${MAX_TRIPS} in a group, got ${trips}`;
}

/** y = f(x ⋆ w + b). Shapes as in `conv2d`; `out` is written. */
function forward(
  recorder: Recorder,
  { geometry }: ConvolutionTask,
  x: Tensor,
  weight: Tensor,
  epilogue: Epilogue,
  out: Tensor,
): void {
  const g = liftDimensions(geometry, 3);
  const axes = g.kernel.map((taps, i): PassAxis => ({
    input: g.input[i]!,
    grid: g.output[i]!,
    output: g.output[i]!,
    stride: g.strides[i]!,
    dilation: g.dilation[i]!,
    pad: g.padBefore[i]!,
    first: 0,
    step: 1,
    taps,
    outStep: 1,
    outFirst: 0,
  }));
  const { groups } = geometry;
  const channels = {
    groups,
    summed: geometry.channels / groups,
    produced: geometry.filters / groups,
  };
  pass(recorder, "convolution", x, weight, g.kernel, axes, channels, false, epilogue, out);
}

/**
 * dx = dy ∗ w, the full convolution. With a stride s, the inputs of one residue modulo s are a stride-1 convolution of dy with
 * every s-th tap of the kernel: one dispatch for each residue.
 */
function inputGradient(
  recorder: Recorder,
  { geometry }: ConvolutionTask,
  dy: Tensor,
  weight: Tensor,
  out: Tensor,
): void {
  const g = liftDimensions(geometry, 3);
  const { groups } = geometry;
  const channels = {
    groups,
    summed: geometry.filters / groups,
    produced: geometry.channels / groups,
  };
  const residues = residuesOf(g);
  const epilogue = { bias: undefined, activation: "linear" as const };
  for (const depth of residues[0]!) {
    for (const row of residues[1]!) {
      for (const column of residues[2]!) {
        pass(
          recorder,
          "convolution input gradient",
          dy,
          weight,
          g.kernel,
          [depth, row, column],
          channels,
          true,
          epilogue,
          out,
        );
      }
    }
  }
}

/** For each axis, the passes of its residues modulo the stride. */
function residuesOf(geometry: ConvolutionGeometry): PassAxis[][] {
  const { strides, input } = geometry;
  return strides.map((stride, i) =>
    Array.from({ length: Math.min(stride, input[i]!) }, (_, r) => gradientAxis(geometry, i, r))
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
  const step = matching.length > 1 ? matching[1]! - matching[0]! : 1;
  const count = matching.length;
  // dy position of q and tap number j: q + (offset − (t₀ + j · step) · dilation) / stride.
  const spacing = Math.max(1, step * spread / stride);
  const start = count === 0 ? 0 : (offset - matching[0]! * spread) / stride;
  return {
    input: output[axis]!,
    grid: Math.ceil((size - first) / stride),
    output: size,
    stride: 1,
    dilation: spacing,
    pad: (count - 1) * spacing - start,
    first: matching[0] ?? 0,
    step,
    taps: count,
    outStep: stride,
    outFirst: first,
  };
}

/** Columns of an output row that one invocation computes, for filters in tiles of 8 or 16. */
const COLUMNS = 8;

/** How the channels that come out of a group are cut into tiles of 4 · rowGroups. */
function rowsOf(produced: number): { rowGroups: number; rowTiles: number; padded: number } {
  const rowGroups = produced > 8 ? 4 : produced > 4 ? 2 : 1;
  const rowTiles = Math.ceil(produced / (4 * rowGroups));
  return { rowGroups, rowTiles, padded: 4 * rowGroups * rowTiles };
}

function pass(
  recorder: Recorder,
  what: string,
  x: Tensor,
  weight: Tensor,
  kernel: readonly number[],
  axes: readonly PassAxis[],
  { groups, summed, produced }: PassChannels,
  transposed: boolean,
  { bias, activation }: Epilogue,
  y: Tensor,
): void {
  const [d, h, w] = axes as [PassAxis, PassAxis, PassAxis];
  const batch = x.shape[0]!;
  const none = d.taps * h.taps * w.taps === 0;
  const { rowGroups, rowTiles, padded } = rowsOf(produced);
  // Where no tap matches, zeros are written: a sum over no channels, with weights that nobody reads.
  const taps = none ? [1, 1, 1] : [d.taps, h.taps, w.taps];
  const length = none ? padded : groups * summed * taps[0]! * taps[1]! * taps[2]! * padded;
  const packed = recorder.empty([length]);
  recorder.dispatch({
    label: `pack ${formatShape(weight.shape)}`,
    kernel: PACK.variant({ FLIP: transposed, TRANSPOSE: transposed }),
    tensors: { weight, packed_weight: packed },
    uniforms: {
      length,
      padded,
      rows: produced,
      channels: none ? 1 : summed,
      weight_channels: transposed ? produced : summed,
      ...perAxis("k", kernel),
      ...perAxis("taps", taps),
      ...perAxis("first", [d.first, h.first, w.first]),
      ...perAxis("step", [d.step, h.step, w.step]),
    },
    workgroups: workgroupsFor(length),
  });
  const columns = Math.min(COLUMNS, Math.max(1, w.grid));
  const blocks = Math.ceil(w.grid / columns);
  const items = batch * d.grid * h.grid * blocks;
  const lanes = recorder.device.adapter.software ? 8 : 64;
  const scatter = axes.some(({ outStep, outFirst }) => outStep !== 1 || outFirst !== 0);
  recorder.dispatch({
    label: `${what} ${formatShape(x.shape)} ${formatShape(weight.shape)}`,
    kernel: DIRECT.variant({
      LANES: lanes,
      ROW_GROUPS: rowGroups,
      COLUMNS: columns,
      TAPS: taps[2]!,
      STRIDE: w.stride,
      DILATION: w.dilation,
      POSITIONS: (columns - 1) * w.stride + (taps[2]! - 1) * w.dilation + 1,
      VOLUME: [d.input, d.grid, taps[0]].some((size) => size !== 1) || d.pad !== 0,
      SCATTER: scatter,
      BIAS: bias !== undefined,
      ACTIVATION: activation,
    }),
    tensors: { x, weight: packed, y, ...(bias === undefined ? {} : { bias }) },
    uniforms: {
      blocks,
      items,
      row_tiles: rowTiles,
      groups,
      channels: none ? 0 : summed,
      filters: produced,
      ...perAxis("in", [d.input, h.input, w.input]),
      ...perAxis("grid", [d.grid, h.grid, w.grid]),
      ...perAxis("out", [d.output, h.output, w.output]),
      k_d: taps[0]!,
      k_h: taps[1]!,
      stride_d: d.stride,
      stride_h: h.stride,
      dilation_d: d.dilation,
      dilation_h: h.dilation,
      ...perAxis("pad", [d.pad, h.pad, w.pad]),
      ...perAxis("out_step", [d.outStep, h.outStep, w.outStep]),
      ...perAxis("out_first", [d.outFirst, h.outFirst, w.outFirst]),
    },
    workgroups: rowTiles * groups * Math.ceil(items / lanes),
    flops: none ? 0 : 2 * batch * groups * produced * summed * d.grid * h.grid * w.grid *
      taps[0]! * taps[1]! * taps[2]!,
  });
  recorder.release(packed);
}

/** The packed weights; of the gradient to the weights, what its own file says. */
function workspace(
  pass: ConvolutionPass,
  geometry: ConvolutionGeometry,
  count: number,
  options: MethodOptions,
  whole: number,
): readonly number[] {
  if (pass === "weightGradient") {
    return directWeightGradientWorkspace(geometry, count, options, whole);
  }
  const { channels, filters, groups, kernel } = geometry;
  const [summed, produced] = pass === "forward" ? [channels, filters] : [filters, channels];
  // Of a strided input gradient, the weights of one residue at a time.
  const taps = pass === "forward" ? kernel : residuesOf(liftDimensions(geometry, 3))
    .map((axes) => Math.max(1, ...axes.map(({ taps }) => taps)));
  return [4 * summed * sizeOf(taps) * rowsOf(produced / groups).padded];
}

/** The direct method: least memory, and for few input channels the fastest. */
export const DIRECT_METHOD: ConvolutionMethod = {
  refusal: directRefusal,
  workspace,
  forward,
  inputGradient,
  weightGradient: directWeightGradient,
};
