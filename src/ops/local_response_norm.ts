/**
 * Local response normalisation.
 *
 * @module
 */

import text from "../../kernels/local_response_norm.wgsl" with { type: "text" };
import { ShapeError } from "../errors.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkKeys, checkNumber } from "../options.ts";
import { formatShape } from "../shape.ts";
import { inParts } from "./binding_parts.ts";
import { cast } from "./cast.ts";
import { channelsOf } from "./channels.ts";
import {
  type ActivationSlope,
  type Epilogue,
  EPILOGUE_SOURCES,
  epilogueLaunch,
  inPartsWithSlope,
  slopeEpilogue,
} from "./epilogue.ts";
import { expectShape, vectorLength, workgroupsFor } from "./launch.ts";

/** The constants of {@linkcode localResponseNorm}. */
export interface LocalResponseNormOptions {
  /** The number of neighbouring channels that are summed, 1 or more. Default: 5. */
  readonly size?: number;
  /** The weight of their mean square, 0 or more. Default: 1e-4. */
  readonly alpha?: number;
  /** The exponent. Default: 0.75. */
  readonly beta?: number;
  /** What is added to the sum, above 0. Default: 1. */
  readonly k?: number;
}

const SOURCE = { name: "local_response_norm.wgsl", text };
const FAMILY = new KernelFamily("localResponseNorm", [SOURCE]);
const COLLECT = new KernelFamily("localResponseNorm", [...EPILOGUE_SOURCES, SOURCE]);

/** Options of {@linkcode localResponseNormGradient}: those of the forward step, and more. */
export interface LocalResponseNormGradientOptions extends LocalResponseNormOptions {
  /** What dx is multiplied with: the slope of the activation that made x. Default: nothing. */
  readonly gradient?: ActivationSlope;
}

/** Neighbouring channels that an invocation computes. */
const CHANNELS_PER_INVOCATION = 4;
/** Windows of more channels are walked over by a loop. */
const LONGEST_UNROLLED = 9;

/**
 * Local response normalisation, in PyTorch's convention.
 *
 * y[n, c, i] = x[n, c, i] / s[n, c, i]^β with s[n, c, i] = k + α / size · Σ_j x[n, j, i]² over the channels j from
 * c − ⌊size / 2⌋ to c + ⌊(size − 1) / 2⌋ that exist
 *
 * AlexNet's paper does not divide by size: its k = 2, size = 5, α = 1e-4, β = 0.75 are α = 5e-4 here.
 *
 * Shape: x [n, c, …] → same.
 *
 * @throws {ShapeError} if x has less than two dimensions, or more than 65,535 channels would be summed;
 * {@linkcode OptionError} if an option is out of range.
 * @see Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural networks", NeurIPS 2012,
 * section 3.3.
 *
 * @example
 * ```ts
 * import { Gpu, localResponseNorm } from "@strata/strata";
 *
 * await using gpu = await Gpu.open();
 * using x = gpu.tensor(new Float32Array([1, 2, 3]), [1, 3]); // three channels
 * using y = localResponseNorm(gpu, x, { size: 3, alpha: 3, beta: 1, k: 2 });
 * console.log(await y.read()); // about 1/7, 2/16, 3/15
 * ```
 */
export function localResponseNorm(
  recorder: Recorder,
  x: Tensor,
  options: LocalResponseNormOptions = {},
): Tensor {
  const what = "localResponseNorm";
  geometryOf(what, x, options);
  const y = recorder.empty(x.shape, x.type);
  inParts(what, x.shape[0]!, [x, y] as const, ([x, y]) => {
    launch(recorder, "forward", geometryOf(what, x, options), { x, y });
  });
  return y;
}

/**
 * The gradient of {@linkcode localResponseNorm}.
 *
 * dx[n, j, i] = dy[n, j, i] · s[n, j, i]^−β − 2αβ / size · x[n, j, i] · Σ_c dy[n, c, i] · x[n, c, i] · s[n, c, i]^(−β − 1)
 * over the channels c whose sum s has channel j; with `gradient` times f′(z) for x = f(z), which is ∂C/∂z
 *
 * Shape: x [n, c, …], dy as x → as x.
 *
 * @param x The input of the forward step.
 * @throws {ShapeError} if dy, or what was saved, has not the shape of x; {@linkcode OptionError} if an option is out of range.
 */
export function localResponseNormGradient(
  recorder: Recorder,
  x: Tensor,
  dy: Tensor,
  { gradient, ...options }: LocalResponseNormGradientOptions = {},
): Tensor {
  const what = "localResponseNormGradient";
  geometryOf(what, x, options);
  expectShape(dy, x.shape, `${what}: dy`);
  const epilogue = slopeEpilogue(gradient, x.shape, what);
  const dx = recorder.empty(x.shape); // written twice, so not in 16 bits yet
  inPartsWithSlope(what, x.shape[0]!, [x, dy, dx] as const, epilogue, ([x, dy, y], end) => {
    const geometry = geometryOf(what, x, options);
    const t = recorder.empty(x.shape);
    launch(recorder, "terms", geometry, { x, dy, y, t });
    launch(recorder, "collect", geometry, { x, y, t }, end);
    recorder.release(t);
  });
  const result = cast(recorder, dx, dy.type);
  if (result !== dx) recorder.release(dx);
  return result;
}

/** What the kernels need to know. */
interface Geometry {
  readonly what: string;
  readonly flops: number;
  readonly vector: boolean;
  /** Channels that an invocation reads, written out; 0 for a loop over them. */
  readonly terms: number;
  readonly factors: Readonly<Record<"forward" | "terms" | "collect", number>>;
  /** All but the factor. */
  readonly uniforms: Readonly<Record<string, number>>;
}

function launch(
  recorder: Recorder,
  mode: "forward" | "terms" | "collect",
  { what, flops, vector, terms, factors, uniforms }: Geometry,
  tensors: Record<string, Tensor>,
  epilogue?: Epilogue,
): void {
  // A channel lies in the windows from `after` before it to `before` behind it.
  const { before, after, ...rest } = uniforms as Record<string, number>;
  const window = mode === "collect"
    ? { before: after!, after: before! }
    : { before: before!, after: after! };
  const parameters = { MODE: mode, VECTOR: vector, TERMS: terms };
  const end = epilogue && epilogueLaunch(epilogue);
  recorder.dispatch({
    label: `${what} ${mode} ${formatShape(tensors["x"]!.shape)}`,
    kernel: end === undefined
      ? FAMILY.variant(parameters)
      : COLLECT.variant({ ...end.parameters, ...parameters, STORE: vector ? 4 : 1 }),
    tensors: { ...tensors, ...end?.tensors },
    uniforms: { ...rest, ...window, factor: factors[mode] },
    workgroups: workgroupsFor(uniforms["length"]!),
    flops,
  });
}

function geometryOf(what: string, x: Tensor, options: LocalResponseNormOptions): Geometry {
  checkKeys(options, what, ["size", "alpha", "beta", "k"]);
  const { size = 5, alpha = 1e-4, beta = 0.75, k = 1 } = options;
  checkNumber(size, `${what}: size`, { min: 1, integer: true });
  checkNumber(alpha, `${what}: alpha`, { min: 0 });
  checkNumber(beta, `${what}: beta`);
  checkNumber(k, `${what}: k`, { min: 0, exclusiveMin: true });
  const { rows, channels, area } = channelsOf(x.shape, what);
  const window = Math.min(size + CHANNELS_PER_INVOCATION - 1, channels);
  if (window > 65_535) {
    throw new ShapeError(`${what}: at most 65535 channels can be summed, got ${window}`);
  }
  const { vector, length } = vectorLength(area);
  const groups = Math.ceil(channels / CHANNELS_PER_INVOCATION);
  const unrolled = size <= LONGEST_UNROLLED;
  const reach = unrolled ? size : Math.min(size, 2 * channels); // more reaches nothing more
  const share = alpha / size;
  return {
    what,
    vector,
    terms: unrolled ? size + CHANNELS_PER_INVOCATION - 1 : 0,
    flops: (2 * Math.min(size, channels) + 4) * x.size,
    factors: { forward: share, terms: share, collect: 2 * share * beta },
    uniforms: {
      length: rows * groups * length,
      channels,
      groups,
      area: length,
      before: Math.floor(reach / 2),
      after: Math.floor((reach - 1) / 2),
      k,
      beta,
    },
  };
}
