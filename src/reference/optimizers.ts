/**
 * The update of the parameters. Nothing is changed in place: new values are returned.
 *
 * @module
 */

import { ShapeError } from "../errors.ts";
import { checkNumber } from "../options.ts";
import { add, scale } from "./elementwise.ts";
import { expectShape, type NdArray } from "./nd_array.ts";

/** How `sgdStep` updates. */
export interface SgdOptions {
  /** The step length, lr. */
  readonly learningRate: number;
  /** How much of the velocity is kept, 0 … 1. Default: 0. */
  readonly momentum?: number;
  /** Whether to look ahead along the velocity. Default: false. */
  readonly nesterov?: boolean;
  /** The factor of the parameter that is added to its gradient, wd. Default: 0. */
  readonly weightDecay?: number;
}

/**
 * One step of stochastic gradient descent by PyTorch's rule, for every parameter p with gradient g and
 * velocity v:
 *
 * g ← g + wd·p, v ← momentum·v + g, p ← p − lr·(g + momentum·v if nesterov, else v)
 *
 * The velocity starts as zeros, so that the first step has v = g.
 *
 * Shape: three lists of equal length; gradients and velocities are shaped as their parameters.
 *
 * @returns The new parameters and velocities.
 * @throws {ShapeError} if the lists do not fit together.
 */
export function sgdStep(
  parameters: readonly NdArray[],
  gradients: readonly NdArray[],
  velocity: readonly NdArray[],
  options: SgdOptions,
): { readonly parameters: NdArray[]; readonly velocity: NdArray[] } {
  const { learningRate, momentum = 0, nesterov = false, weightDecay = 0 } = options;
  if (gradients.length !== parameters.length || velocity.length !== parameters.length) {
    throw new ShapeError(
      `sgdStep: expected a gradient and a velocity for each of ${parameters.length} parameters, ` +
        `got ${gradients.length} and ${velocity.length}`,
    );
  }
  const newParameters: NdArray[] = [];
  const newVelocity: NdArray[] = [];
  parameters.forEach((p, i) => {
    expectShape(gradients[i]!, p.shape, `sgdStep: gradient ${i}`);
    expectShape(velocity[i]!, p.shape, `sgdStep: velocity ${i}`);
    const g = add(gradients[i]!, scale(p, weightDecay));
    const v = add(scale(velocity[i]!, momentum), g);
    const step = nesterov ? add(g, scale(v, momentum)) : v;
    newParameters.push(add(p, scale(step, -learningRate)));
    newVelocity.push(v);
  });
  return { parameters: newParameters, velocity: newVelocity };
}

/** How `adamStep` updates. */
export interface AdamOptions {
  /** The number of the step, from 1. */
  readonly step: number;
  /** lr. */
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** wd. */
  readonly weightDecay: number;
  /** The momentum decay of Nadam, psi; the other two have none. */
  readonly momentumDecay?: number;
}

/** A parameter and what an optimiser remembers for it, by name. */
export type OptimizerState<Name extends string> = { readonly [N in "p" | Name]: NdArray };

/**
 * One step of Adam, AdamW or Nadam by PyTorch's rules, for a parameter p with gradient g, of step t:
 *
 * g ← g + wd·p, but for AdamW, where p ← p − lr·wd·p; m ← β1·m + (1 − β1)·g; v ← β2·v + (1 − β2)·g²
 *
 * Adam, AdamW: p ← p − lr / (1 − β1ᵗ) · m / (√v / √(1 − β2ᵗ) + ε)
 *
 * Nadam: mu(t) = β1·(1 − 0.96^(t·psi) / 2);
 * p ← p − lr·((1 − mu(t)) / (1 − Π mu(1…t)) · g + mu(t + 1) / (1 − Π mu(1…t + 1)) · m) / (√(v / (1 − β2ᵗ)) + ε)
 *
 * Shape: all the same. m and v begin as zeros.
 */
export function adamStep(
  kind: "adam" | "adamw" | "nadam",
  { p, m, v }: OptimizerState<"m" | "v">,
  gradient: NdArray,
  options: AdamOptions,
): OptimizerState<"m" | "v"> {
  const { step, learningRate, beta1, beta2, epsilon, weightDecay, momentumDecay = 0 } = options;
  const mu = (t: number) => beta1 * (1 - 0.5 * 0.96 ** (t * momentumDecay));
  let product = 1;
  for (let t = 1; t <= step; t++) product *= mu(t);
  const result = { p: p.data.slice(), m: m.data.slice(), v: v.data.slice() };
  gradient.data.forEach((value, i) => {
    const old = p.data[i]!;
    const g = kind === "adamw" ? value : value + weightDecay * old;
    const first = beta1 * m.data[i]! + (1 - beta1) * g;
    const second = beta2 * v.data[i]! + (1 - beta2) * g * g;
    const denominator = Math.sqrt(second / (1 - beta2 ** step)) + epsilon;
    const direction = kind === "nadam"
      ? (1 - mu(step)) / (1 - product) * g +
        mu(step + 1) / (1 - product * mu(step + 1)) * first
      : first / (1 - beta1 ** step);
    const kept = kind === "adamw" ? old - learningRate * weightDecay * old : old;
    result.p[i] = kept - learningRate * direction / denominator;
    result.m[i] = first;
    result.v[i] = second;
  });
  return shaped(p.shape, result);
}

/** How `rmsPropStep` updates. */
export interface RmsPropOptions {
  /** lr. */
  readonly learningRate: number;
  readonly alpha: number;
  readonly epsilon: number;
  /** wd. */
  readonly weightDecay: number;
  readonly momentum: number;
  readonly centered: boolean;
}

/**
 * One step of RMSProp by PyTorch's rule, for a parameter p with gradient g:
 *
 * g ← g + wd·p; v ← alpha·v + (1 − alpha)·g²; a ← alpha·a + (1 − alpha)·g if centered, else it stays;
 * b ← momentum·b + g / (√(v − a² if centered, else v) + ε); p ← p − lr·b
 *
 * Shape: all the same. v, a and b begin as zeros; without momentum, b is the last step and not needed. A difference v − a² below
 * 0 counts as 0.
 */
export function rmsPropStep(
  { p, v, a, b }: OptimizerState<"v" | "a" | "b">,
  gradient: NdArray,
  options: RmsPropOptions,
): OptimizerState<"v" | "a" | "b"> {
  const { learningRate, alpha, epsilon, weightDecay, momentum, centered } = options;
  const result = {
    p: p.data.slice(),
    v: v.data.slice(),
    a: a.data.slice(),
    b: b.data.slice(),
  };
  gradient.data.forEach((value, i) => {
    const old = p.data[i]!;
    const g = value + weightDecay * old;
    const square = alpha * v.data[i]! + (1 - alpha) * g * g;
    const average = centered ? alpha * a.data[i]! + (1 - alpha) * g : a.data[i]!;
    const variance = centered ? Math.max(square - average * average, 0) : square;
    const step = g / (Math.sqrt(variance) + epsilon);
    const velocity = momentum === 0 ? step : momentum * b.data[i]! + step;
    result.p[i] = old - learningRate * velocity;
    result.v[i] = square;
    result.a[i] = average;
    result.b[i] = velocity;
  });
  return shaped(p.shape, result);
}

/** How `adagradStep` updates. */
export interface AdagradOptions {
  /** lr. */
  readonly learningRate: number;
  readonly epsilon: number;
  /** wd. */
  readonly weightDecay: number;
  /** What is added to the sum. */
  readonly initialAccumulator: number;
}

/**
 * One step of Adagrad, for a parameter p with gradient g:
 *
 * g ← g + wd·p; s ← s + g²; p ← p − lr·g / (√(initialAccumulator + s) + ε)
 *
 * Shape: all the same. s begins as zeros; PyTorch's sum begins as the initial value, which comes to the same.
 */
export function adagradStep(
  { p, s }: OptimizerState<"s">,
  gradient: NdArray,
  options: AdagradOptions,
): OptimizerState<"s"> {
  const { learningRate, epsilon, weightDecay, initialAccumulator } = options;
  const result = { p: p.data.slice(), s: s.data.slice() };
  gradient.data.forEach((value, i) => {
    const old = p.data[i]!;
    const g = value + weightDecay * old;
    const sum = s.data[i]! + g * g;
    result.p[i] = old - learningRate * g / (Math.sqrt(initialAccumulator + sum) + epsilon);
    result.s[i] = sum;
  });
  return shaped(p.shape, result);
}

/** What {@linkcode lossScaleStep} works on. */
export interface LossScaleState {
  /** The factor of the loss. */
  readonly scale: number;
  /** Good steps since it changed. */
  readonly good: number;
}

/**
 * Dynamic loss scaling after a backward step whose gradients are `scale` times too large, from the sum of their squares.
 *
 * If it is finite: norm = √squares / scale, factor = min(1, limit / norm) / scale, and after `interval` such steps the scale doubles,
 * to 2²⁴ at most. If not, the factor is −1, by which the step is skipped, and the scale is halved; at a scale of 1 it is NaN.
 */
export function lossScaleStep(
  { scale, good }: LossScaleState,
  squares: number,
  { limit, interval }: { readonly limit: number; readonly interval: number },
): LossScaleState & { readonly factor: number; readonly norm: number } {
  if (!Number.isFinite(squares)) {
    const factor = scale > 1 ? -1 : NaN;
    return { factor, norm: NaN, scale: scale < 2 ? 1 : scale / 2, good: 0 };
  }
  const norm = Math.sqrt(squares) / scale;
  const factor = (norm <= limit ? 1 : limit / norm) / scale;
  return good + 1 >= interval
    ? { factor, norm, scale: scale > 2 ** 23 ? 2 ** 24 : 2 * scale, good: 0 }
    : { factor, norm, scale, good: good + 1 };
}

/** Arrays of one shape. */
function shaped<Name extends string>(
  shape: NdArray["shape"],
  data: Readonly<Record<Name, Float64Array>>,
): { readonly [N in Name]: NdArray } {
  const entries = Object.entries<Float64Array>(data);
  return Object.fromEntries(entries.map(([name, values]) => [name, { shape, data: values }])) as {
    [N in Name]: NdArray;
  };
}

/**
 * Gradient clipping by the norm of all gradients together.
 *
 * norm = √(Σ g²) over every element of every gradient; g ← g · min(1, maxNorm / norm)
 *
 * Shape: any → same. A NaN makes the norm, and with it every gradient, NaN.
 *
 * @param maxNorm The largest norm that passes unchanged, above 0.
 * @returns The norm before clipping, and the clipped gradients.
 * @throws {OptionError} if maxNorm is not above 0.
 */
export function clipByNorm(
  gradients: readonly NdArray[],
  maxNorm: number,
): { readonly norm: number; readonly gradients: NdArray[] } {
  checkNumber(maxNorm, "clipByNorm: maxNorm", { min: 0, exclusiveMin: true });
  let squares = 0;
  for (const { data } of gradients) for (const g of data) squares += g * g;
  const norm = Math.sqrt(squares);
  const factor = Math.min(1, maxNorm / norm);
  return { norm, gradients: gradients.map((g) => scale(g, factor)) };
}
