/**
 * Turns any source of batches into feeds on the GPU, one batch after the other.
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import { type Batch, checkBatch } from "../data/batch.ts";
import { type BatchSource, Dataset } from "../data/dataset.ts";
import type { Gpu } from "../gpu/gpu.ts";
import type { Shape } from "../shape.ts";
import { type ExamplesLayout, Feed, fitsOnGpu, layoutOf } from "./feed.ts";

/** The next examples: `rows` of a feed, from its `start`. */
export interface FedBatch {
  readonly feed: Feed;
  readonly rows: number;
  /** Whether the feed still has them when the next batch was taken, so that the step on them may wait. */
  readonly stays: boolean;
}

/** Sizes of batches of a stream that keep their feeds; a source that yields more sizes is slower, not wrong. */
const KEPT_FEEDS = 4;

/** How batches are taken from a source. */
export interface FeederOptions {
  readonly batchSize: number;
  /** Whether to shuffle a data set; the order of a stream is its own. */
  readonly shuffle: boolean;
  readonly inputShape: Shape;
  /** Frees a feed and what was recorded for it. */
  readonly release: (feed: Feed) => void;
}

/** Feeds the batches of a source, epoch by epoch. A data set that fits stays on the GPU. */
export class Feeder {
  /** Steps of an epoch, if they are known before it. */
  readonly steps: number | undefined;
  readonly #gpu: Gpu;
  readonly #source: BatchSource;
  readonly #options: FeederOptions;
  readonly #resident: Feed | undefined;
  readonly #staging: Feed[] = [];

  /** @throws {OptionError} if the source is no data set and cannot be iterated, or has no examples. */
  constructor(gpu: Gpu, source: BatchSource, options: FeederOptions) {
    this.#gpu = gpu;
    this.#source = source;
    this.#options = options;
    if (source instanceof Dataset) {
      if (source.length === 0) throw new OptionError("The data set has no examples");
      this.steps = Math.ceil(source.length / options.batchSize);
      if (fitsOnGpu(gpu, layoutOf(source), options.inputShape)) {
        this.#resident = new Feed(gpu, source, options.inputShape, options.shuffle);
      }
    } else if (!(Symbol.asyncIterator in source || Symbol.iterator in source)) {
      throw new OptionError("Expected a Dataset or an iterable of batches");
    }
  }

  /**
   * The batches of one epoch. Each must be used before the next one is taken, if it does not stay.
   *
   * @param key Selects the order, if the source is shuffled.
   */
  async *epoch(key: number): AsyncGenerator<FedBatch> {
    const source = this.#source;
    const { batchSize, shuffle, inputShape } = this.#options;
    if (this.#resident !== undefined) {
      yield* this.#slices(this.#resident, key);
      return;
    }
    const batches = source instanceof Dataset
      ? source.batches(batchSize, shuffle ? { shuffle: key } : {})
      : source;
    let index = 0;
    for await (const batch of batches as AsyncIterable<Batch>) {
      checkBatch(batch, { inputShape }, index++);
      const feed = this.#stagingFor(batch);
      yield { feed, rows: batch.length, stays: false };
    }
    if (index === 0) {
      throw new OptionError(
        "The source yielded no batches; for several epochs it must start anew each time it is iterated",
      );
    }
  }

  /** Frees the feeds. */
  dispose(): void {
    for (const feed of [this.#resident, ...this.#staging]) {
      if (feed !== undefined) this.#options.release(feed);
    }
  }

  *#slices(feed: Feed, key: number): Generator<FedBatch> {
    const { batchSize } = this.#options;
    if (feed.shuffleKey !== undefined) feed.shuffleKey.value = key;
    for (let start = 0; start < feed.length; start += batchSize) {
      feed.start.value = start;
      yield { feed, rows: Math.min(batchSize, feed.length - start), stays: true };
    }
  }

  #stagingFor(batch: Batch): Feed {
    const known = this.#staging.findIndex((feed) => feed.accepts(batch));
    let feed: Feed;
    if (known >= 0) {
      feed = this.#staging.splice(known, 1)[0]!;
      feed.write(batch);
    } else {
      feed = new Feed(this.#gpu, batch, this.#options.inputShape, false);
    }
    this.#staging.push(feed); // the most recent last
    if (this.#staging.length > KEPT_FEEDS) this.#options.release(this.#staging.shift()!);
    return feed;
  }
}

/** Examples that are not there, to plan their memory. */
export interface RehearsedExamples extends ExamplesLayout {
  /** Whether batches come one by one, however few examples there are. */
  readonly stream: boolean;
}

/**
 * The batches that a {@linkcode Feeder} yields in an epoch, each size once, from feeds that nothing is written into: to plan the
 * memory that they take.
 */
export function rehearseEpoch(
  gpu: Gpu,
  examples: RehearsedExamples,
  { batchSize, shuffle, inputShape }: Omit<FeederOptions, "release">,
): FedBatch[] {
  const { length, stream } = examples;
  const sizes = [...new Set([Math.min(batchSize, length), length % batchSize || batchSize])];
  if (stream || !fitsOnGpu(gpu, examples, inputShape)) {
    const feedOf = (rows: number) =>
      new Feed(gpu, { ...examples, length: rows }, inputShape, false);
    return sizes.map((rows) => ({ feed: feedOf(rows), rows, stays: false }));
  }
  const feed = new Feed(gpu, examples, inputShape, shuffle);
  return sizes.map((rows) => ({ feed, rows, stays: true }));
}
