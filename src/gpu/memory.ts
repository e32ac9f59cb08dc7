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
  /** Buffers and textures now alive. */
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

/** What a texture can be used for: STORAGE_BINDING | COPY_DST, known without a GPU. */
const TEXTURE_USAGE = 0x8 | 0x2;
/** Texels in a row of a texture, as in texels.wgsl; few, so that most tensors are whole rows, which one command copies. */
export const TEXELS_PER_ROW = 512;
/** Bytes of a row: of four floats for each texel. */
const ROW_BYTES = 16 * TEXELS_PER_ROW;

/** Bytes of a texture for `bytes` of content: whole rows. */
export function textureBytes(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / ROW_BYTES)) * ROW_BYTES;
}

/** Bytes of a texture, at most. */
export function largestTexture({ maxTextureDimension2D }: GPUSupportedLimits): number {
  return ROW_BYTES * maxTextureDimension2D;
}

/** Makes buffers and textures, refuses those over the limits, and counts what is alive. */
export class Memory {
  readonly #device: GPUDevice;
  readonly #limit: number;
  readonly #purposes = new WeakMap<GPUBuffer | GPUTexture, MemoryPurpose>();
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
    this.#add(buffer, purpose);
    return buffer;
  }

  /**
   * Makes a texture for at least `bytes` of floats.
   *
   * @throws {OutOfMemoryError} before the GPU is asked, if it is over the device's limit.
   */
  allocateTexture(
    bytes: number,
    label: string,
    purpose: MemoryPurpose = "other",
  ): GPUTexture {
    const size = textureBytes(bytes);
    const limit = largestTexture(this.#device.limits);
    if (size > limit) {
      throw new OutOfMemoryError(
        `Cannot allocate ${size} bytes for ${label}: the device allows ${limit} bytes a texture`,
      );
    }
    const texture = this.#device.createTexture({
      size: [TEXELS_PER_ROW, size / ROW_BYTES],
      format: "rgba32float",
      usage: TEXTURE_USAGE,
      label,
    });
    this.#add(texture, purpose);
    return texture;
  }

  /** Destroys what this class made; the GPU finishes submitted work first. */
  free(resource: GPUBuffer | GPUTexture): void {
    this.#count(this.#purposes.get(resource)!, -1, -bytesOf(resource));
    resource.destroy();
  }

  #add(resource: GPUBuffer | GPUTexture, purpose: MemoryPurpose): void {
    this.#purposes.set(resource, purpose);
    this.#count(purpose, 1, bytesOf(resource));
    if (this.#bytes > this.#peakBytes) this.restartPeak();
  }

  #count(purpose: MemoryPurpose, buffers: number, bytes: number): void {
    this.#buffers += buffers;
    this.#bytes += bytes;
    const held = (this.#held[purpose] ?? 0) + bytes;
    if (held === 0) delete this.#held[purpose];
    else this.#held[purpose] = held;
  }
}

/** Bytes of a buffer or a texture. */
export function bytesOf(resource: GPUBuffer | GPUTexture): number {
  return "width" in resource ? 16 * resource.width * resource.height : resource.size;
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
  /** Whether a texture is behind it, or will be, and not a buffer. */
  readonly isTexture: boolean;
  readonly #memory: Memory;
  readonly #owned: boolean;
  #resource: GPUBuffer | GPUTexture | undefined;
  #disposed = false;

  /**
   * Describes memory that is there or will be assigned.
   *
   * @param resource The buffer or texture, or undefined if one is assigned later.
   * @param owned Whether disposing destroys it.
   * @param isTexture Whether it is a texture. Default false.
   */
  constructor(
    memory: Memory,
    bytes: number,
    label: string,
    resource: GPUBuffer | GPUTexture | undefined,
    owned: boolean,
    isTexture = false,
  ) {
    this.#memory = memory;
    this.bytes = bytes;
    this.label = label;
    this.#resource = resource;
    this.#owned = owned;
    this.isTexture = isTexture;
  }

  /** Whether the storage was disposed. */
  get disposed(): boolean {
    return this.#disposed;
  }

  /** Whether a buffer or texture is behind it. */
  get planned(): boolean {
    return this.#resource !== undefined;
  }

  /**
   * The buffer.
   *
   * @throws {GpuError} if it was disposed, or belongs to a program that is still being recorded.
   */
  get buffer(): GPUBuffer {
    if (this.isTexture) throw new GpuError(`Cannot use ${this.label} as a buffer`);
    return this.#use() as GPUBuffer;
  }

  /**
   * The texture.
   *
   * @throws {GpuError} as `buffer`.
   */
  get texture(): GPUTexture {
    if (!this.isTexture) throw new GpuError(`Cannot use ${this.label} as a texture`);
    return this.#use() as GPUTexture;
  }

  #use(): GPUBuffer | GPUTexture {
    if (this.#disposed) throw new GpuError(`Cannot use ${this.label}: it was disposed`);
    if (this.#resource === undefined) {
      throw new GpuError(`Cannot use ${this.label}: its program is still being recorded`);
    }
    return this.#resource;
  }

  /** Gives planned storage its buffer or texture. */
  assign(resource: GPUBuffer | GPUTexture): void {
    this.#resource = resource;
  }

  /** Destroys the buffer or texture if it is owned; doing it twice is harmless. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    if (this.#owned && this.#resource !== undefined) this.#memory.free(this.#resource);
    this.#resource = undefined;
  }
}
