/**
 * The steps of Pegasos.
 *
 * @module
 */

import { AveragedVector } from "./averaged_vector.ts";
import type { BiasedRows } from "./hinge.ts";

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
  /** |w|², kept up to date: each step shrinks what roundings it has gathered as it shrinks w. */
  #norm = 0;
  /** y_i w · x_i of the samples of a batch. */
  #margins = new Float64Array(1);
  /** Sums of samples; 0 between steps. */
  readonly #sum: Float64Array;

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
    this.#sum = new Float64Array(rows.features);
  }

  /**
   * w ← p ((1 − 1/t) w + g), g = 1/(λ t k) Σ y_i x_i over the samples of the batch with a margin below 1, p the projection.
   *
   * p is found before w changes, from |(1 − 1/t) w + g|². A first g may be longer than the ball is wide by many powers of ten: added as
   * it is, it would take the digits of w with it.
   */
  step(batch: Uint32Array): void {
    const [rows, w, alpha, y] = [this.#rows, this.#w, this.#alpha, this.#y];
    const { lambda, projection, averaging } = this.#options;
    const t = ++this.steps;
    if (this.#margins.length < batch.length) this.#margins = new Float64Array(batch.length);
    const margins = this.#margins;
    let inner = 0;
    for (let k = 0; k < batch.length; k++) {
      const i = batch[k]!;
      margins[k] = y[i]! * w.scale * rows.dot(i, w.v);
      if (margins[k]! < 1) inner += margins[k]!;
    }
    const unit = 1 / (lambda * t * batch.length);
    const kept = 1 - 1 / t;
    this.#norm = Math.max(
      0,
      kept * kept * this.#norm + 2 * kept * unit * inner + unit * unit * this.#pullNorm(batch),
    );
    let factor = 1;
    if (projection && this.#norm * lambda > 1) {
      factor = 1 / Math.sqrt(this.#norm * lambda);
      this.#norm = 1 / lambda;
    }

    // In the first step w is 0, and there is nothing to shrink.
    if (t > 1) {
      w.shrink(kept * factor);
      alpha.shrink(kept * factor);
    }
    for (let k = 0; k < batch.length; k++) {
      if (margins[k]! >= 1) continue;
      const i = batch[k]!;
      const pull = factor * y[i]! * unit;
      rows.addTo(w.v, i, pull * w.unit);
      rows.addTo(w.u, i, pull * w.share);
      const part = factor * rows.length / (t * batch.length);
      alpha.v[i]! += part * alpha.unit;
      alpha.u[i]! += part * alpha.share;
    }
    const weight = averaging === "weighted" ? t : 1;
    w.count(weight);
    alpha.count(weight);
  }

  /** |Σ y_i x_i|² over the samples of the batch with a margin below 1. */
  #pullNorm(batch: Uint32Array): number {
    const [rows, y, sum] = [this.#rows, this.#y, this.#sum];
    let norm = 0;
    for (let k = 0; k < batch.length; k++) {
      if (this.#margins[k]! >= 1) continue;
      const i = batch[k]!;
      norm += this.#squaredNorms[i]!;
      if (batch.length === 1) continue;
      norm += 2 * y[i]! * rows.dot(i, sum);
      rows.addTo(sum, i, y[i]!);
    }
    if (batch.length > 1) { for (const i of batch) rows.clear(sum, i); }
    return norm;
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
}
