/**
 * Batches: what one step of training or evaluation takes. No GPU is involved here.
 *
 * @module
 */

import { ShapeError } from "../errors.ts";
import { formatShape, type Shape, sizeOf } from "../shape.ts";

/** Some examples, one after the other: what one step of training or evaluation takes. */
export interface Batch {
  /** The inputs, row-major, `length` times the elements of the input shape; bytes mean 0 … 255 / 255. */
  x: Float32Array | Uint8Array;
  /** One class index for each example (`Uint32Array`), or target values (`Float32Array`). */
  y: Uint32Array | Float32Array;
  /** The number of examples. */
  length: number;
}

/** What a batch must look like to be used; see {@linkcode checkBatch}. */
export interface BatchExpectation {
  /** The shape of one input. */
  inputShape: Shape;
  /** The number of classes, if `y` must hold class indices. */
  classes?: number;
  /** The shape of one target, if `y` must hold targets. */
  targetShape?: Shape;
}

/**
 * Checks a batch that came from outside, before it goes to the GPU.
 *
 * Shape: x (length, ...inputShape); y (length) of class indices, or (length, ...targetShape).
 *
 * @param index Number of the batch in its source, from 0, for errors.
 * @throws {ShapeError} naming the batch, what was expected and what came.
 *
 * @example
 * ```ts
 * import { checkBatch } from "@strata/strata";
 * import { assertThrows } from "@std/assert";
 *
 * const batch = { x: new Float32Array(6), y: new Uint32Array([0, 1]), length: 2 };
 * checkBatch(batch, { inputShape: [3], classes: 2 }, 0);
 * assertThrows(() => checkBatch(batch, { inputShape: [4] }, 0), Error, "batch 0: x: expected 8");
 * ```
 */
export function checkBatch(batch: Batch, expectation: BatchExpectation, index: number): void {
  const { x, y, length } = batch;
  const { inputShape, classes, targetShape } = expectation;
  const fail = (what: string, expected: string, got: string): never => {
    throw new ShapeError(`Cannot use batch ${index}: ${what}: expected ${expected}, got ${got}`);
  };
  if (!Number.isSafeInteger(length) || length < 1) {
    fail("length", "a whole number of at least 1", String(length));
  }
  if (!(x instanceof Float32Array || x instanceof Uint8Array)) {
    fail("x", "a Float32Array or a Uint8Array", kindOf(x));
  }
  if (x.length !== length * sizeOf(inputShape)) {
    const expected = `${length * sizeOf(inputShape)} values (${length} of shape `;
    fail("x", `${expected}${formatShape(inputShape)})`, `${x.length}`);
  }
  if (y instanceof Uint32Array && targetShape === undefined) {
    if (y.length !== length) fail("y", `${length} class indices`, `${y.length}`);
    const wrong = classes === undefined ? -1 : y.findIndex((label) => label >= classes);
    if (wrong >= 0) fail(`y[${wrong}]`, `a class index below ${classes}`, `${y[wrong]}`);
  } else if (y instanceof Float32Array && classes === undefined) {
    const size = targetShape === undefined ? y.length / length : sizeOf(targetShape);
    if (!Number.isInteger(size)) fail("y", `a multiple of ${length} values`, `${y.length}`);
    if (y.length !== length * size) {
      const expected = `${length * size} values (${length} of shape `;
      fail("y", `${expected}${formatShape(targetShape!)})`, `${y.length}`);
    }
  } else {
    const names = [
      ...(targetShape === undefined ? ["class indices in a Uint32Array"] : []),
      ...(classes === undefined ? ["targets in a Float32Array"] : []),
    ];
    fail("y", names.join(" or "), kindOf(y));
  }
}

/** What a value is, for error messages: `a Uint8Array`, `undefined`. */
export function kindOf(value: unknown): string {
  if (value === null || typeof value !== "object") return String(value);
  const name = value.constructor?.name ?? "object";
  return `${/^[AEIOaeio]/.test(name) ? "an" : "a"} ${name}`;
}
