/**
 * Puts a comparison of solvers into words and tables. Every word follows from a measured number.
 *
 * @module
 */

import { formatTable, type SolverComparison, type SolverComparisons } from "../mod.ts";

const NAMES: Record<string, string> = {
  gradientDescent: "Gradient descent",
  newton: "Newton",
  coordinateDescent: "Coordinate descent",
  lbfgs: "L-BFGS",
  sgd: "SGD",
};

/** What the columns of the first table mean. */
const LEGEND = `Minimum: f is convex; reached, or how far from f* it ended: (f − f*) / f*.
Memory: what it keeps besides the examples x, and as a share of x.
Speed: the factor of f − f* in an iteration from 1e-2 on; fast below 0.1, slow
above 0.8.
Good rates: of 0.01, 0.1, 1, 10, 100 times its rate, those with which it comes
to 1e-2 in at most ten times the passes of the best.`;

/** The lecture's table, and the numbers behind it. */
export function formatComparison({ rows, optimum }: SolverComparisons, dataBytes: number): string {
  const words = formatTable(
    rows.map((row) => [
      nameOf(row),
      minimumOf(row),
      `${amount(row.stateBytes)}, ${percent(row.stateBytes / dataBytes)}`,
      speedOf(row),
      sensitivityOf(row),
    ]),
    ["Method", "Minimum", "Memory", "Speed", "Good rates"].map((heading) => ({ heading })),
  );
  const right = (heading: string) => ({ heading, align: "right" as const });
  const numbers = formatTable(
    rows.flatMap((row) =>
      row.reached.map(({ accuracy, iterations, passes, milliseconds, bytes }, i) => [
        i === 0 ? nameOf(row) : "",
        accuracy.toExponential(0),
        ...(iterations === undefined
          ? ["–", "–", "–", "–"]
          : [iterations, passes!, milliseconds!.toFixed(0), amount(bytes!)]),
      ])
    ),
    [
      { heading: "Method" },
      ...["(f − f*) / f*", "Iterations", "Passes", "ms", "Read"].map(right),
    ],
  );
  return `f* = ${optimum}\n\n${words}\n\n${LEGEND}\n\n${numbers}`;
}

function nameOf({ options }: SolverComparison): string {
  return NAMES[options.solver]!;
}

/** Whether the optimum was reached, as far as 10⁻⁶. */
function minimumOf({ gap, reached }: SolverComparison): string {
  return reached.at(-1)!.passes === undefined ? `within ${gap.toExponential(0)}` : "reached";
}

/** The factor by which an iteration comes nearer, between 10⁻² and the best accuracy that was reached. */
function speedOf({ reached }: SolverComparison): string {
  const [first, ...later] = reached.filter(({ iterations }) => iterations !== undefined);
  const last = later.at(-1);
  if (first === undefined || last === undefined) {
    return `above ${reached[first === undefined ? 0 : 1]!.accuracy.toExponential(0)}`;
  }
  const iterations = last.iterations! - first.iterations!;
  const factor = (last.accuracy / first.accuracy) ** (1 / Math.max(1, iterations));
  const speed = factor < 0.1 ? "fast" : factor <= 0.8 ? "steady" : "slow";
  return `${speed}, × ${factor.toPrecision(2)}`;
}

/** The rates that come to 10⁻² in at most ten times the passes of the best. */
function sensitivityOf({ rates }: SolverComparison): string {
  if (rates.length === 0) return "needs none";
  const best = Math.min(...rates.map(({ passes }) => passes ?? Infinity));
  const good = rates.filter(({ passes }) => passes !== undefined && passes <= 10 * best);
  return good.length === 0 ? "none" : `× ${good.map(({ factor }) => factor).join(", ")}`;
}

function amount(bytes: number): string {
  const [unit, size] = bytes < 1e6 ? ["kB", 1e3] : ["MB", 1e6];
  return `${bytes / size < 10 ? (bytes / size).toFixed(1) : Math.round(bytes / size)} ${unit}`;
}

function percent(share: number): string {
  return `${share < 0.1 ? (100 * share).toPrecision(1) : Math.round(100 * share)}%`;
}
