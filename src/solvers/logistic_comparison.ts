/**
 * The lecture's comparison of solvers, measured: how far each comes on a problem of logistic regression, with how much data, time
 * and memory, and how much depends on the rate.
 *
 * @module
 */

import {
  type ConvergencePoint,
  leastGap,
  RATE_FACTORS,
  type RateTrial,
  reach,
  type ReachedAccuracy,
} from "../convergence.ts";
import { OptionError } from "../errors.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { checkKeys, checkNumber } from "../options.ts";
import { solveLogistic } from "./logistic.ts";
import type { LogisticFit, LogisticOptions, LogisticProblem } from "./logistic_options.ts";

/** Relative distances from the optimum at which a comparison looks. */
const ACCURACIES = [1e-2, 1e-4, 1e-6] as const;

/** Options of {@linkcode compareSolvers}. */
export interface ComparisonOptions {
  /** Most iterations of gradient descent, L-BFGS and coordinate descent. Default 2,000. */
  readonly maxIterations?: number;
  /** Most passes of SGD. Default 50. */
  readonly passes?: number;
  /** Orders the examples of SGD. Default 0. */
  readonly seed?: number;
}

/** One row of the comparison. */
export interface SolverComparison {
  /** The options it was run with. */
  readonly options: LogisticOptions;
  /** The state at the start and after each iteration; distances are (f − f*) / f*, never below 0. */
  readonly curve: readonly ConvergencePoint[];
  /** What it took to 10⁻², 10⁻⁴, 10⁻⁶. */
  readonly reached: readonly ReachedAccuracy[];
  /** The least (f − f*) / f* of its trace; 0 where only rounding is left. */
  readonly gap: number;
  /** Bytes that it keeps besides the examples. */
  readonly stateBytes: number;
  /** Rates of 1/100 to 100 times the method's own; empty if the method has none. */
  readonly rates: readonly RateTrial[];
}

/** All rows, and the optimum that they are compared with. */
export interface SolverComparisons {
  /** The least value that Newton's method found, at a tolerance of 10⁻¹⁰. */
  readonly optimum: number;
  /** Gradient descent, Newton, coordinate descent, L-BFGS, SGD. */
  readonly rows: readonly SolverComparison[];
}

/**
 * Runs gradient descent (with rate 1 / L), Newton's method, coordinate descent, L-BFGS and SGD on the same problem, and says what each
 * took to come within 10⁻², 10⁻⁴ and 10⁻⁶ of the optimum, and what becomes of those that have a rate if it is another.
 *
 * @throws {OptionError} as {@linkcode solveLogistic}; also if there is an l1, which only two solvers minimise, or the optimum is not found.
 *
 * @example
 * ```ts
 * import { compareSolvers, Gpu, Random } from "@strata/strata";
 *
 * await using gpu = await Gpu.open();
 * const random = new Random(1);
 * const x = Float32Array.from({ length: 400 }, () => random.normal());
 * const y = Array.from({ length: 200 }, (_, i) => x[2 * i]! + random.normal() > 0 ? 1 : 0);
 * const { rows } = await compareSolvers(gpu, { x, y, features: 2, l2: 1e-2 }, { passes: 10 });
 * for (const { options, reached } of rows) console.log(options.solver, reached.map((r) => r.passes));
 * ```
 */
export async function compareSolvers(
  gpu: Gpu,
  problem: LogisticProblem,
  options: ComparisonOptions = {},
): Promise<SolverComparisons> {
  checkKeys(options, "compareSolvers", ["maxIterations", "passes", "seed"]);
  const { maxIterations = 2000, passes = 50, seed = 0 } = options;
  checkNumber(maxIterations, "compareSolvers: maxIterations", { min: 1, integer: true });
  checkNumber(passes, "compareSolvers: passes", { min: 1, integer: true });
  if ((problem.l1 ?? 0) > 0) {
    throw new OptionError(`compareSolvers: l1: expected 0, as not all take it, got ${problem.l1}`);
  }
  const best = await solveLogistic(gpu, problem, { solver: "newton", tolerance: 1e-10 });
  if (!["tolerance", "precision"].includes(best.reason)) {
    throw new OptionError(
      `compareSolvers: Newton's method found no optimum to compare with: ${best.reason}`,
    );
  }
  const optimum = Math.min(...best.trace.map(({ objective }) => objective));
  const tolerance = 1e-9;
  const list: LogisticOptions[] = [
    { solver: "gradientDescent", rate: "lipschitz", tolerance, maxIterations },
    { solver: "newton", tolerance },
    { solver: "coordinateDescent", tolerance, maxIterations },
    { solver: "lbfgs", tolerance, maxIterations },
    { solver: "sgd", seed, tolerance, maxIterations: passes },
  ];
  const rows: SolverComparison[] = [];
  for (const row of list) {
    if (row.solver === "coordinateDescent" && "batches" in problem) continue;
    const fit = await solveLogistic(gpu, problem, row);
    const curve = curveOf(fit, optimum);
    rows.push({
      options: row,
      curve,
      reached: ACCURACIES.map((accuracy) => reach(curve, accuracy)),
      gap: leastGap(curve),
      stateBytes: fit.stateBytes,
      rates: await tryRates(gpu, problem, row, fit, optimum),
    });
  }
  return { optimum, rows };
}

function curveOf({ trace }: LogisticFit, optimum: number): ConvergencePoint[] {
  return trace.map(({ iteration, passes, milliseconds, bytes, objective }) => ({
    iterations: iteration,
    passes: passes - 1,
    milliseconds,
    bytes,
    gap: Math.max(0, (objective - optimum) / optimum),
  }));
}

/** The same method with its rate times a factor, where it has one. */
async function tryRates(
  gpu: Gpu,
  problem: LogisticProblem,
  options: LogisticOptions,
  { schedule, trace }: LogisticFit,
  optimum: number,
): Promise<RateTrial[]> {
  const { solver } = options;
  if (solver !== "gradientDescent" && solver !== "sgd") return [];
  const step = trace[1]?.step;
  if (step === undefined) return [];
  const trials: RateTrial[] = [];
  for (const factor of RATE_FACTORS) {
    const scaled = solver === "sgd"
      ? { ...options, rate: (step: number) => factor * schedule!(step) }
      : { ...options, rate: factor * step };
    const curve = curveOf(await solveLogistic(gpu, problem, scaled), optimum);
    trials.push({ factor, gap: leastGap(curve), passes: reach(curve, ACCURACIES[0]).passes });
  }
  return trials;
}
