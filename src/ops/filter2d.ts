/**
 * Filtering of images with a kernel that is known on the CPU, by two filters of one dimension where it is separable.
 *
 * @module
 */

import constantsText from "../../kernels/constants.wgsl" with { type: "text" };
import lineText from "../../kernels/filter_line.wgsl" with { type: "text" };
import { OptionError, ShapeError } from "../errors.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkKeys, checkOneOf } from "../options.ts";
import { formatShape, type Shape, sizeOf } from "../shape.ts";
import {
  checkMatrix,
  type MatrixRows,
  separate,
  type SeparatedKernel,
} from "../singular_values.ts";
import { inParts } from "./binding_parts.ts";
import { conv2d } from "./convolution.ts";
import type { ConvolutionAlgorithm } from "./convolution_plan.ts";
import { workgroupsFor } from "./launch.ts";

/** Options of {@linkcode filter2d}. */
export interface Filter2dOptions {
  /**
   * "correlation": the kernel lies on the image as it is written; "convolution": turned by 180°, as in textbooks. Default
   * "correlation".
   */
  mode?: "correlation" | "convolution";
  /**
   * Whether to filter with a column and then with a row, which takes M·N·(m + n) multiplications instead of M·N·m·n for an image
   * of M × N and a kernel of m × n. Default "auto": if the kernel is the product of a column and a row.
   */
  separable?: boolean | "auto";
  /** How the convolution with a kernel that is taken as it is is computed. Default "auto". */
  algorithm?: ConvolutionAlgorithm;
}

/** Numbers of one dispatch: with the two others, they fill a kernel's uniforms. */
const COUNT = 60;
const CONSTANTS = new KernelFamily("constants", [{ name: "constants.wgsl", text: constantsText }]);
const LINE = new KernelFamily("filterLine", [{ name: "filter_line.wgsl", text: lineText }]);
/** Taps along an axis: an eighth of them are trips of a loop, and lavapipe stops loops at 65,535. */
const MAX_TAPS = 8 * 60_000;

/**
 * Filters every image; the result has the size of the image, beyond which everything is 0.
 *
 * - "correlation": y[…, i, l] = Σ_a Σ_b x[…, i + a − p, l + b − q] · kernel[a, b]
 * - "convolution": the same with the kernel turned by 180°
 *
 * with p = ⌊(kh − 1) / 2⌋ and q = ⌊(kw − 1) / 2⌋, so that the middle of an odd kernel lies on the output.
 *
 * Shape: image [..., h, w], kernel kh rows of kw numbers → as the image.
 *
 * Error: (kh·kw + 5) · 2⁻²⁴ · Σ|x||kernel| with the algorithm "direct"; by a column and a row (kh + kw + 6) · 2⁻²⁴ · Σ|x||column||row|, and
 * twice the second singular value for what their product leaves out: at most 2⁻²¹ of the first, times Σ|x|.
 *
 * @param kernel Known on the CPU, since its singular values decide the way: rows of numbers, as from `gaussianKernel`.
 * @throws {ShapeError} if the image has less than two dimensions, or the kernel is no matrix of finite numbers.
 * @throws {OptionError} for a wrong option, as `separable: true` for a kernel of rank 2 or more.
 * @example
 * ```ts
 * import { filter2d, gaussianKernel, Gpu, sobelKernel } from "@strata/strata";
 *
 * await using gpu = await Gpu.open();
 * const image = gpu.tensor(new Float32Array([0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1]), [3, 4]);
 * const edges = filter2d(gpu, image, sobelKernel("x"));
 * console.log((await edges.read()).subarray(4, 8)); // Float32Array [0, 4, 4, -4]: beyond the right end all is 0
 * const smooth = filter2d(gpu, image, gaussianKernel(5, 1));
 * console.log(smooth.shape); // [3, 4]
 * ```
 */
export function filter2d(
  recorder: Recorder,
  image: Tensor,
  kernel: MatrixRows,
  options: Filter2dOptions = {},
): Tensor {
  checkKeys(options, "filter2d", ["mode", "separable", "algorithm"]);
  const { mode = "correlation", separable = "auto", algorithm = "auto" } = options;
  checkOneOf(mode, "filter2d: mode", ["correlation", "convolution"]);
  if (separable !== true && separable !== false && separable !== "auto") {
    throw new OptionError(`filter2d: separable: expected true, false or "auto", got ${separable}`);
  }
  const { rows, columns } = checkMatrix(kernel, "filter2d: kernel");
  const [height, width] = image.shape.slice(-2);
  if (height === undefined || width === undefined) {
    throw new ShapeError(
      `filter2d: expected images [..., h, w], got shape ${formatShape(image.shape)}`,
    );
  }
  const oriented = mode === "correlation"
    ? kernel.map((row) => Array.from(row))
    : kernel.map((row) => Array.from(row).reverse()).reverse();
  const factors = factorsOf(oriented, separable);
  if (image.size === 0) return recorder.empty(image.shape);
  if (factors !== undefined) {
    const halfway = filterLine(recorder, image, factors.column, -2);
    const result = filterLine(recorder, halfway, factors.row, -1);
    recorder.release(halfway);
    return result;
  }
  const planes = image.reshape([sizeOf(image.shape.slice(0, -2)), 1, height, width]);
  const weight = constants(recorder, oriented.flat(), [1, 1, rows, columns]);
  const result = conv2d(recorder, planes, weight, { padding: "same", algorithm });
  recorder.release(weight);
  return result.reshape(image.shape);
}

/** Filters along one of the last two axes. */
function filterLine(
  recorder: Recorder,
  x: Tensor,
  values: readonly number[],
  axis: -1 | -2,
): Tensor {
  const length = x.shape.at(axis)!;
  const inner = axis === -1 ? 1 : x.shape.at(-1)!;
  const taps = constants(recorder, values, [values.length]);
  const y = recorder.empty(x.shape);
  const blocks = Math.ceil(length / 8);
  const planes = sizeOf(x.shape.slice(0, -2));
  inParts("filter2d", planes, [x, y] as const, ([x, y]) => {
    const invocations = x.size / length * blocks;
    recorder.dispatch({
      label: `filter ${formatShape(x.shape)}, ${values.length} taps`,
      kernel: LINE.variant({ REST: values.length % 8 }),
      tensors: { x, taps, y },
      uniforms: {
        invocations,
        inner,
        blocks,
        length,
        count: values.length,
        before: Math.floor((values.length - 1) / 2),
      },
      workgroups: workgroupsFor(invocations),
      flops: 2 * x.size * values.length,
    });
  });
  recorder.release(taps);
  return y;
}

/** The column and the row to filter with, or undefined if the kernel is taken as it is. */
function factorsOf(
  kernel: MatrixRows,
  separable: boolean | "auto",
): SeparatedKernel | undefined {
  if (separable === false) return undefined;
  const [rows, columns] = [kernel.length, kernel[0]!.length];
  if (separable === "auto" && rows + columns >= rows * columns) return undefined;
  if (Math.max(rows, columns) > MAX_TAPS) {
    throw new OptionError(
      `filter2d: separable: a kernel may have ${MAX_TAPS} rows and columns, got ${rows} × ${columns}`,
    );
  }
  const factors = separate(kernel);
  if (factors.rank <= 1) return factors;
  if (separable === "auto") return undefined;
  const [first, second] = factors.values as [number, number];
  throw new OptionError(
    `filter2d: separable: expected a kernel of rank 1, got rank ${factors.rank}: its second singular value is ` +
      `${second.toPrecision(3)}, the first ${first.toPrecision(3)}`,
  );
}

/** A tensor with these numbers. */
function constants(recorder: Recorder, values: readonly number[], shape: Shape): Tensor {
  const result = recorder.empty(shape);
  for (let begin = 0; begin < values.length; begin += COUNT) {
    const part = Array.from({ length: COUNT }, (_, i) => values[begin + i] ?? 0);
    recorder.dispatch({
      label: `constants ${formatShape(shape)}`,
      kernel: CONSTANTS.variant({ COUNT }),
      tensors: { result },
      uniforms: {
        begin,
        count: Math.min(COUNT, values.length - begin),
        ...Object.fromEntries(part.map((value, i) => [`value_${i}`, value])),
      },
      workgroups: 1,
    });
  }
  return result;
}
