/**
 * Convolution and Fourier transform of the float64 reference: cases computed by hand, PyTorch's numbers,
 * central differences, and the weight gradient that the lecture prints the wrong way round.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { OptionError, ShapeError } from "../src/errors.ts";
import { Random } from "../src/random.ts";
import {
  convolution,
  convolutionInputGradient,
  convolutionInputGradientMagnitude,
  convolutionMagnitude,
  convolutionWeightGradient,
  convolutionWeightGradientMagnitude,
} from "../src/reference/convolution.ts";
import { add, multiply, scale, subtract } from "../src/reference/elementwise.ts";
import {
  dft2d,
  filter2d,
  inverseDft2d,
  inverseRealDft2d,
  realDft2d,
} from "../src/reference/fourier.ts";
import { mapValues, type NdArray, ndArray, zeros } from "../src/reference/nd_array.ts";
import type { Shape } from "../src/shape.ts";
import type { ConvolutionOptions } from "../src/window_options.ts";
import { assertArray, vector } from "./assert_array.ts";
import { assertBackward, randomArray } from "./check_backward.ts";
import { assertGolden, goldenCases } from "./golden_convolution.ts";

const x3 = ndArray([1, 1, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
const w2 = ndArray([1, 1, 2, 2], [1, 2, 3, 4]);

/** The same elements in the opposite order: an image turned by 180°. */
const turned = ({ shape, data }: NdArray): NdArray => ({ shape, data: data.toReversed() });

Deno.test("convolution: one filter by hand, not flipped, with stride, padding and dilation", () => {
  assertArray(convolution(x3, w2), [1, 1, 2, 2], [37, 47, 67, 77]);
  assertArray(convolution(x3, w2, { bias: vector(-7) }), [1, 1, 2, 2], [30, 40, 60, 70]);
  assertArray(convolution(x3, w2, { strides: 2 }), [1, 1, 1, 1], [37]);
  assertArray(convolution(x3, w2, { dilation: 2 }), [1, 1, 1, 1], [1 + 6 + 21 + 36]);
  const padded = { padding: [[1, 0], [0, 1]], strides: [2, 1] } as const;
  assertArray(convolution(x3, w2, padded), [1, 1, 2, 3], [11, 18, 9, 67, 77, 33]);
  const same = [37, 47, 21, 67, 77, 33, 23, 26, 9];
  assertArray(convolution(x3, w2, { padding: "same" }), [1, 1, 3, 3], same);
});

Deno.test("convolution: sums of ones count the taps inside the input", () => {
  const ones = (shape: Shape) => mapValues(zeros(shape), () => 1);
  const counts = convolution(ones([1, 1, 3, 3]), ones([1, 1, 3, 3]), { padding: 1 });
  assertArray(counts, [1, 1, 3, 3], [4, 6, 4, 6, 9, 6, 4, 6, 4]);
});

Deno.test("convolution: channels, groups and depthwise filters by hand", () => {
  const x = ndArray([1, 4, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
  const all = convolution(x, ndArray([1, 4, 1], [1, 10, 100, 1000]));
  assertArray(all, [1, 1, 2], [7531, 8642]);
  const two = convolution(x, ndArray([2, 2, 1], [1, 10, 100, 1000]), { groups: 2 });
  assertArray(two, [1, 2, 2], [31, 42, 7500, 8600]);
  const depthwise = ndArray([8, 1, 2], [1, 1, 1, -1, 1, 1, 1, -1, 1, 1, 1, -1, 1, 1, 1, -1]);
  const sums = convolution(x, depthwise, { groups: 4 });
  assertArray(sums, [1, 8, 1], [3, -1, 7, -1, 11, -1, 15, -1]);
});

Deno.test("convolution: in one and three dimensions by hand", () => {
  const x = ndArray([2, 1, 4], [1, 2, 3, 4, 5, 6, 7, 8]);
  const steps = convolution(x, ndArray([1, 1, 2], [-1, 1]), { padding: [[1, 0]] });
  assertArray(steps, [2, 1, 4], [1, 1, 1, 1, 5, 1, 1, 1]);
  const cube = ndArray([1, 1, 2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
  assertArray(convolution(cube, cube), [1, 1, 1, 1, 1], [204]);
  const columns = convolution(cube, ndArray([1, 1, 2, 1, 1], [1, -1]));
  assertArray(columns, [1, 1, 1, 2, 2], [-4, -4, -4, -4]);
});

Deno.test("convolution: empty batch, channels, filters and input", () => {
  const bias = vector(1, 2);
  assertArray(convolution(zeros([0, 1, 3, 3]), w2), [0, 1, 2, 2], []);
  assertArray(convolution(zeros([1, 0, 2]), zeros([2, 0, 2]), { bias }), [1, 2, 1], [1, 2]);
  assertArray(convolution(zeros([1, 3, 2]), zeros([0, 3, 2])), [1, 0, 1], []);
  const border = convolution(zeros([1, 1, 0]), zeros([2, 1, 2]), { bias, padding: 1 });
  assertArray(border, [1, 2, 1], [1, 2]);
  const nothing = { weightShape: [2, 1, 2], padding: 1 };
  const { dw, db } = convolutionWeightGradient(zeros([0, 1, 3]), zeros([0, 2, 4]), nothing);
  assertArray(dw, [2, 1, 2], [0, 0, 0, 0]);
  assertArray(db, [2], [0, 0]);
});

Deno.test("convolution: gradients by hand", () => {
  const dy = ndArray([1, 1, 2, 2], [1, 0, 0, 10]);
  const dx = convolutionInputGradient(dy, w2, { inputShape: [1, 1, 3, 3] });
  assertArray(dx, [1, 1, 3, 3], [1, 2, 0, 3, 14, 20, 0, 30, 40]);
  const { dw, db } = convolutionWeightGradient(x3, dy, { weightShape: [1, 1, 2, 2] });
  assertArray(dw, [1, 1, 2, 2], [51, 62, 84, 95]);
  assertArray(db, [1], [11]);
});

Deno.test("the gradients are convolutions: dx of flipped filters, dw = x ⋆ dy and not dy ⋆ x", () => {
  const random = new Random(1);
  const x = randomArray([1, 1, 5, 6], random);
  const w = randomArray([1, 1, 3, 2], random);
  const dy = randomArray([1, 1, 3, 5], random);
  const padding = [2, 1]; // the kernel less one: the full convolution

  const dx = convolutionInputGradient(dy, w, { inputShape: x.shape });
  assertArray(dx, x.shape, [...convolution(dy, turned(w), { padding }).data]);

  const { dw } = convolutionWeightGradient(x, dy, { weightShape: w.shape });
  assertArray(dw, w.shape, [...convolution(x, dy).data]);

  // As printed, ∂L/∂y ⋆ x: its values for the shifts −2 … 0 and −1 … 0 are the gradient, turned by 180°.
  const printed = convolution(dy, x, { padding: [[2, 2], [1, 1]] });
  assertArray(turned(printed), w.shape, [...dw.data]);
  assert(printed.data.some((value, i) => Math.abs(value - dw.data[i]!) > 0.1));
  assertBackward("dw", (w) => convolution(x, w), w, dy, dw);
});

Deno.test("convolution agrees with PyTorch", () => {
  for (const golden of goldenCases<ConvolutionOptions>("convolution")) {
    const { inputs, options, dy } = golden;
    const { x, weight, bias } = inputs as Record<"x" | "weight" | "bias", NdArray>;
    const y = convolution(x, weight, { ...options, bias });
    const dx = convolutionInputGradient(dy, weight, { ...options, inputShape: x.shape });
    const weightOptions = { ...options, weightShape: weight.shape };
    const { dw, db } = convolutionWeightGradient(x, dy, weightOptions);
    assertGolden(golden, { y, dx, dweight: dw, dbias: db });
  }
});

/** Shapes and options of a random convolution with few elements. */
function randomConvolution(random: Random): {
  inputShape: Shape;
  weightShape: Shape;
  options: ConvolutionOptions;
} {
  const between = (least: number, most: number) => least + random.integer(most - least + 1);
  const dims = between(1, 3);
  const each = <T>(f: (i: number) => T): T[] => Array.from({ length: dims }, (_, i) => f(i));
  const groups = between(1, 3);
  const groupChannels = between(1, 2); // 1 and several groups: depthwise
  const filters = groups * between(1, 2);
  const kernel = each(() => between(1, 3));
  const dilation = each(() => between(1, 2));
  const input = each((i) => (kernel[i]! - 1) * dilation[i]! + between(1, 3));
  const options = {
    strides: each(() => between(1, 3)),
    dilation,
    groups,
    padding: random.integer(4) === 0
      ? "same" as const
      : each(() => [between(0, 2), between(0, 2)] as const),
  };
  return {
    inputShape: [between(1, 2), groups * groupChannels, ...input],
    weightShape: [filters, groupChannels, ...kernel],
    options,
  };
}

Deno.test("convolution: all gradients agree with central differences, 60 random cases", () => {
  const random = new Random(2);
  for (let i = 0; i < 60; i++) {
    const { inputShape, weightShape, options } = randomConvolution(random);
    const what = `case ${i}: ${JSON.stringify({ inputShape, weightShape, options })}`;
    const x = randomArray(inputShape, random);
    const w = randomArray(weightShape, random);
    const bias = randomArray([weightShape[0]!], random);
    const dy = randomArray(convolution(x, w, options).shape, random);
    const dx = convolutionInputGradient(dy, w, { ...options, inputShape });
    const { dw, db } = convolutionWeightGradient(x, dy, { ...options, weightShape });
    const y = (x: NdArray, w: NdArray, bias: NdArray) => convolution(x, w, { ...options, bias });
    assertBackward(`${what}: dx`, (x) => y(x, w, bias), x, dy, dx);
    assertBackward(`${what}: dw`, (w) => y(x, w, bias), w, dy, dw);
    assertBackward(`${what}: db`, (bias) => y(x, w, bias), bias, dy, db);
  }
});

Deno.test("convolution: the magnitudes are those of the terms, not of their sum", () => {
  const random = new Random(3);
  const { inputShape, weightShape, options } = randomConvolution(random);
  const [x, w] = [randomArray(inputShape, random), randomArray(weightShape, random)];
  const bias = randomArray([weightShape[0]!], random);
  const dy = randomArray(convolution(x, w, options).shape, random);
  const abs = (a: NdArray) => mapValues(a, Math.abs);

  const forward = convolutionMagnitude(x, w, { ...options, bias });
  const expected = convolution(abs(x), abs(w), { ...options, bias: abs(bias) });
  assertArray(forward, dy.shape, [...expected.data]);
  assertArray(
    convolutionMagnitude(x, w, options),
    dy.shape,
    [...convolution(abs(x), abs(w), options).data],
  );
  const inputOptions = { ...options, inputShape };
  const dx = convolutionInputGradientMagnitude(dy, w, inputOptions);
  assertArray(dx, inputShape, [
    ...convolutionInputGradient(abs(dy), abs(w), inputOptions).data,
  ]);
  const weightOptions = { ...options, weightShape };
  const { dw, db } = convolutionWeightGradientMagnitude(x, dy, weightOptions);
  const sums = convolutionWeightGradient(abs(x), abs(dy), weightOptions);
  assertArray(dw, weightShape, [...sums.dw.data]);
  assertArray(db, bias.shape, [...sums.db.data]);
});

Deno.test("convolution: NaN in the input reaches its windows, and no other output", () => {
  const x = ndArray([1, 1, 5], [0, NaN, 0, 0, 0]);
  const w = ndArray([1, 1, 2], [0, 1]);
  assertArray(convolution(x, w), [1, 1, 4], [NaN, NaN, 0, 0]);
  const dx = convolutionInputGradient(ndArray([1, 1, 4], [0, 0, NaN, 0]), w, {
    inputShape: x.shape,
  });
  assertArray(dx, [1, 1, 5], [0, 0, NaN, NaN, 0]);
  // A NaN in the filter does not come in through the padding.
  const nan = ndArray([1, 1, 2], [NaN, 1]);
  assertArray(convolution(zeros([1, 1, 2]), nan, { padding: [[1, 0]] }), [1, 1, 2], [0, NaN]);
});

Deno.test("convolution: errors name what was expected and what came", () => {
  const x = zeros([2, 4, 5, 5]);
  const w = zeros([6, 4, 3, 3]);
  const cases: [() => unknown, typeof ShapeError | typeof OptionError, string][] = [
    [() => convolution(zeros([]), w), ShapeError, "convolution: expected an input [n, channels"],
    [
      () => convolution(x, w, { bias: zeros([4]) }),
      ShapeError,
      "convolution: bias: expected shape [6], got [4]",
    ],
    [
      () => convolution(x, w, { groups: 2 }),
      ShapeError,
      "convolution: weight: expected shape [6, 2, 3, 3] for 4 channels in 2 groups, got [6, 4, 3",
    ],
    [
      () => convolutionInputGradient(zeros([2, 6, 5, 5]), w, { inputShape: x.shape }),
      ShapeError,
      "convolutionInputGradient: dy: expected shape [2, 6, 3, 3], got [2, 6, 5, 5]",
    ],
    [
      () => convolutionWeightGradient(x, zeros([1, 6, 3, 3]), { weightShape: w.shape }),
      ShapeError,
      "convolutionWeightGradient: dy: expected shape [2, 6, 3, 3], got [1, 6, 3, 3]",
    ],
    [() => convolution(x, w, { strides: 0 }), OptionError, "convolution: strides: expected"],
  ];
  for (const [run, type, message] of cases) assertThrows(run, type, message);
});

Deno.test("filter2d: by hand, correlation and true convolution, zeros beyond the border", () => {
  const image = ndArray([3, 3], [0, 0, 0, 0, 1, 0, 0, 0, 0]);
  const kernel = ndArray([3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  // An impulse shows the kernel by convolution, and the turned kernel by correlation.
  assertArray(filter2d(image, kernel, "convolution"), [3, 3], [...kernel.data]);
  assertArray(filter2d(image, kernel), [3, 3], [...turned(kernel).data]);
  const ones = ndArray([1, 3], [1, 1, 1]);
  const rows = ndArray([2, 1, 4], [1, 2, 3, 4, 5, 6, 7, 8]);
  assertArray(filter2d(rows, ones), [2, 1, 4], [3, 6, 9, 7, 11, 18, 21, 15]);
  // Of an even kernel, the element before the middle lies on the output.
  const even = ndArray([1, 2], [1, 10]);
  assertArray(filter2d(rows, even), [2, 1, 4], [21, 32, 43, 4, 65, 76, 87, 8]);
  assertArray(filter2d(rows, even, "convolution"), [2, 1, 4], [12, 23, 34, 40, 56, 67, 78, 80]);
});

Deno.test("dft2d: an impulse, a constant and a wave by hand; the inverse comes back", () => {
  const impulse = dft2d(ndArray([2, 3], [1, 0, 0, 0, 0, 0]));
  assertArray(impulse.real, [2, 3], [1, 1, 1, 1, 1, 1]);
  assertArray(impulse.imaginary, [2, 3], [0, 0, 0, 0, 0, 0]);
  const [height, width] = [4, 5];
  const wave = ndArray(
    [height, width],
    Float64Array.from({ length: height * width }, (_, i) => {
      const [j, l] = [Math.floor(i / width), i % width];
      return 2 + Math.sin(2 * Math.PI * (j / height + 2 * l / width));
    }),
  );
  const { real, imaginary } = dft2d(wave);
  real.data.forEach((value, i) => {
    const at = `[${Math.floor(i / width)}, ${i % width}]`;
    assertAlmostEquals(value, at === "[0, 0]" ? 40 : 0, 1e-13, at);
    const expected = at === "[1, 2]" ? -10 : at === "[3, 3]" ? 10 : 0;
    assertAlmostEquals(imaginary.data[i]!, expected, 1e-13, at);
  });
  const back = inverseDft2d({ real, imaginary });
  wave.data.forEach((value, i) => assertAlmostEquals(back.real.data[i]!, value, 1e-13));
  back.imaginary.data.forEach((value) => assertAlmostEquals(value, 0, 1e-13));
  assertThrows(() => dft2d(vector(1)), ShapeError, "expected images [..., h, w], got shape [1]");
});

Deno.test("the half spectrum is that of dft2d, and enough to come back", () => {
  const random = new Random(9);
  for (const shape of [[1, 1], [2, 1, 2], [3, 4], [4, 5], [2, 5, 6]]) {
    const [x, width] = [randomArray(shape, random), shape.at(-1)!];
    const half = Math.floor(width / 2) + 1;
    const spectrum = realDft2d(x);
    assertEquals(spectrum.shape, [...shape.slice(0, -1), half, 2]);
    const { real, imaginary } = dft2d(x);
    spectrum.data.forEach((value, i) => {
      const at = Math.floor(i / 2 / half) * width + Math.floor(i / 2) % half;
      assertEquals(value, (i % 2 === 0 ? real : imaginary).data[at]);
    });
    const back = inverseRealDft2d(spectrum, width);
    assertEquals(back.shape, shape);
    back.data.forEach((value, i) => assertAlmostEquals(value, x.data[i]!, 1e-13));
  }
  // Imaginary parts that no real image has are left out.
  assertArray(inverseRealDft2d(ndArray([1, 2, 2], [3, 5, 1, 7]), 2), [1, 2], [2, 1]);
  assertThrows(() => inverseRealDft2d(zeros([4, 3, 2]), 6), ShapeError, "expected shape [4, 4, 2]");
});

Deno.test("the product of transforms is a true convolution, with a conjugate a correlation", () => {
  const random = new Random(4);
  const [n, k] = [5, 3];
  const size = n + k - 1; // with fewer zeros the ends would meet
  const padded = ({ data }: NdArray, side: number): NdArray => {
    const result = zeros([size, size]);
    data.forEach((value, i) => result.data[Math.floor(i / side) * size + i % side] = value);
    return result;
  };
  const [image, kernel] = [randomArray([n, n], random), randomArray([k, k], random)];
  const [a, b] = [dft2d(padded(image, n)), dft2d(padded(kernel, k))];
  for (const mode of ["convolution", "correlation"] as const) {
    const sign = mode === "convolution" ? 1 : -1;
    const conjugate = scale(b.imaginary, sign);
    const { real } = inverseDft2d({
      real: subtract(multiply(a.real, b.real), multiply(a.imaginary, conjugate)),
      imaginary: add(multiply(a.real, conjugate), multiply(a.imaginary, b.real)),
    });
    // The middle of the kernel is at 1: a convolution is shifted by it, a correlation back by it.
    const shifted = (position: number) => (position + sign + size) % size;
    filter2d(image, kernel, mode).data.forEach((value, i) => {
      const position = shifted(Math.floor(i / n)) * size + shifted(i % n);
      assertAlmostEquals(real.data[position]!, value, 1e-11);
    });
  }
});
