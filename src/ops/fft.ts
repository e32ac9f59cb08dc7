/**
 * The Fourier transform of real images, and its inverse.
 *
 * @module
 */

import { ShapeError } from "../errors.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkKeys, checkNumber } from "../options.ts";
import { formatShape, sizeOf } from "../shape.ts";
import { inParts } from "./binding_parts.ts";
import { halfOf, type ImagePlacement, type SpectrumPlacement } from "./fft_layout.ts";
import { fftPasses, LARGEST_PRIME, LONGEST_LINE } from "./fft_plan.ts";
import { forwardTransform, inverseTransform } from "./fft_transform.ts";
import { expectShape } from "./launch.ts";

/** Options of {@linkcode fft2d}. */
export interface Fft2dOptions {
  /** Where to write the spectrum. Default: a new tensor. */
  out?: Tensor;
}

/** Options of {@linkcode ifft2d}. */
export interface InverseFft2dOptions {
  /** The width of the images, which the half spectrum leaves open: 2·(columns − 1) or one more. Default: the even one. */
  width?: number;
  /** Where to write the images. Default: a new tensor. */
  out?: Tensor;
}

/**
 * The discrete Fourier transform of real images, without the half that follows by symmetry.
 *
 * X[…, u, v] = Σ_j Σ_l x[…, j, l] · e^(−2πi · (u·j / h + v·l / w)), 0 ≤ v ≤ w / 2
 *
 * The coefficients that are left out are X[…, u, v] = X*[…, h − u, w − v] (indices modulo h and w). Every size can be transformed;
 * sizes whose prime factors are 2, 3 and 5 are fast, and a prime factor p beyond them costs p operations a number.
 *
 * Shape: x [..., h, w] → [..., h, ⌊w / 2⌋ + 1, 2], the last dimension being real and imaginary part.
 *
 * Error: ‖ΔX‖₂ ≤ c · 2⁻²⁴ · ‖X‖₂ over all coefficients of an image, so |ΔX[u, v]| ≤ c · 2⁻²⁴ · √(h·w) · ‖x‖₂, with c
 * between 3 · log₂(h·w), for powers of 2, and 9 · log₂(h·w) for the fast sizes, and (p + 8) · √p more for each prime factor p beyond 5.
 *
 * @throws {ShapeError} if x has no two dimensions of 1 or more, or a size has a prime factor above 60,000 or is above 2²².
 * @example
 * ```ts
 * import { fft2d, Gpu, ifft2d } from "@strata/strata";
 *
 * await using gpu = await Gpu.open();
 * const x = gpu.tensor(new Float32Array([1, 2, 3, 4]), [1, 4]);
 * const spectrum = fft2d(gpu, x);
 * console.log(spectrum.shape, await spectrum.read()); // [1, 3, 2] Float32Array [10, 0, -2, 2, -2, 0]
 * console.log(await ifft2d(gpu, spectrum).read()); // Float32Array [1, 2, 3, 4]
 * ```
 * @see J. W. Cooley and J. W. Tukey, An algorithm for the machine calculation of complex Fourier series, 1965
 */
export function fft2d(recorder: Recorder, x: Tensor, options: Fft2dOptions = {}): Tensor {
  checkKeys(options, "fft2d", ["out"]);
  const [height, width] = x.shape.slice(-2);
  if (height === undefined || width === undefined || height * width === 0) {
    throw new ShapeError(
      `fft2d: expected images [..., h, w] of at least 1 × 1, got ${formatShape(x.shape)}`,
    );
  }
  checkLengths("fft2d", height, width);
  const batch = x.shape.slice(0, -2);
  const shape = [...batch, height, halfOf(width), 2];
  if (options.out !== undefined) expectShape(options.out, shape, "fft2d: out");
  const spectrum = options.out ?? recorder.empty(shape);
  inParts("fft2d", sizeOf(batch), [x, spectrum] as const, ([x, spectrum], { count }) => {
    const { size, image, complex } = layoutOf(count, height, width, x, spectrum);
    forwardTransform(recorder, size, image, complex);
  });
  return spectrum;
}

/**
 * The inverse of {@linkcode fft2d}: real images from their half spectra.
 *
 * x[…, j, l] = 1 / (h·w) · Re Σ_u Σ_v c_v · X[…, u, v] · e^(2πi · (u·j / h + v·l / w)), 0 ≤ v ≤ w / 2,
 *
 * with c_v = 1 where v is 0 or w / 2, else 2, for the half that is left out.
 *
 * Shape: X [..., h, ⌊w / 2⌋ + 1, 2] → [..., h, w].
 *
 * Error: ‖Δx‖₂ ≤ c · 2⁻²⁴ · ‖x‖₂ over all elements of an image, c as for {@linkcode fft2d}.
 *
 * @throws {ShapeError} if X is no half spectrum, or does not belong to the width; if a size has a prime factor above 60,000 or is
 * above 2²².
 */
export function ifft2d(
  recorder: Recorder,
  spectrum: Tensor,
  options: InverseFft2dOptions = {},
): Tensor {
  checkKeys(options, "ifft2d", ["width", "out"]);
  const { shape } = spectrum;
  const [height, half, parts] = shape.slice(-3);
  if (height === undefined || half === undefined || parts !== 2 || height * half === 0) {
    throw new ShapeError(
      `ifft2d: expected spectra [..., h, ⌊w / 2⌋ + 1, 2] of at least 1 × 1, got ${
        formatShape(shape)
      }`,
    );
  }
  const { width = Math.max(1, 2 * (half - 1)) } = options;
  checkNumber(width, "ifft2d: width", { min: 1, integer: true });
  if (halfOf(width) !== half) {
    throw new ShapeError(
      `ifft2d: a width of ${width} has ${halfOf(width)} columns of its spectrum, got ${half} in ${
        formatShape(shape)
      }`,
    );
  }
  checkLengths("ifft2d", height, width);
  const batch = shape.slice(0, -3);
  const imageShape = [...batch, height, width];
  if (options.out !== undefined) expectShape(options.out, imageShape, "ifft2d: out");
  const x = options.out ?? recorder.empty(imageShape);
  inParts("ifft2d", sizeOf(batch), [spectrum, x] as const, ([spectrum, x], { count }) => {
    const { size, image, complex } = layoutOf(count, height, width, x, spectrum);
    inverseTransform(recorder, size, complex, image);
  });
  return x;
}

/** Images and spectra row by row, one image after the other. */
function layoutOf(items: number, height: number, width: number, x: Tensor, spectrum: Tensor) {
  const inner = Math.max(1, items);
  const image: ImagePlacement = {
    tensor: x,
    size: [height, width],
    inner,
    extent: [height, width],
  };
  const complex: SpectrumPlacement = {
    tensor: spectrum,
    inner,
    innerStep: 2 * height * halfOf(width),
    frequencyStep: 2,
    imaginaryStep: 1,
  };
  return { size: { height, width, items, rows: height }, image, complex };
}

function checkLengths(what: string, ...lengths: number[]): void {
  for (const length of lengths) {
    if (length > LONGEST_LINE) {
      throw new ShapeError(`${what}: a line may have ${LONGEST_LINE} elements, got ${length}`);
    }
    const prime = Math.max(...fftPasses(length).map(({ radix }) => radix));
    if (prime > LARGEST_PRIME) {
      throw new ShapeError(
        `${what}: a prime factor of a size may be ${LARGEST_PRIME}, got ${prime} of ${length}`,
      );
    }
  }
}
