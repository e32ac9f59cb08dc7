/**
 * Reductions along one axis, which is removed from the shape: [2, 3, 4] along axis 1 gives [2, 4].
 *
 * @module
 */

import { ShapeError } from "../errors.ts";
import { formatShape, resolveAxis, sizeOf } from "../shape.ts";
import { type NdArray, zeros } from "./nd_array.ts";

/**
 * y[…] = Σᵢ x[…, i, …]; an empty sum is 0.
 *
 * Shape: [any] → without `axis`.
 *
 * @param axis Which dimension is summed; negative counts from the end.
 * @throws {ShapeError} if there is no such axis.
 */
export function sum(x: NdArray, axis: number): NdArray {
  return reduce(x, axis, "sum", total);
}

/**
 * y[…] = 1/k · Σᵢ x[…, i, …], with k the length of the axis; the mean of nothing is NaN.
 *
 * Shape: [any] → without `axis`.
 *
 * @param axis Which dimension is averaged; negative counts from the end.
 * @throws {ShapeError} if there is no such axis.
 */
export function mean(x: NdArray, axis: number): NdArray {
  return reduce(x, axis, "mean", (values) => total(values) / values.length);
}

/**
 * y[…] = maxᵢ x[…, i, …]; NaN if there is one; the maximum of nothing is −∞.
 *
 * Shape: [any] → without `axis`.
 *
 * @param axis Along which dimension; negative counts from the end.
 * @throws {ShapeError} if there is no such axis.
 */
export function max(x: NdArray, axis: number): NdArray {
  return reduce(x, axis, "max", (values) => {
    let largest = -Infinity;
    for (const value of values) largest = Math.max(largest, value);
    return largest;
  });
}

/**
 * The index of the largest value: the first of several, where NaN counts as larger than any number.
 *
 * Shape: [any] → without `axis`; the values are indices, 0 … k − 1 for an axis of length k.
 *
 * @param axis Along which dimension; negative counts from the end.
 * @throws {ShapeError} if there is no such axis, or it is empty.
 */
export function argmax(x: NdArray, axis: number): NdArray {
  if (x.shape[resolveAxis(axis, x.shape, "argmax")] === 0) {
    throw new ShapeError(
      `argmax: expected at least one value along axis ${axis}, got shape ${formatShape(x.shape)}`,
    );
  }
  return reduce(x, axis, "argmax", (values) => {
    let best = 0;
    for (let i = 0; i < values.length; i++) {
      if (Number.isNaN(values[i])) return i;
      if (values[i]! > values[best]!) best = i;
    }
    return best;
  });
}

/** Reads the axis as the middle one of [outer, length, inner] and folds every line along it. */
function reduce(
  x: NdArray,
  axis: number,
  what: string,
  fold: (values: Float64Array) => number,
): NdArray {
  const position = resolveAxis(axis, x.shape, what);
  const outer = sizeOf(x.shape.slice(0, position));
  const length = x.shape[position]!;
  const inner = sizeOf(x.shape.slice(position + 1));

  const y = zeros(x.shape.filter((_, i) => i !== position));
  const line = new Float64Array(length);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      for (let l = 0; l < length; l++) line[l] = x.data[(o * length + l) * inner + i]!;
      y.data[o * inner + i] = fold(line);
    }
  }
  return y;
}

function total(values: Float64Array): number {
  let result = 0;
  for (const value of values) result += value;
  return result;
}
