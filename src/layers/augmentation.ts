/**
 * Layers for images at the beginning of a model: random mirroring and shifting, which act in training only, and
 * normalisation. They are part of the model and of its file.
 *
 * @module
 */

import { ShapeError } from "../errors.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkKeys, checkNumber } from "../options.ts";
import {
  augmentImages,
  augmentImagesGradient,
  type AugmentOptions,
  type ChannelOptions,
  checkChannels,
  MAX_SHIFT,
  normalizeChannels,
  normalizeChannelsGradient,
} from "../ops/augment.ts";
import { formatShape, type Shape, sizeOf } from "../shape.ts";
import type { LayerContext, LayerOutput } from "./layer.ts";
import { ParameterlessLayer } from "./parameterless_layer.ts";

/** Options of {@linkcode Normalize}. */
export interface NormalizeOptions extends ChannelOptions {
  /** A name for summaries and errors. */
  readonly name?: string;
}

/** What {@linkcode RandomFlip} and {@linkcode RandomShift} have in common. */
export abstract class AugmentationLayer extends ParameterlessLayer {
  /** What it does to images when training. */
  protected abstract readonly moves: Pick<AugmentOptions, "flip" | "shift">;

  /** The input's. @throws {ShapeError} if it is no image [c, h, w]. */
  override outputShape(input: Shape): Shape {
    if (input.length !== 3) {
      throw new ShapeError(`expected an image [c, h, w], got ${formatShape(input)}`);
    }
    return input;
  }

  /** None: pixels are moved. */
  override flops(): number {
    return 0;
  }

  /** Records the moves; the step back draws the same random numbers. */
  override forward(x: Tensor, { recorder, training, random }: LayerContext): LayerOutput {
    if (!training) return { y: x, backward: (dy) => dy };
    const options = { ...random, ...this.moves };
    const y = augmentImages(recorder, x, options);
    return { y, backward: (dy) => augmentImagesGradient(recorder, dy, options) };
  }
}

/**
 * When training, each image is mirrored left to right with probability ½; otherwise y = x. Shape: [c, h, w] → same.
 *
 * @example
 * ```ts
 * import { Conv2d, Dense, Gpu, Normalize, RandomFlip, RandomShift, Sequential } from "@strata/strata";
 *
 * await using gpu = await Gpu.open();
 * using model = new Sequential([
 *   new RandomFlip(),
 *   new RandomShift({ pixels: 4 }),
 *   new Normalize({ mean: [0.49, 0.48, 0.45], deviation: [0.25, 0.24, 0.26] }),
 *   new Conv2d({ filters: 8, kernelSize: 3, activation: "relu" }),
 *   new Dense({ units: 10 }),
 * ], { gpu, inputShape: [3, 32, 32] });
 * console.log(model.summary());
 * ```
 */
export class RandomFlip extends AugmentationLayer {
  /** The class. */
  override readonly kind = "RandomFlip";
  /** Mirrored. */
  protected override readonly moves = { flip: true };

  /**
   * Checks the options.
   *
   * @throws {OptionError} if an option is unknown.
   */
  constructor(options: { name?: string } = {}) {
    checkKeys(options, "RandomFlip", ["name"]);
    super(options.name);
  }
}

/**
 * When training, each image is padded with `pixels` zeros on every side and cropped to its size at a random place: shifted by
 * up to `pixels` in each direction; otherwise y = x. Shape: [c, h, w] → same.
 *
 * @see He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016, § 4.2.
 */
export class RandomShift extends AugmentationLayer {
  /** The class. */
  override readonly kind = "RandomShift";
  /** The most that an image moves in each direction. */
  readonly pixels: number;
  /** Shifted. */
  protected override readonly moves: { shift: number };

  /**
   * Checks the options.
   *
   * @throws {OptionError} if the number of pixels is out of range.
   */
  constructor(
    options: {
      /** The most that an image moves in each direction, 1 … 32,767. */
      pixels: number;
      name?: string;
    },
  ) {
    checkKeys(options, "RandomShift", ["pixels", "name"]);
    checkNumber(options.pixels, "RandomShift: pixels", { min: 1, max: MAX_SHIFT, integer: true });
    super(options.name);
    this.pixels = options.pixels;
    this.moves = { shift: options.pixels };
  }

  /** The greatest shift. */
  override config(): Record<string, unknown> {
    return { pixels: this.pixels };
  }
}

/**
 * y[c, …] = (x[c, …] − mean[c]) / deviation[c], in training and after. `channelMoments` gives both for a data set.
 * Shape: [c, …] → same.
 */
export class Normalize extends ParameterlessLayer {
  /** The class. */
  override readonly kind = "Normalize";
  /** The mean of each channel. */
  readonly mean: readonly number[];
  /** The deviation of each channel. */
  readonly deviation: readonly number[];

  /**
   * Checks the options.
   *
   * @throws {OptionError} if there is not one finite mean and one deviation above 0 for each channel.
   */
  constructor(options: NormalizeOptions) {
    checkKeys(options, "Normalize", ["mean", "deviation", "name"]);
    checkChannels(options, "Normalize");
    super(options.name);
    this.mean = [...options.mean];
    this.deviation = [...options.deviation];
  }

  /** The input's. @throws {ShapeError} if it has not as many channels as there are means. */
  override outputShape(input: Shape): Shape {
    if (input[0] !== this.mean.length) {
      throw new ShapeError(
        `expected an input [${this.mean.length}, …], a channel for each mean, got ${
          formatShape(input)
        }`,
      );
    }
    return input;
  }

  /** Two for each element. */
  override flops(input: Shape): number {
    return 2 * sizeOf(input);
  }

  /** Records the normalisation; the step back divides by the deviations. */
  override forward(x: Tensor, { recorder }: LayerContext): LayerOutput {
    const y = normalizeChannels(recorder, x, this);
    return { y, backward: (dy) => normalizeChannelsGradient(recorder, dy, this) };
  }

  /** The means and deviations. */
  override config(): Record<string, unknown> {
    return { mean: this.mean, deviation: this.deviation };
  }
}
