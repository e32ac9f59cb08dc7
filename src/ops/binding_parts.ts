/**
 * Tensors that are larger than what a device binds at once: operations take them part by part.
 *
 * @module
 */

import { OutOfMemoryError } from "../errors.ts";
import { bytesPerElement, type DataType, Tensor } from "../gpu/tensor.ts";
import { formatShape, type Shape } from "../shape.ts";

/** Bindings begin at multiples of this many bytes. */
const ALIGNMENT = 256;

/** Neighbouring rows, or elements. */
export interface Range {
  readonly first: number;
  readonly count: number;
}

/** Whether the device binds all of these tensors as they are. */
export function fitBindings(tensors: readonly Tensor<DataType>[]): boolean {
  return tensors.every(({ bytes, device }) => bytes <= device.limits.maxStorageBufferBindingSize);
}

/** Neighbouring rows of some tensors. */
export interface Part<T extends readonly Tensor<DataType>[]> extends Range {
  /** The tensors themselves, or views of their rows from `first`. */
  readonly tensors: T;
}

/**
 * Cuts tensors into parts that the device binds: not at all if it binds them as they are, else into as few as can be, all of about
 * the same size.
 *
 * @param what Names the operation in errors.
 * @param rows Into how many rows the elements of each tensor may be cut: images, or the elements themselves.
 * @throws {OutOfMemoryError} if the device does not bind as few rows as can be cut apart.
 */
export function bindingParts<T extends readonly Tensor<DataType>[]>(
  what: string,
  rows: number,
  tensors: T,
): Part<T>[] {
  if (rows === 0 || fitBindings(tensors)) return [{ first: 0, count: rows, tensors }];
  return rangesOfRows(what, rows, tensors).map(({ first, count }) => {
    const views: readonly Tensor<DataType>[] = tensors.map((tensor) => {
      const width = tensor.size / rows;
      // Images stay images; elements, and rows of several dimensions, become a matrix.
      const shape = tensor.shape[0] === rows ? [count, ...tensor.shape.slice(1)] : [count, width];
      return viewOf(tensor, first * width, shape);
    });
    return { first, count, tensors: views as T };
  });
}

/**
 * Records an operation on tensors whose rows have nothing to do with one another, for each of their {@linkcode bindingParts}.
 *
 * @param record Records one part, which consists of these rows of the whole.
 */
export function inParts<T extends readonly Tensor<DataType>[]>(
  what: string,
  rows: number,
  tensors: T,
  record: (tensors: T, rows: Range) => void,
): void {
  for (const part of bindingParts(what, rows, tensors)) record(part.tensors, part);
}

/** The elements of a tensor from `first` on, under a shape of their own. They begin at a multiple of 256 bytes. */
export function viewOf<T extends DataType>(
  { device, storage, type, offset }: Tensor<T>,
  first: number,
  shape: Shape,
): Tensor<T> {
  return new Tensor(device, storage, shape, type, offset + first * bytesPerElement(type));
}

function rangesOfRows(
  what: string,
  rows: number,
  tensors: readonly Tensor<DataType>[],
): Range[] {
  const limit = tensors[0]!.device.limits.maxStorageBufferBindingSize;
  const rowBytes = tensors.map(({ bytes }) => bytes / rows);
  // Every part but the last is a multiple of so many rows, so that all begin where a binding may.
  const step = Math.max(...rowBytes.map((bytes) => ALIGNMENT / divisorOf(bytes)));
  const longest = Math.max(...rowBytes);
  const most = Math.floor(limit / longest / step) * step;
  if (most === 0) {
    const large = tensors[rowBytes.indexOf(longest)]!;
    throw new OutOfMemoryError(
      `${what}: a tensor of shape ${
        formatShape(large.shape)
      } (${large.bytes} bytes) can be cut after ` +
        `${step * longest} bytes at the earliest; the device binds ${limit} bytes`,
    );
  }
  const count = Math.ceil(rows / Math.ceil(rows / most) / step) * step;
  return rangesOf(rows, count);
}

/** A length as ranges of `count`, the last one as long as what is left. */
export function rangesOf(length: number, count: number): Range[] {
  return Array.from({ length: Math.ceil(length / count) }, (_, i) => {
    const first = i * count;
    return { first, count: Math.min(count, length - first) };
  });
}

/** The largest power of two that divides a number of bytes, at most {@linkcode ALIGNMENT}. */
function divisorOf(bytes: number): number {
  let divisor = ALIGNMENT;
  while (bytes % divisor !== 0) divisor /= 2;
  return divisor;
}
