/**
 * The two kernels of the direct gradient of a convolution to its weights, the tiles of weights that their invocations compute, and
 * the parts in which the outputs are summed.
 *
 * @module
 */

import broadcastText from "../../kernels/convolution_weight_gradient_broadcast.wgsl" with {
  type: "text",
};
import weightGradientText from "../../kernels/convolution_weight_gradient.wgsl" with {
  type: "text",
};
import { type ConvolutionGeometry, liftDimensions } from "../convolution_shape.ts";
import type { KernelParameters } from "../gpu/expand.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import { filledShape, TEXELS_SOURCE } from "../gpu/texture.ts";
import { sizeOf } from "../shape.ts";
import {
  MAX_TRIPS,
  type MethodOptions,
  PARTIAL_BYTES,
  registerGroups,
  repaysFilling,
  sharesLoads,
  weightShapeOf,
} from "./convolution_method.ts";

const WEIGHT_GRADIENT = new KernelFamily("convolution/weightGradient", [
  { name: "convolution_weight_gradient.wgsl", text: weightGradientText },
]);
const BROADCAST = new KernelFamily("convolution/weightGradientBroadcast", [
  TEXELS_SOURCE,
  { name: "convolution_weight_gradient_broadcast.wgsl", text: broadcastText },
]);

/** vec4 accumulators of an invocation, at most; more are spilled too often. */
const ACCUMULATORS = 50;
/** Outputs that an invocation takes at once on its way along a row. */
const WALK_COLUMNS = 4;
/** The same where eight share what they load, at most, with the filters and weights of an invocation, at most. */
const BROADCAST_TILE = { columns: 4, filters: 4, weights: 240 };

/** A kernel, what it needs besides the geometry, and the parts of the outputs that it sums by themselves. */
export interface WeightGradientPlan {
  readonly family: KernelFamily;
  readonly parameters: KernelParameters;
  readonly uniforms: Readonly<Record<string, number>>;
  readonly workgroups: number;
  readonly parts: number;
  /** Whether it reads copies of x and dy in textures. */
  readonly textures: boolean;
  /** Filters of a group in an interleaved copy of dy; undefined if it is read as it is. */
  readonly padded: number | undefined;
}

/** Whether eight invocations share what they load; with fewer filters, some of the eight would have none. */
function isShared({ filters, groups }: ConvolutionGeometry, options: MethodOptions): boolean {
  return sharesLoads(options) && filters / groups >= 8;
}

/** Numbers of an image of x and of dy, in rows of whole texels. */
export function imageSizes({ channels, filters, input, output }: ConvolutionGeometry): number[] {
  return [channels * sizeOf(filledShape(input)), filters * sizeOf(filledShape(output))];
}

/**
 * Whether the gradient can be computed from copies of x and dy in textures, and their rows are whole texels, or filling them up
 * repays.
 */
export function couldReadTextures(
  geometry: ConvolutionGeometry,
  images: number,
  options: MethodOptions,
): boolean {
  const { channels, filters, groups, kernel, input, output } = geometry;
  const numbers = channels * sizeOf(input) + filters * sizeOf(output);
  if (!isShared(geometry, options) || !options.readableTextures || images * numbers === 0) {
    return false;
  }
  if ([input, output].every((space) => space.at(-1)! % 4 === 0)) return true;
  const products = filters * channels / groups * sizeOf(kernel) * sizeOf(output);
  const filled = imageSizes(geometry).map((size) => images * size);
  return meetsAllInputs(geometry) && repaysFilling(options, products, numbers, filled);
}

/** Whether no column is left over that would only meet the zeros behind a row: it must not spread a NaN. */
function meetsAllInputs(
  { kernel, strides, dilation, input, output, padBefore }: ConvolutionGeometry,
) {
  const last = (sizes: readonly number[]) => sizes.at(-1)!;
  const reach = (last(output) - 1) * last(strides) + (last(kernel) - 1) * last(dilation) + 1;
  return reach - last(padBefore) >= last(input);
}

/** Plans the gradient of a part of the batch. */
export function planWeightGradient(
  geometry: ConvolutionGeometry,
  images: number,
  options: MethodOptions,
  textures: boolean,
): WeightGradientPlan {
  return isShared(geometry, options)
    ? broadcastPlan(geometry, images, textures)
    : registerPlan(geometry, images, options);
}

/** How the rows of outputs are cut into parts: `wanted`, unless their sums take too much memory or their loops too many trips. */
function cutRows(geometry: ConvolutionGeometry, images: number, columns: number, wanted: number) {
  const { output } = geometry;
  const width = output.at(-1)!;
  const rows = images * sizeOf(output.slice(0, -1));
  const outputBytes = 4 * sizeOf(weightShapeOf(geometry));
  const affordable = Math.max(1, Math.floor(PARTIAL_BYTES / Math.max(1, outputBytes)));
  const trips = rows * (Math.ceil(width / columns) + 1);
  const atLeast = Math.ceil(trips / MAX_TRIPS);
  const aim = Math.max(1, atLeast, Math.min(wanted, affordable, rows));
  const partRows = Math.max(1, Math.ceil(rows / aim));
  return { rows, partRows, parts: Math.max(1, Math.ceil(rows / partRows)) };
}

function registerPlan(
  geometry: ConvolutionGeometry,
  images: number,
  { software }: MethodOptions,
): WeightGradientPlan {
  const { groups } = geometry;
  const { kernel, strides, dilation } = liftDimensions(geometry, 3);
  const channels = geometry.channels / groups;
  const filters = geometry.filters / groups;
  const [kD, kH, kW] = kernel as [number, number, number];
  const rowGroups = Math.max(
    1,
    Math.min(registerGroups(filters), Math.floor(ACCUMULATORS / kW)),
  );
  const tapRows = Math.max(1, Math.min(kH, Math.floor(ACCUMULATORS / (rowGroups * kW))));
  const rowTiles = Math.ceil(filters / (4 * rowGroups));
  const tapBlocks = Math.ceil(kH / tapRows);
  const itemsOfPart = channels * kD * tapBlocks;
  const wanted = Math.ceil((software ? 256 : 16_384) / (itemsOfPart * rowTiles * groups));
  const { rows, partRows, parts } = cutRows(geometry, images, WALK_COLUMNS, wanted);
  const lanes = software ? 8 : 64;
  const items = parts * itemsOfPart;
  return {
    family: WEIGHT_GRADIENT,
    parameters: {
      LANES: lanes,
      ROW_GROUPS: rowGroups,
      TAP_ROWS: tapRows,
      TAPS: kW,
      COLUMNS: WALK_COLUMNS,
      STRIDE: strides[2]!,
      DILATION: dilation[2]!,
      POSITIONS: (WALK_COLUMNS - 1) * strides[2]! + (kW - 1) * dilation[2]! + 1,
    },
    uniforms: {
      items,
      tap_blocks: tapBlocks,
      rows,
      part_rows: partRows,
      row_tiles: rowTiles,
      in_w: geometry.input.at(-1)!,
    },
    workgroups: rowTiles * groups * Math.ceil(items / lanes),
    parts,
    textures: false,
    padded: 4 * rowGroups * rowTiles,
  };
}

/** As few blocks of a row as can be, all of about the same width. */
function broadcastColumns(width: number): number {
  return Math.max(1, Math.ceil(width / Math.ceil(width / BROADCAST_TILE.columns)));
}

function broadcastPlan(
  geometry: ConvolutionGeometry,
  images: number,
  textures: boolean,
): WeightGradientPlan {
  const { groups } = geometry;
  const { kernel, strides, dilation, input, output, padBefore } = liftDimensions(geometry, 3);
  const filters = geometry.filters / groups;
  const [kD, kH, kW] = kernel as [number, number, number];
  const own = Math.min(BROADCAST_TILE.filters, Math.ceil(filters / 8));
  const rowTiles = Math.ceil(filters / (8 * own));
  const columns = textures ? BROADCAST_TILE.columns : broadcastColumns(output[2]!);
  const allLines = geometry.channels / groups * kD * kH;
  const most = Math.max(1, Math.floor(BROADCAST_TILE.weights / (own * kW)));
  const lines = Math.ceil(allLines / Math.ceil(allLines / most));
  const lineTiles = Math.ceil(allLines / lines);
  const workgroups = rowTiles * groups * lineTiles;
  const { rows, partRows, parts } = cutRows(geometry, images, columns, Math.ceil(32 / workgroups));
  const positions = (columns - 1) * strides[2]! + (kW - 1) * dilation[2]! + 1;
  const shift = textures ? (4 - padBefore[2]! % 4) % 4 : 0;
  const units = textures ? Math.ceil((shift + positions) / 4) : positions;
  return {
    family: BROADCAST,
    parameters: {
      TEXTURE: textures,
      COLUMN_TEXELS: textures ? columns / 4 : 0,
      SHIFT: shift,
      UNITS: units,
      LINE: textures ? 4 * units : units,
      FILTERS: own,
      LINES: lines,
      TAPS: kW,
      COLUMNS: columns,
      STRIDE: strides[2]!,
      DILATION: dilation[2]!,
      LOADS: Math.ceil(lines * units / 8),
    },
    uniforms: {
      line_tiles: lineTiles,
      rows,
      part_rows: partRows,
      row_tiles: rowTiles,
      in_w: textures ? Math.ceil(input[2]! / 4) : input[2]!,
    },
    workgroups: workgroups * parts,
    parts,
    textures,
    padded: undefined,
  };
}
