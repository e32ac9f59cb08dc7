/**
 * The tiles in which a convolution is computed by Fourier transforms: the sizes with the least estimated time.
 *
 * @module
 */

import { type ConvolutionGeometry, liftDimensions } from "../convolution_shape.ts";
import type { ConvolutionPass } from "./convolution_method.ts";
import { halfOf, type Pair, pairOf } from "./fft_layout.ts";
import { fftPasses, smoothLengths } from "./fft_plan.ts";

/** The tiles of a convolution. */
export interface FftTiling {
  /** Height and width of the transforms. */
  readonly size: Pair;
  /** Places that a filter covers, with its dilation. */
  readonly span: Pair;
  /** Outputs of a tile: size − span + 1. */
  readonly tile: Pair;
  /** Tiles that cover all outputs. */
  readonly tiles: Pair;
  /** Frequencies of the half spectrum. */
  readonly frequencies: number;
}

/** Filters whose spectra would take more are transformed in smaller tiles: what every WebGPU device can bind. */
const SPECTRA_BYTES = 2 ** 27;
/** Longest transform for tiles, in spans of the filter; beyond it a tile gains nothing. */
const LONGEST_IN_SPANS = 8;
/**
 * Nanoseconds on lavapipe, of which only the ratios matter: of a pass for a complex number; of a complex product in a matrix, and
 * in the inverse transform, where each of its factors is loaded for it alone.
 */
const PASS_TIME = 4.5;
const PRODUCT_TIME = 0.5;
const FUSED_PRODUCT_TIME = 3;
/** Filters (channels · filters of a group) up to which the inverse transform forms the products: a matrix would be mostly edge. */
const FUSED_FILTERS = 32;
/** The same for the gradient to the weights, whose sum is over images and tiles: results of a group, and terms of a sum. */
const FUSED_RESULTS = 4;
const FUSED_TERMS = 1024;

const known = new WeakMap<ConvolutionGeometry, Map<string, FftTiling>>();

/** The tiles with the least estimated time for a batch of this size. */
export function fftTiling(
  pass: ConvolutionPass,
  geometry: ConvolutionGeometry,
  images: number,
): FftTiling {
  const key = `${pass} ${images}`;
  const tilings = known.get(geometry) ?? new Map<string, FftTiling>();
  known.set(geometry, tilings);
  let tiling = tilings.get(key);
  if (tiling === undefined) {
    tiling = chooseTiling(pass, geometry, images);
    tilings.set(key, tiling);
  }
  return tiling;
}

function chooseTiling(
  pass: ConvolutionPass,
  geometry: ConvolutionGeometry,
  images: number,
): FftTiling {
  const g = liftDimensions(geometry, 2);
  const span = pairOf(g.kernel.map((taps, i) => (taps - 1) * g.dilation[i]! + 1));
  const outputs = pairOf(pass === "inputGradient" ? g.input : g.output);
  const candidates = span.map((least, axis) => {
    const whole = Math.max(1, outputs[axis]!) + least - 1;
    const lengths = smoothLengths(least, whole);
    const longest = Math.max(64, LONGEST_IN_SPANS * least);
    return lengths.filter((length, i) => i === 0 || length <= longest);
  });
  let best: FftTiling | undefined;
  let bestTime = Infinity;
  for (const height of candidates[0]!) {
    for (const width of candidates[1]!) {
      const tiling = tilingOf([height, width], span, outputs);
      const time = estimatedTime(pass, geometry, images, tiling);
      if (best === undefined || time < bestTime) [best, bestTime] = [tiling, time];
    }
  }
  return best!;
}

function tilingOf(size: Pair, span: Pair, outputs: Pair): FftTiling {
  const tile = pairOf(size.map((length, i) => length - span[i]! + 1));
  return {
    size,
    span,
    tile,
    tiles: pairOf(tile.map((count, i) => Math.max(1, Math.ceil(outputs[i]! / count)))),
    frequencies: size[0] * halfOf(size[1]),
  };
}

/** Infinite if the spectra of the filters would take too much memory. */
function estimatedTime(
  pass: ConvolutionPass,
  geometry: ConvolutionGeometry,
  images: number,
  { size, span, tile, tiles, frequencies }: FftTiling,
): number {
  const { channels, filters, groups } = geometry;
  const [height, width] = size;
  const planes = channels / groups * filters;
  if (8 * planes * frequencies > SPECTRA_BYTES) return Infinity;
  const passes = (rows: number) =>
    Math.ceil(Math.min(rows, height) / 2) * width * fftPasses(width).length +
    frequencies * fftPasses(height).length;
  const items = images * tiles[0] * tiles[1];
  const transforms = pass === "weightGradient"
    ? items * (channels * passes(height) + filters * passes(tile[0])) + planes * passes(span[0])
    : items * (channels + filters) * passes(height) + planes * passes(span[0]);
  const { m, k, n } = complexProduct(pass, geometry, items);
  const product = isFused(pass, m, k, n) ? FUSED_PRODUCT_TIME : PRODUCT_TIME;
  return PASS_TIME * transforms + product * frequencies * items * planes;
}

/** The size of the product for one frequency and group; `items` are images times tiles. */
export function complexProduct(
  pass: ConvolutionPass,
  { channels, filters, groups }: ConvolutionGeometry,
  items: number,
): { m: number; k: number; n: number } {
  const [c, f] = [channels / groups, filters / groups];
  switch (pass) {
    case "forward":
      return { m: items, k: c, n: f };
    case "inputGradient":
      return { m: items, k: f, n: c };
    case "weightGradient":
      return { m: c, k: items, n: f };
  }
}

/** Whether the inverse transform forms the products as it reads them, given the size of the complex product. */
export function isFused(pass: ConvolutionPass, m: number, k: number, n: number): boolean {
  return pass === "weightGradient"
    ? m * n <= FUSED_RESULTS && k <= FUSED_TERMS
    : k * n <= FUSED_FILTERS;
}
