/**
 * Cases of local response normalisation and of the statistics of channels.
 *
 * @module
 */

import { OptionError, ShapeError } from "../src/errors.ts";
import { channelStatistics, updateRunningStatistics } from "../src/ops/channel_statistics.ts";
import { localResponseNorm, localResponseNormGradient } from "../src/ops/local_response_norm.ts";
import type { Random } from "../src/random.ts";
import * as oracle from "../src/reference/normalization.ts";
import type { Shape } from "../src/shape.ts";
import {
  blank,
  type Case,
  dimension,
  float,
  floats,
  type Input,
  makeCase,
  pick,
  reference,
  type Row,
  within,
} from "./case.ts";
import {
  type ResponseOptions,
  roundedResponseGradients,
  roundedResponses,
  roundedStatistics,
} from "./rounded_normalization.ts";
import { drawSlope, withSlopeOf } from "./rounded_slopes.ts";
import { add, exact, literal, multiply } from "./rounding.ts";

interface GradientInputs extends Record<string, Input<Float32Array>> {
  x: Input<Float32Array>;
  dy: Input<Float32Array>;
}

/** Shapes [n, c, …] with few and many values for each channel, in rows that can be read as vec4 and others. */
export function drawChannels(random: Random, least = 0): Shape {
  const rank = random.integer(4);
  const space = Array.from({ length: rank }, () => pick(random, [1, 2, 3, 4, 5, 8]));
  if (random.integer(4) === 0) return [dimension(random, 64, least), dimension(random, 16, least)];
  if (random.integer(6) === 0) return [pick(random, [1, 3]), pick(random, [1, 2]), 1021 + rank];
  return [pick(random, [0, 1, 2, 3, 5]) || least, dimension(random, 4, least), ...space];
}

/** Normal numbers around a mean that may be large beside their deviation. */
export function around(
  random: Random,
  shape: Shape,
  center = pick(random, [0, 0, 1, -30, 1000]),
): Input<Float32Array> {
  const { values } = floats(random, shape, pick(random, [0.1, 1, 10]));
  return { shape, values: values.map((value) => value + center) };
}

/** Variances, all above 0. */
export function variances(random: Random, count: number): Input<Float32Array> {
  return {
    shape: [count],
    values: Float32Array.from({ length: count }, () => float(random, 0.01, 3)),
  };
}

const show = (options: unknown) => JSON.stringify(options);

/** Options and a shape; every fifth has windows that are too long to be written out, and channels that lie outside them. */
function drawResponse(random: Random, index: number): { options: ResponseOptions; shape: Shape } {
  const exponents = {
    beta: pick(random, [0.75, 0.75, 0.5, 1, 2, -0.5]),
    k: pick(random, [1, 2, 3.7]),
  };
  if (index % 5 === 4) {
    const options = { size: pick(random, [10, 12, 13]), alpha: float(random, 1, 9), ...exponents };
    return { options, shape: [2, pick(random, [17, 30]), pick(random, [1, 3, 4])] };
  }
  const size = pick(random, [1, 2, 3, 4, 5, 5, 9, 40]);
  const alpha = pick(random, [0, 1e-4, 0.5, float(random, 0, 5)]);
  return { options: { size, alpha, ...exponents }, shape: drawChannels(random) };
}

/** A forward call; with `defaults` the options, which must be the defaults, are left out. */
export function responseCase(
  x: Input<Float32Array>,
  options: ResponseOptions,
  defaults = false,
): Case {
  return makeCase(
    show(options),
    { x },
    (recorder, tensors) => ({
      y: localResponseNorm(recorder, tensors.x, defaults ? {} : options),
    }),
    (inputs) => {
      const values = reference(inputs.x);
      const y = oracle.localResponseNorm(values, options);
      return { y: within(y, roundedResponses(values, options)) };
    },
  );
}

const responseRows: Row[] = [
  {
    name: "localResponseNorm",
    kernels: ["local_response_norm.wgsl"],
    draws: 60,
    draw: (random, index) => {
      const { options, shape } = drawResponse(random, index);
      const x = floats(random, shape, 3);
      return index === 0
        ? responseCase(x, { size: 5, alpha: 1e-4, beta: 0.75, k: 1 }, true)
        : responseCase(x, options);
    },
    refusals: [
      {
        what: "an input without channels",
        error: ShapeError,
        message: /^localResponseNorm: expected a tensor \[n, channels, …\], got \[3\]/,
        call: (gpu) => localResponseNorm(gpu, blank(gpu, 3)),
      },
      {
        what: "a size of 0",
        error: OptionError,
        message: /^localResponseNorm: size: expected a whole number of at least 1, got 0/,
        call: (gpu) => localResponseNorm(gpu, blank(gpu, 2, 3), { size: 0 }),
      },
      {
        what: "a k of 0",
        error: OptionError,
        message: /^localResponseNorm: k: expected a number above 0, got 0/,
        call: (gpu) => localResponseNorm(gpu, blank(gpu, 2, 3), { k: 0 }),
      },
      {
        what: "a negative alpha",
        error: OptionError,
        message: /^localResponseNorm: alpha: expected a number of at least 0, got -1/,
        call: (gpu) => localResponseNorm(gpu, blank(gpu, 2, 3), { alpha: -1 }),
      },
      {
        what: "windows of more channels than a loop goes round",
        error: ShapeError,
        message: /^localResponseNorm: at most 65535 channels can be summed, got 65536/,
        call: (gpu) => localResponseNorm(gpu, blank(gpu, 1, 65_536), { size: 65_533 }),
      },
    ],
  },
  {
    name: "localResponseNorm gradient",
    kernels: ["local_response_norm.wgsl"],
    draws: 60,
    draw: (random, index) => {
      const { options, shape } = drawResponse(random, index);
      const slope = random.integer(3) > 0 ? undefined : drawSlope(random, "relu", shape);
      const inputs: GradientInputs = {
        x: floats(random, shape, 3),
        dy: floats(random, shape),
        ...(slope && { saved: slope.saved }),
      };
      return makeCase(
        show(options),
        inputs,
        (recorder, { x, dy, saved }) => ({
          dx: localResponseNormGradient(recorder, x, dy, {
            ...options,
            ...(saved && { gradient: { activation: "relu", saved } }),
          }),
        }),
        (inputs) => {
          const [x, dy] = [reference(inputs.x), reference(inputs.dy)];
          const dx = oracle.localResponseNormBackward(x, dy, options);
          const expected = within(dx, roundedResponseGradients(x, dy, options));
          return { dx: slope ? withSlopeOf(slope, inputs.saved!, expected) : expected };
        },
      );
    },
    refusals: [
      {
        what: "dy of another shape",
        error: ShapeError,
        message: /^localResponseNormGradient: dy: expected shape \[2, 3\], got \[3, 2\]/,
        call: (gpu) => localResponseNormGradient(gpu, blank(gpu, 2, 3), blank(gpu, 3, 2)),
      },
      {
        what: "saved values of another shape",
        error: ShapeError,
        message: /^localResponseNormGradient: gradient.saved: expected shape \[2, 3\], got/,
        call: (gpu) => {
          const gradient = { activation: "relu", saved: blank(gpu, 3, 2) } as const;
          localResponseNormGradient(gpu, blank(gpu, 2, 3), blank(gpu, 2, 3), { gradient });
        },
      },
    ],
  },
];

/** The statistics of one tensor. */
export function statisticsCase(x: Input<Float32Array>): Case {
  return makeCase(
    "",
    { x },
    (recorder, tensors) => ({ ...channelStatistics(recorder, tensors.x) }),
    (inputs) => {
      const values = reference(inputs.x);
      const expected = oracle.channelStatistics(values);
      const rounded = roundedStatistics(values);
      return {
        mean: within(expected.mean, rounded.mean),
        variance: within(expected.variance, rounded.variance),
      };
    },
  );
}

const statisticsRows: Row[] = [
  {
    name: "channelStatistics",
    kernels: ["channel_statistics.wgsl", "channel_statistics_merge.wgsl"],
    draws: 100,
    draw: (random, index) => {
      if (index % 4 < 2) return statisticsCase(around(random, drawChannels(random)));
      // Channels enough to keep a software adapter busy without parts, and sums that need their correction.
      if (index % 8 < 4) return statisticsCase(around(random, [5, 70, 63], 1000));
      // Values enough for parts on any kind of adapter.
      const [rows, channels] = [pick(random, [7, 40]), pick(random, [1, 2, 3, 5])];
      return statisticsCase(around(random, [rows, channels, pick(random, [15, 64, 99])]));
    },
    refusals: [{
      what: "an input without channels",
      error: ShapeError,
      message: /^channelStatistics: expected a tensor \[n, channels, …\], got \[3\]/,
      call: (gpu) => channelStatistics(gpu, blank(gpu, 3)),
    }],
  },
  {
    name: "updateRunningStatistics",
    kernels: ["running_statistics.wgsl"],
    draws: 100,
    draw: (random) => {
      const c = dimension(random, 64);
      const count = pick(random, [1, 2, 3, 1000]);
      const momentum = pick(random, [undefined, 0, 1, 0.5, 0.01]);
      return makeCase(
        show({ count, momentum }),
        {
          mean: floats(random, [c]),
          variance: variances(random, c),
          batchMean: floats(random, [c]),
          batchVariance: variances(random, c),
        },
        (recorder, { mean, variance, batchMean, batchVariance }) => {
          const batch = { mean: batchMean, variance: batchVariance };
          updateRunningStatistics(recorder, { mean, variance }, batch, count, momentum);
          return { mean, variance };
        },
        (inputs) => {
          const running = { mean: reference(inputs.mean), variance: reference(inputs.variance) };
          const batch = {
            mean: reference(inputs.batchMean),
            variance: reference(inputs.batchVariance),
          };
          const result = oracle.updateRunningStatistics(running, batch, count, momentum);
          const { keep, mix } = { keep: 1 - (momentum ?? 0.1), mix: momentum ?? 0.1 };
          const rounded = (name: "mean" | "variance", factor: number) =>
            Array.from(running[name].data, (old, i) =>
              add(
                multiply(literal(keep), exact(old)),
                multiply(literal(mix * factor), exact(batch[name].data[i]!)),
              ));
          return {
            mean: within(result.mean, rounded("mean", 1)),
            variance: within(result.variance, rounded("variance", count / Math.max(1, count - 1))),
          };
        },
      );
    },
    refusals: [
      {
        what: "statistics of another shape",
        error: ShapeError,
        message: /^updateRunningStatistics: batch variance: expected shape \[2\], got \[3\]/,
        call: (gpu) =>
          updateRunningStatistics(
            gpu,
            { mean: blank(gpu, 2), variance: blank(gpu, 2) },
            { mean: blank(gpu, 2), variance: blank(gpu, 3) },
            4,
          ),
      },
      {
        what: "a momentum above 1",
        error: OptionError,
        message: /^updateRunningStatistics: momentum: expected a number .* at most 1, got 2/,
        call: (gpu) => {
          const pair = () => ({ mean: blank(gpu, 2), variance: blank(gpu, 2) });
          updateRunningStatistics(gpu, pair(), pair(), 4, 2);
        },
      },
    ],
  },
];

/** The rows of this file. */
export const NORMALIZATION_ROWS: readonly Row[] = [
  ...responseRows,
  ...statisticsRows,
];
