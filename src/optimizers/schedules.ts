/**
 * Learning rates as functions of the step.
 *
 * @module
 */

import { checkNumber } from "../options.ts";

/** The learning rate at a step; steps count from 0. */
export type Schedule = (step: number) => number;

/**
 * αₜ = rate.
 *
 * @param rate At least 0.
 */
export function constantRate(rate: number): Schedule {
  checkRate(rate, "constantRate");
  return () => rate;
}

/**
 * αₜ = rate · factor^⌊t / every⌋.
 *
 * @throws {OptionError} if an option is out of range.
 */
export function stepDecay(
  options: {
    rate: number; /** Steps between drops. */
    every: number; /** 0 < factor ≤ 1. */
    factor: number;
  },
): Schedule {
  const { rate, every, factor } = options;
  checkRate(rate, "stepDecay");
  checkSteps(every, "stepDecay: every");
  checkNumber(factor, "stepDecay: factor", { min: 0, exclusiveMin: true, max: 1 });
  return (step) => rate * factor ** Math.floor(step / every);
}

/**
 * αₜ = rate · e^(−t / steps): falls to 37% in `steps` steps.
 *
 * @throws {OptionError} if an option is out of range.
 */
export function exponentialDecay(options: { rate: number; steps: number }): Schedule {
  const { rate, steps } = options;
  checkRate(rate, "exponentialDecay");
  checkSteps(steps, "exponentialDecay: steps");
  return (step) => rate * Math.exp(-step / steps);
}

/**
 * αₜ = rate / (1 + t / steps): halves in `steps` steps; Σα diverges and Σα² converges.
 *
 * @throws {OptionError} if an option is out of range.
 * @see Robbins, Monro, "A stochastic approximation method", 1951.
 */
export function inverseTimeDecay(options: { rate: number; steps: number }): Schedule {
  const { rate, steps } = options;
  checkRate(rate, "inverseTimeDecay");
  checkSteps(steps, "inverseTimeDecay: steps");
  return (step) => rate / (1 + step / steps);
}

/**
 * αₜ = minimum + (rate − minimum) · (1 + cos(π · min(t, steps) / steps)) / 2.
 *
 * @throws {OptionError} if an option is out of range.
 * @see Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.
 */
export function cosineDecay(
  options: { rate: number; steps: number; /** Default 0. */ minimum?: number },
): Schedule {
  const { rate, steps, minimum = 0 } = options;
  checkRate(rate, "cosineDecay");
  checkSteps(steps, "cosineDecay: steps");
  checkNumber(minimum, "cosineDecay: minimum", { min: 0, max: rate });
  return (step) => {
    const progress = Math.min(step, steps) / steps;
    return minimum + (rate - minimum) * (1 + Math.cos(Math.PI * progress)) / 2;
  };
}

/**
 * αₜ = (t + 1) / steps · schedule(0) for t < steps, then schedule(t − steps).
 *
 * @throws {OptionError} if steps is no whole number of at least 1.
 * @see Goyal et al., "Accurate, large minibatch SGD", 2017.
 */
export function warmUp(steps: number, schedule: Schedule): Schedule {
  checkNumber(steps, "warmUp: steps", { min: 1, integer: true });
  return (step) => step < steps ? (step + 1) / steps * schedule(0) : schedule(step - steps);
}

function checkRate(rate: number, what: string): void {
  checkNumber(rate, `${what}: rate`, { min: 0 });
}

function checkSteps(steps: number, what: string): void {
  checkNumber(steps, what, { min: 0, exclusiveMin: true });
}
