/**
 * Kernels: WGSL text with parameters, read once for its bindings and its uniform struct, so that the
 * WGSL file is the only place where they are declared.
 *
 * @module
 */

import { GpuError } from "../errors.ts";
import { expand, type KernelParameters, type LineOrigin, type SourceText } from "./expand.ts";
import { storeHalf } from "./half.ts";

/** A storage buffer or a texture that a kernel declares. */
export interface KernelBinding {
  /** Its name in the WGSL. */
  readonly name: string;
  /** Its binding index. */
  readonly index: number;
  /** How the kernel uses it; textures are read or written, not both. */
  readonly access: "read" | "read_write" | "write";
  /** Whether it is a texture of vec4s, in place of a buffer. */
  readonly texture: boolean;
  /** Whether it holds 16-bit floats. */
  readonly half: boolean;
}

/** A field of a kernel's uniform struct: four bytes at `4 · position`. */
export interface KernelUniform {
  /** Its name in the WGSL. */
  readonly name: string;
  /** Its type. */
  readonly type: "u32" | "i32" | "f32";
}

/**
 * One compute kernel, independent of any device. It declares its storage buffers and textures in group 0 and, if it
 * needs numbers, `struct Uniforms` (scalars only) in the last binding; its entry point is `main`.
 *
 * Convention: a dispatch is a flat number of workgroups, folded into two dimensions by the recorder when
 * it exceeds 65,535; the kernel reads `workgroup.y * workgroups.x + workgroup.x`.
 */
export class Kernel {
  /** `family(PARAMETER=value, …)`. */
  readonly name: string;
  /** The expanded WGSL. */
  readonly code: string;
  /** For each line of `code`, where it was written. */
  readonly origins: readonly LineOrigin[];
  /** The storage buffers and textures, in order of their index. */
  readonly bindings: readonly KernelBinding[];
  /** The fields of the uniform struct, in order; empty if the kernel has none. */
  readonly uniforms: readonly KernelUniform[];
  /** The binding index of the uniform struct. */
  readonly uniformIndex: number | undefined;
  /** Values of the kernel's `override` constants. */
  readonly constants: Readonly<Record<string, number>>;
  readonly #variantOf: (half: readonly string[]) => Kernel;
  readonly #variants = new Map<string, Kernel>();

  /**
   * Expands and reads the text.
   *
   * @param half Names of the buffers that hold 16-bit floats in the place of 32-bit ones. Default: none.
   * @throws {GpuError} if the text cannot be expanded or declares a binding this class cannot read.
   */
  constructor(
    name: string,
    sources: readonly SourceText[],
    parameters: KernelParameters = {},
    constants: Readonly<Record<string, number>> = {},
    half: readonly string[] = [],
  ) {
    const values = Object.entries({ ...parameters, ...constants });
    if (half.length > 0) values.push(["half", half.join()]);
    this.name = values.length === 0
      ? name
      : `${name}(${values.map(([key, value]) => `${key}=${value}`).join(" ")})`;
    const { code, origins } = expand(sources, parameters);
    this.code = half.length === 0 ? code : storeHalf(code, half, this.name);
    this.origins = origins;
    this.constants = constants;
    this.bindings = readBindings(this.code, this.name);
    this.uniforms = readUniforms(code, this.name);
    const uniform = /@group\(0\)\s*@binding\((\d+)\)\s*var<uniform>/.exec(code);
    this.uniformIndex = uniform === null ? undefined : Number(uniform[1]);
    if ((this.uniformIndex === undefined) !== (this.uniforms.length === 0)) {
      throw new GpuError(`Kernel ${this.name}: struct Uniforms and its binding must come together`);
    }
    this.#variantOf = (more) =>
      new Kernel(name, sources, parameters, constants, [...half, ...more]);
  }

  /**
   * The kernel whose named buffers hold 16-bit floats; see `half.ts`.
   *
   * @throws {GpuError} if one of them cannot.
   */
  withHalf(names: readonly string[]): Kernel {
    const missing = this.bindings.filter(({ name, half }) => !half && names.includes(name));
    if (missing.length === 0) return this;
    const key = missing.map(({ name }) => name).join();
    let kernel = this.#variants.get(key);
    if (kernel === undefined) {
      kernel = this.#variantOf(missing.map(({ name }) => name));
      this.#variants.set(key, kernel);
    }
    return kernel;
  }
}

/** All families that were made, for {@linkcode kernelSources}. */
const FAMILIES: { readonly name: string; readonly sources: readonly SourceText[] }[] = [];

/** The texts of all kernel families that the program has loaded: what was measured with others may not hold. */
export function kernelSources(): string {
  const texts = FAMILIES.map(({ name, sources }) =>
    [name, ...sources.map((source) => source.text)].join("\n")
  );
  return texts.sort().join("\n");
}

/** The variants of one kernel text, each made once. */
export class KernelFamily {
  readonly #name: string;
  readonly #sources: readonly SourceText[];
  readonly #variants = new Map<string, Kernel>();

  /**
   * Takes the texts; nothing is expanded yet.
   *
   * @param name As it appears in listings and errors, `matmul/register`.
   * @param sources The texts, functions that are shared before the kernel itself.
   */
  constructor(name: string, sources: readonly SourceText[]) {
    this.#name = name;
    this.#sources = sources;
    FAMILIES.push({ name, sources });
  }

  /** The kernel with these parameters of the text and these `override` constants. */
  variant(
    parameters: KernelParameters = {},
    constants: Readonly<Record<string, number>> = {},
  ): Kernel {
    const key = JSON.stringify([parameters, constants]);
    let kernel = this.#variants.get(key);
    if (kernel === undefined) {
      kernel = new Kernel(this.#name, this.#sources, parameters, constants);
      this.#variants.set(key, kernel);
    }
    return kernel;
  }
}

/** Workgroups in one dimension of a dispatch, at most, on every device. */
const MAX_WORKGROUPS = 65_535;

/**
 * Folds a flat count of workgroups into two dimensions with the fewest superfluous ones.
 *
 * @throws {GpuError} beyond 65,535².
 */
export function foldWorkgroups(count: number): [number, number] {
  const y = Math.max(1, Math.ceil(count / MAX_WORKGROUPS));
  if (y > MAX_WORKGROUPS) {
    throw new GpuError(`Cannot dispatch ${count} workgroups in two dimensions`);
  }
  return [Math.ceil(count / y), y];
}

function readBindings(code: string, name: string): KernelBinding[] {
  const buffer =
    /@group\(0\)\s*@binding\((\d+)\)\s*var<storage,\s*(read|read_write)>\s*(\w+)\s*:\s*([^;]*)/g;
  const buffers = [...code.matchAll(buffer)].map((match) => ({
    index: Number(match[1]),
    access: match[2] as "read" | "read_write",
    name: match[3]!,
    texture: false,
    half: match[4]!.includes("f16"),
  }));
  if ((code.match(/var<storage/g)?.length ?? 0) !== buffers.length) {
    throw new GpuError(
      `Kernel ${name}: expected "@group(0) @binding(i) var<storage, read|read_write> name" for each buffer`,
    );
  }
  const texture =
    /@group\(0\)\s*@binding\((\d+)\)\s*var\s+(\w+)\s*:\s*texture_storage_2d<rgba32float,\s*(read|write)>/g;
  const textures = [...code.matchAll(texture)].map((match) => ({
    index: Number(match[1]),
    access: match[3] as "read" | "write",
    name: match[2]!,
    texture: true,
    half: false,
  }));
  if ((code.match(/:\s*texture_/g)?.length ?? 0) !== textures.length) {
    throw new GpuError(
      `Kernel ${name}: expected "@group(0) @binding(i) var name: texture_storage_2d<rgba32float, read|write>" for each texture`,
    );
  }
  const bindings = [...buffers, ...textures];
  return bindings.sort((a, b) => a.index - b.index);
}

function readUniforms(code: string, name: string): KernelUniform[] {
  const struct = /struct Uniforms\s*\{([^}]*)\}/.exec(code);
  if (struct === null) return [];
  const body = struct[1]!.replaceAll(/\/\/.*$/gm, "");
  return body.split(",").map((field) => field.trim()).filter((field) => field !== "").map(
    (field) => {
      const match = /^(\w+)\s*:\s*(u32|i32|f32)$/.exec(field);
      if (match === null) {
        throw new GpuError(`Kernel ${name}: uniform "${field}" must be "name: u32", i32 or f32`);
      }
      return { name: match[1]!, type: match[2] as KernelUniform["type"] };
    },
  );
}
