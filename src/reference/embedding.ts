/**
 * Rows of a table, looked up by their numbers.
 *
 * @module
 */

import { expectMatrix, expectShape, type NdArray, zeros } from "./nd_array.ts";

/**
 * y[n, d, l] = weight[ids[n, l], d]; NaN if the id is no whole number in 0 … vocabulary − 1.
 *
 * Shape: ids [n, length], weight [vocabulary, dimension] → [n, dimension, length].
 *
 * @throws {ShapeError} if the shapes do not fit.
 */
export function embedding(ids: NdArray, weight: NdArray): NdArray {
  const [examples, length] = expectMatrix(ids, "embedding: ids");
  const [vocabulary, dimension] = expectMatrix(weight, "embedding: weight");
  const y = zeros([examples, dimension, length]);
  for (let n = 0; n < examples; n++) {
    for (let d = 0; d < dimension; d++) {
      for (let l = 0; l < length; l++) {
        const id = ids.data[n * length + l]!;
        y.data[(n * dimension + d) * length + l] = isRow(id, vocabulary)
          ? weight.data[id * dimension + d]!
          : NaN;
      }
    }
  }
  return y;
}

/**
 * dw[v, d] = Σ dy[n, d, l] over the places (n, l) with the id v.
 *
 * Shape: ids [n, length], dy [n, dimension, length] → [vocabulary, dimension].
 *
 * @throws {ShapeError} if the shapes do not fit.
 */
export function embeddingGradient(ids: NdArray, dy: NdArray, vocabulary: number): NdArray {
  const [examples, length] = expectMatrix(ids, "embeddingGradient: ids");
  const dimension = dy.shape[1] ?? 0;
  expectShape(dy, [examples, dimension, length], "embeddingGradient: dy");
  const dw = zeros([vocabulary, dimension]);
  for (let n = 0; n < examples; n++) {
    for (let d = 0; d < dimension; d++) {
      for (let l = 0; l < length; l++) {
        const id = ids.data[n * length + l]!;
        if (!isRow(id, vocabulary)) continue;
        dw.data[id * dimension + d]! += dy.data[(n * dimension + d) * length + l]!;
      }
    }
  }
  return dw;
}

function isRow(id: number, vocabulary: number): boolean {
  return Number.isInteger(id) && id >= 0 && id < vocabulary;
}
