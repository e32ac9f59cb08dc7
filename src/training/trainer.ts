/**
 * Records and replays the steps of training, evaluation and prediction.
 *
 * @module
 */

import { Program, type ProgramRecorder } from "../gpu/program.ts";
import { ScratchPool } from "../gpu/scratch_pool.ts";
import { type Recorder, Scalar } from "../gpu/recorder.ts";
import { checkFloat16, type DataType, type Tensor } from "../gpu/tensor.ts";
import { OptionError } from "../errors.ts";
import { checkOneOf } from "../options.ts";
import { type LossFunction, type LossName, resolveLoss } from "../losses/losses.ts";
import type { LossOptions, LossResult } from "../ops/losses.ts";
import { add } from "../ops/elementwise.ts";
import { sumOfSquares } from "../ops/reductions.ts";
import { clipScale } from "../ops/updates.ts";
import { matches, recordSums } from "../ops/statistics.ts";
import { type Optimizer, rateAt } from "../optimizers/optimizer.ts";
import type { Schedule } from "../optimizers/schedules.ts";
import type { FedBatch } from "./batches.ts";
import type { BatchTensors, Feed } from "./feed.ts";
import { LossScale, type LossScalingOptions } from "./loss_scale.ts";
import type { Network } from "./network.ts";
import { StatisticsTable, type StepStatistics } from "./statistics.ts";

/** The metrics that a model can be compiled with. */
export type MetricName = "accuracy";

/** How a model is trained and measured. */
export interface CompileOptions {
  /** What is minimised. Takes logits. */
  loss: LossName | LossFunction;
  /** How. */
  optimizer: Optimizer;
  /** What is measured besides. Default: nothing. */
  metrics?: readonly MetricName[];
  /**
   * In how many bits numbers are kept; sums are computed in 32 bits in any case. "mixed" needs the adapter's feature shader-f16, and
   * keeps in 16 bits what layers hand on, the gradients that come back, and the copy of the weights that they compute with. 32 bits
   * are kept of parameters, their gradients, the optimiser's memory, the inputs and outputs of the model, and inside a layer. It
   * holds for `fit`, `evaluate`, `predict` and the three steps. Default "f32".
   */
  precision?: Precision;
  /**
   * Of "mixed" only: the gradient of the loss is multiplied by a scale, which the update divides by again, so that small gradients do
   * not vanish in 16 bits. If a gradient is not finite, the step is skipped and the scale halved; after some good steps it doubles.
   * The number of the step goes on, for the learning rate and for Adam's corrections, and running statistics change, as in any step.
   */
  lossScaling?: LossScalingOptions;
}

/** In how many bits numbers are kept: all in 32, or activations and a copy of the weights in 16. */
export type Precision = "f32" | "mixed";

/** The most training steps that are handed over to the GPU together. */
export const STEPS_PER_SUBMIT = 16;

/** The sections of a training program. */
export const SECTIONS = {
  gather: "gather",
  forward: "forward",
  buffers: "buffers",
  backward: "backward",
  update: "update",
} as const;

/** A network with a loss and an optimiser: records programs for feeds and batch sizes, and replays them. */
export class Trainer {
  readonly network: Network;
  readonly loss: LossName | LossFunction;
  readonly metrics: readonly MetricName[];
  readonly optimizer: Optimizer;
  readonly precision: Precision;
  /** That of the optimiser, unless a search tries another. */
  learningRate: number | Schedule;
  /** Sums of training steps. */
  readonly statistics: StatisticsTable;
  /** That of mixed precision. */
  readonly lossScale: LossScale | undefined;
  /** The number of the next training step. */
  readonly step: Scalar = new Scalar(0);
  readonly #lossFunction: LossFunction;
  readonly #numbers: Readonly<Record<string, Scalar>>;
  readonly #state: readonly Tensor[];
  readonly #pool: ScratchPool;
  readonly #programs = new Map<Feed, Map<string, Program>>();
  /** The program whose steps wait. */
  #waiting: Program | undefined;

  /**
   * @throws {OptionError} if a loss, metric or precision does not exist; {@linkcode GpuError} if the adapter has no 16-bit floats and
   * they are wanted.
   */
  constructor(network: Network, options: CompileOptions) {
    const { loss, optimizer, metrics = [], precision = "f32", lossScaling } = options;
    this.#lossFunction = resolveLoss(loss);
    for (const metric of metrics) checkOneOf(metric, "compile: metrics", ["accuracy"]);
    checkOneOf(precision, "compile: precision", ["f32", "mixed"]);
    const mixed = precision === "mixed";
    if (mixed) checkFloat16(network.gpu.device, `compile: precision "mixed"`);
    if (!mixed && lossScaling !== undefined) {
      throw new OptionError(`compile: lossScaling needs the precision "mixed", got "${precision}"`);
    }
    this.lossScale = mixed ? new LossScale(network.gpu, lossScaling) : undefined;
    network.activationType = mixed ? "f16" : "f32";
    this.network = network;
    this.loss = loss;
    this.metrics = metrics;
    this.optimizer = optimizer;
    this.precision = precision;
    this.learningRate = optimizer.learningRate;
    this.#numbers = Object.fromEntries(
      Object.keys(optimizer.stepNumbers(0, 0)).map((name) => [name, new Scalar(0)]),
    );
    this.#state = network.parameters.resetState(optimizer.stateNames);
    this.#pool = new ScratchPool(network.gpu.device);
    this.statistics = this.newStatistics();
  }

  /** The names of the statistics' columns: the loss, then the metrics. */
  get columns(): readonly string[] {
    return ["loss", ...this.metrics];
  }

  /** A table for the sums of {@linkcode Trainer.columns}. */
  newStatistics(): StatisticsTable {
    return new StatisticsTable(this.network.gpu, this.columns.length);
  }

  /** Submits one training step on the next `rows` examples of a feed. Nothing is allocated or awaited. */
  train(feed: Feed, rows: number): void {
    this.queue(feed, rows);
    this.submit();
  }

  /**
   * Like {@linkcode Trainer.train}, but the step may wait for some more, which are handed over together, since that takes the CPU
   * less time. Until {@linkcode Trainer.submit} the feed has to keep its examples, and parameters are not up to date.
   */
  queue(feed: Feed, rows: number): void {
    const build = (recorder: ProgramRecorder) => {
      recorder.section(SECTIONS.gather);
      const batch = feed.gather(recorder, rows);
      this.recordStep(recorder, batch, this.#lossStatistics(this.statistics), (result, outputs) => {
        this.#recordStatistics(recorder, result, outputs, batch.y, this.statistics);
      });
    };
    const program = this.#program(feed, `train ${rows}`, build, STEPS_PER_SUBMIT);
    if (program !== this.#waiting) this.submit();
    this.#waiting = program;
    this.beginUpdate();
    program.queue();
    this.statistics.advance(rows);
    this.step.value++;
  }

  /** Trains on a batch: its step waits for others if the batch stays where it is. */
  trainOn({ feed, rows, stays }: FedBatch): void {
    if (stays) this.queue(feed, rows);
    else this.train(feed, rows);
  }

  /** Submits the steps that wait. */
  submit(): void {
    this.#waiting?.submit();
    this.#waiting = undefined;
  }

  /** Submits the steps that wait, and reads the sums of all since the last reading: {@linkcode StatisticsTable.read}. */
  async readStatistics(): Promise<StepStatistics[]> {
    this.submit();
    return await this.statistics.read();
  }

  /** Submits the measurement of the next `rows` examples of a feed. */
  evaluate(feed: Feed, rows: number, statistics: StatisticsTable): void {
    this.submit();
    const program = this.#program(feed, `evaluate ${rows}`, (recorder) => {
      const { x, y } = feed.gather(recorder, rows);
      const { outputs } = this.network.record(recorder, x, false, this.step);
      const result = this.#lossFunction(recorder, outputs, y, {
        gradient: false,
        ...this.#lossStatistics(statistics),
      });
      this.#recordStatistics(recorder, result, outputs, y, statistics);
    });
    program.run();
    statistics.advance(rows);
  }

  /**
   * Records forward, the change of the layers' buffers, loss and backward, and update, each in its section.
   *
   * @param lossOptions What the loss may do besides.
   * @param onLosses Records what is to be done with the losses [n] and outputs [n, k], in the backward section.
   * @returns The outputs.
   */
  recordStep(
    recorder: ProgramRecorder,
    { x, y }: BatchTensors,
    lossOptions: Pick<LossOptions, "statistics">,
    onLosses: (result: LossResult, outputs: Tensor) => void,
  ): Tensor {
    recorder.section(SECTIONS.forward);
    const { outputs, updateBuffers, backward } = this.network.record(recorder, x, true, this.step);
    recorder.section(SECTIONS.buffers);
    updateBuffers();
    recorder.section(SECTIONS.backward);
    const result = this.#lossFunction(recorder, outputs, y, { gradient: true, ...lossOptions });
    onLosses(result, outputs);
    backward(result.gradient!, this.lossScale?.factor);
    recorder.section(SECTIONS.update);
    this.#recordUpdate(recorder);
    return outputs;
  }

  /** Sets the learning rate, and what the optimiser makes of it, of the step that is submitted next. */
  beginUpdate(): void {
    const { optimizer, step: { value: step } } = this;
    const numbers = optimizer.stepNumbers(rateAt(this.learningRate, step), step);
    for (const [name, scalar] of Object.entries(this.#numbers)) scalar.value = numbers[name]!;
  }

  /** Everything that a training step builds upon: what the network has of it, and the scale of the loss. */
  trained(): readonly Tensor[] {
    const own = this.lossScale === undefined ? [] : [this.lossScale.state];
    return [...this.network.parameters.trained(), ...own];
  }

  /** Frees the programs that were recorded for a feed, and the feed. */
  release(feed: Feed): void {
    this.submit();
    for (const program of this.#programs.get(feed)?.values() ?? []) program.dispose();
    this.#programs.delete(feed);
    feed.dispose();
  }

  /** The programs recorded for a feed, by name. */
  programs(feed: Feed): ReadonlyMap<string, Program> {
    return this.#programs.get(feed) ?? new Map();
  }

  /** Frees everything but the network. */
  dispose(): void {
    for (const feed of [...this.#programs.keys()]) this.release(feed);
    this.#pool.dispose();
    this.statistics.dispose();
    this.lossScale?.dispose();
  }

  #program(
    feed: Feed,
    name: string,
    build: (recorder: ProgramRecorder) => void,
    replays = 1,
  ): Program {
    let programs = this.#programs.get(feed);
    if (programs === undefined) this.#programs.set(feed, programs = new Map());
    let program = programs.get(name);
    if (program === undefined) {
      program = Program.record(this.network.gpu.device, name, build, { pool: this.#pool, replays });
      programs.set(name, program);
    }
    return program;
  }

  /** What a loss of ours may write itself; one of somebody else might hand on options and change the losses. */
  #lossStatistics({ record, slot }: StatisticsTable): Pick<LossOptions, "statistics"> {
    if (typeof this.loss === "function" || this.metrics.length > 1) return {};
    return { statistics: { record, slot, matches: this.metrics.length === 1 } };
  }

  /** Records what the loss did not. */
  #recordStatistics(
    recorder: Recorder,
    { losses, recorded = false }: LossResult,
    outputs: Tensor,
    targets: Tensor<DataType>,
    { record, slot }: StatisticsTable,
  ): void {
    if (recorded) return;
    const values = [losses, ...this.metrics.map(() => matches(recorder, outputs, targets))];
    recordSums(recorder, values, record, slot);
  }

  #recordUpdate(recorder: Recorder): void {
    const { parameters } = this.network;
    const cut = (flat: Tensor) => parameters.pieces(flat);
    const gradients = cut(parameters.gradients);
    const state = this.#state.map(cut);
    const clip = this.#recordClip(recorder, gradients);
    cut(parameters.values).forEach((values, i) => {
      const tensors = {
        parameters: values,
        gradients: gradients[i]!,
        state: state.map((pieces) => pieces[i]!),
        clip,
      };
      this.optimizer.update(recorder, tensors, this.#numbers);
    });
  }

  /** What the gradients are multiplied by first; undefined if by nothing. */
  #recordClip(recorder: Recorder, gradients: readonly Tensor[]): Tensor | undefined {
    const { lossScale, optimizer: { clipNorm } } = this;
    if (lossScale === undefined && clipNorm === undefined) return undefined;
    const squares = gradients.map((piece) => sumOfSquares(recorder, piece))
      .reduce((total, piece) => add(recorder, total, piece));
    return lossScale?.record(recorder, squares, clipNorm) ??
      clipScale(recorder, squares, clipNorm!);
  }
}
