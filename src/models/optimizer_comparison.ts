/**
 * The lecture's comparison of solvers, measured for a network: gradient descent, its stochastic kin and Adam, and what Newton's method
 * would need.
 *
 * @module
 */

import {
  type ConvergencePoint,
  leastGap,
  RATE_FACTORS,
  type RateTrial,
  reach,
  type ReachedAccuracy,
} from "../convergence.ts";
import type { Dataset } from "../data/dataset.ts";
import { NonFiniteError, OptionError } from "../errors.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { describeLayers } from "../layers/description.ts";
import type { Layer } from "../layers/layer.ts";
import { Adam } from "../optimizers/adam.ts";
import type { Optimizer } from "../optimizers/optimizer.ts";
import { Sgd } from "../optimizers/sgd.ts";
import { checkKeys, checkNumber } from "../options.ts";
import { checkSeed } from "../random.ts";
import { sizeOf } from "../shape.ts";
import { Sequential } from "./sequential.ts";

/** Shares of the loss at the start at which a comparison looks. */
const ACCURACIES = [1e-1, 1e-2, 1e-4, 1e-6] as const;
/** Starts of a comparison: the one, and others for the spread of the ends. */
const STARTS = 3;

/** A method that a comparison runs. */
export type ComparedOptimizer = "gradientDescent" | "sgd" | "momentum" | "adam";

/** Each method: the optimiser with a rate, the rate that is usual, and whether a step takes all examples. */
const METHODS: Record<
  ComparedOptimizer,
  { make: (learningRate: number) => Optimizer; rate: number; isFullBatch: boolean }
> = {
  gradientDescent: {
    make: (learningRate) => new Sgd({ learningRate }),
    rate: 0.1,
    isFullBatch: true,
  },
  sgd: { make: (learningRate) => new Sgd({ learningRate }), rate: 0.1, isFullBatch: false },
  momentum: {
    make: (learningRate) => new Sgd({ learningRate, momentum: 0.9 }),
    rate: 0.01,
    isFullBatch: false,
  },
  adam: { make: (learningRate) => new Adam({ learningRate }), rate: 0.001, isFullBatch: false },
};

/** Options of {@linkcode compareOptimizers}. */
export interface OptimizerComparisonOptions {
  /** Passes over the data of each run. Default 50. */
  readonly passes?: number;
  /** Examples of a step, of those methods that do not take all. Default 32. */
  readonly batchSize?: number;
  /** Draws the initial weights and orders the examples. Default 0. */
  readonly seed?: number;
  /** Called after each run, with the runs done and all. */
  readonly onProgress?: (done: number, runs: number) => void;
}

/** One row of the comparison. */
export interface OptimizerComparison {
  /** The method. */
  readonly method: ComparedOptimizer;
  /** Examples of a step. */
  readonly batchSize: number;
  /** The rate that ended lowest, of the usual one times 1/100 to 100. */
  readonly rate: number;
  /** The loss of all examples at the start and after each pass; distances are f / f₀. */
  readonly curve: readonly ConvergencePoint[];
  /** What it took to 10⁻¹, 10⁻², 10⁻⁴, 10⁻⁶ of the loss at the start. */
  readonly reached: readonly ReachedAccuracy[];
  /** The loss at the end, of three starts; the first is that of the curve. NaN if it diverged. */
  readonly ends: readonly number[];
  /** Bytes that it needs besides parameters and examples: gradients, the optimiser's memory, and the layers' outputs of a batch. */
  readonly stateBytes: number;
  /** Rates of 1/100 to 100 times the usual one; passes are those to 10⁻¹. */
  readonly rates: readonly RateTrial[];
}

/** All rows, and what is not run. */
export interface OptimizerComparisons {
  /** The loss at the start. */
  readonly start: number;
  /** Gradient descent, SGD, SGD with momentum, Adam. */
  readonly rows: readonly OptimizerComparison[];
  /** P, the number of parameters. */
  readonly parameters: number;
  /** 8 P²: bytes of the Hessian that Newton's method would factorise in double precision. It is not run. */
  readonly newtonBytes: number;
}

/**
 * Trains a network with gradient descent on all examples, SGD, SGD with momentum and Adam, always from the same weights, and says
 * how low and how fast each comes, what rates it bears, and how much the end depends on the start. Each method has the rate of a grid
 * that ends lowest.
 *
 * The loss of a network is not convex and its least value unknown, but a cross-entropy is never below 0. So distances are those
 * from 0, relative to the loss at the start: an upper bound of the distance to the global minimum.
 *
 * @param layers The network, from a flat or shaped input to logits of `data.classes` classes.
 * @param data Examples with classes; the loss is softmax cross-entropy.
 * @throws {OptionError} if an option is out of range; {@linkcode ShapeError} if the layers do not take the data.
 *
 * @example
 * ```ts
 * import { compareOptimizers, Dense, generateDigits, Gpu } from "@strata/strata";
 *
 * await using gpu = await Gpu.open();
 * const layers = [new Dense({ units: 16, activation: "tanh" }), new Dense({ units: 10 })];
 * const digits = generateDigits({ count: 100, seed: 1 });
 * const { rows, newtonBytes } = await compareOptimizers(gpu, layers, digits, { passes: 3 });
 * for (const { method, rate, ends } of rows) console.log(method, rate, ends[0]);
 * console.log(`Newton: ${newtonBytes / 1e9} GB`);
 * ```
 */
export async function compareOptimizers(
  gpu: Gpu,
  layers: readonly Layer[],
  data: Dataset,
  options: OptimizerComparisonOptions = {},
): Promise<OptimizerComparisons> {
  const what = "compareOptimizers";
  checkKeys(options, what, ["passes", "batchSize", "seed", "onProgress"]);
  const { passes = 50, batchSize = 32, seed = 0, onProgress } = options;
  checkNumber(passes, `${what}: passes`, { min: 1, integer: true });
  checkNumber(batchSize, `${what}: batchSize`, { min: 1, integer: true });
  checkSeed(seed, `${what}: seed`);
  if (data.classes === 0) {
    throw new OptionError(`${what}: data: expected classes, got targets`);
  }
  const outer = describeLayers(layers, data.inputShape).filter(({ depth }) => depth === 0);
  const parameters = outer.reduce((sum, layer) => sum + layer.parameters, 0);
  const outputBytes = outer.reduce((sum, { output }) => sum + 4 * sizeOf(output), 0);

  const methods = Object.keys(METHODS) as ComparedOptimizer[];
  const runs = methods.length * (RATE_FACTORS.length + STARTS - 1);
  let done = 0;
  const batchOf = (method: ComparedOptimizer) =>
    METHODS[method].isFullBatch ? data.length : Math.min(batchSize, data.length);
  const descend = async (method: ComparedOptimizer, rate: number, start: number) => {
    const run = { optimizer: METHODS[method].make(rate), seed: start, passes };
    const curve = await runOnce(gpu, layers, data, { ...run, batchSize: batchOf(method) });
    onProgress?.(++done, runs);
    return curve;
  };

  const rows: OptimizerComparison[] = [];
  let start = NaN;
  for (const method of methods) {
    const usual = METHODS[method];
    const curves: ConvergencePoint[][] = [];
    for (const factor of RATE_FACTORS) {
      curves.push(await descend(method, factor * usual.rate, seed));
    }
    const best = curves.reduce((a, b) => endOf(b) < endOf(a) ? b : a);
    const rate = RATE_FACTORS[curves.indexOf(best)]! * usual.rate;
    const ends = [best];
    for (let i = 1; i < STARTS; i++) ends.push(await descend(method, rate, (seed + i) >>> 0));
    start = best[0]!.gap;
    const relative = curves.map((curve) => relativeTo(start, curve));
    const curve = relative[curves.indexOf(best)]!;
    rows.push({
      method,
      batchSize: batchOf(method),
      rate,
      curve,
      reached: ACCURACIES.map((accuracy) => reach(curve, accuracy)),
      ends: ends.map((each) => each.length > passes ? each.at(-1)!.gap : NaN),
      stateBytes: 4 * parameters * (1 + usual.make(rate).stateNames.length) +
        outputBytes * batchOf(method),
      rates: relative.map((each, i) => ({
        factor: RATE_FACTORS[i]!,
        gap: leastGap(each),
        passes: reach(each, ACCURACIES[0]).passes,
      })),
    });
  }
  return { start, rows, parameters, newtonBytes: 8 * parameters ** 2 };
}

/** The loss of all examples at the start and after each pass, as the gap; cut short where it was no number any more. */
async function runOnce(
  gpu: Gpu,
  layers: readonly Layer[],
  data: Dataset,
  { optimizer, seed, passes, batchSize }: {
    optimizer: Optimizer;
    seed: number;
    passes: number;
    batchSize: number;
  },
): Promise<ConvergencePoint[]> {
  using model = new Sequential(layers, { gpu, inputShape: data.inputShape, seed });
  model.compile({ loss: "softmaxCrossEntropy", optimizer });
  const { loss } = await model.evaluate(data);
  const curve = [{ iterations: 0, passes: 0, milliseconds: 0, bytes: 0, gap: loss }];
  try {
    await model.fit(data, {
      epochs: passes,
      batchSize,
      validation: data,
      onEpoch: ({ epoch, steps, seconds, valLoss }) => {
        const before = curve.at(-1)!;
        curve.push({
          iterations: before.iterations + steps,
          passes: epoch,
          milliseconds: before.milliseconds + 1000 * seconds,
          bytes: epoch * data.x.byteLength,
          gap: valLoss!,
        });
      },
    });
  } catch (error) {
    if (!(error instanceof NonFiniteError)) throw error;
  }
  return curve;
}

/** The loss at the end; ∞ if it diverged. */
function endOf(curve: readonly ConvergencePoint[]): number {
  const { gap } = curve.at(-1)!;
  return curve.length > 1 && Number.isFinite(gap) ? gap : Infinity;
}

function relativeTo(start: number, curve: readonly ConvergencePoint[]): ConvergencePoint[] {
  return curve.map((point) => ({ ...point, gap: point.gap / start }));
}
