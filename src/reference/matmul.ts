/**
 * Matrix product, as three nested loops.
 *
 * @module
 */

import { ShapeError } from "../errors.ts";
import { formatShape } from "../shape.ts";
import { activation, type ActivationName } from "./activations.ts";
import { expectMatrix, expectShape, mapValues, type NdArray, zeros } from "./nd_array.ts";

/** How `matmul` reads its operands, and what it does to the product. */
export interface MatmulOptions {
  /** Whether a is stored [k, m] instead of [m, k]. Default: false. */
  readonly transposeA?: boolean;
  /** Whether b is stored [n, k] instead of [k, n]. Default: false. */
  readonly transposeB?: boolean;
  /** Added to every row. Shape: [n]. Default: none. */
  readonly bias?: NdArray;
  /** Applied last, to product and bias. Default: "linear". */
  readonly activation?: ActivationName;
}

/**
 * The matrix product with optional bias and activation.
 *
 * c[i, j] = f(Σₗ a[i, l] · b[l, j] + bias[j]), the sum in order of l; an empty sum is 0.
 *
 * Shape: a [m, k] (or [k, m] with `transposeA`), b [k, n] (or [n, k] with `transposeB`) → [m, n].
 *
 * @throws {ShapeError} if an operand is no matrix, the two inner dimensions differ, or bias is not [n].
 */
export function matmul(a: NdArray, b: NdArray, options: MatmulOptions = {}): NdArray {
  return activation(options.activation ?? "linear", product(a, b, options));
}

/**
 * The sum of magnitudes behind every output of `matmul`, for derived error bounds: a float32 product
 * with sequential or tree sums is off by at most (k + 4) · 2⁻²⁴ times this, before the activation.
 *
 * s[i, j] = Σₗ |a[i, l]| · |b[l, j]| + |bias[j]|
 *
 * Shape: as `matmul`. The activation of the options is not applied.
 *
 * @throws {ShapeError} as `matmul`.
 */
export function matmulMagnitude(a: NdArray, b: NdArray, options: MatmulOptions = {}): NdArray {
  const magnitude = (x: NdArray) => mapValues(x, Math.abs);
  const { bias } = options;
  return product(
    magnitude(a),
    magnitude(b),
    bias === undefined ? options : { ...options, bias: magnitude(bias) },
  );
}

function product(a: NdArray, b: NdArray, options: MatmulOptions): NdArray {
  const { transposeA = false, transposeB = false, bias } = options;
  const [rowsA, columnsA] = expectMatrix(a, "matmul: a");
  const [rowsB, columnsB] = expectMatrix(b, "matmul: b");
  const [m, k] = transposeA ? [columnsA, rowsA] : [rowsA, columnsA];
  const [innerB, n] = transposeB ? [columnsB, rowsB] : [rowsB, columnsB];
  if (k !== innerB) {
    throw new ShapeError(
      `matmul: expected b of shape ${
        formatShape(transposeB ? [n, k] : [k, n])
      } to fit a of shape ` +
        `${formatShape(a.shape)}${transposeA ? " (transposed)" : ""}, got ${formatShape(b.shape)}`,
    );
  }
  if (bias !== undefined) expectShape(bias, [n], "matmul: bias");

  const c = zeros([m, n]);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let l = 0; l < k; l++) {
        const left = a.data[transposeA ? l * m + i : i * k + l]!;
        const right = b.data[transposeB ? j * k + l : l * n + j]!;
        sum += left * right;
      }
      c.data[i * n + j] = bias === undefined ? sum : sum + bias.data[j]!;
    }
  }
  return c;
}
