/**
 * Convolution in one to three dimensions, as the nest of loops that defines it. As in every network it
 * is a cross-correlation: the filter is not flipped.
 *
 * @module
 */

import {
  type ConvolutionGeometry,
  liftDimensions,
  resolveConvolution,
} from "../convolution_shape.ts";
import { ShapeError } from "../errors.ts";
import { formatShape, type Shape, sizeOf } from "../shape.ts";
import type { ConvolutionOptions } from "../window_options.ts";
import { expectShape, mapValues, type NdArray, zeros } from "./nd_array.ts";

/** How `convolution` moves the filter, and what it adds. */
export interface BiasedConvolutionOptions extends ConvolutionOptions {
  /** Added to every element of its filter's output. Shape: [f]. Default: none. */
  readonly bias?: NdArray;
}

/** The gradients of a convolution's parameters. */
export interface ConvolutionGradients {
  /** The gradient of the weights. Shape: [f, c / groups, …k]. */
  readonly dw: NdArray;
  /** The gradient of the bias. Shape: [f]. */
  readonly db: NdArray;
}

/**
 * Cross-correlation of a batch of inputs with filters.
 *
 * y[n, f, o] = bias[f] + Σ_c Σ_k x[n, c, o · stride + k · dilation − padBefore] · w[f, c, k]
 *
 * Here o and k are positions in 1 to 3 dimensions, and c runs over the channels of the group of f. The sum
 * is in order of c, then k. What lies in the padding is left out rather than multiplied by 0, so that a
 * NaN in w does not reach an output through the padding.
 *
 * Shape: x [n, c, …in], weight [f, c / groups, …k], bias [f] → [n, f, …out].
 *
 * @throws {ShapeError} if the shapes do not fit together.
 * @throws {OptionError} if an option is out of range.
 */
export function convolution(
  x: NdArray,
  weight: NdArray,
  options: BiasedConvolutionOptions = {},
): NdArray {
  const { bias } = options;
  const geometry = geometryOf(x.shape, weight.shape, options, "convolution");
  if (bias !== undefined) expectShape(bias, [geometry.filters], "convolution: bias");
  const n = x.shape[0]!;
  const y = zeros([n, geometry.filters, ...geometry.output]);
  forEachRun(n, geometry, (xi, wi, yi, length, stride) => {
    const w = weight.data[wi]!;
    for (let i = 0; i < length; i++) y.data[yi + i]! += x.data[xi + i * stride]! * w;
  });
  if (bias === undefined) return y;
  const area = sizeOf(geometry.output);
  return mapValues(y, (v, i) => v + bias.data[Math.floor(i / area) % geometry.filters]!);
}

/**
 * The gradient of `convolution` with respect to its input.
 *
 * dx[n, c, i] = Σ_f Σ_k dy[n, f, o] · w[f, c, k] over the o and k with o · stride + k · dilation −
 * padBefore = i; with stride 1 this is dy, padded, convolved with the flipped filters.
 *
 * Shape: dy [n, f, …out], weight [f, c / groups, …k] → [n, c, …in].
 *
 * @param options As in the forward step, and the shape of its input.
 * @throws {ShapeError} if the shapes do not fit together.
 * @throws {OptionError} if an option is out of range.
 */
export function convolutionInputGradient(
  dy: NdArray,
  weight: NdArray,
  options: ConvolutionOptions & { readonly inputShape: Shape },
): NdArray {
  const { inputShape } = options;
  const what = "convolutionInputGradient";
  const geometry = geometryOf(inputShape, weight.shape, options, what);
  const n = inputShape[0]!;
  expectShape(dy, [n, geometry.filters, ...geometry.output], `${what}: dy`);
  const dx = zeros(inputShape);
  forEachRun(n, geometry, (xi, wi, yi, length, stride) => {
    const w = weight.data[wi]!;
    for (let i = 0; i < length; i++) dx.data[xi + i * stride]! += dy.data[yi + i]! * w;
  });
  return dx;
}

/**
 * The gradients of `convolution` with respect to its weights and bias.
 *
 * dw[f, c, k] = Σ_n Σ_o x[n, c, o · stride + k · dilation − padBefore] · dy[n, f, o]
 * db[f] = Σ_n Σ_o dy[n, f, o]
 *
 * With stride and dilation 1, dw = x ⋆ dy is the forward rule with dy as the filter. It is not dy ⋆ x,
 * which would be flipped.
 *
 * Shape: x [n, c, …in], dy [n, f, …out] → dw [f, c / groups, …k], db [f].
 *
 * @param options As in the forward step, and the shape of its weights.
 * @throws {ShapeError} if the shapes do not fit together.
 * @throws {OptionError} if an option is out of range.
 */
export function convolutionWeightGradient(
  x: NdArray,
  dy: NdArray,
  options: ConvolutionOptions & { readonly weightShape: Shape },
): ConvolutionGradients {
  const { weightShape } = options;
  const what = "convolutionWeightGradient";
  const geometry = geometryOf(x.shape, weightShape, options, what);
  const n = x.shape[0]!;
  expectShape(dy, [n, geometry.filters, ...geometry.output], `${what}: dy`);
  const dw = zeros(weightShape);
  forEachRun(n, geometry, (xi, wi, yi, length, stride) => {
    let sum = 0;
    for (let i = 0; i < length; i++) sum += x.data[xi + i * stride]! * dy.data[yi + i]!;
    dw.data[wi]! += sum;
  });
  const db = zeros([geometry.filters]);
  const area = sizeOf(geometry.output);
  dy.data.forEach((v, i) => db.data[Math.floor(i / area) % geometry.filters]! += v);
  return { dw, db };
}

/**
 * The sum of magnitudes behind every output of `convolution`, for derived error bounds: Σ|x|·|w| + |bias|,
 * a sum of c / groups · kernel products and the bias.
 *
 * Shape and errors: as `convolution`.
 */
export function convolutionMagnitude(
  x: NdArray,
  weight: NdArray,
  options: BiasedConvolutionOptions = {},
): NdArray {
  const { bias, ...others } = options;
  return convolution(
    magnitude(x),
    magnitude(weight),
    bias === undefined ? others : { ...others, bias: magnitude(bias) },
  );
}

/**
 * The sum of magnitudes behind every element of `convolutionInputGradient`: Σ|dy|·|w|, a sum of at most
 * f / groups · kernel products.
 *
 * Shape and errors: as `convolutionInputGradient`.
 */
export function convolutionInputGradientMagnitude(
  dy: NdArray,
  weight: NdArray,
  options: ConvolutionOptions & { readonly inputShape: Shape },
): NdArray {
  return convolutionInputGradient(magnitude(dy), magnitude(weight), options);
}

/**
 * The sums of magnitudes behind every element of `convolutionWeightGradient`: Σ|x|·|dy| and Σ|dy|, sums of
 * at most n · output terms.
 *
 * Shape and errors: as `convolutionWeightGradient`.
 */
export function convolutionWeightGradientMagnitude(
  x: NdArray,
  dy: NdArray,
  options: ConvolutionOptions & { readonly weightShape: Shape },
): ConvolutionGradients {
  return convolutionWeightGradient(magnitude(x), magnitude(dy), options);
}

/**
 * Visits every product of a convolution: an element of the input, a weight, and the output to which they
 * belong, as indices into the data. Taps in the padding are left out. For one output the channels come in
 * order, and for a channel the taps.
 *
 * The convolution and both its gradients are sums over the same triples, each to another of the three.
 *
 * @param n The size of the batch.
 */
export function forEachTap(
  n: number,
  geometry: ConvolutionGeometry,
  visit: (x: number, w: number, y: number) => void,
): void {
  forEachRun(n, geometry, (xi, wi, yi, length, stride) => {
    for (let i = 0; i < length; i++) visit(xi + i * stride, wi, yi + i);
  });
}

/**
 * As `forEachTap`, but for each weight a run of outputs that are neighbours in a row is visited at once,
 * because a call for every product takes longer than the product: (x + i · stride, w, y + i) for i from 0
 * to length − 1.
 */
function forEachRun(
  n: number,
  geometry: ConvolutionGeometry,
  visit: (x: number, w: number, y: number, length: number, stride: number) => void,
): void {
  const { channels, filters, groups, input, kernel, output, strides, dilation, padBefore } =
    liftDimensions(geometry, 3);
  const [depth, height, width] = input as Triple;
  const [kernelDepth, kernelHeight, kernelWidth] = kernel as Triple;
  const [outputDepth, outputHeight, outputWidth] = output as Triple;
  const [zStride, yStride, xStride] = strides as Triple;
  const groupChannels = channels / groups;
  const groupFilters = filters / groups;

  let w = 0;
  for (let f = 0; f < filters; f++) {
    const firstChannel = Math.floor(f / groupFilters) * groupChannels;
    for (let c = firstChannel; c < firstChannel + groupChannels; c++) {
      for (let kz = 0; kz < kernelDepth; kz++) {
        for (let ky = 0; ky < kernelHeight; ky++) {
          for (let kx = 0; kx < kernelWidth; kx++, w++) visitWeight(f, c, kz, ky, kx, w);
        }
      }
    }
  }

  /** All products of one weight. */
  function visitWeight(
    f: number,
    c: number,
    kz: number,
    ky: number,
    kx: number,
    w: number,
  ): void {
    const zShift = kz * dilation[0]! - padBefore[0]!;
    const yShift = ky * dilation[1]! - padBefore[1]!;
    const xShift = kx * dilation[2]! - padBefore[2]!;
    // The outputs of a row whose tap has a column of 0 … width − 1.
    const first = Math.max(0, Math.ceil(-xShift / xStride));
    const end = Math.min(outputWidth, Math.floor((width - 1 - xShift) / xStride) + 1);
    if (first >= end) return;
    for (let i = 0; i < n; i++) {
      for (let oz = 0; oz < outputDepth; oz++) {
        const z = oz * zStride + zShift;
        if (z < 0 || z >= depth) continue;
        for (let oy = 0; oy < outputHeight; oy++) {
          const row = oy * yStride + yShift;
          if (row < 0 || row >= height) continue;
          const xRow = (((i * channels + c) * depth + z) * height + row) * width;
          const yRow = (((i * filters + f) * outputDepth + oz) * outputHeight + oy) * outputWidth;
          visit(xRow + first * xStride + xShift, w, yRow + first, end - first, xStride);
        }
      }
    }
  }
}

type Triple = readonly [depth: number, height: number, width: number];

/** The geometry of a batch, whose shape has the number of inputs in front. */
function geometryOf(
  xShape: Shape,
  weightShape: Shape,
  options: ConvolutionOptions,
  what: string,
): ConvolutionGeometry {
  if (xShape.length === 0) {
    throw new ShapeError(
      `${what}: expected an input [n, channels, …], got shape ${formatShape(xShape)}`,
    );
  }
  return resolveConvolution(xShape.slice(1), weightShape, options, what);
}

function magnitude(x: NdArray): NdArray {
  return mapValues(x, Math.abs);
}
