/**
 * Learning rates as functions of the step.
 *
 * @module
 */

import { checkNumber } from "../options.ts";

/**
 * Whether a schedule meets the two conditions under which stochastic gradient descent is known to converge: steps that reach any
 * distance, Σα = ∞, and whose noise dies out, Σα² < ∞.
 *
 * @see Robbins, Monro, "A stochastic approximation method", 1951.
 */
export interface RobbinsMonro {
  /** Σα = ∞. */
  readonly sumDiverges: boolean;
  /** Σα² < ∞. */
  readonly squaresConverge: boolean;
}

/** The learning rate at a step; steps count from 0. Any function will do; those of this module know what their sums do. */
export interface Schedule {
  /** The learning rate. */
  (step: number): number;
  /** Whether it meets the two conditions, over infinitely many steps; undefined if nobody knows. */
  readonly robbinsMonro?: RobbinsMonro;
}

/** A schedule that knows whether it meets the two conditions. */
export type KnownSchedule = Schedule & {
  /** Whether it meets the two conditions, over infinitely many steps. */
  readonly robbinsMonro: RobbinsMonro;
};

/**
 * αₜ = rate.
 *
 * Σα = ∞, but Σα² = ∞ too: the parameters keep moving around the minimum. A rate of 0 has both sums 0.
 *
 * @example
 * ```ts
 * import { constantRate, inverseTimeDecay } from "@strata/strata";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(constantRate(0.1).robbinsMonro, { sumDiverges: true, squaresConverge: false });
 * const decay = inverseTimeDecay({ rate: 0.1, steps: 1000 });
 * assertEquals(decay.robbinsMonro, { sumDiverges: true, squaresConverge: true });
 * ```
 * @param rate At least 0.
 */
export function constantRate(rate: number): KnownSchedule {
  checkRate(rate, "constantRate");
  return known(() => rate, endsAt(rate));
}

/**
 * αₜ = rate · factor^⌊t / every⌋.
 *
 * A geometric series, every rate counted `every` times: both sums converge, so training may end before the minimum. With a
 * factor of 1 it is constant.
 *
 * @throws {OptionError} if an option is out of range.
 */
export function stepDecay(
  options: {
    rate: number; /** Steps between drops. */
    every: number; /** 0 < factor ≤ 1. */
    factor: number;
  },
): KnownSchedule {
  const { rate, every, factor } = options;
  checkRate(rate, "stepDecay");
  checkSteps(every, "stepDecay: every");
  checkNumber(factor, "stepDecay: factor", { min: 0, exclusiveMin: true, max: 1 });
  return known(
    (step) => rate * factor ** Math.floor(step / every),
    factor === 1 ? endsAt(rate) : SUMMABLE,
  );
}

/**
 * αₜ = rate · e^(−t / steps): falls to 37% in `steps` steps.
 *
 * A geometric series: Σα² converges, but so does Σα, to less than rate · (steps + 1), and training may end before the minimum.
 *
 * @throws {OptionError} if an option is out of range.
 */
export function exponentialDecay(options: { rate: number; steps: number }): KnownSchedule {
  const { rate, steps } = options;
  checkRate(rate, "exponentialDecay");
  checkSteps(steps, "exponentialDecay: steps");
  return known((step) => rate * Math.exp(-step / steps), SUMMABLE);
}

/**
 * αₜ = rate / (1 + t / steps): halves in `steps` steps.
 *
 * In the end αₜ ≈ rate · steps / t: Σα diverges like log t and Σα² converges like Σ1/t². It meets both conditions.
 *
 * @throws {OptionError} if an option is out of range.
 * @see Robbins, Monro, "A stochastic approximation method", 1951.
 */
export function inverseTimeDecay(options: { rate: number; steps: number }): KnownSchedule {
  const { rate, steps } = options;
  checkRate(rate, "inverseTimeDecay");
  checkSteps(steps, "inverseTimeDecay: steps");
  return known(
    (step) => rate / (1 + step / steps),
    { sumDiverges: rate > 0, squaresConverge: true },
  );
}

/**
 * αₜ = minimum + (rate − minimum) · (1 + cos(π · min(t, steps) / steps)) / 2.
 *
 * From step `steps` on it is `minimum`: 0 leaves finite sums of finitely many terms, and more makes both diverge.
 *
 * @throws {OptionError} if an option is out of range.
 * @see Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.
 */
export function cosineDecay(
  options: { rate: number; steps: number; /** Default 0. */ minimum?: number },
): KnownSchedule {
  const { rate, steps, minimum = 0 } = options;
  checkRate(rate, "cosineDecay");
  checkSteps(steps, "cosineDecay: steps");
  checkNumber(minimum, "cosineDecay: minimum", { min: 0, max: rate });
  return known((step) => {
    const progress = Math.min(step, steps) / steps;
    return minimum + (rate - minimum) * (1 + Math.cos(Math.PI * progress)) / 2;
  }, endsAt(minimum));
}

/**
 * αₜ = (t + 1) / steps · schedule(0) for t < steps, then schedule(t − steps).
 *
 * Finitely many steps change no convergence: it meets the conditions that the schedule meets, and knows no more than that does.
 *
 * @throws {OptionError} if steps is no whole number of at least 1.
 * @see Goyal et al., "Accurate, large minibatch SGD", 2017.
 */
export function warmUp(steps: number, schedule: Schedule): Schedule {
  checkNumber(steps, "warmUp: steps", { min: 1, integer: true });
  const rising = (step: number) =>
    step < steps ? (step + 1) / steps * schedule(0) : schedule(step - steps);
  return schedule.robbinsMonro === undefined ? rising : known(rising, schedule.robbinsMonro);
}

/** Both sums are finite. */
const SUMMABLE: RobbinsMonro = { sumDiverges: false, squaresConverge: true };

/** A schedule that stays at this rate from some step on. */
function endsAt(rate: number): RobbinsMonro {
  return { sumDiverges: rate > 0, squaresConverge: rate === 0 };
}

/** The function with what is known of its sums. */
function known(rateAt: (step: number) => number, robbinsMonro: RobbinsMonro): KnownSchedule {
  return Object.assign(rateAt, { robbinsMonro });
}

function checkRate(rate: number, what: string): void {
  checkNumber(rate, `${what}: rate`, { min: 0 });
}

function checkSteps(steps: number, what: string): void {
  // Not infinite: that would be a constant rate, whose sums are others.
  checkNumber(steps, what, { min: 0, exclusiveMin: true, max: Number.MAX_VALUE });
}
