/**
 * A matrix of samples, a row each, dense or sparse, in float64. Both kinds add up in the order of the features and a feature
 * that is 0 adds exactly 0, so that they give the same bits.
 *
 * @module
 */

/** One sample, written out, with a list of the features that are not 0. */
export class Point {
  /** All features. */
  readonly values: Float64Array;
  /** The features that are not 0, ascending, in the first `count` elements. */
  readonly nonZeros: Int32Array;
  count = 0;

  constructor(features: number) {
    this.values = new Float64Array(features);
    this.nonZeros = new Int32Array(features);
  }
}

/** What the solvers ask of a matrix of samples. */
export interface Rows {
  /** The number of samples. */
  readonly length: number;
  readonly features: number;
  /** x_i · w. */
  dot(i: number, w: Float64Array): number;
  /** w += factor · x_i, at the cost of the non-zeros of x_i. */
  addTo(w: Float64Array, i: number, factor: number): void;
  /** Sets the elements of w to 0 where x_i is not 0. */
  clear(w: Float64Array, i: number): void;
  /** |x_i|². */
  squaredNorm(i: number): number;
  /** Writes x_i into a point, in place of what was there. */
  load(i: number, point: Point): void;
  /** out[j] = x_j · point, for every j. */
  products(point: Point, out: Float64Array): void;
  /** out[j] = |x_j − point|², for every j, from the differences themselves, so that no digits cancel. */
  squaredDistances(point: Point, out: Float64Array): void;
  /** A copy of some rows. */
  select(indices: ArrayLike<number>): Rows;
}

/** Rows that hold all features, one row after the other. */
export class DenseRows implements Rows {
  readonly length: number;
  readonly features: number;
  readonly #x: Float64Array;

  /** @param x The rows; they are not copied. */
  constructor(x: Float64Array, features: number) {
    this.#x = x;
    this.features = features;
    this.length = x.length / features;
  }

  dot(i: number, w: Float64Array): number {
    const [x, features] = [this.#x, this.features];
    const start = i * features;
    let sum = 0;
    for (let k = 0; k < features; k++) sum += x[start + k]! * w[k]!;
    return sum;
  }

  addTo(w: Float64Array, i: number, factor: number): void {
    const [x, features] = [this.#x, this.features];
    const start = i * features;
    for (let k = 0; k < features; k++) w[k]! += factor * x[start + k]!;
  }

  clear(w: Float64Array): void {
    w.fill(0);
  }

  squaredNorm(i: number): number {
    return this.dot(i, this.#row(i));
  }

  load(i: number, point: Point): void {
    const row = this.#row(i);
    point.values.set(row);
    point.count = 0;
    for (let k = 0; k < row.length; k++) if (row[k] !== 0) point.nonZeros[point.count++] = k;
  }

  products({ values }: Point, out: Float64Array): void {
    const [x, features, length] = [this.#x, this.features, this.length];
    let j = 0;
    // Four sums at a time, because one alone waits for each of its additions. In loops like these arrays of two are not free.
    for (; j + 4 <= length; j += 4) {
      let [a, b, c, d] = [j * features, (j + 1) * features, (j + 2) * features, (j + 3) * features];
      let [sumA, sumB, sumC, sumD] = [0, 0, 0, 0];
      for (let k = 0; k < features; k++) {
        const value = values[k]!;
        sumA += x[a++]! * value;
        sumB += x[b++]! * value;
        sumC += x[c++]! * value;
        sumD += x[d++]! * value;
      }
      out[j] = sumA;
      out[j + 1] = sumB;
      out[j + 2] = sumC;
      out[j + 3] = sumD;
    }
    for (; j < length; j++) out[j] = this.dot(j, values);
  }

  squaredDistances({ values }: Point, out: Float64Array): void {
    const [x, features, length] = [this.#x, this.features, this.length];
    let j = 0;
    for (; j + 4 <= length; j += 4) {
      let [a, b, c, d] = [j * features, (j + 1) * features, (j + 2) * features, (j + 3) * features];
      let [sumA, sumB, sumC, sumD] = [0, 0, 0, 0];
      for (let k = 0; k < features; k++) {
        const value = values[k]!;
        const toA = x[a++]! - value;
        const toB = x[b++]! - value;
        const toC = x[c++]! - value;
        const toD = x[d++]! - value;
        sumA += toA * toA;
        sumB += toB * toB;
        sumC += toC * toC;
        sumD += toD * toD;
      }
      out[j] = sumA;
      out[j + 1] = sumB;
      out[j + 2] = sumC;
      out[j + 3] = sumD;
    }
    for (; j < length; j++) {
      let sum = 0;
      for (let k = 0; k < features; k++) sum += (x[j * features + k]! - values[k]!) ** 2;
      out[j] = sum;
    }
  }

  select(indices: ArrayLike<number>): DenseRows {
    const x = new Float64Array(indices.length * this.features);
    for (let j = 0; j < indices.length; j++) x.set(this.#row(indices[j]!), j * this.features);
    return new DenseRows(x, this.features);
  }

  #row(i: number): Float64Array {
    return this.#x.subarray(i * this.features, (i + 1) * this.features);
  }
}

/** Compressed sparse rows: row i has values[k] at feature indices[k], for k from starts[i] up to starts[i + 1]. */
export class CompressedRows implements Rows {
  readonly length: number;
  readonly features: number;
  readonly #values: Float64Array;
  readonly #indices: Int32Array;
  readonly #starts: Float64Array;

  /** The arrays are not copied; the indices of a row ascend. */
  constructor(
    values: Float64Array,
    indices: Int32Array,
    starts: Float64Array,
    features: number,
  ) {
    this.#values = values;
    this.#indices = indices;
    this.#starts = starts;
    this.features = features;
    this.length = starts.length - 1;
  }

  dot(i: number, w: Float64Array): number {
    const [values, indices] = [this.#values, this.#indices];
    const end = this.#starts[i + 1]!;
    let sum = 0;
    for (let k = this.#starts[i]!; k < end; k++) sum += values[k]! * w[indices[k]!]!;
    return sum;
  }

  addTo(w: Float64Array, i: number, factor: number): void {
    const [values, indices] = [this.#values, this.#indices];
    const end = this.#starts[i + 1]!;
    for (let k = this.#starts[i]!; k < end; k++) w[indices[k]!]! += factor * values[k]!;
  }

  clear(w: Float64Array, i: number): void {
    for (let k = this.#starts[i]!; k < this.#starts[i + 1]!; k++) w[this.#indices[k]!] = 0;
  }

  squaredNorm(i: number): number {
    let sum = 0;
    for (let k = this.#starts[i]!; k < this.#starts[i + 1]!; k++) sum += this.#values[k]! ** 2;
    return sum;
  }

  load(i: number, point: Point): void {
    for (let k = 0; k < point.count; k++) point.values[point.nonZeros[k]!] = 0;
    point.count = 0;
    for (let k = this.#starts[i]!; k < this.#starts[i + 1]!; k++) {
      const feature = this.#indices[k]!;
      point.values[feature] = this.#values[k]!;
      point.nonZeros[point.count++] = feature;
    }
  }

  products({ values }: Point, out: Float64Array): void {
    for (let j = 0; j < this.length; j++) out[j] = this.dot(j, values);
  }

  squaredDistances({ values, nonZeros, count }: Point, out: Float64Array): void {
    const [x, indices, starts] = [this.#values, this.#indices, this.#starts];
    for (let j = 0; j < this.length; j++) {
      const end = starts[j + 1]!;
      let [sum, p] = [0, 0];
      for (let k = starts[j]!; k < end; k++) {
        const feature = indices[k]!;
        for (; p < count && nonZeros[p]! < feature; p++) sum += values[nonZeros[p]!]! ** 2;
        if (p < count && nonZeros[p] === feature) p++;
        sum += (x[k]! - values[feature]!) ** 2;
      }
      for (; p < count; p++) sum += values[nonZeros[p]!]! ** 2;
      out[j] = sum;
    }
  }

  select(rows: ArrayLike<number>): CompressedRows {
    const starts = new Float64Array(rows.length + 1);
    for (let j = 0; j < rows.length; j++) {
      starts[j + 1] = starts[j]! + this.#starts[rows[j]! + 1]! - this.#starts[rows[j]!]!;
    }
    const values = new Float64Array(starts[rows.length]!);
    const indices = new Int32Array(values.length);
    for (let j = 0; j < rows.length; j++) {
      const [start, end] = [this.#starts[rows[j]!]!, this.#starts[rows[j]! + 1]!];
      values.set(this.#values.subarray(start, end), starts[j]);
      indices.set(this.#indices.subarray(start, end), starts[j]);
    }
    return new CompressedRows(values, indices, starts, this.features);
  }
}
