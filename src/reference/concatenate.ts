/**
 * Putting arrays side by side, and cutting them apart again.
 *
 * @module
 */

import { ShapeError } from "../errors.ts";
import { resolveAxis, type Shape, sizeOf } from "../shape.ts";
import { expectShape, type NdArray, zeros } from "./nd_array.ts";

/**
 * The arrays side by side along an axis.
 *
 * Shape: [n, c₀, …], [n, c₁, …], … → [n, c₀ + c₁ + …, …] for axis 1.
 *
 * @throws {ShapeError} if there is none, or they differ in another dimension.
 */
export function concatenate(arrays: readonly NdArray[], axis = 1): NdArray {
  const first = arrays[0];
  if (first === undefined) throw new ShapeError("concatenate: expected at least one array");
  const along = resolveAxis(axis, first.shape, "concatenate");
  const lengths = arrays.map(({ shape }) => shape[along] ?? 0);
  arrays.forEach((array, i) => {
    expectShape(array, first.shape.with(along, lengths[i]!), `concatenate: array ${i}`);
  });
  const y = zeros(first.shape.with(along, lengths.reduce((sum, length) => sum + length, 0)));
  forEachElement(y.shape, along, lengths, (at, piece, inPiece) => {
    y.data[at] = arrays[piece]!.data[inPiece]!;
  });
  return y;
}

/**
 * The pieces of an array along an axis.
 *
 * Shape: [n, c, …] → [n, lengths₀, …], [n, lengths₁, …], … for axis 1.
 *
 * @throws {ShapeError} if the lengths do not add up to the axis.
 */
export function split(x: NdArray, lengths: readonly number[], axis = 1): NdArray[] {
  const along = resolveAxis(axis, x.shape, "split");
  const total = lengths.reduce((sum, length) => sum + length, 0);
  expectShape(x, x.shape.with(along, total), "split: x");
  const pieces = lengths.map((length) => zeros(x.shape.with(along, length)));
  forEachElement(x.shape, along, lengths, (at, piece, inPiece) => {
    pieces[piece]!.data[inPiece] = x.data[at]!;
  });
  return pieces;
}

/** Visits every element of the whole, with the piece that holds it and its place there. */
function forEachElement(
  shape: Shape,
  axis: number,
  lengths: readonly number[],
  visit: (at: number, piece: number, inPiece: number) => void,
): void {
  const inner = sizeOf(shape.slice(axis + 1));
  const outer = sizeOf(shape.slice(0, axis));
  let at = 0;
  for (let o = 0; o < outer; o++) {
    lengths.forEach((length, piece) => {
      for (let i = 0; i < length * inner; i++) visit(at++, piece, o * length * inner + i);
    });
  }
}
