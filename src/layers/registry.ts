/**
 * The layers by the names that files give them.
 *
 * @module
 */

import { FormatError } from "../errors.ts";
import { Gelu, LeakyRelu, Relu, Sigmoid, Softmax, Softplus, Step, Tanh } from "./activations.ts";
import { Dense, type DenseOptions } from "./dense.ts";
import { Dropout } from "./dropout.ts";
import { Flatten } from "./flatten.ts";
import type { Layer } from "./layer.ts";

/** A layer as JSON: its kind, its name and its options. */
export interface LayerConfig {
  readonly kind: string;
  readonly name?: string;
  readonly options: Record<string, unknown>;
}

type Factory = (options: Record<string, unknown>) => Layer;

const FACTORIES: Readonly<Record<string, Factory>> = {
  Dense: (options) => new Dense(options as unknown as DenseOptions),
  Dropout: (options) => new Dropout(options as { rate: number }),
  Flatten: (options) => new Flatten(options),
  Gelu: (options) => new Gelu(options),
  LeakyRelu: (options) => new LeakyRelu(options),
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
