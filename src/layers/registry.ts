/**
 * The layers by the names that files give them.
 *
 * @module
 */

import { FormatError } from "../errors.ts";
import { Gelu, LeakyRelu, Relu, Sigmoid, Softmax, Softplus, Step, Tanh } from "./activations.ts";
import { Normalize, type NormalizeOptions, RandomFlip, RandomShift } from "./augmentation.ts";
import { Conv1d, Conv2d, Conv3d, type ConvolutionLayerOptions } from "./convolution.ts";
import { Dense, type DenseOptions } from "./dense.ts";
import { Dropout } from "./dropout.ts";
import { Flatten } from "./flatten.ts";
import type { Layer } from "./layer.ts";
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

/** A layer as JSON: its kind, its name and its options. */
export interface LayerConfig {
  readonly kind: string;
  readonly name?: string;
  readonly options: Record<string, unknown>;
}

type Factory = (options: Record<string, unknown>) => Layer;

const FACTORIES: Readonly<Record<string, Factory>> = {
  AveragePool1d: (options) => new AveragePool1d(options as unknown as AveragePoolLayerOptions),
  AveragePool2d: (options) => new AveragePool2d(options as unknown as AveragePoolLayerOptions),
  AveragePool3d: (options) => new AveragePool3d(options as unknown as AveragePoolLayerOptions),
  Conv1d: (options) => new Conv1d(options as unknown as ConvolutionLayerOptions),
  Conv2d: (options) => new Conv2d(options as unknown as ConvolutionLayerOptions),
  Conv3d: (options) => new Conv3d(options as unknown as ConvolutionLayerOptions),
  Dense: (options) => new Dense(options as unknown as DenseOptions),
  Dropout: (options) => new Dropout(options as { rate: number }),
  Flatten: (options) => new Flatten(options),
  Gelu: (options) => new Gelu(options),
  GlobalAveragePool2d: (options) => new GlobalAveragePool2d(options),
  LeakyRelu: (options) => new LeakyRelu(options),
  MaxPool1d: (options) => new MaxPool1d(options as unknown as MaxPoolLayerOptions),
  MaxPool2d: (options) => new MaxPool2d(options as unknown as MaxPoolLayerOptions),
  MaxPool3d: (options) => new MaxPool3d(options as unknown as MaxPoolLayerOptions),
  Normalize: (options) => new Normalize(options as unknown as NormalizeOptions),
  RandomFlip: (options) => new RandomFlip(options),
  RandomShift: (options) => new RandomShift(options as { pixels: number }),
  Relu: (options) => new Relu(options),
  Sigmoid: (options) => new Sigmoid(options),
  Softmax: (options) => new Softmax(options),
  Softplus: (options) => new Softplus(options),
  Step: (options) => new Step(options),
  Tanh: (options) => new Tanh(options),
};

/** A layer's description for a file. */
export function layerToConfig(layer: Layer): LayerConfig {
  const { kind, name } = layer;
  return { kind, ...(name === undefined ? {} : { name }), options: layer.config() };
}

/**
 * Makes a layer from its description.
 *
 * @param file Names the file in errors.
 * @throws {FormatError} if there is no such kind or its options are wrong.
 */
export function layerFromConfig(config: LayerConfig, file: string): Layer {
  const factory = Object.hasOwn(FACTORIES, config.kind) ? FACTORIES[config.kind] : undefined;
  if (factory === undefined) {
    const known = Object.keys(FACTORIES).join(", ");
    throw new FormatError(`${file}: unknown layer "${config.kind}"; the layers are ${known}`);
  }
  try {
    return factory({
      ...config.options,
      ...(config.name === undefined ? {} : { name: config.name }),
    });
  } catch (error) {
    throw new FormatError(`${file}: layer ${config.kind}: ${(error as Error).message}`);
  }
}
