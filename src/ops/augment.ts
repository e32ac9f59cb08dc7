/**
 * Augmentation of images: random mirroring and shifting, and the normalisation of channels.
 *
 * @module
 */

import augmentText from "../../kernels/augment.wgsl" with { type: "text" };
import normalizeText from "../../kernels/normalize_channels.wgsl" with { type: "text" };
import { OptionError, ShapeError } from "../errors.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkNumber } from "../options.ts";
import { formatShape, sizeOf } from "../shape.ts";
import { inParts } from "./binding_parts.ts";
import { RANDOM_SOURCE, vectorLength, walkLanes, workgroupsFor } from "./launch.ts";
import { type RandomOptions, randomUniforms } from "./random.ts";

/** How images are moved. */
export interface AugmentOptions extends RandomOptions {
  /** Whether an image is mirrored left to right with probability ½. Default false. */
  flip?: boolean;
  /** The most pixels that an image is shifted by, up, down, left or right, 0 … 32,767. Default 0. */
  shift?: number;
}

/** The means and deviations of channels. */
export interface ChannelOptions {
  /** The mean of each channel. */
  readonly mean: readonly number[];
  /** The deviation of each channel, above 0. */
  readonly deviation: readonly number[];
}

/** The most that an image may be shifted: 2 · 32,767 + 1 places fit the 16 random bits that choose one. */
export const MAX_SHIFT = 0x7fff;
/** Channels of one dispatch: all of a colour image. */
const CHANNELS = 4;

const AUGMENT = new KernelFamily("augment", [RANDOM_SOURCE, {
  name: "augment.wgsl",
  text: augmentText,
}]);
const NORMALIZE = new KernelFamily("normalize_channels", [{
  name: "normalize_channels.wgsl",
  text: normalizeText,
}]);

/**
 * Mirrors each image with probability ½ and moves it by a random offset (i, j), each of −shift … shift alike; what moves in
 * from outside is 0. All channels of an image move together. The random numbers of an image depend on the seed, the
 * stream, the counter and its position in the batch.
 *
 * Shape: [n, c, h, w] → same.
 *
 * @throws {ShapeError} if x has not four dimensions, or a row more than 3,840,000 pixels.
 * @throws {OptionError} if an option is out of range.
 * @see Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural networks", NIPS 2012, § 4.1.
 */
export function augmentImages(recorder: Recorder, x: Tensor, options: AugmentOptions): Tensor {
  return augment(recorder, x, options, false);
}

/**
 * The gradient of {@linkcode augmentImages} to its input, for the same options: every pixel of dy goes back to where it came
 * from, those of the border get 0.
 *
 * Shape: dy [n, c, h, w] → same.
 *
 * @throws {ShapeError} if dy has not four dimensions, or a row more than 3,840,000 pixels.
 * @throws {OptionError} if an option is out of range.
 */
export function augmentImagesGradient(
  recorder: Recorder,
  dy: Tensor,
  options: AugmentOptions,
): Tensor {
  return augment(recorder, dy, options, true);
}

/**
 * y[n, c, …] = (x[n, c, …] − mean[c]) / deviation[c]. Shape: [n, c, …] → same.
 *
 * @throws {ShapeError} if x has not as many channels as there are means, or one is too large.
 * @throws {OptionError} if a mean is not finite, or a deviation not above 0.
 */
export function normalizeChannels(
  recorder: Recorder,
  x: Tensor,
  { mean, deviation }: ChannelOptions,
): Tensor {
  return normalize(recorder, x, { mean, deviation }, "normalizeChannels");
}

/**
 * The gradient of {@linkcode normalizeChannels}: dx[n, c, …] = dy[n, c, …] / deviation[c]. Shape: [n, c, …] → same.
 *
 * @throws {ShapeError} if dy has not as many channels as there are deviations, or one is too large.
 * @throws {OptionError} if a deviation is not above 0.
 */
export function normalizeChannelsGradient(
  recorder: Recorder,
  dy: Tensor,
  { deviation }: Pick<ChannelOptions, "deviation">,
): Tensor {
  const mean = deviation.map(() => 0);
  return normalize(recorder, dy, { mean, deviation }, "normalizeChannelsGradient");
}

/**
 * Checks the means and deviations of channels.
 *
 * @param what Names the operation or layer in errors.
 * @throws {OptionError} if there is none, their numbers differ, a mean is not finite, or a deviation not above 0.
 */
export function checkChannels({ mean, deviation }: ChannelOptions, what: string): void {
  for (const [name, values] of Object.entries({ mean, deviation })) {
    if (!Array.isArray(values) || values.length === 0) {
      throw new OptionError(`${what}: ${name}: expected a number for each channel, got ${values}`);
    }
  }
  if (mean.length !== deviation.length) {
    throw new OptionError(
      `${what}: expected as many deviations as means, got ${deviation.length} and ${mean.length}`,
    );
  }
  const max = 3.4e38; // beyond is infinity in float32
  mean.forEach((value, c) => checkNumber(value, `${what}: mean[${c}]`, { min: -max, max }));
  // Below, 1 / deviation is infinity in float32.
  deviation.forEach((value, c) =>
    checkNumber(value, `${what}: deviation[${c}]`, { min: 1e-38, max })
  );
}

function augment(
  recorder: Recorder,
  x: Tensor,
  options: AugmentOptions,
  gradient: boolean,
): Tensor {
  const what = gradient ? "augmentImagesGradient" : "augmentImages";
  const { flip = false, shift = 0 } = options;
  checkNumber(shift, `${what}: shift`, { min: 0, max: MAX_SHIFT, integer: true });
  const key = randomUniforms(options, what);
  if (x.shape.length !== 4) {
    throw new ShapeError(`${what}: expected images [n, c, h, w], got ${formatShape(x.shape)}`);
  }
  const [images, channels, height, width] = x.shape as [number, number, number, number];
  const lanes = walkLanes(recorder.device, width, what);
  const y = recorder.empty(x.shape, x.type);
  inParts(what, images, [x, y] as const, ([x, y], { first, count }) => {
    const rows = count * channels * height;
    recorder.dispatch({
      label: `${what} ${formatShape(x.shape)}`,
      kernel: AUGMENT.variant({ FLIP: flip, GRADIENT: gradient, LANES: lanes }),
      tensors: { x, y },
      uniforms: { rows, first, channels, height, width, shift, ...key },
      workgroups: width === 0 ? 0 : workgroupsFor(rows * lanes),
    });
  });
  return y;
}

function normalize(recorder: Recorder, x: Tensor, options: ChannelOptions, what: string): Tensor {
  checkChannels(options, what);
  const { mean, deviation } = options;
  const [images, channels, ...space] = x.shape;
  if (channels !== mean.length) {
    throw new ShapeError(
      `${what}: expected [n, ${mean.length}, …], a channel for each mean, got ${
        formatShape(x.shape)
      }`,
    );
  }
  const { vector, length: inner } = vectorLength(sizeOf(space));
  const lanes = walkLanes(recorder.device, inner, what);
  const y = recorder.empty(x.shape, x.type);
  for (let first = 0; first < channels; first += CHANNELS) {
    const count = Math.min(CHANNELS, channels - first);
    const numbers = Array.from({ length: CHANNELS }, (_, c) => [
      [`mean_${c}`, mean[first + c] ?? 0],
      [`scale_${c}`, 1 / (deviation[first + c] ?? 1)],
    ]).flat();
    inParts(what, images!, [x, y] as const, ([x, y], { count: images }) => {
      const planes = images * count;
      recorder.dispatch({
        label: `${what} ${formatShape(x.shape)}`,
        kernel: NORMALIZE.variant({ CHANNELS, VECTOR: vector, LANES: lanes }),
        tensors: { x, y },
        uniforms: { planes, channels, inner, first, count, ...Object.fromEntries(numbers) },
        workgroups: inner === 0 ? 0 : workgroupsFor(planes * lanes),
        flops: 2 * planes * sizeOf(space),
      });
    });
  }
  return y;
}
