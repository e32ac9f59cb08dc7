/**
 * Convolution as an implicit matrix product: filters × (channels · taps) times (channels · taps) × outputs, of which the second
 * matrix is never written down.
 *
 * @module
 */

import blockText from "../../kernels/convolution_gemm_block.wgsl" with { type: "text" };
import positionsText from "../../kernels/convolution_gemm_positions.wgsl" with { type: "text" };
import registerText from "../../kernels/convolution_gemm_register.wgsl" with { type: "text" };
import type { ConvolutionGeometry } from "../convolution_shape.ts";
import type { KernelParameters } from "../gpu/expand.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { formatShape, sizeOf } from "../shape.ts";
import {
  channelsLast,
  channelsLastBytes,
  type Frame,
  type GroupedImages,
} from "./convolution_channels_last.ts";
import {
  gemmWeightGradient,
  gemmWeightGradientRefusal,
  gemmWeightGradientWorkspace,
} from "./convolution_gemm_weights.ts";
import {
  type ConvolutionMethod,
  type ConvolutionPass,
  type ConvolutionTask,
  type ImageRange,
  MAX_TRIPS,
  type MethodOptions,
  registerGroups,
} from "./convolution_method.ts";
import { packedLength, packWeights, type Pass, passesOf, tapsOf } from "./convolution_passes.ts";
import { type Epilogue, EPILOGUE_SOURCES, epilogueLaunch } from "./epilogue.ts";
import { perAxis } from "./launch.ts";
import { blockFor } from "./matmul_plan.ts";

const SHARED = [
  ...EPILOGUE_SOURCES,
  { name: "convolution_gemm_positions.wgsl", text: positionsText },
];
const REGISTER = new KernelFamily("convolution/gemmRegister", [
  ...SHARED,
  { name: "convolution_gemm_register.wgsl", text: registerText },
]);
const BLOCK = new KernelFamily("convolution/gemmBlock", [
  ...SHARED,
  { name: "convolution_gemm_block.wgsl", text: blockText },
]);

/** A number of channels, filled up to a multiple of 4. */
const four = (channels: number): number => 4 * Math.ceil(channels / 4);

/** Positions of the input that an axis of a pass reads, from −pad on. */
function extentOf({ axes }: Pass): number[] {
  const { taps } = tapsOf({ axes } as Pass);
  return axes.map(({ grid, stride, dilation }, i) =>
    grid === 0 ? 0 : (grid - 1) * stride + (taps[i]! - 1) * dilation + 1
  );
}

/** The zeros around the input that serve all passes. */
function frameOf(passes: readonly Pass[]): Frame {
  const before = [0, 1, 2].map((i) => Math.max(...passes.map(({ axes }) => axes[i]!.pad)));
  const extent = before.map((size, i) =>
    Math.max(0, ...passes.map((pass) => size - pass.axes[i]!.pad + extentOf(pass)[i]!))
  );
  return { before, extent };
}

function imagesOf({ axes, groups, summed }: Pass): GroupedImages {
  return { groups, channels: summed, size: axes.map(({ input }) => input) };
}

/** The filters of a group, padded to whole tiles. */
function paddedRows(produced: number, { software }: MethodOptions): number {
  const tile = software ? 4 * registerGroups(produced) : blockFor(produced).rows;
  return tile * Math.ceil(produced / tile);
}

function refusal(
  pass: ConvolutionPass,
  geometry: ConvolutionGeometry,
  _options: MethodOptions,
): string | undefined {
  if (pass === "weightGradient") return gemmWeightGradientRefusal(geometry);
  const { channels, filters, groups, kernel } = geometry;
  const summed = (pass === "forward" ? channels : filters) / groups;
  const trips = sizeOf(kernel) * (Math.ceil(summed / 4) + 3);
  if (trips <= MAX_TRIPS) return undefined;
  return `expected a kernel of at most ${MAX_TRIPS} taps · (channels / 4 + 3), got ${trips}`;
}

function workspace(
  pass: ConvolutionPass,
  geometry: ConvolutionGeometry,
  count: number,
  options: MethodOptions,
  whole: number,
): readonly number[] {
  if (pass === "weightGradient") {
    return gemmWeightGradientWorkspace(geometry, count, options, whole);
  }
  const passes = passesOf(pass, geometry);
  if (passes.length === 0) return [];
  const summed = four(passes[0]!.summed);
  const weights = passes.map((each) =>
    4 * packedLength(each, summed, paddedRows(each.produced, options))
  );
  return [
    channelsLastBytes(count, imagesOf(passes[0]!), frameOf(passes), summed),
    weights.reduce((sum, bytes) => sum + bytes),
  ];
}

/** Computes the passes, which read the same input, for each part of the batch; the weights are packed once. */
function compute(
  recorder: Recorder,
  what: string,
  { parts }: ConvolutionTask,
  passes: readonly Pass[],
  x: Tensor,
  weight: Tensor,
  epilogue: Epilogue,
  y: Tensor,
  options: MethodOptions,
): void {
  if (passes.length === 0) return;
  const summed = four(passes[0]!.summed);
  const frame = frameOf(passes);
  const packed = passes.map((pass) =>
    packWeights(recorder, weight, pass, "tapsFirst", summed, paddedRows(pass.produced, options))
  );
  for (const range of parts) {
    const framed = channelsLast(recorder, x, range, imagesOf(passes[0]!), frame, summed);
    passes.forEach((pass, i) => {
      launch(recorder, what, pass, range, framed, frame, packed[i]!, epilogue, y, options);
    });
    recorder.release(framed);
  }
  for (const tensor of packed) recorder.release(tensor);
}

function launch(
  recorder: Recorder,
  what: string,
  pass: Pass,
  { first, count }: ImageRange,
  x: Tensor,
  frame: Frame,
  weight: Tensor,
  epilogue: Epilogue,
  y: Tensor,
  options: MethodOptions,
): void {
  const { axes, groups, summed, produced } = pass;
  const { taps, none } = tapsOf(pass);
  const grid = axes.map((axis) => axis.grid);
  const outputs = count * sizeOf(grid);
  const tiled = options.software
    ? registerLaunch(produced, outputs, groups)
    : blockLaunch(produced, outputs, groups);
  const { family, parameters, workgroups, ...tiles } = tiled;
  const end = epilogueLaunch(epilogue);
  recorder.dispatch({
    label: `${what} gemm ${formatShape(x.shape)} ${formatShape(y.shape)}`,
    kernel: family.variant({ ...parameters, ...end.parameters }),
    tensors: { x, weight, y, ...end.tensors },
    uniforms: {
      outputs,
      first,
      ...tiles.uniforms,
      groups,
      channels: four(summed) / 4,
      filters: produced,
      ...perAxis("ext", frame.extent),
      ...perAxis("begin", axes.map(({ pad }, i) => frame.before[i]! - pad)),
      ...perAxis("grid", grid),
      ...perAxis("out", axes.map((axis) => axis.output)),
      ...perAxis("k", none ? [0, 0, 0] : taps),
      ...perAxis("stride", axes.map((axis) => axis.stride)),
      ...perAxis("dilation", axes.map((axis) => axis.dilation)),
      ...perAxis("out_step", axes.map((axis) => axis.outStep)),
      ...perAxis("out_first", axes.map((axis) => axis.outFirst)),
    },
    workgroups,
    flops: none ? 0 : 2 * outputs * groups * produced * summed * sizeOf(taps),
  });
}

/** A variant, and what it needs besides the geometry. */
interface TiledLaunch {
  readonly family: KernelFamily;
  readonly parameters: KernelParameters;
  readonly uniforms: Readonly<Record<string, number>>;
  readonly workgroups: number;
}

/** Eight invocations are one SIMD group of a software adapter. */
function registerLaunch(produced: number, outputs: number, groups: number): TiledLaunch {
  const rowGroups = registerGroups(produced);
  const rowTiles = Math.ceil(produced / (4 * rowGroups));
  const columns = outputs > 8 ? 16 : outputs > 4 ? 8 : 4;
  return {
    family: REGISTER,
    parameters: { LANES: 8, ROW_GROUPS: rowGroups, COLUMNS: columns },
    uniforms: { row_tiles: rowTiles },
    workgroups: rowTiles * groups * Math.ceil(outputs / (columns * 8)),
  };
}

function blockLaunch(produced: number, outputs: number, groups: number): TiledLaunch {
  const block = blockFor(produced);
  const rowTiles = Math.ceil(produced / block.rows);
  const columnTiles = Math.ceil(outputs / block.columns);
  return {
    family: BLOCK,
    parameters: block.parameters,
    uniforms: { row_tiles: rowTiles, column_tiles: columnTiles },
    workgroups: rowTiles * groups * columnTiles,
  };
}

/** The method. */
export const GEMM_METHOD: ConvolutionMethod = {
  refusal,
  workspace,
  forward: (recorder, task, x, weight, epilogue, y, options) => {
    compute(
      recorder,
      "convolution",
      task,
      passesOf("forward", task.geometry),
      x,
      weight,
      epilogue,
      y,
      options,
    );
  },
  inputGradient: (recorder, task, dy, weight, epilogue, dx, options) => {
    const what = "convolution input gradient";
    const passes = passesOf("inputGradient", task.geometry);
    compute(recorder, what, task, passes, dy, weight, epilogue, dx, options);
  },
  weightGradient: gemmWeightGradient,
};
