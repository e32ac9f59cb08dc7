/**
 * The model: a stack of layers that can be trained, measured and saved.
 *
 * @module
 */

import { type BatchSource, Dataset } from "../data/dataset.ts";
import { OptionError, ShapeError } from "../errors.ts";
import { Gpu } from "../gpu/gpu.ts";
import type { DataType, Tensor } from "../gpu/tensor.ts";
import type { TuningReport } from "../gpu/tune.ts";
import type { Layer } from "../layers/layer.ts";
import { checkTargets } from "../losses/losses.ts";
import { checkKeys } from "../options.ts";
import { checkSeed } from "../random.ts";
import { formatShape, type Shape, shapesEqual } from "../shape.ts";
import { evaluate, type EvaluateOptions, type Evaluation } from "../training/evaluate.ts";
import { fit, type FitOptions } from "../training/fit.ts";
import type { History } from "../training/history.ts";
import {
  type LearningRateCurve,
  type LearningRateSearchOptions,
  searchLearningRate,
} from "../training/learning_rate_search.ts";
import { ManualStep } from "../training/manual_step.ts";
import { Network } from "../training/network.ts";
import type { LayerBuffer, Parameter } from "../training/parameters.ts";
import {
  type Inputs,
  type InputSource,
  predict,
  type PredictOptions,
} from "../training/predict.ts";
import { type CompileOptions, Trainer } from "../training/trainer.ts";
import { type ModelTuneOptions, tuneFirst, tuneNetwork } from "../training/tune_network.ts";
import { architectureOf, loadParameters, readModelFile, saveModel } from "./model_file.ts";
import { type MemoryOptions, type MemoryPrediction, predictMemory } from "./memory.ts";
import { summarize } from "./summary.ts";

/** Options of {@linkcode Sequential}. */
export interface SequentialOptions {
  /** Where it computes. */
  gpu: Gpu;
  /** The shape of one input, without the batch. */
  inputShape: Shape;
  /** Of the initial parameters, the order of the examples and dropout; 0 … 2³² − 1. Default 0. */
  seed?: number;
}

/**
 * o = L₅(L₄(L₃(L₂(L₁(x))))): layers one after the other.
 *
 * A training step is three steps, forward, backward and update; `fit` repeats them, and they can be called one by one.
 *
 * @example
 * ```ts
 * import { Dense, generateDigits, Gpu, Sequential, Sgd } from "@strata/strata";
 *
 * await using gpu = await Gpu.open();
 * const digits = generateDigits({ count: 500, seed: 1 });
 * using model = new Sequential([
 *   new Dense({ units: 32, activation: "relu" }),
 *   new Dense({ units: 10 }),
 * ], { gpu, inputShape: digits.inputShape, seed: 7 });
 * model.compile({
 *   loss: "softmaxCrossEntropy",
 *   optimizer: new Sgd({ learningRate: 0.1, momentum: 0.9 }),
 *   metrics: ["accuracy"],
 * });
 * const history = await model.fit(digits, { epochs: 2, batchSize: 50 });
 * console.log(history.epochs[1]!.accuracy);
 * ```
 */
export class Sequential {
  readonly #network: Network;
  #trainer: Trainer | undefined;
  #manual: ManualStep | undefined;

  /**
   * Checks the layers' shapes, then allocates and initialises their parameters.
   *
   * @throws {ShapeError} naming the layer that cannot take its input; {@linkcode OptionError} for a wrong option.
   */
  constructor(layers: readonly Layer[], options: SequentialOptions) {
    checkKeys(options, "Sequential", ["gpu", "inputShape", "seed"]);
    const { gpu, inputShape, seed = 0 } = options;
    if (!(gpu instanceof Gpu)) throw new OptionError("Sequential: gpu: expected a Gpu");
    checkSeed(seed, "Sequential: seed");
    this.#network = new Network(gpu, [...layers], [...inputShape ?? []], seed);
  }

  /** The layers. */
  get layers(): readonly Layer[] {
    return this.#network.layers;
  }

  /** The shape of one input. */
  get inputShape(): Shape {
    return this.#network.inputShape;
  }

  /** The shape of one output. */
  get outputShape(): Shape {
    return this.#network.outputShape;
  }

  /** The number of values of all parameters. */
  get parameterCount(): number {
    return this.#network.parameters.count;
  }

  /** All parameters, with their gradients once the model is compiled; their tensors are views of the model's memory. */
  get parameters(): readonly Parameter[] {
    return this.#network.parameters.list();
  }

  /**
   * Of mixed precision, [scale of the loss, good steps since it changed]: a tensor of the model's memory. Gradients of the parameters
   * are those of scale · loss. Undefined for other precisions.
   */
  get lossScale(): Tensor | undefined {
    return this.#trainer?.lossScale?.state;
  }

  /** What layers keep besides their parameters, such as running statistics; the tensors are views of the model's memory. */
  get buffers(): readonly LayerBuffer[] {
    return this.#network.parameters.listBuffers();
  }

  /**
   * Says how the model is trained and measured. Replaces an earlier choice and starts the step count anew; the parameters stay.
   *
   * @throws {OptionError} if a loss, metric or precision does not exist; {@linkcode GpuError} if the adapter cannot do what the precision
   * needs.
   */
  compile(options: CompileOptions): void {
    checkKeys(options, "compile", [
      "loss",
      "optimizer",
      "metrics",
      "precision",
      "lossScaling",
    ]);
    this.#disposeTrainer();
    void this.#network.parameters.gradients; // allocated now, not in the middle of a step
    this.#trainer = new Trainer(this.#network, options);
    this.#manual = new ManualStep(this.#trainer);
  }

  /**
   * Measures which ways to compute the model's steps are the quickest on this adapter, and keeps them; see {@linkcode tune}. A compiled
   * model is tuned for training, which includes what it computes in between; another one for prediction.
   *
   * `fit`, `evaluate` and `predict` do so themselves, where the `Gpu` was opened with `tuning: "measure"`: for the batch size that
   * they are given, within a minute, before they record their first step. The three steps by hand never measure.
   *
   * @throws {OptionError} unless the `Gpu` was opened with `tuning: "measure"`.
   */
  async tune(options: ModelTuneOptions = {}): Promise<TuningReport> {
    return await tuneNetwork(this.#network, this.#trainer, options);
  }

  /**
   * Trains: repeats forward, backward and update over the batches of `data`.
   *
   * @param data A data set, or an iterable of batches that starts anew for each epoch.
   * @throws {NonFiniteError} naming the step whose loss was NaN or infinite; {@linkcode ShapeError} if the data does not fit
   * the model.
   */
  async fit(data: BatchSource, options: FitOptions = {}): Promise<History> {
    const trainer = this.#compiled("fit");
    this.#checkData(data, "fit");
    if (options.validation !== undefined) this.#checkData(options.validation, "fit: validation");
    await tuneFirst(this.#network, trainer, options.batchSize, options.signal);
    return await fit(trainer, data, options);
  }

  /** Tries learning rates, and leaves the model as it was; see {@linkcode learningRateSearch}. */
  async learningRateSearch(
    data: BatchSource,
    options: LearningRateSearchOptions = {},
  ): Promise<LearningRateCurve> {
    const trainer = this.#compiled("search a learning rate");
    this.#checkData(data, "learningRateSearch");
    return await searchLearningRate(trainer, data, options);
  }

  /** Measures loss and metrics, the means over all examples. */
  async evaluate(data: BatchSource, options: EvaluateOptions = {}): Promise<Evaluation> {
    const trainer = this.#compiled("evaluate");
    this.#checkData(data, "evaluate");
    await tuneFirst(this.#network, undefined, options.batchSize ?? 128);
    return await evaluate(trainer, data, options);
  }

  /**
   * Computes the outputs of any number of inputs.
   *
   * @param inputs All in one array, or a data set, or an iterable of arrays or batches. Bytes are scaled by 1/255.
   * @returns Row-major, inputs × outputs: logits, unless softmax is asked for.
   * @throws {ShapeError} if an array is no whole number of inputs.
   */
  async predict(
    inputs: Inputs | Dataset | InputSource,
    options: PredictOptions = {},
  ): Promise<Float32Array> {
    if (inputs instanceof Dataset) this.#checkData(inputs, "predict");
    const arrays = inputs instanceof Dataset
      ? [inputs.x]
      : inputs instanceof Float32Array || inputs instanceof Uint8Array
      ? [inputs]
      : inputs;
    await tuneFirst(this.#network, undefined, options.batchSize ?? 128);
    return await predict(this.#network, arrays, options);
  }

  /**
   * Step 1 of 3: computes the outputs of a batch, as in training. Returns at once.
   *
   * Shape: x [n, …inputShape] → [n, k]; the result is valid until the next step.
   */
  forward(x: Tensor): Tensor {
    this.#compiled("forward");
    return this.#manual!.forward(x);
  }

  /**
   * Step 2 of 3: computes the loss and the gradients of all parameters. Returns at once.
   *
   * Shape: y [n] (u32) class indices, or [n, k] targets → the mean loss, a scalar, valid until the next step.
   */
  backward(y: Tensor<DataType>): Tensor {
    this.#compiled("backward");
    return this.#manual!.backward(y);
  }

  /** Step 3 of 3: lets the optimiser change all parameters. Returns at once. */
  update(): void {
    this.#compiled("update");
    this.#manual!.update();
  }

  /**
   * A table of the layers: output shape, receptive field, parameters, FLOPs and bytes for one example; see {@linkcode summarize}.
   *
   * @param memory If it is given, a second table says what the model takes on the GPU; see {@linkcode Sequential.predictMemory}.
   */
  summary(memory?: Omit<MemoryOptions, "device">): string {
    return summarize(this.layers, this.inputShape, memory && this.#memoryOptions(memory));
  }

  /**
   * The most bytes that the model holds on this GPU at once, to the byte, before it does its work; see {@linkcode predictMemory}.
   * Loss, optimizer, metrics and precision are those it is compiled with, unless others are given.
   *
   * @throws {OutOfMemoryError} if a part of it is larger than the device allows; {@linkcode OptionError} for a wrong option.
   */
  predictMemory(options: Omit<MemoryOptions, "device"> = {}): MemoryPrediction {
    return predictMemory(this.layers, this.inputShape, this.#memoryOptions(options));
  }

  /** Writes layers, parameters and buffers to a safetensors file; the file is replaced only when the new one is complete. */
  async save(path: string | URL): Promise<void> {
    await saveModel(path, this.#network);
  }

  /**
   * Reads parameters and buffers from a safetensors file with the model's names and shapes, as PyTorch's `Sequential` saves them:
   * `0.weight`. A layer's own name may stand in the place of its number: `features.0.weight`.
   *
   * @throws {FormatError} if the file is malformed or does not fit; the model is unchanged then.
   */
  async loadParameters(path: string | URL): Promise<void> {
    loadParameters(await readModelFile(path), this.#network.parameters, String(path));
  }

  /**
   * Makes the model that {@linkcode Sequential.save} wrote.
   *
   * @throws {FormatError} if the file is malformed.
   */
  static async load(path: string | URL, options: { gpu: Gpu }): Promise<Sequential> {
    checkKeys(options, "Sequential.load", ["gpu"]);
    const file = await readModelFile(path);
    const { layers, inputShape } = architectureOf(file, String(path));
    const model = new Sequential(layers, { gpu: options.gpu, inputShape });
    try {
      loadParameters(file, model.#network.parameters, String(path));
    } catch (error) {
      model.dispose();
      throw error;
    }
    return model;
  }

  /** Frees the model's memory on the GPU; doing it twice is harmless. */
  dispose(): void {
    this.#disposeTrainer();
    this.#network.dispose();
  }

  /** Frees it at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #memoryOptions(options: Omit<MemoryOptions, "device">): MemoryOptions {
    const trainer = this.#trainer;
    const compiled = trainer === undefined ? {} : {
      loss: trainer.loss,
      optimizer: trainer.optimizer,
      metrics: trainer.metrics,
      precision: trainer.precision,
    };
    return { ...compiled, ...options, device: this.#network.gpu };
  }

  #disposeTrainer(): void {
    this.#manual?.dispose();
    this.#trainer?.dispose();
    this.#manual = this.#trainer = undefined;
  }

  #compiled(what: string): Trainer {
    if (this.#trainer === undefined) {
      throw new OptionError(`Cannot ${what}: call compile first, with a loss and an optimizer`);
    }
    return this.#trainer;
  }

  #checkData(data: BatchSource, what: string): void {
    if (!(data instanceof Dataset)) return;
    if (!shapesEqual(data.inputShape, this.inputShape)) {
      throw new ShapeError(
        `${what}: the model takes inputs of shape ${formatShape(this.inputShape)}, ` +
          `the data set has ${formatShape(data.inputShape)}`,
      );
    }
    if (what !== "predict") checkTargets(this.#trainer!.loss, this.outputShape, data);
  }
}
