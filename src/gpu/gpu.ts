/**
 * The GPU as scripts see it: opens, makes tensors, runs operations at once.
 *
 * @module
 */

import { ShapeError } from "../errors.ts";
import { checkShape, formatShape, type Shape, sizeOf } from "../shape.ts";
import { type AdapterInfo, Device, type DeviceOptions } from "./device.ts";
import { type MemoryPurpose, type MemoryUse, Storage } from "./memory.ts";
import type { DeviceLimits } from "./planned_device.ts";
import {
  bind,
  createBindGroup,
  type Dispatch,
  packUniform,
  type Recorder,
  uniformBytes,
} from "./recorder.ts";
import type { Tuning } from "./tuning.ts";
import { type ArrayOf, bytesPerElement, type DataType, type Float, Tensor } from "./tensor.ts";
import { encodeTextureCopy, TEXTURE_COPY } from "./texture.ts";

/** What every buffer behind a tensor can be used for. */
export const TENSOR_USAGE = 0x80 | 0x8 | 0x4; // STORAGE | COPY_DST | COPY_SRC, known without a GPU

/** The largest uniform struct of a kernel, 64 numbers. */
const UNIFORM_BYTES = 256;

/**
 * One device. Operations that are given a `Gpu` run at once: their results are new tensors, which the caller
 * disposes.
 *
 * @example
 * ```ts
 * import { Gpu, matmul } from "@strata/strata";
 *
 * await using gpu = await Gpu.open();
 * const a = gpu.tensor(new Float32Array([1, 2, 3, 4]), [2, 2]);
 * console.log(await matmul(gpu, a, a).read()); // Float32Array [7, 10, 15, 22]
 * ```
 */
export class Gpu implements Recorder {
  /** The device behind it. */
  readonly device: Device;
  /** Dispatches run at once. */
  readonly recording = false;
  /** Of the dispatch in hand; the queue keeps the writes in order with the submits. */
  readonly #uniforms: GPUBuffer;
  readonly #uniformBytes = new ArrayBuffer(UNIFORM_BYTES);
  readonly #uniformView = new DataView(this.#uniformBytes);

  private constructor(device: Device) {
    this.device = device;
    this.#uniforms = device.memory.allocate(
      UNIFORM_BYTES,
      GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
      "uniforms of single dispatches",
      "uniforms",
    );
  }

  /**
   * Opens the GPU.
   *
   * @throws {GpuError} if there is no adapter, saying what to install.
   */
  static async open(options: DeviceOptions = {}): Promise<Gpu> {
    return new Gpu(await Device.open(options));
  }

  /**
   * A GPU that computes nothing, of such an adapter: programs can be recorded for it, and its `memory` tells what they would
   * take.
   */
  static planned(adapter: AdapterInfo, limits: DeviceLimits, tuning?: Tuning): Gpu {
    return new Gpu(Device.planned(adapter, limits, tuning));
  }

  /** The adapter's name and kind. */
  get adapter(): AdapterInfo {
    return this.device.adapter;
  }

  /** Buffers and bytes alive now. */
  get memory(): MemoryUse {
    return this.device.memory.use;
  }

  /**
   * Makes a tensor from numbers: a Float32Array, or a Uint32Array or Uint8Array for whole numbers.
   *
   * @param shape Default: one dimension.
   * @throws {ShapeError} if shape and values do not match.
   */
  tensor<A extends Float32Array | Uint32Array | Uint8Array>(
    values: A,
    shape: Shape = [values.length],
  ): Tensor<A extends Float32Array ? Float : A extends Uint32Array ? "u32" : "u8"> {
    checkShape(shape, "gpu.tensor");
    if (sizeOf(shape) !== values.length) {
      throw new ShapeError(
        `gpu.tensor: shape ${formatShape(shape)} needs ${
          sizeOf(shape)
        } values, got ${values.length}`,
      );
    }
    const type: DataType = values instanceof Float32Array
      ? "f32"
      : values instanceof Uint32Array
      ? "u32"
      : "u8";
    const tensor = this.empty(shape, type);
    tensor.write(values as ArrayOf[DataType]);
    return tensor as never;
  }

  /** A tensor of zeros. */
  zeros<T extends DataType = Float>(shape: Shape, type: T = "f32" as T): Tensor<T> {
    return this.empty(shape, type); // WebGPU clears new buffers
  }

  /**
   * A tensor to be written by an operation.
   *
   * @param label Names it in errors.
   * @param purpose What it is for, in the sums of `memory`.
   * @throws {ShapeError} if the shape is invalid.
   */
  empty<T extends DataType = Float>(
    shape: Shape,
    type: T = "f32" as T,
    label: string = `tensor ${formatShape(shape)}`,
    purpose: MemoryPurpose = "other",
  ): Tensor<T> {
    checkShape(shape, label);
    this.device.check();
    const bytes = sizeOf(shape) * bytesPerElement(type);
    const { memory } = this.device;
    const isTexture = type === "texture";
    const resource = this.device.scoped(
      label,
      () =>
        isTexture
          ? memory.allocateTexture(bytes, label, purpose)
          : memory.allocate(bytes, TENSOR_USAGE, label, purpose),
    );
    const storage = new Storage(memory, bytes, label, resource, true, isTexture);
    return new Tensor(this.device, storage, shape, type);
  }

  /** Frees an intermediate tensor. */
  release(tensor: Tensor<DataType>): void {
    tensor.dispose();
  }

  /** Runs one launch. */
  dispatch(dispatch: Dispatch): void {
    this.device.check();
    const bound = bind(this.device, dispatch);
    if (dispatch.workgroups === 0) return;
    const { kernel, uniforms = {} } = bound.dispatch;
    const { raw } = this.device;
    this.device.scoped(dispatch.label, () => {
      if (kernel === TEXTURE_COPY) {
        const encoder = raw.createCommandEncoder();
        encodeTextureCopy(encoder, bound);
        raw.queue.submit([encoder.finish()]);
        return;
      }
      if (kernel.uniforms.length > 0) {
        kernel.uniforms.forEach(({ name, type }, i) => {
          const value = uniforms[name]!;
          const number = typeof value === "number" ? value : value.value;
          packUniform(this.#uniformView, 4 * i, type, number);
        });
        raw.queue.writeBuffer(this.#uniforms, 0, this.#uniformBytes, 0, uniformBytes(kernel));
      }
      const encoder = raw.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(this.device.compiled(kernel).pipeline);
      pass.setBindGroup(0, createBindGroup(this.device, bound, this.#uniforms, 0));
      pass.dispatchWorkgroups(...bound.grid);
      pass.end();
      raw.queue.submit([encoder.finish()]);
    });
  }

  /** Waits until all submitted work is done. @throws {GpuError} the first error since the last wait. */
  synchronize(): Promise<void> {
    return this.device.synchronize();
  }

  /** Waits for submitted work and closes the device; the best way to end. */
  close(): Promise<void> {
    return this.device.close();
  }

  /** Closes the device at once; pending reads reject with `DeviceLostError`. */
  dispose(): void {
    this.device.dispose();
  }

  /** Closes the device at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Waits for submitted work and closes the device at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
