/**
 * The samples that the support vector machines learn from and decide on, and their checks.
 *
 * @module
 */

import { OptionError, ShapeError } from "../errors.ts";
import { checkKeys, checkNumber } from "../options.ts";
import { CompressedRows, DenseRows, type Rows } from "./rows.ts";

/**
 * Samples of which most features are 0, as compressed sparse rows: sample i has `values[k]` at feature `indices[k]`, for k from
 * `starts[i]` up to, not including, `starts[i + 1]`; all other features are 0.
 */
export interface SparseRows {
  /** What is not 0, sample after sample. */
  readonly values: ArrayLike<number>;
  /** The feature of each value, from 0; they ascend within a sample. */
  readonly indices: ArrayLike<number>;
  /** Where each sample begins, and the number of values: one element more than samples. */
  readonly starts: ArrayLike<number>;
}

/** Samples as a support vector machine takes them: [samples, features] row after row, or sparse. */
export type SvmPoints = ArrayLike<number> | SparseRows;

/** Samples of two classes. They are copied, so the arrays may change while a solver runs. */
export interface SvmData {
  /** The samples. */
  readonly x: SvmPoints;
  /** The class of each sample, −1 or 1. */
  readonly y: ArrayLike<number>;
  /** How many features a sample has. */
  readonly features: number;
}

/**
 * Reads and checks samples with labels.
 *
 * @param what Names the function in errors.
 * @throws {OptionError} on labels other than ±1, a single class, numbers that are not finite, malformed sparse rows.
 * @throws {ShapeError} if the lengths do not fit.
 */
export function readSvmData(data: SvmData, what: string): { rows: Rows; y: Float64Array } {
  checkKeys(data, what, ["x", "y", "features"]);
  checkNumber(data.features, `${what}: features`, { min: 1, max: 2 ** 31 - 1, integer: true });
  const rows = readPoints(data.x, data.features, `${what}: x`);
  const { y } = data;
  if (!isList(y)) throw new OptionError(`${what}: y: expected a list of labels, got ${y}`);
  if (y.length !== rows.length) {
    throw new ShapeError(`${what}: x has ${rows.length} samples, but y has ${y.length} labels`);
  }
  const labels = Float64Array.from(y);
  const wrong = labels.findIndex((label) => label !== 1 && label !== -1);
  if (wrong >= 0) {
    // The classes 0 and 1 are the usual mistake, and in them a 1 may come first.
    const hint = labels.every((label) => label === 0 || label === 1)
      ? "; map the classes 0 and 1 by 2 · y − 1"
      : "";
    throw new OptionError(
      `${what}: y: expected labels −1 and 1, got ${y[wrong]} at index ${wrong}${hint}`,
    );
  }
  if (labels.every((label) => label === labels[0])) {
    throw new OptionError(
      labels.length === 0
        ? `${what}: expected samples of both classes, got no samples`
        : `${what}: y: expected both classes, got only ${labels[0]}`,
    );
  }
  return { rows, y: labels };
}

/**
 * Reads and checks samples.
 *
 * @param what Names the argument in errors.
 * @throws {OptionError} if they are neither kind, not finite, or malformed sparse rows.
 * @throws {ShapeError} if the lengths do not fit.
 */
export function readPoints(points: SvmPoints, features: number, what: string): Rows {
  if (isList(points)) {
    if (points.length % features !== 0) {
      throw new ShapeError(
        `${what}: expected a multiple of ${features} values (features), got ${points.length}`,
      );
    }
    return new DenseRows(readNumbers(points, what), features);
  }
  if (typeof points !== "object" || points === null) {
    throw new OptionError(`${what}: expected a list of numbers or sparse rows, got ${points}`);
  }
  checkKeys(points, what, ["values", "indices", "starts"]);
  for (const key of ["values", "indices", "starts"] as const) {
    if (!isList(points[key])) {
      throw new OptionError(`${what}: ${key}: expected a list of numbers, got ${points[key]}`);
    }
  }
  const values = readNumbers(points.values, `${what}: values`);
  if (points.indices.length !== values.length) {
    throw new ShapeError(
      `${what}: has ${values.length} values, but ${points.indices.length} indices`,
    );
  }
  const starts = readStarts(points.starts, values.length, what);
  return new CompressedRows(
    values,
    readIndices(points.indices, starts, features, what),
    starts,
    features,
  );
}

function isList(value: unknown): value is ArrayLike<number> {
  return Array.isArray(value) || ArrayBuffer.isView(value) && !(value instanceof DataView);
}

function readNumbers(list: ArrayLike<number>, what: string): Float64Array {
  const numbers = new Float64Array(list.length);
  for (let i = 0; i < list.length; i++) {
    const value = list[i];
    if (!Number.isFinite(value)) {
      throw new OptionError(`${what}: expected finite numbers, got ${value} at index ${i}`);
    }
    numbers[i] = value!;
  }
  return numbers;
}

function readStarts(list: ArrayLike<number>, values: number, what: string): Float64Array {
  const starts = Float64Array.from(list);
  if (starts.length === 0 || starts[0] !== 0 || starts.at(-1) !== values) {
    throw new ShapeError(
      `${what}: starts: expected numbers from 0 to ${values} (values), ` +
        `got ${starts.length === 0 ? "none" : `${starts[0]} to ${starts.at(-1)}`}`,
    );
  }
  for (let i = 1; i < starts.length; i++) {
    if (!Number.isInteger(starts[i]) || starts[i]! < starts[i - 1]!) {
      throw new OptionError(
        `${what}: starts: expected whole numbers that do not fall, got ${starts[i]} at index ${i}`,
      );
    }
  }
  return starts;
}

function readIndices(
  list: ArrayLike<number>,
  starts: Float64Array,
  features: number,
  what: string,
): Int32Array {
  const indices = new Int32Array(list.length);
  for (let i = 0; i + 1 < starts.length; i++) {
    for (let k = starts[i]!; k < starts[i + 1]!; k++) {
      const index = list[k]!;
      const least = k === starts[i] ? 0 : indices[k - 1]! + 1;
      if (!Number.isInteger(index) || index < least || index >= features) {
        throw new OptionError(
          `${what}: indices: expected ascending whole numbers below ${features} in sample ${i}, ` +
            `got ${index} at index ${k}`,
        );
      }
      indices[k] = index;
    }
  }
  return indices;
}
