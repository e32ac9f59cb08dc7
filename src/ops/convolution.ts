/**
 * Convolution in one, two and three dimensions, and its gradients.
 *
 * @module
 */

import { type ConvolutionGeometry, resolveConvolution } from "../convolution_shape.ts";
import { ShapeError } from "../errors.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkKeys, checkOneOf } from "../options.ts";
import { formatShape, type Shape } from "../shape.ts";
import type { ConvolutionOptions } from "../window_options.ts";
import { ACTIVATION_NAMES, type ActivationName } from "./activation_source.ts";
import { bindingParts, inParts } from "./binding_parts.ts";
import { channelSums } from "./channel_sums.ts";
import { type ConvolutionPass, sumOverParts } from "./convolution_method.ts";
import {
  ALGORITHM_OPTIONS,
  type AlgorithmOptions,
  type ConvolutionPlan,
  planConvolution,
  prepareConvolution,
} from "./convolution_plan.ts";
import { type ActivationSlope, inPartsWithSlope, slopeEpilogue } from "./epilogue.ts";
import { expectShape } from "./launch.ts";

/** Options of {@linkcode conv2d} and its relatives. */
export interface ConvolveOptions extends ConvolutionOptions, AlgorithmOptions {
  /** Added to every output of a filter. Shape: [filters]. */
  bias?: Tensor;
  /** Applied to the sum. Default "linear". */
  activation?: ActivationName;
}

/** Options of {@linkcode conv2dInputGradient} and its relatives. */
export interface InputGradientOptions extends ConvolutionOptions, AlgorithmOptions {
  /** The shape of x. */
  inputShape: Shape;
  /** What dx is multiplied with: the slope of the activation that made x. Default: nothing. */
  gradient?: ActivationSlope;
}

/** Options of {@linkcode conv2dWeightGradient} and its relatives. */
export interface WeightGradientOptions extends ConvolutionOptions, AlgorithmOptions {
  /** The shape of the weights. */
  weightShape: Shape;
  /** Where to write dw. Default: a new tensor. */
  dw?: Tensor;
  /** Where to write db. Default: a new tensor. */
  db?: Tensor;
}

/** Gradients to the weights and to the bias. */
export interface WeightGradients {
  /** ∂C/∂weight. Shape: that of the weights. */
  readonly dw: Tensor;
  /** ∂C/∂bias. Shape: [filters]. */
  readonly db: Tensor;
}

const SHARED_OPTIONS = ["strides", "padding", "dilation", "groups", ...ALGORITHM_OPTIONS];

/**
 * y[n, f, o] = f(b[f] + Σ_c Σ_t x[n, c, o · stride − pad + t · dilation] · w[f, c, t]): cross-correlation, as in every framework.
 *
 * Shape: x [n, c, h, w], weight [filters, c / groups, kh, kw], bias [filters] → [n, filters, oh, ow].
 *
 * @throws {ShapeError} if the shapes do not fit; {@linkcode OptionError} for a wrong option.
 */
export function conv2d(
  recorder: Recorder,
  x: Tensor,
  weight: Tensor,
  options: ConvolveOptions = {},
): Tensor {
  return convolve(recorder, 2, x, weight, options);
}

/** Like {@linkcode conv2d}, in one dimension. Shape: x [n, c, w], weight [filters, c / groups, kw] → [n, filters, ow]. */
export function conv1d(
  recorder: Recorder,
  x: Tensor,
  weight: Tensor,
  options: ConvolveOptions = {},
): Tensor {
  return convolve(recorder, 1, x, weight, options);
}

/** Like {@linkcode conv2d}, in three dimensions. Shape: x [n, c, d, h, w], weight [filters, c / groups, kd, kh, kw]. */
export function conv3d(
  recorder: Recorder,
  x: Tensor,
  weight: Tensor,
  options: ConvolveOptions = {},
): Tensor {
  return convolve(recorder, 3, x, weight, options);
}

/**
 * dx = ∂C/∂x from dy = ∂C/∂y of {@linkcode conv2d}: the full convolution of dy with the weights; with `gradient` times f′(z) for
 * x = f(z), which is ∂C/∂z.
 *
 * Shape: dy [n, filters, oh, ow], weight [filters, c / groups, kh, kw] → [n, c, h, w].
 *
 * @throws {ShapeError} if the shapes do not fit; {@linkcode OptionError} for a wrong option.
 */
export function conv2dInputGradient(
  recorder: Recorder,
  dy: Tensor,
  weight: Tensor,
  options: InputGradientOptions,
): Tensor {
  return convolveInputGradient(recorder, 2, dy, weight, options);
}

/** Like {@linkcode conv2dInputGradient}, in one dimension. */
export function conv1dInputGradient(
  recorder: Recorder,
  dy: Tensor,
  weight: Tensor,
  options: InputGradientOptions,
): Tensor {
  return convolveInputGradient(recorder, 1, dy, weight, options);
}

/** Like {@linkcode conv2dInputGradient}, in three dimensions. */
export function conv3dInputGradient(
  recorder: Recorder,
  dy: Tensor,
  weight: Tensor,
  options: InputGradientOptions,
): Tensor {
  return convolveInputGradient(recorder, 3, dy, weight, options);
}

/**
 * dw = x ⋆ dy and db[f] = Σ dy[n, f, o], from dy = ∂C/∂y of {@linkcode conv2d}.
 *
 * Shape: x [n, c, h, w], dy [n, filters, oh, ow] → dw [filters, c / groups, kh, kw], db [filters].
 *
 * @throws {ShapeError} if the shapes do not fit; {@linkcode OptionError} for a wrong option.
 */
export function conv2dWeightGradient(
  recorder: Recorder,
  x: Tensor,
  dy: Tensor,
  options: WeightGradientOptions,
): WeightGradients {
  return weightGradients(recorder, 2, x, dy, options);
}

/** Like {@linkcode conv2dWeightGradient}, in one dimension. */
export function conv1dWeightGradient(
  recorder: Recorder,
  x: Tensor,
  dy: Tensor,
  options: WeightGradientOptions,
): WeightGradients {
  return weightGradients(recorder, 1, x, dy, options);
}

/** Like {@linkcode conv2dWeightGradient}, in three dimensions. */
export function conv3dWeightGradient(
  recorder: Recorder,
  x: Tensor,
  dy: Tensor,
  options: WeightGradientOptions,
): WeightGradients {
  return weightGradients(recorder, 3, x, dy, options);
}

/** Options of {@linkcode convolutionPlan}. */
export interface ConvolutionPlanOptions extends ConvolutionOptions, AlgorithmOptions {
  /** Which of the three computations. */
  pass: ConvolutionPass;
  /** The shape of x. Shape: [n, c, …]. */
  inputShape: Shape;
  /** The shape of the weights. Shape: [filters, c / groups, …]. */
  weightShape: Shape;
}

/**
 * What a convolution would do with these options: the algorithm that is chosen, the bytes of intermediate results, and how many
 * images are computed at once. Nothing runs.
 *
 * @throws {ShapeError} if the shapes do not fit; {@linkcode OptionError} for a wrong option, or an algorithm that does not apply.
 * @example
 * ```ts
 * import { convolutionPlan, Gpu } from "@strata/strata";
 *
 * await using gpu = await Gpu.open();
 * const plan = convolutionPlan(gpu, {
 *   pass: "forward",
 *   inputShape: [8, 3, 32, 32],
 *   weightShape: [16, 3, 5, 5],
 *   algorithm: "direct",
 * });
 * console.log(plan.workspaceBytes); // 4800, and 131072 where x is copied into a texture
 * ```
 */
export function convolutionPlan(
  recorder: Recorder,
  options: ConvolutionPlanOptions,
): ConvolutionPlan {
  const what = "convolutionPlan";
  checkKeys(options, what, [...SHARED_OPTIONS, "pass", "inputShape", "weightShape"]);
  const { pass, inputShape, weightShape } = options;
  checkOneOf(pass, `${what}: pass`, ["forward", "inputGradient", "weightGradient"]);
  const geometry = geometryOf(what, inputShape.length - 2, inputShape, weightShape, options);
  return planConvolution(recorder.device, pass, geometry, inputShape[0]!, options, what);
}

/** dw of {@linkcode conv2dWeightGradient} and its relatives, by the number of dimensions of space. */
export function convolveWeightGradient(
  recorder: Recorder,
  dims: number,
  x: Tensor,
  dy: Tensor,
  options: Omit<WeightGradientOptions, "db">,
): Tensor {
  const what = `conv${dims}dWeightGradient`;
  checkKeys(options, what, [...SHARED_OPTIONS, "weightShape", "dw"]);
  const { weightShape } = options;
  const geometry = geometryOf(what, dims, x.shape, weightShape, options);
  expectShape(dy, [x.shape[0]!, geometry.filters, ...geometry.output], `${what}: dy`);
  if (options.dw !== undefined) expectShape(options.dw, weightShape, `${what}: dw`);
  const images = x.shape[0]!;
  const prepared = prepareParts(recorder, "weightGradient", geometry, [x, dy], options, what);
  const dw = options.dw ?? recorder.empty(weightShape);
  const parts = bindingParts(what, images, [x, dy] as const);
  sumOverParts(recorder, { parts }, dw, ({ tensors: [x, dy], count }, out) => {
    const { method, task, methodOptions } = prepared(count);
    method.weightGradient(recorder, task, x, dy, out, methodOptions);
  });
  return dw;
}

/** db[f] = Σ dy[n, f, o]. Shape: dy [n, filters, …] → [filters]. */
export function convolveBiasGradient(recorder: Recorder, dy: Tensor, db?: Tensor): Tensor {
  if (db !== undefined) expectShape(db, [dy.shape[1]!], "convolution bias gradient: db");
  return channelSums(recorder, dy, db);
}

function weightGradients(
  recorder: Recorder,
  dims: number,
  x: Tensor,
  dy: Tensor,
  { db, ...options }: WeightGradientOptions,
): WeightGradients {
  const dw = convolveWeightGradient(recorder, dims, x, dy, options);
  return { dw, db: convolveBiasGradient(recorder, dy, db) };
}

/** {@linkcode conv2d} and its relatives, by the number of dimensions of space. */
export function convolve(
  recorder: Recorder,
  dims: number,
  x: Tensor,
  weight: Tensor,
  options: ConvolveOptions,
): Tensor {
  const what = `conv${dims}d`;
  checkKeys(options, what, [...SHARED_OPTIONS, "bias", "activation"]);
  const { bias, activation = "linear" } = options;
  checkOneOf(activation, `${what}: activation`, ACTIVATION_NAMES);
  const geometry = geometryOf(what, dims, x.shape, weight.shape, options);
  if (bias !== undefined) expectShape(bias, [geometry.filters], `${what}: bias`);
  const images = x.shape[0]!;
  const prepared = prepareParts(recorder, "forward", geometry, [x], options, what);
  const y = recorder.empty([images, geometry.filters, ...geometry.output], x.type);
  inParts(what, images, [x, y] as const, ([x, y], { count }) => {
    const { method, task, methodOptions } = prepared(count);
    method.forward(recorder, task, x, weight, { bias, activation }, y, methodOptions);
  });
  return y;
}

/** {@linkcode conv2dInputGradient} and its relatives, by the number of dimensions of space. */
export function convolveInputGradient(
  recorder: Recorder,
  dims: number,
  dy: Tensor,
  weight: Tensor,
  options: InputGradientOptions,
): Tensor {
  const what = `conv${dims}dInputGradient`;
  checkKeys(options, what, [...SHARED_OPTIONS, "inputShape", "gradient"]);
  const { inputShape } = options;
  const geometry = geometryOf(what, dims, inputShape, weight.shape, options);
  expectShape(dy, [inputShape[0]!, geometry.filters, ...geometry.output], `${what}: dy`);
  const epilogue = slopeEpilogue(options.gradient, inputShape, what);
  const images = inputShape[0]!;
  const prepared = prepareParts(recorder, "inputGradient", geometry, [dy], options, what);
  const dx = recorder.empty(inputShape, dy.type);
  const tensors = [dy, dx] as const;
  inPartsWithSlope(what, images, tensors, epilogue, ([dy, dx], end, { count }) => {
    const { method, task, methodOptions } = prepared(count);
    method.inputGradient(recorder, task, dy, weight, end, dx, methodOptions);
  });
  return dx;
}

/**
 * Prepares a pass of the whole batch, before memory is taken for its result; gives the way to prepare parts of the batch.
 *
 * @param sources The images that are read. No command copies halves into a texture, which holds floats.
 */
function prepareParts(
  recorder: Recorder,
  pass: ConvolutionPass,
  geometry: ConvolutionGeometry,
  sources: readonly Tensor[],
  options: AlgorithmOptions,
  what: string,
): (count: number) => ReturnType<typeof prepareConvolution> {
  const images = sources[0]!.shape[0]!;
  const textures = sources.every(({ type }) => type === "f32") ? undefined : false;
  const prepare = (count: number) =>
    prepareConvolution(recorder.device, pass, geometry, count, options, what, textures);
  const whole = prepare(images);
  return (count) => count === images ? whole : prepare(count);
}

function geometryOf(
  what: string,
  dims: number,
  inputShape: Shape,
  weightShape: Shape,
  options: ConvolutionOptions & AlgorithmOptions,
): ConvolutionGeometry {
  if (inputShape.length !== dims + 2) {
    throw new ShapeError(
      `${what}: expected x of ${dims + 2} dimensions (batch, channels, ${dims} of space), got ${
        formatShape(inputShape)
      }`,
    );
  }
  const { strides, padding, dilation, groups } = options;
  const given = Object.entries({ strides, padding, dilation, groups })
    .filter(([, value]) => value !== undefined);
  return resolveConvolution(
    inputShape.slice(1),
    weightShape,
    Object.fromEntries(given) as ConvolutionOptions,
    what,
  );
}
