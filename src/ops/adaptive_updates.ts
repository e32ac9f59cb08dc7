/**
 * Updates with a step length for every parameter: Adam and its kin, RMSProp, Adagrad. Over flat buffers, as in `updates.ts`.
 *
 * @module
 */

import adagradText from "../../kernels/adagrad.wgsl" with { type: "text" };
import adamText from "../../kernels/adam.wgsl" with { type: "text" };
import rmsPropText from "../../kernels/rms_prop.wgsl" with { type: "text" };
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder, Scalar } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkUpdate } from "./updates.ts";
import { workgroupsFor } from "./launch.ts";

const ADAM = new KernelFamily("adam", [{ name: "adam.wgsl", text: adamText }]);
const RMS_PROP = new KernelFamily("rmsProp", [{ name: "rms_prop.wgsl", text: rmsPropText }]);
const ADAGRAD = new KernelFamily("adagrad", [{ name: "adagrad.wgsl", text: adagradText }]);

/** What {@linkcode adamUpdate} works with. */
export interface AdamUpdate {
  /** m, changed in place. Shape: that of the parameters. */
  first: Tensor;
  /** v, changed in place. Shape: that of the parameters. */
  second: Tensor;
  /** a: the learning rate with the correction of m. */
  rate: number | Scalar;
  /** b: the same for the gradient of the step itself. Default: without it. */
  ahead?: number | Scalar;
  /** c: the correction of √v. */
  rootScale: number | Scalar;
  /** β₁. */
  beta1: number;
  /** β₂. */
  beta2: number;
  /** ε. */
  epsilon: number;
  /** λ, or αλ if it is decoupled. */
  decay: number | Scalar;
  /** Whether the decay is taken off the parameters, instead of going through the gradient. */
  decoupled: boolean;
  /** Multiplies the gradient first: element 0 of `clipScale`'s result. */
  clip?: Tensor;
}

/**
 * g = clip · dp + λ p; m ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g²; p ← p − (a m + b g) / (c √v + ε). In place. With a
 * decoupled decay, g = clip · dp, and αλ p is subtracted besides.
 *
 * Shape: parameters and gradients [n], n a multiple of 4.
 *
 * @throws {ShapeError} if the shapes do not fit.
 * @see Kingma, Ba, "Adam: a method for stochastic optimization", ICLR 2015.
 */
export function adamUpdate(
  recorder: Recorder,
  parameters: Tensor,
  gradients: Tensor,
  options: AdamUpdate,
): void {
  const { first, second, rate, ahead, rootScale, beta1, beta2, epsilon, decay } = options;
  const { decoupled, clip } = options;
  checkUpdate("adamUpdate", parameters, { gradients, first, second });
  const length = parameters.size / 4;
  recorder.dispatch({
    label: `adam ${parameters.size}`,
    kernel: ADAM.variant({
      DECOUPLED: decoupled,
      NESTEROV: ahead !== undefined,
      CLIP: clip !== undefined,
    }),
    tensors: {
      p: parameters,
      dp: gradients,
      m: first,
      v: second,
      ...(clip === undefined ? {} : { clip }),
    },
    uniforms: {
      length,
      rate,
      ...(ahead === undefined ? {} : { ahead }),
      root_scale: rootScale,
      decay,
      beta_1: beta1,
      rest_1: 1 - beta1,
      beta_2: beta2,
      rest_2: 1 - beta2,
      epsilon,
    },
    workgroups: workgroupsFor(length),
    flops: 15 * parameters.size,
  });
}

/** What {@linkcode rmsPropUpdate} works with. */
export interface RmsPropUpdate {
  /** v, changed in place. Shape: that of the parameters. */
  square: Tensor;
  /** a, changed in place: the mean gradient, whose square is subtracted from v. Default: without it. */
  average?: Tensor;
  /** b, changed in place. Default: without momentum. */
  velocity?: Tensor;
  /** α. */
  rate: number | Scalar;
  /** ρ. */
  alpha: number;
  /** ε. */
  epsilon: number;
  /** μ, for the velocity. Default 0. */
  momentum?: number;
  /** λ. */
  weightDecay: number;
  /** Multiplies the gradient first: element 0 of `clipScale`'s result. */
  clip?: Tensor;
}

/**
 * g = clip · dp + λ p; v ← ρ v + (1 − ρ) g²; p ← p − α g / (√v + ε). In place. With an average, a ← ρ a + (1 − ρ) g and
 * √max(v − a², 0) is taken for √v; with a velocity, b ← μ b + g / (√v + ε); p ← p − α b.
 *
 * Shape: parameters and gradients [n], n a multiple of 4.
 *
 * @throws {ShapeError} if the shapes do not fit.
 * @see Hinton, "Neural networks for machine learning", lecture 6e, 2012.
 */
export function rmsPropUpdate(
  recorder: Recorder,
  parameters: Tensor,
  gradients: Tensor,
  options: RmsPropUpdate,
): void {
  const { square, average, velocity, rate, alpha, epsilon, momentum = 0, weightDecay } = options;
  const { clip } = options;
  checkUpdate("rmsPropUpdate", parameters, { gradients, square, average, velocity });
  const length = parameters.size / 4;
  recorder.dispatch({
    label: `rmsProp ${parameters.size}`,
    kernel: RMS_PROP.variant({
      CENTERED: average !== undefined,
      MOMENTUM: velocity !== undefined,
      CLIP: clip !== undefined,
    }),
    tensors: {
      p: parameters,
      dp: gradients,
      v: square,
      ...(average === undefined ? {} : { a: average }),
      ...(velocity === undefined ? {} : { b: velocity }),
      ...(clip === undefined ? {} : { clip }),
    },
    uniforms: {
      length,
      rate,
      decay: weightDecay,
      alpha,
      rest: 1 - alpha,
      epsilon,
      ...(velocity === undefined ? {} : { momentum }),
    },
    workgroups: workgroupsFor(length),
    flops: 12 * parameters.size,
  });
}

/** What {@linkcode adagradUpdate} works with. */
export interface AdagradUpdate {
  /** s, changed in place, zero at the start. Shape: that of the parameters. */
  sum: Tensor;
  /** α. */
  rate: number | Scalar;
  /** s₀. */
  initialAccumulator: number;
  /** ε. */
  epsilon: number;
  /** λ. */
  weightDecay: number;
  /** Multiplies the gradient first: element 0 of `clipScale`'s result. */
  clip?: Tensor;
}

/**
 * g = clip · dp + λ p; s ← s + g²; p ← p − α g / (√(s₀ + s) + ε). In place.
 *
 * Shape: parameters and gradients [n], n a multiple of 4.
 *
 * @throws {ShapeError} if the shapes do not fit.
 * @see Duchi, Hazan, Singer, "Adaptive subgradient methods", JMLR 12, 2011.
 */
export function adagradUpdate(
  recorder: Recorder,
  parameters: Tensor,
  gradients: Tensor,
  options: AdagradUpdate,
): void {
  const { sum, rate, initialAccumulator, epsilon, weightDecay, clip } = options;
  checkUpdate("adagradUpdate", parameters, { gradients, sum });
  const length = parameters.size / 4;
  recorder.dispatch({
    label: `adagrad ${parameters.size}`,
    kernel: ADAGRAD.variant({ CLIP: clip !== undefined }),
    tensors: {
      p: parameters,
      dp: gradients,
      s: sum,
      ...(clip === undefined ? {} : { clip }),
    },
    uniforms: { length, rate, decay: weightDecay, initial: initialAccumulator, epsilon },
    workgroups: workgroupsFor(length),
    flops: 10 * parameters.size,
  });
}
