/**
 * The mean and deviation of each channel of a data set, in one pass over it.
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import { checkKeys } from "../options.ts";
import { checkShape, type Shape, sizeOf } from "../shape.ts";
import { type Batch, checkBatch } from "./batch.ts";
import { type BatchSource, Dataset } from "./dataset.ts";

/** What {@linkcode channelMoments} finds, as the layer `Normalize` takes it. */
export interface ChannelMoments {
  /** The mean of each channel; bytes count as 0 … 1. */
  mean: number[];
  /** The standard deviation of each channel, of all its values, not of a sample. */
  deviation: number[];
}

/** Options of {@linkcode channelMoments}. */
export interface ChannelMomentsOptions {
  /** The shape of one input [c, …]; a data set has its own. */
  inputShape?: Shape;
}

/** Examples of a data set that are read as one batch. */
const BATCH = 256;

/**
 * The mean and the deviation of each channel over all examples and places, in float64:
 *
 * mean[c] = Σ x[n, c, …] / N, deviation[c] = √(Σ (x[n, c, …] − mean[c])² / N)
 *
 * The data is read once, batch by batch. Sums of squares are taken about the mean of a batch and merged, so that no digits
 * are lost where the deviation is small beside the mean.
 *
 * Shape: inputs [c, …].
 *
 * @param data A data set, or any iterable of batches; of these `inputShape` must be given.
 * @throws {OptionError} if there is no example, or the shape is missing.
 * @throws {ShapeError} if a batch does not fit the shape.
 *
 * @example
 * ```ts
 * import { channelMoments, Dataset } from "@strata/strata";
 * import { assertEquals } from "@std/assert";
 *
 * const x = new Float32Array([0, 2, 5, 5]);
 * const images = new Dataset({ x, y: [0], inputShape: [2, 1, 2] });
 * assertEquals(await channelMoments(images), { mean: [1, 5], deviation: [1, 0] });
 * ```
 *
 * @see Chan, Golub, LeVeque, "Algorithms for computing the sample variance", The American Statistician 37 (1983).
 */
export async function channelMoments(
  data: BatchSource,
  options: ChannelMomentsOptions = {},
): Promise<ChannelMoments> {
  checkKeys(options, "channelMoments", ["inputShape"]);
  const inputShape = data instanceof Dataset ? data.inputShape : options.inputShape;
  if (inputShape === undefined) {
    throw new OptionError("channelMoments: inputShape: must be given for an iterable of batches");
  }
  checkShape(inputShape, "channelMoments: inputShape");
  const sums = Array.from(
    { length: inputShape[0] ?? 1 },
    () => ({ count: 0, mean: 0, squares: 0 }),
  );
  let index = 0;
  for await (const batch of data instanceof Dataset ? data.batches(BATCH) : data) {
    checkBatch(batch, { inputShape }, index++);
    sums.forEach((sum, c) => merge(sum, momentsOf(batch, c, inputShape)));
  }
  if (sums.some(({ count }) => count === 0)) {
    throw new OptionError("channelMoments: expected examples, got none");
  }
  return {
    mean: sums.map(({ mean }) => mean),
    deviation: sums.map(({ count, squares }) => Math.sqrt(squares / count)),
  };
}

/** Some values: how many, their mean, and the sum of their squared distances from it. */
interface Moments {
  count: number;
  mean: number;
  squares: number;
}

/** Of one channel of a batch. */
function momentsOf({ x, length }: Batch, channel: number, inputShape: Shape): Moments {
  const size = sizeOf(inputShape);
  const plane = sizeOf(inputShape.slice(1));
  const scale = x instanceof Uint8Array ? 1 / 255 : 1;
  const sumOf = (term: (value: number) => number): number => {
    let sum = 0;
    for (let n = 0; n < length; n++) {
      const start = n * size + channel * plane;
      for (let i = start; i < start + plane; i++) sum += term(x[i]!);
    }
    return sum;
  };
  const count = length * plane;
  const mean = sumOf((value) => value) / count;
  const squares = sumOf((value) => (value - mean) ** 2);
  return { count, mean: scale * mean, squares: scale ** 2 * squares };
}

/** Adds other values. */
function merge(all: Moments, other: Moments): void {
  if (other.count === 0) return;
  const count = all.count + other.count;
  const difference = other.mean - all.mean;
  all.squares += other.squares + difference ** 2 * (all.count * other.count / count);
  all.mean += difference * (other.count / count);
  all.count = count;
}
