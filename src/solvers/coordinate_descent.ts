/**
 * Coordinate descent on the objective of logistic regression.
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import type { LogisticReason } from "./logistic_options.ts";
import type { LogisticObjective } from "./logistic_objective.ts";
import type { LogisticRun } from "./logistic_run.ts";

/** How far a weight may move the first time that it is visited. */
const FIRST_REACH = 1;

/**
 * One weight after the other is moved to the minimum of a parabola that lies above f as far as the weight may move, so that
 * f never grows; with l1, by the soft threshold. An iteration visits all weights, in float64 on the CPU.
 *
 * The parabola's curvature is that of f, each p(1 − p) replaced by its largest value within reach. The reach of a weight is twice
 * its last move, or half its last reach if that is more.
 *
 * @throws {OptionError} if the examples are a stream.
 * @see A. Genkin, D. D. Lewis and D. Madigan, "Large-scale Bayesian logistic regression for text categorization", Technometrics 49, 2007
 */
export async function coordinateDescent(run: LogisticRun): Promise<LogisticReason> {
  const { objective } = run;
  const { examples } = objective;
  if (examples.x === undefined) {
    throw new OptionError(
      `solveLogistic: batches: solver "coordinateDescent" reads a column at a time, and a stream has only rows; expected x`,
    );
  }
  const { length: n, features: d, outputs } = examples;
  const columns = transpose(examples.x, n, d);
  const reaches = new Float64Array(outputs * (d + 1)).fill(FIRST_REACH);
  run.methodBytes = columns.byteLength + reaches.byteLength + 24 * n;
  for (;;) {
    const gradient = await run.aside(() => objective.gradient());
    const reason = run.record(gradient);
    if (reason !== undefined) return reason;
    examples.passes++;
    for (let k = 0; k < outputs; k++) {
      visitOutput(objective, columns, k, reaches.subarray(k * (d + 1), (k + 1) * (d + 1)));
    }
  }
}

/**
 * All weights of one output. The others' logits do not change meanwhile, so the output is a problem of two classes whose
 * logits are m = z − log Σ exp(the others' z).
 */
function visitOutput(
  { examples, point, logits, l1, l2 }: LogisticObjective,
  columns: Float32Array,
  k: number,
  reaches: Float64Array,
): void {
  const { length: n, features: d, outputs, labels } = examples;
  const z = logits.subarray(k * n, (k + 1) * n);
  const margins = marginsOf(logits, k, n, outputs);
  const targets = Uint8Array.from(labels, (label) => label === (outputs === 1 ? 1 : k) ? 1 : 0);
  const ones = new Float32Array(n).fill(1);
  for (let j = 0; j <= d; j++) {
    const isBias = j === d;
    const column = isBias ? ones : columns.subarray(j * n, (j + 1) * n);
    const before = isBias ? point.bias[k]! : point.weights[k * d + j]!;
    const reach = reaches[j]!;
    let { slope, curvature } = parabola(column, margins, targets, reach);
    if (!isBias) {
      slope += l2 * before;
      curvature += l2;
    }
    if (curvature === 0) continue;
    const wanted = softThreshold(curvature * before - slope, isBias ? 0 : l1) / curvature;
    const step = Math.min(reach, Math.max(-reach, wanted - before));
    reaches[j] = Math.max(2 * Math.abs(step), reach / 2);
    if (step === 0) continue;
    // The threshold's zero, not what rounding leaves of it.
    const after = step === wanted - before ? wanted : before + step;
    if (isBias) point.bias[k] = after;
    else point.weights[k * d + j] = after;
    for (let i = 0; i < n; i++) {
      const change = step * column[i]!;
      z[i]! += change;
      margins[i]! += change;
    }
  }
}

/** The slope of the mean loss along a weight, and the largest curvature within its reach. */
function parabola(
  column: Float32Array,
  margins: Float64Array,
  targets: Uint8Array,
  reach: number,
): { slope: number; curvature: number } {
  const n = column.length;
  let largest = 0;
  for (let i = 0; i < n; i++) largest = Math.max(largest, Math.abs(column[i]!));
  const change = Math.exp(reach * largest); // of exp(margin), at most
  let slope = 0;
  let curvature = 0;
  for (let i = 0; i < n; i++) {
    const x = column[i]!;
    if (x === 0) continue;
    const e = Math.exp(-Math.abs(margins[i]!));
    const less = e / (1 + e); // the smaller of p and 1 − p
    const positive = margins[i]! >= 0;
    if (targets[i] === 1) slope -= x * (positive ? less : 1 - less);
    else slope += x * (positive ? 1 - less : less);
    const near = e * change;
    curvature += x * x * (near < 1 ? near / (1 + near) ** 2 : 1 / 4);
  }
  return { slope: slope / n, curvature: curvature / n };
}

function marginsOf(logits: Float64Array, k: number, n: number, outputs: number): Float64Array {
  const z = logits.slice(k * n, (k + 1) * n);
  if (outputs === 1) return z;
  return z.map((value, i) => {
    let largest = -Infinity;
    for (let l = 0; l < outputs; l++) {
      if (l !== k) largest = Math.max(largest, logits[l * n + i]!);
    }
    let sum = 0;
    for (let l = 0; l < outputs; l++) {
      if (l !== k) sum += Math.exp(logits[l * n + i]! - largest);
    }
    return value - largest - Math.log(sum);
  });
}

/** The value moved towards 0 by the threshold, and no further: the minimum of (w − value)² / 2 + threshold · |w|. */
export function softThreshold(value: number, threshold: number): number {
  return value > threshold ? value - threshold : value < -threshold ? value + threshold : 0;
}

function transpose(x: Float32Array, n: number, d: number): Float32Array {
  const columns = new Float32Array(n * d);
  for (let i = 0, at = 0; i < n; i++) {
    for (let j = 0; j < d; j++, at++) columns[j * n + i] = x[at]!;
  }
  return columns;
}
