/**
 * The learning rate by multiple trials: short trainings at many rates, or one at a rising rate, from which a rate is chosen.
 *
 * @module
 */

import type { BatchSource } from "../data/dataset.ts";
import { checkKeys, checkNumber, checkOneOf } from "../options.ts";
import type { Tensor } from "../gpu/tensor.ts";
import type { Schedule } from "../optimizers/schedules.ts";
import { Feeder } from "./batches.ts";
import { orderKey } from "./fit.ts";
import type { Trainer } from "./trainer.ts";

/** How rates are tried; see {@linkcode LearningRateSearchOptions.method}. */
export type LearningRateMethod = "trials" | "range";

/** Options of {@linkcode learningRateSearch}. */
export interface LearningRateSearchOptions {
  /**
   * "trials": for each rate of a grid a short training, all from the same start. "range": a single one, whose rate rises from
   * step to step; cheaper, and rougher. Default "trials".
   */
  method?: LearningRateMethod;
  /** The smallest rate, above 0. Default 1e-5. */
  minimum?: number;
  /** The largest rate, above the smallest. Default 10. */
  maximum?: number;
  /** Rates of the grid, at least 2, equally far apart in their logarithms; "trials" only. Default 13, two for a power of ten. */
  points?: number;
  /** Steps of each training, at least 4. Default 30 for a trial, 100 for the range. */
  steps?: number;
  /** Examples of a step. Default 32. Streams have their own. */
  batchSize?: number;
  /** Whether a data set is shuffled; the order is the same in each trial. Default true. */
  shuffle?: boolean;
  /** Called after each trial, or after some steps, with the share that is done. */
  onProgress?: (share: number) => void;
  /** Stops the search, which then rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** A rate that was tried. */
export interface LearningRatePoint {
  /** α. */
  readonly rate: number;
  /**
   * Of a trial: the mean over the last quarter of its steps, Infinity if the loss was ever no finite number. Of the range test: the
   * smoothed loss up to the step with this rate, measured before its update.
   */
  readonly loss: number;
}

/** What a search found. */
export interface LearningRateCurve {
  /** How it was found. */
  readonly method: LearningRateMethod;
  /** By rising rates. The range test ends early where the loss grows. */
  readonly points: readonly LearningRatePoint[];
  /** The mean loss of the first batch, before any step. */
  readonly startLoss: number;
  /** The rate that the rule picks; undefined if no rate led to a loss below the first. */
  readonly recommendation: number | undefined;
  /** The rule, as a sentence. */
  readonly rule: string;
}

/** How rates are picked from the curve, and how the losses of the curve come about. */
export const LEARNING_RATE_RULES: Readonly<Record<LearningRateMethod, string>> = {
  trials: "the rate of the trial with the lowest mean loss over its last quarter",
  range: "a tenth of the rate at which the smoothed loss is lowest",
};

const OPTION_NAMES = [
  "method",
  "minimum",
  "maximum",
  "points",
  "steps",
  "batchSize",
  "shuffle",
  "onProgress",
  "signal",
];

/** Of the smoothed loss of the range test: what the mean keeps in a step. */
const SMOOTHING = 0.9;
/** The range test ends when the smoothed loss is so many times the lowest. */
const GROWTH = 4;
/** Steps of the range test between two readings. */
const READ_EVERY = 10;

/** Searches. Whatever happens, parameters, buffers, the optimiser's memory and the step count are as before. */
export async function searchLearningRate(
  trainer: Trainer,
  source: BatchSource,
  options: LearningRateSearchOptions,
): Promise<LearningRateCurve> {
  const what = "learningRateSearch";
  checkKeys(options, what, OPTION_NAMES);
  const { method = "trials", minimum = 1e-5, maximum = 10, points = 13 } = options;
  checkOneOf(method, `${what}: method`, ["trials", "range"]);
  const { steps = method === "trials" ? 30 : 100, batchSize = 32, shuffle = true } = options;
  checkNumber(minimum, `${what}: minimum`, { min: 0, exclusiveMin: true });
  checkNumber(maximum, `${what}: maximum`, { min: minimum, exclusiveMin: true });
  checkNumber(points, `${what}: points`, { min: 2, integer: true });
  checkNumber(steps, `${what}: steps`, { min: 4, integer: true });
  checkNumber(batchSize, `${what}: batchSize`, { min: 1, integer: true });
  const { network } = trainer;
  const feeder = new Feeder(network.gpu, source, {
    ...{ batchSize, shuffle, inputShape: network.inputShape },
    release: (feed) => trainer.release(feed),
  });
  try {
    const search = new Search(trainer, feeder, { ...options, steps });
    try {
      return method === "trials"
        ? await search.trials(logarithmicGrid(minimum, maximum, points))
        : await search.range(logarithmicGrid(minimum, maximum, steps));
    } finally {
      await trainer.readStatistics().catch(() => {}); // nothing stays for the next run
      search.end();
    }
  } finally {
    feeder.dispose();
  }
}

class Search {
  readonly #trainer: Trainer;
  readonly #feeder: Feeder;
  readonly #options: LearningRateSearchOptions & { steps: number };
  readonly #learningRate: number | Schedule;
  readonly #step: number;
  /** Everything that training changes, and a copy of it. */
  readonly #saved: { readonly tensor: Tensor; readonly copy: Tensor }[] = [];

  constructor(
    trainer: Trainer,
    feeder: Feeder,
    options: LearningRateSearchOptions & { steps: number },
  ) {
    this.#trainer = trainer;
    this.#feeder = feeder;
    this.#options = options;
    this.#learningRate = trainer.learningRate;
    this.#step = trainer.step.value;
    const { gpu } = trainer.network;
    try {
      for (const tensor of trainer.trained()) {
        const copy = gpu.empty(tensor.shape, "f32", "state before the search");
        this.#saved.push({ tensor, copy });
        gpu.device.copy(tensor, 0, copy, 0, tensor.bytes);
      }
    } catch (error) {
      this.#free();
      throw error;
    }
  }

  /** A training at each rate. */
  async trials(rates: readonly number[]): Promise<LearningRateCurve> {
    const { steps, onProgress } = this.#options;
    const points: LearningRatePoint[] = [];
    let startLoss = NaN;
    for (const rate of rates) {
      this.#restore();
      const losses = await this.#train(rate, steps, () => false);
      startLoss = losses[0]!;
      const last = losses.slice(-Math.ceil(steps / 4));
      const finite = losses.every(Number.isFinite);
      points.push({ rate, loss: finite ? mean(last) : Infinity });
      onProgress?.(points.length / rates.length);
    }
    const { rate, loss } = lowest(points);
    return curve("trials", points, startLoss, loss < startLoss ? rate : undefined);
  }

  /** One training, in each step at the next rate. */
  async range(rates: readonly number[]): Promise<LearningRateCurve> {
    const { onProgress } = this.#options;
    const losses = await this.#train(
      (step) => rates[step - this.#step]!,
      rates.length,
      (losses) => {
        onProgress?.(losses.length / rates.length);
        return cutWhereItGrows(smooth(losses)).length < losses.length;
      },
    );
    const points = cutWhereItGrows(smooth(losses)).map((loss, i) => ({ rate: rates[i]!, loss }));
    const { rate, loss } = lowest(points);
    const startLoss = losses[0]!;
    return curve("range", points, startLoss, loss < startLoss ? rate / 10 : undefined);
  }

  /** Puts everything back and frees the copies. */
  end(): void {
    try {
      this.#restore();
    } finally {
      this.#trainer.learningRate = this.#learningRate;
      this.#free();
    }
  }

  #free(): void {
    for (const { copy } of this.#saved) copy.dispose();
  }

  #restore(): void {
    const { device } = this.#trainer.network.gpu;
    for (const { tensor, copy } of this.#saved) device.copy(copy, 0, tensor, 0, tensor.bytes);
    this.#trainer.step.value = this.#step;
  }

  /** Trains some steps, or fewer if `isEnough` says so. Returns their losses. */
  async #train(
    learningRate: number | Schedule,
    steps: number,
    isEnough: (losses: readonly number[]) => boolean,
  ): Promise<number[]> {
    const trainer = this.#trainer;
    trainer.learningRate = learningRate;
    const losses: number[] = [];
    let submitted = 0;
    for await (const batch of this.#batches()) {
      this.#options.signal?.throwIfAborted();
      trainer.trainOn(batch);
      submitted++;
      if (submitted < steps && submitted % READ_EVERY > 0) continue;
      for (const { rows, sums } of await trainer.readStatistics()) losses.push(sums[0]! / rows);
      // Once a loss is no number, all that follow are none.
      if (submitted === steps || !Number.isFinite(losses.at(-1)) || isEnough(losses)) break;
    }
    return losses;
  }

  /** The batches of one epoch after the other, in the order that `fit` would take. */
  async *#batches() {
    for (;;) yield* this.#feeder.epoch(orderKey(this.#trainer));
  }
}

function curve(
  method: LearningRateMethod,
  points: readonly LearningRatePoint[],
  startLoss: number,
  recommendation: number | undefined,
): LearningRateCurve {
  return { method, points, startLoss, recommendation, rule: LEARNING_RATE_RULES[method] };
}

/** Rates from the first to the last, with a constant ratio. */
function logarithmicGrid(minimum: number, maximum: number, count: number): number[] {
  const ratio = Math.log(maximum / minimum);
  return Array.from(
    { length: count },
    (_, i) => i === count - 1 ? maximum : minimum * Math.exp(ratio * i / (count - 1)),
  );
}

/** Means that forget exponentially, without the pull of a start at 0: as Adam's. */
function smooth(losses: readonly number[]): number[] {
  let kept = 0;
  return losses.map((loss, i) => {
    kept = SMOOTHING * kept + (1 - SMOOTHING) * loss;
    return kept / (1 - SMOOTHING ** (i + 1));
  });
}

/** The losses before the first that is no number or much above the lowest before it. */
function cutWhereItGrows(losses: readonly number[]): readonly number[] {
  let least = Infinity;
  const end = losses.findIndex((loss) => {
    least = Math.min(least, loss);
    return !(loss <= GROWTH * least);
  });
  return end < 0 ? losses : losses.slice(0, end);
}

/** The point with the lowest loss, the first of equals. */
function lowest(points: readonly LearningRatePoint[]): LearningRatePoint {
  return points.reduce(
    (best, point) => point.loss < best.loss ? point : best,
    { rate: NaN, loss: Infinity },
  );
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
