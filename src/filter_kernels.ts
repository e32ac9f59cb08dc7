/**
 * Well-known filters of images, as rows of numbers for `filter2d`.
 *
 * @module
 */

import { checkNumber, checkOneOf } from "./options.ts";

/**
 * A Gaussian, for smoothing: K[i, j] ∝ e^(−((i − c)² + (j − c)²) / 2σ²) with c = (size − 1) / 2, and sum 1. It is separable.
 *
 * @param size Rows and columns, 1 or more; 6σ holds 99.7% along each axis.
 * @param sigma The deviation in elements, above 0.
 * @throws {OptionError} if one of them is out of range.
 */
export function gaussianKernel(size: number, sigma: number): number[][] {
  checkNumber(size, "gaussianKernel: size", { min: 1, integer: true });
  checkNumber(sigma, "gaussianKernel: sigma", { min: 0, exclusiveMin: true });
  const weights = Array.from(
    { length: size },
    (_, i) => Math.exp(-0.5 * ((i - (size - 1) / 2) / sigma) ** 2),
  );
  const total = weights.reduce((sum, weight) => sum + weight);
  return weights.map((a) => weights.map((b) => a / total * (b / total)));
}

/**
 * Sobel's filter, for edges: a difference along one axis, smoothed along the other. With the mode "correlation", results are
 * positive where the image grows to the right ("x") or downwards ("y"). It is separable.
 *
 * @throws {OptionError} if the axis is neither "x" nor "y".
 */
export function sobelKernel(axis: "x" | "y"): number[][] {
  checkOneOf(axis, "sobelKernel: axis", ["x", "y"]);
  const [difference, smooth] = [[-1, 0, 1], [1, 2, 1]];
  const [column, row] = axis === "x" ? [smooth, difference] : [difference, smooth];
  return column.map((a) => row.map((b) => a * b + 0));
}
