/**
 * The objective of logistic regression, its gradient and its Hessian.
 *
 * @module
 */

import { ShapeError } from "../errors.ts";
import { sigmoidCrossEntropy, softmaxCrossEntropy } from "./losses.ts";
import { expectMatrix, type NdArray, ndArray, zeros } from "./nd_array.ts";
import { softmax } from "./softmax.ts";

/** What {@linkcode logisticRegression} returns. */
export interface LogisticRegressionResult {
  /** The mean negative log-likelihood with the penalty. */
  readonly objective: number;
  /** By the weights, and by the biases behind them. Shape: [outputs · (d + 1)]. */
  readonly gradient: Float64Array;
  /** In the order of the gradient. Shape: [outputs · (d + 1), the same]. */
  readonly hessian: NdArray;
}

/**
 * f(w, b) = 1/n · Σ −log p(yᵢ | xᵢ) + l2 / 2 · |w|²; one output is the logit of class 1 of two, more are those of a softmax.
 *
 * gradient = 1/n · (p − t)ᵀ·[X 1] + l2 · [w 0]; of outputs k and l,
 * hessian = 1/n · Σᵢ p_ik (δ_kl − p_il) · [xᵢ 1]ᵀ[xᵢ 1], and l2 on the diagonal of the weights.
 *
 * Shape: x [n, d], n labels, parameters [outputs · (d + 1)], the weights [outputs, d] and the biases [outputs] behind them.
 *
 * @throws {ShapeError} if a shape does not fit, or a label is no class.
 */
export function logisticRegression(
  x: NdArray,
  labels: ArrayLike<number>,
  parameters: ArrayLike<number>,
  { outputs, l2 = 0 }: { outputs: number; l2?: number },
): LogisticRegressionResult {
  const [n, d] = expectMatrix(x, "logisticRegression: x");
  const size = outputs * (d + 1);
  if (parameters.length !== size || labels.length !== n) {
    throw new ShapeError(
      `logisticRegression: expected ${size} parameters and ${n} labels, got ${parameters.length} and ${labels.length}`,
    );
  }
  const values = Array.from(parameters);
  // Behind each example a 1, whose weight is the bias.
  const row = (i: number) => [...x.data.subarray(i * d, (i + 1) * d), 1];
  const position = (k: number, j: number) => j < d ? k * d + j : outputs * d + k;
  const logits = zeros([n, outputs]);
  for (let i = 0; i < n; i++) {
    row(i).forEach((value, j) => {
      for (let k = 0; k < outputs; k++) {
        logits.data[i * outputs + k]! += value * values[position(k, j)]!;
      }
    });
  }
  const { loss, gradient: dz } = outputs === 1
    ? sigmoidCrossEntropy(logits, ndArray([n, 1], labels))
    : softmaxCrossEntropy(logits, labels);
  const p = outputs === 1
    ? softmax(ndArray([n, 2], Array.from(logits.data).flatMap((z) => [0, z])))
    : softmax(logits);
  const probability = (i: number, k: number) =>
    p.data[outputs === 1 ? 2 * i + 1 : i * outputs + k]!;
  const gradient = new Float64Array(size);
  const hessian = zeros([size, size]);
  for (let i = 0; i < n; i++) {
    const example = row(i);
    for (let k = 0; k < outputs; k++) {
      example.forEach((a, j) => {
        gradient[position(k, j)]! += dz.data[i * outputs + k]! * a;
        for (let l = 0; l < outputs; l++) {
          const curvature = probability(i, k) * ((k === l ? 1 : 0) - probability(i, l)) / n;
          example.forEach((b, m) => {
            hessian.data[position(k, j) * size + position(l, m)]! += curvature * a * b;
          });
        }
      });
    }
  }
  let squares = 0;
  for (let at = 0; at < outputs * d; at++) {
    squares += values[at]! ** 2;
    gradient[at]! += l2 * values[at]!;
    hessian.data[at * (size + 1)]! += l2;
  }
  return { objective: loss + l2 / 2 * squares, gradient, hessian };
}
