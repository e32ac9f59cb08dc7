/**
 * The direct gradient of a convolution to its weights: weights in registers, partial sums added up.
 *
 * @module
 */

import weightGradientText from "../../kernels/convolution_weight_gradient.wgsl" with {
  type: "text",
};
import { type ConvolutionGeometry, liftDimensions } from "../convolution_shape.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { formatShape, sizeOf } from "../shape.ts";
import { bareFrame, channelsLast } from "./convolution_channels_last.ts";
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
import { sumWorkspace } from "./reductions.ts";

const WEIGHT_GRADIENT = new KernelFamily("convolution/weightGradient", [
  { name: "convolution_weight_gradient.wgsl", text: weightGradientText },
]);

/** vec4 accumulators of an invocation, at most; more are spilled too often. */
const ACCUMULATORS = 50;
/** Outputs that an invocation takes at once on its way along a row. */
const WALK_COLUMNS = 4;

/** The tiles of an invocation, and how the rows of outputs are cut into parts. */
function planOf(geometry: ConvolutionGeometry, images: number, { software }: MethodOptions) {
  const g = liftDimensions(geometry, 3);
  const { groups } = geometry;
  const channels = geometry.channels / groups;
  const filters = geometry.filters / groups;
  const [kD, kH, kW] = g.kernel as [number, number, number];
  const [outD, outH, outW] = g.output as [number, number, number];
  const rowGroups = Math.max(
    1,
    Math.min(registerGroups(filters), Math.floor(ACCUMULATORS / kW)),
  );
  const tapRows = Math.max(1, Math.min(kH, Math.floor(ACCUMULATORS / (rowGroups * kW))));
  const rowTiles = Math.ceil(filters / (4 * rowGroups));
  const padded = 4 * rowGroups * rowTiles;
  const tapBlocks = Math.ceil(kH / tapRows);
  const rows = images * outD * outH;
  const itemsOfPart = channels * kD * tapBlocks;
  const wanted = Math.ceil((software ? 256 : 16_384) / (itemsOfPart * rowTiles * groups));
  const outputBytes = 4 * sizeOf(weightShapeOf(geometry));
  const affordable = Math.max(1, Math.floor(PARTIAL_BYTES / Math.max(1, outputBytes)));
  const trips = rows * (Math.ceil(outW / WALK_COLUMNS) + 1);
  const atLeast = Math.ceil(trips / MAX_TRIPS);
  const aim = Math.max(1, atLeast, Math.min(wanted, affordable, rows));
  const partRows = Math.max(1, Math.ceil(rows / aim));
  const parts = Math.max(1, Math.ceil(rows / partRows));
  return {
    g,
    channels,
    filters,
    rowGroups,
    tapRows,
    rowTiles,
    padded,
    tapBlocks,
    rows,
    itemsOfPart,
    partRows,
    parts,
  };
}

/** Interleaved dy, and partial sums. */
export function directWeightGradientWorkspace(
  geometry: ConvolutionGeometry,
  count: number,
  options: MethodOptions,
  whole: number,
): readonly number[] {
  const { padded, parts } = planOf(geometry, count, options);
  const pixels = sizeOf(geometry.output);
  const bytes = 4 * sizeOf(weightShapeOf(geometry));
  const partial = parts > 1 ? [parts * bytes] : [];
  const tensors = largestPhase(
    [4 * count * geometry.groups * pixels * padded, ...partial],
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
  const plan = planOf(geometry, count, options);
  const { g, channels, filters, rowGroups, tapRows, rowTiles, padded, tapBlocks, rows, partRows } =
    plan;
  const { parts } = plan;
  const { groups } = geometry;
  const [kD, kH, kW] = g.kernel as [number, number, number];
  const pixels = sizeOf(g.output);
  const images = { groups, channels: filters, size: g.output };
  const interleaved = channelsLast(recorder, dy, range, images, bareFrame(g.output), padded);
  const lanes = options.software ? 8 : 64;
  const items = parts * plan.itemsOfPart;
  sumOverSplits(recorder, parts, out, (partial) => {
    recorder.dispatch({
      label: `convolution weight gradient ${formatShape(x.shape)} ${formatShape(out.shape)}`,
      kernel: WEIGHT_GRADIENT.variant({
        LANES: lanes,
        ROW_GROUPS: rowGroups,
        TAP_ROWS: tapRows,
        TAPS: kW,
        COLUMNS: WALK_COLUMNS,
        STRIDE: g.strides[2]!,
        DILATION: g.dilation[2]!,
        POSITIONS: (WALK_COLUMNS - 1) * g.strides[2]! + (kW - 1) * g.dilation[2]! + 1,
      }),
      tensors: { x, dy: interleaved, dw: partial },
      uniforms: {
        items,
        first,
        parts,
        part_rows: partRows,
        rows,
        row_tiles: rowTiles,
        groups,
        channels,
        filters,
        ...perAxis("in", g.input),
        ...perAxis("out", g.output),
        k_d: kD,
        k_h: kH,
        tap_blocks: tapBlocks,
        stride_d: g.strides[0]!,
        stride_h: g.strides[1]!,
        dilation_d: g.dilation[0]!,
        dilation_h: g.dilation[1]!,
        ...perAxis("pad", g.padBefore),
      },
      workgroups: rowTiles * groups * Math.ceil(items / lanes),
      flops: 2 * count * pixels * out.size,
    });
    recorder.release(interleaved);
  });
}
