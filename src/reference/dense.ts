/**
 * The dense (fully connected) layer.
 *
 * @module
 */

import { matmul } from "./matmul.ts";
import { expectMatrix, expectShape, type NdArray } from "./nd_array.ts";
import { sum } from "./reductions.ts";

/**
 * y[i, o] = Σₗ x[i, l] · w[o, l] + b[o].
 *
 * Shape: x [n, in], w [out, in], b [out] → [n, out].
 *
 * @throws {ShapeError} if the shapes do not fit.
 */
export function denseForward(x: NdArray, w: NdArray, b: NdArray): NdArray {
  return matmul(x, w, { transposeB: true, bias: b });
}

/** The gradients of a dense layer. */
export interface DenseGradients {
  /** The gradient of the input. Shape: [n, in]. */
  readonly dx: NdArray;
  /** The gradient of the weights. Shape: [out, in]. */
  readonly dw: NdArray;
  /** The gradient of the bias. Shape: [out]. */
  readonly db: NdArray;
}

/**
 * The gradients of `denseForward`: dx = dy · w, dw = dyᵀ · x, db[o] = Σᵢ dy[i, o].
 *
 * Shape: x [n, in], w [out, in], dy [n, out] → dx [n, in], dw [out, in], db [out].
 *
 * @param x The input of the forward step.
 * @throws {ShapeError} if the shapes do not fit.
 */
export function denseBackward(x: NdArray, w: NdArray, dy: NdArray): DenseGradients {
  const [n, inputs] = expectMatrix(x, "denseBackward: x");
  const [outputs] = expectMatrix(w, "denseBackward: w");
  expectShape(w, [outputs, inputs], "denseBackward: w");
  expectShape(dy, [n, outputs], "denseBackward: dy");
  return { dx: matmul(dy, w), dw: matmul(dy, x, { transposeA: true }), db: sum(dy, 0) };
}
