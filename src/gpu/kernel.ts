/**
 * Kernels: WGSL text with parameters, read once for its bindings and its uniform struct, so that the
 * WGSL file is the only place where they are declared.
 *
 * @module
 */

import { GpuError } from "../errors.ts";
import { expand, type KernelParameters, type LineOrigin, type SourceText } from "./expand.ts";

/** A storage buffer that a kernel declares. */
export interface KernelBinding {
  /** Its name in the WGSL. */
  readonly name: string;
  /** Its binding index. */
  readonly index: number;
  /** How the kernel uses it. */
  readonly access: "read" | "read_write";
}

/** A field of a kernel's uniform struct: four bytes at `4 · position`. */
export interface KernelUniform {
  /** Its name in the WGSL. */
  readonly name: string;
  /** Its type. */
  readonly type: "u32" | "i32" | "f32";
}

/**
 * One compute kernel, independent of any device. It declares its storage buffers in group 0 and, if it
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
  /** The storage buffers, in order of their index. */
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
  const pattern = /@group\(0\)\s*@binding\((\d+)\)\s*var<storage,\s*(read|read_write)>\s*(\w+)/g;
  const bindings = [...code.matchAll(pattern)].map((match) => ({
    index: Number(match[1]),
    access: match[2] as "read" | "read_write",
    name: match[3]!,
  }));
  const declared = code.match(/var<storage/g)?.length ?? 0;
  if (declared !== bindings.length) {
    throw new GpuError(
      `Kernel ${name}: expected "@group(0) @binding(i) var<storage, read|read_write> name" for each buffer`,
    );
  }
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
