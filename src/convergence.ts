/**
 * How a method comes nearer to an optimum, and what it took.
 *
 * @module
 */

/** The state of a method at some time. */
export interface ConvergencePoint {
  /** Iterations so far. */
  readonly iterations: number;
  /** Passes over the data, the first look at it not included. */
  readonly passes: number;
  /** Since the start. */
  readonly milliseconds: number;
  /** Bytes of examples read. */
  readonly bytes: number;
  /** The relative distance to the optimum, or to a bound of it. */
  readonly gap: number;
}

/** What it took to come near the optimum. */
export interface ReachedAccuracy extends Partial<ConvergencePoint> {
  /** The distance asked for. All other fields are missing if it was not reached. */
  readonly accuracy: number;
}

/** What a rate led to. */
export interface RateTrial {
  /** Relative to the method's own. */
  readonly factor: number;
  /** The least distance; ∞ if it diverged at once. */
  readonly gap: number;
  /** Passes to the largest of the accuracies, or undefined. */
  readonly passes: number | undefined;
}

/** Rates that are tried, relative to that of a method. */
export const RATE_FACTORS: readonly number[] = [0.01, 0.1, 1, 10, 100];

/** The first point within an accuracy. */
export function reach(curve: readonly ConvergencePoint[], accuracy: number): ReachedAccuracy {
  return { accuracy, ...curve.find(({ gap }) => gap <= accuracy) };
}

/** The least distance of a curve's points after its start; ∞ if there is none that is a number. */
export function leastGap(curve: readonly ConvergencePoint[]): number {
  return curve.slice(1).reduce((least, { gap }) => gap < least ? gap : least, Infinity);
}
