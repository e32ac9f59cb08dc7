/**
 * The layers by the names that files give them.
 *
 * @module
 */

import { FormatError, OptionError } from "../errors.ts";
import { definedOptions } from "../options.ts";
import { Gelu, LeakyRelu, Relu, Sigmoid, Softmax, Softplus, Step, Tanh } from "./activations.ts";
import { Normalize, type NormalizeOptions, RandomFlip, RandomShift } from "./augmentation.ts";
import { BatchNorm, type BatchNormLayerOptions } from "./batch_norm.ts";
import { Branches } from "./branches.ts";
import { Conv1d, Conv2d, Conv3d, type ConvolutionLayerOptions } from "./convolution.ts";
import { Dense, type DenseOptions } from "./dense.ts";
import {
  DepthwiseConv2d,
  type DepthwiseConvolutionLayerOptions,
  SeparableConv2d,
  type SeparableConvolutionLayerOptions,
} from "./depthwise.ts";
import { Dropout } from "./dropout.ts";
import { Embedding, type EmbeddingOptions } from "./embedding.ts";
import { Flatten } from "./flatten.ts";
import type { Layer } from "./layer.ts";
import { LocalResponseNorm } from "./local_response_norm.ts";
import {
  AveragePool1d,
  AveragePool2d,
  AveragePool3d,
  type AveragePoolLayerOptions,
  GlobalAveragePool2d,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
  type MaxPoolLayerOptions,
} from "./pooling.ts";
import { Residual } from "./residual.ts";

/** A layer as JSON: its kind, its name and its options. */
export interface LayerConfig {
  readonly kind: string;
  readonly name?: string;
  readonly options: Record<string, unknown>;
  /** The layers inside it. */
  readonly branches?: readonly (readonly LayerConfig[])[];
}

type Lists = readonly (readonly Layer[])[];
type Factory = (options: Record<string, unknown>, branches: Lists) => Layer;

/** How deep containers may lie in one another in a file. */
const DEEPEST = 16;

const FACTORIES: Readonly<Record<string, Factory>> = {
  AveragePool1d: (options) => new AveragePool1d(options as unknown as AveragePoolLayerOptions),
  AveragePool2d: (options) => new AveragePool2d(options as unknown as AveragePoolLayerOptions),
  AveragePool3d: (options) => new AveragePool3d(options as unknown as AveragePoolLayerOptions),
  BatchNorm: (options) => new BatchNorm(options as BatchNormLayerOptions),
  Branches: (options, branches) => new Branches(branches, options),
  Conv1d: (options) => new Conv1d(options as unknown as ConvolutionLayerOptions),
  Conv2d: (options) => new Conv2d(options as unknown as ConvolutionLayerOptions),
  Conv3d: (options) => new Conv3d(options as unknown as ConvolutionLayerOptions),
  Dense: (options) => new Dense(options as unknown as DenseOptions),
  DepthwiseConv2d: (options) =>
    new DepthwiseConv2d(options as unknown as DepthwiseConvolutionLayerOptions),
  Dropout: (options) => new Dropout(options as { rate: number }),
  Embedding: (options) => new Embedding(options as unknown as EmbeddingOptions),
  Flatten: (options) => new Flatten(options),
  Gelu: (options) => new Gelu(options),
  GlobalAveragePool2d: (options) => new GlobalAveragePool2d(options),
  LeakyRelu: (options) => new LeakyRelu(options),
  LocalResponseNorm: (options) => new LocalResponseNorm(options),
  MaxPool1d: (options) => new MaxPool1d(options as unknown as MaxPoolLayerOptions),
  MaxPool2d: (options) => new MaxPool2d(options as unknown as MaxPoolLayerOptions),
  MaxPool3d: (options) => new MaxPool3d(options as unknown as MaxPoolLayerOptions),
  Normalize: (options) => new Normalize(options as unknown as NormalizeOptions),
  RandomFlip: (options) => new RandomFlip(options),
  RandomShift: (options) => new RandomShift(options as { pixels: number }),
  Residual: (options, [layers, shortcut, ...rest]) => {
    if (layers === undefined || shortcut === undefined || rest.length > 0) {
      throw new OptionError("Residual: expected two branches, the layers and the shortcut");
    }
    return new Residual(layers, { ...options, shortcut });
  },
  Relu: (options) => new Relu(options),
  SeparableConv2d: (options) =>
    new SeparableConv2d(options as unknown as SeparableConvolutionLayerOptions),
  Sigmoid: (options) => new Sigmoid(options),
  Softmax: (options) => new Softmax(options),
  Softplus: (options) => new Softplus(options),
  Step: (options) => new Step(options),
  Tanh: (options) => new Tanh(options),
};

/** The kinds of layers that have branches. */
const CONTAINERS: readonly string[] = ["Branches", "Residual"];

/** A layer's description for a file. */
export function layerToConfig(layer: Layer): LayerConfig {
  const { kind, name, branches } = layer;
  return {
    kind,
    ...definedOptions({ name }),
    options: layer.config(),
    ...(branches === undefined
      ? {}
      : { branches: branches.map((branch) => branch.map(layerToConfig)) }),
  };
}

/**
 * Makes layers from a list of descriptions that came out of JSON.
 *
 * @param file Names the file in errors.
 * @throws {FormatError} if it is no such list, a kind does not exist, or its options or branches are wrong.
 */
export function layersFromConfig(list: unknown, file: string): Layer[] {
  return layersOf(list, `${file}: layers`, file, 0);
}

function layersOf(list: unknown, what: string, file: string, depth: number): Layer[] {
  if (!Array.isArray(list) || !list.every((config) => typeof config?.kind === "string")) {
    throw new FormatError(`${what}: expected a list of layers with a kind`);
  }
  return list.map((config: LayerConfig) => layerOf(config, file, depth));
}

function layerOf(config: LayerConfig, file: string, depth: number): Layer {
  const { kind, name, options } = config;
  const factory = Object.hasOwn(FACTORIES, kind) ? FACTORIES[kind] : undefined;
  if (factory === undefined) {
    const known = Object.keys(FACTORIES).join(", ");
    throw new FormatError(`${file}: unknown layer "${kind}"; the layers are ${known}`);
  }
  const branches = branchesOf(config, file, depth);
  try {
    return factory({ ...options, ...definedOptions({ name }) }, branches);
  } catch (error) {
    throw new FormatError(`${file}: layer ${kind}: ${(error as Error).message}`);
  }
}

function branchesOf({ kind, branches }: LayerConfig, file: string, depth: number): Lists {
  const what = `${file}: layer ${kind}: branches`;
  if (!CONTAINERS.includes(kind)) {
    if (branches === undefined) return [];
    throw new FormatError(`${what}: expected none, the layer contains no others`);
  }
  if (depth === DEEPEST) {
    throw new FormatError(`${what}: layers lie in one another more than ${DEEPEST} deep`);
  }
  if (!Array.isArray(branches)) {
    throw new FormatError(`${what}: expected a list of lists of layers`);
  }
  return branches.map((branch) => layersOf(branch, what, file, depth + 1));
}
