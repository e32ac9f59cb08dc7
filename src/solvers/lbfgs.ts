/**
 * L-BFGS on the objective of logistic regression.
 *
 * @module
 */

import { wolfeStep } from "./line_search.ts";
import type { LbfgsOptions, LogisticReason } from "./logistic_options.ts";
import { dot, type Point } from "./logistic_objective.ts";
import type { LogisticRun, StepReport } from "./logistic_run.ts";

/** A change of the point, and that of the gradient with it. */
interface Change {
  readonly s: Float64Array;
  readonly y: Float64Array;
  /** 1 / s·y */
  readonly rho: number;
}

/**
 * w ← w − t · B∇f, with B made of the last changes of point and gradient by the two-loop recursion, and t by Wolfe's conditions.
 * Two passes an iteration, however long the line search is.
 *
 * @see J. Nocedal, "Updating quasi-Newton matrices with limited storage", Mathematics of Computation 35, 1980
 */
export async function lbfgs(
  run: LogisticRun,
  { history = 10 }: LbfgsOptions,
): Promise<LogisticReason> {
  const { objective } = run;
  const { point } = objective;
  const changes: Change[] = [];
  const unknowns = point.weights.length + point.bias.length;
  run.methodBytes = 16 * history * unknowns + 16 * objective.logits.length;
  let gradient = flatten(await objective.gradient(), unknowns);
  for (let report: StepReport = {};;) {
    const reason = run.record(split(gradient, point), report);
    if (reason !== undefined) return reason;
    const line = await objective.line(split(direction(gradient, changes), point));
    // Without a history the direction has the length of the gradient, which says little of the step.
    const t = wolfeStep(line, changes.length > 0 ? 1 : 1 / Math.max(1, norm(gradient)));
    if (t === undefined && changes.length > 0) {
      changes.length = 0; // once more, along the gradient
      report = { step: 0, note: "the history was dropped: its direction did not descend" };
      continue;
    }
    if (t === undefined) return run.end("precision");
    const before = flatten(point, unknowns);
    line.move(t);
    const s = flatten(point, unknowns).map((value, i) => value - before[i]!);
    const next = flatten(await objective.gradient(), unknowns);
    const y = next.map((value, i) => value - gradient[i]!);
    const product = dot(s, y);
    if (product > 0) changes.push({ s, y, rho: 1 / product });
    if (changes.length > history) changes.shift();
    gradient = next;
    report = { step: t };
  }
}

/** −B·g. */
function direction(g: Float64Array, changes: readonly Change[]): Float64Array {
  const q = g.map((value) => -value);
  const alphas = new Float64Array(changes.length);
  for (let i = changes.length - 1; i >= 0; i--) {
    const { s, y, rho } = changes[i]!;
    alphas[i] = rho * dot(s, q);
    addScaled(q, y, -alphas[i]!);
  }
  const last = changes.at(-1);
  if (last !== undefined) {
    const scale = 1 / (last.rho * dot(last.y, last.y));
    for (let j = 0; j < q.length; j++) q[j]! *= scale;
  }
  changes.forEach(({ s, y, rho }, i) => addScaled(q, s, alphas[i]! - rho * dot(y, q)));
  return q;
}

function addScaled(target: Float64Array, values: Float64Array, factor: number): void {
  for (let j = 0; j < target.length; j++) target[j]! += factor * values[j]!;
}

function norm(values: Float64Array): number {
  return Math.sqrt(dot(values, values));
}

function flatten({ weights, bias }: Point, length: number): Float64Array {
  const values = new Float64Array(length);
  values.set(weights);
  values.set(bias, weights.length);
  return values;
}

function split(values: Float64Array, { weights }: Point): Point {
  return { weights: values.slice(0, weights.length), bias: values.slice(weights.length) };
}
