/**
 * The geometry of convolutions and pools: sizes by hand and by counting, errors, receptive fields.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type ConvolutionGeometry,
  growReceptiveField,
  liftDimensions,
  poolGeometry,
  type ReceptiveField,
  resolveConvolution,
  type WindowGeometry,
} from "../src/convolution_shape.ts";
import { OptionError, ShapeError } from "../src/errors.ts";
import { Random } from "../src/random.ts";
import { convolutionInputGradient } from "../src/reference/convolution.ts";
import { mapValues, type NdArray, zeros } from "../src/reference/nd_array.ts";
import type { ConvolutionOptions, FilterOptions, PoolOptions } from "../src/window_options.ts";

Deno.test("resolveConvolution: every field, from a weight's shape and from a layer's options", () => {
  const options = { strides: [2, 1], padding: [1, [2, 3]], dilation: 2, groups: 2 } as const;
  const expected: ConvolutionGeometry = {
    dims: 2,
    channels: 6,
    filters: 4,
    groups: 2,
    input: [9, 8],
    kernel: [3, 2],
    output: [4, 11],
    strides: [2, 1],
    dilation: [2, 2],
    padBefore: [1, 2],
    padAfter: [1, 3],
  };
  assertEquals(resolveConvolution([6, 9, 8], [4, 3, 3, 2], options), expected);
  const layer = { filters: 4, kernelSize: [3, 2] };
  assertEquals(resolveConvolution([6, 9, 8], layer, options), expected);
  const plain = resolveConvolution([1, 5], { filters: 2, kernelSize: 3 });
  assertEquals(plain, {
    dims: 1,
    channels: 1,
    filters: 2,
    groups: 1,
    input: [5],
    kernel: [3],
    output: [3],
    strides: [1],
    dilation: [1],
    padBefore: [0],
    padAfter: [0],
  });
});

Deno.test("resolveConvolution: an 11 × 11 filter of stride 4 needs 227, not 224, for 55 outputs", () => {
  const filter = { filters: 96, kernelSize: 11 };
  assertEquals(resolveConvolution([3, 227, 227], filter, { strides: 4 }).output, [55, 55]);
  assertEquals(resolveConvolution([3, 224, 224], filter, { strides: 4 }).output, [54, 54]);
});

/** The padding and the output of one dimension, as [before, after, output]. */
function line(size: number, taps: number, options: ConvolutionOptions): number[] {
  const { padBefore, padAfter, output } = resolveConvolution([1, size], [1, 1, taps], options);
  return [...padBefore, ...padAfter, ...output];
}

Deno.test("padding: every form, and the rule of same", () => {
  assertEquals(line(5, 3, {}), [0, 0, 3]);
  assertEquals(line(5, 3, { padding: "valid" }), [0, 0, 3]);
  assertEquals(line(5, 3, { padding: 2 }), [2, 2, 7]);
  assertEquals(line(5, 3, { padding: [2] }), [2, 2, 7]);
  assertEquals(line(5, 3, { padding: [[0, 2]] }), [0, 2, 5]);
  // Odd filters are centred; of an even one the odd zero comes after.
  assertEquals(line(5, 3, { padding: "same" }), [1, 1, 5]);
  assertEquals(line(5, 4, { padding: "same" }), [1, 2, 5]);
  assertEquals(line(5, 3, { padding: "same", dilation: 3 }), [3, 3, 5]);
  assertEquals(line(6, 3, { padding: "same", strides: 2 }), [0, 1, 3]);
  assertEquals(line(7, 3, { padding: "same", strides: 2 }), [1, 1, 4]);
  assertEquals(line(7, 1, { padding: "same", strides: 3 }), [0, 0, 3]);
  assertEquals(line(0, 3, { padding: "same" }), [1, 1, 0]);
  assertEquals(line(0, 2, { padding: 1 }), [1, 1, 1]);
});

/** Options of a random window in one dimension. */
function randomLine(random: Random) {
  const between = (least: number, most: number) => least + random.integer(most - least + 1);
  return {
    size: between(1, 20),
    taps: between(1, 5),
    strides: between(1, 5),
    dilation: between(1, 3),
    before: between(0, 4),
    after: between(0, 4),
  };
}

Deno.test("output: as many as fit, in 1,000 random cases", () => {
  const random = new Random(1);
  let resolved = 0;
  for (let i = 0; i < 1000; i++) {
    const { size, taps, strides, dilation, before, after } = randomLine(random);
    const last = (o: number) => o * strides + (taps - 1) * dilation - before;
    let fitting = 0;
    while (last(fitting) < size + after) fitting++;
    const resolve = () => line(size, taps, { strides, dilation, padding: [[before, after]] });
    if (fitting === 0) {
      assertThrows(resolve, ShapeError, "expected a padded input of at least");
    } else {
      assertEquals(resolve(), [before, after, fitting]);
      resolved++;
    }
  }
  assert(resolved > 500, `${resolved}`);
});

Deno.test("same: ⌈size / stride⌉ outputs with the least padding, evenly, in 1,000 random cases", () => {
  const random = new Random(2);
  for (let i = 0; i < 1000; i++) {
    const { size, taps, strides, dilation } = randomLine(random);
    const [before, after, output] = line(size, taps, { strides, dilation, padding: "same" });
    assertEquals(output, Math.ceil(size / strides));
    assert(after! === before! || after! === before! + 1, `${before}, ${after}`);
    const lastTap = (output! - 1) * strides + (taps - 1) * dilation - before!;
    if (after! > 0) assertEquals(lastTap, size + after! - 1);
    else assert(lastTap < size);
  }
});

function pool(size: number, options: PoolOptions): number[] {
  const { padBefore, padAfter, output } = poolGeometry([1, size], options);
  return [...padBefore, ...padAfter, ...output];
}

Deno.test("poolGeometry: strides are those of the window unless given; rounding down and up", () => {
  const expected: WindowGeometry = {
    dims: 2,
    channels: 3,
    input: [7, 8],
    kernel: [3, 2],
    output: [2, 4],
    strides: [3, 2],
    dilation: [1, 1],
    padBefore: [0, 0],
    padAfter: [0, 0],
  };
  assertEquals(poolGeometry([3, 7, 8], { poolSize: [3, 2] }), expected);
  assertEquals(pool(55, { poolSize: 3, strides: 2 }), [0, 0, 27]);
  assertEquals(pool(7, { poolSize: 3, strides: 2, padding: 1 }), [1, 1, 4]);
  assertEquals(pool(6, { poolSize: 2, strides: 1, padding: "same" }), [0, 1, 6]);
  assertEquals(pool(6, { poolSize: 3, strides: 2 }), [0, 0, 2]);
  assertEquals(pool(6, { poolSize: 3, strides: 2, ceilMode: true }), [0, 0, 3]);
  assertEquals(pool(7, { poolSize: 3, strides: 2, ceilMode: true }), [0, 0, 3]);
  // A third window would begin behind the input, in its padding.
  assertEquals(pool(4, { poolSize: 2, strides: 3, padding: [[0, 1]], ceilMode: true }), [0, 1, 2]);
  assertEquals(pool(3, { poolSize: 2, strides: 3, padding: [[0, 1]], ceilMode: true }), [0, 1, 1]);
  // The only window may hang over the end.
  assertEquals(pool(2, { poolSize: 3, strides: 2, ceilMode: true }), [0, 0, 1]);
  assertThrows(() => pool(2, { poolSize: 4, strides: 2, ceilMode: true }), ShapeError);
});

Deno.test("poolGeometry: every window meets the input; with ceilMode every element is met", () => {
  const random = new Random(3);
  for (let i = 0; i < 1000; i++) {
    const { size, taps, strides, before, after } = randomLine(random);
    const padding = [[before % taps, after % taps]] as const;
    const ceilMode = random.integer(2) === 0;
    const options = { poolSize: taps, strides, padding, ceilMode };
    let geometry: WindowGeometry;
    try {
      geometry = poolGeometry([1, size], options);
    } catch (error) {
      const most = size + padding[0][0] + padding[0][1] + (ceilMode ? strides - 1 : 0);
      assert(error instanceof ShapeError && most < taps, `${error}`);
      continue;
    }
    const output = geometry.output[0]!;
    const start = (o: number) => o * strides - padding[0][0];
    assert(output >= 1);
    for (let o = 0; o < output; o++) assert(start(o) < size && start(o) + taps > 0);
    const end = size + padding[0][1];
    const lastEnd = start(output - 1) + taps;
    if (!ceilMode) assert(lastEnd <= end && lastEnd + strides > end);
    else assert(lastEnd >= end || start(output) >= size, JSON.stringify({ size, ...options }));
  }
});

Deno.test("liftDimensions: puts dimensions of one in front and keeps the rest", () => {
  const geometry = resolveConvolution([2, 6], [4, 1, 3], { padding: 1, strides: 2, groups: 2 });
  assertEquals(liftDimensions(geometry, 3), {
    dims: 3,
    channels: 2,
    filters: 4,
    groups: 2,
    input: [1, 1, 6],
    kernel: [1, 1, 3],
    output: [1, 1, 3],
    strides: [1, 1, 2],
    dilation: [1, 1, 1],
    padBefore: [0, 0, 1],
    padAfter: [0, 0, 1],
  });
  assertEquals(liftDimensions(geometry, 1), geometry);
});

/** The field behind layers of [kernel, stride] in one dimension, as [size, jump]. */
function field(...layers: [kernel: number, stride: number, dilation?: number][]): number[] {
  const last = layers.reduce<ReceptiveField | undefined>(
    (before, [kernel, stride, dilation = 1]) =>
      growReceptiveField(before, { kernel: [kernel], strides: [stride], dilation: [dilation] }),
    undefined,
  );
  return [...last!.size, ...last!.jump];
}

Deno.test("growReceptiveField: three 3 × 3 layers see what one of 7 × 7 sees; AlexNet, by layer", () => {
  assertEquals(field([3, 1], [3, 1], [3, 1]), field([7, 1]));
  assertEquals(field([3, 1, 2], [3, 1, 4]), [13, 1]);
  const alexNet: [number, number][] = [[11, 4], [3, 2], [5, 1], [3, 2], [3, 1], [3, 1], [3, 1], [
    3,
    2,
  ]];
  const expected = [[11, 4], [19, 8], [51, 8], [67, 16], [99, 16], [131, 16], [163, 16], [195, 32]];
  expected.forEach((sizes, i) => assertEquals(field(...alexNet.slice(0, i + 1)), sizes));
  const flat = { kernel: [3, 1], strides: [2, 1], dilation: [1, 1] };
  assertEquals(growReceptiveField(growReceptiveField(undefined, flat), flat), {
    size: [7, 1],
    jump: [4, 1],
  });
});

Deno.test("growReceptiveField: agrees with where a gradient arrives", () => {
  const ones = (a: NdArray) => mapValues(a, () => 1);
  const layers = [{ taps: 3, strides: 2, dilation: 2 }, { taps: 2, strides: 3, dilation: 4 }];
  const sizes = [41];
  const geometries = layers.map(({ taps, ...options }, i) => {
    const geometry = resolveConvolution([1, sizes[i]!], [1, 1, taps], options);
    sizes.push(geometry.output[0]!);
    return geometry;
  });
  const firstAndLast = [0, 1].map((position) => {
    let dy = zeros([1, 1, sizes.at(-1)!]);
    dy.data[position] = 1;
    for (const i of [1, 0]) {
      const { taps, ...options } = layers[i]!;
      const inputShape = [1, 1, sizes[i]!];
      dy = convolutionInputGradient(dy, ones(zeros([1, 1, taps])), { ...options, inputShape });
    }
    return [dy.data.findIndex((v) => v > 0), dy.data.findLastIndex((v) => v > 0)];
  });
  const [[first, last], [next]] = firstAndLast as [[number, number], [number, number]];
  const grown = geometries.reduce<ReceptiveField | undefined>(growReceptiveField, undefined);
  assertEquals(grown, { size: [last - first + 1], jump: [next - first] });
});

Deno.test("resolveConvolution: errors name the option, what was expected and what came", () => {
  const filter = { filters: 8, kernelSize: 3 };
  const options = (
    value: Record<string, unknown>,
    layer: Record<string, unknown> = {},
  ) =>
  () =>
    resolveConvolution(
      [6, 9, 9],
      { ...filter, ...layer } as FilterOptions,
      value as ConvolutionOptions,
      "conv2d",
    );
  const weight = (shape: number[], value: ConvolutionOptions = {}) => () =>
    resolveConvolution([6, 9, 9], shape, value, "conv2d");
  const whole = "expected a whole number of at least";
  const cases: [() => unknown, typeof ShapeError | typeof OptionError, string][] = [
    [options({ strides: 0 }), OptionError, `conv2d: strides: ${whole} 1, got 0`],
    [options({ strides: [1, -1] }), OptionError, `conv2d: strides[1]: ${whole} 1, got -1`],
    [
      options({ strides: [1, 2, 3] }),
      OptionError,
      "conv2d: strides: expected a number or a list of length 2, got [1, 2, 3]",
    ],
    [options({ dilation: 1.5 }), OptionError, `conv2d: dilation: ${whole} 1, got 1.5`],
    [options({ dilation: "2" }), OptionError, 'of length 2, got "2"'],
    [options({ padding: -1 }), OptionError, `conv2d: padding: ${whole} 0, got -1`],
    [options({ padding: [1, [0, -2]] }), OptionError, `conv2d: padding[1]: ${whole} 0, got -2`],
    [
      options({ padding: "SAME" }),
      OptionError,
      'conv2d: padding: expected a number or a list of length 2 of numbers and [before, after] pairs, "valid" or "same", got "SAME"',
    ],
    [options({ padding: [1] }), OptionError, "got [1]"],
    [
      options({ padding: [1, [1, 2, 3]] }),
      OptionError,
      "conv2d: padding[1]: expected a number or a pair [before, after], got [1, 2, 3]",
    ],
    [options({ padding: [1, null] }), OptionError, "conv2d: padding[1]: expected a number or a"],
    [options({ groups: 0 }), OptionError, `conv2d: groups: ${whole} 1, got 0`],
    [
      options({ groups: 3 }),
      OptionError,
      "conv2d: groups: expected a divisor of the 8 filters, got 3",
    ],
    [
      options({ groups: 4 }),
      ShapeError,
      "conv2d: groups: expected a divisor of the 6 channels, got 4",
    ],
    [options({}, { kernelSize: 0 }), OptionError, `conv2d: kernelSize: ${whole} 1, got 0`],
    [options({}, { kernelSize: [3] }), OptionError, "conv2d: kernelSize: expected a number or a"],
    [options({}, { filters: -1 }), OptionError, `conv2d: filters: ${whole} 0, got -1`],
    [
      options({ dilation: [1, 5], padding: [[0, 1], 0] }),
      ShapeError,
      "conv2d: expected a padded input of at least [3, 11], which the kernel [3, 3] spans with " +
      "dilation [1, 5], got [10, 9] from the input [9, 9]",
    ],
    [weight([8, 6, 3]), ShapeError, "conv2d: weight: expected [filters, channels / groups, …kern"],
    [weight([8, 6, 3, 0]), ShapeError, "of at least 1, got [8, 6, 3, 0]"],
    [
      weight([8, 6, 3, 3], { groups: 2 }),
      ShapeError,
      "conv2d: weight: expected shape [8, 3, 3, 3] for 6 channels in 2 groups, got [8, 6, 3, 3]",
    ],
    [weight([8, 6, 3, -3]), ShapeError, "conv2d: weight: dimensions must be whole numbers"],
    [
      () => resolveConvolution([6], filter),
      ShapeError,
      "convolution: input: expected channels and 1 to 3 spatial dimensions, got [6]",
    ],
    [() => resolveConvolution([1, 2, 3, 4, 5], filter), ShapeError, "got [1, 2, 3, 4, 5]"],
    [() => resolveConvolution([1, -2], filter), ShapeError, "convolution: input: dimensions must"],
  ];
  for (const [run, type, message] of cases) assertThrows(run, type, message);
});

Deno.test("poolGeometry: errors name the option, what was expected and what came", () => {
  const options = (value: Record<string, unknown>) => () =>
    poolGeometry([2, 6, 6], value as unknown as PoolOptions, "maxPool2d");
  const cases: [() => unknown, typeof ShapeError | typeof OptionError, string][] = [
    [options({}), OptionError, "maxPool2d: poolSize: expected a number or a list of length 2, got"],
    [options({ poolSize: 0 }), OptionError, "maxPool2d: poolSize: expected a whole number of at"],
    [options({ poolSize: 2, strides: 0 }), OptionError, "maxPool2d: strides: expected a whole num"],
    [
      options({ poolSize: [2, 3], padding: [[0, 1], [0, 3]] }),
      OptionError,
      "maxPool2d: padding: expected less than the pool size 3, got 3",
    ],
    [
      options({ poolSize: 2, ceilMode: 1 }),
      OptionError,
      "maxPool2d: ceilMode: expected true or false, got 1",
    ],
    [
      options({ poolSize: 7 }),
      ShapeError,
      "maxPool2d: expected a padded input of at least [7, 7]",
    ],
    [
      () => poolGeometry([2, 0], { poolSize: 2, padding: 1 }),
      ShapeError,
      "pool: expected an input with elements, got [2, 0]",
    ],
  ];
  for (const [run, type, message] of cases) assertThrows(run, type, message);
});
