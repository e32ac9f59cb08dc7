/**
 * Arrays of the reference: a shape and its values in float64, row-major, and the checks that every
 * operation makes. The reference is the oracle of the tests, so it is naive and obviously right.
 *
 * @module
 */

import { ShapeError } from "../errors.ts";
import { checkShape, formatShape, type Shape, shapesEqual, sizeOf } from "../shape.ts";

/** An array of float64 values, row-major. No operation of the reference changes its inputs. */
export interface NdArray {
  /** The dimensions, outermost first. */
  readonly shape: Shape;
  /** The values, row-major; as many as the product of the dimensions. */
  readonly data: Float64Array;
}

/**
 * An array of the given shape that holds a copy of `values`.
 *
 * @throws {ShapeError} if the number of values is not the product of the dimensions.
 */
export function ndArray(shape: Shape, values: ArrayLike<number>): NdArray {
  checkShape(shape, "ndArray");
  if (values.length !== sizeOf(shape)) {
    throw new ShapeError(
      `ndArray: expected ${sizeOf(shape)} values for shape ${formatShape(shape)}, ` +
        `got ${values.length}`,
    );
  }
  return { shape: [...shape], data: Float64Array.from(values) };
}

/**
 * An array of the given shape that holds zeros.
 *
 * @throws {ShapeError} if a dimension is not a whole number, 0 or more.
 */
export function zeros(shape: Shape): NdArray {
  checkShape(shape, "zeros");
  return { shape: [...shape], data: new Float64Array(sizeOf(shape)) };
}

/** y[i] = f(x[i], i), with i the row-major index. Shape: any → same. */
export function mapValues(x: NdArray, f: (value: number, index: number) => number): NdArray {
  return { shape: x.shape, data: x.data.map((value, i) => f(value, i)) };
}

/**
 * Checks that an array has the expected shape.
 *
 * @param what Names the operation and the array in the error, as in `matmul: bias`.
 * @throws {ShapeError} if it has another.
 */
export function expectShape(x: NdArray, shape: Shape, what: string): void {
  if (!shapesEqual(x.shape, shape)) {
    throw new ShapeError(
      `${what}: expected shape ${formatShape(shape)}, got ${formatShape(x.shape)}`,
    );
  }
}

/**
 * Checks that an array is a matrix.
 *
 * @param what Names the operation and the array in the error.
 * @returns Its rows and columns.
 * @throws {ShapeError} if its rank is not 2.
 */
export function expectMatrix(x: NdArray, what: string): readonly [rows: number, columns: number] {
  const [rows, columns] = x.shape;
  if (x.shape.length !== 2 || rows === undefined || columns === undefined) {
    throw new ShapeError(`${what}: expected two dimensions, got shape ${formatShape(x.shape)}`);
  }
  return [rows, columns];
}
