/**
 * The dual problem of a support vector machine, and the steps of sequential minimal optimisation.
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import type { Rows } from "./rows.ts";
import { type KernelFunction, KernelMatrix } from "./svm_kernel.ts";

/** The least curvature that a step counts with, where two samples are the same. */
const LEAST_CURVATURE = 1e-12;

/** What a step has come to. */
export type StepOutcome = "moved" | "optimal" | "stalled";

/**
 * The dual in signed coefficients β_i = y_i α_i, which makes both classes alike:
 *
 * maximise D = Σ y_i β_i − ½ Σ β_i β_j K_ij subject to Σ β_i = 0 and β_i between 0 and y_i C.
 *
 * Its gradient is the error E_i = y_i − Σ_j β_j K_ij. A step takes from β_j what it gives to β_i, so the sum stays 0. At the
 * maximum no pair gains: E is nowhere larger where β may rise than where β may fall.
 */
export class DualProblem {
  readonly beta: Float64Array;
  readonly errors: Float64Array;
  /** The largest error where β may rise. */
  #highest = -Infinity;
  #highestAt = -1;
  /** The smallest error where β may fall. */
  #lowest = Infinity;
  readonly #y: Float64Array;
  readonly #c: number;
  readonly #matrix: KernelMatrix;
  readonly #diagonal: Float64Array;
  readonly #mayRise: Uint8Array;
  readonly #mayFall: Uint8Array;
  /** The samples that steps look at, ascending, in the first elements. */
  readonly #active: Int32Array;
  #activeCount = 0;

  /** @throws {OptionError} if the kernel of a sample with itself is too large for float64. */
  constructor(rows: Rows, y: Float64Array, kernel: KernelFunction, c: number, cacheBytes: number) {
    const samples = rows.length;
    this.#y = y;
    this.#c = c;
    this.#matrix = new KernelMatrix(kernel, rows, cacheBytes);
    this.#diagonal = kernel.diagonal(rows);
    // |K_ij| is at most the larger of K_ii and K_jj, so no sum overflows if these do not.
    const large = this.#diagonal.findIndex((value) => !((value * c * samples) < 1e300));
    if (large >= 0) {
      throw new OptionError(
        `smo: the kernel of sample ${large} with itself is ${
          this.#diagonal[large]
        }, which is too large: scale the samples`,
      );
    }
    this.beta = new Float64Array(samples);
    this.errors = new Float64Array(samples);
    this.#mayRise = new Uint8Array(samples);
    this.#mayFall = new Uint8Array(samples);
    this.#active = new Int32Array(samples);
    for (let i = 0; i < samples; i++) this.#setBeta(i, 0);
    this.refresh();
  }

  /** By how much the conditions of the maximum are violated (Karush, Kuhn, Tucker); 0 or less at the maximum. */
  get violation(): number {
    return this.#highest - this.#lowest;
  }

  /** The mean error of the coefficients strictly between their bounds, which is b; without any, the middle of what b may be. */
  get bias(): number {
    let [sum, free] = [0, 0];
    for (let i = 0; i < this.beta.length; i++) {
      if (!this.#mayRise[i] || !this.#mayFall[i]) continue;
      sum += this.errors[i]!;
      free++;
    }
    return free > 0 ? sum / free : (this.#highest + this.#lowest) / 2;
  }

  /** D = ½ Σ β_i (y_i + E_i). */
  get objective(): number {
    let sum = 0;
    for (let i = 0; i < this.beta.length; i++) {
      sum += this.beta[i]! * (this.#y[i]! + this.errors[i]!);
    }
    return sum / 2;
  }

  /**
   * The primal objective with this bias, less D. With s_i = y_i (E_i − b), which is 1 less the margin, it is a sum of terms none of
   * which is negative:
   *
   * P − D = Σ C · max(0, s_i) − α_i s_i
   */
  dualityGap(bias: number): number {
    let gap = 0;
    for (let i = 0; i < this.beta.length; i++) {
      const slack = this.#y[i]! * (this.errors[i]! - bias);
      const alpha = Math.abs(this.beta[i]!);
      gap += slack > 0 ? (this.#c - alpha) * slack : alpha * -slack;
    }
    return gap;
  }

  /**
   * One step: i has the largest error that may rise. Of those that may fall, j promises the most,
   * (E_i − E_j)² / 2 (K_ii + K_jj − 2 K_ij), the gain if there were no bounds (Fan, Chen and Lin, WSS 2).
   */
  step(tolerance: number): StepOutcome {
    const { errors, beta } = this;
    const [active, diagonal, mayRise, mayFall] = [
      this.#active,
      this.#diagonal,
      this.#mayRise,
      this.#mayFall,
    ];
    if (this.violation <= tolerance) return "optimal";
    const [i, highest] = [this.#highestAt, this.#highest];
    const rowI = this.#matrix.row(i);
    let [j, most] = [-1, -1];
    for (let k = 0; k < this.#activeCount; k++) {
      const t = active[k]!;
      const difference = highest - errors[t]!;
      if (mayFall[t] === 0 || difference <= 0) continue;
      const curvature = diagonal[i]! + diagonal[t]! - 2 * rowI[t]!;
      const gain = difference * difference /
        (curvature > LEAST_CURVATURE ? curvature : LEAST_CURVATURE);
      if (gain > most) {
        most = gain;
        j = t;
      }
    }
    const rowJ = this.#matrix.row(j);
    const curvature = Math.max(LEAST_CURVATURE, diagonal[i]! + diagonal[j]! - 2 * rowI[j]!);
    const [roomAbove, roomBelow] = [this.#upper(i) - beta[i]!, beta[j]! - this.#lower(j)];
    const step = Math.min((highest - errors[j]!) / curvature, roomAbove, roomBelow);
    const [oldI, oldJ] = [beta[i]!, beta[j]!];
    this.#setBeta(i, step === roomAbove ? this.#upper(i) : oldI + step);
    this.#setBeta(j, step === roomBelow ? this.#lower(j) : oldJ - step);
    if (beta[i] === oldI || beta[j] === oldJ) {
      // Less than the last digit of one of them: moving the other alone would lose Σ β = 0.
      this.#setBeta(i, oldI);
      this.#setBeta(j, oldJ);
      return "stalled";
    }

    let [top, bottom, topAt] = [-Infinity, Infinity, -1];
    for (let k = 0; k < this.#activeCount; k++) {
      const t = active[k]!;
      const error = errors[t]! - step * (rowI[t]! - rowJ[t]!);
      errors[t] = error;
      if (mayRise[t] === 1 && error > top) {
        top = error;
        topAt = t;
      }
      if (mayFall[t] === 1 && error < bottom) bottom = error;
    }
    [this.#highest, this.#highestAt, this.#lowest] = [top, topAt, bottom];
    return "moved";
  }

  /** Leaves out samples at a bound that no pair would move away from it, as the errors are now. */
  shrink(): void {
    let kept = 0;
    for (let k = 0; k < this.#activeCount; k++) {
      const t = this.#active[k]!;
      const [error, mayRise, mayFall] = [this.errors[t]!, this.#mayRise[t], this.#mayFall[t]];
      if (mayRise && error >= this.#lowest || mayFall && error <= this.#highest) {
        this.#active[kept++] = t;
      }
    }
    this.#activeCount = kept;
  }

  /** Computes all errors anew, which takes away what roundings have summed up, and looks at all samples again. */
  refresh(): void {
    const { errors, beta } = this;
    errors.set(this.#y);
    for (let j = 0; j < beta.length; j++) {
      if (beta[j] === 0) continue;
      const [row, factor] = [this.#matrix.row(j), beta[j]!];
      for (let i = 0; i < errors.length; i++) errors[i]! -= factor * row[i]!;
    }
    [this.#highest, this.#lowest] = [-Infinity, Infinity];
    for (let i = 0; i < errors.length; i++) {
      this.#active[i] = i;
      if (this.#mayRise[i] && errors[i]! > this.#highest) {
        [this.#highest, this.#highestAt] = [errors[i]!, i];
      }
      if (this.#mayFall[i]) this.#lowest = Math.min(this.#lowest, errors[i]!);
    }
    this.#activeCount = errors.length;
  }

  #upper(i: number): number {
    return this.#y[i]! > 0 ? this.#c : 0;
  }

  #lower(i: number): number {
    return this.#y[i]! > 0 ? 0 : -this.#c;
  }

  #setBeta(i: number, value: number): void {
    const [lower, upper] = [this.#lower(i), this.#upper(i)];
    this.beta[i] = Math.min(Math.max(value, lower), upper);
    this.#mayRise[i] = this.beta[i]! < upper ? 1 : 0;
    this.#mayFall[i] = this.beta[i]! > lower ? 1 : 0;
  }
}
