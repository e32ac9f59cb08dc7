/**
 * Support vector machines by sequential minimal optimisation.
 *
 * @module
 */

import { checkKeys, checkNumber } from "../options.ts";
import { OptionError } from "../errors.ts";
import { EventLoop } from "./event_loop.ts";
import { Point, type Rows } from "./rows.ts";
import { DualProblem, type StepOutcome } from "./smo_dual.ts";
import { readPoints, readSvmData, type SvmData, type SvmPoints } from "./svm_data.ts";
import { KernelFunction, type SvmKernel } from "./svm_kernel.ts";

/** Options of {@linkcode smo}. */
export interface SmoOptions {
  /** What takes the place of the dot product. */
  readonly kernel: SvmKernel;
  /** What a unit of violated margin costs, above 0; 1 / (λ · samples) in the terms of {@linkcode pegasos}. */
  readonly c: number;
  /** How far the conditions of the optimum may be violated, in units of the margin, above 0; 10⁻³ by default. */
  readonly tolerance?: number;
  /** Steps after which it ends in any case; by default 10 million, or 100 for each sample if that is more. */
  readonly maxIterations?: number;
  /** Memory for rows of the kernel's matrix, 256 MiB by default; at least two rows are kept. */
  readonly cacheBytes?: number;
  /** Whether steps pass over samples that seem settled at a bound, true by default. It changes the way, not the result. */
  readonly shrinking?: boolean;
}

/** What {@linkcode smo} finds. */
export interface SmoResult {
  /** α, one for each sample, 0 … C. */
  readonly alphas: Float64Array;
  /** b. */
  readonly bias: number;
  /** w = Σ α_i y_i x_i, one for each feature; only of the linear kernel. */
  readonly weights?: Float64Array;
  /** The dual objective D(α), which is maximised; at the optimum it is the minimum of the primal objective. */
  readonly objective: number;
  /** P − D at this α and b, at least 0: neither objective is farther from its optimum. */
  readonly dualityGap: number;
  /** The samples with α > 0, ascending; the others have no influence. */
  readonly supportVectors: Uint32Array;
  /** Steps taken. */
  readonly iterations: number;
  /** The violation of the conditions that is left, at most the tolerance if converged. */
  readonly violation: number;
  /** Whether the violation is within the tolerance. */
  readonly converged: boolean;
  /** Why it ended; "stalled": float64 has no digits left for a smaller violation. */
  readonly reason: "converged" | "maxIterations" | "stalled";
  /**
   * F(z) = Σ α_i y_i K(x_i, z) + b for each point; its sign is the class.
   *
   * @param points As `x` of the data, dense or sparse.
   * @throws {OptionError} and {ShapeError} as {@linkcode smo}.
   */
  decision(points: SvmPoints): Float64Array;
}

/** Times that all errors are computed anew before the tolerance counts as out of reach. */
const MOST_ROUNDS = 100;

/**
 * A support vector machine with a kernel, by sequential minimal optimisation in float64. It minimises over w and b
 *
 * P = ½ |w|² + C Σ max(0, 1 − y_i (w · φ(x_i) + b)), φ(x) · φ(z) = K(x, z),
 *
 * by maximising its dual over α,
 *
 * D = Σ α_i − ½ Σ α_i α_j y_i y_j K(x_i, x_j), 0 ≤ α_i ≤ C, Σ α_i y_i = 0.
 *
 * Each step chooses two coefficients, by the gain that a second-order estimate promises, and solves for them exactly. It ends when
 * no pair violates the conditions of the optimum by more than the tolerance. All errors are then computed anew and looked at
 * again, so `violation`, `objective` and `dualityGap` owe nothing to the roundings on the way. The same input gives the same bits.
 *
 * Time grows with samples² or faster, memory with `cacheBytes`; for many samples and a linear kernel see {@linkcode pegasos}.
 *
 * Shape: x [n, features], y [n] → alphas [n].
 *
 * @param data Samples with labels −1 and 1.
 * @throws {OptionError} on labels other than ±1, a single class, numbers that are not finite, unknown or unsuitable options.
 * @throws {ShapeError} if the lengths of x and y do not fit.
 *
 * @example
 * ```ts
 * import { smo } from "@strata/strata";
 * import { assert, assertEquals } from "@std/assert";
 *
 * // XOR: no line separates the classes, a sum of bells does.
 * const x = [0, 0, 1, 1, 0, 1, 1, 0];
 * const y = [-1, -1, 1, 1];
 * const svm = await smo({ x, y, features: 2 }, { kernel: { type: "rbf", gamma: 1 }, c: 10 });
 * assertEquals([...svm.decision(x)].map(Math.sign), y);
 * assert(svm.converged && svm.dualityGap < 0.01);
 * ```
 *
 * @see Platt, "Sequential minimal optimization", 1998.
 * @see Fan, Chen, Lin, "Working set selection using second order information for training support vector machines", JMLR 6 (2005).
 */
export async function smo(data: SvmData, options: SmoOptions): Promise<SmoResult> {
  checkKeys(options, "smo", [
    "kernel",
    "c",
    "tolerance",
    "maxIterations",
    "cacheBytes",
    "shrinking",
  ]);
  const { c, tolerance = 1e-3, cacheBytes = 2 ** 28, shrinking = true } = options;
  checkNumber(c, "smo: c", { min: 0, exclusiveMin: true, max: Number.MAX_VALUE });
  checkNumber(tolerance, "smo: tolerance", { min: 0, exclusiveMin: true });
  checkNumber(cacheBytes, "smo: cacheBytes", { min: 0 });
  if (typeof shrinking !== "boolean") {
    throw new OptionError(`smo: shrinking: expected true or false, got ${shrinking}`);
  }
  const { rows, y } = readSvmData(data, "smo");
  const { maxIterations = Math.max(1e7, 100 * y.length) } = options;
  checkNumber(maxIterations, "smo: maxIterations", { min: 0, integer: true });
  const kernel = new KernelFunction(options.kernel, rows.features, "smo: kernel");
  const problem = new DualProblem(rows, y, kernel, c, cacheBytes);

  const loop = new EventLoop();
  const shrinkEvery = shrinking ? Math.min(y.length, 1000) : Infinity;
  let iterations = 0;
  let reason: SmoResult["reason"] | undefined;
  for (let round = 0; reason === undefined; round++) {
    const before = iterations;
    let outcome: StepOutcome = "moved";
    while (outcome === "moved" && iterations < maxIterations) {
      outcome = problem.step(tolerance);
      if (outcome !== "moved") break;
      iterations++;
      if (iterations % shrinkEvery === 0) problem.shrink();
      if (iterations % 64 === 0) await loop.breathe();
    }
    problem.refresh();
    if (problem.violation <= tolerance) reason = "converged";
    else if (iterations >= maxIterations) reason = "maxIterations";
    else if (iterations === before || round === MOST_ROUNDS) reason = "stalled";
  }

  const { beta, bias } = problem;
  const supportVectors = Uint32Array.from(beta.keys().filter((i) => beta[i] !== 0));
  const expansion = new Expansion(
    kernel,
    rows.select(supportVectors),
    Float64Array.from(supportVectors, (i) => beta[i]!),
    bias,
  );
  return {
    alphas: beta.map(Math.abs),
    bias,
    ...(expansion.weights === undefined ? {} : { weights: expansion.weights.slice() }),
    objective: problem.objective,
    dualityGap: problem.dualityGap(bias),
    supportVectors,
    iterations,
    violation: problem.violation,
    converged: reason === "converged",
    reason,
    decision: (points) => expansion.decision(readPoints(points, rows.features, "smo: decision")),
  };
}

/** F(z) = Σ β_i K(x_i, z) + b over the support vectors. */
class Expansion {
  /** Σ β_i x_i, of the linear kernel. */
  readonly weights?: Float64Array;
  readonly #kernel: KernelFunction;
  readonly #vectors: Rows;
  readonly #beta: Float64Array;
  readonly #bias: number;

  constructor(kernel: KernelFunction, vectors: Rows, beta: Float64Array, bias: number) {
    this.#kernel = kernel;
    this.#vectors = vectors;
    this.#beta = beta;
    this.#bias = bias;
    if (kernel.type !== "linear") return;
    this.weights = new Float64Array(vectors.features);
    beta.forEach((factor, i) => vectors.addTo(this.weights!, i, factor));
  }

  decision(points: Rows): Float64Array {
    const { weights } = this;
    if (weights !== undefined) {
      return Float64Array.from(
        { length: points.length },
        (_, i) => points.dot(i, weights) + this.#bias,
      );
    }
    const point = new Point(points.features);
    const values = new Float64Array(this.#vectors.length);
    return Float64Array.from({ length: points.length }, (_, i) => {
      points.load(i, point);
      this.#kernel.values(this.#vectors, point, values);
      return values.reduce((sum, value, k) => sum + this.#beta[k]! * value, this.#bias);
    });
  }
}
