/**
 * Examples on the GPU, from which batches are gathered there: a whole data set, or one batch of a stream.
 *
 * @module
 */

import type { Batch } from "../data/batch.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { type Recorder, Scalar } from "../gpu/recorder.ts";
import type { ArrayOf, Tensor } from "../gpu/tensor.ts";
import { gatherExamples } from "../ops/gather.ts";
import { type Shape, sizeOf } from "../shape.ts";

/** A batch as tensors. */
export interface BatchTensors {
  /** Shape: [rows, …inputShape]. */
  readonly x: Tensor;
  /** Class indices [rows], or targets [rows, …targetShape]. */
  readonly y: Tensor<"u32"> | Tensor;
}

/** How many examples there are and what they consist of; all that memory depends on. */
export interface ExamplesLayout {
  /** The number of examples. */
  readonly length: number;
  /** Whether inputs are bytes. */
  readonly bytes: boolean;
  /** "labels" for class indices, or the number of target values of an example. */
  readonly targets: "labels" | number;
}

/** The layout of examples in memory. */
export function layoutOf({ x, y, length }: Batch): ExamplesLayout {
  return {
    length,
    bytes: x instanceof Uint8Array,
    targets: y instanceof Uint32Array ? "labels" : y.length / Math.max(1, length),
  };
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
   * @param examples Their number and types; if they are examples in memory, they are written at once.
   * @param shuffled Whether batches are gathered in the order of {@linkcode Feed.shuffleKey}.
   */
  constructor(
    gpu: Gpu,
    examples: Batch | ExamplesLayout,
    inputShape: Shape,
    shuffled: boolean,
  ) {
    const batch = "x" in examples ? examples : undefined;
    const { length, bytes, targets } = "x" in examples ? layoutOf(examples) : examples;
    const type = bytes ? "u8" : "f32";
    this.x = gpu.empty([length, ...inputShape], type, "inputs", "data") as Tensor<"u8"> | Tensor;
    this.y = targets === "labels"
      ? gpu.empty([length], "u32", "labels", "data")
      : gpu.empty([length, targets], "f32", "targets", "data");
    this.shuffleKey = shuffled ? new Scalar(0) : undefined;
    if (batch !== undefined) this.write(batch);
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
    // A batch of a stream is taken as a whole; as such it may be larger than a binding.
    const whole = rows === this.length && this.shuffleKey === undefined;
    const options = {
      rows,
      start: whole ? 0 : this.start,
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
export function fitsOnGpu(
  gpu: Gpu,
  { length, bytes, targets }: ExamplesLayout,
  inputShape: Shape,
): boolean {
  const limit = gpu.device.limits.maxStorageBufferBindingSize;
  const x = length * sizeOf(inputShape) * (bytes ? 1 : 4);
  const y = 4 * length * (targets === "labels" ? 1 : targets);
  return Math.max(x, y) <= limit;
}
