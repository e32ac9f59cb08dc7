/**
 * Logistic regression by the lecture's solvers, behind one function.
 *
 * @module
 */

import type { Gpu } from "../gpu/gpu.ts";
import { coordinateDescent } from "./coordinate_descent.ts";
import { gradientDescent } from "./gradient_descent.ts";
import { lbfgs } from "./lbfgs.ts";
import { Examples } from "./logistic_examples.ts";
import { LogisticObjective } from "./logistic_objective.ts";
import {
  type BinaryLogisticFit,
  type BinaryLogisticProblem,
  checkLogisticOptions,
  type LogisticFit,
  type LogisticOptions,
  type LogisticProblem,
  type LogisticReason,
} from "./logistic_options.ts";
import { openProducts } from "./logistic_products_choice.ts";
import { LogisticRun } from "./logistic_run.ts";
import { newton } from "./newton.ts";
import { saga, stochasticGradient } from "./stochastic.ts";

/**
 * Minimises the objective of logistic regression, which is convex.
 *
 * f(w, b) = 1/n · Σ −log p(yᵢ | xᵢ) + l2 / 2 · |w|² + l1 · Σ|w|, with p(1 | x) = 1 / (1 + exp(−(w·x + b))) for two classes and
 * p = softmax(w·x + b) for more. The bias is not penalised. With p the vector of the probabilities of class 1, the gradient is
 * 1/n · Xᵀ(p − y) + l2 · w and the Hessian 1/n · Xᵀ·diag(p(1 − p))·X + l2 (the lecture prints them without the signs of the
 * negative log-likelihood).
 *
 * | solver | iteration | keeps | for |
 * |---|---|---|---|
 * | `gradientDescent` | w − rate · ∇f | vectors of n | well-conditioned data |
 * | `newton` | w − t · H⁻¹∇f, quadratic convergence | two matrices of unknowns² | up to 4,096 unknowns |
 * | `lbfgs` | w − t · B∇f | `history` changes | most problems |
 * | `coordinateDescent` | all weights, one by one | X by columns | l1 |
 * | `sgd` | all mini-batches | three vectors of weights | low accuracy, streams |
 * | `saga` | all examples, one by one | a residual for each example | l1, large n |
 *
 * Data: `x` and `y` in memory, or `batches`, a function that begins a pass over data that does not fit into memory; of a stream only the
 * labels and logits are kept, 4 and 8 bytes for each example and output. `coordinateDescent` and `saga` cannot take a stream.
 *
 * Where it is computed: products with X on a card, where they are large (see `products`), all else in float64 on the CPU; the
 * steps of coordinateDescent, sgd and saga on the CPU, being many and small. A line search needs no pass over the data: logits are linear in
 * the step.
 *
 * Accuracy: with products on the CPU, that of float64. On the GPU, logits are off by (features + 16) · 2⁻²⁴ · Σ|w||x| at most, and by
 * about 2⁻²⁴ · |z| as a rule, and so is the objective; gradients by about 10⁻⁸ · mean |x|, which is the least tolerance to
 * ask for. As the gradient is 0 at the optimum, the weights found are as good as in float64 up to the square of that.
 *
 * Ends with `reason` "tolerance"; "maxIterations"; "precision" where rounding hides further descent; "separable" where
 * l2 and l1 are 0 and every example lies on the side of its class: then larger weights are always better, and there is no optimum; or
 * "diverged" where the objective grows beyond bounds, the rate being too large.
 *
 * By default, `sgd` has the rate r / (1 + t / τ) at step t, with r = 1 / L of the largest L of an example, 1/4 (|x|² + 1) + l2 (1/2 for
 * more than two classes), and τ = 1 / (r · l2), or 5 passes where l2 is 0. With a constant rate, it ends in a noise of the
 * order of rate · L · (variance of its gradients) / (2 · l2).
 *
 * All but `newton` need features of about the same size, and few passes only where they are centred.
 *
 * Shape: x [n, features], y [n]: 0 or 1, or 0 … classes − 1 → weights [features], or [classes, features].
 *
 * The same call gives the same bits on the same adapter.
 *
 * @throws {OptionError} if an option is unknown or out of range, the solver cannot do what is asked, a label is no class, a number is not
 * finite, or there are no examples.
 * @throws {ShapeError} if lengths do not fit, or the passes of a stream differ.
 *
 * @example
 * ```ts
 * import { Gpu, solveLogistic } from "@strata/strata";
 *
 * await using gpu = await Gpu.open();
 * const x = new Float32Array([0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4]); // hours of study
 * const y = [0, 0, 1, 0, 1, 0, 1, 1]; // whether the exam was passed
 * const fit = await solveLogistic(gpu, { x, y, features: 1, l2: 1e-2 }, { solver: "newton" });
 * console.log(fit.reason, fit.iterations); // tolerance 4
 * const probability = (hours: number) => 1 / (1 + Math.exp(-(fit.weights[0]! * hours + fit.bias)));
 * console.log(probability(1) < 0.3, probability(4) > 0.7); // true true
 * ```
 */
export async function solveLogistic(
  gpu: Gpu,
  problem: BinaryLogisticProblem,
  options: LogisticOptions,
): Promise<BinaryLogisticFit>;
/** For any number of classes. */
export async function solveLogistic(
  gpu: Gpu,
  problem: LogisticProblem,
  options: LogisticOptions,
): Promise<LogisticFit>;
export async function solveLogistic(
  gpu: Gpu,
  problem: LogisticProblem,
  options: LogisticOptions,
): Promise<LogisticFit> {
  const start = performance.now();
  const limits = checkLogisticOptions(problem, options);
  const examples = await Examples.survey(problem);
  const products = openProducts(gpu, examples, options.products);
  try {
    const objective = await LogisticObjective.begin(examples, products, problem, options.initial);
    const run = new LogisticRun(objective, limits, start);
    const reason = await solve(run, options);
    const last = run.trace.at(-1)!;
    const { weights, bias } = objective.point;
    return {
      weights,
      bias: examples.outputs === 1 ? bias[0]! : bias,
      objective: last.objective,
      gradientNorm: last.gradientNorm,
      converged: reason === "tolerance",
      reason,
      iterations: run.iterations,
      stateBytes: run.methodBytes + objective.logits.byteLength,
      trace: run.trace,
      ...(run.schedule === undefined ? {} : { schedule: run.schedule }),
    };
  } finally {
    products.dispose();
  }
}

function solve(run: LogisticRun, options: LogisticOptions): Promise<LogisticReason> {
  switch (options.solver) {
    case "gradientDescent":
      return gradientDescent(run, options);
    case "newton":
      return newton(run);
    case "lbfgs":
      return lbfgs(run, options);
    case "coordinateDescent":
      return coordinateDescent(run);
    case "sgd":
      return stochasticGradient(run, options);
    case "saga":
      return saga(run, options);
  }
}
