/**
 * Products with the matrix X of all examples, P·Xᵀ, R·X and XᵀWX, and the plain way to compute them: in float64 on the CPU.
 *
 * @module
 */

import type { Examples } from "./logistic_examples.ts";

/** Products with X, of shape [n, d]. Each is one pass over the examples. */
export interface Products {
  /** Whether `forward` rounds its argument to float32. */
  readonly rounds: boolean;
  /** P·Xᵀ. Shape: p [k, d] → [k, n]. */
  forward(p: Float64Array): Promise<Float64Array>;
  /** R·X. Shape: r [k, n] → [k, d]. */
  backward(r: Float64Array): Promise<Float64Array>;
  /** Xᵀ·diag(w)·X for each of several w ≥ 0. Shape: w [n] → [d, d]. */
  gram(weights: readonly Float64Array[]): Promise<Float64Array[]>;
  /** The relative error of an element of `gram`. */
  readonly gramError: number;
  /** Frees what lies on the GPU. */
  dispose(): void;
}

/** In float64 on the CPU. */
export class CpuProducts implements Products {
  readonly rounds = false;
  readonly gramError = 2 ** -48;
  readonly #examples: Examples;

  constructor(examples: Examples) {
    this.#examples = examples;
  }

  async forward(p: Float64Array): Promise<Float64Array> {
    const { length: n, features: d } = this.#examples;
    const count = p.length / d;
    const z = new Float64Array(count * n);
    for await (const { x, start, rows } of this.#examples.blocks()) {
      for (let k = 0; k < count; k++) {
        for (let i = 0, at = 0; i < rows; i++) {
          let sum = 0;
          for (let j = k * d; j < (k + 1) * d; j++, at++) sum += p[j]! * x[at]!;
          z[k * n + start + i] = sum;
        }
      }
    }
    return z;
  }

  async backward(r: Float64Array): Promise<Float64Array> {
    const { length: n, features: d } = this.#examples;
    const count = r.length / n;
    const g = new Float64Array(count * d);
    for await (const { x, start, rows } of this.#examples.blocks()) {
      for (let k = 0; k < count; k++) {
        for (let i = 0, at = 0; i < rows; i++) {
          const factor = r[k * n + start + i]!;
          for (let j = k * d; j < (k + 1) * d; j++, at++) g[j]! += factor * x[at]!;
        }
      }
    }
    return g;
  }

  async gram(weights: readonly Float64Array[]): Promise<Float64Array[]> {
    const d = this.#examples.features;
    const grams = weights.map(() => new Float64Array(d * d));
    for await (const { x, start, rows } of this.#examples.blocks()) {
      grams.forEach((gram, k) => {
        for (let i = 0; i < rows; i++) {
          const weight = weights[k]![start + i]!;
          for (let a = 0; a < d; a++) {
            const factor = weight * x[i * d + a]!;
            if (factor === 0) continue;
            for (let b = 0; b <= a; b++) gram[a * d + b]! += factor * x[i * d + b]!;
          }
        }
      });
    }
    for (const gram of grams) {
      for (let a = 0; a < d; a++) for (let b = 0; b < a; b++) gram[b * d + a] = gram[a * d + b]!;
    }
    return grams;
  }

  dispose(): void {}
}
