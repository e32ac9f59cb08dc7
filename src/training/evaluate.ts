/**
 * Measures a model on data that it is not trained on.
 *
 * @module
 */

import type { BatchSource } from "../data/dataset.ts";
import { checkKeys, checkNumber } from "../options.ts";
import { Feeder, type RehearsedExamples, rehearseEpoch } from "./batches.ts";
import { RunningMeans } from "./history.ts";
import type { Trainer } from "./trainer.ts";

/** Options of {@linkcode Sequential.evaluate}. */
export interface EvaluateOptions {
  /** Examples that are computed together. Default 128. */
  batchSize?: number;
}

/** Means over all examples. */
export interface Evaluation {
  /** The mean loss. */
  readonly loss: number;
  /** If accuracy was asked for in `compile`. */
  readonly accuracy?: number;
}

/** Measures loss and metrics over all examples of a source. */
export async function evaluate(
  trainer: Trainer,
  source: BatchSource,
  options: EvaluateOptions,
): Promise<Evaluation> {
  checkKeys(options, "evaluate", ["batchSize"]);
  const { batchSize = 128 } = options;
  checkNumber(batchSize, "evaluate: batchSize", { min: 1, integer: true });
  const { network } = trainer;
  const statistics = trainer.newStatistics();
  const means = new RunningMeans(trainer.columns);
  const take = async () => {
    for (const { rows, sums } of await statistics.read()) means.add(rows, sums);
  };
  const feeder = new Feeder(network.gpu, source, {
    batchSize,
    shuffle: false,
    inputShape: network.inputShape,
    release: (feed) => trainer.release(feed),
  });
  try {
    for await (const { feed, rows } of feeder.epoch(0)) {
      trainer.evaluate(feed, rows, statistics);
      if (statistics.pending === statistics.capacity) await take();
    }
    await take();
  } finally {
    feeder.dispose();
    statistics.dispose();
  }
  return means.means();
}

/** Takes the memory that {@linkcode evaluate} would take, and frees it: to plan it. */
export function rehearseEvaluate(
  trainer: Trainer,
  examples: RehearsedExamples,
  { batchSize = 128 }: EvaluateOptions,
): void {
  const { gpu, inputShape } = trainer.network;
  const statistics = trainer.newStatistics();
  const batches = rehearseEpoch(gpu, examples, { batchSize, shuffle: false, inputShape });
  for (const { feed, rows } of batches) trainer.evaluate(feed, rows, statistics);
  void statistics.read();
  for (const { feed } of batches) trainer.release(feed);
  statistics.dispose();
}
