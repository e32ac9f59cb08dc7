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

/**
 * The numbers of all dispatches in one buffer. Those that can change from replay to replay lie together in front, once for each
 * replay of a submission, so that one write serves for all of them.
 */
export class UniformBlock {
  readonly buffer: GPUBuffer;
  readonly #device: Device;
  readonly #bytes: ArrayBuffer;
  readonly #view: DataView;
  /** Where each dispatch's numbers begin in the first replay. */
  readonly #offsets: readonly number[];
  /** Of each dispatch, whether a number of it can change. */
  readonly #changes: readonly boolean[];
  readonly #changing: { scalar: Scalar; offset: number; type: "u32" | "i32" | "f32" }[] = [];
  /** Of one replay. */
  readonly #changingBytes: number;

  /** @param replays The most in one submission. */
  constructor(
    device: Device,
    dispatches: readonly BoundDispatch[],
    name: string,
    replays: number,
  ) {
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
      if (changing) {
        changingBytes = size;
        size *= replays;
      }
    }
    this.#offsets = offsets;
    this.#changes = changes;
    this.#changingBytes = changingBytes;
    this.#bytes = new ArrayBuffer(Math.max(size, UNIFORM_ALIGNMENT));
    this.#view = new DataView(this.#bytes);
    dispatches.forEach(({ dispatch }, i) => {
      const copies = changes[i] ? replays : 1;
      for (let replay = 0; replay < copies; replay++) {
        this.#fill(dispatch, offsets[i]! + replay * changingBytes, replay === 0);
      }
    });
    this.buffer = device.memory.allocate(
      this.#bytes.byteLength,
      GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
      `uniforms of ${name}`,
      "uniforms",
    );
    device.raw.queue.writeBuffer(this.buffer, 0, this.#bytes);
  }

  /** Whether a dispatch has other numbers in another replay. */
  changes(dispatch: number): boolean {
    return this.#changes[dispatch]!;
  }

  /** Where the numbers of a dispatch begin in a replay. */
  offset(dispatch: number, replay: number): number {
    const before = this.#changes[dispatch] ? replay * this.#changingBytes : 0;
    return this.#offsets[dispatch]! + before;
  }

  /** Notes the numbers as they are now, for a replay. */
  set(replay: number): void {
    const base = replay * this.#changingBytes;
    for (const { scalar, offset, type } of this.#changing) {
      packUniform(this.#view, base + offset, type, scalar.value);
    }
  }

  /** Writes what was noted for the first replays. */
  upload(replays: number): void {
    if (this.#changing.length === 0) return;
    const bytes = replays * this.#changingBytes;
    this.#device.raw.queue.writeBuffer(this.buffer, 0, this.#bytes, 0, bytes);
  }

  #fill({ kernel, uniforms = {} }: Dispatch, base: number, first: boolean): void {
    kernel.uniforms.forEach(({ name, type }, i) => {
      const value = uniforms[name]!;
      const offset = base + 4 * i;
      if (!(value instanceof Scalar)) packUniform(this.#view, offset, type, value);
      else if (first) this.#changing.push({ scalar: value, offset, type });
    });
  }
}
