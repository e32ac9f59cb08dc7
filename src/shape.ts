/**
 * Shapes: lists of dimensions, outermost first, row-major in memory.
 *
 * @module
 */

import { ShapeError } from "./errors.ts";

/** The dimensions of a tensor, outermost first; `[]` is a scalar. */
export type Shape = readonly number[];

/** The number of elements: the product of the dimensions, 1 for a scalar. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const dimension of shape) size *= dimension;
  return size;
}

/** Whether both shapes have the same dimensions. */
export function shapesEqual(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dimension, i) => dimension === b[i]);
}

/** `[2, 3]` as text, for error messages. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/**
 * Checks that each dimension is a whole number, 0 or more.
 *
 * @param what Names the shape in the error.
 * @throws {ShapeError} if it is not.
 */
export function checkShape(shape: Shape, what: string): void {
  if (!Array.isArray(shape)) {
    throw new ShapeError(`${what}: expected an array of dimensions, got ${String(shape)}`);
  }
  for (const dimension of shape) {
    if (!Number.isSafeInteger(dimension) || dimension < 0) {
      throw new ShapeError(
        `${what}: dimensions must be whole numbers, 0 or more, got ${formatShape(shape)}`,
      );
    }
  }
}

/**
 * Turns an axis counted from the end (-1 is the last) into one counted from the front.
 *
 * @throws {ShapeError} if the shape has no such axis.
 */
export function resolveAxis(axis: number, shape: Shape, what: string): number {
  const resolved = axis < 0 ? axis + shape.length : axis;
  if (!Number.isInteger(axis) || resolved < 0 || resolved >= shape.length) {
    throw new ShapeError(`${what}: axis ${axis} does not exist in shape ${formatShape(shape)}`);
  }
  return resolved;
}
