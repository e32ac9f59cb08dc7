/**
 * Symmetric systems of equations in float64.
 *
 * @module
 */

/**
 * The lower triangle L with A = L·Lᵀ, in a new array.
 *
 * @param a Symmetric, row-major; the lower triangle is read. Shape: [n, n].
 * @param negligible A pivot of at most this share of its diagonal element counts as 0.
 * @returns undefined if A is not positive definite as far as it can be told.
 */
export function cholesky(a: Float64Array, n: number, negligible: number): Float64Array | undefined {
  const factor = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= factor[i * n + k]! * factor[j * n + k]!;
      if (j < i) {
        factor[i * n + j] = sum / factor[j * n + j]!;
      } else {
        if (!(sum > negligible * a[i * n + i]!)) return undefined;
        factor[i * n + i] = Math.sqrt(sum);
      }
    }
  }
  return factor;
}

/** The x with L·Lᵀ·x = b. Shape: factor [n, n], b [n] → [n]. */
export function solveCholesky(factor: Float64Array, b: Float64Array): Float64Array {
  const n = b.length;
  const x = Float64Array.from(b);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i]! -= factor[i * n + k]! * x[k]!;
    x[i]! /= factor[i * n + i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i]! -= factor[k * n + i]! * x[k]!;
    x[i]! /= factor[i * n + i]!;
  }
  return x;
}
