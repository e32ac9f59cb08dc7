/**
 * Examples on the GPU, from which batches are gathered there: a whole data set, or one batch of a stream.
 *
 * @module
 */

import type { Batch } from "../data/batch.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { type Recorder, Scalar } from "../gpu/recorder.ts";
import type { ArrayOf, Tensor } from "../gpu/tensor.ts";
import { gatherExamples } from "../ops/gather.ts";
import type { Shape } from "../shape.ts";

/** A batch as tensors. */
export interface BatchTensors {
  /** Shape: [rows, …inputShape]. */
  readonly x: Tensor;
  /** Class indices [rows], or targets [rows, …targetShape]. */
  readonly y: Tensor<"u32"> | Tensor;
}

/** Examples on the GPU and the place in them where the next batch begins. */
export class Feed {
  readonly x: Tensor<"u8"> | Tensor;
  readonly y: Tensor<"u32"> | Tensor;
  /** Position of the next batch's first example. */
  readonly start: Scalar = new Scalar(0);
  /** Selects the order of the examples; undefined if they stay in their own. */
  readonly shuffleKey: Scalar | undefined;

  /**
   * @param batch Examples whose number and types the feed takes over; they are written at once.
   * @param shuffled Whether batches are gathered in the order of {@linkcode Feed.shuffleKey}.
   */
  constructor(gpu: Gpu, batch: Batch, inputShape: Shape, shuffled: boolean) {
    const { x, y, length } = batch;
    const type = x instanceof Uint8Array ? "u8" : "f32";
    this.x = gpu.empty([length, ...inputShape], type, "inputs") as Tensor<"u8"> | Tensor;
    this.y = y instanceof Uint32Array
      ? gpu.empty([length], "u32", "labels")
      : gpu.empty([length, y.length / Math.max(1, length)], "f32", "targets");
    this.shuffleKey = shuffled ? new Scalar(0) : undefined;
    this.write(batch);
  }

  /** The number of examples. */
  get length(): number {
    return this.x.shape[0]!;
  }

  /** Whether a batch can be written into this feed. */
  accepts({ x, y, length }: Batch): boolean {
    return length === this.length && (x instanceof Uint8Array) === (this.x.type === "u8") &&
      (y instanceof Uint32Array) === (this.y.type === "u32") && y.length === this.y.size;
  }

  /** Replaces the examples, in order with all work submitted before and after. */
  write({ x, y }: Batch): void {
    (this.x as Tensor<"u8">).write(x as ArrayOf["u8"]);
    (this.y as Tensor<"u32">).write(y as ArrayOf["u32"]);
  }

  /** Records how a batch is gathered. */
  gather(recorder: Recorder, rows: number): BatchTensors {
    const options = {
      rows,
      start: this.start,
      ...(this.shuffleKey === undefined ? {} : { shuffleKey: this.shuffleKey }),
    };
    return gatherExamples(recorder, this.x, this.y, options);
  }

  /** Frees the examples. */
  dispose(): void {
    this.x.dispose();
    this.y.dispose();
  }
}

/** Whether a data set is small enough to stay on the GPU: each of its arrays fits a binding. */
export function fitsOnGpu(gpu: Gpu, { x, y }: Dataset): boolean {
  const limit = gpu.device.raw.limits.maxStorageBufferBindingSize;
  return Math.max(x.byteLength, y.byteLength) <= limit;
}
