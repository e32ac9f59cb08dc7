/**
 * Gradients from differences, to check those from formulas.
 *
 * @module
 */

import { ShapeError } from "../errors.ts";

/** Near ε^(1/5), which balances the truncation (∝ h⁴) and the rounding (∝ ε/h) of the rule below. */
const DEFAULT_STEP = 7e-4;

/**
 * The numeric gradient of f at x: central differences with one Richardson extrapolation.
 *
 * D(h) = (f(x + h·eᵢ) − f(x − h·eᵢ)) / 2h, gradient[i] = (4·D(h/2) − D(h)) / 3, error O(h⁴)
 *
 * Shape: x [k] → [k].
 *
 * @param f A function that is smooth within h of x. It must not keep its argument.
 * @param step h is this times max(1, |x[i]|).
 */
export function centralDifference(
  f: (x: Float64Array) => number,
  x: Float64Array,
  step: number = DEFAULT_STEP,
): Float64Array {
  const point = Float64Array.from(x);
  return x.map((value, i) => {
    const difference = (h: number) => {
      const [above, below] = [value + h, value - h];
      point[i] = above;
      const fAbove = f(point);
      point[i] = below;
      const fBelow = f(point);
      point[i] = value;
      return (fAbove - fBelow) / (above - below);
    };
    const h = step * Math.max(1, Math.abs(value));
    return (4 * difference(h / 2) - difference(h)) / 3;
  });
}

/**
 * The largest relative error of a gradient of f at x, against `centralDifference`.
 *
 * error = maxᵢ |a − b| / max(1, |a|, |b|), a = gradient[i], b the numeric gradient; NaN if one is NaN
 *
 * Shape: x [k], gradient [k] → a number.
 *
 * @param gradient What is to be checked.
 * @param step As in `centralDifference`.
 * @throws {ShapeError} if the gradient has not as many elements as x.
 */
export function checkGradient(
  f: (x: Float64Array) => number,
  x: Float64Array,
  gradient: Float64Array,
  step: number = DEFAULT_STEP,
): number {
  if (gradient.length !== x.length) {
    throw new ShapeError(
      `checkGradient: expected a gradient of ${x.length} elements, got ${gradient.length}`,
    );
  }
  let largest = 0;
  centralDifference(f, x, step).forEach((b, i) => {
    const a = gradient[i]!;
    largest = Math.max(largest, Math.abs(a - b) / Math.max(1, Math.abs(a), Math.abs(b)));
  });
  return largest;
}
