/**
 * What is handed to `solveLogistic` and what comes back: the problem, the options of each solver, the fit.
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import { checkKeys, checkNumber, checkOneOf } from "../options.ts";
import type { Schedule } from "../optimizers/schedules.ts";
import { checkSeed } from "../random.ts";

/** Some examples, one after the other. */
export interface LogisticBatch {
  /** Row-major. Shape: [n, features]. */
  readonly x: Float32Array;
  /** A class index for each example. Shape: [n]. */
  readonly y: ArrayLike<number>;
}

/** What is minimised. */
export interface LogisticPenalties {
  /** Numbers of an example. */
  readonly features: number;
  /** Weight of |w|² / 2, at least 0. Default 0. */
  readonly l2?: number;
  /** Weight of Σ|w|, at least 0; only `coordinateDescent` and `saga` take one above 0. Default 0. */
  readonly l1?: number;
}

/** Examples in memory. */
export interface LogisticArrays extends LogisticBatch, LogisticPenalties {
  /** The number of classes. Default 2. */
  readonly classes?: number;
}

/** Examples that come in batches, as for data that does not fit into memory. */
export interface LogisticStream extends LogisticPenalties {
  /** Begins a pass: gives all batches, the same in each pass. */
  readonly batches: () => Iterable<LogisticBatch> | AsyncIterable<LogisticBatch>;
  /** The number of classes. Default 2. */
  readonly classes?: number;
}

/** A problem of logistic regression: the examples and the penalties. */
export type LogisticProblem = LogisticArrays | LogisticStream;

/** A problem of two classes. */
export type BinaryLogisticProblem = LogisticProblem & { readonly classes?: 2 };

/** Options that all solvers have. */
export interface LogisticCommonOptions {
  /** Ends when no component of the gradient is larger; see {@linkcode LogisticFit.gradientNorm}. Default 1e-6. */
  readonly tolerance?: number;
  /** Most iterations. Default: 100 of newton, 1,000 of lbfgs, 200 of sgd, 10,000 of the others. */
  readonly maxIterations?: number;
  /** Where to begin, as an earlier fit gives it. Default: zeros. */
  readonly initial?: {
    readonly weights: ArrayLike<number>;
    readonly bias: number | ArrayLike<number>;
  };
  /**
   * Where products with X are computed: on the CPU in float64, on the GPU in float32, or "auto", the default: each where
   * it takes less time, which depends on their size and on whether there is a card.
   */
  readonly products?: "auto" | "gpu" | "cpu";
}

/** Options of gradient descent. */
export interface GradientDescentOptions extends LogisticCommonOptions {
  /** w ← w − rate · ∇f. */
  readonly solver: "gradientDescent";
  /**
   * A number; "lipschitz", 1 / L with the Lipschitz constant L of ∇f; or "backtracking", the default: twice the step before,
   * halved until it descends enough.
   */
  readonly rate?: number | "lipschitz" | "backtracking";
}

/** Options of Newton's method. */
export interface NewtonOptions extends LogisticCommonOptions {
  /** w ← w − t · H⁻¹∇f. */
  readonly solver: "newton";
}

/** Options of L-BFGS. */
export interface LbfgsOptions extends LogisticCommonOptions {
  /** w ← w − t · B∇f, with B from the last changes of the gradient. */
  readonly solver: "lbfgs";
  /** Changes that are kept, 1 or more. Default 10. */
  readonly history?: number;
}

/** Options of coordinate descent. */
export interface CoordinateDescentOptions extends LogisticCommonOptions {
  /** One weight after the other. */
  readonly solver: "coordinateDescent";
}

/** Options of stochastic gradient descent. */
export interface StochasticGradientOptions extends LogisticCommonOptions {
  /** w ← w − rate(step) · the gradient of a mini-batch. An iteration is a pass. */
  readonly solver: "sgd";
  /** Examples of a step. Default 1. */
  readonly batchSize?: number;
  /** A number or a schedule over steps. Default: r / (1 + t / τ), see {@linkcode solveLogistic}. */
  readonly rate?: number | Schedule;
  /** Whether the result is the mean of the weights of all steps of the second half of the passes (Polyak, Ruppert). Default false. */
  readonly average?: boolean;
  /** Orders the examples. Default 0. */
  readonly seed?: number;
}

/** Options of SAGA. */
export interface SagaOptions extends LogisticCommonOptions {
  /** Stochastic steps whose noise vanishes, with a table of the last residual of each example. An iteration is a pass. */
  readonly solver: "saga";
  /** The step. Default 1 / (3 L) with the largest Lipschitz constant L of an example. */
  readonly rate?: number;
  /** Orders the examples. Default 0. */
  readonly seed?: number;
}

/** A solver and its options. */
export type LogisticOptions =
  | GradientDescentOptions
  | NewtonOptions
  | LbfgsOptions
  | CoordinateDescentOptions
  | StochasticGradientOptions
  | SagaOptions;

/** The names of the solvers. */
export type LogisticSolverName = LogisticOptions["solver"];

/** Why a solver ended. */
export type LogisticReason =
  /** The gradient is below the tolerance. */
  | "tolerance"
  | "maxIterations"
  /** Rounding hides any further descent; the gradient is above the tolerance. */
  | "precision"
  /** There is no optimum: l2 and l1 are 0, and every example lies on the side of its class. */
  | "separable"
  /** The objective grew beyond all bounds: the rate is too large. */
  | "diverged";

/** The state after an iteration; the first entry is the state at the start. */
export interface LogisticTraceEntry {
  /** Iterations so far. */
  readonly iteration: number;
  /** The objective. */
  readonly objective: number;
  /** The size of the gradient; see {@linkcode LogisticFit.gradientNorm}. */
  readonly gradientNorm: number;
  /** Since the call. */
  readonly milliseconds: number;
  /** Passes over the data so far, the first look at it included. */
  readonly passes: number;
  /** Bytes of examples that these passes read. */
  readonly bytes: number;
  /** The step length that led here. */
  readonly step?: number;
  /** What was unusual in the iteration, such as a ridge added to a singular Hessian. */
  readonly note?: string;
}

/** What a solver found. */
export interface LogisticFit {
  /** Shape: [features], or [classes, features] of more than two classes. */
  readonly weights: Float64Array;
  /** One number, or one for each class of more than two. */
  readonly bias: number | Float64Array;
  /** The mean negative log-likelihood with the penalties. */
  readonly objective: number;
  /**
   * The largest |∂f/∂w|, that of a feature j divided by max(1, mean |x_j|); with l1 the distance of 0 from the subgradients.
   */
  readonly gradientNorm: number;
  /** Whether the tolerance was reached, and an optimum exists. */
  readonly converged: boolean;
  /** Why it ended. */
  readonly reason: LogisticReason;
  /** Iterations done; of sgd and saga, passes. */
  readonly iterations: number;
  /** Bytes that the method keeps besides the examples: logits, Hessian, history, tables. */
  readonly stateBytes: number;
  /** The state at the start and after each iteration. */
  readonly trace: readonly LogisticTraceEntry[];
  /** The rate of each step, of sgd. */
  readonly schedule?: Schedule;
}

/** A fit of two classes. */
export interface BinaryLogisticFit extends LogisticFit {
  /** One number. */
  readonly bias: number;
}

const COMMON = ["solver", "tolerance", "maxIterations", "initial", "products"];
/** The options of each solver besides the common ones, and its most iterations. */
const SOLVERS: Record<LogisticSolverName, { keys: string[]; maxIterations: number; l1: string }> = {
  gradientDescent: {
    keys: ["rate"],
    maxIterations: 10_000,
    l1: "its steps need a gradient, which Σ|w| has not where a weight is 0",
  },
  newton: { keys: [], maxIterations: 100, l1: "Σ|w| has no Hessian where a weight is 0" },
  lbfgs: {
    keys: ["history"],
    maxIterations: 1000,
    l1: "it models f by its gradients, which jump where a weight passes 0",
  },
  coordinateDescent: { keys: [], maxIterations: 10_000, l1: "" },
  sgd: {
    keys: ["rate", "batchSize", "average", "seed"],
    maxIterations: 200,
    l1: "the noise of its steps keeps weights from 0",
  },
  saga: { keys: ["rate", "seed"], maxIterations: 10_000, l1: "" },
};

const WHAT = "solveLogistic";

/** What all solvers are given. */
export interface Limits {
  readonly tolerance: number;
  readonly maxIterations: number;
}

/** Checks the options and the penalties. @throws {OptionError} naming the option and what came. */
export function checkLogisticOptions(problem: LogisticProblem, options: LogisticOptions): Limits {
  const names = Object.keys(SOLVERS) as LogisticSolverName[];
  checkOneOf(options.solver, `${WHAT}: solver`, names);
  const { keys, maxIterations, l1 } = SOLVERS[options.solver];
  checkKeys(options, `${WHAT}: solver "${options.solver}"`, [...COMMON, ...keys]);
  const limits = {
    tolerance: options.tolerance ?? 1e-6,
    maxIterations: options.maxIterations ?? maxIterations,
  };
  checkNumber(limits.tolerance, `${WHAT}: tolerance`, { min: 0 });
  checkNumber(limits.maxIterations, `${WHAT}: maxIterations`, { min: 0, integer: true });
  checkOneOf(options.products ?? "auto", `${WHAT}: products`, ["auto", "gpu", "cpu"]);
  checkProblem(problem);
  if ((problem.l1 ?? 0) > 0 && l1 !== "") {
    throw new OptionError(
      `${WHAT}: l1: solver "${options.solver}" cannot minimise it: ${l1}; ` +
        `use "coordinateDescent" or "saga", got ${problem.l1}`,
    );
  }
  checkRates(options);
  return limits;
}

function checkProblem(problem: LogisticProblem): void {
  const keys = "batches" in problem ? ["batches"] : ["x", "y"];
  checkKeys(problem, WHAT, [...keys, "features", "l2", "l1", "classes"]);
  const { features, l2 = 0, l1 = 0, classes = 2 } = problem;
  checkNumber(features, `${WHAT}: features`, { min: 1, integer: true });
  checkNumber(l2, `${WHAT}: l2`, { min: 0, max: Number.MAX_VALUE });
  checkNumber(l1, `${WHAT}: l1`, { min: 0, max: Number.MAX_VALUE });
  checkNumber(classes, `${WHAT}: classes`, { min: 2, integer: true });
  if ("batches" in problem && typeof problem.batches !== "function") {
    throw new OptionError(
      `${WHAT}: batches: expected a function that begins a pass, got ${typeof problem.batches}`,
    );
  }
}

function checkRates(options: LogisticOptions): void {
  const range = { min: 0, exclusiveMin: true, max: Number.MAX_VALUE };
  if (options.solver === "lbfgs") {
    checkNumber(options.history ?? 10, `${WHAT}: history`, { min: 1, integer: true });
  } else if (options.solver === "gradientDescent") {
    const { rate = "backtracking" } = options;
    if (typeof rate === "string") {
      checkOneOf(rate, `${WHAT}: rate`, ["lipschitz", "backtracking"]);
    } else checkNumber(rate, `${WHAT}: rate`, range);
  } else if (options.solver === "sgd" || options.solver === "saga") {
    checkSeed(options.seed ?? 0, `${WHAT}: seed`);
    const { rate = 1 } = options;
    if (!(options.solver === "sgd" && typeof rate === "function")) {
      checkNumber(rate, `${WHAT}: rate`, range);
    }
    if (options.solver === "sgd") {
      checkNumber(options.batchSize ?? 1, `${WHAT}: batchSize`, { min: 1, integer: true });
    }
  }
}
