/**
 * Error bounds of normalisations: the kernels' formulas, and the bounds that their headers derive.
 *
 * @module
 */

import type { NdArray } from "../src/reference/nd_array.ts";
import { channelStatistics } from "../src/reference/normalization.ts";
import { sizeOf } from "../src/shape.ts";
import {
  add,
  divide,
  exact,
  inverseSqrt,
  literal,
  multiply,
  negate,
  power,
  type Rounded,
  subtract,
  sum,
  TINY,
  UNIT,
} from "./rounding.ts";

/** Mean and variance of every channel. */
export interface RoundedStatistics {
  readonly mean: readonly Rounded[];
  readonly variance: readonly Rounded[];
}

/** How many values a channel has, and to which channel an element belongs. */
export function channels({ shape }: NdArray): {
  count: number;
  channelOf: (index: number) => number;
} {
  const area = sizeOf(shape.slice(2));
  return { count: shape[0]! * area, channelOf: (i) => Math.floor(i / area) % shape[1]! };
}

/**
 * Additions that a value of a channel takes part in: as many as a part has values and a channel has parts, which together are
 * not more than values + 1, at most 4,096 of each but for channels of more than 2²⁴ values (`cutChannels`); and two trees.
 */
export function roundingsOf(count: number): number {
  return Math.min(count + 1, 8192 + count / 4096) + 16;
}

/** The statistics of x as kernels/channel_statistics.wgsl and its merge compute them; their headers derive the bounds. */
export function roundedStatistics(x: NdArray): RoundedStatistics {
  const { mean, variance } = channelStatistics(x);
  const { count, channelOf } = channels(x);
  const squares = new Float64Array(mean.data.length);
  x.data.forEach((value, i) => squares[channelOf(i)]! += value ** 2);
  const additions = roundingsOf(count) * UNIT;
  const growth = (8 * UNIT + additions) / (1 - additions); // (1 + u)^r − 1 ≤ r·u / (1 − r·u)
  const means: Rounded[] = [];
  const variances: Rounded[] = [];
  squares.forEach((square, c) => {
    const q = Math.sqrt(square / count);
    const e = growth * q;
    const s = Math.sqrt(variance.data[c]! + e * e);
    const ofMean = 4 * UNIT * q + 2 * growth * s;
    const ofParts = growth * s * (s + 2 * e);
    means.push({ value: mean.data[c]!, error: ofMean + 4 * TINY });
    variances.push({
      value: variance.data[c]!,
      error: ofParts + growth * s * s + 2 * s * ofMean + 4 * TINY,
    });
  });
  return { mean: means, variance: variances };
}

/** Statistics that are given. */
export function exactStatistics(mean: ArrayLike<number>, variance: ArrayLike<number>) {
  return { mean: Array.from(mean, exact), variance: Array.from(variance, exact) };
}

/** x̂ of every element, and 1 / √(variance + ε) of every channel. */
function normalized(x: NdArray, statistics: RoundedStatistics, epsilon: number) {
  const { channelOf } = channels(x);
  const inverse = statistics.variance.map((v) => inverseSqrt(add(v, literal(epsilon))));
  const normal = Array.from(x.data, (value, i) => {
    const c = channelOf(i);
    return multiply(subtract(exact(value), statistics.mean[c]!), inverse[c]!);
  });
  return { normal, inverse };
}

/** y of kernels/batch_norm.wgsl. */
export function roundedBatchNorm(
  x: NdArray,
  gamma: NdArray,
  beta: NdArray,
  statistics: RoundedStatistics,
  epsilon: number,
): Rounded[] {
  const { channelOf } = channels(x);
  return normalized(x, statistics, epsilon).normal.map((normal, i) => {
    const c = channelOf(i);
    return add(multiply(exact(gamma.data[c]!), normal), exact(beta.data[c]!));
  });
}

/** The gradients of kernels/batch_norm.wgsl and batch_norm_sums.wgsl; `through` says whether dx follows through the statistics. */
export function roundedBatchNormGradients(
  x: NdArray,
  gamma: NdArray,
  dy: NdArray,
  statistics: RoundedStatistics,
  { epsilon, through }: { epsilon: number; through: boolean },
): { dx: Rounded[]; dGamma: Rounded[]; dBeta: Rounded[] } {
  const { count, channelOf } = channels(x);
  const { normal, inverse } = normalized(x, statistics, epsilon);
  const slopes: Rounded[][] = inverse.map(() => []);
  const levels: Rounded[][] = inverse.map(() => []);
  dy.data.forEach((value, i) => {
    slopes[channelOf(i)]!.push(multiply(exact(value), normal[i]!));
    levels[channelOf(i)]!.push(exact(value));
  });
  const dGamma = slopes.map((terms) => sum(terms, roundingsOf(count)));
  const dBeta = levels.map((terms) => sum(terms, roundingsOf(count)));
  const m = literal(count);
  const dx = Array.from(dy.data, (value, i) => {
    const c = channelOf(i);
    const scale = multiply(exact(gamma.data[c]!), inverse[c]!);
    if (!through) return multiply(scale, exact(value));
    const slope = multiply(normal[i]!, divide(dGamma[c]!, m));
    return multiply(scale, subtract(exact(value), add(divide(dBeta[c]!, m), slope)));
  });
  return { dx, dGamma, dBeta };
}

/** The constants of local response normalisation. */
export interface ResponseOptions {
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;
}

/** For every element the indices of those in its window. */
function windows({ shape, data }: NdArray, before: number, after: number): number[][] {
  const area = sizeOf(shape.slice(2));
  return Array.from(data, (_, i) => {
    const c = Math.floor(i / area) % shape[1]!;
    const [first, last] = [Math.max(0, c - before), Math.min(shape[1]! - 1, c + after)];
    return Array.from({ length: last - first + 1 }, (_, j) => i + (first + j - c) * area);
  });
}

/** s and s^−β of kernels/local_response_norm.wgsl. */
function responses(x: NdArray, { size, alpha, beta, k }: ResponseOptions) {
  const squares = Array.from(x.data, (value) => multiply(exact(value), exact(value)));
  const share = literal(alpha / size);
  const scales = windows(x, Math.floor(size / 2), Math.floor((size - 1) / 2)).map((window) =>
    add(literal(k), multiply(share, sum(window.map((j) => squares[j]!), window.length)))
  );
  return { scales, powers: scales.map((s) => power(s, negate(literal(beta)))) };
}

/** y of kernels/local_response_norm.wgsl. */
export function roundedResponses(x: NdArray, options: ResponseOptions): Rounded[] {
  const { powers } = responses(x, options);
  return powers.map((power, i) => multiply(exact(x.data[i]!), power));
}

/** dx of kernels/local_response_norm.wgsl. */
export function roundedResponseGradients(
  x: NdArray,
  dy: NdArray,
  options: ResponseOptions,
): Rounded[] {
  const { size, alpha, beta } = options;
  const { scales, powers } = responses(x, options);
  const terms = powers.map((power, i) =>
    multiply(multiply(exact(dy.data[i]!), exact(x.data[i]!)), divide(power, scales[i]!))
  );
  const factor = literal(2 * (alpha / size) * beta);
  return windows(x, Math.floor((size - 1) / 2), Math.floor(size / 2)).map((window, i) => {
    const total = sum(window.map((j) => terms[j]!), window.length);
    const through = multiply(multiply(factor, exact(x.data[i]!)), total);
    return subtract(multiply(exact(dy.data[i]!), powers[i]!), through);
  });
}
