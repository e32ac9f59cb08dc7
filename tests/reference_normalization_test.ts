/**
 * Normalisations of the float64 reference: cases computed by hand, PyTorch's numbers, central differences,
 * NaN.
 *
 * @module
 */

import { assertAlmostEquals, assertThrows } from "@std/assert";
import { OptionError, ShapeError } from "../src/errors.ts";
import { Random } from "../src/random.ts";
import { mapValues, type NdArray, ndArray, zeros } from "../src/reference/nd_array.ts";
import {
  batchNorm,
  batchNormBackward,
  channelStatistics,
  localResponseNorm,
  localResponseNormBackward,
  type LocalResponseNormOptions,
  updateRunningStatistics,
} from "../src/reference/normalization.ts";
import { assertArray, vector } from "./assert_array.ts";
import { assertBackward, randomArray } from "./check_backward.ts";
import { assertGolden, goldenCases } from "./golden_convolution.ts";

Deno.test("localResponseNorm: by hand, α divided by the size, fewer neighbours at the ends", () => {
  const x = ndArray([1, 3, 2], [1, 1, 2, 0, 3, 2]);
  const options = { size: 3, alpha: 3, beta: 1, k: 2 };
  const y = localResponseNorm(x, options);
  assertArray(y, [1, 3, 2], [1 / 7, 1 / 3, 2 / 16, 0, 3 / 15, 2 / 6]);
  // Of an even number, the one more lies in front.
  const even = localResponseNorm(x, { ...options, size: 2, alpha: 2, beta: 0.5 });
  assertArray(even, [1, 3, 2], [
    1 / Math.sqrt(3),
    1 / Math.sqrt(3),
    2 / Math.sqrt(7),
    0,
    3 / Math.sqrt(15),
    2 / Math.sqrt(6),
  ]);
  // The constants of AlexNet's paper, which does not divide: 0.9 = 5 · 0.18.
  const alexNet = localResponseNorm(x, { size: 5, alpha: 0.9, beta: 0.75, k: 2 });
  assertAlmostEquals(alexNet.data[2]!, 2 / (2 + 0.18 * (1 + 4 + 9)) ** 0.75, 1e-15);
});

Deno.test("localResponseNorm: the defaults; without α it only divides by k^β", () => {
  const x = randomArray([2, 6, 3], new Random(1));
  const defaults = localResponseNorm(x, { size: 5, alpha: 1e-4, beta: 0.75, k: 1 });
  assertArray(localResponseNorm(x), x.shape, [...defaults.data]);
  const scaled = localResponseNorm(x, { alpha: 0, k: 16 });
  assertArray(scaled, x.shape, [...x.data.map((value) => value / 8)]);
  assertArray(localResponseNorm(zeros([0, 3, 2])), [0, 3, 2], []);
});

Deno.test("localResponseNorm: NaN reaches the neighbouring channels, in its position only", () => {
  const x = zeros([1, 5, 2]);
  x.data[4] = NaN; // channel 2, position 0
  const y = localResponseNorm(x, { size: 3 });
  assertArray(y, x.shape, [0, 0, NaN, 0, NaN, 0, NaN, 0, 0, 0]);
  const dx = localResponseNormBackward(zeros(x.shape), x, { size: 3 });
  assertArray(dx, x.shape, [0, 0, NaN, 0, NaN, 0, NaN, 0, 0, 0]);
});

Deno.test("localResponseNorm: gradient agrees with central differences", () => {
  const random = new Random(2);
  const cases: [number[], LocalResponseNormOptions][] = [
    [[2, 7, 3], { size: 5, alpha: 0.5, beta: 0.75, k: 2 }],
    [[1, 5, 2, 2], { size: 4, alpha: 2, beta: 0.5, k: 0.5 }],
    [[1, 4, 2, 1, 2], { size: 1, alpha: 1, beta: 1 }],
    [[3, 3], { size: 9, alpha: 3, beta: 2, k: 1 }],
    [[2, 6, 2], {}],
  ];
  for (const [shape, options] of cases) {
    const [x, dy] = [randomArray(shape, random), randomArray(shape, random)];
    const dx = localResponseNormBackward(x, dy, options);
    assertBackward(JSON.stringify(options), (x) => localResponseNorm(x, options), x, dy, dx);
  }
});

Deno.test("localResponseNorm agrees with PyTorch", () => {
  for (const golden of goldenCases<LocalResponseNormOptions>("localResponseNorm")) {
    const x = golden.inputs["x"]!;
    const dx = localResponseNormBackward(x, golden.dy, golden.options);
    assertGolden(golden, { y: localResponseNorm(x, golden.options), dx });
  }
});

Deno.test("batchNorm: statistics and output by hand", () => {
  const x = ndArray([2, 2, 2], [1, 2, 0, 4, 3, 6, 4, 0]);
  const { mean, variance } = channelStatistics(x);
  assertArray(mean, [2], [3, 2]);
  assertArray(variance, [2], [3.5, 4]);
  const y = batchNorm(x, vector(2, 1), vector(10, 0), { epsilon: 0 });
  const root = Math.sqrt(3.5);
  const first = [10 - 4 / root, 10 - 2 / root, 10, 10 + 6 / root];
  assertArray(y, [2, 2, 2], [first[0]!, first[1]!, -1, 1, first[2]!, first[3]!, 1, -1]);
  const statistics = { mean: vector(1, 0), variance: vector(4, 15) };
  const fixed = batchNorm(x, vector(1, 8), vector(0, 1), { statistics, epsilon: 1 });
  const [a, b] = [Math.sqrt(5), 2];
  assertArray(fixed, [2, 2, 2], [0, 1 / a, 1, 4 * b + 1, 2 / a, 5 / a, 4 * b + 1, 1]);
});

Deno.test("batchNorm: a constant channel gives β, and mean 0 and variance 1 give the input", () => {
  const x = ndArray([3, 2], [5, 1, 5, 2, 5, 3]);
  const y = batchNorm(x, vector(3, 0), vector(-1, 4));
  assertArray(y, [3, 2], [-1, 4, -1, 4, -1, 4]);
  const statistics = { mean: zeros([2]), variance: vector(1, 1) };
  const same = batchNorm(x, vector(1, 1), zeros([2]), { statistics, epsilon: 0 });
  assertArray(same, [3, 2], [...x.data]);
});

Deno.test("batchNorm: in training the gradient of a channel is orthogonal to 1 and to x̂", () => {
  const random = new Random(3);
  const x = randomArray([4, 1, 5], random);
  const dy = randomArray(x.shape, random);
  const { dx } = batchNormBackward(x, vector(2), dy, { epsilon: 0 });
  const normal = batchNorm(x, vector(1), vector(0), { epsilon: 0 });
  const sum = (a: Float64Array) => a.reduce((total, value) => total + value, 0);
  assertAlmostEquals(sum(dx.data), 0, 1e-13);
  assertAlmostEquals(sum(dx.data.map((value, i) => value * normal.data[i]!)), 0, 1e-13);
});

Deno.test("batchNorm: gradients agree with central differences, in training and inference", () => {
  const random = new Random(4);
  for (const shape of [[3, 2], [2, 3, 4], [4, 2, 2, 3], [2, 2, 1, 3, 2]]) {
    const c = [shape[1]!];
    const [x, dy] = [randomArray(shape, random), randomArray(shape, random)];
    const [gamma, beta] = [randomArray(c, random), randomArray(c, random)];
    const mean = randomArray(c, random);
    const variance = mapValues(randomArray(c, random), (value) => value * value + 0.5);
    for (const options of [{}, { epsilon: 0.1 }, { statistics: { mean, variance } }]) {
      const what = `${shape}: ${JSON.stringify(options)}`;
      const { dx, dGamma, dBeta } = batchNormBackward(x, gamma, dy, options);
      const y = (x: NdArray, gamma: NdArray, beta: NdArray) => batchNorm(x, gamma, beta, options);
      assertBackward(`${what}: dx`, (x) => y(x, gamma, beta), x, dy, dx);
      assertBackward(`${what}: dGamma`, (gamma) => y(x, gamma, beta), gamma, dy, dGamma);
      assertBackward(`${what}: dBeta`, (beta) => y(x, gamma, beta), beta, dy, dBeta);
    }
  }
});

Deno.test("batchNorm agrees with PyTorch, and so do the running statistics", () => {
  for (const golden of goldenCases<{ epsilon?: number; momentum?: number }>("batchNorm")) {
    const { inputs, dy } = golden;
    const { momentum, ...epsilon } = golden.options;
    const { x, gamma, beta, mean, variance } = inputs as Record<
      "x" | "gamma" | "beta" | "mean" | "variance",
      NdArray
    >;
    const running = { mean, variance };
    const options = golden.training ? epsilon : { ...epsilon, statistics: running };
    const y = batchNorm(x, gamma, beta, options);
    const { dx, dGamma, dBeta } = batchNormBackward(x, gamma, dy, options);
    const count = x.data.length / gamma.data.length;
    const after = golden.training
      ? updateRunningStatistics(running, channelStatistics(x), count, momentum)
      : {};
    assertGolden(golden, { y, dx, dgamma: dGamma, dbeta: dBeta, ...after });
  }
});

Deno.test("updateRunningStatistics: by hand; a single element per channel has no variance", () => {
  const running = { mean: vector(0, 10), variance: vector(1, 1) };
  const batch = { mean: vector(4, 10), variance: vector(3, 0) };
  const half = updateRunningStatistics(running, batch, 4, 0.5);
  assertArray(half.mean, [2], [2, 10]);
  assertArray(half.variance, [2], [0.5 + 0.5 * 3 * 4 / 3, 0.5]);
  const tenth = updateRunningStatistics(running, batch, 4);
  assertArray(tenth.mean, [2], [0.4, 10]);
  const one = channelStatistics(ndArray([1, 2], [7, 8]));
  assertArray(updateRunningStatistics(running, one, 1).variance, [2], [0.9, 0.9]);
  assertArray(running.mean, [2], [0, 10]);
});

Deno.test("batchNorm: NaN reaches its channel only", () => {
  const x = ndArray([2, 2], [NaN, 1, 2, 3]);
  const y = batchNorm(x, vector(1, 1), vector(0, 0), { epsilon: 0 });
  assertArray(y, [2, 2], [NaN, -1, NaN, 1]);
  const { dx, dGamma, dBeta } = batchNormBackward(x, vector(1, 1), zeros([2, 2]));
  assertArray(dx, [2, 2], [NaN, 0, NaN, 0]);
  assertArray(dGamma, [2], [NaN, 0]);
  assertArray(dBeta, [2], [0, 0]);
  assertArray(channelStatistics(zeros([0, 2, 3])).variance, [2], [NaN, NaN]);
});

Deno.test("normalisations: errors name what was expected and what came", () => {
  const x = zeros([2, 3, 4]);
  const c = zeros([3]);
  const two = zeros([2]);
  const cases: [() => unknown, typeof ShapeError | typeof OptionError, string][] = [
    [() => localResponseNorm(c), ShapeError, "localResponseNorm: expected an input [n, channels"],
    [() => localResponseNorm(x, { size: 0 }), OptionError, "localResponseNorm: size: expected"],
    [() => localResponseNorm(x, { alpha: -1 }), OptionError, "localResponseNorm: alpha: expected"],
    [() => localResponseNorm(x, { beta: NaN }), OptionError, "localResponseNorm: beta: expected"],
    [() => localResponseNorm(x, { k: 0 }), OptionError, "localResponseNorm: k: expected a number"],
    [
      () => localResponseNormBackward(x, c),
      ShapeError,
      "localResponseNormBackward: dy: expected shape [2, 3, 4], got [3]",
    ],
    [() => channelStatistics(c), ShapeError, "channelStatistics: expected an input [n, channels"],
    [() => batchNorm(x, two, c), ShapeError, "batchNorm: gamma: expected shape [3], got [2]"],
    [() => batchNorm(x, c, two), ShapeError, "batchNorm: beta: expected shape [3], got [2]"],
    [() => batchNorm(x, c, c, { epsilon: -1 }), OptionError, "batchNorm: epsilon: expected"],
    [
      () => batchNorm(x, c, c, { statistics: { mean: two, variance: c } }),
      ShapeError,
      "batchNorm: mean: expected shape [3], got [2]",
    ],
    [
      () => batchNormBackward(x, c, x, { statistics: { mean: c, variance: two } }),
      ShapeError,
      "batchNormBackward: variance: expected shape [3], got [2]",
    ],
    [() => batchNormBackward(x, two, x), ShapeError, "batchNormBackward: gamma: expected shape"],
    [() => batchNormBackward(x, c, c), ShapeError, "batchNormBackward: dy: expected shape [2, 3"],
    [
      () => updateRunningStatistics({ mean: c, variance: c }, { mean: two, variance: two }, 4),
      ShapeError,
      "updateRunningStatistics: batch: expected shape [3], got [2]",
    ],
  ];
  for (const [run, type, message] of cases) assertThrows(run, type, message);
});
