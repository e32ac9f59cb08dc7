/**
 * The discrete Fourier transform as the sum that defines it, and the filtering of images.
 *
 * @module
 */

import { ShapeError } from "../errors.ts";
import { checkOneOf } from "../options.ts";
import { formatShape, sizeOf } from "../shape.ts";
import { convolution } from "./convolution.ts";
import { expectMatrix, expectShape, mapValues, type NdArray, zeros } from "./nd_array.ts";

/** Complex numbers, as two arrays of the same shape. */
export interface ComplexArray {
  /** The real parts. */
  readonly real: NdArray;
  /** The imaginary parts. */
  readonly imaginary: NdArray;
}

/**
 * The discrete Fourier transform of every image, with all its h · w coefficients.
 *
 * X[…, u, v] = Σ_j Σ_l x[…, j, l] · e^(−2πi · (u·j / h + v·l / w))
 *
 * Of a real image, X[…, h − u, w − v] is the complex conjugate of X[…, u, v].
 *
 * Shape: x [..., h, w], real or complex → complex [..., h, w].
 *
 * @throws {ShapeError} if x has less than two dimensions, or its two parts have different shapes.
 */
export function dft2d(x: NdArray | ComplexArray): ComplexArray {
  return transform(x, -1, "dft2d");
}

/**
 * The inverse of `dft2d`.
 *
 * x[…, j, l] = 1 / (h·w) · Σ_u Σ_v X[…, u, v] · e^(2πi · (u·j / h + v·l / w))
 *
 * Shape: x [..., h, w], real or complex → complex [..., h, w].
 *
 * @throws {ShapeError} if x has less than two dimensions, or its two parts have different shapes.
 */
export function inverseDft2d(x: NdArray | ComplexArray): ComplexArray {
  const { real, imaginary } = transform(x, 1, "inverseDft2d");
  const size = sizeOf(real.shape.slice(-2));
  const divide = (part: NdArray): NdArray => mapValues(part, (value) => value / size);
  return { real: divide(real), imaginary: divide(imaginary) };
}

/**
 * The discrete Fourier transform of real images without the half that follows by symmetry.
 *
 * X[…, u, v] as of `dft2d`, for 0 ≤ v ≤ w / 2
 *
 * Shape: x [..., h, w] → [..., h, ⌊w / 2⌋ + 1, 2], real and imaginary part.
 *
 * @throws {ShapeError} if x has less than two dimensions.
 */
export function realDft2d(x: NdArray): NdArray {
  const { real, imaginary } = transform(x, -1, "realDft2d");
  const width = x.shape.at(-1)!;
  const half = Math.floor(width / 2) + 1;
  const y = zeros([...x.shape.slice(0, -1), half, 2]);
  for (let i = 0; i < y.data.length; i++) {
    const v = Math.floor(i / 2) % half;
    const row = Math.floor(i / 2 / half);
    y.data[i] = (i % 2 === 0 ? real : imaginary).data[row * width + v]!;
  }
  return y;
}

/**
 * The inverse of `realDft2d`.
 *
 * x[…, j, l] = 1 / (h·w) · Re Σ_u Σ_v c_v · X[…, u, v] · e^(2πi · (u·j / h + v·l / w)), 0 ≤ v ≤ w / 2, where c_v is 1 for
 * v = 0 and v = w / 2, else 2
 *
 * Shape: X [..., h, ⌊w / 2⌋ + 1, 2] → [..., h, w].
 *
 * @param width w, which the half spectrum leaves open.
 * @throws {ShapeError} if X does not belong to images of that width.
 */
export function inverseRealDft2d(spectrum: NdArray, width: number): NdArray {
  const half = Math.floor(width / 2) + 1;
  const batchAndHeight = spectrum.shape.slice(0, -2);
  expectShape(spectrum, [...batchAndHeight, half, 2], "inverseRealDft2d");
  const real = zeros([...batchAndHeight, width]);
  const imaginary = zeros(real.shape);
  for (let i = 0; i < spectrum.data.length; i++) {
    const v = Math.floor(i / 2) % half;
    const row = Math.floor(i / 2 / half);
    const count = v === 0 || 2 * v === width ? 1 : 2;
    (i % 2 === 0 ? real : imaginary).data[row * width + v] = count * spectrum.data[i]!;
  }
  return inverseDft2d({ real, imaginary }).real;
}

/**
 * Filters every image; the output has the size of the image, beyond which everything is 0.
 *
 * - "correlation": y[…, i, l] = Σ_a Σ_b x[…, i + a − p, l + b − q] · kernel[a, b]
 * - "convolution": the same with the kernel turned by 180°, the convolution of the textbooks
 *
 * with p = ⌊(kh − 1) / 2⌋ and q = ⌊(kw − 1) / 2⌋, so that the middle of an odd kernel lies on the output.
 *
 * Shape: image [..., h, w], kernel [kh, kw] → as the image.
 *
 * @throws {ShapeError} if the image has less than two dimensions, or the kernel is no matrix of at least
 * 1 × 1.
 * @throws {OptionError} if there is no such mode.
 */
export function filter2d(
  image: NdArray,
  kernel: NdArray,
  mode: "correlation" | "convolution" = "correlation",
): NdArray {
  checkOneOf(mode, "filter2d: mode", ["correlation", "convolution"]);
  const [height, width] = expectImages(image, "filter2d: image");
  const [kernelHeight, kernelWidth] = expectMatrix(kernel, "filter2d: kernel");
  const n = sizeOf(image.shape.slice(0, -2));
  // Turning a matrix by 180° reverses its elements.
  const data = mode === "correlation" ? kernel.data : kernel.data.toReversed();
  const { data: filtered } = convolution(
    { shape: [n, 1, height, width], data: image.data },
    { shape: [1, 1, kernelHeight, kernelWidth], data },
    { padding: "same" },
  );
  return { shape: image.shape, data: filtered };
}

/** Both axes, one after the other; sign is that of the exponent. */
function transform(x: NdArray | ComplexArray, sign: 1 | -1, what: string): ComplexArray {
  const input = "real" in x ? x : { real: x, imaginary: zeros(x.shape) };
  const [height, width] = expectImages(input.real, what);
  expectShape(input.imaginary, input.real.shape, `${what}: imaginary part`);
  return transformAxis(transformAxis(input, width, 1, sign), height, width, sign);
}

/** One axis, of `length` elements that lie `distance` apart. */
function transformAxis(
  { real, imaginary }: ComplexArray,
  length: number,
  distance: number,
  sign: 1 | -1,
): ComplexArray {
  const angles = Float64Array.from({ length }, (_, t) => sign * 2 * Math.PI * t / length);
  const [cosines, sines] = [angles.map(Math.cos), angles.map(Math.sin)];
  const y = { real: zeros(real.shape), imaginary: zeros(real.shape) };
  for (let index = 0; index < real.data.length; index++) {
    const u = Math.floor(index / distance) % length;
    const first = index - u * distance;
    for (let j = 0; j < length; j++) {
      const turn = u * j % length;
      const [cosine, sine] = [cosines[turn]!, sines[turn]!];
      const re = real.data[first + j * distance]!;
      const im = imaginary.data[first + j * distance]!;
      y.real.data[index]! += re * cosine - im * sine;
      y.imaginary.data[index]! += re * sine + im * cosine;
    }
  }
  return y;
}

function expectImages(x: NdArray, what: string): readonly [height: number, width: number] {
  const [height, width] = x.shape.slice(-2);
  if (height === undefined || width === undefined) {
    throw new ShapeError(
      `${what}: expected images [..., h, w], got shape ${formatShape(x.shape)}`,
    );
  }
  return [height, width];
}
