/**
 * GPU memory: every buffer is made and destroyed here, so that what is held is always known.
 *
 * @module
 */

import { GpuError, OutOfMemoryError } from "../errors.ts";

/** What a buffer is for. */
export type MemoryPurpose =
  | "parameters"
  | "gradients"
  | "optimizerState"
  | "layerBuffers"
  | "data"
  | "intermediateResults"
  | "results"
  | "uniforms"
  | "statistics"
  | "reading"
  | "other";

/** What the device holds for this process. */
export interface MemoryUse {
  /** Buffers now alive. */
  readonly buffers: number;
  /** Their bytes. */
  readonly bytes: number;
  /** The most bytes alive at once. */
  readonly peakBytes: number;
  /** What they were for. */
  readonly peak: Readonly<Partial<Record<MemoryPurpose, number>>>;
}

/** Bytes of a buffer for `bytes` of content: whole 16-byte vectors, so that vec4 loads cover the end. */
export function paddedBytes(bytes: number): number {
  return Math.max(16, Math.ceil(bytes / 16) * 16);
}

/** Makes buffers, refuses those over the limits, and counts what is alive. */
export class Memory {
  readonly #device: GPUDevice;
  readonly #limit: number;
  readonly #purposes = new WeakMap<GPUBuffer, MemoryPurpose>();
  readonly #held: Partial<Record<MemoryPurpose, number>> = {};
  #buffers = 0;
  #bytes = 0;
  #peakBytes = 0;
  #peak: Partial<Record<MemoryPurpose, number>> = {};

  /**
   * Counts the buffers of this device from now on.
   *
   * @param limit Bytes of a buffer, at most. Default: the device's limit.
   */
  constructor(device: GPUDevice, limit: number = device.limits.maxBufferSize) {
    this.#device = device;
    this.#limit = limit;
  }

  /** The buffers and bytes alive now. */
  get use(): MemoryUse {
    const [buffers, bytes, peakBytes] = [this.#buffers, this.#bytes, this.#peakBytes];
    return { buffers, bytes, peakBytes, peak: { ...this.#peak } };
  }

  /** Forgets the peak: the most bytes at once are those alive now. */
  restartPeak(): void {
    this.#peakBytes = this.#bytes;
    this.#peak = { ...this.#held };
  }

  /**
   * Makes a buffer of at least `bytes`.
   *
   * @param purpose What it is for, in the sums of {@linkcode Memory.use}.
   * @throws {OutOfMemoryError} before the GPU is asked, if it is over the device's limit.
   */
  allocate(
    bytes: number,
    usage: number,
    label: string,
    purpose: MemoryPurpose = "other",
  ): GPUBuffer {
    const size = paddedBytes(bytes);
    const limit = this.#limit;
    if (size > limit) {
      throw new OutOfMemoryError(
        `Cannot allocate ${size} bytes for ${label}: the device allows ${limit} bytes a buffer`,
      );
    }
    const buffer = this.#device.createBuffer({ size, usage, label });
    this.#purposes.set(buffer, purpose);
    this.#count(purpose, 1, size);
    if (this.#bytes > this.#peakBytes) this.restartPeak();
    return buffer;
  }

  /** Destroys a buffer that {@linkcode Memory.allocate} made; the GPU finishes submitted work first. */
  free(buffer: GPUBuffer): void {
    this.#count(this.#purposes.get(buffer)!, -1, -buffer.size);
    buffer.destroy();
  }

  #count(purpose: MemoryPurpose, buffers: number, bytes: number): void {
    this.#buffers += buffers;
    this.#bytes += bytes;
    const held = (this.#held[purpose] ?? 0) + bytes;
    if (held === 0) delete this.#held[purpose];
    else this.#held[purpose] = held;
  }
}

/**
 * The bytes behind one or more tensors. A program's intermediate storage has no buffer until the program
 * is planned, and may then share one with others whose lifetimes do not overlap.
 */
export class Storage {
  /** Size of the content in bytes. */
  readonly bytes: number;
  /** Names it in listings and errors. */
  readonly label: string;
  readonly #memory: Memory;
  readonly #owned: boolean;
  #buffer: GPUBuffer | undefined;
  #disposed = false;

  /**
   * Describes memory that is there or will be assigned.
   *
   * @param buffer The buffer, or undefined if one is assigned later.
   * @param owned Whether disposing destroys the buffer.
   */
  constructor(
    memory: Memory,
    bytes: number,
    label: string,
    buffer: GPUBuffer | undefined,
    owned: boolean,
  ) {
    this.#memory = memory;
    this.bytes = bytes;
    this.label = label;
    this.#buffer = buffer;
    this.#owned = owned;
  }

  /** Whether the storage was disposed. */
  get disposed(): boolean {
    return this.#disposed;
  }

  /** Whether a buffer is behind it. */
  get planned(): boolean {
    return this.#buffer !== undefined;
  }

  /**
   * The buffer.
   *
   * @throws {GpuError} if it was disposed, or belongs to a program that is still being recorded.
   */
  get buffer(): GPUBuffer {
    if (this.#disposed) throw new GpuError(`Cannot use ${this.label}: it was disposed`);
    if (this.#buffer === undefined) {
      throw new GpuError(`Cannot use ${this.label}: its program is still being recorded`);
    }
    return this.#buffer;
  }

  /** Gives planned storage its buffer. */
  assign(buffer: GPUBuffer): void {
    this.#buffer = buffer;
  }

  /** Destroys the buffer if it is owned; doing it twice is harmless. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    if (this.#owned && this.#buffer !== undefined) this.#memory.free(this.#buffer);
    this.#buffer = undefined;
  }
}
