/**
 * How a convolution is computed by Fourier transforms: the transforms, the matrix product, and the memory that they need.
 *
 * @module
 */

import { type ConvolutionGeometry, liftDimensions } from "../convolution_shape.ts";
import { paddedBytes } from "../gpu/memory.ts";
import { type ConvolutionPass, type MethodOptions, partsWorkspace } from "./convolution_method.ts";
import { complexProduct, type FftTiling, fftTiling, isFused } from "./convolution_fft_tiling.ts";
import type { FftSize, Pair } from "./fft_layout.ts";
import { fftWorkspace } from "./fft_transform.ts";
import type { MatmulSize } from "./matmul_plan.ts";
import { matmulWorkspace } from "./matmul_tuning.ts";

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
  options: MethodOptions,
  whole: number,
): readonly number[] {
  const plan = fftConvolutionPlan(pass, geometry, count, whole);
  const batches = plan.frequencies * plan.groups;
  const [a, b, c] = [plan.a, plan.b, plan.c].map((matrix) => 4 * batches * storedSize(matrix)) as [
    number,
    number,
    number,
  ];
  const product = plan.fused ? [] : [a, b, c, ...matmulWorkspace(options, plan.product, batches)];
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
