/**
 * The gradient of a convolution to its weights as an implicit matrix product: filters × outputs times outputs × (channels · taps),
 * the sum over the outputs of the batch split into parts.
 *
 * @module
 */

import blockText from "../../kernels/convolution_gemm_weights_block.wgsl" with { type: "text" };
import registerText from "../../kernels/convolution_gemm_weights_register.wgsl" with {
  type: "text",
};
import { type ConvolutionGeometry, liftDimensions } from "../convolution_shape.ts";
import type { KernelParameters } from "../gpu/expand.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { formatShape, sizeOf } from "../shape.ts";
import {
  bareFrame,
  channelsLast,
  channelsLastBytes,
  type Frame,
} from "./convolution_channels_last.ts";
import {
  type ConvolutionTask,
  type ImageRange,
  largestPhase,
  MAX_TRIPS,
  type MethodOptions,
  PARTIAL_BYTES,
  partsWorkspace,
  registerGroups,
  sumOverParts,
  sumOverSplits,
  weightShapeOf,
} from "./convolution_method.ts";
import { perAxis } from "./launch.ts";
import { blockFor } from "./matmul_plan.ts";
import { sumWorkspace } from "./reductions.ts";

const REGISTER = new KernelFamily("convolution/gemmWeightsRegister", [
  { name: "convolution_gemm_weights_register.wgsl", text: registerText },
]);
const BLOCK = new KernelFamily("convolution/gemmWeightsBlock", [
  { name: "convolution_gemm_weights_block.wgsl", text: blockText },
]);

/** Invocations that keep a software adapter busy, and workgroups that keep a card busy. */
const BUSY = { software: 256, card: 256 };

/** Why the kernel cannot take a convolution: an invocation would loop for too long. */
export function gemmWeightGradientRefusal({ output }: ConvolutionGeometry): string | undefined {
  const trips = output.at(-1)! + 1;
  if (trips <= MAX_TRIPS) return undefined;
  return `expected output rows of at most ${MAX_TRIPS - 1}, got ${output.at(-1)}`;
}

/** A variant, how its sum is cut into parts, and how the channels and filters of a group are padded. */
interface Plan {
  readonly family: KernelFamily;
  readonly parameters: KernelParameters;
  readonly uniforms: Readonly<Record<string, number>>;
  readonly parts: number;
  readonly workgroups: number;
  readonly paddedChannels: number;
  readonly paddedFilters: number;
}

function planOf(geometry: ConvolutionGeometry, images: number, options: MethodOptions): Plan {
  const bytes = 4 * sizeOf(weightShapeOf(geometry));
  const affordable = Math.max(1, Math.floor(PARTIAL_BYTES / Math.max(1, bytes)));
  const plan = options.software ? registerPlan : blockPlan;
  return plan(geometry, images, affordable);
}

/** vec4s of a side of an invocation's tile, for a number of channels or filters. */
function tileOf(channels: number): { groups: number; tiles: number; padded: number } {
  const groups = registerGroups(channels);
  const tiles = Math.ceil(channels / (4 * groups));
  return { groups, tiles, padded: 4 * groups * tiles };
}

function registerPlan(g: ConvolutionGeometry, images: number, affordable: number): Plan {
  const { groups } = g;
  const rows = tileOf(g.filters / groups);
  const columns = tileOf(g.channels / groups);
  const outW = g.output.at(-1)!;
  const outputRows = images * sizeOf(g.output.slice(0, -1));
  const itemsOfPart = columns.tiles * sizeOf(g.kernel);
  const wanted = Math.ceil(BUSY.software / Math.max(1, itemsOfPart * rows.tiles * groups));
  const atLeast = Math.ceil(outputRows * (outW + 1) / (MAX_TRIPS / 2));
  const aim = Math.max(1, atLeast, Math.min(wanted, affordable, outputRows));
  const partRows = Math.max(1, Math.ceil(outputRows / aim));
  const parts = Math.max(1, Math.ceil(outputRows / partRows));
  const items = parts * itemsOfPart;
  return {
    family: REGISTER,
    parameters: { LANES: 8, ROW_GROUPS: rows.groups, COLUMN_GROUPS: columns.groups },
    uniforms: {
      items,
      part_rows: partRows,
      rows: outputRows,
      row_tiles: rows.tiles,
      column_tiles: columns.tiles,
    },
    parts,
    workgroups: rows.tiles * groups * Math.ceil(items / 8),
    paddedChannels: columns.padded,
    paddedFilters: rows.padded,
  };
}

function blockPlan(g: ConvolutionGeometry, images: number, affordable: number): Plan {
  const filters = g.filters / g.groups;
  const block = blockFor(filters);
  const depth = block.parameters["DEPTH"]!;
  const rowTiles = Math.ceil(filters / block.rows);
  const quads = Math.ceil(g.channels / g.groups / 4);
  const columnTiles = Math.ceil(4 * quads * sizeOf(g.kernel) / block.columns);
  const outputs = images * sizeOf(g.output);
  const tiles = rowTiles * columnTiles * g.groups;
  const wanted = Math.min(affordable, Math.ceil(BUSY.card / Math.max(1, tiles)));
  const most = Math.ceil(outputs / (depth * MAX_TRIPS / 2));
  const aim = Math.max(1, most, Math.min(wanted, Math.ceil(outputs / (16 * depth))));
  const chunk = Math.max(depth, Math.ceil(outputs / aim / depth) * depth);
  const parts = Math.max(1, Math.ceil(outputs / chunk));
  return {
    family: BLOCK,
    parameters: block.parameters,
    uniforms: {
      outputs,
      chunk,
      parts,
      row_tiles: rowTiles,
      column_tiles: columnTiles,
      channel_quads: quads,
    },
    parts,
    workgroups: tiles * parts,
    paddedChannels: 4 * quads,
    paddedFilters: block.rows * rowTiles,
  };
}

/** The zeros around x that its windows reach. */
function frameOf({ padBefore, output, strides, kernel, dilation }: ConvolutionGeometry): Frame {
  const extent = output.map((size, i) =>
    size === 0 ? 0 : (size - 1) * strides[i]! + (kernel[i]! - 1) * dilation[i]! + 1
  );
  return { before: padBefore, extent };
}

/** The framed x and dy, and partial sums. */
export function gemmWeightGradientWorkspace(
  geometry: ConvolutionGeometry,
  count: number,
  options: MethodOptions,
  whole: number,
): readonly number[] {
  const g = liftDimensions(geometry, 3);
  const { parts, paddedChannels, paddedFilters } = planOf(g, count, options);
  const size = sizeOf(weightShapeOf(g));
  const [x, dy] = imagesOf(g);
  const partial = parts > 1 ? [4 * parts * size] : [];
  const images = [
    channelsLastBytes(count, x, frameOf(g), paddedChannels),
    channelsLastBytes(count, dy, bareFrame(g.output), paddedFilters),
  ];
  const tensors = largestPhase(
    [...images, ...partial],
    [...partial, ...sumWorkspace(options, [parts, size])],
  );
  return partsWorkspace(geometry, count, whole, tensors);
}

function imagesOf({ groups, channels, filters, input, output }: ConvolutionGeometry) {
  return [
    { groups, channels: channels / groups, size: input },
    { groups, channels: filters / groups, size: output },
  ] as const;
}

/** dw = x ⋆ dy. Shapes as in `conv2dWeightGradient`; `out` is written. */
export function gemmWeightGradient(
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
  const g = liftDimensions(geometry, 3);
  const plan = planOf(g, range.count, options);
  const { parts, paddedChannels, paddedFilters } = plan;
  const [xImages, dyImages] = imagesOf(g);
  const frame = frameOf(g);
  const framed = channelsLast(recorder, x, range, xImages, frame, paddedChannels);
  const bare = channelsLast(recorder, dy, range, dyImages, bareFrame(g.output), paddedFilters);
  sumOverSplits(recorder, parts, out, (partial) => {
    recorder.dispatch({
      label: `convolution weight gradient gemm ${formatShape(x.shape)} ${formatShape(out.shape)}`,
      kernel: plan.family.variant(plan.parameters),
      tensors: { x: framed, dy: bare, dw: partial },
      uniforms: {
        ...plan.uniforms,
        groups: g.groups,
        channels: xImages.channels,
        filters: dyImages.channels,
        ...perAxis("ext", frame.extent),
        ...perAxis("out", g.output),
        ...perAxis("k", g.kernel),
        ...perAxis("stride", g.strides),
        ...perAxis("dilation", g.dilation),
      },
      workgroups: plan.workgroups,
      flops: 2 * range.count * sizeOf(g.output) * out.size,
    });
    recorder.release(framed);
    recorder.release(bare);
  });
}
