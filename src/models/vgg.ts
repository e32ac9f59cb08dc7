/**
 * VGG: many small filters instead of few large ones.
 *
 * @module
 */

import { Conv2d } from "../layers/convolution.ts";
import { Dense } from "../layers/dense.ts";
import { Dropout } from "../layers/dropout.ts";
import type { Initializer, InitializerName } from "../layers/initializers.ts";
import type { Layer } from "../layers/layer.ts";
import { MaxPool2d } from "../layers/pooling.ts";
import { checkKeys, checkNumber } from "../options.ts";
import { type DeepLayersOptions, type DeepNetworkOptions, networkOf } from "./network_options.ts";
import type { Sequential } from "./sequential.ts";

/** Options of {@linkcode vggBlock}. */
export interface VggBlockOptions {
  /** Filters of each convolution. */
  readonly filters: number;
  /** How many there are, 1 or more. Default 2. */
  readonly convolutions?: number;
  /** Whether a pool of 2×2 follows. Default true. */
  readonly pool?: boolean;
  /** Initial weights. Default "heNormal". */
  readonly kernelInitializer?: InitializerName | Initializer;
}

/**
 * Convolutions of 3×3 with rectifiers, then a pool of 2×2. Shape: [c, h, w] → [filters, ⌊h / 2⌋, ⌊w / 2⌋].
 *
 * Three of them see 7×7, as one convolution of 7×7 does, with 27 instead of 49 weights for each pair of channels, and with three
 * rectifiers instead of one.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { describeLayers, vggBlock } from "@strata/strata";
 *
 * const layers = vggBlock({ filters: 64, convolutions: 3, pool: false });
 * const { field, parameters } = describeLayers(layers, [64, 56, 56]).at(-1)!;
 * console.log(field, parameters); // { size: [7, 7], jump: [1, 1] } 36928
 * ```
 * @see Simonyan, Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015.
 */
export function vggBlock(options: VggBlockOptions): Layer[] {
  checkKeys(options, "vggBlock", ["filters", "convolutions", "pool", "kernelInitializer"]);
  const { filters, convolutions = 2, pool = true, kernelInitializer = "heNormal" } = options;
  checkNumber(convolutions, "vggBlock: convolutions", { min: 1, integer: true });
  const layers: Layer[] = Array.from(
    { length: convolutions },
    () => new Conv2d({ filters, kernelSize: 3, padding: 1, activation: "relu", kernelInitializer }),
  );
  return pool ? [...layers, new MaxPool2d({ poolSize: 2 })] : layers;
}

/**
 * The layers of {@linkcode vgg11}.
 *
 * @param options `classes` is 1000 by default.
 */
export function vgg11Layers(options: DeepLayersOptions = {}): Layer[] {
  const { classes = 1000, kernelInitializer = "heNormal" } = options;
  const block = (filters: number, convolutions: number) =>
    vggBlock({ filters, convolutions, kernelInitializer });
  return [
    ...block(64, 1),
    ...block(128, 1),
    ...block(256, 2),
    ...block(512, 2),
    ...block(512, 2),
    new Dense({ units: 4096, activation: "relu", kernelInitializer }),
    new Dropout({ rate: 0.5 }),
    new Dense({ units: 4096, activation: "relu", kernelInitializer }),
    new Dropout({ rate: 0.5 }),
    new Dense({ units: classes, kernelInitializer }),
  ];
}

/**
 * VGG-11, configuration A of its paper: eight convolutions of 3×3 in five blocks, and three dense layers with dropout.
 *
 * Input [3, 224, 224] by default, 1,000 classes: 132,863,336 parameters, 15.2 GFLOP for an image. The parameters take 531 MB, and
 * training three times that. On an input of [3, 32, 32] with 10 classes it has 28,144,010 parameters and 0.34 GFLOP.
 *
 * @throws {ShapeError} if the input is too small; {@linkcode OutOfMemoryError} if the parameters are larger than a buffer.
 * @see Simonyan, Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015.
 */
export function vgg11(options: DeepNetworkOptions): Sequential {
  return networkOf(vgg11Layers(options), options, [3, 224, 224]);
}
