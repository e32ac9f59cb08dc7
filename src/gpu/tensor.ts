/**
 * Tensors: a shape and an element type over GPU memory.
 *
 * @module
 */

import { GpuError, ShapeError } from "../errors.ts";
import { formatShape, type Shape, sizeOf } from "../shape.ts";
import type { Device } from "./device.ts";
import type { Storage } from "./memory.ts";

/**
 * The element types: 32-bit floats, 32-bit whole numbers, bytes (packed four to a word), and 32-bit floats that lie in a texture,
 * where only kernels get at them.
 */
export type DataType = "f32" | "u32" | "u8" | "texture";

/** The arrays that hold the elements on the CPU, by element type. */
export interface ArrayOf {
  /** 32-bit floats. */
  f32: Float32Array;
  /** Whole numbers. */
  u32: Uint32Array;
  /** Bytes. */
  u8: Uint8Array;
  /** Floats in a texture. */
  texture: Float32Array;
}

const ARRAYS = {
  f32: Float32Array,
  u32: Uint32Array,
  u8: Uint8Array,
  texture: Float32Array,
} as const;

/** Bytes of one element. */
export function bytesPerElement(type: DataType): number {
  return type === "u8" ? 1 : 4;
}

/**
 * An n-dimensional array on the GPU, row-major.
 *
 * A tensor made by `gpu.tensor` or by an operation on a `Gpu` owns its memory until it is disposed.
 * Views made by {@linkcode Tensor.reshape} share it, and end with it.
 */
export class Tensor<T extends DataType = "f32"> {
  /** Dimensions, outermost first. */
  readonly shape: Shape;
  /** Element type. */
  readonly type: T;
  /** The memory behind it. */
  readonly storage: Storage;
  /** Where it begins in the storage, in bytes; a multiple of 256. */
  readonly offset: number;
  readonly #device: Device;

  /** Tensors are made by `gpu.tensor` and by operations. */
  constructor(device: Device, storage: Storage, shape: Shape, type: T, offset = 0) {
    this.#device = device;
    this.storage = storage;
    this.shape = shape;
    this.type = type;
    this.offset = offset;
  }

  /** The number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** Bytes of the elements. */
  get bytes(): number {
    return this.size * bytesPerElement(this.type);
  }

  /** The device it lives on. */
  get device(): Device {
    return this.#device;
  }

  /**
   * The same elements under another shape; one dimension may be -1 and is then inferred.
   *
   * @throws {ShapeError} if the number of elements differs.
   */
  reshape(shape: Shape): Tensor<T> {
    const known = shape.reduce((size, dimension) => dimension === -1 ? size : size * dimension, 1);
    const inferred = shape.map((dimension) => dimension === -1 ? this.size / known : dimension);
    const unknowns = shape.filter((dimension) => dimension === -1).length;
    if (
      unknowns > 1 || sizeOf(inferred) !== this.size ||
      inferred.some((d) => !(Number.isInteger(d) && d >= 0))
    ) {
      throw new ShapeError(
        `Cannot reshape ${formatShape(this.shape)} (${this.size} elements) to ${
          formatShape(shape)
        }`,
      );
    }
    return new Tensor(this.#device, this.storage, inferred, this.type, this.offset);
  }

  /**
   * Copies the elements to the CPU: a Float32Array, or a Uint32Array or Uint8Array for whole numbers.
   * Costs about 11 ms in Deno, however small; read many values in one tensor.
   *
   * @throws {GpuError} if it was disposed, or if the GPU reported an error since the last read.
   */
  async read(): Promise<ArrayOf[T]> {
    const bytes = await this.#device.read(this.storage.buffer, this.offset, this.bytes);
    return new ARRAYS[this.type](bytes) as ArrayOf[T];
  }

  /**
   * Replaces the elements, in order with all work submitted before and after.
   *
   * @throws {ShapeError} if the number of values differs; {@linkcode GpuError} if their type does.
   */
  write(values: ArrayOf[T]): this {
    const expected = ARRAYS[this.type];
    if (!(values instanceof expected)) {
      throw new GpuError(
        `Cannot write into ${this.storage.label}: expected a ${expected.name} for type ${this.type}`,
      );
    }
    if (values.length !== this.size) {
      throw new ShapeError(
        `Cannot write ${values.length} values into ${this.storage.label} of shape ` +
          `${formatShape(this.shape)}: expected ${this.size}`,
      );
    }
    this.#device.check();
    const whole = values.byteLength - values.byteLength % 4;
    const { queue } = this.#device.raw;
    const { buffer } = this.storage;
    if (whole > 0) {
      queue.writeBuffer(
        buffer,
        this.offset,
        values.buffer as ArrayBuffer,
        values.byteOffset,
        whole,
      );
    }
    if (whole < values.byteLength) {
      const rest = new Uint8Array(4); // the queue writes whole words
      rest.set(new Uint8Array(values.buffer, values.byteOffset + whole, values.byteLength - whole));
      queue.writeBuffer(buffer, this.offset + whole, rest);
    }
    return this;
  }

  /** Frees the memory; doing it twice is harmless. */
  dispose(): void {
    this.storage.dispose();
  }

  /** Frees the memory at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
