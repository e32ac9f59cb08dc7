/**
 * How a convolution is computed by Fourier transforms: the size of the tiles, the matrix product, and the memory that they need.
 *
 * @module
 */

import { type ConvolutionGeometry, liftDimensions } from "../convolution_shape.ts";
import { paddedBytes } from "../gpu/memory.ts";
import { type ConvolutionPass, type MethodOptions, partsWorkspace } from "./convolution_method.ts";
import { fftPasses, smoothLengths } from "./fft_plan.ts";
import { type FftSize, halfOf, type Pair } from "./fft_layout.ts";
import { fftWorkspace } from "./fft_transform.ts";
import { chooseMatmul, type MatmulSize } from "./matmul_plan.ts";

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

/** One of the two factors, or the product, of all frequencies and groups: a complex matrix stored as real ones. */
export interface ComplexMatrix {
  /** Of one frequency and group. */
  readonly rows: number;
  readonly columns: number;
  /**
   * "stacked": the imaginary part below the real part; "beside": to the right of it; "full": [[R, −I], [I, R]] or, turned,
   * [[R, I], [−I, R]], which turns a complex product into a real one.
   */
  readonly form: "stacked" | "beside" | "full" | "turned";
}

/** What a pass with a part of the batch consists of. */
export interface FftConvolutionPlan extends FftTiling {
  readonly groups: number;
  /** Whether the sum over the channels is so small that the inverse transform forms it as it reads. */
  readonly fused: boolean;
  /** The size of the real product for one frequency and group. */
  readonly product: MatmulSize;
  readonly a: ComplexMatrix;
  readonly b: ComplexMatrix;
  readonly c: ComplexMatrix;
  /** The transforms of the first factor (x, or dy for the input gradient), of the second (weights, or dy), and of the result. */
  readonly aSize: FftSize;
  readonly bSize: FftSize;
  readonly cSize: FftSize;
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
  const span = g.kernel.map((taps, i) => (taps - 1) * g.dilation[i]! + 1) as unknown as Pair;
  const outputs = (pass === "inputGradient" ? g.input : g.output) as Pair;
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
  const tile = size.map((length, i) => length - span[i]! + 1) as unknown as Pair;
  return {
    size,
    span,
    tile,
    tiles: tile.map((count, i) => Math.max(1, Math.ceil(outputs[i]! / count))) as unknown as Pair,
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
function complexProduct(
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

/** The plan of a pass for `count` images at once, of a batch of `whole`. */
export function fftConvolutionPlan(
  pass: ConvolutionPass,
  geometry: ConvolutionGeometry,
  count: number,
  whole: number,
): FftConvolutionPlan {
  const tiling = fftTiling(pass, geometry, whole);
  const { size, span, tile, tiles } = tiling;
  const { groups } = geometry;
  const items = count * tiles[0] * tiles[1];
  const gradient = pass === "weightGradient";
  const { m, k, n } = complexProduct(pass, geometry, items);
  // One factor is stored twice: the one with fewer elements. All parts of a batch agree, since they share the filters.
  const doubleA = (gradient ? m : whole * tiles[0] * tiles[1]) <= n;
  const product = doubleA
    ? { m: 2 * m, k: 2 * k, n, transposeA: gradient, transposeB: false }
    : { m, k: 2 * k, n: 2 * n, transposeA: gradient, transposeB: false };
  const fused = isFused(pass, m, k, n);
  const a: ComplexMatrix = {
    rows: gradient ? k : m,
    columns: gradient ? m : k,
    form: fused
      ? "stacked"
      : gradient
      ? (doubleA ? "turned" : "stacked")
      : (doubleA ? "full" : "beside"),
  };
  const b: ComplexMatrix = { rows: k, columns: n, form: fused || doubleA ? "stacked" : "turned" };
  const c: ComplexMatrix = { rows: m, columns: n, form: doubleA ? "stacked" : "beside" };
  const [height, width] = size;
  const aPlanes = pass === "inputGradient" ? geometry.filters : geometry.channels;
  const cPlanes = pass === "inputGradient" ? geometry.channels : geometry.filters;
  const g = liftDimensions(geometry, 2);
  const aHeight = pass === "inputGradient" ? g.output[0]! : g.input[0]!;
  // Rows beyond the image are 0 in every tile.
  const aRows = Math.min(height, Math.max(1, aHeight - originOf(pass, geometry, tiling)[0]));
  const weights = geometry.filters * geometry.channels / groups;
  const sizeOfTransform = (count: number, rows: number) => ({ height, width, items: count, rows });
  return {
    ...tiling,
    groups,
    fused,
    product,
    a,
    b,
    c,
    aSize: sizeOfTransform(items * aPlanes, aRows),
    bSize: gradient
      ? sizeOfTransform(items * geometry.filters, tile[0])
      : sizeOfTransform(weights, span[0]),
    cSize: gradient ? sizeOfTransform(weights, span[0]) : sizeOfTransform(items * cPlanes, tile[0]),
  };
}

/** Whether the inverse transform forms the products as it reads them, given the size of the complex product. */
function isFused(pass: ConvolutionPass, m: number, k: number, n: number): boolean {
  return pass === "weightGradient"
    ? m * n <= FUSED_RESULTS && k <= FUSED_TERMS
    : k * n <= FUSED_FILTERS;
}

/** The place in the first factor's image of the first position of the first tile. */
export function originOf(
  pass: ConvolutionPass,
  geometry: ConvolutionGeometry,
  { span }: FftTiling,
): Pair {
  const [top, left] = liftDimensions(geometry, 2).padBefore as [number, number];
  return pass === "inputGradient" ? [top - span[0] + 1, left - span[1] + 1] : [-top, -left];
}

/** Elements of a matrix of one frequency and group. */
export function storedSize({ rows, columns, form }: ComplexMatrix): number {
  return (form === "full" || form === "turned" ? 4 : 2) * rows * columns;
}

/** Bytes of what is alive while the most is. */
export function fftConvolutionWorkspace(
  pass: ConvolutionPass,
  geometry: ConvolutionGeometry,
  count: number,
  { software }: MethodOptions,
  whole: number,
): readonly number[] {
  const plan = fftConvolutionPlan(pass, geometry, count, whole);
  const batches = plan.frequencies * plan.groups;
  const [a, b, c] = [plan.a, plan.b, plan.c].map((matrix) => 4 * batches * storedSize(matrix)) as [
    number,
    number,
    number,
  ];
  const { parts } = chooseMatmul({ software }, plan.product, batches);
  const product = plan.fused ? [] : [a, b, c, ...(parts > 1 ? [parts * c] : [])];
  const inA = fftWorkspace(plan.aSize, false);
  const inB = fftWorkspace(plan.bSize, false);
  const factors = plan.fused ? [a, b] : pass === "weightGradient" ? [c] : [b, c];
  const inC = fftWorkspace(plan.cSize, true).map((list) => [...factors, ...list]);
  if (pass !== "weightGradient") {
    return largest([
      ...inB.map((list) => [b, ...list]),
      ...inA.map((list) => [a, b, ...list]),
      product,
      ...inC,
    ]);
  }
  const tensors = largest([
    ...inA.map((list) => [a, ...list]),
    ...inB.map((list) => [a, b, ...list]),
    product,
    ...inC,
  ]);
  return partsWorkspace(geometry, count, whole, tensors);
}

function largest(lists: readonly (readonly number[])[]): readonly number[] {
  const total = (list: readonly number[]) =>
    list.reduce((sum, bytes) => sum + paddedBytes(bytes), 0);
  return lists.reduce((best, list) => total(list) > total(best) ? list : best);
}
