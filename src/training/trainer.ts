/**
 * Records and replays the steps of training, evaluation and prediction.
 *
 * @module
 */

import { Program, type ProgramRecorder, ScratchPool } from "../gpu/program.ts";
import { type Recorder, Scalar } from "../gpu/recorder.ts";
import type { DataType, Tensor } from "../gpu/tensor.ts";
import { checkOneOf } from "../options.ts";
import { type LossFunction, type LossName, resolveLoss } from "../losses/losses.ts";
import type { LossOptions, LossResult } from "../ops/losses.ts";
import { add } from "../ops/elementwise.ts";
import { sumOfSquares } from "../ops/reductions.ts";
import { clipScale } from "../ops/updates.ts";
import { matches, recordSums } from "../ops/statistics.ts";
import { type Optimizer, rateAt } from "../optimizers/optimizer.ts";
import type { Schedule } from "../optimizers/schedules.ts";
import type { BatchTensors, Feed } from "./feed.ts";
import type { Network } from "./network.ts";
import { StatisticsTable } from "./statistics.ts";

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
}

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
  /** That of the optimiser, unless a search tries another. */
  learningRate: number | Schedule;
  /** Sums of training steps. */
  readonly statistics: StatisticsTable;
  /** The number of the next training step. */
  readonly step: Scalar = new Scalar(0);
  readonly #lossFunction: LossFunction;
  readonly #numbers: Readonly<Record<string, Scalar>>;
  readonly #state: readonly Tensor[];
  readonly #pool: ScratchPool;
  readonly #programs = new Map<Feed, Map<string, Program>>();

  /** @throws {OptionError} if a loss or metric does not exist. */
  constructor(network: Network, { loss, optimizer, metrics = [] }: CompileOptions) {
    this.#lossFunction = resolveLoss(loss);
    for (const metric of metrics) checkOneOf(metric, "compile: metrics", ["accuracy"]);
    this.network = network;
    this.loss = loss;
    this.metrics = metrics;
    this.optimizer = optimizer;
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
    const program = this.#program(feed, `train ${rows}`, (recorder) => {
      recorder.section(SECTIONS.gather);
      const batch = feed.gather(recorder, rows);
      this.recordStep(recorder, batch, this.#lossStatistics(this.statistics), (result, outputs) => {
        this.#recordStatistics(recorder, result, outputs, batch.y, this.statistics);
      });
    });
    this.beginUpdate();
    program.run();
    this.statistics.advance(rows);
    this.step.value++;
  }

  /** Submits the measurement of the next `rows` examples of a feed. */
  evaluate(feed: Feed, rows: number, statistics: StatisticsTable): void {
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
    backward(result.gradient!);
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

  /** Frees the programs that were recorded for a feed, and the feed. */
  release(feed: Feed): void {
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
  }

  #program(feed: Feed, name: string, build: (recorder: ProgramRecorder) => void): Program {
    let programs = this.#programs.get(feed);
    if (programs === undefined) this.#programs.set(feed, programs = new Map());
    let program = programs.get(name);
    if (program === undefined) {
      program = Program.record(this.network.gpu.device, name, build, this.#pool);
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
    const clip = recordClip(recorder, gradients, this.optimizer.clipNorm);
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
}

function recordClip(
  recorder: Recorder,
  gradients: readonly Tensor[],
  limit: number | undefined,
): Tensor | undefined {
  if (limit === undefined) return undefined;
  const squares = gradients.map((piece) => sumOfSquares(recorder, piece));
  return clipScale(
    recorder,
    squares.reduce((total, piece) => add(recorder, total, piece)),
    limit,
  );
}
