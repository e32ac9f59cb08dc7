/**
 * The steps of Pegasos.
 *
 * @module
 */

import { AveragedVector } from "./averaged_vector.ts";
import { type BiasedRows, squaredNorm } from "./hinge.ts";

/** Which of its iterates a method returns: the mean, the t-th counted t times or once, or the last. */
export type Averaging = "weighted" | "uniform" | "none";

/** What the steps depend on; see `PegasosOptions`. */
interface DescentOptions {
  readonly lambda: number;
  readonly projection: boolean;
  readonly averaging: Averaging;
}

/**
 * Stochastic subgradient descent from 0, with w and, beside it, the α of w = w(α) = 1/(λn) Σ α_i y_i x_i. A pull of a sample in step t
 * on k samples adds n / (t k) to its α; all else that happens to w is a shrinking, which α shares. Without batches that are
 * smaller than others, α_i is at most 1 at the end of an epoch: in N epochs a sample can pull N times.
 */
export class Descent {
  /** Steps taken. */
  steps = 0;
  readonly #rows: BiasedRows;
  readonly #y: Float64Array;
  readonly #squaredNorms: Float64Array;
  readonly #options: DescentOptions;
  readonly #w: AveragedVector;
  readonly #alpha: AveragedVector;
  /** |v|², kept up to date by each change. */
  #norm = 0;
  #products = new Float64Array(1);

  constructor(
    rows: BiasedRows,
    y: Float64Array,
    squaredNorms: Float64Array,
    options: DescentOptions,
  ) {
    this.#rows = rows;
    this.#y = y;
    this.#squaredNorms = squaredNorms;
    this.#options = options;
    this.#w = new AveragedVector(rows.features);
    this.#alpha = new AveragedVector(rows.length);
  }

  /** To be called before each epoch: the roundings in |v|² do not last longer than one. */
  begin(): void {
    this.#norm = squaredNorm(this.#w.v);
  }

  /** w ← (1 − 1/t) w + 1/(λ t k) Σ y_i x_i over the samples of the batch with a margin below 1, then the projection. */
  step(batch: Uint32Array): void {
    const [w, alpha, y] = [this.#w, this.#alpha, this.#y];
    const { lambda, projection, averaging } = this.#options;
    const t = ++this.steps;
    if (this.#products.length < batch.length) this.#products = new Float64Array(batch.length);
    for (let k = 0; k < batch.length; k++) this.#products[k] = this.#rows.dot(batch[k]!, w.v);
    const scale = w.scale;
    // In the first step w is 0, and there is nothing to shrink.
    let changed = t > 1 && this.#shrink(1 - 1 / t);
    for (let k = 0; k < batch.length; k++) {
      const i = batch[k]!;
      if (y[i]! * scale * this.#products[k]! >= 1) continue;
      const product = changed ? this.#rows.dot(i, w.v) : this.#products[k]!;
      const pull = y[i]! / (lambda * t * batch.length);
      const change = pull * w.unit;
      this.#norm += change * (2 * product + change * this.#squaredNorms[i]!);
      this.#rows.addTo(w.v, i, change);
      this.#rows.addTo(w.u, i, pull * w.share);
      const part = this.#rows.length / (t * batch.length);
      alpha.v[i]! += part * alpha.unit;
      alpha.u[i]! += part * alpha.share;
      changed = true;
    }
    const length = w.scale * Math.sqrt(Math.max(0, this.#norm)) * Math.sqrt(lambda);
    if (projection && length > 1) this.#shrink(1 / length);
    const weight = averaging === "weighted" ? t : 1;
    w.count(weight);
    alpha.count(weight);
  }

  /** The weights that the options ask for. */
  get solution(): Float64Array {
    return this.#options.averaging === "none" ? this.#w.last() : this.#w.average();
  }

  /** The α of the solution, cut to 0 … 1. */
  get alphas(): Float64Array {
    const { averaging } = this.#options;
    const alphas = averaging === "none" ? this.#alpha.last() : this.#alpha.average();
    return alphas.map((alpha) => Math.min(Math.max(alpha, 0), 1));
  }

  #shrink(factor: number): boolean {
    this.#alpha.shrink(factor);
    if (!this.#w.shrink(factor)) return false;
    this.#norm = squaredNorm(this.#w.v);
    return true;
  }
}
