/**
 * The training loop: epochs of steps, with reports, validation and a way to stop.
 *
 * @module
 */

import type { BatchSource } from "../data/dataset.ts";
import { NonFiniteError } from "../errors.ts";
import { checkKeys, checkNumber } from "../options.ts";
import { threefry } from "../random.ts";
import { Feeder, type RehearsedExamples, rehearseEpoch } from "./batches.ts";
import { evaluate, rehearseEvaluate } from "./evaluate.ts";
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
  /** Stops training after the steps in hand; `fit` then returns what was done. */
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
    await trainer.readStatistics().catch(() => {}); // nothing stays for the next run
    feeder.dispose();
  }
}

/** Takes the memory that {@linkcode fit} would take, and frees what it would free: to plan it. */
export function rehearseFit(
  trainer: Trainer,
  examples: RehearsedExamples,
  validation: RehearsedExamples | undefined,
  { batchSize = 32, shuffle = true }: Pick<FitOptions, "batchSize" | "shuffle">,
): void {
  const { gpu, inputShape } = trainer.network;
  const batches = rehearseEpoch(gpu, examples, { batchSize, shuffle, inputShape });
  for (const { feed, rows } of batches) trainer.train(feed, rows);
  void trainer.readStatistics();
  if (validation !== undefined) rehearseEvaluate(trainer, validation, { batchSize });
  for (const { feed } of batches) trainer.release(feed);
}

/** Selects the order of the examples in an epoch that begins with the next step. */
export function orderKey({ network, step }: Trainer): number {
  return threefry(network.seed, SHUFFLE_STREAM, step.value, 0)[0];
}

/** An epoch whose steps are submitted and not all read. */
interface OpenEpoch {
  readonly epoch: number;
  readonly means: RunningMeans;
  /** Steps in all; undefined until the last one is submitted. */
  steps: number | undefined;
}

/** A reading under way: the statistics of steps, and the time that they took. */
interface Reading {
  readonly steps: Promise<StepStatistics[]>;
  readonly seconds: number;
}

class Run {
  readonly #trainer: Trainer;
  readonly #feeder: Feeder;
  readonly #options: FitOptions & { epochs: number; batchSize: number };
  readonly #epochs: EpochRecord[] = [];
  readonly #stepLosses: number[] = [];
  readonly #firstStep: number;
  /** The epochs that wait for readings, oldest first. */
  readonly #open: OpenEpoch[] = [];
  #epochSteps: number | undefined;
  /** Steps between two readings, adapted to the time they take. */
  #interval = 1;
  #intervalStart = 0;
  #reading: Reading | undefined;

  constructor(
    trainer: Trainer,
    feeder: Feeder,
    options: FitOptions & { epochs: number; batchSize: number },
  ) {
    this.#trainer = trainer;
    this.#feeder = feeder;
    this.#options = options;
    this.#firstStep = trainer.step.value;
    this.#epochSteps = feeder.steps;
  }

  async run(): Promise<History> {
    const { epochs, signal } = this.#options;
    this.#intervalStart = performance.now();
    for (let epoch = 1; epoch <= epochs && !signal?.aborted; epoch++) await this.#runEpoch(epoch);
    await this.#drain();
    return {
      epochs: this.#epochs,
      stepLosses: this.#stepLosses,
      stopped: signal?.aborted ?? false,
    };
  }

  async #runEpoch(epoch: number): Promise<void> {
    const { signal, validation, batchSize, onEpoch } = this.#options;
    const { statistics } = this.#trainer;
    const key = orderKey(this.#trainer);
    const open: OpenEpoch = {
      epoch,
      means: new RunningMeans(this.#trainer.columns),
      steps: undefined,
    };
    this.#open.push(open);
    let steps = 0;
    for await (const batch of this.#feeder.epoch(key)) {
      this.#trainer.trainOn(batch);
      steps++;
      if (statistics.pending >= this.#interval) await this.#report();
      if (signal?.aborted) break;
    }
    open.steps = steps;
    if (!signal?.aborted) this.#epochSteps = steps;
    // Somebody looks at the model now, so the epoch has to be over. Otherwise small epochs flow on without a wait.
    if (validation === undefined && onEpoch === undefined) return;
    await this.#drain();
    if (validation !== undefined && !signal?.aborted) {
      const { loss, accuracy } = await evaluate(this.#trainer, validation, { batchSize });
      const record = this.#epochs.pop()!;
      this.#epochs.push({
        ...record,
        valLoss: loss,
        ...(accuracy === undefined ? {} : { valAccuracy: accuracy }),
      });
      this.#intervalStart = performance.now();
    }
    onEpoch?.(this.#epochs.at(-1)!);
  }

  /**
   * Takes the last reading and starts the next. A reading blocks until the GPU is idle and then sleeps 10 ms; it is awaited
   * only after the next steps were submitted, so that the GPU works meanwhile.
   */
  async #report(): Promise<void> {
    this.#trainer.submit();
    await this.#finishReading();
    const { statistics } = this.#trainer;
    const submitted = statistics.pending;
    const { seconds } = this.#startReading();
    const wanted = Math.round(REPORT_SECONDS * submitted / seconds);
    // Grow slowly: the first steps include compilation, and a reading is due before the table is full.
    this.#interval = Math.max(1, Math.min(wanted, 4 * this.#interval, statistics.capacity));
  }

  /** Reads everything that is submitted. */
  async #drain(): Promise<void> {
    this.#trainer.submit();
    await this.#finishReading();
    this.#startReading();
    await this.#finishReading();
  }

  #startReading(): Reading {
    const steps = this.#trainer.readStatistics();
    steps.catch(() => {}); // thrown where it is awaited
    const now = performance.now();
    this.#reading = { steps, seconds: (now - this.#intervalStart) / 1000 };
    this.#intervalStart = now;
    return this.#reading;
  }

  async #finishReading(): Promise<void> {
    const reading = this.#reading;
    if (reading === undefined) return;
    this.#reading = undefined;
    const steps = await reading.steps;
    for (const { rows, sums } of steps) this.#take(rows, sums, reading.seconds / steps.length);
    if (steps.length > 0) this.#options.onProgress?.(this.#progress());
    this.#closeEpoch();
  }

  #take(rows: number, sums: readonly number[], seconds: number): void {
    this.#closeEpoch();
    const { epoch, means } = this.#open[0]!;
    const loss = sums[0]! / rows;
    if (!Number.isFinite(loss)) {
      const step = this.#firstStep + this.#stepLosses.length;
      throw new NonFiniteError(
        `Training stopped: the loss of step ${step} (epoch ${epoch}) is ${loss}; ` +
          `a smaller learning rate or clipNorm may help`,
        step,
      );
    }
    this.#stepLosses.push(loss);
    means.add(rows, sums, seconds);
  }

  /** Moves the oldest open epoch to the records if its last step was read. */
  #closeEpoch(): void {
    const open = this.#open[0];
    if (open === undefined || open.means.steps !== open.steps) return;
    this.#open.shift();
    const { steps, seconds, examples } = open.means;
    this.#epochs.push({
      epoch: open.epoch,
      ...open.means.means(),
      steps,
      seconds,
      examplesPerSecond: examples / seconds,
    });
  }

  #progress(): Progress {
    const { epochs } = this.#options;
    const { epoch, means } = this.#open[0]!;
    const { steps, examples, seconds } = means;
    const total = this.#epochSteps;
    const left = total === undefined ? undefined : (epochs - epoch + 1) * total - steps;
    return {
      epoch,
      epochs,
      step: steps,
      steps: total,
      ...means.means(),
      examplesPerSecond: examples / seconds,
      secondsLeft: left === undefined ? undefined : left * seconds / steps,
    };
  }
}
