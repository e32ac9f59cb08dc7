/**
 * Cases of the filtering of images.
 *
 * @module
 */

import { OptionError, ShapeError } from "../src/errors.ts";
import { gaussianKernel, sobelKernel } from "../src/filter_kernels.ts";
import { filter2d } from "../src/ops/filter2d.ts";
import type { Random } from "../src/random.ts";
import { filter2d as filterOracle } from "../src/reference/fourier.ts";
import type { NdArray } from "../src/reference/nd_array.ts";
import { separate } from "../src/singular_values.ts";
import {
  blank,
  type Case,
  floats,
  type Input,
  makeCase,
  pick,
  reference,
  type Row,
} from "./case.ts";
import { UNIT } from "./rounding.ts";

/** Σ |x||kernel| of a filter. */
function magnitudeOf(
  x: NdArray,
  kernel: NdArray,
  mode: "correlation" | "convolution",
): Float64Array {
  const absolute = ({ shape, data }: NdArray) => ({ shape, data: data.map(Math.abs) });
  return filterOracle(absolute(x), absolute(kernel), mode).data;
}

const matrixOf = (rows: number[][]): NdArray => ({
  shape: [rows.length, rows[0]!.length],
  data: Float64Array.from(rows.flat()),
});

/** Rows of numbers of a size: with rank 1, or any. */
function drawKernel(random: Random, separable: boolean): number[][] {
  const [height, width] = [
    pick(random, [1, 2, 3, 5, 8, 9, 13, 16]),
    pick(random, [1, 2, 3, 4, 7, 17]),
  ];
  if (!separable) {
    return Array.from(
      { length: height },
      () => Array.from({ length: width }, random.normal, random),
    );
  }
  const special = pick(random, [0, 0, 0, 1, 2, 3]);
  if (special === 1) return gaussianKernel(height, 0.3 * height + 0.2);
  if (special === 2) return sobelKernel(pick(random, ["x", "y"]));
  const column = Array.from({ length: height }, () => random.normal());
  const row = Array.from({ length: width }, () => random.normal());
  return column.map((a) => row.map((b) => a * b));
}

function filterCase(random: Random, separable: boolean, x: Input<Float32Array>): Case {
  const kernel = drawKernel(random, separable);
  const mode = pick(random, ["correlation", "convolution"] as const);
  const [height, width] = [kernel.length, kernel[0]!.length];
  const chosen = pick(random, separable ? [true, "auto"] as const : [false, "auto"] as const);
  return makeCase(
    `kernel ${height} × ${width}, ${mode}, separable ${chosen}`,
    { x },
    (recorder, { x }) => ({
      y: filter2d(recorder, x, kernel, { mode, separable: chosen, algorithm: "direct" }),
    }),
    (inputs) => {
      const x = reference(inputs.x);
      const y = filterOracle(x, matrixOf(kernel), mode);
      // One rounding of the kernel to float32 besides the sum of the products.
      const sum = magnitudeOf(x, matrixOf(kernel), mode);
      const direct = sum.map((value) => (height * width + 5) * UNIT * value);
      if (!separable) return { y: { shape: y.shape, values: y.data, bounds: direct } };
      // Two sums, and a rounding of each factor; the product leaves out twice the second singular value, of Σ|x|. A kernel of one
      // row or column is taken as it is.
      const { column, row, values } = separate(kernel);
      const product = column.map((a) => row.map((b) => a * b));
      const ones = kernel.map((row) => row.map(() => 1));
      const [terms, reached] = [product, ones].map((m) => magnitudeOf(x, matrixOf(m), mode));
      const left = 2 * ((values[1] ?? 0) + 1e-15 * values[0]!);
      const bounds = y.data.map((_, i) =>
        Math.max(direct[i]!, (height + width + 6) * UNIT * terms![i]! + left * reached![i]!)
      );
      return { y: { shape: y.shape, values: y.data, bounds } };
    },
  );
}

function drawPicture(random: Random): Input<Float32Array> {
  const batch = pick(random, [[], [1], [3], [0], [2, 2]]);
  return floats(random, [
    ...batch,
    pick(random, [1, 2, 7, 8, 17, 30]),
    pick(random, [1, 3, 8, 9, 33]),
  ]);
}

/** The rows of filters. */
export const FILTER_ROWS: readonly Row[] = [true, false].map((separable): Row => ({
  name: separable ? "filter2d by a column and a row" : "filter2d",
  kernels: separable
    ? ["filter_line.wgsl", "constants.wgsl"]
    : ["constants.wgsl", "convolution_direct.wgsl"],
  draws: separable ? 100 : 30,
  draw: (random) => filterCase(random, separable, drawPicture(random)),
  ...(separable
    ? {
      refusals: [
        {
          what: "a kernel that is not separable",
          error: OptionError,
          message:
            /^filter2d: separable: expected a kernel of rank 1, got rank 2: .* is 1.00, the first 2.00/,
          call: (gpu) => filter2d(gpu, blank(gpu, 4, 4), [[1, 0], [0, 2]], { separable: true }),
        },
        {
          what: "a kernel with rows of different length",
          error: ShapeError,
          message: /^filter2d: kernel: expected rows of one length, got 2 and, in row 1, 1/,
          call: (gpu) => filter2d(gpu, blank(gpu, 4, 4), [[1, 0], [0]]),
        },
        {
          what: "a kernel with an infinite number",
          error: ShapeError,
          message: /^filter2d: kernel: expected finite numbers, got Infinity at \[0, 1\]/,
          call: (gpu) => filter2d(gpu, blank(gpu, 4, 4), [[1, Infinity]]),
        },
        {
          what: "a row without an image",
          error: ShapeError,
          message: /^filter2d: expected images \[..., h, w\], got shape \[4\]/,
          call: (gpu) => filter2d(gpu, blank(gpu, 4), [[1]]),
        },
        {
          what: "a mode that does not exist",
          error: OptionError,
          message: /^filter2d: mode: expected one of "correlation", "convolution", got "full"/,
          call: (gpu) => filter2d(gpu, blank(gpu, 4, 4), [[1]], { mode: "full" as never }),
        },
        {
          what: "a choice that does not exist",
          error: OptionError,
          message: /^filter2d: separable: expected true, false or "auto", got yes/,
          call: (gpu) => filter2d(gpu, blank(gpu, 4, 4), [[1]], { separable: "yes" as never }),
        },
      ],
    }
    : {}),
}));
