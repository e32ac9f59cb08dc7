/**
 * Kernels: WGSL text with parameters, read once for its bindings and its uniform struct, so that the
 * WGSL file is the only place where they are declared.
 *
 * @module
 */

import { GpuError } from "../errors.ts";
import { expand, type KernelParameters, type LineOrigin, type SourceText } from "./expand.ts";

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

  /**
   * Expands and reads the text.
   *
   * @throws {GpuError} if the text cannot be expanded or declares a binding this class cannot read.
   */
  constructor(
    name: string,
    sources: readonly SourceText[],
    parameters: KernelParameters = {},
    constants: Readonly<Record<string, number>> = {},
  ) {
    const values = Object.entries({ ...parameters, ...constants });
    this.name = values.length === 0
      ? name
      : `${name}(${values.map(([key, value]) => `${key}=${value}`).join(" ")})`;
    const { code, origins } = expand(sources, parameters);
    this.code = code;
    this.origins = origins;
    this.constants = constants;
    this.bindings = readBindings(code, this.name);
    this.uniforms = readUniforms(code, this.name);
    const uniform = /@group\(0\)\s*@binding\((\d+)\)\s*var<uniform>/.exec(code);
    this.uniformIndex = uniform === null ? undefined : Number(uniform[1]);
    if ((this.uniformIndex === undefined) !== (this.uniforms.length === 0)) {
      throw new GpuError(`Kernel ${this.name}: struct Uniforms and its binding must come together`);
    }
  }
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
  const buffer = /@group\(0\)\s*@binding\((\d+)\)\s*var<storage,\s*(read|read_write)>\s*(\w+)/g;
  const buffers = [...code.matchAll(buffer)].map((match) => ({
    index: Number(match[1]),
    access: match[2] as "read" | "read_write",
    name: match[3]!,
    texture: false,
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
