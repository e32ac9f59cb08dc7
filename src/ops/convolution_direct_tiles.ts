/**
 * The two kernels of the direct convolution, where they read the images from, and the tiles of outputs that their invocations
 * compute.
 *
 * @module
 */

import broadcastText from "../../kernels/convolution_direct_broadcast.wgsl" with { type: "text" };
import directText from "../../kernels/convolution_direct.wgsl" with { type: "text" };
import type { KernelParameters } from "../gpu/expand.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import { filledShape, rowCopyBytes, TEXELS_SOURCE } from "../gpu/texture.ts";
import { sizeOf } from "../shape.ts";
import {
  hasRoomForTextures,
  largestPhase,
  type MethodOptions,
  registerGroups,
  repaysFilling,
  sharesLoads,
} from "./convolution_method.ts";
import { packedLength, type Pass, tapsOf } from "./convolution_passes.ts";
import { EPILOGUE_SOURCES } from "./epilogue.ts";

const DIRECT = new KernelFamily("convolution/direct", [
  ...EPILOGUE_SOURCES,
  { name: "convolution_direct.wgsl", text: directText },
]);
const BROADCAST = new KernelFamily("convolution/directBroadcast", [
  ...EPILOGUE_SOURCES,
  TEXELS_SOURCE,
  { name: "convolution_direct_broadcast.wgsl", text: broadcastText },
]);

/** A kernel, and what it needs besides the geometry. */
export interface DirectLaunch {
  readonly family: KernelFamily;
  readonly parameters: KernelParameters;
  readonly uniforms: Readonly<Record<string, number>>;
  readonly workgroups: number;
  /** Channels of a group that come out, with those that fill up tiles. */
  readonly padded: number;
}

/** How passes over the same images are computed. */
export interface DirectPlan {
  /** One for each pass. */
  readonly launches: readonly DirectLaunch[];
  /** Whether the images are copied into a texture, from which all passes read them. */
  readonly textures: boolean;
  /** Bytes of each intermediate tensor: the texture, and the packed weights of one pass at a time. */
  readonly workspace: readonly number[];
}

/** Columns of an output row that one invocation computes, at most; a card has fewer registers than lavapipe has stack. */
const COLUMNS = { software: 14, card: 8 };
/** The same where inputs come as texels; few filters with many columns load less than the reverse. */
const TEXEL_COLUMNS = 32;
/** Filters of a tile are a multiple of this many, unless there are fewer. */
const FEW_FILTERS = 8;
/** Columns from texels up to which an invocation takes 16 filters, and not 8. */
const NARROW_COLUMNS = 16;
/** Output rows that one invocation computes of few filters, at most. */
const ROWS = 7;
/**
 * Products of a trip of the broadcasting kernel that are written out where it takes whole kernels, since compiling them takes time;
 * and up to how many it takes several rows. Rows share inputs, which matters less where four are loaded at once.
 */
const PRODUCTS = { whole: 2_500, rows: 2_500, rowsOfTexels: 1_500 };

/**
 * Plans passes over the same images: these are read from a texture where the kernel can do it, and where the copy has its place
 * in the workspace.
 */
export function planDirect(
  passes: readonly Pass[],
  images: number,
  options: MethodOptions,
): DirectPlan {
  const plan = (textures: boolean): DirectPlan => {
    const launches = passes.map((pass) => launchOf(pass, images, options, textures));
    // Of a strided input gradient, the weights of one residue at a time.
    const packed = passes.map((pass, i) =>
      4 * packedLength(pass, pass.summed, launches[i]!.padded)
    );
    const weights = Math.max(0, ...packed);
    const workspace = textures ? textureWorkspace(passes[0]!, images, weights) : [weights];
    return { launches, textures, workspace };
  };
  if (sharesLoads(options) && options.readableTextures && passes.length > 0) {
    const size = imageSize(passes[0]!);
    if (images * size > 0 && repaysTexels(passes, images, options)) {
      const result = plan(true);
      if (hasRoomForTextures(options, [size], result.workspace)) return result;
    }
  }
  return plan(false);
}

/** Whether rows are whole texels, or filling them up repays: always with so few filters that loads take most of the time. */
function repaysTexels(passes: readonly Pass[], images: number, options: MethodOptions): boolean {
  const { axes, produced } = passes[0]!;
  const input = axes.map(({ input }) => input);
  if (input[2]! % 4 === 0) return true;
  const productsOf = (pass: Pass) =>
    sizeOf(pass.axes.map(({ grid }) => grid)) * sizeOf(tapsOf(pass).taps);
  const products = produced < FEW_FILTERS
    ? Infinity
    : produced * passes.reduce((sum, pass) => sum + productsOf(pass), 0);
  return repaysFilling(options, products, sizeOf(input), [images * imageSize(passes[0]!)]);
}

/** Numbers of an image that a pass reads, in rows of whole texels, so that a texel lies inside of a row or outside. */
function imageSize(pass: Pass): number {
  return sizeOf(filledShape(imageShape(pass)));
}

function imageShape({ groups, summed, axes }: Pass): number[] {
  return [groups * summed, ...axes.map(({ input }) => input)];
}

/** The copy of the images, with what is copied if rows are filled up, or with the packed weights. */
function textureWorkspace(pass: Pass, images: number, weights: number): readonly number[] {
  const { copy, filled } = rowCopyBytes([images, ...imageShape(pass)]);
  return largestPhase([...filled, copy], [copy, weights]);
}

/** As few blocks as can be, all of about the same width; even widths, so that there are fewer variants. */
function columnsOf(width: number, software: boolean): number {
  const blocks = Math.ceil(width / (software ? COLUMNS.software : COLUMNS.card));
  const columns = Math.ceil(width / Math.max(1, blocks));
  return columns <= 2 ? Math.max(1, columns) : 2 * Math.ceil(columns / 2);
}

/** The same for blocks that read whole texels: where there are several, the inputs of each begin at a multiple of 4 before the padding. */
function texelColumnsOf(width: number, stride: number): number {
  const blocks = Math.ceil(width / TEXEL_COLUMNS);
  if (blocks === 1) return width <= 2 ? width : 2 * Math.ceil(width / 2);
  const step = stride % 4 === 0 ? 1 : stride % 2 === 0 ? 2 : 4;
  return step * Math.max(1, Math.ceil(width / Math.max(1, blocks) / step));
}

/** How the channels that come out of a group are cut into tiles: of 4 · rowGroups, or all of them if there are few. */
function registerRows({ produced }: Pass) {
  const narrow = produced < 4;
  const rowGroups = narrow ? produced : registerGroups(produced);
  const rowTiles = narrow ? Math.sign(produced) : Math.ceil(produced / (4 * rowGroups));
  return { narrow, rowGroups, rowTiles, padded: narrow ? produced : 4 * rowGroups * rowTiles };
}

/**
 * The same where eight invocations share what they load: tiles of a multiple of 8, or all channels if they are fewer. Larger
 * tiles, which take longer to compile, where an input serves few outputs of a row and is loaded by itself.
 */
function broadcastFilters(pass: Pass, columns: number, textures: boolean) {
  const { produced, axes: [, , { stride }] } = pass;
  const few = !textures && tapsOf(pass).taps[2]! < 3 * stride;
  const most = few ? 32 : textures && columns > NARROW_COLUMNS ? 8 : 16;
  const narrow = produced < FEW_FILTERS;
  const rowTiles = narrow ? Math.sign(produced) : Math.ceil(produced / most);
  const filters = narrow ? produced : 8 * Math.ceil(produced / (8 * rowTiles));
  return { narrow, filters, rowTiles, padded: filters * rowTiles };
}

/** The kernel for this adapter. */
function launchOf(
  pass: Pass,
  images: number,
  options: MethodOptions,
  textures: boolean,
): DirectLaunch {
  const { axes: [d, , w] } = pass;
  const { taps } = tapsOf(pass);
  const columns = textures ? texelColumnsOf(w.grid, w.stride) : columnsOf(w.grid, options.software);
  const positions = (columns - 1) * w.stride + (taps[2]! - 1) * w.dilation + 1;
  const { parameters, ...rest } = sharesLoads(options)
    ? broadcastLaunch(pass, images, columns, positions, textures)
    : registerLaunch(pass, images, columns, options);
  return {
    ...rest,
    parameters: {
      ...parameters,
      COLUMNS: columns,
      TAPS: taps[2]!,
      STRIDE: w.stride,
      DILATION: w.dilation,
      POSITIONS: positions,
      VOLUME: [d.input, d.grid, taps[0]].some((size) => size !== 1) || d.pad !== 0,
      SCATTER: isScattered(pass),
    },
  };
}

/** Whether neighbours that are computed do not lie side by side. */
function isScattered({ axes }: Pass): boolean {
  return axes.some(({ outStep, outFirst }) => outStep !== 1 || outFirst !== 0);
}

function registerLaunch(
  pass: Pass,
  images: number,
  columns: number,
  { software }: MethodOptions,
): DirectLaunch {
  const { axes: [d, h, w], groups } = pass;
  const { narrow, rowGroups, rowTiles, padded } = registerRows(pass);
  const lanes = software ? 8 : 64;
  const blocks = Math.ceil(w.grid / columns);
  const items = images * d.grid * h.grid * blocks;
  return {
    family: DIRECT,
    parameters: {
      LANES: lanes,
      NARROW: narrow,
      ROW_GROUPS: rowGroups,
      ROWS_OF_GROUP: narrow ? 1 : 4,
    },
    uniforms: { blocks, items, row_tiles: rowTiles, k_h: tapsOf(pass).taps[1]!, in_w: w.input },
    workgroups: rowTiles * groups * Math.ceil(items / lanes),
    padded,
  };
}

/**
 * The texels that cover the positions a block reads: SHIFT elements before the first one, and those that may lie inside of a row.
 * Where one block takes a whole row, that is known for each; else only its place in the row tells. Without textures, the same
 * of the positions themselves.
 */
function texelParameters(
  { axes: [, , w] }: Pass,
  columns: number,
  positions: number,
  textures: boolean,
) {
  if (!textures) return { TEXTURE: false, SHIFT: 0, FIRST: 0, LAST: positions, TEXELS: 0 };
  const shift = (4 - w.pad % 4) % 4;
  const texels = Math.ceil((shift + positions) / 4);
  const first = -(w.pad + shift) / 4; // texel of the input
  const inside = (at: number) =>
    w.grid > columns ? undefined : Math.max(0, Math.min(texels, at - first));
  const from = inside(0) ?? 0;
  const to = Math.max(from, inside(Math.ceil(w.input / 4)) ?? texels);
  return { TEXTURE: true, SHIFT: shift, FIRST: from, LAST: to, TEXELS: texels };
}

function broadcastLaunch(
  pass: Pass,
  images: number,
  columns: number,
  positions: number,
  textures: boolean,
): DirectLaunch {
  const { axes: [d, h, w], groups } = pass;
  const { narrow, filters, rowTiles, padded } = broadcastFilters(pass, columns, textures);
  const [, tapsH, tapsW] = tapsOf(pass).taps as [number, number, number];
  // Of few filters, several rows of outputs, so that an input row is loaded once for all of them.
  const products = filters * columns * tapsH * tapsW;
  const whole = narrow && h.stride === 1 && h.dilation === 1 && products <= PRODUCTS.whole;
  const affordable = Math.floor((textures ? PRODUCTS.rowsOfTexels : PRODUCTS.rows) / products);
  const most = whole ? Math.max(1, Math.min(ROWS, affordable)) : 1;
  const rowBlocks = Math.ceil(h.grid / most);
  const rows = Math.ceil(h.grid / Math.max(1, rowBlocks));
  const tapRows = whole ? tapsH : 1;
  const blocks = Math.ceil(w.grid / columns);
  const items = images * d.grid * rowBlocks * blocks;
  const together = (count: number) => w.output % count === 0 && columns % count === 0;
  const store = isScattered(pass) ? 1 : [4, 2].find(together) ?? 1;
  return {
    family: BROADCAST,
    parameters: {
      ...texelParameters(pass, columns, positions, textures),
      NARROW: narrow,
      FILTERS: filters,
      FILTER_GROUPS: narrow ? 0 : filters / 8,
      ROWS: rows,
      TAP_ROWS: tapRows,
      BLOCK_TAPS: tapRows * tapsW,
      INPUT_ROWS: rows + tapRows - 1,
      LOADS: Math.ceil(tapRows * tapsW * filters / 8),
      STORE: store,
      STORES: columns / store,
    },
    uniforms: {
      blocks,
      row_blocks: rowBlocks,
      items,
      row_tiles: rowTiles,
      tap_blocks: tapsH / tapRows,
      in_w: textures ? Math.ceil(w.input / 4) : w.input,
    },
    workgroups: rowTiles * groups * Math.ceil(items / 8),
    padded,
  };
}
