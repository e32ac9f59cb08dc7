/**
 * A recorder that shows what a kernel leaves out and what it writes too much: every tensor lies inside a
 * larger buffer, between words that must survive, and is filled with NaN before it is written.
 *
 * @module
 */

import type { Device } from "../src/gpu/device.ts";
import { type Gpu, TENSOR_USAGE } from "../src/gpu/gpu.ts";
import type { Kernel } from "../src/gpu/kernel.ts";
import { paddedBytes, Storage } from "../src/gpu/memory.ts";
import { type Dispatch, kernelFor, type Recorder } from "../src/gpu/recorder.ts";
import { bytesPerElement, type DataType, type Float, Tensor } from "../src/gpu/tensor.ts";
import { checkShape, type Shape, sizeOf } from "../src/shape.ts";
import { type Input, typeOf, type Values } from "./case.ts";
import { deviceFor } from "./gpu.ts";

/** Bytes before and after a tensor. Storage bindings begin at multiples of 256. */
const MARGIN = 256;

/** Options of a {@linkcode CanaryRecorder}. */
export interface CanaryOptions {
  /** Whether operations should choose the variants for a graphics card. Default: as the adapter is. */
  readonly card?: boolean;
  /** Replaces kernels, to try faulty ones. */
  readonly substitute?: (kernel: Kernel) => Kernel;
}

interface Guarded {
  readonly owner: string;
  readonly tensor: Tensor<DataType>;
  /** The word around it: a NaN of its own, so that a copied one is noticed. */
  readonly word: number;
  readonly input: Values | undefined;
  readonly buffer: GPUBuffer;
}

/** Runs dispatches at once, like the `Gpu` behind it, on tensors between canaries. */
export class CanaryRecorder implements Recorder {
  readonly device: Device;
  readonly recording = false;
  /** What tensors are made for from now on, as messages show it. */
  owner = "";
  /** How many dispatches ran a substitute. */
  substitutions = 0;
  readonly #gpu: Gpu;
  readonly #substitute: (kernel: Kernel) => Kernel;
  readonly #guarded: Guarded[] = [];
  /** Nothing can be written beside them: they have no surroundings. */
  readonly #textures: Tensor<"texture">[] = [];
  readonly #released = new Set<Storage>();
  readonly #written = new Set<Storage>();

  constructor(gpu: Gpu, { card, substitute = (kernel) => kernel }: CanaryOptions = {}) {
    this.#gpu = gpu;
    this.#substitute = substitute;
    this.device = card === undefined ? gpu.device : deviceFor(gpu, card);
  }

  /** A tensor of the values, which no dispatch may change unless it is bound to be written. */
  tensor({ shape, values }: Input): Tensor<DataType> {
    return this.#make(shape, typeOf(values), values);
  }

  empty<T extends DataType = Float>(shape: Shape, type: T = "f32" as T): Tensor<T> {
    if (type === "texture") {
      const texture = this.#gpu.empty(shape, "texture");
      this.#textures.push(texture);
      return texture as Tensor<DataType> as Tensor<T>;
    }
    return this.#make(shape, type, undefined);
  }

  dispatch(dispatch: Dispatch): void {
    for (const [name, { storage }] of Object.entries(dispatch.tensors)) {
      if (this.#released.has(storage)) throw new Error(`"${name}" is used after its release`);
    }
    const original = kernelFor(dispatch);
    const kernel = this.#substitute(original);
    if (kernel !== original) this.substitutions++;
    for (const { name, access } of kernel.bindings) {
      if (access === "read_write") this.#written.add(dispatch.tensors[name]!.storage);
    }
    this.#gpu.dispatch({ ...dispatch, kernel });
  }

  release(tensor: Tensor<DataType>): void {
    this.#released.add(tensor.storage); // freed by dispose: its canaries are still to be looked at
  }

  /**
   * Reads all tensors at once.
   *
   * @returns The values of each storage, and what is wrong with their surroundings.
   */
  async readAll(): Promise<{ values: Map<Storage, Values>; faults: string[] }> {
    const { raw, memory } = this.#gpu.device;
    const total = this.#guarded.reduce((sum, { buffer }) => sum + buffer.size, 0);
    const all = memory.allocate(total, GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC, "all");
    const encoder = raw.createCommandEncoder();
    let at = 0;
    for (const { buffer } of this.#guarded) {
      encoder.copyBufferToBuffer(buffer, 0, all, at, buffer.size);
      at += buffer.size;
    }
    raw.queue.submit([encoder.finish()]);
    const content = await this.#gpu.device.read(all, 0, total).finally(() => memory.free(all));
    const values = new Map<Storage, Values>();
    const faults: string[] = [];
    at = 0;
    for (const guarded of this.#guarded) {
      const { tensor, buffer } = guarded;
      values.set(tensor.storage, valuesOf(tensor, content, at + MARGIN));
      const fault = this.#inspect(guarded, new Uint8Array(content, at, buffer.size));
      if (fault !== undefined) faults.push(`${guarded.owner}: ${fault}`);
      at += buffer.size;
    }
    return { values, faults };
  }

  /** Frees all tensors. */
  dispose(): void {
    for (const { tensor } of this.#guarded) tensor.dispose();
    for (const texture of this.#textures) texture.dispose();
    this.#textures.length = 0;
    this.#guarded.length = 0;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #make<T extends DataType>(shape: Shape, type: T, input: Values | undefined): Tensor<T> {
    checkShape(shape, "canary");
    const bytes = sizeOf(shape) * bytesPerElement(type);
    const size = MARGIN + paddedBytes(bytes) + MARGIN;
    const word = 0x7fc10000 + this.#guarded.length % 0xffff;
    const content = new Uint32Array(size / 4).fill(word);
    if (input !== undefined) {
      const target = new Uint8Array(content.buffer, MARGIN, bytes);
      target.set(new Uint8Array(input.buffer, input.byteOffset, bytes));
    }
    const { memory, raw } = this.#gpu.device;
    const buffer = memory.allocate(size, TENSOR_USAGE, "canary");
    raw.queue.writeBuffer(buffer, 0, content);
    const storage = new Storage(memory, bytes, "canary", buffer, true);
    const tensor = new Tensor(this.#gpu.device, storage, shape, type, MARGIN);
    this.#guarded.push({ owner: this.owner, tensor, word, input, buffer });
    return tensor;
  }

  #inspect({ tensor, word, input }: Guarded, content: Uint8Array): string | undefined {
    const pattern = new Uint8Array(Uint32Array.of(word).buffer);
    const end = MARGIN + tensor.bytes;
    for (let i = 0; i < content.length; i++) {
      if (i === MARGIN) i = end;
      if (content[i] !== pattern[i % 4]) {
        const place = i < MARGIN ? `${MARGIN - i} bytes before` : `${i - end} bytes after`;
        return `a byte was written ${place} the tensor`;
      }
    }
    if (input === undefined || this.#written.has(tensor.storage)) return undefined;
    const expected = new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
    const changed = firstDifference(expected, content.subarray(MARGIN, end));
    return changed < 0 ? undefined : `byte ${changed} of an input was changed`;
  }
}

/** The index of the first byte that differs, or −1. Words are compared first: some inputs are large. */
export function firstDifference(a: Uint8Array, b: Uint8Array): number {
  let at = 0;
  if (a.byteOffset % 4 === 0 && b.byteOffset % 4 === 0) {
    const words = (bytes: Uint8Array) =>
      new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
    const [first, second] = [words(a), words(b)];
    let word = 0;
    while (word < first.length && first[word] === second[word]) word++;
    at = 4 * word;
  }
  while (at < a.length && a[at] === b[at]) at++;
  return at < a.length ? at : -1;
}

/** The elements in a copy of the memory; floats of 16 bits widened. */
function valuesOf({ type, size }: Tensor<DataType>, content: ArrayBuffer, at: number): Values {
  if (type === "f16") return new Float32Array(new Float16Array(content, at, size));
  if (type === "f32") return new Float32Array(content, at, size);
  return type === "u32" ? new Uint32Array(content, at, size) : new Uint8Array(content, at, size);
}
