/**
 * Arithmetic on arrays, element by element. The second operand has the shape of the first, or the
 * last dimensions of it, and is then repeated over the others: a bias [c] on a batch [n, c].
 *
 * @module
 */

import { ShapeError } from "../errors.ts";
import { formatShape, shapesEqual } from "../shape.ts";
import { mapValues, type NdArray } from "./nd_array.ts";

/**
 * c[…, j] = a[…, j] + b[j].
 *
 * Shape: a [any], b the shape of a or its last dimensions → the shape of a.
 *
 * @throws {ShapeError} if the shape of b does not end the shape of a.
 */
export function add(a: NdArray, b: NdArray): NdArray {
  return combine(a, b, "add", (x, y) => x + y);
}

/**
 * c[…, j] = a[…, j] − b[j].
 *
 * Shape: a [any], b the shape of a or its last dimensions → the shape of a.
 *
 * @throws {ShapeError} if the shape of b does not end the shape of a.
 */
export function subtract(a: NdArray, b: NdArray): NdArray {
  return combine(a, b, "subtract", (x, y) => x - y);
}

/**
 * c[…, j] = a[…, j] · b[j].
 *
 * Shape: a [any], b the shape of a or its last dimensions → the shape of a.
 *
 * @throws {ShapeError} if the shape of b does not end the shape of a.
 */
export function multiply(a: NdArray, b: NdArray): NdArray {
  return combine(a, b, "multiply", (x, y) => x * y);
}

/** y[i] = factor · x[i]. Shape: any → same. */
export function scale(x: NdArray, factor: number): NdArray {
  return mapValues(x, (value) => factor * value);
}

function combine(
  a: NdArray,
  b: NdArray,
  what: string,
  f: (x: number, y: number) => number,
): NdArray {
  const rankDifference = a.shape.length - b.shape.length;
  if (rankDifference < 0 || !shapesEqual(a.shape.slice(rankDifference), b.shape)) {
    throw new ShapeError(
      `${what}: expected a second operand of shape ${
        formatShape(a.shape)
      } or its last dimensions, ` +
        `got ${formatShape(b.shape)}`,
    );
  }
  return mapValues(a, (value, i) => f(value, b.data[i % b.data.length]!));
}
