/**
 * Activation functions and their derivatives. NaN stays NaN, forward and backward.
 *
 * @module
 */

import { checkOneOf } from "../options.ts";
import { expectShape, mapValues, type NdArray } from "./nd_array.ts";

/** The slope of leakyRelu where x ≤ 0. */
export const LEAKY_SLOPE = 0.01;

/** The name of an activation function; "linear" is the identity. */
export type ActivationName =
  | "linear"
  | "relu"
  | "leakyRelu"
  | "sigmoid"
  | "tanh"
  | "step"
  | "softplus"
  | "gelu";

/** f and its derivative, as functions of x. */
interface ScalarFunction {
  readonly value: (x: number) => number;
  readonly derivative: (x: number) => number;
}

const FUNCTIONS: Readonly<Record<ActivationName, ScalarFunction>> = {
  linear: { value: (x) => x, derivative: (x) => unlessNaN(x, 1) },
  relu: { value: (x) => Math.max(x, 0), derivative: (x) => unlessNaN(x, x > 0 ? 1 : 0) },
  leakyRelu: {
    value: (x) => x > 0 ? x : LEAKY_SLOPE * x,
    derivative: (x) => unlessNaN(x, x > 0 ? 1 : LEAKY_SLOPE),
  },
  // σ(−x) is 1 − σ(x) without its cancellation.
  sigmoid: { value: sigmoid, derivative: (x) => sigmoid(x) * sigmoid(-x) },
  tanh: { value: Math.tanh, derivative: (x) => 1 / Math.cosh(x) ** 2 },
  step: { value: (x) => unlessNaN(x, x > 0 ? 1 : 0), derivative: (x) => unlessNaN(x, 0) },
  softplus: {
    value: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
    derivative: sigmoid,
  },
  gelu: {
    value: (x) => x * normalCdf(x),
    derivative: (x) => normalCdf(x) + x * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI),
  },
};

/** The names of all activation functions. */
export const ACTIVATION_NAMES: readonly ActivationName[] = Object.keys(
  FUNCTIONS,
) as ActivationName[];

/**
 * An activation function, applied to every element.
 *
 * - linear: x
 * - relu: max(x, 0)
 * - leakyRelu: x where x > 0, else 0.01 · x
 * - sigmoid: σ(x) = 1 / (1 + e⁻ˣ)
 * - tanh: (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)
 * - step: 1 where x > 0, else 0
 * - softplus: log(1 + eˣ), computed as max(x, 0) + log1p(e^−|x|)
 * - gelu: x · Φ(x), with Φ the distribution function of the normal distribution (the exact form);
 *   NaN at −∞, as the product says
 *
 * Shape: any → same.
 *
 * @throws {OptionError} if there is no such function.
 */
export function activation(name: ActivationName, x: NdArray): NdArray {
  checkOneOf(name, "activation: name", ACTIVATION_NAMES);
  return mapValues(x, FUNCTIONS[name].value);
}

/**
 * The gradient of an activation function: dx = dy · f′(x).
 *
 * At the kinks (x = 0), f′ is 0 for relu and 0.01 for leakyRelu; f′ of step is 0 everywhere. A NaN in
 * x or dy gives NaN, also where f′ is 0.
 *
 * Shape: x any, dy as x → as x.
 *
 * @param x The input of the forward step.
 * @param dy The gradient of the loss with respect to the output.
 * @throws {ShapeError} if dy has not the shape of x.
 * @throws {OptionError} if there is no such function.
 */
export function activationBackward(name: ActivationName, x: NdArray, dy: NdArray): NdArray {
  checkOneOf(name, "activationBackward: name", ACTIVATION_NAMES);
  expectShape(dy, x.shape, "activationBackward: dy");
  const { derivative } = FUNCTIONS[name];
  return mapValues(x, (value, i) => dy.data[i]! * derivative(value));
}

/**
 * The error function, erf(x) = 2/√π · ∫₀ˣ e^−t² dt, to a relative error below 1e-14.
 *
 * @see Abramowitz, Stegun, "Handbook of Mathematical Functions", 7.1.6 (series) and 7.1.14 (fraction).
 */
export function erf(x: number): number {
  return Math.abs(x) < SERIES_LIMIT ? erfSeries(x) : x > 0 ? 1 - erfc(x) : erfc(-x) - 1;
}

/** The complement 1 − erf(x), to a relative error below 1e-13 also where it is tiny. */
export function erfc(x: number): number {
  if (x <= -SERIES_LIMIT) return 2 - erfc(-x);
  return x < SERIES_LIMIT ? 1 - erfSeries(x) : erfcFraction(x);
}

const SERIES_LIMIT = 1.5;

/** 2/√π · e^−x² · Σₙ 2ⁿ x²ⁿ⁺¹ / (1 · 3 · 5 ⋯ (2n + 1)): all terms have one sign, so nothing cancels. */
function erfSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Number.EPSILON * 1e-3 * Math.abs(sum); n++) {
    term *= 2 * x * x / (2 * n + 1);
    sum += term;
  }
  return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
}

/** e^−x²/√π · 1/(x + ½/(x + 1/(x + 3⁄2/(x + 2/(x + …))))), from the inside out; for x ≥ 1.5. */
function erfcFraction(x: number): number {
  let denominator = x;
  for (let n = 100; n >= 1; n--) denominator = x + n / 2 / denominator;
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / denominator;
}

/** Φ(x) = ½ erfc(−x/√2), accurate also in the left tail. */
function normalCdf(x: number): number {
  return erfc(-x / Math.SQRT2) / 2;
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** `result`, or NaN if x is NaN: for results that come from a comparison, which forgets a NaN. */
function unlessNaN(x: number, result: number): number {
  return Number.isNaN(x) ? NaN : result;
}
