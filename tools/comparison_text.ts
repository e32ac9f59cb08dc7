/**
 * Puts comparisons of solvers into words and tables. Every word follows from a measured number.
 *
 * @module
 */

import {
  type ComparedOptimizer,
  formatTable,
  type LogisticSolverName,
  type OptimizerComparison,
  type OptimizerComparisons,
  type RateTrial,
  type ReachedAccuracy,
  type SolverComparison,
  type SolverComparisons,
} from "../mod.ts";

/** What methods are called in tables and pictures. */
export const METHOD_NAMES: Record<LogisticSolverName | ComparedOptimizer, string> = {
  gradientDescent: "Gradient descent",
  newton: "Newton",
  coordinateDescent: "Coordinate descent",
  lbfgs: "L-BFGS",
  sgd: "SGD",
  saga: "SAGA",
  momentum: "Momentum",
  adam: "Adam",
};

const LOGISTIC_LEGEND = `Minimum: f is convex; reached, or how far from f* it ended: (f − f*) / f*.
Memory: what it keeps besides the examples x, and as a share of x.
Speed: the factor of f − f* in an iteration from 1e-2 on; fast below 0.1, slow
above 0.8.
Good rates: of 0.01, 0.1, 1, 10, 100 times its rate, those with which it comes
to 1e-2 in at most ten times the passes of the best.`;

const NETWORK_LEGEND =
  `Minimum: f is not convex, but not below 0, so f / f₀ bounds the distance to the
global minimum; global below 1e-2. Spread: the largest by the least of three
ends, from other weights; several minima where they differ by more than a tenth.
Memory: gradients, the optimiser's memory, outputs of a batch; share of x.
Speed: the factor of f in a pass, over all; fast below 0.8, slow above 0.95.
Good rates: of 0.01, 0.1, 1, 10, 100 times the usual rate, those with which it
comes to 1e-1 in at most ten times the passes of the best.`;

/** The lecture's table for logistic regression, and the numbers behind it. */
export function formatLogistic({ rows, optimum }: SolverComparisons, dataBytes: number): string {
  const words = formatTable(
    rows.map((row) => [
      METHOD_NAMES[row.options.solver],
      row.reached.at(-1)!.passes === undefined ? `within ${power(row.gap)}` : "reached",
      formatMemory(row.stateBytes, dataBytes),
      speedOfSolver(row),
      row.rates.length === 0 ? "needs none" : goodRates(row.rates),
    ]),
    ["Method", "Minimum", "Memory", "Speed", "Good rates"].map((heading) => ({ heading })),
  );
  const numbers = formatReached(
    "(f − f*) / f*",
    rows.map(({ options, reached }) => [METHOD_NAMES[options.solver], reached]),
  );
  return `f* = ${optimum}\n\n${words}\n\n${LOGISTIC_LEGEND}\n\n${numbers}`;
}

/** The lecture's table for a network, and the numbers behind it. */
export function formatNetwork(comparisons: OptimizerComparisons, dataBytes: number): string {
  const { rows, start, parameters, newtonBytes } = comparisons;
  const words = formatTable(
    [
      ...rows.map((row) => [
        METHOD_NAMES[row.method],
        minimumOfNetwork(row, start),
        formatMemory(row.stateBytes, dataBytes),
        speedOfNetwork(row),
        goodRates(row.rates),
      ]),
      ["Newton", "not run", formatMemory(newtonBytes, dataBytes), "–", "needs none"],
    ],
    ["Method", "Minimum", "Memory", "Speed", "Good rates"].map((heading) => ({ heading })),
  );
  const numbers = formatReached(
    "f / f₀",
    rows.map((row) => [
      `${METHOD_NAMES[row.method]}, ${row.batchSize} a step, rate ${
        Number(row.rate.toPrecision(2))
      }`,
      row.reached,
    ]),
  );
  return `f₀ = ${start.toPrecision(5)}\n\n${words}\n
Newton is not run: the Hessian of ${parameters} parameters has ${parameters}² numbers of
8 bytes, ${amount(newtonBytes)}, and to factorise it takes ${
    (parameters ** 3 / 3).toExponential(1)
  } multiply-adds a step.

${NETWORK_LEGEND}\n\n${numbers}`;
}

/** What each method took to each accuracy. */
function formatReached(
  distance: string,
  rows: readonly (readonly [name: string, reached: readonly ReachedAccuracy[]])[],
): string {
  const right = (heading: string) => ({ heading, align: "right" as const });
  return formatTable(
    rows.flatMap(([name, reached]) =>
      asFarAsReached(reached).map(({ accuracy, iterations, passes, milliseconds, bytes }, i) => [
        i === 0 ? name : "",
        power(accuracy),
        ...(iterations === undefined
          ? ["–", "–", "–", "–"]
          : [iterations, passes!, milliseconds!.toFixed(0), amount(bytes!)]),
      ])
    ),
    [{ heading: "Method" }, ...[distance, "Iterations", "Passes", "ms", "Read"].map(right)],
  );
}

/** The accuracies that were reached, and the first that was not. */
function asFarAsReached(reached: readonly ReachedAccuracy[]): readonly ReachedAccuracy[] {
  return reached.slice(0, 1 + reached.filter(({ passes }) => passes !== undefined).length);
}

/** The factor by which an iteration comes nearer, between 10⁻² and the best accuracy that was reached. */
function speedOfSolver({ reached }: SolverComparison): string {
  const [first, ...later] = reached.filter(({ iterations }) => iterations !== undefined);
  const last = later.at(-1);
  if (first === undefined || last === undefined) {
    return `above ${power(reached[first === undefined ? 0 : 1]!.accuracy)}`;
  }
  const iterations = last.iterations! - first.iterations!;
  const factor = (last.accuracy / first.accuracy) ** (1 / Math.max(1, iterations));
  return `${factor < 0.1 ? "fast" : factor <= 0.8 ? "steady" : "slow"}, × ${factor.toPrecision(2)}`;
}

function minimumOfNetwork({ curve, ends }: OptimizerComparison, start: number): string {
  const finite = ends.filter(Number.isFinite);
  if (finite.length === 0) return "diverged";
  const share = curve.at(-1)!.gap;
  const spread = Math.max(...finite) / Math.min(...finite);
  const word = share < 1e-2 ? "global" : spread > 1.1 ? "several" : "unknown";
  return `${word}, ${(share * start).toPrecision(2)}, spread ${spread.toPrecision(2)}`;
}

/** The factor of the loss in a pass, over all passes. */
function speedOfNetwork({ curve }: OptimizerComparison): string {
  const { gap, passes } = curve.at(-1)!;
  if (!(passes > 0 && Number.isFinite(gap))) return "diverged";
  const factor = gap ** (1 / passes);
  return `${factor < 0.8 ? "fast" : factor <= 0.95 ? "steady" : "slow"}, × ${
    factor.toPrecision(2)
  }`;
}

/** The rates that come to the first accuracy in at most ten times the passes of the best. */
function goodRates(rates: readonly RateTrial[]): string {
  const best = Math.min(...rates.map(({ passes }) => passes ?? Infinity));
  const good = rates.filter(({ passes }) => passes !== undefined && passes <= 10 * best);
  return good.length === 0 ? "none" : `× ${good.map(({ factor }) => factor).join(", ")}`;
}

function formatMemory(bytes: number, dataBytes: number): string {
  return `${amount(bytes)}, ${percent(bytes / dataBytes)}`;
}

function power(value: number): string {
  return value.toExponential(0);
}

function amount(bytes: number): string {
  const [unit, size] = bytes < 1e6 ? ["kB", 1e3] : bytes < 1e9 ? ["MB", 1e6] : ["GB", 1e9];
  return `${bytes / size < 10 ? (bytes / size).toFixed(1) : Math.round(bytes / size)} ${unit}`;
}

function percent(share: number): string {
  if (share >= 10) return `${Math.round(share)} times`;
  return `${share < 0.1 ? (100 * share).toPrecision(1) : Math.round(100 * share)}%`;
}
