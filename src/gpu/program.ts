/**
 * Programs: a fixed sequence of dispatches, recorded once and replayed with one submit, several replays together if wanted.
 *
 * @module
 */

import { GpuError } from "../errors.ts";
import { checkShape, formatShape, type Shape, sizeOf } from "../shape.ts";
import type { Device } from "./device.ts";
import { TENSOR_USAGE } from "./gpu.ts";
import { paddedBytes, Storage, textureBytes } from "./memory.ts";
import type { Lifetime } from "./plan.ts";
import { profileByWallClock, profileDispatches } from "./profile.ts";
import {
  bind,
  type BoundDispatch,
  createBindGroup,
  type Dispatch,
  type Recorder,
} from "./recorder.ts";
import { ScratchPool } from "./scratch_pool.ts";
import { bytesPerElement, type DataType, type Float, Tensor } from "./tensor.ts";
import { encodeTextureCopy, TEXTURE_COPY } from "./texture.ts";
import { type CopiedRange, TextureCopies } from "./texture_copies.ts";
import { UniformBlock } from "./uniform_block.ts";

/** One dispatch as {@linkcode Program.describe} lists it. */
export interface DispatchDescription {
  /** The section of the program. */
  readonly section: string;
  /** What it computes. */
  readonly label: string;
  /** The kernel variant. */
  readonly kernel: string;
  /** Workgroups launched. */
  readonly workgroups: number;
  /** Arithmetic operations, a multiply-add counted as two. */
  readonly flops: number;
  /** Bytes of the bound tensors, each counted once, or as many of them as it touches. */
  readonly bytes: number;
}

/** A dispatch with the time it took. */
export interface DispatchProfile extends DispatchDescription {
  /** Milliseconds that it took, the median of the repetitions. */
  readonly milliseconds: number;
  /** In one replay, that of median length: milliseconds from the beginning of the program to its own, … */
  readonly begin: number;
  /** … and to its end. */
  readonly end: number;
}

/** How a program is recorded. */
export interface ProgramOptions {
  /** Memory to share with other programs. Default: memory of its own. */
  readonly pool?: ScratchPool;
  /** The most replays that may wait for one submit. Default 1. */
  readonly replays?: number;
}

/** Consecutive dispatches. */
interface Range {
  readonly begin: number;
  readonly end: number;
}

interface Section {
  readonly name: string;
  readonly begin: number;
  end: number;
}

/** What {@linkcode Program.record} hands to the function that records. */
export interface ProgramRecorder extends Recorder {
  /** Begins a section: a run of dispatches that can be replayed by itself. */
  section(name: string): void;
  /** Gives a result memory of its own, so that it stays until the program's next replay. */
  keep<T extends DataType>(tensor: Tensor<T>): Tensor<T>;
}

class Recording implements ProgramRecorder {
  readonly device: Device;
  readonly recording = true;
  readonly #copies = new TextureCopies();
  readonly dispatches: BoundDispatch[] = [];
  readonly sections: Section[] = [{ name: "", begin: 0, end: 0 }];
  /** Storage that waits for its buffer. */
  readonly intermediates: Set<Storage> = new Set();
  /** Those of them that get a buffer of their own. */
  readonly kept: Set<Storage> = new Set();

  constructor(device: Device) {
    this.device = device;
  }

  /** A tensor whose memory is planned, and shared with others, once recording is over. */
  empty<T extends DataType = Float>(shape: Shape, type: T = "f32" as T): Tensor<T> {
    const label = `intermediate ${formatShape(shape)}`;
    checkShape(shape, label);
    const bytes = sizeOf(shape) * bytesPerElement(type);
    const storage = new Storage(
      this.device.memory,
      bytes,
      label,
      undefined,
      false,
      type === "texture",
    );
    this.intermediates.add(storage);
    return new Tensor(this.device, storage, shape, type);
  }

  /** Does nothing: lifetimes follow from the dispatches. */
  release(): void {}

  copyOnce(
    tensor: Tensor,
    range: CopiedRange,
    make: () => Tensor<"texture">,
  ): Tensor<"texture"> {
    return this.#copies.once(tensor, range, make);
  }

  dispatch(dispatch: Dispatch): void {
    const bound = bind(this.device, dispatch);
    bound.dispatch.kernel.bindings.forEach(({ access }, i) => {
      if (access !== "read") this.#copies.written(bound.tensors[i]!);
    });
    if (dispatch.workgroups === 0) return;
    this.dispatches.push(bound);
    this.sections.at(-1)!.end = this.dispatches.length;
  }

  section(name: string): void {
    const at = this.dispatches.length;
    this.sections.push({ name, begin: at, end: at });
  }

  keep<T extends DataType>(tensor: Tensor<T>): Tensor<T> {
    if (this.intermediates.has(tensor.storage)) this.kept.add(tensor.storage);
    return tensor;
  }
}

/** A recorded sequence of dispatches over buffers that are allocated once. */
export class Program {
  /** Names it in listings. */
  readonly name: string;
  readonly #device: Device;
  readonly #dispatches: readonly BoundDispatch[];
  readonly #sections: readonly Section[];
  /** Of each dispatch and replay; the same for all replays where no number changes. */
  readonly #bindGroups: GPUBindGroup[][] = [];
  /** Of each dispatch; undefined for a copy into a texture. */
  readonly #pipelines: (GPUComputePipeline | undefined)[] = [];
  readonly #ownPool: ScratchPool | undefined;
  readonly #kept: Storage[] = [];
  readonly #owned: (GPUBuffer | GPUTexture)[] = [];
  readonly #uniforms: UniformBlock;
  readonly #replays: number;
  /** The ranges of dispatches of the replays that wait. */
  #queued: (readonly Range[])[] = [];
  #disposed = false;

  private constructor(name: string, recorder: Recording, options: ProgramOptions) {
    const { pool, replays = 1 } = options;
    this.name = name;
    this.#replays = replays;
    this.#device = recorder.device;
    this.#dispatches = recorder.dispatches;
    this.#sections = recorder.sections;
    this.#ownPool = pool === undefined ? new ScratchPool(this.#device) : undefined;
    const lifetimes = findLifetimes(recorder, name);
    this.#uniforms = new UniformBlock(this.#device, this.#dispatches, name, replays);
    try {
      this.#device.scoped(`program ${name}`, () => {
        this.#plan(recorder, lifetimes, pool ?? this.#ownPool!);
        this.#bind();
      });
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /**
   * Records what `build` sends to the recorder and plans its memory.
   *
   * @throws {GpuError} if an intermediate result is read before it is written.
   */
  static record(
    device: Device,
    name: string,
    build: (recorder: ProgramRecorder) => void,
    options: ProgramOptions = {},
  ): Program {
    device.check();
    const recorder = new Recording(device);
    build(recorder);
    return new Program(name, recorder, options);
  }

  /**
   * Replays the program, or those of its sections that are named, in their recorded order. Returns at once.
   *
   * @throws {GpuError} if there is no such section, or the GPU reported an error before.
   */
  run(...sections: string[]): void {
    this.queue(...sections);
    this.submit();
  }

  /**
   * Like {@linkcode Program.run}, with the numbers as they are now, but the replay waits for {@linkcode Program.submit}, or until as
   * many wait as the program was recorded for: handing over many at once takes the CPU less time. Until then nothing else may be
   * submitted that the replay has to come before.
   */
  queue(...sections: string[]): void {
    if (this.#disposed) throw new GpuError(`Cannot run program ${this.name}: it was disposed`);
    this.#device.check();
    const ranges = sections.length === 0
      ? [{ begin: 0, end: this.#dispatches.length }]
      : sections.map((name) => this.#section(name));
    this.#uniforms.set(this.#queued.length);
    this.#queued.push(ranges);
    if (this.#queued.length === this.#replays) this.submit();
  }

  /** Submits the replays that wait, in one command buffer. */
  submit(): void {
    const queued = this.#queued;
    if (queued.length === 0) return;
    this.#queued = [];
    this.#uniforms.upload(queued.length);
    const { raw } = this.#device;
    const encoder = raw.createCommandEncoder();
    this.#encode(encoder, queued);
    raw.queue.submit([encoder.finish()]);
  }

  /** Every dispatch with its section, kernel, work and memory traffic. */
  describe(): DispatchDescription[] {
    return this.#dispatches.map(({ dispatch, tensors }, i) => ({
      section: this.#sections.find((section) => i >= section.begin && i < section.end)?.name ?? "",
      label: dispatch.label,
      kernel: dispatch.kernel.name,
      workgroups: dispatch.workgroups,
      flops: dispatch.flops ?? 0,
      bytes: dispatch.bytes ?? tensors.reduce((sum, tensor) => sum + tensor.bytes, 0),
    }));
  }

  /**
   * Replays the program with every dispatch timed.
   *
   * @param repetitions Replays to take the median of. Default 5.
   * @param clock `gpu`: timestamps on the GPU, the default. `wall`: for adapters without; every dispatch is repeated by itself
   * until that can be timed, so that what the program wrote is meaningless afterwards.
   * @throws {GpuError} if the adapter has no timestamps, or the program was disposed.
   */
  async profile(repetitions = 5, clock: "gpu" | "wall" = "gpu"): Promise<DispatchProfile[]> {
    if (this.#disposed) throw new GpuError(`Cannot profile program ${this.name}: it was disposed`);
    this.submit();
    this.#uniforms.set(0);
    this.#uniforms.upload(1);
    const launches = this.#dispatches.map(({ grid }, i) => ({
      pipeline: this.#pipelines[i],
      bindGroup: this.#pipelines[i] && this.#bindGroup(i, 0),
      grid,
      copy: (encoder: GPUCommandEncoder) => encodeTextureCopy(encoder, this.#dispatches[i]!),
    }));
    const time = clock === "gpu" ? profileDispatches : profileByWallClock;
    const times = await time(this.#device, launches, repetitions);
    return this.describe().map((row, i) => ({ ...row, ...times[i]! }));
  }

  /** Frees what the program owns; doing it twice is harmless. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#ownPool?.dispose();
    for (const storage of this.#kept) storage.dispose();
    for (const resource of this.#owned) this.#device.memory.free(resource);
    this.#device.memory.free(this.#uniforms.buffer);
  }

  /** Frees it at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #section(name: string): Section {
    const section = this.#sections.find((candidate) => candidate.name === name);
    if (section === undefined) throw new GpuError(`Program ${this.name} has no section "${name}"`);
    return section;
  }

  /** All dispatches of all replays in one pass, which only copies into textures interrupt. */
  #encode(encoder: GPUCommandEncoder, replays: readonly (readonly Range[])[]): void {
    let pass: GPUComputePassEncoder | undefined;
    let current: GPUComputePipeline | undefined;
    replays.forEach((ranges, replay) => {
      for (const { begin, end } of ranges) {
        for (let i = begin; i < end; i++) {
          const pipeline = this.#pipelines[i];
          if (pipeline === undefined) {
            pass?.end();
            pass = current = undefined;
            encodeTextureCopy(encoder, this.#dispatches[i]!);
            continue;
          }
          pass ??= encoder.beginComputePass();
          if (pipeline !== current) {
            current = pipeline;
            pass.setPipeline(pipeline);
          }
          pass.setBindGroup(0, this.#bindGroup(i, replay));
          const [x, y] = this.#dispatches[i]!.grid;
          pass.dispatchWorkgroups(x, y);
        }
      }
    });
    pass?.end();
  }

  #plan(
    recorder: Recording,
    lifetimes: ReadonlyMap<Storage, Lifetime>,
    pool: ScratchPool,
  ): void {
    const { memory } = this.#device;
    const shared = [...lifetimes.keys()].filter((storage) => !recorder.kept.has(storage));
    const [textures, buffers] = [true, false].map((isTexture) =>
      shared.filter((storage) => storage.isTexture === isTexture)
    ) as [Storage[], Storage[]];
    const lifetimesOf = (storages: Storage[]) => storages.map((storage) => lifetimes.get(storage)!);
    const assigned = [
      ...pool.assignTextures(lifetimesOf(textures)),
      ...pool.assign(lifetimesOf(buffers)),
    ];
    [...textures, ...buffers].forEach((storage, i) => storage.assign(assigned[i]!));
    for (const storage of recorder.kept) {
      const label = `result of ${this.name}`;
      const resource = storage.isTexture
        ? memory.allocateTexture(storage.bytes, label, "results")
        : memory.allocate(storage.bytes, TENSOR_USAGE, label, "results");
      this.#owned.push(resource);
      this.#kept.push(storage);
      storage.assign(resource);
    }
  }

  #bind(): void {
    this.#dispatches.forEach(({ dispatch: { kernel } }, i) => {
      this.#bindGroups.push([]);
      if (kernel === TEXTURE_COPY) {
        this.#pipelines.push(undefined);
        return;
      }
      this.#pipelines.push(this.#device.compiled(kernel).pipeline);
      this.#bindGroup(i, 0);
    });
  }

  /** The bind group of a dispatch in a replay, made when it is first asked for. */
  #bindGroup(dispatch: number, replay: number): GPUBindGroup {
    const uniforms = this.#uniforms;
    const groups = this.#bindGroups[dispatch]!;
    return groups[uniforms.changes(dispatch) ? replay : 0] ??= createBindGroup(
      this.#device,
      this.#dispatches[dispatch]!,
      uniforms.buffer,
      uniforms.offset(dispatch, replay),
    );
  }
}

/** First and last use of every intermediate result. */
function findLifetimes(recorder: Recording, name: string): Map<Storage, Lifetime> {
  const lifetimes = new Map<Storage, Lifetime>();
  recorder.dispatches.forEach(({ dispatch, tensors }, at) => {
    tensors.forEach(({ storage }, i) => {
      if (!recorder.intermediates.has(storage)) return;
      const known = lifetimes.get(storage);
      const binding = dispatch.kernel.bindings[i]!;
      if (known === undefined && binding.access === "read" && storage.bytes > 0) {
        throw new GpuError(
          `Program ${name}: ${dispatch.label} reads "${binding.name}" before anything wrote it`,
        );
      }
      const bytes = storage.isTexture ? textureBytes(storage.bytes) : paddedBytes(storage.bytes);
      lifetimes.set(storage, { bytes, first: known?.first ?? at, last: at });
    });
  });
  return lifetimes;
}
