/**
 * The numbers that a program's kernels are given.
 *
 * @module
 */

import type { Device } from "./device.ts";
import {
  type BoundDispatch,
  type Dispatch,
  packUniform,
  Scalar,
  uniformBytes,
} from "./recorder.ts";

/** Numbers of one dispatch begin at multiples of this, the default alignment of WebGPU. */
const UNIFORM_ALIGNMENT = 256;

/** The numbers of all dispatches in one buffer; those that can change lie together, to be written at once. */
export class UniformBlock {
  readonly buffer: GPUBuffer;
  /** Where each dispatch's numbers begin. */
  readonly offsets: readonly number[];
  readonly #device: Device;
  readonly #bytes: ArrayBuffer;
  readonly #view: DataView;
  readonly #changing: { scalar: Scalar; offset: number; type: "u32" | "i32" | "f32" }[] = [];
  readonly #changingBytes: number;

  constructor(device: Device, dispatches: readonly BoundDispatch[], name: string) {
    this.#device = device;
    const changes = dispatches.map(({ dispatch }) =>
      Object.values(dispatch.uniforms ?? {}).some((value) => value instanceof Scalar)
    );
    const offsets = new Array<number>(dispatches.length);
    let size = 0;
    let changingBytes = 0;
    for (const changing of [true, false]) {
      dispatches.forEach(({ dispatch }, i) => {
        if (changes[i] !== changing) return;
        offsets[i] = size;
        size += Math.ceil(uniformBytes(dispatch.kernel) / UNIFORM_ALIGNMENT) * UNIFORM_ALIGNMENT;
      });
      if (changing) changingBytes = size;
    }
    this.offsets = offsets;
    this.#changingBytes = changingBytes;
    this.#bytes = new ArrayBuffer(Math.max(size, UNIFORM_ALIGNMENT));
    this.#view = new DataView(this.#bytes);
    dispatches.forEach(({ dispatch }, i) => this.#fill(dispatch, offsets[i]!));
    this.buffer = device.memory.allocate(
      this.#bytes.byteLength,
      GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
      `uniforms of ${name}`,
      "uniforms",
    );
    device.raw.queue.writeBuffer(this.buffer, 0, this.#bytes);
  }

  /** Writes the numbers that may have changed. */
  upload(): void {
    if (this.#changing.length === 0) return;
    for (const { scalar, offset, type } of this.#changing) {
      packUniform(this.#view, offset, type, scalar.value);
    }
    this.#device.raw.queue.writeBuffer(this.buffer, 0, this.#bytes, 0, this.#changingBytes);
  }

  #fill({ kernel, uniforms = {} }: Dispatch, base: number): void {
    kernel.uniforms.forEach(({ name, type }, i) => {
      const value = uniforms[name]!;
      const offset = base + 4 * i;
      if (value instanceof Scalar) this.#changing.push({ scalar: value, offset, type });
      else packUniform(this.#view, offset, type, value);
    });
  }
}
