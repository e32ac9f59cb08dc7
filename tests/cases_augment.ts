/**
 * Cases of augmentation: images mirrored and shifted at random, channels normalised, and the gradients of both.
 *
 * @module
 */

import { OptionError, ShapeError } from "../src/errors.ts";
import {
  augmentImages,
  augmentImagesGradient,
  normalizeChannels,
  normalizeChannelsGradient,
} from "../src/ops/augment.ts";
import type { Random } from "../src/random.ts";
import {
  channelOf,
  imageMoves,
  moveImages,
  moveImagesBackward,
  normalizeChannels as referenceNormalize,
  normalizeChannelsBackward,
} from "../src/reference/augment.ts";
import { type Shape, sizeOf } from "../src/shape.ts";
import {
  blank,
  type Case,
  dimension,
  float,
  floats,
  makeCase,
  pick,
  reference,
  type Refusal,
  type Row,
  within,
} from "./case.ts";
import { exact, literal, multiply, type Rounded, subtract } from "./rounding.ts";

/** Pixels of a row, tried around the number of invocations that share one. */
const LANES = 8;

/** A batch of images of at most about 4,000 pixels; some rows are longer than the lanes of a card. */
function drawShape(random: Random): Shape {
  const width = random.integer(8) === 0 ? 67 : dimension(random, LANES);
  const height = pick(random, [0, 1, 2, 3, 5, 8, 9, 17]);
  const channels = pick(random, [0, 1, 1, 2, 3, 3, 5]);
  const images = pick(random, [0, 1, 2, 5, 17]);
  const shape = [images, channels, height, width];
  return sizeOf(shape) > 4000 ? [2, ...shape.slice(1)] : shape;
}

/** Images, their options, and the moves that these draw. */
function drawAugment(random: Random, index: number, gradient: boolean): Case {
  const word = () => random.integer(3) > 0 ? random.integer(5) : random.word();
  const options = {
    flip: index % 3 !== 0,
    shift: index % 3 === 1 ? 0 : pick(random, [0, 1, 2, 4, random.integer(12), 0x7fff]),
    seed: word(),
    stream: word(),
    counter: word(),
  };
  const shape = drawShape(random);
  const moves = imageMoves(shape[0]!, options);
  const text = JSON.stringify(options).replaceAll('"', "");
  return gradient
    ? makeCase(
      text,
      { dy: floats(random, shape) },
      (recorder, { dy }) => ({ dx: augmentImagesGradient(recorder, dy, options) }),
      ({ dy }) => {
        const { data } = moveImagesBackward(reference(dy), moves);
        return { dx: { shape, values: data } };
      },
    )
    : makeCase(
      text,
      { x: floats(random, shape) },
      (recorder, { x }) => ({ y: augmentImages(recorder, x, options) }),
      ({ x }) => ({ y: { shape, values: moveImages(reference(x), moves).data } }),
    );
}

const augmentRefusals: readonly Refusal[] = [
  {
    what: "three dimensions",
    error: ShapeError,
    message: /^augmentImages: expected images \[n, c, h, w\], got \[2, 3, 4\]/,
    call: (gpu) => augmentImages(gpu, blank(gpu, 2, 3, 4), { seed: 1 }),
  },
  ...[-1, 0.5, 0x8000].map((shift) => ({
    what: `a shift of ${shift}`,
    error: OptionError,
    message: new RegExp(`^augmentImages: shift: expected a whole number .*, got ${shift}`),
    call: (gpu: Parameters<typeof blank>[0]) =>
      augmentImages(gpu, blank(gpu, 1, 1, 1, 1), { shift, seed: 1 }),
  })),
  {
    what: "a seed that does not fit",
    error: OptionError,
    message: /^augmentImages: seed: expected a whole number .*, got 4294967296/,
    call: (gpu) => augmentImages(gpu, blank(gpu, 1, 1, 1, 1), { seed: 2 ** 32 }),
  },
];

const augmentRow: Row = {
  name: "augmentImages",
  kernels: ["augment.wgsl"],
  draws: 100,
  draw: (random, index) => drawAugment(random, index, false),
  refusals: augmentRefusals,
};

const augmentGradientRow: Row = {
  name: "augmentImages gradient",
  kernels: ["augment.wgsl"],
  draws: 100,
  draw: (random, index) => drawAugment(random, index, true),
  refusals: [{
    what: "a single image",
    error: ShapeError,
    message: /^augmentImagesGradient: expected images \[n, c, h, w\], got \[3, 4, 5\]/,
    call: (gpu) => augmentImagesGradient(gpu, blank(gpu, 3, 4, 5), { seed: 1 }),
  }],
};

/** A batch of one to ten channels, with a mean and a deviation for each. */
function drawChannels(random: Random): { shape: Shape; mean: number[]; deviation: number[] } {
  const channels = 1 + random.integer(random.integer(2) === 0 ? 4 : 10);
  const space = Array.from({ length: random.integer(4) }, () => dimension(random, 4));
  const shape = [dimension(random, 4), channels, ...space];
  return {
    shape: sizeOf(shape) > 4000 ? [2, channels, 7] : shape,
    // No float32 numbers: the kernel gets them rounded.
    mean: Array.from({ length: channels }, () => 4 * random.normal()),
    deviation: Array.from({ length: channels }, () => Math.exp(random.normal())),
  };
}

const normalizeRow: Row = {
  name: "normalizeChannels",
  kernels: ["normalize_channels.wgsl"],
  draws: 100,
  draw: (random) => {
    const { shape, ...moments } = drawChannels(random);
    const { mean, deviation } = moments;
    return makeCase(
      `${mean.length} channels`,
      { x: floats(random, shape, float(random, 0, 3)) },
      (recorder, { x }) => ({ y: normalizeChannels(recorder, x, moments) }),
      ({ x }) => {
        const rounded = Array.from(x.values, (value, i): Rounded => {
          const c = channelOf(x, i);
          return multiply(
            literal(1 / deviation[c]!),
            subtract(exact(value), literal(mean[c]!)),
          );
        });
        return { y: within(referenceNormalize(reference(x), mean, deviation), rounded) };
      },
    );
  },
  refusals: [
    {
      what: "other channels",
      error: ShapeError,
      message: /^normalizeChannels: expected \[n, 2, …\], a channel for each mean, got \[4, 3, 5\]/,
      call: (gpu) =>
        normalizeChannels(gpu, blank(gpu, 4, 3, 5), { mean: [0, 0], deviation: [1, 1] }),
    },
    {
      what: "a deviation of 0",
      error: OptionError,
      message: /^normalizeChannels: deviation\[1\]: expected a number of at least 1e-38 .*, got 0/,
      call: (gpu) => normalizeChannels(gpu, blank(gpu, 1, 2), { mean: [0, 0], deviation: [1, 0] }),
    },
    {
      what: "a mean that is no number",
      error: OptionError,
      message: /^normalizeChannels: mean\[0\]: expected a number .*, got NaN/,
      call: (gpu) => normalizeChannels(gpu, blank(gpu, 1, 1), { mean: [NaN], deviation: [1] }),
    },
    {
      what: "more means than deviations",
      error: OptionError,
      message: /^normalizeChannels: expected as many deviations as means, got 1 and 2/,
      call: (gpu) => normalizeChannels(gpu, blank(gpu, 1, 2), { mean: [0, 0], deviation: [1] }),
    },
  ],
};

const normalizeGradientRow: Row = {
  name: "normalizeChannels gradient",
  kernels: ["normalize_channels.wgsl"],
  draws: 50,
  draw: (random) => {
    const { shape, deviation } = drawChannels(random);
    return makeCase(
      `${deviation.length} channels`,
      { dy: floats(random, shape) },
      (recorder, { dy }) => ({ dx: normalizeChannelsGradient(recorder, dy, { deviation }) }),
      ({ dy }) => {
        const rounded = Array.from(
          dy.values,
          (value, i) => multiply(literal(1 / deviation[channelOf(dy, i)]!), exact(value)),
        );
        return { dx: within(normalizeChannelsBackward(reference(dy), deviation), rounded) };
      },
    );
  },
  refusals: [{
    what: "no channel",
    error: OptionError,
    message: /^normalizeChannelsGradient: mean: expected a number for each channel/,
    call: (gpu) => normalizeChannelsGradient(gpu, blank(gpu, 1, 1), { deviation: [] }),
  }],
};

/** The rows of this file. */
export const AUGMENT_ROWS: readonly Row[] = [
  augmentRow,
  augmentGradientRow,
  normalizeRow,
  normalizeGradientRow,
];
