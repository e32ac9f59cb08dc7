/**
 * What the networks by name have in common.
 *
 * @module
 */

import type { Gpu } from "../gpu/gpu.ts";
import type { Initializer, InitializerName } from "../layers/initializers.ts";
import type { Layer } from "../layers/layer.ts";
import type { Shape } from "../shape.ts";
import { Sequential } from "./sequential.ts";

/** Options of all networks. */
export interface NetworkOptions {
  /** Where it computes. */
  gpu: Gpu;
  /** The shape of one input. Default: the one that the network was made for. */
  inputShape?: Shape;
  /** The number of outputs. Default: that of the data which the network was made for. */
  classes?: number;
  /** Of the initial parameters, the order of the examples and dropout. Default 0. */
  seed?: number;
  /** Layers before the network's own, such as normalisation and augmentation. Default none. */
  preprocessing?: readonly Layer[];
}

/** Options of the layers of deep convolutional networks. */
export interface DeepLayersOptions {
  /** The number of outputs. */
  readonly classes?: number;
  /**
   * Initial weights. Default "heNormal", for rectifiers. Drawing them takes about a tenth of a microsecond for each; "zeros" is
   * quicker where the parameters come out of a file.
   */
  readonly kernelInitializer?: InitializerName | Initializer;
}

/** Options of deep convolutional networks. */
export interface DeepNetworkOptions extends NetworkOptions {
  /**
   * Initial weights. Default "heNormal", for rectifiers. Drawing them takes about a tenth of a microsecond for each; "zeros" is
   * quicker where the parameters come out of a file.
   */
  kernelInitializer?: InitializerName | Initializer;
}

/** The model of a network's layers, behind those that were asked for. */
export function networkOf(
  layers: readonly Layer[],
  options: NetworkOptions,
  usualInput: Shape,
): Sequential {
  const { gpu, inputShape = usualInput, seed = 0, preprocessing = [] } = options;
  return new Sequential([...preprocessing, ...layers], { gpu, inputShape, seed });
}
