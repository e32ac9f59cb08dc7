/**
 * Real numbers with a bound of the error that a float32 computation of them may have: running error
 * analysis. A case writes a kernel's formula in these operations and gets its error bound derived.
 *
 * The accuracy of each operation is WGSL's (table "Accuracy of builtin functions" of its specification),
 * sums and products being rounded to the nearest. Subnormal numbers may be flushed to zero everywhere.
 *
 * @module
 */

/** A number as it should be, and how far a float32 computation may be from it. */
export interface Rounded {
  readonly value: number;
  readonly error: number;
}

/** The relative error of one rounding. */
export const UNIT: number = 2 ** -24;
/** The largest unit in the last place, relative to a number. */
const ULP = 2 ** -23;
/** The least number that is not subnormal: what flushing to zero may cost. */
export const TINY: number = 2 ** -126;

const make = (value: number, spread: number, relative: number): Rounded => ({
  value,
  error: spread + relative * (Math.abs(value) + spread) + TINY,
});

/** A number that is the same in float32. */
export function exact(value: number): Rounded {
  return { value, error: 0 };
}

/** A number that float32 rounds: a literal, or a number that the host puts into a uniform. */
export function literal(value: number): Rounded {
  return { value, error: Math.abs(Math.fround(value) - value) };
}

/** a + b. */
export function add(a: Rounded, b: Rounded): Rounded {
  return make(a.value + b.value, a.error + b.error, UNIT);
}

/** −a. */
export function negate(a: Rounded): Rounded {
  return { value: -a.value, error: a.error };
}

/** a − b. */
export function subtract(a: Rounded, b: Rounded): Rounded {
  return make(a.value - b.value, a.error + b.error, UNIT);
}

/** a · b. */
export function multiply(a: Rounded, b: Rounded): Rounded {
  const spread = Math.abs(a.value) * b.error + Math.abs(b.value) * a.error + a.error * b.error;
  return make(a.value * b.value, spread, UNIT);
}

/** a / b, accurate to 2.5 units in the last place; no bound if b may be 0. */
export function divide(a: Rounded, b: Rounded): Rounded {
  const value = a.value / b.value;
  const least = Math.max(0, Math.abs(b.value) - b.error);
  const spread = (a.error + Math.abs(value) * b.error) / least;
  return make(value, spread, 2.5 * ULP);
}

/** e^a, accurate to 3 + 2 |a| units in the last place. */
export function exp(a: Rounded): Rounded {
  if (a.value === -Infinity) return exact(0);
  const value = Math.exp(a.value);
  return make(value, value * Math.expm1(a.error), (3 + 2 * (Math.abs(a.value) + a.error)) * ULP);
}

/** log a: 2⁻²¹ absolute between ½ and 2, else 3 units in the last place; no bound if a may be 0. */
export function log(a: Rounded): Rounded {
  const value = Math.log(a.value);
  const spread = a.error / Math.max(0, a.value - a.error);
  const absolute = a.value + a.error >= 0.5 && a.value - a.error <= 2 ? 2 ** -21 : 0;
  return make(value, spread + absolute, 3 * ULP);
}

/** √a as 1 / inverseSqrt(a): 2 and 2.5 units in the last place. */
export function sqrt(a: Rounded): Rounded {
  const value = Math.sqrt(a.value);
  const least = Math.sqrt(Math.max(0, a.value - a.error));
  const most = Math.sqrt(a.value + a.error);
  return make(value, Math.max(value - least, most - value), 4.5 * ULP);
}

/** 1 / √a, accurate to 2 units in the last place; no bound if a may be 0. */
export function inverseSqrt(a: Rounded): Rounded {
  const value = 1 / Math.sqrt(a.value);
  const most = 1 / Math.sqrt(Math.max(0, a.value - a.error));
  const least = 1 / Math.sqrt(a.value + a.error);
  return make(value, Math.max(value - least, most - value), 2 * ULP);
}

/** a^p as exp2(p · log2 a), which are as accurate as `exp` and `log`. */
export function power(a: Rounded, p: Rounded): Rounded {
  const logarithm = log(a);
  const exponent = multiply(p, {
    value: Math.log2(a.value),
    // As that of log, whose absolute part holds for both, and whose spread is one of e-folds.
    error: logarithm.error / Math.LN2,
  });
  const value = a.value ** p.value;
  const relative = (3 + 2 * (Math.abs(exponent.value) + exponent.error)) * ULP;
  return make(value, value * Math.expm1(exponent.error * Math.LN2), relative);
}

/** cos a or sin a for |a| ≤ π: 2⁻¹¹ absolute. */
export function trigonometric(f: (x: number) => number, a: Rounded): Rounded {
  return { value: f(a.value), error: a.error + 2 ** -11 };
}

/** |a|. */
export function abs(a: Rounded): Rounded {
  return { value: Math.abs(a.value), error: a.error };
}

/** max(a, 0), or min(a, 0) with `sign` −1. */
export function clamp(a: Rounded, sign: 1 | -1 = 1): Rounded {
  return { value: sign * Math.max(sign * a.value, 0), error: a.error };
}

/** Adds what a formula itself is off by, before rounding. */
export function widen(a: Rounded, error: number): Rounded {
  return { value: a.value, error: a.error + error };
}

/** Whichever of the numbers is furthest off: for a choice that rounding may take either way. */
export function either(a: Rounded, b: Rounded): Rounded {
  return { value: a.value, error: Math.max(a.error, b.error + Math.abs(a.value - b.value)) };
}

/** Σ terms; each of them takes part in at most `roundings` additions. */
export function sum(terms: readonly Rounded[], roundings: number): Rounded {
  let value = 0;
  let magnitude = 0;
  let spread = 0;
  for (const term of terms) {
    value += term.value;
    magnitude += Math.abs(term.value) + term.error;
    spread += term.error;
  }
  // (1 + u)^r − 1 ≤ r·u / (1 − r·u)
  const growth = roundings * UNIT / (1 - roundings * UNIT);
  return { value, error: spread + growth * magnitude + TINY };
}
