/**
 * Cases of Fourier transforms, and of convolutions by them.
 *
 * @module
 */

import { OptionError, ShapeError } from "../src/errors.ts";
import { conv2d, conv2dInputGradient, conv3d } from "../src/ops/convolution.ts";
import { fftTiling } from "../src/ops/convolution_fft_tiling.ts";
import type { ConvolutionPass } from "../src/ops/convolution_method.ts";
import { fft2d, ifft2d } from "../src/ops/fft.ts";
import { fftError } from "../src/ops/fft_plan.ts";
import type { Random } from "../src/random.ts";
import { inverseRealDft2d, realDft2d } from "../src/reference/fourier.ts";
import type { NdArray } from "../src/reference/nd_array.ts";
import { type Shape, sizeOf } from "../src/shape.ts";
import { blank, type Expected, floats, makeCase, pick, reference, type Row } from "./case.ts";
import {
  completed,
  type DrawnConvolution,
  type MethodRows,
  rowsOfConvolution,
} from "./rows_of_convolution.ts";
import { UNIT } from "./rounding.ts";

const FFT_KERNELS = ["fft_pass.wgsl", "fft_loop.wgsl"];

/** One and more passes, every butterfly, primes and their squares. */
const LENGTHS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 15, 16, 25, 32, 40, 49, 64, 75];

/** Images of any size whose reference does not take too long. */
function drawImages(random: Random): { batch: Shape; height: number; width: number } {
  const height = pick(random, LENGTHS);
  const width = pick(random, LENGTHS.filter((length) => length * height <= 1600));
  return { batch: pick(random, [[], [1], [2], [3], [0], [2, 2]]), height, width };
}

/** The Euclidean norm of each run of `length` numbers, NaN left out: it reaches nothing that has a bound. */
function norms(values: ArrayLike<number>, length: number): number[] {
  return Array.from({ length: values.length / length }, (_, i) => {
    let sum = 0;
    for (let j = i * length; j < (i + 1) * length; j++) sum += (values[j]! || 0) ** 2;
    return Math.sqrt(sum);
  });
}

/** The values of images with the same bound for all numbers of one of them. */
function withImageBounds({ shape, data }: NdArray, perImage: readonly number[]): Expected {
  const bounds = data.map((_, i) => perImage[Math.floor(i * perImage.length / data.length)]!);
  return { shape, values: data, bounds };
}

const transformRows: Row[] = [
  {
    name: "fft2d",
    kernels: FFT_KERNELS,
    draws: 60,
    draw: (random) => {
      const { batch, height, width } = drawImages(random);
      return makeCase(
        "",
        { x: floats(random, [...batch, height, width]) },
        (recorder, { x }) => ({ spectrum: fft2d(recorder, x) }),
        ({ x }) => {
          // ‖ΔX‖ ≤ ε · ‖X‖ = ε · √(h·w) · ‖x‖ over an image, so that much for each number.
          const factor = fftError(height, width) * Math.sqrt(height * width);
          const bounds = norms(x.values, height * width).map((norm) => factor * norm);
          return { spectrum: withImageBounds(realDft2d(reference(x)), bounds) };
        },
      );
    },
    refusals: [
      {
        what: "a row without an image",
        error: ShapeError,
        message: /^fft2d: expected images \[..., h, w\] of at least 1 × 1, got \[8\]/,
        call: (gpu) => fft2d(gpu, blank(gpu, 8)),
      },
      {
        what: "an empty image",
        error: ShapeError,
        message: /^fft2d: expected images .* got \[2, 0, 3\]/,
        call: (gpu) => fft2d(gpu, blank(gpu, 2, 0, 3)),
      },
      {
        what: "a prime factor that a loop cannot take",
        error: ShapeError,
        message: /^fft2d: a prime factor of a size may be 60000, got 60013 of 60013/,
        call: (gpu) => fft2d(gpu, blank(gpu, 1, 60_013)),
      },
      {
        what: "a result of another shape",
        error: ShapeError,
        message: /^fft2d: out: expected shape \[4, 3, 2\], got \[4, 4, 2\]/,
        call: (gpu) => fft2d(gpu, blank(gpu, 4, 4), { out: blank(gpu, 4, 4, 2) }),
      },
    ],
  },
  {
    name: "ifft2d",
    kernels: FFT_KERNELS,
    draws: 60,
    draw: (random, index) => {
      const { batch, height, width: drawn } = drawImages(random);
      const half = Math.floor(drawn / 2) + 1;
      const even = Math.max(1, 2 * (half - 1));
      // Without the option, the width is the even one.
      const width = index % 2 === 0 ? even : drawn;
      return makeCase(
        `width ${width}`,
        { spectrum: floats(random, [...batch, height, half, 2]) },
        (recorder, { spectrum }) => ({
          x: ifft2d(recorder, spectrum, width === even ? {} : { width }),
        }),
        ({ spectrum }) => {
          // ‖Δx‖ ≤ ε · ‖X‖ / √(h·w), X with the half that is left out; the imaginary parts that have no effect count, too.
          const extended = spectrum.values.map((value, i) => {
            const v = Math.floor(i / 2) % half;
            return v === 0 || 2 * v === width ? value : Math.SQRT2 * value;
          });
          const factor = fftError(height, width) / Math.sqrt(height * width);
          const bounds = norms(extended, height * half * 2).map((norm) => factor * norm);
          return { x: withImageBounds(inverseRealDft2d(reference(spectrum), width), bounds) };
        },
      );
    },
    refusals: [
      {
        what: "no complex numbers",
        error: ShapeError,
        message: /^ifft2d: expected spectra \[..., h, ⌊w \/ 2⌋ \+ 1, 2\] .* got \[4, 3, 1\]/,
        call: (gpu) => ifft2d(gpu, blank(gpu, 4, 3, 1)),
      },
      {
        what: "a width that does not belong to the spectrum",
        error: ShapeError,
        message: /^ifft2d: a width of 6 has 4 columns of its spectrum, got 3 in \[4, 3, 2\]/,
        call: (gpu) => ifft2d(gpu, blank(gpu, 4, 3, 2), { width: 6 }),
      },
      {
        what: "a width that is no whole number",
        error: OptionError,
        message: /^ifft2d: width: expected a whole number .* got 4.5/,
        call: (gpu) => ifft2d(gpu, blank(gpu, 4, 3, 2), { width: 4.5 }),
      },
    ],
  },
  {
    name: "ifft2d of fft2d",
    kernels: FFT_KERNELS,
    draws: 24,
    nanSpreads: true,
    draw: (random) => {
      const { batch, height, width } = drawImages(random);
      return makeCase(
        "",
        { x: floats(random, [...batch, height, width]) },
        (recorder, { x }) => {
          const spectrum = fft2d(recorder, x);
          const y = ifft2d(recorder, spectrum, { width });
          recorder.release(spectrum);
          return { y };
        },
        ({ x }) => {
          const factor = 2.01 * fftError(height, width);
          const bounds = norms(x.values, height * width).map((norm) => factor * norm);
          return { y: withImageBounds(reference(x), bounds) };
        },
      );
    },
  },
];

/** A convolution with stride 1 in one or two dimensions; some images are cut into tiles. */
function drawStrideOne(random: Random, index: number): DrawnConvolution {
  for (;;) {
    const dims = 1 + index % 2;
    const each = (values: readonly number[]) =>
      Array.from({ length: dims }, () => pick(random, values));
    const groups = pick(random, [1, 1, 2, 3]);
    const many = index % 4 === 3; // channels enough for a matrix product
    const channels = many ? pick(random, [4, 7]) : pick(random, [1, 2, 3]);
    const filters = many ? pick(random, [9, 12]) : pick(random, [1, 2, 5]);
    // Few sizes: each makes kernel variants, which take time to compile.
    const input = dims === 1
      ? each([1, 17, 300])
      : index % 6 === 1
      ? [pick(random, [3, 70]), pick(random, [5, 90])]
      : each([1, 7, 12, 13]);
    const x = [pick(random, [0, 1, 2, 3, 3]), channels * groups, ...input];
    const weight = [filters * groups, channels, ...each([1, 3, 3, 4])];
    const padding = each([0, 0, 1, 6]).map((before) => [before, pick(random, [0, 1, 2])] as const);
    const options = {
      dilation: each([1, 1, 1, 2]),
      padding: pick(random, [padding, padding, "same" as const, 1]),
      groups,
    };
    const drawn = completed({ dims, x, weight, options });
    if (drawn !== undefined) return drawn;
  }
}

/**
 * How far a convolution by transforms may be off. With the transforms' errors ε in the L2 norm, ‖X‖ = √N · ‖x‖ (Parseval) and
 * K products in a sum, for each of which the spectra contribute (Cauchy and Schwarz)
 *
 *   1/N · Σ_q |ΔX||W| + |X||ΔW| ≤ 2ε · ‖x‖‖w‖,
 *   1/N · Σ_q √2 · (2K + 16)u · |X||W| ≤ √2 · (2K + 16)u · ‖x‖‖w‖ for the real sums of 2K terms (a complex number has two), and
 *   ε · ‖x ⋆ w‖ ≤ ε · ‖x‖ · Σ|w| ≤ ε · √n · ‖x‖‖w‖ for the inverse (Young), with n elements of the smaller factor,
 *
 * all times Σ ‖x‖‖w‖ over the sum. The norm of a tile is at most that of its image; where a sum runs over tiles, they share the
 * image's norm and, with Cauchy and Schwarz again, √tiles covers their overlap.
 */
function transformBound(pass: ConvolutionPass): NonNullable<MethodRows["bound"]> {
  return ({ shape, data }, magnitude, _terms, drawn, [first, second]) => {
    const { geometry } = drawn;
    const images = drawn.x[0]!;
    const { groups, channels, filters } = geometry;
    const [c, f] = [channels / groups, filters / groups];
    const tiling = fftTiling(pass, geometry, images);
    const tiles = sizeOf(tiling.tiles);
    const error = fftError(...tiling.size);
    const gradient = pass === "weightGradient";
    const terms = gradient ? images * tiles : pass === "forward" ? c : f;
    const smaller = gradient ? sizeOf(tiling.tile) : sizeOf(geometry.kernel);
    const factor = 2.01 * error + Math.SQRT2 * (2 * terms + 16) * UNIT +
      error * Math.sqrt(smaller) + (gradient ? images * UNIT : 0);
    const a = norms(first.values, sizeOf(first.shape.slice(2)));
    const b = norms(second.values, sizeOf(second.shape.slice(2)));
    const plane = sizeOf(shape.slice(2));
    const products = Array.from({ length: data.length / plane }, (_, i) => {
      const [p, q] = [Math.floor(i / shape[1]!), i % shape[1]!]; // image and plane, or filter and channel
      let sum = 0;
      for (let t = 0; t < (gradient ? images : terms); t++) {
        if (pass === "forward") sum += a[p * channels + Math.floor(q / f) * c + t]! * b[q * c + t]!;
        else if (pass === "inputGradient") {
          const filter = Math.floor(q / c) * f + t;
          sum += a[p * filters + filter]! * b[filter * c + q % c]!;
        } else {
          sum += a[t * channels + Math.floor(p / f) * c + q]! * b[t * filters + p]!;
        }
      }
      return gradient ? Math.sqrt(tiles) * sum : sum;
    });
    // The bias is added at the end, with one rounding.
    const bounds = data.map((_, i) =>
      factor * products[Math.floor(i / plane)]! + 2 * UNIT * magnitude.data[i]!
    );
    return { shape, values: data, bounds };
  };
}

const CONVOLUTION: Pick<MethodRows, "name" | "algorithm" | "draws" | "draw"> = {
  name: "convolution fft",
  algorithm: { algorithm: "fft" },
  draws: 60,
  draw: drawStrideOne,
};

const convolutionRows: Row[] = [
  ...rowsOfConvolution({
    ...CONVOLUTION,
    forward: ["fft_pass.wgsl"],
    bound: transformBound("forward"),
  }).map((row) => ({
    ...row,
    refusals: [
      {
        what: "a stride",
        error: OptionError,
        message: /^conv2d: algorithm "fft": expected strides of 1, got \[2, 1\]/,
        call: (gpu) =>
          conv2d(gpu, blank(gpu, 1, 3, 8, 8), blank(gpu, 4, 3, 3, 3), {
            strides: [2, 1],
            algorithm: "fft",
          }),
      },
      {
        what: "three dimensions",
        error: OptionError,
        message: /^conv3d: algorithm "fft": expected one or two dimensions of space, got 3/,
        call: (gpu) =>
          conv3d(gpu, blank(gpu, 1, 3, 8, 8, 8), blank(gpu, 4, 3, 3, 3, 3), { algorithm: "fft" }),
      },
      {
        what: "a workspace that no image fits",
        error: OptionError,
        message: /^conv2d: algorithm "fft": one image needs \d+ bytes .* the limit is 1000/,
        call: (gpu) =>
          conv2d(gpu, blank(gpu, 2, 3, 8, 8), blank(gpu, 4, 3, 3, 3), {
            algorithm: "fft",
            workspaceLimit: 1000,
          }),
      },
    ],
  } satisfies Row)),
  ...rowsOfConvolution({
    ...CONVOLUTION,
    inputGradient: ["fft_pass.wgsl"],
    bound: transformBound("inputGradient"),
  }).map((row) => ({
    ...row,
    refusals: [{
      what: "a stride",
      error: OptionError,
      message: /^conv2dInputGradient: algorithm "fft": expected strides of 1, got \[2, 2\]/,
      call: (gpu) =>
        conv2dInputGradient(gpu, blank(gpu, 1, 4, 3, 3), blank(gpu, 4, 3, 3, 3), {
          inputShape: [1, 3, 8, 8],
          strides: 2,
          algorithm: "fft",
        }),
    }],
  } satisfies Row)),
  ...rowsOfConvolution({
    ...CONVOLUTION,
    weightGradient: ["fft_pass.wgsl"],
    bound: transformBound("weightGradient"),
  }),
];

/** The rows of transforms, and of convolutions by them. */
export const FFT_ROWS: readonly Row[] = [...transformRows, ...convolutionRows];
