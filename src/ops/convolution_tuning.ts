/**
 * Convolutions as something to be tuned: which share a method, how a method is tried, and how exact its result has to be.
 *
 * @module
 */

import type { ConvolutionGeometry } from "../convolution_shape.ts";
import type { Gpu } from "../gpu/gpu.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { exactMagnitude, type TuningRequest, wholeNumbers } from "../gpu/tuning_trial.ts";
import { sizeOf } from "../shape.ts";
import { fftTiling } from "./convolution_fft_tiling.ts";
import { type ConvolutionPass, weightShapeOf } from "./convolution_method.ts";
import { fftError } from "./fft_plan.ts";

/** The method of a convolution. */
export interface ConvolutionChoice<Name extends string = string> {
  readonly algorithm: Name;
  /** False if images are not copied into textures. Default: they are where the method can read them there. */
  readonly textures?: false;
}

/** A pass of a convolution whose method is to be chosen. */
export interface ConvolutionProblem<Name extends string> {
  readonly pass: ConvolutionPass;
  readonly geometry: ConvolutionGeometry;
  readonly images: number;
  /** Bytes of intermediate results at once. */
  readonly workspaceLimit: number;
  /** The method of the table. */
  builtIn(): Name;
  /** The methods that can compute it, each in its ways. */
  candidates(): readonly ConvolutionChoice<Name>[];
  /** The method that results are compared with. */
  readonly plainest: Name;
  /** Computes the pass by a method: y from x and weights, dx from dy and weights, or dw from x and dy. */
  compute(
    recorder: Recorder,
    choice: ConvolutionChoice<Name>,
    a: Tensor,
    b: Tensor,
    out: Tensor,
  ): void;
}

/** Rounding of float32. */
const UNIT = 2 ** -24;
/** Terms of a Winograd sum with tiles of 2 times the square of the numbers, up to which it is exact: see {@linkcode inputsOf}. */
const EXACT_WINOGRAD = 2 ** 16;

/**
 * The choice for a pass. Batches share it up to the next power of two, since the images of a batch do not change what suits each;
 * all else is as it is: a method is made for filters, strides and channels, and a network has few of them.
 */
export function convolutionRequest<Name extends string>(
  problem: ConvolutionProblem<Name>,
): TuningRequest<ConvolutionChoice<Name>> {
  const { pass, geometry, images, workspaceLimit, compute, plainest } = problem;
  const { channels, filters, groups, input, kernel, output, strides, dilation, padBefore } =
    geometry;
  const text = (list: readonly number[]) => list.join("×");
  const shape = `${channels}×${text(input)} → ${filters}×${text(output)}, filters ${text(kernel)}` +
    (groups > 1 ? `, ${groups} groups` : "");
  const windows = `strides ${text(strides)}, dilation ${text(dilation)}, pad ${text(padBefore)}`;
  const bucket = images <= 1 ? images : 2 ** Math.ceil(Math.log2(images));
  return {
    key: `convolution ${pass} ${bucket} of ${shape}, ${windows}, ${workspaceLimit} bytes`,
    label: `${pass} ${images} of ${shape}`,
    flops: 2 * images * sizeOf(output) * sizeOf(weightShapeOf(geometry)),
    builtIn: () => ({ algorithm: problem.builtIn() }),
    candidates: () => problem.candidates(),
    describe: ({ algorithm, textures }) =>
      textures === false ? `${algorithm} from buffers` : algorithm,
    trial(gpu: Gpu) {
      const { a, b, outShape, magnitude } = inputsOf(gpu, problem);
      const run = (recorder: Recorder, choice: ConvolutionChoice<Name>) => {
        const out = recorder.empty(outShape);
        compute(recorder, choice, a, b, out);
        return out;
      };
      return {
        run,
        reference: (recorder) => run(recorder, { algorithm: plainest }),
        tolerance: ({ algorithm }) => tolerance(pass, geometry, images, algorithm, magnitude),
        [Symbol.dispose]() {
          a.dispose();
          b.dispose();
        },
      };
    },
  };
}

/** Products in a sum, and what Winograd's method sums: channels, or for the gradient to the weights tiles of 2 × 2 outputs. */
function termsOf(
  pass: ConvolutionPass,
  { channels, filters, groups, kernel, output }: ConvolutionGeometry,
  images: number,
): { terms: number; winograd: number } {
  if (pass === "weightGradient") {
    const tiles = sizeOf(output.map((size) => Math.ceil(size / 2)));
    return { terms: images * sizeOf(output), winograd: images * tiles };
  }
  const summed = (pass === "forward" ? channels : filters) / groups;
  return { terms: summed * sizeOf(kernel), winograd: summed };
}

/**
 * Whole numbers so small that sums are exact in every order. Winograd's transforms multiply by whole numbers and halves: with tiles
 * of 2, all its numbers are multiples of 1/4, and of their absolute values no sum passes 8² · terms · magnitude² (in one dimension,
 * the rows of |Bᵀ| add up to 2, those of |G| to 1, 3/2, 3/2 and 1, and |Aᵀ| adds three of their products, 8 at most; the gradient
 * to the weights stays below). So they are exact up to 2²⁴/4 = 8² · 2¹⁶.
 */
function inputsOf<Name extends string>(
  gpu: Gpu,
  { pass, geometry, images, candidates }: ConvolutionProblem<Name>,
) {
  const { channels, filters, input, output } = geometry;
  const { terms, winograd } = termsOf(pass, geometry, images);
  const forWinograd = Math.floor(Math.sqrt(EXACT_WINOGRAD / Math.max(1, winograd)));
  const wanted = candidates().some(({ algorithm }) => algorithm as string === "winograd") &&
    forWinograd >= 1;
  const magnitude = Math.min(exactMagnitude(terms), wanted ? forWinograd : Infinity);
  const x = [images, channels, ...input];
  const dy = [images, filters, ...output];
  const weight = weightShapeOf(geometry);
  const [aShape, bShape, outShape] = pass === "forward"
    ? [x, weight, dy]
    : pass === "inputGradient"
    ? [dy, weight, x]
    : [x, dy, weight];
  return {
    a: wholeNumbers(gpu, aShape, magnitude, 1),
    b: wholeNumbers(gpu, bShape, magnitude, 2),
    outShape,
    magnitude,
  };
}

/** How far results of a method may be from exact ones. */
export function tolerance(
  pass: ConvolutionPass,
  geometry: ConvolutionGeometry,
  images: number,
  algorithm: string,
  magnitude: number,
): number | undefined {
  const { terms, winograd } = termsOf(pass, geometry, images);
  if (magnitude < 1) return undefined;
  if (algorithm === "winograd") {
    return winograd * magnitude ** 2 <= EXACT_WINOGRAD ? 0 : undefined;
  }
  if (algorithm !== "fft") return 0;
  const bound = fftBound(pass, geometry, images, magnitude);
  // Results are sums of terms of either sign; a bound beyond a quarter of their usual size would let wrong ones pass.
  const usual = magnitude ** 2 / 3 * Math.sqrt(terms);
  return bound <= usual / 4 ? bound : undefined;
}

/**
 * The largest error of a convolution by Fourier transforms. With the transforms' errors ε in the L2 norm and K products of spectra
 * in a sum, each of ‖x‖‖w‖ at most: 2ε for the factors, √2 · (2K + 16) roundings for the sums of complex products, and ε · √n for
 * the inverse, with n elements of the smaller factor (Parseval, Cauchy and Schwarz, Young). Images of n numbers have ‖x‖ ≤
 * magnitude · √n; where a sum runs over tiles, √tiles covers their overlap.
 */
function fftBound(
  pass: ConvolutionPass,
  geometry: ConvolutionGeometry,
  images: number,
  magnitude: number,
): number {
  const { channels, filters, groups, input, output, kernel } = geometry;
  const tiling = fftTiling(pass, geometry, images);
  const gradient = pass === "weightGradient";
  const tiles = sizeOf(tiling.tiles);
  const error = fftError(...tiling.size);
  const summed = gradient ? images : (pass === "forward" ? channels : filters) / groups;
  const smaller = gradient ? sizeOf(tiling.tile) : sizeOf(kernel);
  const factor = 2.01 * error + Math.SQRT2 * (2 * summed * (gradient ? tiles : 1) + 16) * UNIT +
    error * Math.sqrt(smaller) + (gradient ? images * UNIT : 0);
  const [a, b] = [
    pass === "inputGradient" ? output : input,
    pass === "weightGradient" ? output : kernel,
  ];
  const norms = magnitude ** 2 * Math.sqrt(sizeOf(a) * sizeOf(b));
  return factor * summed * norms * (gradient ? Math.sqrt(tiles) : 1);
}
