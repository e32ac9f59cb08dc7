/**
 * Normalisation: across neighbouring channels (AlexNet), and of every channel across the batch.
 *
 * @module
 */

import { ShapeError } from "../errors.ts";
import { checkNumber } from "../options.ts";
import { formatShape, sizeOf } from "../shape.ts";
import { expectShape, mapValues, type NdArray, zeros } from "./nd_array.ts";

/** The constants of local response normalisation. */
export interface LocalResponseNormOptions {
  /** The number of neighbouring channels that are summed, 1 or more. Default: 5. */
  readonly size?: number;
  /** The weight of their mean square. Default: 1e-4. */
  readonly alpha?: number;
  /** The exponent. Default: 0.75. */
  readonly beta?: number;
  /** What is added to the sum, above 0. Default: 1. */
  readonly k?: number;
}

/**
 * Local response normalisation, in PyTorch's convention.
 *
 * y[n, c, i] = x[n, c, i] / s[n, c, i]^β with s[n, c, i] = k + α / size · Σ_j x[n, j, i]² over the
 * channels j from c − ⌊size / 2⌋ to c + ⌊(size − 1) / 2⌋ that exist
 *
 * AlexNet's paper does not divide by size: its k = 2, size = 5, α = 1e-4, β = 0.75 are α = 5e-4 here.
 *
 * Shape: x [n, c, …] → same.
 *
 * @throws {ShapeError} if x has less than two dimensions.
 * @throws {OptionError} if an option is out of range.
 * @see Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural networks",
 * NeurIPS 2012, section 3.3.
 */
export function localResponseNorm(x: NdArray, options: LocalResponseNormOptions = {}): NdArray {
  const { beta, scales } = responseScales(x, options, "localResponseNorm");
  return mapValues(x, (value, i) => value * scales[i]! ** -beta);
}

/**
 * The gradient of `localResponseNorm`.
 *
 * dx[n, j, i] = dy[n, j, i] · s[n, j, i]^−β − 2αβ / size · x[n, j, i] · Σ_c dy[n, c, i] · x[n, c, i] ·
 * s[n, c, i]^(−β − 1) over the channels c whose sum s has channel j
 *
 * Shape: x [n, c, …], dy as x → as x.
 *
 * @param x The input of the forward step.
 * @throws {ShapeError} if dy has not the shape of x.
 * @throws {OptionError} if an option is out of range.
 */
export function localResponseNormBackward(
  x: NdArray,
  dy: NdArray,
  options: LocalResponseNormOptions = {},
): NdArray {
  expectShape(dy, x.shape, "localResponseNormBackward: dy");
  const { size, alpha, beta, scales } = responseScales(x, options, "localResponseNormBackward");
  const dx = mapValues(dy, (value, i) => value * scales[i]! ** -beta);
  forEachNeighbour(x, size, (c, j) => {
    const common = dy.data[c]! * x.data[c]! * scales[c]! ** (-beta - 1);
    dx.data[j]! -= 2 * alpha * beta / size * x.data[j]! * common;
  });
  return dx;
}

/** The options of `localResponseNorm` and s, for every element. */
function responseScales(x: NdArray, options: LocalResponseNormOptions, what: string) {
  const { size = 5, alpha = 1e-4, beta = 0.75, k = 1 } = options;
  checkNumber(size, `${what}: size`, { min: 1, integer: true });
  checkNumber(alpha, `${what}: alpha`, { min: 0 });
  checkNumber(beta, `${what}: beta`);
  checkNumber(k, `${what}: k`, { min: 0, exclusiveMin: true });
  channelsOf(x, what);
  const scales = new Float64Array(x.data.length).fill(k);
  forEachNeighbour(x, size, (c, j) => scales[c]! += alpha / size * x.data[j]! ** 2);
  return { size, alpha, beta, scales };
}

/** Visits the index of every element together with that of every element in its sum. */
function forEachNeighbour(x: NdArray, size: number, visit: (c: number, j: number) => void): void {
  const channels = x.shape[1]!;
  const area = sizeOf(x.shape.slice(2));
  for (let index = 0; index < x.data.length; index++) {
    const c = Math.floor(index / area) % channels;
    const first = Math.max(0, c - Math.floor(size / 2));
    const last = Math.min(channels - 1, c + Math.floor((size - 1) / 2));
    for (let j = first; j <= last; j++) visit(index, index + (j - c) * area);
  }
}

/** Mean and variance of every channel. */
export interface ChannelStatistics {
  /** Shape: [c]. */
  readonly mean: NdArray;
  /** Shape: [c]. */
  readonly variance: NdArray;
}

/** The gradients of batch normalisation. */
export interface BatchNormGradients {
  /** The gradient of the input. Shape: [n, c, …]. */
  readonly dx: NdArray;
  /** The gradient of the scale. Shape: [c]. */
  readonly dGamma: NdArray;
  /** The gradient of the shift. Shape: [c]. */
  readonly dBeta: NdArray;
}

/** How `batchNorm` normalises. */
export interface BatchNormOptions {
  /** The statistics to normalise with, for inference the running ones. Default: those of x, as in training. */
  readonly statistics?: ChannelStatistics;
  /** ε, added to the variance before the root is taken, 0 or more. Default: 1e-5. */
  readonly epsilon?: number;
}

/**
 * The mean and the biased variance of every channel, over the batch and all positions.
 *
 * mean[c] = 1/m · Σ x[n, c, i], variance[c] = 1/m · Σ (x[n, c, i] − mean[c])², with m the number of n and i
 *
 * The statistics of no elements are NaN.
 *
 * Shape: x [n, c, …] → two of [c].
 *
 * @throws {ShapeError} if x has less than two dimensions.
 */
export function channelStatistics(x: NdArray): ChannelStatistics {
  const { channels, count, channelOf } = channelsOf(x, "channelStatistics");
  const meanOf = (f: (value: number, channel: number) => number): NdArray => {
    const sums = zeros([channels]);
    x.data.forEach((value, i) => sums.data[channelOf(i)]! += f(value, channelOf(i)));
    return mapValues(sums, (sum) => sum / count);
  };
  const mean = meanOf((value) => value);
  const variance = meanOf((value, c) => (value - mean.data[c]!) ** 2);
  return { mean, variance };
}

/**
 * Batch normalisation.
 *
 * y[n, c, i] = γ[c] · x̂[n, c, i] + β[c] with x̂[n, c, i] = (x[n, c, i] − mean[c]) / √(variance[c] + ε)
 *
 * Shape: x [n, c, …], gamma and beta and the statistics [c] → as x.
 *
 * @param gamma The scale γ of every channel.
 * @param beta The shift β of every channel.
 * @throws {ShapeError} if the shapes do not fit together.
 * @throws {OptionError} if ε is below 0.
 * @see Ioffe, Szegedy, "Batch normalization: accelerating deep network training by reducing internal
 * covariate shift", ICML 2015.
 */
export function batchNorm(
  x: NdArray,
  gamma: NdArray,
  beta: NdArray,
  options: BatchNormOptions = {},
): NdArray {
  const { channels, channelOf } = channelsOf(x, "batchNorm");
  expectShape(gamma, [channels], "batchNorm: gamma");
  expectShape(beta, [channels], "batchNorm: beta");
  const { normal } = normalize(x, options, "batchNorm");
  return mapValues(normal, (v, i) => gamma.data[channelOf(i)]! * v + beta.data[channelOf(i)]!);
}

/**
 * The gradients of `batchNorm`.
 *
 * dβ[c] = Σ dy[n, c, i], dγ[c] = Σ dy[n, c, i] · x̂[n, c, i]
 * dx[n, c, i] = γ[c] / √(variance[c] + ε) · (dy[n, c, i] − dβ[c] / m − x̂[n, c, i] · dγ[c] / m)
 *
 * with m the number of elements of a channel. Statistics that are given do not depend on x, so that in dx
 * only the term of dy remains.
 *
 * Shape: x [n, c, …], gamma [c], dy as x → dx as x, dGamma [c], dBeta [c].
 *
 * @param x The input of the forward step.
 * @param options As in the forward step.
 * @throws {ShapeError} if the shapes do not fit together.
 * @throws {OptionError} if ε is below 0.
 */
export function batchNormBackward(
  x: NdArray,
  gamma: NdArray,
  dy: NdArray,
  options: BatchNormOptions = {},
): BatchNormGradients {
  const { channels, count, channelOf } = channelsOf(x, "batchNormBackward");
  expectShape(gamma, [channels], "batchNormBackward: gamma");
  expectShape(dy, x.shape, "batchNormBackward: dy");
  const { normal, deviation } = normalize(x, options, "batchNormBackward");
  const dGamma = zeros([channels]);
  const dBeta = zeros([channels]);
  dy.data.forEach((value, i) => {
    dGamma.data[channelOf(i)]! += value * normal.data[i]!;
    dBeta.data[channelOf(i)]! += value;
  });
  const dx = mapValues(dy, (value, i) => {
    const c = channelOf(i);
    const throughStatistics = options.statistics === undefined
      ? (dBeta.data[c]! + normal.data[i]! * dGamma.data[c]!) / count
      : 0;
    return gamma.data[c]! / deviation.data[c]! * (value - throughStatistics);
  });
  return { dx, dGamma, dBeta };
}

/**
 * The running statistics after a further batch, in PyTorch's convention.
 *
 * mean ← (1 − momentum) · mean + momentum · batch mean
 * variance ← (1 − momentum) · variance + momentum · m / (m − 1) · batch variance
 *
 * The variance of the batch is made unbiased; with a single element per channel it is 0 and stays so.
 *
 * Shape: all [c] → two of [c].
 *
 * @param running What has been gathered so far; at the start, mean 0 and variance 1.
 * @param batch The biased statistics of the batch, as `channelStatistics` returns them.
 * @param count m, the number of elements per channel in the batch.
 * @param momentum How much the batch counts, 0 … 1.
 * @throws {ShapeError} if the shapes differ.
 */
export function updateRunningStatistics(
  running: ChannelStatistics,
  batch: ChannelStatistics,
  count: number,
  momentum: number = 0.1,
): ChannelStatistics {
  const mix = (old: NdArray, fresh: NdArray, factor: number): NdArray => {
    expectShape(fresh, old.shape, "updateRunningStatistics: batch");
    return mapValues(old, (v, c) => (1 - momentum) * v + momentum * factor * fresh.data[c]!);
  };
  return {
    mean: mix(running.mean, batch.mean, 1),
    variance: mix(running.variance, batch.variance, count / Math.max(1, count - 1)),
  };
}

/** x̂, and √(variance + ε) of every channel. */
function normalize(x: NdArray, options: BatchNormOptions, what: string) {
  const { statistics = channelStatistics(x), epsilon = 1e-5 } = options;
  const { channels, channelOf } = channelsOf(x, what);
  checkNumber(epsilon, `${what}: epsilon`, { min: 0 });
  expectShape(statistics.mean, [channels], `${what}: mean`);
  expectShape(statistics.variance, [channels], `${what}: variance`);
  const deviation = mapValues(statistics.variance, (value) => Math.sqrt(value + epsilon));
  const normal = mapValues(x, (value, i) => {
    const c = channelOf(i);
    return (value - statistics.mean.data[c]!) / deviation.data[c]!;
  });
  return { normal, deviation };
}

/** The number of channels, of elements in each, and to which channel an element belongs. */
function channelsOf(x: NdArray, what: string) {
  const [n, channels] = x.shape;
  if (n === undefined || channels === undefined) {
    throw new ShapeError(
      `${what}: expected an input [n, channels, …], got shape ${formatShape(x.shape)}`,
    );
  }
  const area = sizeOf(x.shape.slice(2));
  const channelOf = (index: number): number => Math.floor(index / area) % channels;
  return { channels, count: n * area, channelOf };
}
