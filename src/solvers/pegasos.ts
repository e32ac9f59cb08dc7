/**
 * Linear support vector machines by stochastic subgradient descent.
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import { checkKeys, checkNumber, checkOneOf } from "../options.ts";
import { checkSeed, permute, Random } from "../random.ts";
import { EventLoop } from "./event_loop.ts";
import { BiasedRows, dualPass, dualWeights, hingeGap, hingeObjective } from "./hinge.ts";
import { type Averaging, Descent } from "./pegasos_descent.ts";
import { readPoints, readSvmData, type SvmData, type SvmPoints } from "./svm_data.ts";

/** Options of {@linkcode pegasos}. */
export interface PegasosOptions {
  /** λ, above 0; 1 / (c · samples) in the terms of {@linkcode smo}. */
  readonly lambda: number;
  /** Passes over the samples, at least 1. */
  readonly epochs: number;
  /** Fixes the order of the samples in each epoch, 0 … 2³² − 1; 0 by default. */
  readonly seed?: number;
  /** The result: the mean of all iterates, the t-th counted t times ("weighted", the default) or once ("uniform"), or the last ("none"). */
  readonly averaging?: Averaging;
  /** Samples of a step, 1 by default. */
  readonly batchSize?: number;
  /** Whether each iterate is brought back into the ball of radius 1 / √λ, in which the optimum lies; true by default. */
  readonly projection?: boolean;
  /**
   * The bias is the weight of one more feature, a constant B, times B: this B, or true for 1 (the default), or false for no bias. It
   * is penalised by λ/2 (bias / B)², so the less, the larger B, but a large B makes the first steps large as well.
   */
  readonly bias?: boolean | number;
  /** Passes of dual coordinate ascent that tighten the duality gap, 5 by default. They do not touch the weights. */
  readonly dualPasses?: number;
}

/** What {@linkcode pegasos} finds. */
export interface PegasosResult {
  /** w, one for each feature. */
  readonly weights: Float64Array;
  /** b; 0 without a bias. */
  readonly bias: number;
  /** P at these weights, the penalty of the bias included. */
  readonly objective: number;
  /** Proof of quality, at least 0: the objective is above its minimum by no more than this. */
  readonly dualityGap: number;
  /** Steps taken. */
  readonly steps: number;
  /**
   * w · z + b for each point; its sign is the class.
   *
   * @param points As `x` of the data, dense or sparse.
   * @throws {OptionError} and {ShapeError} as {@linkcode pegasos}.
   */
  decision(points: SvmPoints): Float64Array;
}

/**
 * A linear support vector machine, by the stochastic subgradient method Pegasos, in float64. It minimises
 *
 * P(w, b) = λ/2 (|w|² + (b / B)²) + 1/n Σ max(0, 1 − y_i (w · x_i + b))
 *
 * where B is the constant that the option `bias` says. In step t, on a batch A of k samples, w (with b / B as one element more)
 * shrinks and those with a margin below 1 pull:
 *
 * w ← (1 − 1/t) w + 1/(λ t k) Σ_{i ∈ A, y_i w · x_i < 1} y_i x_i, then w ← w · min(1, 1 / (√λ |w|)).
 *
 * What is different from the dozen lines of a lecture:
 * - **Order.** Each epoch visits the samples in a new random order. In stored order the method is not stochastic, and on samples
 *   sorted by class it can end at chance.
 * - **Bias.** Without it the boundary goes through the origin. As one more feature it keeps the problem strongly convex, which
 *   the rates of Pegasos rest on, and the dual a box.
 * - **Average.** The last iterate still moves by its last sample; the average comes close faster, by weights t at a rate of 1 / t.
 * - **Start.** It is 0. The first step multiplies any other by 1 − 1/1 = 0.
 * - **Labels.** Others than −1 and 1 are refused; with 0 and 1 the samples of class 0 would pull nothing.
 * - **Scale.** w is kept as a factor and a vector, so that a step on a sparse sample costs its non-zeros, also in the average and in
 *   |w|.
 * - **Certificate.** Each pull is a share of a dual variable: w = w(α) = 1/(λn) Σ α_i y_i x_i, whose α_i, cut to 0 … 1, are feasible in
 *   the dual, maximise D(α) = 1/n Σ α_i − λ/2 |w(α)|². A few passes of coordinate ascent raise D from there, and
 *   `dualityGap` = P(w) − D(α) ≥ P(w) − min P.
 *
 * The same seed gives the same bits, and sparse samples the same as dense ones. Time grows with samples · non-zeros; kernels
 * need {@linkcode smo}.
 *
 * Shape: x [n, features], y [n] → weights [features].
 *
 * @param data Samples with labels −1 and 1, dense or sparse.
 * @throws {OptionError} on labels other than ±1, a single class, numbers that are not finite, unknown or unsuitable options.
 * @throws {ShapeError} if the lengths of x and y do not fit.
 *
 * @example
 * ```ts
 * import { pegasos } from "@strata/strata";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const x = [2, 1, 3, 2, 2, 3, -1, 0, 0, -2, -1, -1];
 * const y = [1, 1, 1, -1, -1, -1];
 * const svm = await pegasos({ x, y, features: 2 }, { lambda: 0.01, epochs: 200, seed: 1 });
 * assertEquals([...svm.decision(x)].map(Math.sign), y);
 * assert(svm.dualityGap < 0.01);
 * ```
 *
 * @see Shalev-Shwartz, Singer, Srebro, "Pegasos: primal estimated sub-gradient solver for SVM", ICML 2007; with Cotter,
 * Mathematical Programming 127 (2011).
 * @see Lacoste-Julien, Schmidt, Bach, "A simpler approach to obtaining an O(1/t) convergence rate for the projected stochastic
 * subgradient method", 2012: the average by weights t.
 */
export async function pegasos(data: SvmData, options: PegasosOptions): Promise<PegasosResult> {
  const { lambda, epochs, seed, averaging, batchSize, projection, bias, dualPasses } = checkOptions(
    options,
  );
  const { rows: samples, y } = readSvmData(data, "pegasos");
  const rows = new BiasedRows(samples, bias);
  const squaredNorms = rows.squaredNorms();
  const large = squaredNorms.findIndex((norm) => !(norm / lambda ** 2 < 1e200));
  if (large >= 0) {
    throw new OptionError(
      `pegasos: sample ${large} has the squared length ${squaredNorms[large]}, which is too ` +
        `large for lambda ${lambda}: scale the samples`,
    );
  }

  const n = rows.length;
  const descent = new Descent(rows, y, squaredNorms, { lambda, projection, averaging });
  const random = new Random(seed);
  const loop = new EventLoop();
  const batch = new Uint32Array(Math.min(batchSize, n));
  for (let epoch = 0; epoch < epochs; epoch++) {
    const key = random.word();
    for (let start = 0; start < n; start += batchSize) {
      const samples = batch.subarray(0, n - start);
      for (let k = 0; k < samples.length; k++) samples[k] = permute(start + k, n, key);
      descent.step(samples);
      if (descent.steps % 1024 === 0) await loop.breathe();
    }
  }

  const { solution, alphas } = descent;
  const dual = dualWeights(rows, y, lambda, alphas);
  for (let pass = 0; pass < dualPasses; pass++) {
    const key = random.word();
    dualPass(rows, y, lambda, alphas, dual, squaredNorms, (position) => permute(position, n, key));
    await loop.breathe();
  }
  const weights = solution.slice(0, -1);
  const constant = bias * solution.at(-1)!;
  return {
    weights,
    bias: constant,
    objective: hingeObjective(rows, y, lambda, solution),
    dualityGap: hingeGap(rows, y, lambda, solution, alphas),
    steps: descent.steps,
    decision(points) {
      const read = readPoints(points, weights.length, "pegasos: decision");
      return Float64Array.from(
        { length: read.length },
        (_, i) => read.dot(i, weights) + constant,
      );
    },
  };
}

function checkOptions(
  options: PegasosOptions,
): Required<PegasosOptions> & { readonly bias: number } {
  checkKeys(options, "pegasos", [
    "lambda",
    "epochs",
    "seed",
    "averaging",
    "batchSize",
    "projection",
    "bias",
    "dualPasses",
  ]);
  const { lambda, epochs, seed = 0, averaging = "weighted", batchSize = 1, projection = true } =
    options;
  const { bias = true, dualPasses = 5 } = options;
  checkNumber(lambda, "pegasos: lambda", { min: 0, exclusiveMin: true, max: Number.MAX_VALUE });
  checkNumber(epochs, "pegasos: epochs", { min: 1, integer: true });
  checkSeed(seed, "pegasos: seed");
  checkOneOf(averaging, "pegasos: averaging", ["weighted", "uniform", "none"]);
  checkNumber(batchSize, "pegasos: batchSize", { min: 1, integer: true });
  if (typeof projection !== "boolean") {
    throw new OptionError(`pegasos: projection: expected true or false, got ${projection}`);
  }
  if (typeof bias !== "boolean") {
    checkNumber(bias, "pegasos: bias", { min: 0, exclusiveMin: true, max: 1e100 });
  }
  checkNumber(dualPasses, "pegasos: dualPasses", { min: 0, integer: true });
  return {
    lambda,
    epochs,
    seed,
    averaging,
    batchSize,
    projection,
    bias: Number(bias),
    dualPasses,
  };
}
