/**
 * Large cases: more workgroups than one dimension of a dispatch takes, 65,535.
 *
 * @module
 */

import { relu } from "../src/ops/activations.ts";
import { augmentImages, normalizeChannels } from "../src/ops/augment.ts";
import { channelStatistics, updateRunningStatistics } from "../src/ops/channel_statistics.ts";
import { Scalar } from "../src/gpu/recorder.ts";
import { add, scale } from "../src/ops/elementwise.ts";
import { fft2d, ifft2d } from "../src/ops/fft.ts";
import { fftError } from "../src/ops/fft_plan.ts";
import { filter2d } from "../src/ops/filter2d.ts";
import { gatherRows } from "../src/ops/gather.ts";
import { hinge, softmaxCrossEntropy } from "../src/ops/losses.ts";
import type { MatmulPlan } from "../src/ops/matmul_plan.ts";
import { dropout, randomUniform } from "../src/ops/random.ts";
import { argmax, sum } from "../src/ops/reductions.ts";
import { softmax } from "../src/ops/softmax.ts";
import { matches } from "../src/ops/statistics.ts";
import { sgdUpdate } from "../src/ops/updates.ts";
import { Adam, type AdamNumbers } from "../src/optimizers/adam.ts";
import { type Random, threefry } from "../src/random.ts";
import { type Case, type Expected, floats, type Input, makeCase, wholes } from "./case.ts";
import { MANY_WORKGROUPS_OF_LAYERS } from "./cases_layers.ts";
import { expectLoss } from "./cases_losses.ts";
import { expectMatmul, matmulCase } from "./cases_matmul.ts";
import { batchNormCase } from "./cases_batch_norm.ts";
import { responseCase } from "./cases_normalization.ts";
import { expectReduction } from "./cases_reductions.ts";
import { expectSoftmax } from "./cases_softmax.ts";

/** Workgroups: a prime above 65,535, so that folding into two dimensions leaves one too many. */
const WORKGROUPS = 65_537;
/** Elements that need them, 64 to a workgroup, the last one not full: 5 · 838,873, no multiple of 4. */
const LENGTH = 64 * WORKGROUPS - 3;
/** Rows of large inputs repeat, so that the reference computes only these. */
const PERIOD = 251;

/** The first rows, repeated. */
function repeatRows<V extends Float32Array | Uint32Array>(
  { shape, values }: Input<V>,
  rows: number,
): Input<V> {
  const width = values.length / shape[0]!;
  const repeated = values.slice(0, 0).constructor as new (length: number) => V;
  const result = new repeated(rows * width);
  for (let at = 0; at < result.length; at += values.length) {
    result.set(values.subarray(0, result.length - at), at);
  }
  return { shape: [rows, ...shape.slice(1)], values: result };
}

/** The expected rows, repeated; values and bounds times `factor`. */
function repeatExpected({ shape, values, bounds }: Expected, rows: number, factor = 1): Expected {
  const width = values.length / shape[0]!;
  const repeat = (source: ArrayLike<number>): Float64Array => {
    const scaled = Float64Array.from(source, (value) => value * factor);
    return repeatRows({ shape, values: scaled as never }, rows).values as never;
  };
  return {
    shape: [rows, ...shape.slice(1)],
    values: repeat(values),
    bounds: bounds === undefined ? new Float64Array(rows * width) : repeat(bounds),
  };
}

/** Numbers of the generator, two of each block. */
function units(length: number, seed: number): Float32Array {
  const result = new Float32Array(length);
  for (let i = 0; 2 * i < length; i++) {
    const [first, second] = threefry(seed, 0, i, 0);
    result[2 * i] = (first >>> 8) * 2 ** -24;
    if (2 * i + 1 < length) result[2 * i + 1] = (second >>> 8) * 2 ** -24;
  }
  return result;
}

/** Images of one row, there and back. */
function transforms(random: Random, width: number): Case {
  const images = repeatRows(floats(random, [PERIOD, 1, width]), Math.ceil(LENGTH / width));
  return makeCase(
    "",
    { images },
    (recorder, { images }) => ({ back: ifft2d(recorder, fft2d(recorder, images), { width }) }),
    ({ images: { shape, values } }) => {
      const bounds = new Float64Array(values.length);
      for (let i = 0; i < values.length; i += width) {
        const squares = values.subarray(i, i + width).reduce((sum, value) => sum + value ** 2, 0);
        bounds.fill(2.01 * fftError(1, width) * Math.sqrt(squares), i, i + width);
      }
      return { back: { shape, values, bounds } };
    },
  );
}

const linear = { transposeA: false, transposeB: false, activation: "linear" } as const;

/** A product of many rows whose tiles are the workgroups; k = 0 leaves the bias. */
function manyTiles(random: Random, plan: MatmulPlan, rows: number, k: number): Case {
  const base = floats(random, [PERIOD, k]);
  const inputs = {
    a: repeatRows(base, rows),
    b: floats(random, [k, 8]),
    bias: floats(random, [8], 5),
  };
  const drawn = matmulCase(
    random,
    { ...linear, bias: true, whole: [false, true, false] },
    [1, 8, k],
    plan,
  );
  return {
    ...drawn,
    what: `${plan.family}, ${rows} rows, k ${k}, ${plan.parts} parts`,
    inputs,
    expect: () => ({
      c: repeatExpected(expectMatmul({ ...inputs, a: base }, linear), rows),
    }),
  };
}

const tile = { rowGroups: 1, columnGroups: 1 };
const register: MatmulPlan = {
  family: "register",
  ...tile,
  lanesM: 1,
  lanesN: 8,
  parts: 1,
  chunk: 0,
};
const block: MatmulPlan = {
  family: "block",
  ...tile,
  lanesM: 8,
  lanesN: 8,
  depth: 16,
  parts: 1,
  chunk: 0,
};

/** A first step of Adam divides the gradient by its own size: it moves every parameter whose gradient is not 0 by the rate, ½. */
function firstStep(random: Random): Case {
  const optimizer = new Adam({ learningRate: 0.5 });
  const shape = [4 * (LENGTH + 3)];
  const signs = wholes(random, [PERIOD], 3).values;
  const gradients = { shape: [PERIOD], values: Float32Array.from(signs, (value) => value - 1) };
  const dp = repeatRows(gradients, shape[0]!).values;
  // ½ with less than 32 units in the last place for a few roundings, the root and the quotient, an ε of 1e-8, and one rounding of
  // the difference, which is below 8.
  const bound = 0.5 * (32 * 2 ** -23 + 1e-8) + 8 * 2 ** -24;
  return makeCase(
    "",
    { p: { shape, values: new Float32Array(shape[0]!).fill(7) }, dp: { shape, values: dp } },
    (recorder, { p, dp }) => {
      const state = optimizer.stateNames.map(() => scale(recorder, dp, 0));
      const numbers = Object.entries(optimizer.stepNumbers(0.5, 0))
        .map(([name, value]) => [name, new Scalar(value)]);
      const tensors = { parameters: p, gradients: dp, state, clip: undefined };
      optimizer.update(
        recorder,
        tensors,
        Object.fromEntries(numbers) as Record<AdamNumbers, Scalar>,
      );
      for (const tensor of state) recorder.release(tensor);
      return { p };
    },
    () => ({
      p: {
        shape,
        values: dp.map((value) => 7 - 0.5 * value),
        bounds: new Float32Array(dp.length).fill(bound),
      },
    }),
  );
}

/** Launches of more than 65,535 workgroups. */
export const MANY_WORKGROUPS: Record<string, (random: Random) => Case> = {
  ...MANY_WORKGROUPS_OF_LAYERS,
  relu: (random) => {
    const base = floats(random, [PERIOD]);
    const y = base.values.map((value) => Math.max(value, 0));
    return makeCase(
      "",
      { x: repeatRows(base, LENGTH) },
      (recorder, { x }) => ({ y: relu(recorder, x) }),
      () => ({ y: repeatExpected({ shape: [PERIOD], values: y }, LENGTH) }),
    );
  },
  "add, repeated": (random) => {
    const base = floats(random, [1, 5]);
    const b = floats(random, [5]);
    const y = base.values.map((value, j) => value + b.values[j]!);
    return makeCase(
      "",
      { a: repeatRows(base, LENGTH / 5), b },
      (recorder, tensors) => ({ y: add(recorder, tensors.a, tensors.b) }),
      () => ({ y: repeatExpected({ shape: [1, 5], values: y }, LENGTH / 5) }),
    );
  },
  "sum, argmax": (random) => {
    const base = floats(random, [PERIOD, 2]);
    return makeCase(
      "",
      { x: repeatRows(base, LENGTH) },
      (recorder, { x }) => ({
        total: sum(recorder, x, { axis: 1 }),
        index: argmax(recorder, x, { axis: 1 }),
      }),
      () => ({
        total: repeatExpected(expectReduction("sum", base, 1), LENGTH),
        index: repeatExpected(expectReduction("argmax", base, 1), LENGTH),
      }),
    );
  },
  softmax: (random) => {
    const base = floats(random, [PERIOD, 2]);
    return makeCase(
      "",
      { x: repeatRows(base, LENGTH) },
      (recorder, { x }) => ({ y: softmax(recorder, x) }),
      () => ({ y: repeatExpected(expectSoftmax(base), LENGTH) }),
    );
  },
  "softmaxCrossEntropy, matches": (random) => {
    const base = floats(random, [PERIOD, 2]);
    const labels = wholes(random, [PERIOD], 2);
    const expected = expectLoss("softmaxCrossEntropy", base, labels);
    const right = Array.from(
      labels.values,
      (label, i) => Number(label === Number(base.values[2 * i + 1]! > base.values[2 * i]!)),
    );
    return makeCase(
      "",
      { logits: repeatRows(base, LENGTH), labels: repeatRows(labels, LENGTH) },
      (recorder, tensors) => {
        const { losses, gradient } = softmaxCrossEntropy(recorder, tensors.logits, tensors.labels);
        const matching = matches(recorder, tensors.logits, tensors.labels);
        return { losses, gradient: gradient!, matching };
      },
      () => ({
        losses: repeatExpected(expected.losses!, LENGTH),
        gradient: repeatExpected(expected.gradient!, LENGTH, PERIOD / LENGTH),
        matching: repeatExpected({ shape: [PERIOD], values: right }, LENGTH),
      }),
    );
  },
  hinge: (random) => {
    const base = floats(random, [PERIOD, 1]);
    const labels = wholes(random, [PERIOD], 2);
    const expected = expectLoss("hinge", base, labels);
    return makeCase(
      "",
      { outputs: repeatRows(base, LENGTH), labels: repeatRows(labels, LENGTH) },
      (recorder, { outputs, labels }) => {
        const { losses, gradient } = hinge(recorder, outputs, labels);
        return { losses, gradient: gradient! };
      },
      () => ({
        losses: repeatExpected(expected.losses!, LENGTH),
        gradient: repeatExpected(expected.gradient!, LENGTH, PERIOD / LENGTH),
      }),
    );
  },
  "randomUniform, dropout": () => {
    const shape = [2 * LENGTH];
    const seed = 5;
    const numbers = units(2 * LENGTH, seed);
    const x: Input<Float32Array> = { shape, values: new Float32Array(2 * LENGTH).fill(3) };
    return makeCase(
      "",
      { x },
      (recorder, tensors) => ({
        numbers: randomUniform(recorder, shape, { seed }),
        kept: dropout(recorder, tensors.x, { rate: 0.5, seed }),
      }),
      () => ({
        numbers: { shape, values: numbers },
        kept: { shape, values: numbers.map((value) => value < 0.5 ? 0 : 6) },
      }),
    );
  },
  "batchNorm and localResponseNorm": (random) => {
    const base = floats(random, [PERIOD, 1]);
    const one = { shape: [1], values: Float32Array.of(2) };
    const statistics = { mean: one, variance: one };
    const norm = batchNormCase({ x: base, gamma: one, beta: one, ...statistics });
    const response = responseCase(base, { size: 1, alpha: 0.5, beta: 1, k: 2 });
    return makeCase(
      "",
      { x: repeatRows(base, LENGTH), one },
      (recorder, { x, one }) => ({
        y: norm.run(recorder, { x, gamma: one, beta: one, mean: one, variance: one })["y"]!,
        z: response.run(recorder, { x })["y"]!,
      }),
      () => ({
        y: repeatExpected(norm.expect(norm.inputs)["y"]!, LENGTH),
        z: repeatExpected(response.expect(response.inputs)["y"]!, LENGTH),
      }),
    );
  },
  "statistics of many channels": (random) => {
    const base = floats(random, [PERIOD]);
    const x = { shape: [1, LENGTH], values: repeatRows(base, LENGTH).values };
    const start = { shape: [LENGTH], values: new Float32Array(LENGTH) };
    return makeCase(
      "",
      { x, mean: start, variance: start },
      (recorder, tensors) => {
        const { mean, variance } = tensors;
        const batch = channelStatistics(recorder, tensors.x);
        updateRunningStatistics(recorder, { mean, variance }, batch, 1, 0.5);
        return { mean, variance, batchMean: batch.mean, batchVariance: batch.variance };
      },
      () => {
        const means = repeatExpected({ shape: [PERIOD], values: base.values }, LENGTH);
        const zeros = { shape: [LENGTH], values: start.values };
        const half = repeatExpected({ shape: [PERIOD], values: base.values }, LENGTH, 0.5);
        return { mean: half, variance: zeros, batchMean: means, batchVariance: zeros };
      },
    );
  },
  gather: (random) => {
    const x = repeatRows(floats(random, [PERIOD]), LENGTH + 1);
    return makeCase(
      "",
      { x },
      (recorder, tensors) => ({ y: gatherRows(recorder, tensors.x, { rows: LENGTH, start: 1 }) }),
      (inputs) => ({ y: { shape: [LENGTH], values: inputs.x.values.subarray(1) } }),
    );
  },
  "augmentImages, normalizeChannels": (random) => {
    // One pixel to an image: mirrored, it stays.
    const shape = [LENGTH, 1, 1, 1];
    const x: Input<Float32Array> = { ...repeatRows(floats(random, [PERIOD]), LENGTH), shape };
    return makeCase(
      "",
      { x },
      (recorder, tensors) => ({
        same: augmentImages(recorder, tensors.x, { flip: true, seed: 1 }),
        half: normalizeChannels(recorder, tensors.x, { mean: [0], deviation: [2] }),
      }),
      (inputs) => ({
        same: { shape, values: inputs.x.values },
        half: { shape, values: inputs.x.values.map((value) => value / 2) },
      }),
    );
  },
  "sgd, no rounding": (random) => {
    const shape = [4 * (LENGTH + 3)];
    const numbers = Float32Array.from(wholes(random, [PERIOD], 100).values);
    const dp = repeatRows({ shape: [PERIOD], values: numbers }, shape[0]!).values;
    return makeCase(
      "",
      {
        p: { shape, values: new Float32Array(shape[0]!).fill(7) },
        dp: { shape, values: dp },
      },
      (recorder, { p, dp }) => {
        sgdUpdate(recorder, p, dp, { rate: 0.5 });
        return { p };
      },
      () => ({ p: { shape, values: dp.map((value) => 7 - 0.5 * value) } }),
    );
  },
  "Adam, first step": firstStep,
  "fft2d and ifft2d of single numbers": (random) => transforms(random, 1),
  "fft2d and ifft2d, in a loop": (random) => transforms(random, 7),
  "filter2d": (random) => {
    const image = repeatRows(floats(random, [PERIOD, 1]), LENGTH);
    return makeCase(
      "",
      { image },
      (recorder, { image }) => ({ y: filter2d(recorder, image, [[0], [2]], { separable: true }) }),
      ({ image: { shape, values } }) => ({
        y: { shape, values: values.map((_, i) => 2 * (values[i + 1] ?? 0)) },
      }),
    );
  },
  "matmul plain, and the sum of parts": (random) => {
    const plan = { family: "plain", parts: 2, chunk: 2 } as const;
    return manyTiles(random, plan, Math.ceil(LENGTH / 8), 3);
  },
  "matmul register": (random) => manyTiles(random, { ...register, chunk: 3 }, 4 * WORKGROUPS, 3),
  "matmul register, k = 0": (random) => manyTiles(random, register, 4 * WORKGROUPS, 0),
  "matmul block": (random) => manyTiles(random, { ...block, chunk: 3 }, 32 * WORKGROUPS, 3),
  "matmul block, k = 0": (random) => manyTiles(random, block, 32 * WORKGROUPS, 0),
};
