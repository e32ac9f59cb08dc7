/**
 * Inception: filters of several sizes side by side.
 *
 * @module
 */

import { Branches } from "../layers/branches.ts";
import { Conv2d } from "../layers/convolution.ts";
import { Dense } from "../layers/dense.ts";
import { Dropout } from "../layers/dropout.ts";
import type { Initializer, InitializerName } from "../layers/initializers.ts";
import type { Layer } from "../layers/layer.ts";
import { GlobalAveragePool2d, MaxPool2d } from "../layers/pooling.ts";
import { checkKeys } from "../options.ts";
import { type DeepLayersOptions, type DeepNetworkOptions, networkOf } from "./network_options.ts";
import type { Sequential } from "./sequential.ts";

/** Options of {@linkcode inceptionBlock}: the filters of each convolution. */
export interface InceptionBlockOptions {
  /** Of the 1×1 branch. */
  readonly filters1x1: number;
  /** Of the 1×1 before the 3×3. */
  readonly reduce3x3: number;
  /** Of the 3×3. */
  readonly filters3x3: number;
  /** Of the 1×1 before the 5×5. */
  readonly reduce5x5: number;
  /** Of the 5×5. */
  readonly filters5x5: number;
  /** Of the 1×1 behind the pool. */
  readonly poolProjection: number;
  /** Initial weights. Default "heNormal". */
  readonly kernelInitializer?: InitializerName | Initializer;
  /** A name for summaries and errors. */
  readonly name?: string;
}

const BLOCK_OPTIONS = [
  "filters1x1",
  "reduce3x3",
  "filters3x3",
  "reduce5x5",
  "filters5x5",
  "poolProjection",
  "kernelInitializer",
  "name",
];

/**
 * Four branches side by side: 1×1; 1×1 → 3×3; 1×1 → 5×5; a pool of 3×3 → 1×1. The first 1×1 of a branch makes the channels few,
 * so that the large filters stay cheap.
 *
 * Shape: [c, h, w] → [filters1x1 + filters3x3 + filters5x5 + poolProjection, h, w].
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example The first block of GoogLeNet
 * ```ts
 * import { inceptionBlock } from "@strata/strata";
 *
 * const block = inceptionBlock({
 *   ...{ filters1x1: 64, reduce3x3: 96, filters3x3: 128, reduce5x5: 16, filters5x5: 32 },
 *   poolProjection: 32,
 * });
 * console.log(block.outputShape([192, 28, 28])); // [256, 28, 28]
 * ```
 * @see Szegedy et al., "Going deeper with convolutions", CVPR 2015.
 */
export function inceptionBlock(options: InceptionBlockOptions): Branches {
  checkKeys(options, "inceptionBlock", BLOCK_OPTIONS);
  const { kernelInitializer = "heNormal", name } = options;
  const conv = (filters: number, kernelSize: number) =>
    new Conv2d({
      ...{ filters, kernelSize, kernelInitializer },
      padding: (kernelSize - 1) / 2,
      activation: "relu",
    });
  return new Branches([
    [conv(options.filters1x1, 1)],
    [conv(options.reduce3x3, 1), conv(options.filters3x3, 3)],
    [conv(options.reduce5x5, 1), conv(options.filters5x5, 5)],
    [new MaxPool2d({ poolSize: 3, strides: 1, padding: 1 }), conv(options.poolProjection, 1)],
  ], name === undefined ? {} : { name });
}

/**
 * The layers of {@linkcode googlenetSmall}.
 *
 * @param options `classes` is 10 by default.
 */
export function googlenetSmallLayers(options: DeepLayersOptions = {}): Layer[] {
  const { classes = 10, kernelInitializer = "heNormal" } = options;
  const block = (
    name: string,
    [filters1x1, reduce3x3, filters3x3, reduce5x5, filters5x5, poolProjection]: [
      number,
      number,
      number,
      number,
      number,
      number,
    ],
  ) =>
    inceptionBlock({
      ...{ filters1x1, reduce3x3, filters3x3, reduce5x5, filters5x5, poolProjection },
      ...{ kernelInitializer, name },
    });
  const pool = () => new MaxPool2d({ poolSize: 3, strides: 2, padding: 1 });
  return [
    new Conv2d({ filters: 32, kernelSize: 3, padding: 1, activation: "relu", kernelInitializer }),
    pool(),
    block("3a", [16, 24, 32, 4, 8, 8]),
    block("3b", [32, 32, 48, 8, 16, 16]),
    pool(),
    block("4a", [48, 32, 64, 8, 16, 16]),
    block("4b", [64, 48, 96, 12, 32, 32]),
    new GlobalAveragePool2d(),
    new Dropout({ rate: 0.2 }),
    new Dense({ units: classes, kernelInitializer }),
  ];
}

/**
 * A small network in the pattern of GoogLeNet, for images of 32×32: a convolution, four inception blocks with pools between, the
 * mean of each channel over the image, and one dense layer.
 *
 * Input [3, 32, 32] by default, 10 classes: 142,706 parameters, 32.6 MFLOP for an image. Any size of images that pooling
 * leaves something of is taken, and needs the same parameters.
 *
 * @see Szegedy et al., "Going deeper with convolutions", CVPR 2015.
 */
export function googlenetSmall(options: DeepNetworkOptions): Sequential {
  return networkOf(googlenetSmallLayers(options), options, [3, 32, 32]);
}
