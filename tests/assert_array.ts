/**
 * Comparison of arrays of the reference with numbers computed by hand.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type NdArray, ndArray } from "../src/reference/nd_array.ts";

/** An array of one dimension. */
export const vector = (...values: number[]): NdArray => ndArray([values.length], values);

/** Same shape, and every element equal (0 and −0 are), NaN to NaN, or within 1e-14 relative. */
export function assertArray(
  actual: NdArray,
  shape: readonly number[],
  expected: readonly number[],
): void {
  assertEquals(actual.shape, shape);
  assertEquals(actual.data.length, expected.length);
  expected.forEach((value, i) => {
    const got = actual.data[i]!;
    const equal = got === value || (Number.isNaN(got) && Number.isNaN(value));
    const close = Number.isFinite(value) && Math.abs(got - value) <= 1e-14 * Math.abs(value);
    assert(equal || close, `element ${i}: expected ${value}, got ${got}`);
  });
}
