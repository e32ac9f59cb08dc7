/**
 * What training reports while it runs and when it is done.
 *
 * @module
 */

/** One epoch of training. */
export interface EpochRecord {
  /** From 1. */
  readonly epoch: number;
  /** Mean over the epoch's examples, each measured before its step's update. */
  readonly loss: number;
  /** Likewise; if accuracy was asked for. */
  readonly accuracy?: number;
  /** On the validation data, after the epoch. */
  readonly valLoss?: number;
  /** On the validation data, after the epoch. */
  readonly valAccuracy?: number;
  /** Training steps. */
  readonly steps: number;
  /** Training time, without validation. */
  readonly seconds: number;
  /** Training examples a second. */
  readonly examplesPerSecond: number;
}

/** The course of training. */
export interface History {
  /** The epochs, the last one perhaps cut short. */
  readonly epochs: readonly EpochRecord[];
  /** The mean loss of every step. */
  readonly stepLosses: readonly number[];
  /** Whether it was stopped by a signal before its end. */
  readonly stopped: boolean;
}

/** How far training is. */
export interface Progress {
  /** From 1. */
  readonly epoch: number;
  /** Epochs in all. */
  readonly epochs: number;
  /** Steps done in this epoch. */
  readonly step: number;
  /** Steps of an epoch; undefined for a stream in its first epoch. */
  readonly steps: number | undefined;
  /** Mean loss of the epoch so far. */
  readonly loss: number;
  /** Accuracy of the epoch so far, if it was asked for. */
  readonly accuracy?: number;
  /** Training examples a second, in this epoch. */
  readonly examplesPerSecond: number;
  /** Until the last epoch is done, without validation; undefined while unknown. */
  readonly secondsLeft: number | undefined;
}

/** Adds up the statistics of steps, in double precision. */
export class RunningMeans {
  /** Examples so far. */
  examples = 0;
  /** Steps so far. */
  steps = 0;
  /** Their time. */
  seconds = 0;
  readonly #columns: readonly string[];
  readonly #sums: number[];

  /** @param columns Names of the sums. */
  constructor(columns: readonly string[]) {
    this.#columns = columns;
    this.#sums = columns.map(() => 0);
  }

  /** Adds one step. */
  add(rows: number, sums: readonly number[], seconds = 0): void {
    this.examples += rows;
    this.seconds += seconds;
    this.steps++;
    sums.forEach((sum, i) => this.#sums[i]! += sum);
  }

  /** The means over all examples, by the columns' names. */
  means(): { loss: number; accuracy?: number } {
    const entries = this.#columns.map((name, i) => [name, this.#sums[i]! / this.examples]);
    return Object.fromEntries(entries);
  }
}
