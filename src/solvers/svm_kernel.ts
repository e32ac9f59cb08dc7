/**
 * Kernels of support vector machines, and a cache for the rows of their matrix.
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import { checkKeys, checkNumber, checkOneOf } from "../options.ts";
import { Point, type Rows } from "./rows.ts";

/**
 * The function in place of the dot product:
 *
 * linear K(x, z) = x · z, polynomial K(x, z) = (gamma · x · z + offset)^degree, rbf K(x, z) = e^(−gamma · |x − z|²)
 */
export type SvmKernel =
  | { readonly type: "linear" }
  | {
    readonly type: "polynomial";
    /** Whole, at least 1; 3 by default. */
    readonly degree?: number;
    /** Above 0; 1 / features by default. */
    readonly gamma?: number;
    /** At least 0; 0 by default. */
    readonly offset?: number;
  }
  | {
    readonly type: "rbf";
    /** Above 0; 1 / features by default. */
    readonly gamma?: number;
  };

const OPTIONS = {
  linear: ["type"],
  polynomial: ["type", "degree", "gamma", "offset"],
  rbf: ["type", "gamma"],
} as const;

/** A kernel with its options checked. They keep its matrix positive semidefinite. */
export class KernelFunction {
  readonly type: SvmKernel["type"];
  readonly #gamma: number;
  readonly #offset: number;
  readonly #degree: number;

  /** @throws {OptionError} if the kernel is unknown or an option out of range. */
  constructor(kernel: SvmKernel, features: number, what: string) {
    if (typeof kernel !== "object" || kernel === null) {
      throw new OptionError(`${what}: expected an object such as { type: "rbf" }, got ${kernel}`);
    }
    checkOneOf(kernel.type, `${what}: type`, ["linear", "polynomial", "rbf"]);
    checkKeys(kernel, `${what}: ${kernel.type}`, OPTIONS[kernel.type]);
    const { gamma, offset, degree } = {
      gamma: 1 / features,
      offset: 0,
      degree: 3,
      ...Object.fromEntries(Object.entries(kernel).filter(([, value]) => value !== undefined)),
    };
    const most = Number.MAX_VALUE;
    checkNumber(gamma, `${what}: gamma`, { min: 0, exclusiveMin: true, max: most });
    checkNumber(offset, `${what}: offset`, { min: 0, max: most });
    checkNumber(degree, `${what}: degree`, { min: 1, integer: true });
    this.type = kernel.type;
    this.#gamma = gamma;
    this.#offset = offset;
    this.#degree = degree;
  }

  /** out[j] = K(x_j, point), for every j. */
  values(rows: Rows, point: Point, out: Float64Array): void {
    const [gamma, offset, degree] = [this.#gamma, this.#offset, this.#degree];
    if (this.type === "rbf") {
      rows.squaredDistances(point, out);
      for (let j = 0; j < rows.length; j++) out[j] = Math.exp(-gamma * out[j]!);
      return;
    }
    rows.products(point, out);
    if (this.type === "linear") return;
    for (let j = 0; j < rows.length; j++) out[j] = (gamma * out[j]! + offset) ** degree;
  }

  /** K(x_j, x_j), for every j. */
  diagonal(rows: Rows): Float64Array {
    return Float64Array.from({ length: rows.length }, (_, j) => {
      if (this.type === "rbf") return 1;
      const square = rows.squaredNorm(j);
      return this.type === "linear" ? square : (this.#gamma * square + this.#offset) **
        this.#degree;
    });
  }
}

/** The matrix K(x_i, x_j), of which as many rows are kept as the memory holds: those that were used last. */
export class KernelMatrix {
  readonly #kernel: KernelFunction;
  readonly #rows: Rows;
  readonly #point: Point;
  readonly #most: number;
  /** A map lists its keys in the order in which they were set: the first has not been used for the longest time. */
  readonly #kept = new Map<number, Float64Array>();

  /** @param bytes Memory for the rows; two are always kept. */
  constructor(kernel: KernelFunction, rows: Rows, bytes: number) {
    this.#kernel = kernel;
    this.#rows = rows;
    this.#point = new Point(rows.features);
    this.#most = Math.max(2, Math.floor(bytes / (8 * rows.length)));
  }

  /** Row i. It stays as it is until two others have been asked for. */
  row(i: number): Float64Array {
    let row = this.#kept.get(i);
    if (row !== undefined) {
      this.#kept.delete(i);
    } else {
      if (this.#kept.size >= this.#most) {
        const [oldest, values] = this.#kept.entries().next().value!;
        this.#kept.delete(oldest);
        row = values;
      }
      row ??= new Float64Array(this.#rows.length);
      this.#rows.load(i, this.#point);
      this.#kernel.values(this.#rows, this.#point, row);
    }
    this.#kept.set(i, row);
    return row;
  }
}
