/**
 * Which kernel variants a pool and its gradient take, and how they are launched.
 *
 * @module
 */

import { liftDimensions, type WindowGeometry } from "../convolution_shape.ts";
import type { KernelParameters } from "../gpu/expand.ts";
import type { KernelFamily } from "../gpu/kernel.ts";
import type { Dispatch } from "../gpu/recorder.ts";
import { type Shape, sizeOf } from "../shape.ts";
import { perAxis, workgroupsFor } from "./launch.ts";

/** The parts of a launch that follow from the geometry. */
type Launch = Pick<Dispatch, "kernel" | "uniforms" | "workgroups">;

/** Elements of a window that are written out one by one. */
const UNROLLED_ELEMENTS = 16;
/** Neighbouring outputs of a row that one invocation computes where windows are written out. */
const OUTPUTS = 4;

/** The kernel and the launch of a pool; small windows that are always inside the input are written out. */
export function poolLaunch(
  family: KernelFamily,
  mode: KernelParameters,
  geometry: WindowGeometry,
  outputShape: Shape,
): Launch {
  const { input, output, kernel, strides, padBefore } = liftDimensions(geometry, 3);
  const inside = output.every((count, i) =>
    padBefore[i] === 0 && (count - 1) * strides[i]! + kernel[i]! <= input[i]!
  );
  const UNROLL = inside && sizeOf(kernel) <= UNROLLED_ELEMENTS;
  const run = UNROLL ? OUTPUTS : 1;
  const [K_D, K_H, K_W] = UNROLL ? kernel as [number, number, number] : [0, 0, 0];
  const STRIDE_W = UNROLL ? strides[2]! : 0;
  const runsOfRow = Math.ceil(output[2]! / run);
  const runs = sizeOf(outputShape.slice(0, -1)) * runsOfRow;
  return {
    kernel: family.variant({
      ...mode,
      ...{ UNROLL, RUN: run, K_D, K_H, K_W, STRIDE_W },
      POSITIONS: UNROLL ? (run - 1) * STRIDE_W + K_W : 0,
    }),
    uniforms: { runs, runs_w: runsOfRow, ...uniformsOf(geometry) },
    workgroups: workgroupsFor(runs),
  };
}

/** Rows and columns of a block of inputs, about, whose gradients one invocation computes; where windows overlap, blocks are wider. */
const BLOCK = { rows: 2, columns: 8, windowsApart: 2 };
/** Additions and sums of a block that are written out, at most. */
const BLOCK_LIMITS = { additions: 400, sums: 128 };

/** The launch of a gradient block by block; undefined if windows are large, or volumes. */
export function blocksLaunch(
  family: KernelFamily,
  mode: KernelParameters,
  geometry: WindowGeometry,
  inputShape: Shape,
): Launch | undefined {
  const { input, kernel, strides, padBefore } = liftDimensions(geometry, 3);
  const cut = (axis: number, positions: number) => {
    const [size, stride] = [kernel[axis]!, strides[axis]!];
    const back = Math.ceil(size / stride) - 1;
    const own = Math.max(1, Math.round(positions / stride));
    return {
      own,
      back,
      block: own * stride,
      windows: own + back,
      span: Math.max((own + back - 1) * stride + size, (own + back) * stride),
      blocks: Math.ceil((input[axis]! + padBefore[axis]!) / (own * stride)),
    };
  };
  const apart = kernel[2]! <= strides[2]!;
  const rows = cut(1, BLOCK.rows);
  const columns = cut(2, apart ? BLOCK.windowsApart * strides[2]! : BLOCK.columns);
  const additions = rows.windows * columns.windows * kernel[1]! * kernel[2]!;
  if (
    input[0] !== 1 || kernel[0] !== 1 || additions > BLOCK_LIMITS.additions ||
    rows.span * columns.span > BLOCK_LIMITS.sums
  ) return undefined;
  const blocks = inputShape[0]! * inputShape[1]! * rows.blocks * columns.blocks;
  const unpadded = padBefore[2] === 0;
  const together = (count: number) =>
    unpadded && columns.block % count === 0 && input[2]! % count === 0;
  const store = [4, 2].find(together) ?? 1;
  return {
    kernel: family.variant({
      ...mode,
      ...{ K_H: kernel[1]!, K_W: kernel[2]!, STRIDE_H: strides[1]!, STRIDE_W: strides[2]! },
      ...{ ROWS: rows.own, COLUMNS: columns.own, BACK_H: rows.back, BACK_W: columns.back },
      ...{ WINDOWS_H: rows.windows, WINDOWS_W: columns.windows },
      ...{ BLOCK_H: rows.block, BLOCK_W: columns.block, SPAN_H: rows.span, SPAN_W: columns.span },
      ...{ SHIFT_H: rows.back * strides[1]!, SHIFT_W: columns.back * strides[2]! },
      ...{ STORE: store, STORES: columns.block / store },
      WHOLE: unpadded && input[2]! % columns.block === 0,
    }),
    uniforms: {
      length: blocks,
      blocks_h: rows.blocks,
      blocks_w: columns.blocks,
      ...uniformsOf(geometry),
    },
    workgroups: workgroupsFor(blocks),
  };
}

/** Neighbours of a row whose gradients one invocation computes: dividing for each of them would take longer than its sum. */
const RUN = 4;
/** Windows along the width over one position that are written out one by one. */
const UNROLLED_WINDOWS = 4;

/** The kernel and the launch of a gradient. */
export function gradientLaunch(
  family: KernelFamily,
  mode: KernelParameters,
  geometry: WindowGeometry,
  inputShape: Shape,
): Launch {
  const width = inputShape.at(-1)!;
  const [size, stride] = [geometry.kernel.at(-1)!, geometry.strides.at(-1)!];
  const windows = Math.ceil(size / stride);
  const unroll = windows <= UNROLLED_WINDOWS;
  const run = unroll ? RUN : 1;
  const runsOfRow = Math.ceil(width / run);
  const runs = sizeOf(inputShape.slice(0, -1)) * runsOfRow;
  return {
    kernel: family.variant({
      ...mode,
      RUN: run,
      K_W: size,
      STRIDE_W: stride,
      UNROLL: unroll,
      WINDOWS: unroll ? windows : 0,
    }),
    uniforms: { runs, runs_w: runsOfRow, ...uniformsOf(geometry) },
    workgroups: workgroupsFor(runs),
  };
}

/** The numbers that kernels of pools share. */
function uniformsOf(geometry: WindowGeometry): Record<string, number> {
  const { input, output, kernel, strides, padBefore, padAfter } = liftDimensions(geometry, 3);
  return {
    ...perAxis("in", input),
    ...perAxis("out", output),
    ...perAxis("k", kernel),
    ...perAxis("stride", strides),
    ...perAxis("pad", padBefore),
    ...perAxis("after", padAfter),
  };
}
