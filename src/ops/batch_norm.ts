/**
 * Batch normalisation.
 *
 * @module
 */

import normText from "../../kernels/batch_norm.wgsl" with { type: "text" };
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkKeys } from "../options.ts";
import { formatShape } from "../shape.ts";
import {
  type BatchNormScaleGradients,
  batchNormScaleGradients,
  checkStatistics,
  epsilonOf,
} from "./batch_norm_scale.ts";
import { inParts } from "./binding_parts.ts";
import { type ChannelStatistics, channelStatistics } from "./channel_statistics.ts";
import { channelsOf, type ChannelView } from "./channels.ts";
import { expectShape, vectorLength, workgroupsFor } from "./launch.ts";

/** How {@linkcode batchNorm} normalises. */
export interface BatchNormOptions {
  /** The statistics to normalise with, for inference the running ones. Default: those of x, as in training. */
  readonly statistics?: ChannelStatistics;
  /** ε, added to the variance before the root is taken, 0 or more. Default: 1e-5. */
  readonly epsilon?: number;
}

/** The gradients of {@linkcode batchNorm}. */
export interface BatchNormGradients extends BatchNormScaleGradients {
  /** The gradient of the input. Shape: [n, c, …]. */
  readonly dx: Tensor;
}

/** Options of {@linkcode batchNormInputGradient}. */
export interface BatchNormInputGradientOptions {
  /** The statistics that the forward step normalised with. */
  readonly statistics: ChannelStatistics;
  /** As in the forward step. */
  readonly epsilon?: number;
  /**
   * Those of {@linkcode batchNormScaleGradients}, if the statistics are those of x: dx then follows through them. Default: the
   * statistics do not depend on x.
   */
  readonly gradients?: BatchNormScaleGradients;
}

const NORM = new KernelFamily("batchNorm", [{ name: "batch_norm.wgsl", text: normText }]);
/** Values (or vec4s) of a plane that an invocation computes. */
const VALUES_PER_WORKER = 8;

/**
 * Batch normalisation.
 *
 * y[n, c, i] = γ[c] · x̂[n, c, i] + β[c] with x̂[n, c, i] = (x[n, c, i] − mean[c]) / √(variance[c] + ε)
 *
 * Shape: x [n, c, …], gamma and beta and the statistics [c] → as x.
 *
 * @param gamma The scale γ of every channel.
 * @param beta The shift β of every channel.
 * @throws {ShapeError} if the shapes do not fit together; {@linkcode OptionError} if ε is below 0.
 * @see Ioffe, Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate shift", ICML
 * 2015.
 *
 * @example
 * ```ts
 * import { batchNorm, Gpu } from "@strata/strata";
 *
 * await using gpu = await Gpu.open();
 * using x = gpu.tensor(new Float32Array([1, 10, 3, 30]), [2, 2]); // two channels
 * using gamma = gpu.tensor(new Float32Array([1, 1]));
 * using beta = gpu.zeros([2]);
 * using y = batchNorm(gpu, x, gamma, beta);
 * console.log(await y.read()); // about −1, −1, 1, 1
 * ```
 */
export function batchNorm(
  recorder: Recorder,
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  options: BatchNormOptions = {},
): Tensor {
  const what = "batchNorm";
  checkKeys(options, what, ["statistics", "epsilon"]);
  const view = channelsOf(x.shape, what);
  expectShape(gamma, [view.channels], `${what}: gamma`);
  expectShape(beta, [view.channels], `${what}: beta`);
  const epsilon = epsilonOf(options, what);
  return withStatistics(recorder, x, options, what, ({ mean, variance }) => {
    const y = recorder.empty(x.shape, x.type);
    launch(recorder, "normalize", view, epsilon, { x, y }, { mean, variance, gamma, beta });
    return y;
  });
}

/**
 * The gradients of {@linkcode batchNorm}.
 *
 * dβ[c] = Σ dy[n, c, i], dγ[c] = Σ dy[n, c, i] · x̂[n, c, i]
 * dx[n, c, i] = γ[c] / √(variance[c] + ε) · (dy[n, c, i] − dβ[c] / m − x̂[n, c, i] · dγ[c] / m)
 *
 * with m the number of elements of a channel. Statistics that are given do not depend on x, so that in dx only the term of dy
 * remains.
 *
 * Shape: x [n, c, …], gamma [c], dy as x → dx as x, dGamma [c], dBeta [c].
 *
 * @param x The input of the forward step.
 * @param options As in the forward step.
 * @throws {ShapeError} if the shapes do not fit together; {@linkcode OptionError} if ε is below 0.
 */
export function batchNormGradient(
  recorder: Recorder,
  x: Tensor,
  gamma: Tensor,
  dy: Tensor,
  options: BatchNormOptions = {},
): BatchNormGradients {
  const what = "batchNormGradient";
  checkKeys(options, what, ["statistics", "epsilon"]);
  expectShape(gamma, [channelsOf(x.shape, what).channels], `${what}: gamma`);
  expectShape(dy, x.shape, `${what}: dy`);
  const epsilon = epsilonOf(options, what);
  return withStatistics(recorder, x, options, what, (statistics) => {
    const gradients = batchNormScaleGradients(recorder, x, dy, { statistics, epsilon });
    const dx = batchNormInputGradient(recorder, x, gamma, dy, {
      statistics,
      epsilon,
      ...(options.statistics === undefined ? { gradients } : {}),
    });
    return { dx, ...gradients };
  });
}

/**
 * The gradient of {@linkcode batchNorm} to its input alone. Shape: x [n, c, …], gamma [c], dy as x → as x.
 *
 * @param options The statistics of the forward step, and whether they depend on x.
 * @throws {ShapeError} if the shapes do not fit together; {@linkcode OptionError} if ε is below 0.
 */
export function batchNormInputGradient(
  recorder: Recorder,
  x: Tensor,
  gamma: Tensor,
  dy: Tensor,
  options: BatchNormInputGradientOptions,
): Tensor {
  const what = "batchNormInputGradient";
  checkKeys(options, what, ["statistics", "epsilon", "gradients"]);
  const view = channelsOf(x.shape, what);
  expectShape(gamma, [view.channels], `${what}: gamma`);
  expectShape(dy, x.shape, `${what}: dy`);
  const { statistics: { mean, variance }, gradients } = options;
  checkStatistics(options.statistics, view, what);
  const epsilon = epsilonOf(options, what);
  if (gradients !== undefined) {
    expectShape(gradients.dGamma, [view.channels], `${what}: dGamma`);
    expectShape(gradients.dBeta, [view.channels], `${what}: dBeta`);
  }
  const dx = recorder.empty(x.shape, x.type);
  if (gradients === undefined) {
    launch(recorder, "fixed", view, epsilon, { dy, y: dx }, { variance, gamma });
  } else {
    const { dGamma: d_gamma, dBeta: d_beta } = gradients;
    const values = { mean, variance, gamma, d_gamma, d_beta };
    launch(recorder, "batch", view, epsilon, { x, dy, y: dx }, values);
  }
  return dx;
}

/** Writes y, row by row from `images`, x or dy or both by the kernel's names; `values` are those of the channels. */
function launch(
  recorder: Recorder,
  mode: "normalize" | "fixed" | "batch",
  { rows, channels, area, count }: ChannelView,
  epsilon: number,
  images: Record<string, Tensor>,
  values: Record<string, Tensor>,
): void {
  const { vector, length } = vectorLength(area);
  const workers = Math.ceil(length / VALUES_PER_WORKER);
  const names = Object.keys(images);
  inParts("batchNorm", rows, Object.values(images), (tensors, { count: rows }) => {
    const invocations = rows * channels * workers;
    recorder.dispatch({
      label: `batch norm ${mode} ${formatShape([rows, channels, area])}`,
      kernel: NORM.variant({ MODE: mode, VECTOR: vector }),
      tensors: { ...Object.fromEntries(names.map((name, i) => [name, tensors[i]!])), ...values },
      uniforms: { length: invocations, channels, area: length, workers, count, epsilon },
      workgroups: workgroupsFor(invocations),
      flops: (mode === "normalize" ? 4 : mode === "fixed" ? 1 : 6) * rows * channels * area,
    });
  });
}

/** Calls `body` with the statistics of the options, or with those of x, which it releases. */
function withStatistics<T>(
  recorder: Recorder,
  x: Tensor,
  { statistics }: BatchNormOptions,
  what: string,
  body: (statistics: ChannelStatistics) => T,
): T {
  if (statistics !== undefined) {
    checkStatistics(statistics, channelsOf(x.shape, what), what);
    return body(statistics);
  }
  const own = channelStatistics(recorder, x);
  const result = body(own);
  recorder.release(own.mean);
  recorder.release(own.variance);
  return result;
}
