/**
 * Batches out of a data set that lies on the GPU.
 *
 * @module
 */

import text from "../../kernels/gather.wgsl" with { type: "text" };
import { ShapeError } from "../errors.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder, Scalar } from "../gpu/recorder.ts";
import type { DataType, Float, Tensor } from "../gpu/tensor.ts";
import { permutationHalfBits } from "../random.ts";
import { formatShape, sizeOf } from "../shape.ts";
import { walkLanes, workgroupsFor } from "./launch.ts";

/** Which rows to gather. */
export interface GatherOptions {
  /** The number of rows, the first dimension of the result. */
  rows: number;
  /** The position of the first row; start + rows ≤ n. Default 0. */
  start?: number | Scalar;
  /** Selects the permutation that orders the examples (see `permute`). Default: their own order. */
  shuffleKey?: number | Scalar;
  /** Multiplies the values. Default: 1/255 for bytes, 1 otherwise. */
  scale?: number;
}

const FAMILY = new KernelFamily("gather", [{ name: "gather.wgsl", text }]);

/**
 * Rows start … start + rows − 1 of the examples, in their own or in shuffled order, bytes scaled to 0 … 1.
 *
 * Shape: [n, …] → [rows, …]; f32 for bytes and floats, u32 for whole numbers.
 *
 * @throws {ShapeError} if more rows are asked for than there are, or a row has more than 3,840,000 elements.
 */
export function gatherRows<T extends DataType>(
  recorder: Recorder,
  examples: Tensor<T>,
  options: GatherOptions,
): Tensor<T extends "u32" ? "u32" : Float> {
  const { rows, start = 0, shuffleKey } = options;
  const [length, ...rest] = examples.shape;
  const first = typeof start === "number" ? start : 0;
  if (length === undefined || first < 0 || rows + first > length) {
    throw new ShapeError(
      `gatherRows: ${rows} rows from ${first} do not fit in ${formatShape(examples.shape)}`,
    );
  }
  const elements = sizeOf(rest);
  const vector = elements % 4 === 0;
  const width = vector ? elements / 4 : elements;
  const lanes = walkLanes(recorder.device, width, "gatherRows");
  const output = examples.type === "u32" ? "u32" : "f32";
  const y = recorder.empty([rows, ...rest], output);
  recorder.dispatch({
    label: `gather ${formatShape(y.shape)}`,
    kernel: FAMILY.variant({
      TYPE: examples.type === "f16" ? "f32" : examples.type,
      OUTPUT: output,
      VECTOR: vector,
      LANES: lanes,
      SHUFFLE: shuffleKey !== undefined,
    }),
    tensors: { x: examples, y },
    uniforms: {
      examples: length,
      rows,
      width,
      start,
      key: shuffleKey ?? 0,
      half_bits: permutationHalfBits(length),
      scale: options.scale ?? (examples.type === "u8" ? 1 / 255 : 1),
    },
    workgroups: workgroupsFor(rows * lanes),
  });
  return y as Tensor<T extends "u32" ? "u32" : Float>;
}
