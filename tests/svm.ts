/**
 * Samples for the tests of support vector machines, and their objectives as the textbook has them.
 *
 * @module
 */

import { Random } from "../src/random.ts";
import type { SparseRows, SvmData } from "../src/solvers/svm_data.ts";
import type { SvmKernel } from "../src/solvers/svm_kernel.ts";

/** What tools/golden_svm.py has written. */
export interface Golden {
  features: number;
  x: number[];
  y: number[];
  points: number[];
  svc: {
    kernel: SvmKernel;
    c: number;
    objective: number;
    supportVectors: number[];
    bias: number;
    iterations: number;
    decision: number[];
  }[];
  linearSvc: {
    lambda: number;
    bias: number;
    objective: number;
    weights: number[];
    intercept: number;
  }[];
}

export const golden: Golden = JSON.parse(
  Deno.readTextFileSync(new URL("fixtures/svm.json", import.meta.url)),
);

/** Two clouds at ±shift on every axis; about `zeros` of the features are 0. */
export function clouds(
  options: {
    samples: number;
    features: number;
    shift: number;
    seed: number;
    zeros?: number;
    sorted?: boolean;
  },
): SvmData & { x: Float64Array; y: Int8Array } {
  const { samples, features, shift, seed, zeros = 0, sorted = false } = options;
  const random = new Random(seed);
  const y = Int8Array.from(
    { length: samples },
    (_, i) => (sorted ? i < samples / 2 : i % 2 === 0) ? 1 : -1,
  );
  const x = Float64Array.from({ length: samples * features }, (_, k) => {
    const value = random.normal() + shift * y[Math.floor(k / features)]!;
    return random.uniform() < zeros ? 0 : value;
  });
  return { x, y, features };
}

/** The same samples as sparse rows. */
export function sparse(x: ArrayLike<number>, features: number): SparseRows {
  const [values, indices, starts] = [[] as number[], [] as number[], [0]];
  for (let k = 0; k < x.length; k++) {
    if (x[k] !== 0) {
      values.push(x[k]!);
      indices.push(k % features);
    }
    if ((k + 1) % features === 0) starts.push(values.length);
  }
  return {
    values: Float64Array.from(values),
    indices: Uint32Array.from(indices),
    starts: Uint32Array.from(starts),
  };
}

/** The rows of a matrix. */
export function rowsOf(x: ArrayLike<number>, features: number): number[][] {
  const values = Array.from(x);
  return Array.from(
    { length: x.length / features },
    (_, i) => values.slice(i * features, (i + 1) * features),
  );
}

export const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, value, k) => sum + value * b[k]!, 0);

/** K(x, z), by its formula. */
export function kernelOf(kernel: SvmKernel, x: number[], z: number[]): number {
  if (kernel.type === "linear") return dot(x, z);
  const gamma = kernel.gamma ?? 1 / x.length;
  if (kernel.type === "rbf") {
    return Math.exp(-gamma * x.reduce((sum, value, k) => sum + (value - z[k]!) ** 2, 0));
  }
  return (gamma * dot(x, z) + (kernel.offset ?? 0)) ** (kernel.degree ?? 3);
}
