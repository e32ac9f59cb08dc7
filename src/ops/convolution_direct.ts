/**
 * The direct convolution: outputs in registers, no workspace but the packed weights.
 *
 * @module
 */

import directText from "../../kernels/convolution_direct.wgsl" with { type: "text" };
import type { ConvolutionGeometry } from "../convolution_shape.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { formatShape, sizeOf } from "../shape.ts";
import { ACTIVATION_SOURCE } from "./activation_source.ts";
import {
  type ConvolutionMethod,
  type ConvolutionPass,
  type ConvolutionTask,
  type Epilogue,
  MAX_TRIPS,
  type MethodOptions,
  NO_EPILOGUE,
  registerGroups,
} from "./convolution_method.ts";
import {
  forwardPass,
  inputGradientPasses,
  packedLength,
  packWeights,
  type Pass,
  passesOf,
  tapsOf,
} from "./convolution_passes.ts";
import {
  directWeightGradient,
  directWeightGradientWorkspace,
} from "./convolution_weight_gradient.ts";
import { NAN_SOURCE, perAxis } from "./launch.ts";

const DIRECT = new KernelFamily("convolution/direct", [
  NAN_SOURCE,
  ACTIVATION_SOURCE,
  { name: "convolution_direct.wgsl", text: directText },
]);

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
  computePass(recorder, "convolution", x, weight, forwardPass(geometry), epilogue, out);
}

/** dx = dy ∗ w, one dispatch for each residue of the strides. */
function inputGradient(
  recorder: Recorder,
  { geometry }: ConvolutionTask,
  dy: Tensor,
  weight: Tensor,
  out: Tensor,
): void {
  const what = "convolution input gradient";
  for (const pass of inputGradientPasses(geometry)) {
    computePass(recorder, what, dy, weight, pass, NO_EPILOGUE, out);
  }
}

/** Columns of an output row that one invocation computes, at most; a card has fewer registers than lavapipe has stack. */
const COLUMNS = { software: 14, card: 8 };

/** As few blocks as can be, all of about the same width; even widths, so that there are fewer variants. */
function columnsOf(width: number, software: boolean): number {
  const blocks = Math.ceil(width / (software ? COLUMNS.software : COLUMNS.card));
  const columns = Math.ceil(width / Math.max(1, blocks));
  return columns <= 2 ? Math.max(1, columns) : 2 * Math.ceil(columns / 2);
}

/** How the channels that come out of a group are cut into tiles: of 4 · rowGroups, or all of them if there are few. */
function rowsOf(produced: number) {
  const narrow = produced < 4;
  const rowGroups = narrow ? produced : registerGroups(produced);
  const rowTiles = narrow ? Math.sign(produced) : Math.ceil(produced / (4 * rowGroups));
  return { narrow, rowGroups, rowTiles, padded: narrow ? produced : 4 * rowGroups * rowTiles };
}

function computePass(
  recorder: Recorder,
  what: string,
  x: Tensor,
  weight: Tensor,
  pass: Pass,
  { bias, activation }: Epilogue,
  y: Tensor,
): void {
  const { axes: [d, h, w], groups, summed, produced } = pass;
  const batch = x.shape[0]!;
  const { narrow, rowGroups, rowTiles, padded } = rowsOf(produced);
  const { taps, none } = tapsOf(pass);
  const packed = packWeights(recorder, weight, pass, "channelsFirst", summed, padded);
  const { software } = recorder.device.adapter;
  const columns = columnsOf(w.grid, software);
  const blocks = Math.ceil(w.grid / columns);
  const items = batch * d.grid * h.grid * blocks;
  const lanes = software ? 8 : 64;
  const scatter = pass.axes.some(({ outStep, outFirst }) => outStep !== 1 || outFirst !== 0);
  recorder.dispatch({
    label: `${what} ${formatShape(x.shape)} ${formatShape(weight.shape)}`,
    kernel: DIRECT.variant({
      LANES: lanes,
      NARROW: narrow,
      ROW_GROUPS: rowGroups,
      ROWS_OF_GROUP: narrow ? 1 : 4,
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
  // Of a strided input gradient, the weights of one residue at a time.
  const bytes = passesOf(pass, geometry).map((each) =>
    4 * packedLength(each, each.summed, rowsOf(each.produced).padded)
  );
  return [Math.max(0, ...bytes)];
}

/** The direct method: least memory, and for few input channels the fastest. */
export const DIRECT_METHOD: ConvolutionMethod = {
  refusal: directRefusal,
  workspace,
  forward,
  inputGradient,
  weightGradient: directWeightGradient,
};
