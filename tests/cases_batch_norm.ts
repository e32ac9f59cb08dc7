/**
 * Cases of batch normalisation and its gradients.
 *
 * @module
 */

import { OptionError, ShapeError } from "../src/errors.ts";
import { batchNorm, batchNormGradient, batchNormInputGradient } from "../src/ops/batch_norm.ts";
import { batchNormScaleGradients } from "../src/ops/batch_norm_scale.ts";
import type { Random } from "../src/random.ts";
import type { NdArray } from "../src/reference/nd_array.ts";
import * as oracle from "../src/reference/normalization.ts";
import {
  blank,
  type Case,
  type Expected,
  floats,
  type Input,
  makeCase,
  pick,
  reference,
  type Row,
  within,
} from "./case.ts";
import { around, drawChannels, variances } from "./cases_normalization.ts";
import {
  exactStatistics,
  roundedBatchNorm,
  roundedBatchNormGradients,
  roundedStatistics,
} from "./rounded_normalization.ts";

/** The inputs of batch normalisation; `mean` and `variance` only if they are given. */
interface BatchNormInputs extends Record<string, Input<Float32Array>> {
  x: Input<Float32Array>;
  gamma: Input<Float32Array>;
}

function drawBatchNorm(random: Random, index: number) {
  const shape = drawChannels(random);
  const c = shape[1]!;
  const epsilon = pick(random, [undefined, 1e-5, 1e-3, 0.1]);
  const inputs: BatchNormInputs = {
    x: around(random, shape),
    gamma: floats(random, [c]),
    ...(index % 3 === 0 ? { mean: floats(random, [c]), variance: variances(random, c) } : {}),
  };
  return { inputs, epsilon };
}

/** Options with those that are not undefined. */
function batchNormOptions<Statistics>(epsilon?: number, statistics?: Statistics) {
  return {
    ...(epsilon === undefined ? {} : { epsilon }),
    ...(statistics === undefined ? {} : { statistics }),
  };
}

/** The statistics of tensors or inputs, if they are given. */
function given<T, S>({ mean, variance }: Record<string, T>, as: (value: T) => S) {
  return mean === undefined || variance === undefined
    ? undefined
    : { mean: as(mean), variance: as(variance) };
}

function expectBatchNorm(inputs: BatchNormInputs, epsilon?: number): Record<string, Expected> {
  const { x, gamma, beta } = mapInputs(inputs);
  const statistics = given(inputs, reference);
  const y = oracle.batchNorm(x!, gamma!, beta!, batchNormOptions(epsilon, statistics));
  const rounded = statistics === undefined
    ? roundedStatistics(x!)
    : exactStatistics(statistics.mean.data, statistics.variance.data);
  return { y: within(y, roundedBatchNorm(x!, gamma!, beta!, rounded, epsilon ?? 1e-5)) };
}

function expectGradients(inputs: BatchNormInputs, epsilon?: number): Record<string, Expected> {
  const { x, gamma, dy } = mapInputs(inputs);
  const statistics = given(inputs, reference);
  const options = batchNormOptions(epsilon, statistics);
  const { dx, dGamma, dBeta } = oracle.batchNormBackward(x!, gamma!, dy!, options);
  const rounded = roundedBatchNormGradients(
    x!,
    gamma!,
    dy!,
    statistics === undefined
      ? roundedStatistics(x!)
      : exactStatistics(statistics.mean.data, statistics.variance.data),
    { epsilon: epsilon ?? 1e-5, through: statistics === undefined },
  );
  return {
    dx: within(dx, rounded.dx),
    dGamma: within(dGamma, rounded.dGamma),
    dBeta: within(dBeta, rounded.dBeta),
  };
}

function mapInputs(inputs: BatchNormInputs): Record<string, NdArray> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, input]) => [name, reference(input)]),
  );
}

/** A forward call. */
export function batchNormCase(inputs: BatchNormInputs, epsilon?: number): Case {
  return makeCase(
    `epsilon ${epsilon}`,
    inputs,
    (recorder, tensors) => ({
      y: batchNorm(
        recorder,
        tensors.x,
        tensors.gamma,
        tensors["beta"]!,
        batchNormOptions(epsilon, given(tensors, (tensor) => tensor)),
      ),
    }),
    (all) => expectBatchNorm(all, epsilon),
  );
}

/** A backward call. */
export function batchNormGradientCase(inputs: BatchNormInputs, epsilon?: number): Case {
  return makeCase(
    `epsilon ${epsilon}`,
    inputs,
    (recorder, tensors) => ({
      ...batchNormGradient(
        recorder,
        tensors.x,
        tensors.gamma,
        tensors["dy"]!,
        batchNormOptions(epsilon, given(tensors, (tensor) => tensor)),
      ),
    }),
    (all) => expectGradients(all, epsilon),
  );
}

/** The rows of this file. */
export const BATCH_NORM_ROWS: readonly Row[] = [
  {
    name: "batchNorm",
    kernels: ["batch_norm.wgsl"],
    draws: 60,
    draw: (random, index) => {
      const { inputs, epsilon } = drawBatchNorm(random, index);
      return batchNormCase({ ...inputs, beta: floats(random, inputs.gamma.shape) }, epsilon);
    },
    refusals: [
      {
        what: "an input without channels",
        error: ShapeError,
        message: /^batchNorm: expected a tensor \[n, channels, …\], got \[3\]/,
        call: (gpu) => batchNorm(gpu, blank(gpu, 3), blank(gpu, 3), blank(gpu, 3)),
      },
      {
        what: "a scale of another shape",
        error: ShapeError,
        message: /^batchNorm: gamma: expected shape \[3\], got \[2\]/,
        call: (gpu) => batchNorm(gpu, blank(gpu, 2, 3), blank(gpu, 2), blank(gpu, 3)),
      },
      {
        what: "statistics of another shape",
        error: ShapeError,
        message: /^batchNorm: variance: expected shape \[3\], got \[2\]/,
        call: (gpu) =>
          batchNorm(gpu, blank(gpu, 2, 3), blank(gpu, 3), blank(gpu, 3), {
            statistics: { mean: blank(gpu, 3), variance: blank(gpu, 2) },
          }),
      },
      {
        what: "a negative epsilon",
        error: OptionError,
        message: /^batchNorm: epsilon: expected a number of at least 0, got -1/,
        call: (gpu) =>
          batchNorm(gpu, blank(gpu, 2, 3), blank(gpu, 3), blank(gpu, 3), { epsilon: -1 }),
      },
    ],
  },
  {
    name: "batchNorm gradient",
    kernels: ["batch_norm.wgsl", "batch_norm_sums.wgsl"],
    draws: 100,
    draw: (random, index) => {
      const { inputs, epsilon } = drawBatchNorm(random, index);
      return batchNormGradientCase({ ...inputs, dy: floats(random, inputs.x.shape) }, epsilon);
    },
    refusals: [
      {
        what: "dy of another shape",
        error: ShapeError,
        message: /^batchNormGradient: dy: expected shape \[2, 3\], got \[3, 2\]/,
        call: (gpu) => batchNormGradient(gpu, blank(gpu, 2, 3), blank(gpu, 3), blank(gpu, 3, 2)),
      },
      {
        what: "a place for a gradient of another shape",
        error: ShapeError,
        message: /^batchNormScaleGradients: dBeta: expected shape \[3\], got \[2\]/,
        call: (gpu) =>
          batchNormScaleGradients(gpu, blank(gpu, 2, 3), blank(gpu, 2, 3), {
            statistics: { mean: blank(gpu, 3), variance: blank(gpu, 3) },
            dGamma: blank(gpu, 3),
            dBeta: blank(gpu, 2),
          }),
      },
      {
        what: "gradients of another shape",
        error: ShapeError,
        message: /^batchNormInputGradient: dGamma: expected shape \[3\], got \[2\]/,
        call: (gpu) =>
          batchNormInputGradient(gpu, blank(gpu, 2, 3), blank(gpu, 3), blank(gpu, 2, 3), {
            statistics: { mean: blank(gpu, 3), variance: blank(gpu, 3) },
            gradients: { dGamma: blank(gpu, 2), dBeta: blank(gpu, 3) },
          }),
      },
    ],
  },
];
