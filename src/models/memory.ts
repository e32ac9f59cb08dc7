/**
 * How much GPU memory a model takes, known before any of it is allocated.
 *
 * @module
 */

import { Dataset } from "../data/dataset.ts";
import type { AdapterInfo } from "../gpu/device.ts";
import { Gpu } from "../gpu/gpu.ts";
import type { MemoryPurpose } from "../gpu/memory.ts";
import type { DeviceLimits } from "../gpu/planned_device.ts";
import type { Layer } from "../layers/layer.ts";
import { type LossFunction, type LossName, takesLabels } from "../losses/losses.ts";
import type { Optimizer } from "../optimizers/optimizer.ts";
import { Sgd } from "../optimizers/sgd.ts";
import { checkKeys, checkNumber, checkOneOf } from "../options.ts";
import { type Shape, sizeOf } from "../shape.ts";
import { formatTable } from "../text_table.ts";
import type { RehearsedExamples } from "../training/batches.ts";
import { rehearseEvaluate } from "../training/evaluate.ts";
import { layoutOf } from "../training/feed.ts";
import { rehearseFit } from "../training/fit.ts";
import { Network } from "../training/network.ts";
import { rehearsePredict } from "../training/predict.ts";
import { type MetricName, type Precision, Trainer } from "../training/trainer.ts";

/** What a model does: the methods of `Sequential` that take most memory. */
export type ModelWork = "fit" | "evaluate" | "predict";

/** Examples of which only the number and the kind are known. */
export interface ExamplesDescription {
  /** How many there are. */
  length: number;
  /** Whether inputs are bytes. Default false. */
  bytes?: boolean;
  /** Class indices, or so many target values for each example. Default: what the loss usually takes. */
  targets?: "labels" | number;
  /** Whether they come batch by batch; a data set stays on the GPU as a whole, if it fits. Default false. */
  stream?: boolean;
}

/** A device that may not be there. */
export interface DeviceDescription {
  /** Whether it computes on the CPU. Default false. */
  software?: boolean;
  /** How large buffers and bindings may be. Default: 2 GiB each. */
  limits?: Partial<DeviceLimits>;
}

/** Options of {@linkcode predictMemory}. */
export interface MemoryOptions {
  /** What the model does, one after the other. Default "fit". */
  work?: ModelWork | readonly ModelWork[];
  /** Examples that are computed together. Default: 32 for "fit", 128 for the others, as they have it. */
  batchSize?: number;
  /** The examples. Default: a stream of batches, all of the same size. */
  data?: Dataset | ExamplesDescription;
  /** What "fit" measures after each epoch. Default: nothing. */
  validation?: Dataset | ExamplesDescription;
  /** Default: "softmaxCrossEntropy". Without a loss and an optimizer, a model that only predicts has no gradients. */
  loss?: LossName | LossFunction;
  /** Default: SGD with momentum. */
  optimizer?: Optimizer;
  /** What is measured besides. Default: nothing. */
  metrics?: readonly MetricName[];
  /** In how many bits numbers are kept; see {@linkcode CompileOptions.precision}. Default "f32". */
  precision?: Precision;
  /** Whether "predict" applies softmax. Default false. */
  softmax?: boolean;
  /** Where it computes. Default: a card. */
  device?: Gpu | DeviceDescription;
}

/** What a model takes. */
export interface MemoryPrediction {
  /** The most bytes at once. */
  readonly peakBytes: number;
  /** What they are for. */
  readonly peak: Readonly<Partial<Record<MemoryPurpose, number>>>;
  /** What was assumed where an option was not given. */
  readonly assumptions: readonly string[];
}

const OPTION_NAMES = [
  "work",
  "batchSize",
  "data",
  "validation",
  "loss",
  "optimizer",
  "metrics",
  "precision",
  "softmax",
  "device",
];

const GIBIBYTE = 2 ** 30;
const DEFAULT_LIMITS: DeviceLimits = {
  maxBufferSize: 2 * GIBIBYTE,
  maxStorageBufferBindingSize: 2 * GIBIBYTE,
};

/**
 * The most bytes that a model holds on the GPU at once, to the byte, and what for. Nothing is allocated: the model's programs are
 * recorded for a device that is not there, and their memory is planned as for one that is.
 *
 * It is the peak of a `Gpu` that does nothing else: the model is made, compiled, and does its work.
 *
 * @param layers As a `Sequential` takes them.
 * @param inputShape The shape of one input.
 * @throws {OutOfMemoryError} if a part of it is larger than the device allows; {@linkcode ShapeError} naming the layer that cannot
 * take its input; {@linkcode OptionError} for a wrong option.
 *
 * @example
 * ```ts
 * import { Adam, alexnetLayers, predictMemory } from "@strata/strata";
 *
 * const { peakBytes, peak } = predictMemory(alexnetLayers(), [3, 227, 227], {
 *   batchSize: 128,
 *   optimizer: new Adam(),
 * });
 * console.log(peakBytes < 4 * 2 ** 30, peak.optimizerState); // true 487722240
 * ```
 */
export function predictMemory(
  layers: readonly Layer[],
  inputShape: Shape,
  options: MemoryOptions = {},
): MemoryPrediction {
  const what = "predictMemory";
  checkKeys(options, what, OPTION_NAMES);
  const { work = "fit", batchSize, metrics = [], precision = "f32", softmax = false } = options;
  const list = typeof work === "string" ? [work] : work as readonly ModelWork[];
  for (const each of list) checkOneOf(each, `${what}: work`, ["fit", "evaluate", "predict"]);
  if (batchSize !== undefined) {
    checkNumber(batchSize, `${what}: batchSize`, { min: 1, integer: true });
  }
  const assumptions = assumedWork(options, list);
  const gpu = plannedGpu(options.device, assumptions);
  const network = new Network(gpu, layers, inputShape, 0);
  const { loss, optimizer } = withDefaults(options, list, assumptions);
  let trainer: Trainer | undefined;
  if (loss !== undefined && optimizer !== undefined) {
    void network.parameters.gradients;
    trainer = new Trainer(network, { loss, optimizer, metrics, precision });
  }
  const given = batchSize === undefined ? {} : { batchSize };
  for (const each of list) {
    const size = batchSize ?? DEFAULT_BATCH_SIZES[each];
    const examples = examplesOf(options.data, size, loss, network, `${what}: data`);
    if (each === "predict") rehearsePredict(network, examples, { ...given, softmax });
    else if (each === "evaluate") rehearseEvaluate(trainer!, examples, given);
    else {
      const { validation } = options;
      const other = validation === undefined
        ? undefined
        : examplesOf(validation, size, loss, network, `${what}: validation`);
      rehearseFit(trainer!, examples, other, given);
    }
  }
  const { peakBytes, peak } = gpu.memory;
  return { peakBytes, peak, assumptions };
}

/** What each method takes if it is not told. */
const DEFAULT_BATCH_SIZES: Readonly<Record<ModelWork, number>> = {
  fit: 32,
  evaluate: 128,
  predict: 128,
};

/** What the work and its data are taken to be. */
function assumedWork(
  { work, batchSize, data }: MemoryOptions,
  list: readonly ModelWork[],
): string[] {
  const sizes = list.map((each) => `${batchSize ?? DEFAULT_BATCH_SIZES[each]} for ${each}`);
  return [
    ...work === undefined ? ["the work fit"] : [],
    ...batchSize === undefined ? [`a batch size of ${sizes.join(", ")}`] : [],
    ...data === undefined ? ["a stream of batches of float32"] : [],
  ];
}

function plannedGpu(device: MemoryOptions["device"], assumptions: string[]): Gpu {
  if (device instanceof Gpu) {
    return Gpu.planned(device.adapter, device.device.limits, device.device.tuning);
  }
  checkKeys(device ?? {}, "predictMemory: device", ["software", "limits"]);
  const { software = false, limits = {} } = device ?? {};
  if (device === undefined) assumptions.push("a card with buffers and bindings of up to 2 GiB");
  const name = software ? "a software adapter" : "a card";
  const adapter: AdapterInfo = {
    ...{ name, software, timestamps: false, float16: true },
    // As llvmpipe, the software adapter that there is on most machines.
    ...{ subgroups: software, subgroupSize: software ? 8 : 0, readableTextures: software },
  };
  return Gpu.planned(adapter, { ...DEFAULT_LIMITS, ...limits });
}

/** Loss and optimiser, or neither for a model that only predicts. */
function withDefaults(
  { loss, optimizer, precision = "f32" }: MemoryOptions,
  work: readonly ModelWork[],
  assumptions: string[],
): Pick<MemoryOptions, "loss" | "optimizer"> {
  const predicts = work.every((each) => each === "predict") && precision === "f32";
  if (loss === undefined && optimizer === undefined && predicts) return {};
  if (loss === undefined) assumptions.push("the loss softmaxCrossEntropy");
  if (optimizer === undefined) assumptions.push("SGD with momentum");
  return {
    loss: loss ?? "softmaxCrossEntropy",
    optimizer: optimizer ?? new Sgd({ learningRate: 0.1, momentum: 0.9 }),
  };
}

function examplesOf(
  data: Dataset | ExamplesDescription | undefined,
  batchSize: number,
  loss: LossName | LossFunction | undefined,
  network: Network,
  what: string,
): RehearsedExamples {
  if (data instanceof Dataset) return { ...layoutOf(data), stream: false };
  if (data !== undefined) {
    checkKeys(data, what, ["length", "bytes", "targets", "stream"]);
    checkNumber(data.length, `${what}: length`, { min: 1, integer: true });
  }
  const targets = loss === undefined || takesLabels(loss) ? "labels" : sizeOf(network.outputShape);
  const batches = { length: batchSize, bytes: false, targets, stream: data === undefined } as const;
  return { ...batches, ...data };
}

const PURPOSES: Readonly<Record<MemoryPurpose, string>> = {
  parameters: "parameters",
  gradients: "gradients",
  optimizerState: "state of the optimizer",
  layerBuffers: "buffers of layers",
  data: "data",
  intermediateResults: "intermediate results",
  results: "results",
  uniforms: "uniforms",
  statistics: "statistics",
  reading: "reading",
  other: "other",
};

/** The prediction as a table, with what was assumed below it. */
export function formatMemory({ peakBytes, peak, assumptions }: MemoryPrediction): string {
  const rows = (Object.keys(PURPOSES) as MemoryPurpose[])
    .filter((purpose) => peak[purpose] !== undefined)
    .map((purpose) => [PURPOSES[purpose], peak[purpose]!]);
  const table = formatTable(rows, [
    { heading: "GPU memory" },
    { heading: "Bytes", align: "right" },
  ], { footer: [["Peak", peakBytes]] });
  return [table, ...assumptions.map((each) => `Assumed: ${each}.`)].join("\n");
}
