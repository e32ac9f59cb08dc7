/**
 * Losses of a batch: the mean over the examples, the loss of every example, and the gradient of the
 * mean with respect to the outputs. All take logits (scores), none takes probabilities. The mean of
 * no examples is NaN.
 *
 * @module
 */

import { ShapeError } from "../errors.ts";
import { activation } from "./activations.ts";
import { expectMatrix, expectShape, type NdArray, zeros } from "./nd_array.ts";
import { logSoftmax } from "./softmax.ts";

/** What a loss returns. */
export interface LossResult {
  /** The mean of `losses`. */
  readonly loss: number;
  /** The loss of every example. Shape: [n]. */
  readonly losses: Float64Array;
  /** The gradient of `loss` with respect to the outputs, in their shape. */
  readonly gradient: NdArray;
}

/**
 * Cross-entropy of the softmax of the logits, for classes that exclude each other.
 *
 * lossᵢ = −Σⱼ t[i, j] · log p[i, j] with p = softmax(logits); for a label, t is 1 at it and 0 elsewhere.
 * gradient[i, j] = (p[i, j] · Σₗ t[i, l] − t[i, j]) / n
 *
 * Shape: logits [n, c], targets n labels (0 … c − 1) or distributions [n, c] → gradient [n, c].
 *
 * @throws {ShapeError} if the logits are no matrix, the targets do not fit, or a label is no class.
 */
export function softmaxCrossEntropy(
  logits: NdArray,
  targets: ArrayLike<number> | NdArray,
): LossResult {
  const [n, c] = expectMatrix(logits, "softmaxCrossEntropy: logits");
  if (!("shape" in targets)) return labelCrossEntropy(logits, targets, n, c);
  expectShape(targets, logits.shape, "softmaxCrossEntropy: targets");
  const logP = logSoftmax(logits).data;
  const losses = new Float64Array(n);
  const gradient = zeros(logits.shape);
  for (let i = 0; i < n; i++) {
    const row = targets.data.subarray(i * c, (i + 1) * c);
    const mass = sum(row);
    for (let j = 0; j < c; j++) {
      const log = logP[i * c + j]!;
      losses[i]! -= row[j]! * log;
      gradient.data[i * c + j] = (Math.exp(log) * mass - row[j]!) / n;
    }
  }
  return { loss: sum(losses) / n, losses, gradient };
}

function labelCrossEntropy(
  logits: NdArray,
  labels: ArrayLike<number>,
  n: number,
  c: number,
): LossResult {
  if (labels.length !== n) {
    throw new ShapeError(`softmaxCrossEntropy: expected ${n} labels, got ${labels.length}`);
  }
  const logP = logSoftmax(logits).data;
  const losses = new Float64Array(n);
  const gradient = zeros(logits.shape);
  for (let i = 0; i < n; i++) {
    const label = labels[i]!;
    if (!Number.isInteger(label) || label < 0 || label >= c) {
      throw new ShapeError(
        `softmaxCrossEntropy: expected labels below the ${c} classes, got ${label} (example ${i})`,
      );
    }
    losses[i] = -logP[i * c + label]!;
    for (let j = 0; j < c; j++) {
      gradient.data[i * c + j] = (Math.exp(logP[i * c + j]!) - (j === label ? 1 : 0)) / n;
    }
  }
  return { loss: sum(losses) / n, losses, gradient };
}

/**
 * Cross-entropy of the sigmoid of each logit, for properties that do not exclude each other; with
 * k = 1 it is the cost of binary logistic regression.
 *
 * lossᵢ = 1/k · Σⱼ max(z, 0) − z·t + log1p(e^−|z|) with z = logits[i, j], t = targets[i, j], which is
 * −t·log σ(z) − (1 − t)·log(1 − σ(z)) without overflow.
 * gradient[i, j] = (σ(z) − t) / (n·k)
 *
 * Shape: logits [n, k], targets [n, k] in 0 … 1 → gradient [n, k].
 *
 * @throws {ShapeError} if the logits are no matrix or the targets have another shape.
 */
export function sigmoidCrossEntropy(logits: NdArray, targets: NdArray): LossResult {
  const p = activation("sigmoid", logits).data;
  return meanOverOutputs("sigmoidCrossEntropy: logits", logits, targets, (z, t, i) => [
    Math.max(z, 0) - z * t + Math.log1p(Math.exp(-Math.abs(z))),
    p[i]! - t,
  ]);
}

/**
 * Mean squared error.
 *
 * lossᵢ = 1/k · Σⱼ (outputs[i, j] − targets[i, j])²
 * gradient[i, j] = 2 · (outputs[i, j] − targets[i, j]) / (n·k)
 *
 * Shape: outputs [n, k], targets [n, k] → gradient [n, k].
 *
 * @throws {ShapeError} if the outputs are no matrix or the targets have another shape.
 */
export function meanSquaredError(outputs: NdArray, targets: NdArray): LossResult {
  return meanOverOutputs("meanSquaredError: outputs", outputs, targets, (o, t) => [
    (o - t) ** 2,
    2 * (o - t),
  ]);
}

/**
 * Hinge loss, the cost of support vector machines.
 *
 * lossᵢ = 1/k · Σⱼ max(0, 1 − targets[i, j] · outputs[i, j])
 * gradient[i, j] = −targets[i, j] / (n·k) where targets[i, j] · outputs[i, j] < 1, else 0
 *
 * Shape: outputs [n, k], targets [n, k], each −1 or 1 → gradient [n, k].
 *
 * @throws {ShapeError} if the outputs are no matrix or the targets have another shape.
 */
export function hinge(outputs: NdArray, targets: NdArray): LossResult {
  return meanOverOutputs("hinge: outputs", outputs, targets, (o, t) => {
    const margin = 1 - t * o;
    return [Math.max(0, margin), margin > 0 ? -t : Number.isNaN(margin) ? NaN : 0];
  });
}

/** The mean over examples of the mean over their outputs; f gives an output's loss and derivative. */
function meanOverOutputs(
  what: string,
  outputs: NdArray,
  targets: NdArray,
  f: (output: number, target: number, index: number) => readonly [number, number],
): LossResult {
  const [n, k] = expectMatrix(outputs, what);
  expectShape(targets, outputs.shape, `${what.split(":")[0]}: targets`);
  const losses = new Float64Array(n);
  const gradient = zeros(outputs.shape);
  for (let i = 0; i < n; i++) {
    for (let j = i * k; j < (i + 1) * k; j++) {
      const [loss, derivative] = f(outputs.data[j]!, targets.data[j]!, j);
      losses[i]! += loss / k;
      gradient.data[j] = derivative / (n * k);
    }
  }
  return { loss: sum(losses) / n, losses, gradient };
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}
