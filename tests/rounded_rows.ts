/**
 * Error bounds of operations on rows, which one or more invocations of a workgroup share.
 *
 * @module
 */

import type { NdArray } from "../src/reference/nd_array.ts";
import { type Expected, within } from "./case.ts";
import { exact, type Rounded, sum } from "./rounding.ts";

/**
 * Additions that an element of a row takes part in: those of its lane, at most 512 where there are fewer than
 * 64 lanes (`rowLanes` in src/ops/launch.ts, `chooseRows` in src/ops/softmax_plan.ts), the tree over the lanes, and two more of
 * the four components of a vector or the host's factors.
 */
const rowRoundings = (columns: number): number =>
  Math.min(columns, Math.max(512, columns / 64)) + 8;

/** Σ over a row, or over a part of it that ends in a tree. */
export const rowSum = (terms: readonly Rounded[]): Rounded =>
  sum(terms, rowRoundings(terms.length));

/** Row by row, `formula` gives the bounds of a row's elements. */
export function eachRow(
  expected: NdArray,
  inputs: readonly NdArray[],
  formula: (...rows: Rounded[][]) => Rounded[],
): Expected {
  const columns = expected.shape.at(-1)!;
  const rounded: Rounded[] = [];
  for (let begin = 0; begin < expected.data.length; begin += columns) {
    const slices = inputs.map(({ data }) =>
      Array.from(data.subarray(begin, begin + columns), exact)
    );
    for (const element of formula(...slices)) rounded.push(element);
  }
  return within(expected, rounded);
}

/** The maximum of a row, which is exact. */
export const largest = (row: readonly Rounded[]): Rounded =>
  exact(row.reduce((most, { value }) => Math.max(most, value), -Infinity));
