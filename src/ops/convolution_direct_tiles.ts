/**
 * The two kernels of the direct convolution, and the tiles of outputs that their invocations compute.
 *
 * @module
 */

import broadcastText from "../../kernels/convolution_direct_broadcast.wgsl" with { type: "text" };
import directText from "../../kernels/convolution_direct.wgsl" with { type: "text" };
import type { KernelParameters } from "../gpu/expand.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import { type MethodOptions, registerGroups, sharesLoads } from "./convolution_method.ts";
import { type Pass, tapsOf } from "./convolution_passes.ts";
import { EPILOGUE_SOURCES } from "./epilogue.ts";

const DIRECT = new KernelFamily("convolution/direct", [
  ...EPILOGUE_SOURCES,
  { name: "convolution_direct.wgsl", text: directText },
]);
const BROADCAST = new KernelFamily("convolution/directBroadcast", [
  ...EPILOGUE_SOURCES,
  { name: "convolution_direct_broadcast.wgsl", text: broadcastText },
]);

/** A kernel, and what it needs besides the geometry. */
export interface DirectLaunch {
  readonly family: KernelFamily;
  readonly parameters: KernelParameters;
  readonly uniforms: Readonly<Record<string, number>>;
  readonly workgroups: number;
}

/** Columns of an output row that one invocation computes, at most; a card has fewer registers than lavapipe has stack. */
const COLUMNS = { software: 14, card: 8 };
/** Output rows that one invocation computes of few filters, at most. */
const ROWS = 7;
/** Products of a trip of the broadcasting kernel that are written out where it takes whole kernels; compiling them takes time. */
const PRODUCTS = 2_500;

/** As few blocks as can be, all of about the same width; even widths, so that there are fewer variants. */
function columnsOf(width: number, software: boolean): number {
  const blocks = Math.ceil(width / (software ? COLUMNS.software : COLUMNS.card));
  const columns = Math.ceil(width / Math.max(1, blocks));
  return columns <= 2 ? Math.max(1, columns) : 2 * Math.ceil(columns / 2);
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
 * tiles, which take longer to compile, where an input serves few outputs of a row.
 */
function broadcastFilters(pass: Pass) {
  const { produced, axes: [, , { stride }] } = pass;
  const most = tapsOf(pass).taps[2]! < 3 * stride ? 32 : 16;
  const narrow = produced < 8;
  const rowTiles = narrow ? Math.sign(produced) : Math.ceil(produced / most);
  const filters = narrow ? produced : 8 * Math.ceil(produced / (8 * rowTiles));
  return { narrow, filters, rowTiles, padded: filters * rowTiles };
}

/** Channels of a group that come out, with those that fill up tiles. */
export function paddedRows(pass: Pass, options: MethodOptions): number {
  return (sharesLoads(options) ? broadcastFilters(pass) : registerRows(pass)).padded;
}

/** The kernel for this adapter. */
export function directLaunch(pass: Pass, batch: number, options: MethodOptions): DirectLaunch {
  const { axes: [d, , w] } = pass;
  const { taps } = tapsOf(pass);
  const columns = columnsOf(w.grid, options.software);
  const { parameters, ...rest } = sharesLoads(options)
    ? broadcastLaunch(pass, batch, columns)
    : registerLaunch(pass, batch, columns, options);
  return {
    ...rest,
    parameters: {
      ...parameters,
      COLUMNS: columns,
      TAPS: taps[2]!,
      STRIDE: w.stride,
      DILATION: w.dilation,
      POSITIONS: (columns - 1) * w.stride + (taps[2]! - 1) * w.dilation + 1,
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
  batch: number,
  columns: number,
  { software }: MethodOptions,
): DirectLaunch {
  const { axes: [d, h, w], groups } = pass;
  const { narrow, rowGroups, rowTiles } = registerRows(pass);
  const lanes = software ? 8 : 64;
  const blocks = Math.ceil(w.grid / columns);
  const items = batch * d.grid * h.grid * blocks;
  return {
    family: DIRECT,
    parameters: {
      LANES: lanes,
      NARROW: narrow,
      ROW_GROUPS: rowGroups,
      ROWS_OF_GROUP: narrow ? 1 : 4,
    },
    uniforms: { blocks, items, row_tiles: rowTiles, k_h: tapsOf(pass).taps[1]! },
    workgroups: rowTiles * groups * Math.ceil(items / lanes),
  };
}

function broadcastLaunch(pass: Pass, batch: number, columns: number): DirectLaunch {
  const { axes: [d, h, w], groups } = pass;
  const { narrow, filters, rowTiles } = broadcastFilters(pass);
  const [, tapsH, tapsW] = tapsOf(pass).taps as [number, number, number];
  // Of few filters, several rows of outputs, so that an input row is loaded once for all of them.
  const products = filters * columns * tapsH * tapsW;
  const whole = narrow && h.stride === 1 && h.dilation === 1 && products <= PRODUCTS;
  const most = whole ? Math.min(ROWS, Math.floor(PRODUCTS / products)) : 1;
  const rowBlocks = Math.ceil(h.grid / most);
  const rows = Math.ceil(h.grid / Math.max(1, rowBlocks));
  const tapRows = whole ? tapsH : 1;
  const blocks = Math.ceil(w.grid / columns);
  const items = batch * d.grid * rowBlocks * blocks;
  const together = (count: number) => w.output % count === 0 && columns % count === 0;
  const store = isScattered(pass) ? 1 : [4, 2].find(together) ?? 1;
  return {
    family: BROADCAST,
    parameters: {
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
    },
    workgroups: rowTiles * groups * Math.ceil(items / 8),
  };
}
