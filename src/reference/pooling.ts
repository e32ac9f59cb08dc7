/**
 * Max and average pooling in one to three dimensions.
 *
 * A pool visits the elements of a depthwise convolution of the same window, so it uses the same loops.
 *
 * @module
 */

import { type ConvolutionGeometry, poolGeometry } from "../convolution_shape.ts";
import { ShapeError } from "../errors.ts";
import { formatShape, type Shape, sizeOf } from "../shape.ts";
import type { PoolOptions } from "../window_options.ts";
import { forEachTap } from "./convolution.ts";
import { expectShape, mapValues, type NdArray, zeros } from "./nd_array.ts";

/** How `averagePool` moves the window, and by what it divides. */
export interface AveragePoolOptions extends PoolOptions {
  /**
   * Whether the zeros of the padding count as elements of the window. Default: false, as in Keras and
   * TensorFlow; PyTorch's default is true. What a window has beyond the padding (`ceilMode`) never counts.
   */
  readonly countPadding?: boolean;
}

/**
 * The maximum of every window.
 *
 * y[n, c, o] = max_k x[n, c, o · stride + k − padBefore]; NaN if the window has one
 *
 * The padding takes no part, so a window of negative numbers has a negative maximum.
 *
 * Shape: x [n, c, …in] → [n, c, …out].
 *
 * @throws {ShapeError} if x is no batch of 1 to 3 spatial dimensions, or smaller than the window.
 * @throws {OptionError} if an option is out of range.
 */
export function maxPool(x: NdArray, options: PoolOptions): NdArray {
  const geometry = geometryOf(x.shape, options, "maxPool");
  const y = zeros(outputShape(x.shape, geometry));
  winners(x, geometry).forEach((winner, i) => y.data[i] = x.data[winner]!);
  return y;
}

/**
 * The gradient of `maxPool`: every window hands its dy to its largest element, the first of several, where
 * NaN counts as larger than any number. Where windows overlap, an element gets the sum.
 *
 * dx[n, c, i] = Σ_o dy[n, c, o] over the windows o whose maximum lies at i
 *
 * Shape: x [n, c, …in], dy [n, c, …out] → as x.
 *
 * @param x The input of the forward step.
 * @throws {ShapeError} if the shapes do not fit together.
 * @throws {OptionError} if an option is out of range.
 */
export function maxPoolBackward(x: NdArray, dy: NdArray, options: PoolOptions): NdArray {
  const geometry = geometryOf(x.shape, options, "maxPoolBackward");
  expectShape(dy, outputShape(x.shape, geometry), "maxPoolBackward: dy");
  const dx = zeros(x.shape);
  winners(x, geometry).forEach((winner, i) => dx.data[winner]! += dy.data[i]!);
  return dx;
}

/**
 * The mean of every window.
 *
 * y[n, c, o] = 1/m · Σ_k x[n, c, o · stride + k − padBefore], with m the number of elements of the window
 * inside the input, or with `countPadding` inside the padded input
 *
 * Shape: x [n, c, …in] → [n, c, …out].
 *
 * @throws {ShapeError} if x is no batch of 1 to 3 spatial dimensions, or smaller than the window.
 * @throws {OptionError} if an option is out of range.
 */
export function averagePool(x: NdArray, options: AveragePoolOptions): NdArray {
  const geometry = geometryOf(x.shape, options, "averagePool");
  const counts = windowSizes(geometry, options.countPadding ?? false);
  const y = zeros(outputShape(x.shape, geometry));
  forEachTap(x.shape[0]!, geometry, (xi, _, yi) => y.data[yi]! += x.data[xi]!);
  return mapValues(y, (sum, i) => sum / counts[i % counts.length]!);
}

/**
 * The gradient of `averagePool`: every window shares its dy evenly among its elements.
 *
 * dx[n, c, i] = Σ_o dy[n, c, o] / m over the windows o that contain i, m as in the forward step
 *
 * Shape: dy [n, c, …out] → [n, c, …in].
 *
 * @param options As in the forward step, and the shape of its input.
 * @throws {ShapeError} if the shapes do not fit together.
 * @throws {OptionError} if an option is out of range.
 */
export function averagePoolBackward(
  dy: NdArray,
  options: AveragePoolOptions & { readonly inputShape: Shape },
): NdArray {
  const { inputShape } = options;
  const geometry = geometryOf(inputShape, options, "averagePoolBackward");
  expectShape(dy, outputShape(inputShape, geometry), "averagePoolBackward: dy");
  const counts = windowSizes(geometry, options.countPadding ?? false);
  const dx = zeros(inputShape);
  forEachTap(inputShape[0]!, geometry, (xi, _, yi) => {
    dx.data[xi]! += dy.data[yi]! / counts[yi % counts.length]!;
  });
  return dx;
}

/**
 * The mean of every channel over all its positions; the mean of none is NaN.
 *
 * Shape: x [n, c, …in] → [n, c].
 *
 * @throws {ShapeError} if x has less than two dimensions.
 */
export function globalAveragePool(x: NdArray): NdArray {
  const area = areaOf(x.shape, "globalAveragePool");
  const y = zeros(x.shape.slice(0, 2));
  return mapValues(y, (_, i) => {
    let sum = 0;
    for (let j = 0; j < area; j++) sum += x.data[i * area + j]!;
    return sum / area;
  });
}

/**
 * The gradient of `globalAveragePool`: dx[n, c, i] = dy[n, c] / area.
 *
 * Shape: dy [n, c] → [n, c, …in].
 *
 * @param inputShape The shape of the forward step's input.
 * @throws {ShapeError} if the shapes do not fit together.
 */
export function globalAveragePoolBackward(
  dy: NdArray,
  { inputShape }: { readonly inputShape: Shape },
): NdArray {
  const area = areaOf(inputShape, "globalAveragePoolBackward");
  expectShape(dy, inputShape.slice(0, 2), "globalAveragePoolBackward: dy");
  return mapValues(zeros(inputShape), (_, i) => dy.data[Math.floor(i / area)]! / area);
}

/** The index of the largest element of every window, the first of several; a NaN is larger than any number. */
function winners(x: NdArray, geometry: ConvolutionGeometry): Int32Array {
  const n = x.shape[0]!;
  const winner = new Int32Array(sizeOf(outputShape(x.shape, geometry))).fill(-1);
  forEachTap(n, geometry, (xi, _, yi) => {
    const best = winner[yi]!;
    const value = x.data[xi]!;
    const wins = best < 0 || value > x.data[best]! ||
      (Number.isNaN(value) && !Number.isNaN(x.data[best]!));
    if (wins) winner[yi] = xi;
  });
  return winner;
}

/** The number of elements by which the sum of every window of one channel is divided. */
function windowSizes(geometry: ConvolutionGeometry, countPadding: boolean): Float64Array {
  const { input, output, padBefore, padAfter } = geometry;
  const channel = { ...geometry, channels: 1, filters: 1, groups: 1 };
  // With the padding made part of the input, its elements are visited like the others.
  const counted = countPadding
    ? {
      ...channel,
      input: input.map((size, i) => padBefore[i]! + size + padAfter[i]!),
      padBefore: input.map(() => 0),
    }
    : channel;
  const counts = new Float64Array(sizeOf(output));
  forEachTap(1, counted, (_x, _w, yi) => counts[yi]! += 1);
  return counts;
}

/** The geometry of a pool on a batch, as that of a depthwise convolution. */
function geometryOf(xShape: Shape, options: PoolOptions, what: string): ConvolutionGeometry {
  if (xShape.length === 0) {
    throw new ShapeError(
      `${what}: expected an input [n, channels, …], got shape ${formatShape(xShape)}`,
    );
  }
  const geometry = poolGeometry(xShape.slice(1), options, what);
  return { ...geometry, filters: geometry.channels, groups: geometry.channels };
}

function outputShape(xShape: Shape, { output }: ConvolutionGeometry): Shape {
  return [...xShape.slice(0, 2), ...output];
}

function areaOf(xShape: Shape, what: string): number {
  if (xShape.length < 2) {
    throw new ShapeError(
      `${what}: expected an input [n, channels, …], got shape ${formatShape(xShape)}`,
    );
  }
  return sizeOf(xShape.slice(2));
}
