/**
 * The device: opened once, watched for every kind of error, and closed in order. This is the only file that
 * touches `navigator.gpu`.
 *
 * @module
 */

import { DeviceLostError, GpuError, OutOfMemoryError } from "../errors.ts";
import { checkKeys, checkNumber, checkOneOf } from "../options.ts";
import { largestTexture, Memory, type Storage } from "./memory.ts";
import { compile, type CompiledKernel } from "./compile.ts";
import type { Kernel } from "./kernel.ts";
import { type DeviceLimits, plannedDevice } from "./planned_device.ts";
import { probe } from "./probe.ts";
import { Tuning, TUNING_MODES, type TuningMode } from "./tuning.ts";
import { defaultTuningPath, TuningFile, tuningIdentity } from "./tuning_file.ts";

/** Options of {@linkcode Gpu.open}. */
export interface DeviceOptions {
  /** Which adapter to prefer on a machine with several. Default: the platform's choice. */
  powerPreference?: "low-power" | "high-performance";
  /** Whether to take the software adapter even where there is a card. Default false. */
  forceFallbackAdapter?: boolean;
  /** Bytes of a buffer, and of a binding, where fewer are to be used than the adapter has: as on a smaller one. */
  limits?: Partial<DeviceLimits>;
  /** How operations choose between ways to compute the same; see {@linkcode TuningMode}. Default "table". */
  tuning?: TuningMode;
  /** The cache file of "cache" and "measure". Default: `strata/tuning-1.json` in the user's cache folder. */
  tuningFile?: string;
}

/** What is known of the adapter. */
export interface AdapterInfo {
  /** Its name, `NVIDIA H200` or `llvmpipe (LLVM 15.0.6, 256 bits)`. */
  readonly name: string;
  /** Whether it computes on the CPU. */
  readonly software: boolean;
  /** Whether subgroup functions compile and give right results. */
  readonly subgroups: boolean;
  /** Invocations of a subgroup; 0 without subgroup functions. */
  readonly subgroupSize: number;
  /** Whether kernels can read storage textures, whole vec4s at a time, and one holds as much as a binding. */
  readonly readableTextures: boolean;
  /** Whether passes can be timed on the GPU. */
  readonly timestamps: boolean;
  /** Whether shaders may use 16-bit floats. */
  readonly float16: boolean;
}

/** What can be copied: a tensor. */
export interface Copyable {
  /** Its memory. */
  readonly storage: Storage;
  /** Where it begins in the memory, in bytes. */
  readonly offset: number;
}

const NO_ADAPTER = "No WebGPU adapter was found. On Linux, install a Vulkan driver: that of your " +
  "graphics card, or the software one with: apt-get install libvulkan1 mesa-vulkan-drivers";

/** The extension of WGSL with `texture_storage_2d<…, read>`. */
const READABLE_TEXTURES = "readonly_and_readwrite_storage_textures";

/** Limits that are raised from WebGPU's defaults to what the adapter has. */
const RAISED_LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxComputeWorkgroupStorageSize",
  "maxTextureDimension2D",
] as const;

/** A GPUDevice with typed errors, counted memory and compiled kernels. */
export class Device {
  /** The platform's device. */
  readonly raw: GPUDevice;
  /** What is known of the adapter. */
  readonly adapter: AdapterInfo;
  /** How large buffers and bindings may be. */
  readonly limits: DeviceLimits;
  /** Its buffers. */
  readonly memory: Memory;
  /** Whether it only counts what a real device would hold, and computes nothing. */
  readonly planned: boolean;
  /** What operations choose by. */
  readonly tuning: Tuning;
  readonly #kernels = new Map<Kernel, CompiledKernel>();
  readonly #lost: Promise<never>;
  #failure: GpuError | undefined;
  #disposed = false;

  private constructor(
    raw: GPUDevice,
    adapter: AdapterInfo,
    tuning: Tuning,
    limits: Partial<DeviceLimits>,
    planned = false,
  ) {
    this.raw = raw;
    this.adapter = adapter;
    this.tuning = tuning;
    this.limits = lowerLimits(raw, limits);
    this.memory = new Memory(raw, this.limits.maxBufferSize);
    this.planned = planned;
    raw.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.fail(typedError((event as GPUUncapturedErrorEvent).error, "GPU"));
    });
    this.#lost = raw.lost.then((info) => {
      this.#failure = new DeviceLostError(
        this.#disposed
          ? "The GPU was disposed; open a new one"
          : `The GPU was lost (${info.reason}): ${info.message || "no reason given"}`,
      );
      throw this.#failure;
    });
    this.#lost.catch(() => {}); // whoever waits sees it; nobody has to
  }

  /**
   * Opens the adapter's device with the limits and features that the kernels use.
   *
   * @throws {GpuError} if there is no adapter, saying what to install.
   */
  static async open(options: DeviceOptions = {}): Promise<Device> {
    const { tuning = "table", tuningFile, limits = {}, ...request } = options;
    checkKeys(options, "Gpu.open", [
      "powerPreference",
      "forceFallbackAdapter",
      "limits",
      "tuning",
      "tuningFile",
    ]);
    checkOneOf(tuning, "Gpu.open: tuning", TUNING_MODES);
    if (options.powerPreference !== undefined) {
      checkOneOf(options.powerPreference, "Gpu.open: powerPreference", [
        "low-power",
        "high-performance",
      ]);
    }
    checkKeys(limits, "Gpu.open: limits", LIMITS);
    for (const name of LIMITS) checkLimit(limits[name], name);
    const adapter = await navigator.gpu?.requestAdapter(request) ?? null;
    if (adapter === null) throw new GpuError(NO_ADAPTER);
    const requiredLimits: Record<string, number> = {};
    for (const name of RAISED_LIMITS) requiredLimits[name] = adapter.limits[name];
    const optional: GPUFeatureName[] = ["timestamp-query", "shader-f16"];
    const listed = optional.filter((name) => adapter.features.has(name));
    const raw = await requestDevice(adapter, listed, requiredLimits);
    const probed = await probe(raw);
    return new Device(
      raw,
      {
        name: adapter.info.description || adapter.info.device || adapter.info.vendor || "unknown",
        software: adapter.info.isFallbackAdapter ?? false,
        float16: raw.features.has("shader-f16"),
        readableTextures: canReadTextures(raw),
        ...probed,
      },
      await openTuning(tuning, tuningFile, adapter),
      limits,
    );
  }

  /**
   * A device that computes nothing and holds nothing, but counts what a device of such an adapter would hold.
   *
   * @param tuning What operations choose by. Default: the tables.
   */
  static planned(
    adapter: AdapterInfo,
    limits: DeviceLimits,
    tuning: Tuning = new Tuning("table"),
  ): Device {
    return new Device(plannedDevice(limits), adapter, tuning, limits, true);
  }

  /** The pipeline of a kernel, compiled on first use. */
  compiled(kernel: Kernel): CompiledKernel {
    let compiled = this.#kernels.get(kernel);
    if (compiled === undefined) {
      compiled = compile(this.raw, kernel, (error) => this.fail(error));
      this.#kernels.set(kernel, compiled);
    }
    return compiled;
  }

  /** Records the first error; it is thrown by the next call that can throw. */
  fail(error: GpuError): void {
    this.#failure ??= error;
  }

  /**
   * Throws what went wrong since the last check.
   *
   * @throws {GpuError} the first error that came up.
   */
  check(): void {
    if (this.#disposed) throw new DeviceLostError("The GPU was disposed; open a new one");
    const failure = this.#failure;
    if (failure === undefined) return;
    // A lost device stays lost. Other errors are reported once: the next call starts afresh.
    if (!(failure instanceof DeviceLostError)) this.#failure = undefined;
    throw failure;
  }

  /** Runs `work` inside error scopes; what they catch is thrown by the next call that can throw. */
  scoped<T>(what: string, work: () => T): T {
    this.raw.pushErrorScope("out-of-memory");
    this.raw.pushErrorScope("validation");
    try {
      return work();
    } finally {
      for (let scope = 0; scope < 2; scope++) {
        this.raw.popErrorScope().then(async (error) => {
          if (error === null) return;
          // A kernel that does not compile is to be reported before what follows from it.
          await Promise.all([...this.#kernels.values()].map(({ checked }) => checked));
          this.fail(typedError(error, what));
        }, () => {}); // rejects only when the device is lost, which is reported by itself
      }
    }
  }

  /** Waits until the GPU has finished all submitted work (about 11 ms in Deno, whatever the work). */
  async synchronize(): Promise<void> {
    this.check();
    await Promise.race([this.raw.queue.onSubmittedWorkDone(), this.#lost]);
    this.check();
  }

  /**
   * Copies bytes of a buffer to the CPU. The call blocks until submitted work is done and its promise
   * resolves about 10 ms later; work that is submitted in between keeps the GPU busy meanwhile.
   *
   * @param stagingBytes Of the buffer that the bytes go through, at least. Default: as many as are read.
   */
  async read(
    buffer: GPUBuffer,
    offset: number,
    bytes: number,
    stagingBytes = 0,
  ): Promise<ArrayBuffer> {
    this.check();
    if (bytes === 0) return new ArrayBuffer(0);
    const size = Math.ceil(bytes / 4) * 4;
    const staging = this.memory.allocate(
      Math.max(size, stagingBytes),
      GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      "staging",
      "reading",
    );
    if (this.planned) {
      this.memory.free(staging); // at once, so that nobody has to wait for it
      return new ArrayBuffer(bytes);
    }
    try {
      const encoder = this.raw.createCommandEncoder();
      encoder.copyBufferToBuffer(buffer, offset, staging, 0, size);
      this.raw.queue.submit([encoder.finish()]);
      try {
        await Promise.race([staging.mapAsync(GPUMapMode.READ), this.#lost]);
      } catch (error) {
        this.check();
        throw error;
      }
      this.check();
      return staging.getMappedRange().slice(0, bytes);
    } finally {
      this.memory.free(staging);
    }
  }

  /** Copies bytes between tensors, in order with all work submitted before and after. */
  copy(
    from: Copyable,
    fromOffset: number,
    to: Copyable,
    toOffset: number,
    bytes: number,
  ): void {
    this.check();
    if (bytes === 0) return;
    const encoder = this.raw.createCommandEncoder();
    encoder.copyBufferToBuffer(
      from.storage.buffer,
      from.offset + fromOffset,
      to.storage.buffer,
      to.offset + toOffset,
      bytes,
    );
    this.raw.queue.submit([encoder.finish()]);
  }

  /** Destroys the device; pending calls reject. Doing it twice is harmless. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.raw.destroy();
  }

  /** Waits for submitted work, then destroys the device: the order that never aborts the process. */
  async close(): Promise<void> {
    if (this.#disposed) return;
    await Promise.race([this.raw.queue.onSubmittedWorkDone(), this.#lost]).catch(() => {});
    this.dispose();
  }
}

const LIMITS = ["maxBufferSize", "maxStorageBufferBindingSize"] as const;

/** A binding of 256 bytes is the smallest that views can be cut for. */
function checkLimit(value: number | undefined, name: string): void {
  if (value === undefined) return;
  checkNumber(value, `Gpu.open: limits: ${name}`, { min: 256, integer: true });
}

/** The limits of the platform's device, or those asked for where they are lower. */
function lowerLimits({ limits }: GPUDevice, asked: Partial<DeviceLimits>): DeviceLimits {
  const lower = (name: keyof DeviceLimits) => Math.min(limits[name], asked[name] ?? Infinity);
  return {
    maxBufferSize: lower("maxBufferSize"),
    maxStorageBufferBindingSize: lower("maxStorageBufferBindingSize"),
  };
}

function canReadTextures({ limits }: GPUDevice): boolean {
  if (largestTexture(limits) < limits.maxStorageBufferBindingSize) return false;
  // Deno's types lack the list of WGSL's extensions.
  const { wgslLanguageFeatures } = navigator.gpu as unknown as {
    wgslLanguageFeatures?: ReadonlySet<string>;
  };
  return wgslLanguageFeatures?.has(READABLE_TEXTURES) ?? false;
}

/** The choices of an adapter; those of the tables need no file. */
async function openTuning(
  mode: TuningMode,
  file: string | undefined,
  adapter: GPUAdapter,
): Promise<Tuning> {
  if (mode === "table") return await Tuning.open(mode);
  const path = file ?? await defaultTuningPath();
  if (path === undefined) return await Tuning.open(mode);
  return await Tuning.open(mode, new TuningFile(path, await tuningIdentity(adapter.info)));
}

/** Subgroups work on adapters that do not list them, so they are asked for and dropped if refused. */
async function requestDevice(
  adapter: GPUAdapter,
  listed: GPUFeatureName[],
  requiredLimits: Record<string, number>,
): Promise<GPUDevice> {
  const subgroups = "subgroups" as GPUFeatureName;
  try {
    return await adapter.requestDevice({
      requiredFeatures: [...listed, subgroups],
      requiredLimits,
    });
  } catch {
    try {
      return await adapter.requestDevice({ requiredFeatures: listed, requiredLimits });
    } catch (error) {
      throw new GpuError(`Cannot open the GPU: ${error instanceof Error ? error.message : error}`);
    }
  }
}

function typedError(error: GPUError, what: string): GpuError {
  const text = `${what}: ${error.message}`;
  return error instanceof GPUOutOfMemoryError ? new OutOfMemoryError(text) : new GpuError(text);
}
