/**
 * What a workload is, and the two kinds there are: an operation, replayed as a program, and a training step.
 *
 * @module
 */

import type { Gpu } from "../src/gpu/gpu.ts";
import {
  type DispatchDescription,
  type DispatchProfile,
  Program,
  type ProgramRecorder,
} from "../src/gpu/program.ts";
import type { DataType, Tensor } from "../src/gpu/tensor.ts";
import type { StepStatistics } from "../src/training/statistics.ts";
import type { Feed } from "../src/training/feed.ts";
import type { Network } from "../src/training/network.ts";
import { STEPS_PER_SUBMIT, type Trainer } from "../src/training/trainer.ts";

/** The files of benchmarks, and the parts of the report. */
export type Suite =
  | "matmul"
  | "convolution"
  | "elementwise"
  | "softmax"
  | "reductions"
  | "training";

/** Something to be timed: a fixed amount of work that can be repeated. */
export interface Workload {
  readonly name: string;
  readonly suite: Suite;
  /** Workloads of one group are compared with one another. */
  readonly group: string;
  /** Arithmetic operations of one repetition, a multiply-add counted as two. */
  readonly flops: number;
  /** Bytes that one repetition must move: every input read once, every output written once. */
  readonly bytes: number;
  /** Bytes of intermediate results at once, for an operation that can say. */
  readonly workspace?: number;
  /** A word of the filter without which it is left out, since there are many like it, or since it takes long. */
  readonly askedBy?: string;
  /** Makes the inputs, compiles the kernels. */
  prepare(gpu: Gpu): PreparedWorkload;
}

/** Whether a workload is to be measured: its suite and name contain the filter, and what has to be asked for is. */
export function isSelected(
  { suite, name, askedBy }: Pick<Workload, "suite" | "name" | "askedBy">,
  filter: string,
  all = false,
): boolean {
  const asked = all || askedBy === undefined || filter.includes(askedBy);
  return asked && `${suite}: ${name}`.includes(filter);
}

/** A workload on the GPU. */
export interface PreparedWorkload extends Disposable {
  /** The most repetitions that are submitted together. */
  readonly perSubmit: number;
  /** Submits repetitions and does not wait for them. */
  run(repetitions: number): void;
  /** Waits for all that was submitted. @throws {GpuError} if the GPU reported an error. */
  wait(): Promise<void>;
  /** Every dispatch of one repetition. */
  describe(): DispatchDescription[];
  /** The same with times, see {@linkcode Program.profile}. @throws {GpuError} if the adapter has no timestamps. */
  profile(repetitions?: number, clock?: "gpu" | "wall"): Promise<DispatchProfile[]>;
  /** The error of the last result against float64, relative; undefined if that is not looked at. */
  error?(): Promise<number>;
  /** Frees everything. */
  dispose(): void;
}

const SECTION = "repetition";

/** An operation, or a few, recorded once. Its repetitions run one after the other, since they write the same memory. */
export class PreparedOperation implements PreparedWorkload {
  /** Few enough that none takes a card's watchdog's time. */
  readonly perSubmit = 32;
  readonly #gpu: Gpu;
  readonly #tensors: readonly Tensor<DataType>[];
  readonly #program: Program;
  readonly error?: () => Promise<number>;

  /**
   * @param tensors What it reads or writes; freed with it.
   * @param build Records one repetition.
   * @param error Of the last result against float64.
   */
  constructor(
    gpu: Gpu,
    tensors: readonly Tensor<DataType>[],
    build: (recorder: ProgramRecorder) => void,
    error?: () => Promise<number>,
  ) {
    this.#gpu = gpu;
    this.#tensors = tensors;
    if (error !== undefined) this.error = error;
    this.#program = Program.record(gpu.device, "benchmark", (recorder) => {
      recorder.section(SECTION);
      build(recorder);
    });
  }

  run(repetitions: number): void {
    for (let left = repetitions; left > 0; left -= this.perSubmit) {
      this.#program.run(...new Array<string>(Math.min(left, this.perSubmit)).fill(SECTION));
    }
  }

  async wait(): Promise<void> {
    await this.#gpu.synchronize();
  }

  describe(): DispatchDescription[] {
    return this.#program.describe();
  }

  async profile(repetitions?: number, clock?: "gpu" | "wall"): Promise<DispatchProfile[]> {
    return await this.#program.profile(repetitions, clock);
  }

  dispose(): void {
    this.#program.dispose();
    for (const tensor of this.#tensors) tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Training steps as `fit` submits them, each on the next examples of a data set that stays on the GPU. */
export class PreparedTraining implements PreparedWorkload {
  readonly perSubmit = STEPS_PER_SUBMIT;
  readonly #network: Network;
  readonly #trainer: Trainer;
  readonly #feed: Feed;
  readonly #rows: number;
  readonly #program: Program;
  #readings: Promise<StepStatistics[]>[] = [];

  /**
   * Records a step by running it once.
   *
   * @param rows The batch size.
   */
  constructor(network: Network, trainer: Trainer, feed: Feed, rows: number) {
    this.#network = network;
    this.#trainer = trainer;
    this.#feed = feed;
    this.#rows = rows;
    this.run(1);
    this.#program = [...trainer.programs(feed).values()][0]!;
  }

  run(repetitions: number): void {
    const { statistics } = this.#trainer;
    const { start, length } = this.#feed;
    for (let repetition = 0; repetition < repetitions; repetition++) {
      if (statistics.pending >= statistics.capacity) this.#read();
      this.#trainer.queue(this.#feed, this.#rows);
      const next = start.value + this.#rows;
      start.value = next + this.#rows > length ? 0 : next;
    }
    this.#trainer.submit();
  }

  /** Waits for the losses, which come after all that was submitted. */
  async wait(): Promise<void> {
    this.#read();
    const readings = this.#readings;
    this.#readings = [];
    for (const { sums } of (await Promise.all(readings)).flat()) {
      if (!Number.isFinite(sums[0])) throw new Error(`The loss of a step is ${sums[0]}`);
    }
  }

  describe(): DispatchDescription[] {
    return this.#program.describe();
  }

  async profile(repetitions?: number, clock?: "gpu" | "wall"): Promise<DispatchProfile[]> {
    return await this.#program.profile(repetitions, clock);
  }

  dispose(): void {
    this.#trainer.release(this.#feed);
    this.#trainer.dispose();
    this.#network.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #read(): void {
    const reading = this.#trainer.readStatistics();
    reading.catch(() => {}); // thrown where it is awaited
    this.#readings.push(reading);
  }
}
