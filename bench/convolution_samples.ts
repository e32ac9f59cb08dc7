/**
 * How exact a convolution is: some of its results, computed again in float64 by the loops that define them.
 *
 * @module
 */

import type { ConvolutionGeometry } from "../src/convolution_shape.ts";
import type { ConvolutionPass } from "../src/ops/convolution_method.ts";
import { Random } from "../src/random.ts";

/** The inputs of a pass: x and weights, dy and weights, or x and dy. */
export type PassInputs = readonly [a: Float32Array, b: Float32Array];

/** Results that are computed again: all, if there are no more. */
const SAMPLES = 512;

/** The largest error of sampled results, relative to the root of the mean of their squares in float64. */
export function sampledError(
  pass: ConvolutionPass,
  geometry: ConvolutionGeometry,
  images: number,
  inputs: PassInputs,
  results: Float32Array,
): number {
  const random = new Random(3);
  const indices = results.length <= SAMPLES
    ? results.keys()
    : Array.from({ length: SAMPLES }, () => random.integer(results.length));
  let squares = 0;
  let samples = 0;
  let largest = 0;
  for (const index of indices) {
    const expected = convolutionElement(pass, geometry, images, inputs, index);
    squares += expected ** 2;
    samples++;
    largest = Math.max(largest, Math.abs(results[index]! - expected)); // NaN stays NaN
  }
  return largest / Math.sqrt(squares / samples);
}

/** One result of a pass of a convolution in two dimensions, by its position in memory. */
export function convolutionElement(
  pass: ConvolutionPass,
  geometry: ConvolutionGeometry,
  images: number,
  [a, b]: PassInputs,
  index: number,
): number {
  const { channels, filters, groups } = geometry;
  const [height, width] = geometry.input as Pair;
  const [kernelHeight, kernelWidth] = geometry.kernel as Pair;
  const [outputHeight, outputWidth] = geometry.output as Pair;
  const [yStride, xStride] = geometry.strides as Pair;
  const [yDilation, xDilation] = geometry.dilation as Pair;
  const [yPad, xPad] = geometry.padBefore as Pair;
  const groupChannels = channels / groups;
  const groupFilters = filters / groups;
  // NaN outside the image, where nothing is added.
  const inputIndex = (n: number, c: number, row: number, column: number) =>
    row < 0 || row >= height || column < 0 || column >= width
      ? NaN
      : ((n * channels + c) * height + row) * width + column;
  const outputIndex = (n: number, f: number, row: number, column: number) =>
    row < 0 || row >= outputHeight || column < 0 || column >= outputWidth
      ? NaN
      : ((n * filters + f) * outputHeight + row) * outputWidth + column;
  const weightIndex = (f: number, c: number, ky: number, kx: number) =>
    ((f * groupChannels + c % groupChannels) * kernelHeight + ky) * kernelWidth + kx;
  let sum = 0;
  const addProduct = (i: number, j: number) => {
    if (!Number.isNaN(i + j)) sum += a[i]! * b[j]!;
  };

  if (pass === "forward") {
    const [n, f, oy, ox] = split(index, [filters, outputHeight, outputWidth]);
    const first = Math.floor(f / groupFilters) * groupChannels;
    for (let c = first; c < first + groupChannels; c++) {
      for (let ky = 0; ky < kernelHeight; ky++) {
        for (let kx = 0; kx < kernelWidth; kx++) {
          const row = oy * yStride + ky * yDilation - yPad;
          const column = ox * xStride + kx * xDilation - xPad;
          addProduct(inputIndex(n, c, row, column), weightIndex(f, c, ky, kx));
        }
      }
    }
  } else if (pass === "inputGradient") {
    const [n, c, row, column] = split(index, [channels, height, width]);
    const first = Math.floor(c / groupChannels) * groupFilters;
    for (let f = first; f < first + groupFilters; f++) {
      for (let ky = 0; ky < kernelHeight; ky++) {
        for (let kx = 0; kx < kernelWidth; kx++) {
          const oy = (row + yPad - ky * yDilation) / yStride;
          const ox = (column + xPad - kx * xDilation) / xStride;
          if (!Number.isInteger(oy) || !Number.isInteger(ox)) continue;
          addProduct(outputIndex(n, f, oy, ox), weightIndex(f, c, ky, kx));
        }
      }
    }
  } else {
    const [f, groupChannel, ky, kx] = split(index, [groupChannels, kernelHeight, kernelWidth]);
    const c = Math.floor(f / groupFilters) * groupChannels + groupChannel;
    for (let n = 0; n < images; n++) {
      for (let oy = 0; oy < outputHeight; oy++) {
        for (let ox = 0; ox < outputWidth; ox++) {
          const row = oy * yStride + ky * yDilation - yPad;
          const column = ox * xStride + kx * xDilation - xPad;
          addProduct(inputIndex(n, c, row, column), outputIndex(n, f, oy, ox));
        }
      }
    }
  }
  return sum;
}

type Pair = readonly [height: number, width: number];
type Position = readonly [number, number, number, number];

/** The position in four dimensions that an index stands for; the first dimension is as long as it has to be. */
function split(
  index: number,
  [second, third, fourth]: readonly [number, number, number],
): Position {
  const row = Math.floor(index / fourth);
  const plane = Math.floor(row / third);
  return [Math.floor(plane / second), plane % second, row % third, index % fourth];
}
