/**
 * What operations are written against: something that makes output tensors and takes dispatches. `Gpu` runs
 * a dispatch at once; a `Program` keeps it to be replayed.
 *
 * @module
 */

import { GpuError, OutOfMemoryError } from "../errors.ts";
import type { Shape } from "../shape.ts";
import type { Device } from "./device.ts";
import { foldWorkgroups, type Kernel } from "./kernel.ts";
import { paddedBytes } from "./memory.ts";
import type { DataType, Float, Tensor } from "./tensor.ts";
import type { CopiedRange } from "./texture_copies.ts";

/** A number that may change between the replays of a program: a learning rate, the number of a step. */
export class Scalar {
  /** The value that the next replay uses. */
  value: number;

  /** Begins with this value. */
  constructor(value = 0) {
    this.value = value;
  }
}

/** One launch of a kernel. */
export interface Dispatch {
  /** What it computes, as listings show it. */
  readonly label: string;
  /** The variant that computes it. */
  readonly kernel: Kernel;
  /** A tensor for each storage binding, by its name in the WGSL. */
  readonly tensors: Readonly<Record<string, Tensor<DataType>>>;
  /** A value for each field of the kernel's uniform struct. */
  readonly uniforms?: Readonly<Record<string, number | Scalar>>;
  /** Workgroups in all; 0 does nothing. */
  readonly workgroups: number;
  /** Arithmetic operations, a multiply-add counted as two. Default 0. */
  readonly flops?: number;
  /** Bytes that it reads and writes. Default: those of the tensors, which is too much where it touches a part of one. */
  readonly bytes?: number;
}

/** Where operations send their work. */
export interface Recorder {
  /** The device, for its limits and its kind. */
  readonly device: Device;
  /** Whether dispatches are kept for replay: then release does nothing, lifetimes being planned. */
  readonly recording: boolean;
  /** A tensor for an output or an intermediate result. Its contents are undefined until written. */
  empty<T extends DataType = Float>(shape: Shape, type?: T): Tensor<T>;
  /** Adds a launch. */
  dispatch(dispatch: Dispatch): void;
  /** Says that an intermediate tensor of `empty` is not needed any more. */
  release(tensor: Tensor<DataType>): void;
  /** The copy of some numbers in a texture: one that still holds them, or one that `make` records. Default: always that. */
  copyOnce?(
    tensor: Tensor,
    range: CopiedRange,
    make: () => Tensor<"texture">,
  ): Tensor<"texture">;
}

/** A dispatch with its tensors in the order of the kernel's bindings. */
export interface BoundDispatch {
  readonly dispatch: Dispatch;
  readonly tensors: readonly Tensor<DataType>[];
  readonly grid: readonly [number, number];
}

/** The variant of a dispatch's kernel for what its tensors hold: floats of 32 or of 16 bits. */
export function kernelFor({ kernel, tensors }: Dispatch): Kernel {
  const half = Object.keys(tensors).filter((name) => tensors[name]!.type === "f16");
  return half.length === 0 ? kernel : kernel.withHalf(half);
}

/**
 * Puts the tensors in order, takes the variant of the kernel for their types, and checks what the GPU would answer with silence.
 *
 * @throws {GpuError} if a binding or uniform is missing or unknown, or a written tensor is bound twice.
 */
export function bind(device: Device, unbound: Dispatch): BoundDispatch {
  const kernel = kernelFor(unbound);
  const dispatch = kernel === unbound.kernel ? unbound : { ...unbound, kernel };
  const { label } = dispatch;
  const tensors = kernel.bindings.map((binding) => {
    const { name, half } = binding;
    const tensor = dispatch.tensors[name];
    if (tensor === undefined) throw new GpuError(`${label}: kernel ${kernel.name} needs "${name}"`);
    if (tensor.device !== device) {
      throw new GpuError(`${label}: tensor "${name}" belongs to another Gpu`);
    }
    if (tensor.storage.disposed) {
      throw new GpuError(`${label}: tensor "${name}" (${tensor.storage.label}) was disposed`);
    }
    if (half && tensor.type !== "f16") {
      throw new GpuError(`${label}: kernel ${kernel.name} needs 16-bit floats for "${name}"`);
    }
    if (binding.texture !== tensor.storage.isTexture) {
      const [needed, given] = binding.texture ? ["texture", "buffer"] : ["buffer", "texture"];
      throw new GpuError(
        `${label}: kernel ${kernel.name} needs "${name}" in a ${needed}, got a ${given}`,
      );
    }
    const limit = device.limits.maxStorageBufferBindingSize;
    if (tensor.bytes > limit && !binding.texture) {
      throw new OutOfMemoryError(
        `${label}: tensor "${name}" has ${tensor.bytes} bytes; the device binds ${limit} bytes`,
      );
    }
    return tensor;
  });
  checkNames(dispatch);
  kernel.bindings.forEach((binding, i) => {
    if (binding.access === "read") return;
    const clash = tensors.findIndex((other, j) =>
      j !== i && other.storage === tensors[i]!.storage &&
      // WebGPU lets a buffer be written in two places, but not read and written.
      (kernel.bindings[j]!.access === "read" || overlap(other, tensors[i]!))
    );
    if (clash >= 0) {
      throw new GpuError(
        `${label}: "${binding.name}" is written and shares memory with ` +
          `"${kernel.bindings[clash]!.name}"; give the operation another output`,
      );
    }
  });
  return { dispatch, tensors, grid: foldWorkgroups(dispatch.workgroups) };
}

/** Whether two tensors of one storage share a byte. */
function overlap(a: Tensor<DataType>, b: Tensor<DataType>): boolean {
  const [first, second] = a.offset < b.offset ? [a, b] : [b, a];
  return first.offset + Math.max(1, paddedBytes(first.bytes)) > second.offset;
}

function checkNames({ kernel, label, tensors, uniforms = {} }: Dispatch): void {
  for (const { name } of kernel.uniforms) {
    if (uniforms[name] === undefined) {
      throw new GpuError(`${label}: kernel ${kernel.name} needs the number "${name}"`);
    }
  }
  const names = [...Object.keys(tensors), ...Object.keys(uniforms)];
  const expected = kernel.bindings.length + kernel.uniforms.length;
  if (names.length !== expected) {
    throw new GpuError(`${label}: kernel ${kernel.name} takes ${expected} names, got ${names}`);
  }
}

/** The bind group of a dispatch, its numbers at `uniformOffset` of the uniform buffer. */
export function createBindGroup(
  device: Device,
  { dispatch, tensors }: BoundDispatch,
  uniformBuffer: GPUBuffer,
  uniformOffset: number,
): GPUBindGroup {
  const { kernel } = dispatch;
  const entries: GPUBindGroupEntry[] = tensors.map((tensor, i) => ({
    binding: kernel.bindings[i]!.index,
    resource: tensor.storage.isTexture ? tensor.storage.texture.createView() : {
      buffer: tensor.storage.buffer,
      offset: tensor.offset,
      size: paddedBytes(tensor.bytes),
    },
  }));
  if (kernel.uniformIndex !== undefined) {
    entries.push({
      binding: kernel.uniformIndex,
      resource: { buffer: uniformBuffer, offset: uniformOffset, size: uniformBytes(kernel) },
    });
  }
  return device.raw.createBindGroup({ layout: device.compiled(kernel).layout, entries });
}

/** Bytes of a kernel's uniform struct. */
export function uniformBytes(kernel: Kernel): number {
  return paddedBytes(4 * kernel.uniforms.length);
}

/** Writes one number as the field's type. */
export function packUniform(
  view: DataView,
  offset: number,
  type: "u32" | "i32" | "f32",
  value: number,
): void {
  if (type === "f32") view.setFloat32(offset, value, true);
  else if (type === "u32") view.setUint32(offset, value, true);
  else view.setInt32(offset, value, true);
}
