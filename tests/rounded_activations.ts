/**
 * The formulas of `kernels/activation.wgsl` with their error bounds.
 *
 * @module
 */

import type { ActivationName } from "../src/ops/activation_source.ts";
import {
  abs,
  add,
  clamp,
  divide,
  either,
  exact,
  exp,
  literal,
  multiply,
  negate,
  type Rounded,
  subtract,
  widen,
} from "./rounding.ts";

const ONE = exact(1);

/** Whether rounding may have changed the sign. */
const unsure = (x: Rounded): boolean => Math.abs(x.value) <= x.error;

/** A polynomial by Horner's rule, coefficients from the lowest, each a literal. */
function polynomial(z: Rounded, coefficients: readonly number[]): Rounded {
  return coefficients.slice(0, -1).reduceRight(
    (tail, coefficient) => add(literal(coefficient), multiply(z, tail)),
    literal(coefficients.at(-1)!),
  );
}

/** 1 / (1 + e⁻ˣ). */
export function roundedSigmoid(x: Rounded): Rounded {
  const e = exp(negate(abs(x)));
  const result = divide(x.value < 0 ? e : ONE, add(ONE, e));
  return unsure(x) ? either(result, divide(x.value < 0 ? ONE : e, add(ONE, e))) : result;
}

/** log(1 + e), 0 ≤ e ≤ 1. The series ends with z⁷/15; the rest is below z⁸ / 17 · 9/8 with z ≤ 1/9. */
export function logOnePlus(e: Rounded): Rounded {
  const s = divide(e, add(exact(2), e));
  const z = multiply(s, s);
  const series = polynomial(z, [1, 1 / 3, 1 / 5, 1 / 7, 1 / 9, 1 / 11, 1 / 13, 1 / 15]);
  const rest = (1 / 9) ** 8 / 17 * 9 / 8;
  return multiply(multiply(exact(2), s), widen(series, rest));
}

function tanh(x: Rounded): Rounded {
  const z = multiply(x, x);
  const coefficients = [1, -1 / 3, 2 / 15, -17 / 315, 62 / 2835, -1382 / 155925, 21844 / 6081075];
  const rest = 929569 / 638512875 * z.value ** 7; // the terms alternate
  const small = multiply(x, widen(polynomial(z, coefficients), rest));
  const e = exp(multiply(exact(-2), abs(x)));
  const magnitude = divide(subtract(ONE, e), add(ONE, e));
  const large = x.value < 0 ? negate(magnitude) : magnitude;
  const margin = Math.abs(x.value) - 0.4;
  if (Math.abs(margin) <= x.error + 1e-7) return either(small, large);
  return margin < 0 ? small : large;
}

const ERFC = [
  -1.26551223,
  1.00002368,
  0.37409196,
  0.09678418,
  -0.18628806,
  0.27886807,
  -1.13520398,
  1.48851587,
  -0.82215223,
  0.17087277,
];

/** Φ(x) by a Chebyshev fit of erfc that is 1.2e-7 off, relative. */
function normalDistribution(x: Rounded): Rounded {
  const z = multiply(abs(x), literal(Math.SQRT1_2));
  const t = divide(ONE, add(ONE, multiply(exact(0.5), z)));
  const power = exp(add(negate(multiply(z, z)), polynomial(t, ERFC)));
  const half = multiply(multiply(exact(0.5), t), power);
  const fitted = widen(half, 1.2e-7 * half.value);
  const result = x.value < 0 ? fitted : subtract(ONE, fitted);
  return unsure(x) ? either(result, x.value < 0 ? subtract(ONE, fitted) : fitted) : result;
}

/** y = f(x). */
export function roundedActivation(name: ActivationName, x: Rounded): Rounded {
  switch (name) {
    case "linear":
      return x;
    case "relu":
      return clamp(x);
    case "leakyRelu":
      return x.value < 0 ? multiply(literal(0.01), x) : x;
    case "sigmoid":
      return roundedSigmoid(x);
    case "tanh":
      return tanh(x);
    case "step":
      return { value: x.value > 0 ? 1 : 0, error: x.error > 0 && unsure(x) ? 1 : 0 };
    case "softplus":
      return add(clamp(x), logOnePlus(exp(negate(abs(x)))));
    case "gelu":
      return multiply(x, normalDistribution(x));
  }
}

/** dx from what the kernel is given: y, or x for softplus and gelu. The sign of `saved` is certain. */
export function roundedActivationGradient(
  name: ActivationName,
  saved: Rounded,
  dy: Rounded,
): Rounded {
  switch (name) {
    case "linear":
      return dy;
    case "relu":
      return saved.value <= 0 ? exact(0) : dy;
    case "leakyRelu":
      return saved.value <= 0 ? multiply(literal(0.01), dy) : dy;
    case "sigmoid":
      return multiply(multiply(dy, saved), subtract(ONE, saved));
    case "tanh":
      return multiply(multiply(dy, subtract(ONE, saved)), add(ONE, saved));
    case "step":
      return exact(0);
    case "softplus":
      return multiply(dy, roundedSigmoid(saved));
    case "gelu": {
      const square = multiply(multiply(exact(-0.5), saved), saved);
      const density = multiply(literal(0.3989422804014327), exp(square));
      return multiply(dy, add(normalDistribution(saved), multiply(saved, density)));
    }
  }
}
