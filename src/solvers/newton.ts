/**
 * Newton's method on the objective of logistic regression.
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import { cholesky, solveCholesky } from "./cholesky.ts";
import { backtrack } from "./line_search.ts";
import type { LogisticReason } from "./logistic_options.ts";
import { type LogisticObjective, type Point, probabilities } from "./logistic_objective.ts";
import type { LogisticRun, StepReport } from "./logistic_run.ts";

/** The Hessian of so many unknowns takes 128 MiB in float64, and its factor as much. */
const MOST_UNKNOWNS = 4096;

/**
 * w ← w − t · H⁻¹∇f, with t = 1 or halved until f descends. Four passes an iteration.
 *
 * Where H is singular, a ridge is added to its diagonal, and the trace says so: a share of each diagonal element, ten times
 * larger until the factors of Cholesky exist. The step then still descends.
 *
 * @throws {OptionError} if there are more than 4,096 unknowns.
 */
export async function newton(run: LogisticRun): Promise<LogisticReason> {
  const { objective } = run;
  const { outputs, features: d } = objective.examples;
  const unknowns = outputs * (d + 1);
  if (unknowns > MOST_UNKNOWNS) {
    throw new OptionError(
      `solveLogistic: solver "newton" keeps a Hessian of ${unknowns} × ${unknowns}; expected at most ` +
        `${MOST_UNKNOWNS} unknowns; use "lbfgs", which keeps a few vectors`,
    );
  }
  const pairs = outputs * (outputs + 1) / 2;
  run.methodBytes = 8 * (2 * unknowns ** 2 + (pairs + 2) * objective.logits.length / outputs);
  for (let report: StepReport = {};;) {
    const gradient = await objective.gradient();
    const reason = run.record(gradient, report);
    if (reason !== undefined) return reason;
    const { step: p, note } = newtonStep(
      await hessian(objective),
      gradient,
      objective.products.gramError,
    );
    const line = await objective.line(p);
    const t = backtrack(line);
    if (t === undefined) return run.end("precision");
    line.move(t);
    report = { step: t, ...(note === undefined ? {} : { note }) };
  }
}

/**
 * The Hessian: of outputs k and l, [X 1]ᵀ·diag(p_k (δ_kl − p_l) / n)·[X 1], and l2 on the diagonal of the weights.
 *
 * More than two classes can all be moved alike without a change of the probabilities: of the biases always, of weights if l2
 * is 0. H is zero there, as is the gradient; the mean over the outputs is given a curvature, which changes no step otherwise.
 *
 * @returns Unknowns in the order of each output's weights and bias. Shape: [outputs · (d + 1), the same].
 */
async function hessian(objective: LogisticObjective): Promise<Float64Array> {
  const { examples, products, l2 } = objective;
  const { outputs, features: d, length: n } = examples;
  const p = probabilities(examples, objective.logits);
  const size = outputs * (d + 1);
  const h = new Float64Array(size * size);
  const curvatures: Float64Array[] = [];
  for (let k = 0; k < outputs; k++) {
    for (let l = 0; l <= k; l++) {
      // Negative off the diagonal; the products take weights of one sign.
      const factor = k === l ? 1 / n : -1 / n;
      curvatures.push(Float64Array.from(
        { length: n },
        (_, i) => Math.abs(factor) * p[k * n + i]! * (k === l ? 1 - p[k * n + i]! : p[l * n + i]!),
      ));
    }
  }
  const grams = await products.gram(curvatures);
  const flat = new Float64Array(curvatures.length * n);
  curvatures.forEach((values, at) => flat.set(values, at * n));
  const columns = await products.backward(flat);
  for (let k = 0, at = 0; k < outputs; k++) {
    for (let l = 0; l <= k; l++, at++) {
      const sign = k === l ? 1 : -1;
      const put = (a: number, b: number, value: number) => {
        const [i, j] = [k * (d + 1) + a, l * (d + 1) + b];
        h[i * size + j] = h[j * size + i] = sign * value;
      };
      const gram = grams[at]!;
      for (let a = 0; a < d; a++) {
        for (let b = 0; b < d; b++) put(a, b, gram[a * d + b]!);
        put(a, d, columns[at * d + a]!);
        put(d, a, columns[at * d + a]!);
      }
      put(d, d, curvatures[at]!.reduce((sum, value) => sum + value, 0));
    }
  }
  for (let k = 0; k < outputs; k++) {
    for (let a = 0; a < d; a++) h[(k * (d + 1) + a) * (size + 1)]! += l2;
  }
  if (outputs > 1) fixMeans(h, outputs, d, l2 > 0 ? d : 0);
  return h;
}

/** Gives the mean over outputs a curvature, for the unknowns from `first` to the bias. */
function fixMeans(h: Float64Array, outputs: number, d: number, first: number): void {
  const size = outputs * (d + 1);
  for (let a = first; a <= d; a++) {
    let curvature = 0;
    for (let k = 0; k < outputs; k++) curvature += h[(k * (d + 1) + a) * (size + 1)]! / outputs;
    for (let k = 0; k < outputs; k++) {
      for (let l = 0; l < outputs; l++) {
        h[(k * (d + 1) + a) * size + l * (d + 1) + a]! += curvature / outputs;
      }
    }
  }
}

/** −(H + ridge)⁻¹ · gradient. */
function newtonStep(
  h: Float64Array,
  { weights, bias }: Point,
  error: number,
): { step: Point; note?: string } {
  const size = Math.sqrt(h.length);
  const d = weights.length / bias.length;
  const at = (k: number, a: number) => k * (d + 1) + a;
  const g = new Float64Array(size);
  bias.forEach((value, k) => {
    for (let a = 0; a < d; a++) g[at(k, a)] = -weights[k * d + a]!;
    g[at(k, d)] = -value;
  });
  let share = 0;
  let factor = cholesky(h, size, error);
  const diagonal = Float64Array.from({ length: size }, (_, i) => h[i * (size + 1)]!);
  const largest = diagonal.reduce((most, value) => Math.max(most, value), Number.MIN_VALUE);
  while (factor === undefined && share < 1) {
    share = share === 0 ? 8 * error : 10 * share;
    const raised = Float64Array.from(h);
    // An element of 0, as of a feature that is always 0, needs a ridge of its own.
    diagonal.forEach((value, i) => raised[i * (size + 1)]! += share * (value || largest));
    factor = cholesky(raised, size, error);
  }
  const x = factor === undefined ? g : solveCholesky(factor, g);
  const step = {
    weights: weights.map((_, i) => x[at(Math.floor(i / d), i % d)]!),
    bias: bias.map((_, k) => x[at(k, d)]!),
  };
  if (share === 0) return { step };
  const note = factor === undefined
    ? "a gradient step: the Hessian has no factors of Cholesky"
    : `a ridge of ${share.toExponential(1)} of its diagonal was added to a singular Hessian`;
  return { step, note };
}
