/**
 * Pooling of the float64 reference: cases computed by hand, PyTorch's numbers, central differences, NaN.
 *
 * @module
 */

import { assertThrows } from "@std/assert";
import { OptionError, ShapeError } from "../src/errors.ts";
import { Random } from "../src/random.ts";
import { type NdArray, ndArray, zeros } from "../src/reference/nd_array.ts";
import {
  averagePool,
  averagePoolBackward,
  type AveragePoolOptions,
  globalAveragePool,
  globalAveragePoolBackward,
  maxPool,
  maxPoolBackward,
} from "../src/reference/pooling.ts";
import type { Shape } from "../src/shape.ts";
import type { PoolOptions } from "../src/window_options.ts";
import { assertArray } from "./assert_array.ts";
import { assertBackward, distinctArray, randomArray } from "./check_backward.ts";
import { assertGolden, goldenCases } from "./golden_convolution.ts";

const image = ndArray([1, 1, 3, 4], [1, 5, 2, 0, 7, 3, 4, 8, 6, 9, 1, 2]);

Deno.test("maxPool: by hand, separate and overlapping windows", () => {
  assertArray(maxPool(image, { poolSize: 2 }), [1, 1, 1, 2], [7, 8]);
  const overlapping = { poolSize: 2, strides: 1 };
  assertArray(maxPool(image, overlapping), [1, 1, 2, 3], [7, 5, 8, 9, 9, 8]);
  const columns = { poolSize: [3, 1], strides: [1, 2] };
  assertArray(maxPool(image, columns), [1, 1, 1, 2], [7, 4]);
  const line = ndArray([2, 1, 3], [1, 3, 2, -1, -3, -2]);
  assertArray(maxPool(line, { poolSize: 2, strides: 1 }), [2, 1, 2], [3, 3, -1, -2]);
  const cube = ndArray([1, 1, 2, 2, 2], [1, 2, 3, 8, 5, 6, 7, 4]);
  assertArray(maxPool(cube, { poolSize: 2 }), [1, 1, 1, 1, 1], [8]);
});

Deno.test("maxPool: the padding never wins, and a window of −∞ stays −∞", () => {
  const negative = ndArray([1, 1, 2, 2], [-4, -3, -2, -1]);
  const options = { poolSize: 2, padding: 1 };
  assertArray(maxPool(negative, options), [1, 1, 2, 2], [-4, -3, -2, -1]);
  assertArray(maxPool(negative, { ...options, padding: "same" }), [1, 1, 1, 1], [-1]);
  const least = ndArray([1, 1, 2], [-Infinity, -Infinity]);
  assertArray(maxPool(least, { poolSize: 2 }), [1, 1, 1], [-Infinity]);
  const dy = ndArray([1, 1, 1], [3]);
  assertArray(maxPoolBackward(least, dy, { poolSize: 2 }), [1, 1, 2], [3, 0]);
});

Deno.test("maxPool: the last window may hang over the end with ceilMode only", () => {
  const line = ndArray([1, 1, 5], [5, 4, 3, 2, 1]);
  const options = { poolSize: 2, strides: 2 };
  assertArray(maxPool(line, options), [1, 1, 2], [5, 3]);
  assertArray(maxPool(line, { ...options, ceilMode: true }), [1, 1, 3], [5, 3, 1]);
});

Deno.test("maxPoolBackward: overlapping windows add up; of a tie the first gets everything", () => {
  const dy = ndArray([1, 1, 2, 3], [1, 10, 100, 1000, 10000, 100000]);
  const dx = maxPoolBackward(image, dy, { poolSize: 2, strides: 1 });
  assertArray(dx, [1, 1, 3, 4], [0, 10, 0, 0, 1, 0, 0, 100100, 0, 11000, 0, 0]);
  const ties = ndArray([1, 1, 2, 3], [2, 1, 2, 2, 2, 2]);
  const one = ndArray([1, 1, 1, 2], [1, 10]);
  const toFirst = maxPoolBackward(ties, one, { poolSize: 2, strides: 1 });
  assertArray(toFirst, [1, 1, 2, 3], [1, 0, 10, 0, 0, 0]);
});

Deno.test("maxPool: a NaN wins its windows, forward and backward", () => {
  const x = ndArray([1, 1, 5], [Infinity, NaN, 3, NaN, 1]);
  const options = { poolSize: 3, strides: 1 };
  assertArray(maxPool(x, options), [1, 1, 3], [NaN, NaN, NaN]);
  assertArray(maxPool(x, { poolSize: 1 }), [1, 1, 5], [Infinity, NaN, 3, NaN, 1]);
  const dx = maxPoolBackward(x, ndArray([1, 1, 3], [1, 10, 100]), options);
  assertArray(dx, [1, 1, 5], [0, 11, 0, 100, 0]);
  const nan = maxPoolBackward(image, ndArray([1, 1, 1, 2], [NaN, 1]), { poolSize: 2 });
  assertArray(nan, [1, 1, 3, 4], [0, 0, 0, 0, NaN, 0, 0, 1, 0, 0, 0, 0]);
});

Deno.test("averagePool: by hand, with the padding counted and not", () => {
  assertArray(averagePool(image, { poolSize: 2 }), [1, 1, 1, 2], [4, 3.5]);
  const line = ndArray([1, 1, 5], [2, 4, 6, 8, 10]);
  const options = { poolSize: 2, padding: 1, strides: 3 };
  assertArray(averagePool(line, options), [1, 1, 2], [2, 7]);
  assertArray(averagePool(line, { ...options, countPadding: true }), [1, 1, 2], [1, 7]);
  // The third window begins with the last element; one place is padding, one is behind it.
  const over = { poolSize: 3, strides: 2, padding: [[0, 1]], ceilMode: true } as const;
  const even = ndArray([1, 1, 4], [3, 6, 9, 12]);
  assertArray(averagePool(even, over), [1, 1, 2], [6, 10.5]);
  assertArray(averagePool(even, { ...over, countPadding: true }), [1, 1, 2], [6, 7]);
  const beyond = { ...over, padding: 0 };
  assertArray(averagePool(even, { ...beyond, countPadding: true }), [1, 1, 2], [6, 10.5]);
});

Deno.test("averagePoolBackward: by hand; NaN reaches its window only", () => {
  const dy = ndArray([1, 1, 2], [4, NaN]);
  const options = { poolSize: 2, padding: 1, strides: 3, inputShape: [1, 1, 5] };
  assertArray(averagePoolBackward(dy, options), [1, 1, 5], [4, 0, NaN, NaN, 0]);
  const counted = averagePoolBackward(dy, { ...options, countPadding: true });
  assertArray(counted, [1, 1, 5], [2, 0, NaN, NaN, 0]);
  const x = ndArray([1, 1, 5], [NaN, 1, 2, 3, 4]);
  assertArray(averagePool(x, { poolSize: 2, strides: 1 }), [1, 1, 4], [NaN, 1.5, 2.5, 3.5]);
});

Deno.test("globalAveragePool: by hand, in any number of dimensions", () => {
  const y = globalAveragePool(ndArray([1, 2, 2, 2], [1, 2, 3, 6, 5, 6, NaN, 8]));
  assertArray(y, [1, 2], [3, NaN]);
  assertArray(globalAveragePool(ndArray([2, 1], [4, 5])), [2, 1], [4, 5]);
  assertArray(globalAveragePool(zeros([1, 2, 0])), [1, 2], [NaN, NaN]);
  const dx = globalAveragePoolBackward(ndArray([1, 2], [3, 6]), { inputShape: [1, 2, 3] });
  assertArray(dx, [1, 2, 3], [1, 1, 1, 2, 2, 2]);
});

Deno.test("pools agree with PyTorch", () => {
  for (const golden of goldenCases<PoolOptions>("maxPool")) {
    const { inputs, options, dy } = golden;
    const x = inputs["x"]!;
    assertGolden(golden, { y: maxPool(x, options), dx: maxPoolBackward(x, dy, options) });
  }
  for (const golden of goldenCases<AveragePoolOptions>("averagePool")) {
    const { inputs, options, dy } = golden;
    const x = inputs["x"]!;
    const dx = averagePoolBackward(dy, { ...options, inputShape: x.shape });
    assertGolden(golden, { y: averagePool(x, options), dx });
  }
  for (const golden of goldenCases("globalAveragePool")) {
    const x = golden.inputs["x"]!;
    const dx = globalAveragePoolBackward(golden.dy, { inputShape: x.shape });
    assertGolden(golden, { y: globalAveragePool(x), dx });
  }
});

/** Shape and options of a random pool with few elements. */
function randomPool(random: Random): { inputShape: Shape; options: AveragePoolOptions } {
  const between = (least: number, most: number) => least + random.integer(most - least + 1);
  const dims = between(1, 3);
  const each = <T>(f: (i: number) => T): T[] => Array.from({ length: dims }, (_, i) => f(i));
  const poolSize = each(() => between(1, 3));
  const pad = (i: number) => [between(0, poolSize[i]! - 1), between(0, poolSize[i]! - 1)] as const;
  const options = {
    poolSize,
    strides: each(() => between(1, 3)),
    padding: random.integer(4) === 0 ? "same" as const : each(pad),
    ceilMode: random.integer(2) === 0,
    countPadding: random.integer(2) === 0,
  };
  const input = each((i) => poolSize[i]! + between(0, 3));
  return { inputShape: [between(1, 2), between(1, 2), ...input], options };
}

Deno.test("pools: gradients agree with central differences, 60 random cases", () => {
  const random = new Random(1);
  for (let i = 0; i < 60; i++) {
    const { inputShape, options } = randomPool(random);
    const what = `case ${i}: ${JSON.stringify({ inputShape, options })}`;
    const x = distinctArray(inputShape, random);
    const dy = randomArray(maxPool(x, options).shape, random);
    const max = (x: NdArray) => maxPool(x, options);
    assertBackward(`${what}: maximum`, max, x, dy, maxPoolBackward(x, dy, options));
    const average = (x: NdArray) => averagePool(x, options);
    const dx = averagePoolBackward(dy, { ...options, inputShape });
    assertBackward(`${what}: average`, average, x, dy, dx);
    const dyGlobal = randomArray(inputShape.slice(0, 2), random);
    const dxGlobal = globalAveragePoolBackward(dyGlobal, { inputShape });
    assertBackward(`${what}: global average`, globalAveragePool, x, dyGlobal, dxGlobal);
  }
});

Deno.test("pools: empty batches and channels", () => {
  for (const shape of [[0, 2, 4], [2, 0, 4]]) {
    const [n, c] = shape as [number, number];
    assertArray(maxPool(zeros(shape), { poolSize: 2 }), [n, c, 2], []);
    assertArray(averagePool(zeros(shape), { poolSize: 2 }), [n, c, 2], []);
    assertArray(globalAveragePool(zeros(shape)), [n, c], []);
    const dx = averagePoolBackward(zeros([n, c, 2]), { poolSize: 2, inputShape: shape });
    assertArray(dx, shape, []);
  }
});

Deno.test("pools: errors name what was expected and what came", () => {
  const x = zeros([1, 2, 4, 4]);
  const dy = zeros([1, 2, 2, 2]);
  const pool = { poolSize: 2 };
  const cases: [() => unknown, typeof ShapeError | typeof OptionError, string][] = [
    [() => maxPool(zeros([]), pool), ShapeError, "maxPool: expected an input [n, channels, …]"],
    [() => maxPool(x, { poolSize: 0 }), OptionError, "maxPool: poolSize: expected a whole number"],
    [() => maxPool(x, { poolSize: 5 }), ShapeError, "maxPool: expected a padded input of at least"],
    [
      () => maxPoolBackward(x, x, pool),
      ShapeError,
      "maxPoolBackward: dy: expected shape [1, 2, 2, 2], got [1, 2, 4, 4]",
    ],
    [
      () => averagePool(x, { poolSize: 2, padding: 2 }),
      OptionError,
      "averagePool: padding: expected less than the pool size 2, got 2",
    ],
    [
      () => averagePoolBackward(dy, { poolSize: 3, inputShape: x.shape }),
      ShapeError,
      "averagePoolBackward: dy: expected shape [1, 2, 1, 1], got [1, 2, 2, 2]",
    ],
    [() => globalAveragePool(zeros([3])), ShapeError, "globalAveragePool: expected an input [n,"],
    [
      () => globalAveragePoolBackward(dy, { inputShape: x.shape }),
      ShapeError,
      "globalAveragePoolBackward: dy: expected shape [1, 2], got [1, 2, 2, 2]",
    ],
  ];
  for (const [run, type, message] of cases) assertThrows(run, type, message);
});
