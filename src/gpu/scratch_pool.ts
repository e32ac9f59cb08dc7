/**
 * Memory that programs share for their intermediate results.
 *
 * @module
 */

import type { Device } from "./device.ts";
import { TENSOR_USAGE } from "./gpu.ts";
import { bytesOf } from "./memory.ts";
import { type Lifetime, planLifetimes } from "./plan.ts";

/** What the memory is for, in errors and in the sums of `gpu.memory`. */
const LABEL = "intermediate results";
const PURPOSE = "intermediateResults";

/** Buffers and textures that programs share for their intermediate results, because they never run at the same time. */
export class ScratchPool {
  readonly #device: Device;
  readonly #buffers: GPUBuffer[] = [];
  readonly #textures: GPUTexture[] = [];

  /** Begins without memory on this device. */
  constructor(device: Device) {
    this.#device = device;
  }

  /** Bytes of all buffers and textures. */
  get bytes(): number {
    return [...this.#buffers, ...this.#textures].reduce((sum, each) => sum + bytesOf(each), 0);
  }

  /** A buffer for each lifetime, shared where they do not overlap. */
  assign(lifetimes: readonly Lifetime[]): GPUBuffer[] {
    const { memory } = this.#device;
    const make = (bytes: number) => memory.allocate(bytes, TENSOR_USAGE, LABEL, PURPOSE);
    return share(this.#buffers, lifetimes, make);
  }

  /** A texture for each lifetime, in the same way. */
  assignTextures(lifetimes: readonly Lifetime[]): GPUTexture[] {
    const { memory } = this.#device;
    const make = (bytes: number) => memory.allocateTexture(bytes, LABEL, PURPOSE);
    return share(this.#textures, lifetimes, make);
  }

  /** Frees all memory; programs that use it must not run any more. */
  dispose(): void {
    for (const each of [...this.#buffers, ...this.#textures]) this.#device.memory.free(each);
    this.#buffers.length = 0;
    this.#textures.length = 0;
  }
}

/** One of `held` for each lifetime; what is missing is made and added to them. */
function share<T extends GPUBuffer | GPUTexture>(
  held: T[],
  lifetimes: readonly Lifetime[],
  make: (bytes: number) => T,
): T[] {
  const plan = planLifetimes(lifetimes, held.map(bytesOf));
  for (const bytes of plan.slotBytes.slice(held.length)) held.push(make(bytes));
  return plan.slots.map((slot) => held[slot]!);
}
