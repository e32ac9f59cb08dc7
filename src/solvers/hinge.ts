/**
 * The regularised hinge loss of a linear classifier, its dual, and the gap between them.
 *
 * @module
 */

import type { Rows } from "./rows.ts";

/** Weights over features and one more, the constant `bias` (0: none), whose weight makes the classifier's bias. */
export class BiasedRows {
  readonly length: number;
  /** Features, the constant included. */
  readonly features: number;
  readonly #rows: Rows;
  readonly #bias: number;

  constructor(rows: Rows, bias: number) {
    this.#rows = rows;
    this.#bias = bias;
    this.length = rows.length;
    this.features = rows.features + 1;
  }

  /** x_i · w. */
  dot(i: number, w: Float64Array): number {
    return this.#rows.dot(i, w) + this.#bias * w[this.features - 1]!;
  }

  /** w += factor · x_i. */
  addTo(w: Float64Array, i: number, factor: number): void {
    this.#rows.addTo(w, i, factor);
    w[this.features - 1]! += factor * this.#bias;
  }

  /** Sets the elements of w to 0 where x_i is not 0. */
  clear(w: Float64Array, i: number): void {
    this.#rows.clear(w, i);
    w[this.features - 1] = 0;
  }

  /** |x_i|² of every sample. */
  squaredNorms(): Float64Array {
    return Float64Array.from(
      { length: this.length },
      (_, i) => this.#rows.squaredNorm(i) + this.#bias ** 2,
    );
  }
}

/** Σ w². */
export function squaredNorm(w: Float64Array): number {
  let sum = 0;
  for (const value of w) sum += value * value;
  return sum;
}

/** P(w) = λ/2 |w|² + 1/n Σ max(0, 1 − y_i w · x_i). */
export function hingeObjective(
  rows: BiasedRows,
  y: Float64Array,
  lambda: number,
  w: Float64Array,
): number {
  let sum = 0;
  for (let i = 0; i < rows.length; i++) sum += Math.max(0, 1 - y[i]! * rows.dot(i, w));
  return lambda / 2 * squaredNorm(w) + sum / rows.length;
}

/** w(α) = 1/(λn) Σ α_i y_i x_i. */
export function dualWeights(
  rows: BiasedRows,
  y: Float64Array,
  lambda: number,
  alphas: Float64Array,
): Float64Array {
  const w = new Float64Array(rows.features);
  const unit = 1 / (lambda * rows.length);
  alphas.forEach((alpha, i) => {
    if (alpha !== 0) rows.addTo(w, i, alpha * y[i]! * unit);
  });
  return w;
}

/**
 * One pass of dual coordinate ascent over the samples: each α_i in turn is set to what maximises
 *
 * D(α) = 1/n Σ α_i − λ/2 |w(α)|², 0 ≤ α_i ≤ 1
 *
 * with the others as they are.
 *
 * @param w w(α), which follows.
 * @param order The sample at each position.
 * @see Hsieh et al., "A dual coordinate descent method for large-scale linear SVM", ICML 2008.
 */
export function dualPass(
  rows: BiasedRows,
  y: Float64Array,
  lambda: number,
  alphas: Float64Array,
  w: Float64Array,
  squaredNorms: Float64Array,
  order: (position: number) => number,
): void {
  const scale = lambda * rows.length;
  for (let position = 0; position < rows.length; position++) {
    const i = order(position);
    const before = alphas[i]!;
    const curvature = squaredNorms[i]! / scale;
    // Without a sample's length D rises with α_i for ever.
    const best = curvature > 0 ? before + (1 - y[i]! * rows.dot(i, w)) / curvature : Infinity;
    const alpha = Math.min(Math.max(best, 0), 1);
    if (alpha === before) continue;
    alphas[i] = alpha;
    rows.addTo(w, i, (alpha - before) * y[i]! / scale);
  }
}

/**
 * P(w) − D(α), which bounds P(w) − min P, because D(α) ≤ max D = min P. With the margins m_i = y_i w · x_i, and because
 * λ w · w(α) = 1/n Σ α_i m_i, it is a sum of terms none of which is negative:
 *
 * P(w) − D(α) = λ/2 |w − w(α)|² + 1/n Σ (max(0, 1 − m_i) − α_i (1 − m_i))
 */
export function hingeGap(
  rows: BiasedRows,
  y: Float64Array,
  lambda: number,
  w: Float64Array,
  alphas: Float64Array,
): number {
  let sum = 0;
  for (let i = 0; i < rows.length; i++) {
    const slack = 1 - y[i]! * rows.dot(i, w);
    sum += slack > 0 ? (1 - alphas[i]!) * slack : alphas[i]! * -slack;
  }
  const other = dualWeights(rows, y, lambda, alphas);
  const distance = squaredNorm(w.map((value, k) => value - other[k]!));
  return lambda / 2 * distance + sum / rows.length;
}
