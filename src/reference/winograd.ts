/**
 * Winograd's minimal filtering for filters of 3 × 3: the convolution by another way, whose rounding errors
 * in float32 are larger. The magnitudes of this file say by how much.
 *
 * @module
 */

import { type ConvolutionGeometry, resolveConvolution } from "../convolution_shape.ts";
import { ShapeError } from "../errors.ts";
import { formatShape, type Shape } from "../shape.ts";
import type { ConvolutionOptions } from "../window_options.ts";
import { expectShape, mapValues, type NdArray, zeros } from "./nd_array.ts";

/** A matrix as its rows. */
export type Matrix = readonly (readonly number[])[];

/**
 * The matrices of one dimension: of F(m, 3), y = Aᵀ · ((G · g) ∘ (Bᵀ · d)), and of F(3, m) for the gradient to
 * the filter, dg = Cᵀ · ((E · dy) ∘ (Bᵀ · d)).
 */
export interface WinogradTransforms {
  /** Bᵀ [m + 2, m + 2], of the inputs. */
  readonly input: Matrix;
  /** G [m + 2, 3], of the filter. */
  readonly filter: Matrix;
  /** Aᵀ [m, m + 2], of the products. */
  readonly output: Matrix;
  /** E [m + 2, m], of dy. */
  readonly gradient: Matrix;
  /** Cᵀ [3, m + 2], of the products of dy. */
  readonly weights: Matrix;
}

/** The outputs of a tile along an edge. */
export type WinogradTile = 2 | 4;

/**
 * The transforms of A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks" (2016), section
 * 4.1: polynomials through the points 0, ±1 and ∞, for tiles of 4 also through ±2.
 */
export const WINOGRAD_TRANSFORMS: Readonly<Record<WinogradTile, WinogradTransforms>> = {
  2: {
    input: [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]],
    filter: [[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]],
    output: [[1, 1, 1, 0], [0, 1, -1, -1]],
    gradient: [[1, 0], [1 / 2, 1 / 2], [1 / 2, -1 / 2], [0, 1]],
    weights: [[1, 1, 1, 0], [0, 1, -1, 0], [0, 1, 1, -1]],
  },
  4: {
    input: [
      [4, 0, -5, 0, 1, 0],
      [0, -4, -4, 1, 1, 0],
      [0, 4, -4, -1, 1, 0],
      [0, -2, -1, 2, 1, 0],
      [0, 2, -1, -2, 1, 0],
      [0, 4, 0, -5, 0, 1],
    ],
    filter: [
      [1 / 4, 0, 0],
      [-1 / 6, -1 / 6, -1 / 6],
      [-1 / 6, 1 / 6, -1 / 6],
      [1 / 24, 1 / 12, 1 / 6],
      [1 / 24, -1 / 12, 1 / 6],
      [0, 0, 1],
    ],
    output: [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
    gradient: [
      [1 / 4, 0, 0, 0],
      [-1 / 6, -1 / 6, -1 / 6, -1 / 6],
      [-1 / 6, 1 / 6, -1 / 6, 1 / 6],
      [1 / 24, 1 / 12, 1 / 6, 1 / 3],
      [1 / 24, -1 / 12, 1 / 6, -1 / 3],
      [0, 0, 0, 1],
    ],
    weights: [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 1]],
  },
};

/** A convolution that Winograd's filtering can compute, and its tile. */
export interface WinogradOptions extends Pick<ConvolutionOptions, "padding" | "groups"> {
  /** The outputs of a tile along an edge. */
  readonly tile: WinogradTile;
}

/**
 * Cross-correlation with filters of 3 × 3 by tiles of m × m outputs.
 *
 * y = Aᵀ · Σ_c ((G · g · Gᵀ) ∘ (Bᵀ · d · B)) · A for every tile d of (m + 2) × (m + 2) inputs
 *
 * The same numbers as `convolution` but for rounding. Terms with a coefficient of 0 are left out.
 *
 * Shape: x [n, c, h, w], weight [f, c / groups, 3, 3] → [n, f, oh, ow].
 *
 * @throws {ShapeError} if the shapes do not fit together, or the filters are not 3 × 3.
 */
export function winogradConvolution(
  x: NdArray,
  weight: NdArray,
  { tile, ...options }: WinogradOptions,
): NdArray {
  return forward(x, weight, WINOGRAD_TRANSFORMS[tile], options);
}

/**
 * The sum of magnitudes behind every output of `winogradConvolution`, for derived error bounds: the same
 * with the absolute values of inputs, filters and transforms. In float32 an output is off by at most n · 2⁻²⁴
 * times this, n being the roundings along the longest path.
 *
 * Shape and errors: as `winogradConvolution`.
 */
export function winogradMagnitude(
  x: NdArray,
  weight: NdArray,
  { tile, ...options }: WinogradOptions,
): NdArray {
  return forward(magnitude(x), magnitude(weight), absoluteTransforms(tile), options);
}

/**
 * The gradient of the convolution with respect to its input: dy, padded, by the filters turned by 180°, with
 * filters and channels exchanged.
 *
 * Shape: dy [n, f, oh, ow], weight [f, c / groups, 3, 3] → [n, c, h, w].
 *
 * @throws {ShapeError} if the shapes do not fit together, or the filters are not 3 × 3.
 */
export function winogradInputGradient(
  dy: NdArray,
  weight: NdArray,
  { tile, ...options }: WinogradOptions & { readonly inputShape: Shape },
): NdArray {
  return backward(dy, weight, WINOGRAD_TRANSFORMS[tile], options);
}

/** What `winogradMagnitude` is to the forward step. Shape and errors: as `winogradInputGradient`. */
export function winogradInputGradientMagnitude(
  dy: NdArray,
  weight: NdArray,
  { tile, ...options }: WinogradOptions & { readonly inputShape: Shape },
): NdArray {
  return backward(magnitude(dy), magnitude(weight), absoluteTransforms(tile), options);
}

/**
 * The gradient of the convolution with respect to its weights: for every tile of dy, the inputs that it read are
 * convolved with it.
 *
 * dw = Cᵀ · Σ ((E · dy · Eᵀ) ∘ (Bᵀ · d · B)) · C, the sum over the tiles of all images
 *
 * Shape: x [n, c, h, w], dy [n, f, oh, ow] → [f, c / groups, 3, 3].
 *
 * @throws {ShapeError} if the shapes do not fit together, or the filters are not 3 × 3.
 */
export function winogradWeightGradient(
  x: NdArray,
  dy: NdArray,
  { tile, ...options }: WinogradOptions & { readonly weightShape: Shape },
): NdArray {
  return backwardToWeights(x, dy, WINOGRAD_TRANSFORMS[tile], options);
}

/** What `winogradMagnitude` is to the forward step. Shape and errors: as `winogradWeightGradient`. */
export function winogradWeightGradientMagnitude(
  x: NdArray,
  dy: NdArray,
  { tile, ...options }: WinogradOptions & { readonly weightShape: Shape },
): NdArray {
  return backwardToWeights(magnitude(x), magnitude(dy), absoluteTransforms(tile), options);
}

type Options = Omit<WinogradOptions, "tile">;

function forward(
  x: NdArray,
  weight: NdArray,
  transforms: WinogradTransforms,
  options: Options,
): NdArray {
  const { output, padBefore, groups } = geometryOf(x.shape, weight.shape, options);
  return inTiles(x, weight, transforms, groups, padBefore, output);
}

function backward(
  dy: NdArray,
  weight: NdArray,
  transforms: WinogradTransforms,
  { inputShape, ...options }: Options & { readonly inputShape: Shape },
): NdArray {
  const { input, output, filters, groups, padBefore } = geometryOf(
    inputShape,
    weight.shape,
    options,
  );
  expectShape(dy, [inputShape[0]!, filters, ...output], "winograd: dy");
  return inTiles(
    dy,
    turned(weight, groups),
    transforms,
    groups,
    padBefore.map((p) => 2 - p),
    input,
  );
}

/** y[n, f] = Σ_c x[n, c] ⋆ weight[f, c], where output 0 begins at input −pad. */
function inTiles(
  x: NdArray,
  weight: NdArray,
  { input, filter, output }: WinogradTransforms,
  groups: number,
  pad: readonly number[],
  size: readonly number[],
): NdArray {
  const [n, channels] = x.shape as [number, number];
  const [filters, groupChannels] = weight.shape as [number, number];
  const [outHeight, outWidth] = size as [number, number];
  const [tile, side] = [output.length, input.length];
  const y = zeros([n, filters, outHeight, outWidth]);
  const taps = (f: number, c: number): Matrix =>
    square(3, (i, j) => weight.data[(f * groupChannels + c) * 9 + 3 * i + j]!);
  const transformed = Array.from(
    { length: filters },
    (_, f) => Array.from({ length: groupChannels }, (_, c) => onBothSides(filter, taps(f, c))),
  );
  for (let image = 0; image < n; image++) {
    for (let top = 0; top < outHeight; top += tile) {
      for (let left = 0; left < outWidth; left += tile) {
        const inputs = Array.from(
          { length: channels },
          (_, c) => onBothSides(input, patch(x, side, image, c, top - pad[0]!, left - pad[1]!)),
        );
        for (let f = 0; f < filters; f++) {
          const first = Math.floor(f * groups / filters) * groupChannels;
          const products = square(side, () => 0).map((row) => [...row]);
          for (let c = 0; c < groupChannels; c++) {
            const g = transformed[f]![c]!;
            inputs[first + c]!.forEach((row, i) =>
              row.forEach((v, j) => products[i]![j]! += g[i]![j]! * v)
            );
          }
          const begin = (image * filters + f) * outHeight;
          onBothSides(output, products).forEach((row, i) =>
            row.forEach((v, j) => {
              if (top + i >= outHeight || left + j >= outWidth) return;
              y.data[(begin + top + i) * outWidth + left + j] = v;
            })
          );
        }
      }
    }
  }
  return y;
}

function backwardToWeights(
  x: NdArray,
  dy: NdArray,
  { input, gradient, weights }: WinogradTransforms,
  { weightShape, ...options }: Options & { readonly weightShape: Shape },
): NdArray {
  const { output, channels, filters, groups, padBefore } = geometryOf(
    x.shape,
    weightShape,
    options,
  );
  const n = x.shape[0]!;
  expectShape(dy, [n, filters, ...output], "winograd: dy");
  const [groupChannels, groupFilters] = [channels / groups, filters / groups];
  const [tile, side] = [gradient[0]!.length, input.length];
  const [padTop, padLeft] = padBefore as [number, number];
  // The products of every filter and channel, summed over the tiles.
  const products = Array.from(
    { length: filters * groupChannels },
    () => Array.from({ length: side }, () => new Array<number>(side).fill(0)),
  );
  for (let image = 0; image < n; image++) {
    for (let top = 0; top < output[0]!; top += tile) {
      for (let left = 0; left < output[1]!; left += tile) {
        const inputs = Array.from(
          { length: channels },
          (_, c) => onBothSides(input, patch(x, side, image, c, top - padTop, left - padLeft)),
        );
        for (let f = 0; f < filters; f++) {
          const e = onBothSides(gradient, patch(dy, tile, image, f, top, left));
          const first = Math.floor(f / groupFilters) * groupChannels;
          for (let c = 0; c < groupChannels; c++) {
            const sums = products[f * groupChannels + c]!;
            inputs[first + c]!.forEach((row, i) =>
              row.forEach((v, j) => sums[i]![j]! += e[i]![j]! * v)
            );
          }
        }
      }
    }
  }
  const dw = zeros(weightShape);
  products.forEach((each, i) => dw.data.set(onBothSides(weights, each).flat(), 9 * i));
  return dw;
}

/** size × size elements of an image, 0 where it does not reach. */
function patch(
  { shape, data }: NdArray,
  size: number,
  image: number,
  channel: number,
  top: number,
  left: number,
): Matrix {
  const [, channels, height, width] = shape as [number, number, number, number];
  return square(size, (i, j) => {
    const [row, column] = [top + i, left + j];
    const inside = row >= 0 && row < height && column >= 0 && column < width;
    return inside ? data[((image * channels + channel) * height + row) * width + column]! : 0;
  });
}

/** L · X · Lᵀ, without the terms whose coefficient is 0. */
function onBothSides(left: Matrix, x: Matrix): Matrix {
  const dot = (row: readonly number[], column: (k: number) => number) =>
    row.reduce((sum, value, k) => value === 0 ? sum : sum + value * column(k), 0);
  const rows = left.map((row) => x[0]!.map((_, j) => dot(row, (k) => x[k]![j]!)));
  return rows.map((row) => left.map((other) => dot(other, (k) => row[k]!)));
}

function square(size: number, value: (i: number, j: number) => number): Matrix {
  const steps = Array.from({ length: size }, (_, i) => i);
  return steps.map((i) => steps.map((j) => value(i, j)));
}

/** [f, c / groups, 3, 3] → [c, f / groups, 3, 3], each filter turned by 180°. */
function turned({ shape, data }: NdArray, groups: number): NdArray {
  const [filters, channels] = shape as [number, number];
  const group = filters / groups;
  return mapValues(zeros([channels * groups, group, 3, 3]), (_, i) => {
    const [tap, f, c] = [i % 9, Math.floor(i / 9) % group, Math.floor(i / (9 * group))];
    const filter = Math.floor(c / channels) * group + f;
    return data[(filter * channels + c % channels) * 9 + 8 - tap]!;
  });
}

function geometryOf(
  inputShape: Shape,
  weightShape: Shape,
  options: Options,
): ConvolutionGeometry {
  const geometry = resolveConvolution(inputShape.slice(1), weightShape, options, "winograd");
  const { kernel } = geometry;
  if (kernel.length !== 2 || kernel.some((taps) => taps !== 3)) {
    throw new ShapeError(`winograd: expected filters of [3, 3], got ${formatShape(kernel)}`);
  }
  return geometry;
}

function absoluteTransforms(tile: WinogradTile): WinogradTransforms {
  const { input, filter, output, gradient, weights } = WINOGRAD_TRANSFORMS[tile];
  const absolute = (matrix: Matrix): Matrix => matrix.map((row) => row.map(Math.abs));
  return {
    input: absolute(input),
    filter: absolute(filter),
    output: absolute(output),
    gradient: absolute(gradient),
    weights: absolute(weights),
  };
}

function magnitude(x: NdArray): NdArray {
  return mapValues(x, Math.abs);
}
