/**
 * Putting tensors side by side, and cutting them apart again.
 *
 * @module
 */

import text from "../../kernels/concatenate.wgsl" with { type: "text" };
import { ShapeError } from "../errors.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkKeys, checkNumber } from "../options.ts";
import { formatShape, resolveAxis, type Shape, shapesEqual, sizeOf } from "../shape.ts";
import { inParts } from "./binding_parts.ts";
import { workgroupsFor } from "./launch.ts";

/** Options of {@linkcode concatenate} and {@linkcode split}. */
export interface ConcatenateOptions {
  /** The dimension along which the tensors lie side by side; −1 is the last. Default 1, the channels of a batch. */
  axis?: number;
}

/** A piece of a tensor whose rows are longer than its own. */
interface Piece {
  /** Where it begins in each row, and how long it is. */
  readonly start: number;
  readonly width: number;
}

const FAMILY = new KernelFamily("concatenate", [{ name: "concatenate.wgsl", text }]);

/**
 * y = the tensors side by side along an axis, the first one first. One launch for each tensor.
 *
 * Shape: [n, c₀, …], [n, c₁, …], … → [n, c₀ + c₁ + …, …].
 *
 * @throws {ShapeError} if there is no tensor, or they differ in another dimension than the axis.
 */
export function concatenate(
  recorder: Recorder,
  tensors: readonly Tensor[],
  options: ConcatenateOptions = {},
): Tensor {
  const what = "concatenate";
  checkKeys(options, what, ["axis"]);
  if (tensors.length === 0) throw new ShapeError(`${what}: expected at least one tensor`);
  const first = tensors[0]!.shape;
  const axis = resolveAxis(options.axis ?? 1, first, what);
  tensors.forEach(({ shape }, i) => {
    if (shape.length === first.length && shapesEqual(shape.with(axis, 0), first.with(axis, 0))) {
      return;
    }
    throw new ShapeError(
      `${what}: expected tensors that differ in dimension ${axis} only, ` +
        `got ${formatShape(first)} and, at place ${i}, ${formatShape(shape)}`,
    );
  });
  const lengths = tensors.map(({ shape }) => shape[axis]!);
  const shape = first.with(axis, lengths.reduce((sum, length) => sum + length, 0));
  const y = recorder.empty(shape, tensors[0]!.type);
  const { rows, stride, pieces } = cut(y.shape, axis, lengths);
  pieces.forEach(({ start, width }, i) => {
    inParts(what, rows, [tensors[i]!, y] as const, ([x, y], { count }) => {
      copyBlock(recorder, what, count, width, [x, width, 0], [y, stride, start]);
    });
  });
  return y;
}

/**
 * The pieces of a tensor along an axis, each a new tensor: undoes {@linkcode concatenate}.
 *
 * Shape: x [n, c, …] → [n, lengths₀, …], [n, lengths₁, …], …
 *
 * @param lengths How long each piece is; together as long as the axis.
 * @throws {ShapeError} if they are not.
 */
export function split(
  recorder: Recorder,
  x: Tensor,
  lengths: readonly number[],
  options: ConcatenateOptions = {},
): Tensor[] {
  const what = "split";
  checkKeys(options, what, ["axis"]);
  const axis = resolveAxis(options.axis ?? 1, x.shape, what);
  for (const length of lengths) checkNumber(length, `${what}: length`, { min: 0, integer: true });
  if (lengths.reduce((sum, length) => sum + length, 0) !== x.shape[axis]) {
    throw new ShapeError(
      `${what}: expected lengths that add up to ${x.shape[axis]}, dimension ${axis} of ` +
        `${formatShape(x.shape)}, got ${formatShape(lengths)}`,
    );
  }
  const { rows, stride, pieces } = cut(x.shape, axis, lengths);
  return pieces.map(({ start, width }, i) => {
    const y = recorder.empty(x.shape.with(axis, lengths[i]!), x.type);
    inParts(what, rows, [x, y] as const, ([x, y], { count }) => {
      copyBlock(recorder, what, count, width, [x, stride, start], [y, width, 0]);
    });
    return y;
  });
}

/** The whole as rows of `stride` elements, which the pieces share. */
function cut(
  shape: Shape,
  axis: number,
  lengths: readonly number[],
): { rows: number; stride: number; pieces: Piece[] } {
  const inner = sizeOf(shape.slice(axis + 1));
  let start = 0;
  const pieces = lengths.map((length) => {
    const piece = { start, width: length * inner };
    start += piece.width;
    return piece;
  });
  return { rows: sizeOf(shape.slice(0, axis)), stride: start, pieces };
}

/** A tensor, the length of its rows, and where the block begins in each. */
export type BlockPlace = readonly [tensor: Tensor, stride: number, start: number];

/** Copies a block of `rows` × `width` elements; what lies beside its place in the target stays. */
export function copyBlock(
  recorder: Recorder,
  what: string,
  rows: number,
  width: number,
  [x, fromStride, fromStart]: BlockPlace,
  [y, toStride, toStart]: BlockPlace,
): void {
  const numbers = [width, fromStride, fromStart, toStride, toStart];
  const vector = numbers.every((number) => number % 4 === 0);
  const unit = vector ? 4 : 1;
  const length = rows * width / unit;
  recorder.dispatch({
    label: `${what} ${formatShape(x.shape)} → ${formatShape(y.shape)}`,
    kernel: FAMILY.variant({ VECTOR: vector }),
    tensors: { x, y },
    uniforms: {
      length,
      width: width / unit,
      from_stride: fromStride / unit,
      from_start: fromStart / unit,
      to_stride: toStride / unit,
      to_start: toStart / unit,
    },
    workgroups: workgroupsFor(length),
  });
}
