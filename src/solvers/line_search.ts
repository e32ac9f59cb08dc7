/**
 * Steps along a line on which a convex function descends.
 *
 * @module
 */

/** A point of a line. */
export interface LinePoint {
  /** f(t) */
  readonly value: number;
  /** f′(t) */
  readonly slope: number;
}

/** A function of t with its derivative. */
export interface LineFunction {
  /** The value at t and the derivative by t. */
  at(t: number): LinePoint;
}

/** Armijo's condition: a step must descend by this share of what the slope at 0 promises. */
const DESCENT = 1e-4;
/** Wolfe's condition: the slope must flatten to this share. */
const FLATTENING = 0.9;
/** Relative rounding of a value. Within it, the slope decides: it must not have turned into more than half its opposite. */
const ROUNDING = 2 ** -48;
const MOST_TRIALS = 60;

/**
 * Halves the step until f(t) ≤ f(0) + 10⁻⁴ · t · f′(0).
 *
 * @param first The step to try first, above 0.
 * @returns The step, or undefined if rounding hides any descent.
 */
export function backtrack(f: LineFunction, first = 1): number | undefined {
  const start = f.at(0);
  if (!(start.slope < 0)) return undefined;
  let t = first;
  for (let trial = 0; trial < MOST_TRIALS; trial++, t /= 2) {
    if (descends(f.at(t), start, t)) return t;
  }
  return undefined;
}

/**
 * A step that descends as above and at which |f′(t)| ≤ 0.9 · |f′(0)|. As f is convex, a step is too long if it does not
 * descend or if the slope is positive and steep, and too short if the slope is negative and steep.
 *
 * @param first The step to try first, above 0.
 * @returns The step, or undefined if rounding hides any descent.
 * @see J. Nocedal and S. J. Wright, Numerical Optimization, 2nd edition, section 3.1
 */
export function wolfeStep(f: LineFunction, first = 1): number | undefined {
  const start = f.at(0);
  if (!(start.slope < 0)) return undefined;
  let [short, long] = [0, Infinity];
  let t = first;
  for (let trial = 0; trial < MOST_TRIALS; trial++) {
    const here = f.at(t);
    const low = descends(here, start, t);
    if (low && Math.abs(here.slope) <= -FLATTENING * start.slope) return t;
    if (low && here.slope < 0) short = t;
    else long = t;
    t = long === Infinity ? 4 * t : (short + long) / 2;
  }
  return short > 0 ? short : undefined;
}

/** Whether f(t) is low enough, as far as its rounding lets see; then whether its slope is. */
function descends({ value, slope }: LinePoint, start: LinePoint, t: number): boolean {
  const promised = DESCENT * t * start.slope;
  const rounding = ROUNDING * Math.abs(start.value);
  if (-promised > rounding) return value <= start.value + promised;
  return value <= start.value + rounding && slope <= -start.slope / 2;
}
