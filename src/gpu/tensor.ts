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
 * The element types: 32-bit and 16-bit floats, 32-bit whole numbers, bytes (packed four to a word), and 32-bit floats that lie in a
 * texture, where only kernels get at them.
 */
export type DataType = Float | "u32" | "u8" | "texture";

/**
 * Floats. Those of 16 bits take half the memory; kernels compute with both in 32 bits: loads widen them, and stores round to the
 * nearest, by 2⁻¹¹ of the value at most. They reach from 2⁻²⁴ to 65,504; what is larger becomes infinite.
 */
export type Float = "f32" | "f16";

/** The arrays that hold the elements on the CPU, by element type. */
export interface ArrayOf {
  /** 32-bit floats. */
  f32: Float32Array;
  /** 16-bit floats, widened: whoever reads or writes them sees 32 bits. */
  f16: Float32Array;
  /** Whole numbers. */
  u32: Uint32Array;
  /** Bytes. */
  u8: Uint8Array;
  /** Floats in a texture. */
  texture: Float32Array;
}

const ARRAYS = {
  f32: Float32Array,
  f16: Float32Array,
  u32: Uint32Array,
  u8: Uint8Array,
  texture: Float32Array,
} as const;

/** Bytes of one element. */
export function bytesPerElement(type: DataType): number {
  return type === "u8" ? 1 : type === "f16" ? 2 : 4;
}

/**
 * An n-dimensional array on the GPU, row-major.
 *
 * A tensor made by `gpu.tensor` or by an operation on a `Gpu` owns its memory until it is disposed.
 * Views made by {@linkcode Tensor.reshape} share it, and end with it.
 *
 * @typeParam T The element type. Default: floats, of 32 or 16 bits, which all operations on floats take.
 */
export class Tensor<T extends DataType = Float> {
  /** Dimensions, outermost first. */
  readonly shape: Shape;
  /** Element type. */
  readonly type: T;
  /** The memory behind it. */
  readonly storage: Storage;
  /** Where it begins in the storage, in bytes; a multiple of 256. */
  readonly offset: number;
  readonly #device: Device;

  /** Tensors are made by `gpu.tensor` and by operations. @throws {GpuError} for 16-bit floats, if the adapter has none. */
  constructor(device: Device, storage: Storage, shape: Shape, type: T, offset = 0) {
    if (type === "f16") checkFloat16(device, storage.label);
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
   * Copies the elements to the CPU: a Float32Array, also of 16-bit floats, or a Uint32Array or Uint8Array for whole numbers.
   * Costs about 11 ms in Deno, however small; read many values in one tensor.
   *
   * @throws {GpuError} if it was disposed, or if the GPU reported an error since the last read.
   */
  async read(): Promise<ArrayOf[T]> {
    const bytes = await this.#device.read(this.storage.buffer, this.offset, this.bytes);
    if (this.type === "f16") return new Float32Array(new Float16Array(bytes)) as ArrayOf[T];
    return new ARRAYS[this.type](bytes) as ArrayOf[T];
  }

  /**
   * Replaces the elements, in order with all work submitted before and after. 16-bit floats are rounded to the nearest.
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
    const kept = this.type === "f16" ? new Float16Array(values) : values;
    const whole = kept.byteLength - kept.byteLength % 4;
    const { queue } = this.#device.raw;
    const { buffer } = this.storage;
    if (whole > 0) {
      queue.writeBuffer(
        buffer,
        this.offset,
        kept.buffer as ArrayBuffer,
        kept.byteOffset,
        whole,
      );
    }
    if (whole < kept.byteLength) {
      const rest = new Uint8Array(4); // the queue writes whole words
      rest.set(new Uint8Array(kept.buffer, kept.byteOffset + whole, kept.byteLength - whole));
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

/** @throws {GpuError} if the adapter's shaders have no 16-bit floats. */
export function checkFloat16({ adapter }: Device, what: string): void {
  if (adapter.float16) return;
  throw new GpuError(
    `${what}: 16-bit floats need the feature shader-f16, which the adapter "${adapter.name}" does not have`,
  );
}
