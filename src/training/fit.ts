/**
 * The training loop: epochs of steps, with reports, validation and a way to stop.
 *
 * @module
 */

import type { BatchSource } from "../data/dataset.ts";
import { NonFiniteError } from "../errors.ts";
import { checkKeys, checkNumber } from "../options.ts";
import { threefry } from "../random.ts";
import { Feeder } from "./batches.ts";
import { evaluate } from "./evaluate.ts";
import { type EpochRecord, type History, type Progress, RunningMeans } from "./history.ts";
import type { StepStatistics } from "./statistics.ts";
import type { Trainer } from "./trainer.ts";

/** Options of {@linkcode Sequential.fit}. */
export interface FitOptions {
  /** Passes over the data. Default 1. */
  epochs?: number;
  /** Examples of a step. Default 32. Streams have their own. */
  batchSize?: number;
  /** Measured after each epoch. */
  validation?: BatchSource;
  /** Whether a data set is visited in another order each epoch. Default true. */
  shuffle?: boolean;
  /** Called some four times a second. */
  onProgress?: (progress: Progress) => void;
  /** Called after each epoch. */
  onEpoch?: (epoch: EpochRecord) => void;
  /** Stops training after the step in hand; `fit` then returns what was done. */
  signal?: AbortSignal;
}

const OPTION_NAMES = [
  "epochs",
  "batchSize",
  "validation",
  "shuffle",
  "onProgress",
  "onEpoch",
  "signal",
];

/** Seconds between two readings of the statistics. */
const REPORT_SECONDS = 0.25;
/** The stream of random numbers that orders the examples; parameters use 0 and up. */
const SHUFFLE_STREAM = 0x0fffffff;

/**
 * Trains.
 *
 * @throws {NonFiniteError} naming the step whose loss was NaN or infinite.
 */
export async function fit(
  trainer: Trainer,
  source: BatchSource,
  options: FitOptions,
): Promise<History> {
  checkKeys(options, "fit", OPTION_NAMES);
  const { epochs = 1, batchSize = 32, shuffle = true } = options;
  checkNumber(epochs, "fit: epochs", { min: 1, integer: true });
  checkNumber(batchSize, "fit: batchSize", { min: 1, integer: true });
  const { network } = trainer;
  const feeder = new Feeder(network.gpu, source, {
    batchSize,
    shuffle,
    inputShape: network.inputShape,
    release: (feed) => trainer.release(feed),
  });
  try {
    return await new Run(trainer, feeder, { ...options, epochs, batchSize }).run();
  } finally {
    await trainer.statistics.read().catch(() => {}); // nothing stays for the next run
    feeder.dispose();
  }
}

class Run {
  readonly #trainer: Trainer;
  readonly #feeder: Feeder;
  readonly #options: FitOptions & { epochs: number; batchSize: number };
  readonly #epochs: EpochRecord[] = [];
  readonly #stepLosses: number[] = [];
  readonly #firstStep: number;
  #means: RunningMeans;
  #epoch = 1;
  #epochSteps: number | undefined;
  /** Steps between two readings, adapted to the time they take. */
  #interval = 4;
  #intervalStart = 0;
  #epochStart = 0;
  #reading: Promise<StepStatistics[]> | undefined;

  constructor(
    trainer: Trainer,
    feeder: Feeder,
    options: FitOptions & { epochs: number; batchSize: number },
  ) {
    this.#trainer = trainer;
    this.#feeder = feeder;
    this.#options = options;
    this.#means = new RunningMeans(trainer.columns);
    this.#firstStep = trainer.step.value;
    this.#epochSteps = feeder.steps;
  }

  async run(): Promise<History> {
    const { epochs, signal } = this.#options;
    for (; this.#epoch <= epochs && !signal?.aborted; this.#epoch++) await this.#runEpoch();
    return {
      epochs: this.#epochs,
      stepLosses: this.#stepLosses,
      stopped: signal?.aborted ?? false,
    };
  }

  async #runEpoch(): Promise<void> {
    const { signal, validation, batchSize, onEpoch } = this.#options;
    const { network, statistics } = this.#trainer;
    const key = threefry(network.seed, SHUFFLE_STREAM, this.#trainer.step.value, 0)[0];
    this.#means = new RunningMeans(this.#trainer.columns);
    this.#epochStart = this.#intervalStart = performance.now();
    for await (const { feed, rows } of this.#feeder.epoch(key)) {
      this.#trainer.train(feed, rows);
      if (statistics.pending >= this.#interval) await this.#report();
      if (signal?.aborted) break;
    }
    await this.#finishReading();
    this.#take(await statistics.read());
    const seconds = (performance.now() - this.#epochStart) / 1000;
    this.#epochSteps = this.#means.steps;
    const measured = validation === undefined || signal?.aborted
      ? undefined
      : await evaluate(this.#trainer, validation, { batchSize });
    const record: EpochRecord = {
      epoch: this.#epoch,
      ...this.#means.means(),
      ...(measured === undefined ? {} : { valLoss: measured.loss }),
      ...(measured?.accuracy === undefined ? {} : { valAccuracy: measured.accuracy }),
      steps: this.#means.steps,
      seconds,
      examplesPerSecond: this.#means.examples / seconds,
    };
    this.#epochs.push(record);
    onEpoch?.(record);
  }

  /**
   * Takes the last reading and starts the next. A reading blocks until the GPU is idle and then sleeps 10 ms; it is awaited
   * only after the next steps were submitted, so that the GPU works meanwhile.
   */
  async #report(): Promise<void> {
    await this.#finishReading();
    const { statistics } = this.#trainer;
    const submitted = statistics.pending;
    this.#reading = statistics.read();
    this.#reading.catch(() => {}); // thrown where it is awaited
    const now = performance.now();
    const perStep = (now - this.#intervalStart) / 1000 / submitted;
    this.#intervalStart = now;
    const wanted = Math.round(REPORT_SECONDS / perStep);
    // Grow slowly: the first steps include compilation, and a reading is due before the table is full.
    this.#interval = Math.max(1, Math.min(wanted, 4 * this.#interval, statistics.capacity));
  }

  async #finishReading(): Promise<void> {
    if (this.#reading === undefined) return;
    const steps = await this.#reading;
    this.#reading = undefined;
    this.#take(steps);
    this.#options.onProgress?.(this.#progress());
  }

  #take(steps: readonly StepStatistics[]): void {
    for (const { rows, sums } of steps) {
      const loss = sums[0]! / rows;
      if (!Number.isFinite(loss)) {
        const step = this.#firstStep + this.#stepLosses.length;
        throw new NonFiniteError(
          `Training stopped: the loss of step ${step} (epoch ${this.#epoch}) is ${loss}; ` +
            `a smaller learning rate or clipNorm may help`,
          step,
        );
      }
      this.#stepLosses.push(loss);
      this.#means.add(rows, sums);
    }
  }

  #progress(): Progress {
    const { epochs } = this.#options;
    const { steps, examples } = this.#means;
    const seconds = (performance.now() - this.#epochStart) / 1000;
    const total = this.#epochSteps;
    const left = total === undefined ? undefined : (epochs - this.#epoch + 1) * total - steps;
    return {
      epoch: this.#epoch,
      epochs,
      step: steps,
      steps: total,
      ...this.#means.means(),
      examplesPerSecond: examples / seconds,
      secondsLeft: left === undefined ? undefined : left * seconds / steps,
    };
  }
}
