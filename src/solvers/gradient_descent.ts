/**
 * Gradient descent on the objective of logistic regression.
 *
 * @module
 */

import { Random } from "../random.ts";
import { backtrack } from "./line_search.ts";
import type { Examples } from "./logistic_examples.ts";
import type { GradientDescentOptions, LogisticReason } from "./logistic_options.ts";
import type { Products } from "./logistic_products.ts";
import type { LogisticRun, StepReport } from "./logistic_run.ts";

/** Rounds of the power iteration, and the relative change below which it ends. */
const MOST_ROUNDS = 100;
const ENOUGH = 1e-3;

/** w ← w − rate · ∇f. Two passes an iteration. */
export async function gradientDescent(
  run: LogisticRun,
  { rate = "backtracking" }: GradientDescentOptions,
): Promise<LogisticReason> {
  const { objective } = run;
  const fixed = rate === "lipschitz"
    ? 1 / await lipschitz(objective.examples, objective.products, objective.l2)
    : rate === "backtracking"
    ? undefined
    : rate;
  let step = 0.5; // twice this is tried first
  run.methodBytes = 16 * objective.logits.length; // the direction's logits and those along the line
  for (let report: StepReport = {};;) {
    const gradient = await objective.gradient();
    const reason = run.record(gradient, report, fixed !== undefined);
    if (reason !== undefined) return reason;
    const line = await objective.line({
      weights: gradient.weights.map((value) => -value),
      bias: gradient.bias.map((value) => -value),
    });
    const found = fixed ?? backtrack(line, 2 * step);
    if (found === undefined) return run.end("precision");
    line.move(step = found);
    report = { step };
  }
}

/**
 * A bound of the Lipschitz constant of ∇f: c · λ + l2, with λ the largest eigenvalue of 1/n · [X 1]ᵀ[X 1], by power iteration,
 * and c = 1/4 for two classes and 1/2 for more, the largest eigenvalues of diag(p) − ppᵀ.
 *
 * The iteration gives λ from below; 5% are added, more than its relative error where it ends.
 */
async function lipschitz(examples: Examples, products: Products, l2: number): Promise<number> {
  const { features: d, length: n, outputs } = examples;
  const random = new Random(0);
  let v = Float64Array.from({ length: d }, () => random.normal());
  let bias = random.normal();
  let lambda = 0;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const length = Math.sqrt(v.reduce((sum, value) => sum + value * value, bias * bias));
    if (length === 0) break;
    v = v.map((value) => Math.fround(value / length));
    bias /= length;
    const z = await products.forward(v);
    for (let i = 0; i < n; i++) z[i] = (z[i]! + bias) / n;
    const before = lambda;
    lambda = n * z.reduce((sum, value) => sum + value * value, 0);
    if (lambda - before <= ENOUGH * lambda) break;
    v = Float64Array.from(await products.backward(z));
    bias = z.reduce((sum, value) => sum + value, 0);
  }
  return 1.05 * (outputs === 1 ? 1 / 4 : 1 / 2) * lambda + l2;
}
