/**
 * What the operations share: counts of workgroups, shape checks, the texts of WGSL functions.
 *
 * @module
 */

import nanText from "../../kernels/nan.wgsl" with { type: "text" };
import randomText from "../../kernels/random.wgsl" with { type: "text" };
import rowText from "../../kernels/row.wgsl" with { type: "text" };
import rowValuesText from "../../kernels/row_values.wgsl" with { type: "text" };
import { ShapeError } from "../errors.ts";
import type { Device } from "../gpu/device.ts";
import type { SourceText } from "../gpu/expand.ts";
import type { DataType, Tensor } from "../gpu/tensor.ts";
import { formatShape, type Shape, shapesEqual } from "../shape.ts";

/** `is_nan`. */
export const NAN_SOURCE: SourceText = { name: "nan.wgsl", text: nanText };
/** `threefry` and `unit_interval`. */
export const RANDOM_SOURCE: SourceText = { name: "random.wgsl", text: randomText };
/** `row_sum`, `row_max` for the parameter LANES; needs `is_nan`. */
export const ROW_SOURCE: SourceText = { name: "row.wgsl", text: rowText };

/** `Value`, of which a row consists, for the parameter VALUE; needs {@linkcode ROW_SOURCE}. */
export const ROW_VALUES_SOURCE: SourceText = { name: "row_values.wgsl", text: rowValuesText };

/** Workgroups of 64 invocations that cover `invocations`. */
export function workgroupsFor(invocations: number): number {
  return Math.ceil(invocations / 64);
}

/** Whether a tensor of this size is read as vec4, and how many elements (or vec4s) that makes. */
export function vectorLength(size: number): { vector: boolean; length: number } {
  const vector = size % 4 === 0;
  return { vector, length: vector ? size / 4 : size };
}

/** @throws {ShapeError} if a tensor does not have the shape that the operation needs. */
export function expectShape(tensor: Tensor<DataType>, shape: Shape, what: string): void {
  if (!shapesEqual(tensor.shape, shape)) {
    throw new ShapeError(
      `${what}: expected shape ${formatShape(shape)}, got ${formatShape(tensor.shape)}`,
    );
  }
}

/** A tensor seen as rows: all dimensions but the last, times the last. */
export interface Rows {
  readonly rows: number;
  readonly columns: number;
}

/** @throws {ShapeError} if the tensor has no dimension. */
export function asRows(tensor: Tensor<DataType>, what: string): Rows {
  const columns = tensor.shape.at(-1);
  if (columns === undefined) throw new ShapeError(`${what}: expected rows, got a scalar`);
  return { rows: columns === 0 ? 0 : tensor.size / columns, columns };
}

/** Columns of a row, at most: the trips of three loops over it, by 64 lanes, end before lavapipe stops them. */
const LONGEST_ROW = 64 * 20_000;

/** @throws {ShapeError} if a row is so long that a loop over it would pass 65,535 trips. */
export function checkRow({ columns }: Rows, what: string): void {
  if (columns > LONGEST_ROW) {
    throw new ShapeError(`${what}: a row may have ${LONGEST_ROW} columns, got ${columns}`);
  }
}

/** Loads of a lane, at most, unless 64 lanes share a row: the order of its sums, and so their error, depends on it. */
export const LONGEST_LANE = 512;
/** Elements of a row for which a card takes another lane. */
const PER_LANE = 16;

/**
 * How many invocations share a row: a power of two up to 64. Barriers are dear on a software adapter, where rows alone keep the
 * cores busy; on a card, lanes read neighbours.
 *
 * @param loads Numbers or vectors of a row.
 */
export function rowLanes(software: boolean, columns: number, loads: number = columns): number {
  let lanes = 1;
  while (lanes < 64 && (software ? loads > lanes * LONGEST_LANE : columns > lanes * PER_LANE)) {
    lanes *= 2;
  }
  return lanes;
}

/** Elements of a row that one invocation visits, at most: its loop ends before lavapipe stops it. */
const LONGEST_WALK = 60_000;

/**
 * How many invocations share a row of elements that have nothing to do with each other: few on a software adapter, up to a whole
 * workgroup on a card; a power of two.
 *
 * @throws {ShapeError} if a row is so long that a loop over it would pass 65,535 trips.
 */
export function walkLanes(device: Device, width: number, what: string): number {
  if (width > 64 * LONGEST_WALK) {
    throw new ShapeError(`${what}: a row may have ${64 * LONGEST_WALK} elements, got ${width}`);
  }
  const most = device.adapter.software && width <= 8 * LONGEST_WALK ? 8 : 64;
  let lanes = 1;
  while (lanes < most && lanes < width) lanes *= 2;
  return lanes;
}

/** Workgroups of 64 invocations when `lanes` of them share a row. */
export function rowWorkgroups(rows: number, lanes: number): number {
  return Math.ceil(rows * lanes / 64);
}

/** Uniforms `name_d`, `name_h`, `name_w`: a number for each axis of space. */
export function perAxis(name: string, [d, h, w]: readonly number[]): Record<string, number> {
  return { [`${name}_d`]: d!, [`${name}_h`]: h!, [`${name}_w`]: w! };
}
