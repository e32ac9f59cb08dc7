/**
 * Stochastic gradient descent and SAGA on the objective of logistic regression.
 *
 * Their steps are small and one after the other, so they run on the CPU, in float64: for an example of 784 features, a step of SGD
 * takes 5 µs there and one of SAGA 10; on the GPU it would take several launches of some 30 µs each.
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import { inverseTimeDecay, type Schedule } from "../optimizers/schedules.ts";
import { permute, threefry } from "../random.ts";
import { softThreshold } from "./coordinate_descent.ts";
import type { Examples } from "./logistic_examples.ts";
import type { LogisticReason, SagaOptions, StochasticGradientOptions } from "./logistic_options.ts";
import { type Point, sigmoid } from "./logistic_objective.ts";
import type { LogisticRun, StepReport } from "./logistic_run.ts";

/** Passes after which the default schedule has halved the rate, without l2. */
const HALVING_PASSES = 5;

/**
 * w ← w − rate(step) · ∇ of a mini-batch. The order of the examples is another permutation in each pass; of a stream, within each of
 * its batches. An iteration is a pass.
 */
export async function stochasticGradient(
  run: LogisticRun,
  { batchSize = 1, rate, average = false, seed = 0 }: StochasticGradientOptions,
): Promise<LogisticReason> {
  const { objective } = run;
  const { examples, l2 } = objective;
  const schedule = scheduleOf(rate, examples, batchSize, l2);
  const point = copyOf(objective.point);
  const mean = copyOf(point);
  const gradient = copyOf(point);
  run.schedule = schedule;
  run.methodBytes = 8 * 3 * (point.weights.length + point.bias.length);
  let step = 0;
  let averaged = 0;
  for (let pass = 0;; pass++) {
    const reason = await measure(
      run,
      averaged > 0 ? mean : point,
      pass > 0 ? schedule(step - 1) : undefined,
    );
    if (reason !== undefined) return reason;
    let block = 0;
    for await (const { x, start, rows } of examples.blocks()) {
      const key = threefry(seed, pass, block++, 0)[0];
      for (let first = 0; first < rows; first += batchSize) {
        const size = Math.min(batchSize, rows - first);
        gradient.weights.fill(0);
        gradient.bias.fill(0);
        for (let position = first; position < first + size; position++) {
          const row = permute(position, rows, key);
          const residual = residualOf(examples, point, x, row, start + row);
          addExample(gradient, residual, x, row);
        }
        descend(point, gradient, schedule(step), size, l2);
        step++;
        if (average && pass >= run.maxIterations / 2) addToMean(mean, point, ++averaged);
      }
    }
  }
}

/**
 * SAGA: w ← prox(w − rate · ((r′ − r) · x + mean of r · x + l2 · w)), with r the residuals at each example's last visit, r′ the new
 * one, and prox the soft threshold of l1. The noise vanishes at the optimum, so that a constant rate converges. An iteration
 * is a pass, in another order each time.
 *
 * @throws {OptionError} if the examples are a stream.
 * @see A. Defazio, F. Bach and S. Lacoste-Julien, "SAGA: a fast incremental gradient method", NIPS 2014
 */
export async function saga(
  run: LogisticRun,
  { rate, seed = 0 }: SagaOptions,
): Promise<LogisticReason> {
  const { objective } = run;
  const { examples, l1, l2 } = objective;
  const { x, length: n, features: d, outputs } = examples;
  if (x === undefined) {
    throw new OptionError(
      `solveLogistic: batches: solver "saga" visits single examples in any order, and a stream has its own; expected x`,
    );
  }
  const step = rate ?? 1 / (3 * exampleLipschitz(examples, l2));
  const point = copyOf(objective.point);
  const table = objective.residuals().map((value) => value * n);
  const mean = await objective.gradient();
  mean.weights.forEach((value, j) => mean.weights[j] = value - l2 * point.weights[j]!);
  run.methodBytes = table.byteLength + 16 * (point.weights.length + outputs);
  const threshold = step * l1;
  const shrink = 1 - step * l2;
  for (let pass = 0;; pass++) {
    const reason = await measure(run, point, pass > 0 ? step : undefined);
    if (reason !== undefined) return reason;
    examples.passes++;
    const key = threefry(seed, pass, 0, 0)[0];
    for (let position = 0; position < n; position++) {
      const row = permute(position, n, key);
      const residual = residualOf(examples, point, x, row, row);
      for (let k = 0; k < outputs; k++) {
        const change = residual[k]! - table[k * n + row]!;
        table[k * n + row] = residual[k]!;
        point.bias[k]! -= step * (change + mean.bias[k]!);
        mean.bias[k]! += change / n;
        for (let j = k * d, at = row * d; j < (k + 1) * d; j++, at++) {
          const part = change * x[at]!;
          const moved = shrink * point.weights[j]! - step * (part + mean.weights[j]!);
          point.weights[j] = threshold === 0 ? moved : softThreshold(moved, threshold);
          mean.weights[j]! += part / n;
        }
      }
    }
  }
}

/** Moves the objective to the point, to see how good it is; that is no part of the method. */
async function measure(
  run: LogisticRun,
  point: Point,
  step: number | undefined,
): Promise<LogisticReason | undefined> {
  const report: StepReport = step === undefined ? {} : { step };
  if (!point.weights.every(Number.isFinite)) return "diverged";
  const gradient = await run.aside(async () => {
    if (step !== undefined) await run.objective.moveTo(point);
    return await run.objective.gradient();
  });
  return run.record(gradient, report, true);
}

/** The Lipschitz constant of the gradient of any one example. */
function exampleLipschitz({ largestSquare, outputs }: Examples, l2: number): number {
  return (outputs === 1 ? 1 / 4 : 1 / 2) * (largestSquare + 1) + l2;
}

function scheduleOf(
  rate: number | Schedule | undefined,
  examples: Examples,
  batchSize: number,
  l2: number,
): Schedule {
  if (typeof rate === "function") return rate;
  if (rate !== undefined) return () => rate;
  const first = 1 / exampleLipschitz(examples, l2);
  const steps = l2 > 0 ? 1 / (first * l2) : HALVING_PASSES * Math.ceil(examples.length / batchSize);
  return inverseTimeDecay({ rate: first, steps });
}

/** p − t of one example at a point. */
function residualOf(
  { features: d, outputs, labels }: Examples,
  { weights, bias }: Point,
  x: Float32Array,
  row: number,
  example: number,
): Float64Array {
  const z = new Float64Array(outputs);
  for (let k = 0; k < outputs; k++) {
    let sum = bias[k]!;
    for (let j = k * d, at = row * d; j < (k + 1) * d; j++, at++) sum += weights[j]! * x[at]!;
    z[k] = sum;
  }
  const label = labels[example]!;
  if (outputs === 1) {
    z[0] = label === 1 ? -sigmoid(-z[0]!) : sigmoid(z[0]!);
    return z;
  }
  const largest = z.reduce((most, value) => Math.max(most, value), -Infinity);
  let sum = 0;
  for (let k = 0; k < outputs; k++) sum += z[k] = Math.exp(z[k]! - largest);
  for (let k = 0; k < outputs; k++) z[k] = z[k]! / sum - (k === label ? 1 : 0);
  return z;
}

function addExample(
  { weights, bias }: Point,
  residual: Float64Array,
  x: Float32Array,
  row: number,
): void {
  const d = weights.length / bias.length;
  residual.forEach((value, k) => {
    bias[k]! += value;
    for (let j = k * d, at = row * d; j < (k + 1) * d; j++, at++) weights[j]! += value * x[at]!;
  });
}

function descend(point: Point, sum: Point, rate: number, size: number, l2: number): void {
  const { weights, bias } = point;
  for (let j = 0; j < weights.length; j++) {
    weights[j]! -= rate * (sum.weights[j]! / size + l2 * weights[j]!);
  }
  for (let k = 0; k < bias.length; k++) bias[k]! -= rate * sum.bias[k]! / size;
}

/** Makes the mean of count − 1 points one of count. */
function addToMean(mean: Point, point: Point, count: number): void {
  for (const part of ["weights", "bias"] as const) {
    const [to, from] = [mean[part], point[part]];
    for (let j = 0; j < to.length; j++) to[j]! += (from[j]! - to[j]!) / count;
  }
}

function copyOf({ weights, bias }: Point): Point {
  return { weights: Float64Array.from(weights), bias: Float64Array.from(bias) };
}
