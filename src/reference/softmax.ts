/**
 * Softmax and its logarithm over the last axis, stable for large inputs.
 *
 * @module
 */

import { ShapeError } from "../errors.ts";
import { formatShape } from "../shape.ts";
import { expectShape, type NdArray, zeros } from "./nd_array.ts";

/**
 * Softmax over the last axis.
 *
 * y[…, i] = e^(x[…, i] − m) / Σⱼ e^(x[…, j] − m), with m the maximum of the row. A row with a NaN or
 * with +∞, or of −∞ only, becomes NaN.
 *
 * Shape: [..., c] → same.
 *
 * @throws {ShapeError} if x is a scalar.
 */
export function softmax(x: NdArray): NdArray {
  return mapRows(x, "softmax", (row) => {
    const m = maximum(row);
    const exponentials = row.map((value) => Math.exp(value - m));
    const sum = total(exponentials);
    return exponentials.map((value) => value / sum);
  });
}

/**
 * The logarithm of softmax over the last axis.
 *
 * y[…, i] = x[…, i] − m − log Σⱼ e^(x[…, j] − m), with m the maximum of the row.
 *
 * Shape: [..., c] → same.
 *
 * @throws {ShapeError} if x is a scalar.
 */
export function logSoftmax(x: NdArray): NdArray {
  return mapRows(x, "logSoftmax", (row) => {
    const m = maximum(row);
    const logSum = Math.log(total(row.map((value) => Math.exp(value - m))));
    return row.map((value) => value - m - logSum);
  });
}

/**
 * The gradient of softmax: dx[…, i] = y[…, i] · (dy[…, i] − Σⱼ y[…, j] · dy[…, j]).
 *
 * Shape: y [..., c], dy as y → as y.
 *
 * @param y The output of the forward step.
 * @throws {ShapeError} if y is a scalar or dy has not the shape of y.
 */
export function softmaxBackward(y: NdArray, dy: NdArray): NdArray {
  expectShape(dy, y.shape, "softmaxBackward: dy");
  return mapRows(y, "softmaxBackward", (row, start) => {
    const dRow = dy.data.subarray(start, start + row.length);
    const dot = total(row.map((value, j) => value * dRow[j]!));
    return row.map((value, i) => value * (dRow[i]! - dot));
  });
}

/**
 * The gradient of the logarithm of softmax: dx[…, i] = dy[…, i] − e^y[…, i] · Σⱼ dy[…, j].
 *
 * Shape: y [..., c], dy as y → as y.
 *
 * @param y The output of the forward step.
 * @throws {ShapeError} if y is a scalar or dy has not the shape of y.
 */
export function logSoftmaxBackward(y: NdArray, dy: NdArray): NdArray {
  expectShape(dy, y.shape, "logSoftmaxBackward: dy");
  return mapRows(y, "logSoftmaxBackward", (row, start) => {
    const dRow = dy.data.subarray(start, start + row.length);
    const sum = total(dRow);
    return row.map((value, i) => dRow[i]! - Math.exp(value) * sum);
  });
}

/** Applies f to every row; `start` is the index of the row's first element. */
function mapRows(
  x: NdArray,
  what: string,
  f: (row: Float64Array, start: number) => Float64Array,
): NdArray {
  const columns = x.shape.at(-1);
  if (columns === undefined) {
    throw new ShapeError(`${what}: expected at least one dimension, got ${formatShape(x.shape)}`);
  }
  const y = zeros(x.shape);
  for (let start = 0; start < x.data.length; start += columns) {
    y.data.set(f(x.data.subarray(start, start + columns), start), start);
  }
  return y;
}

/** The largest value; NaN if there is one. */
function maximum(row: Float64Array): number {
  return row.reduce((largest, value) => Math.max(largest, value), -Infinity);
}

function total(row: Float64Array): number {
  return row.reduce((sum, value) => sum + value, 0);
}
