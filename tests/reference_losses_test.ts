/**
 * The float64 reference, its losses and updates: cases computed by hand, stability at large logits, NaN;
 * and the errors of the whole reference.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { OptionError, ShapeError } from "../src/errors.ts";
import {
  activation,
  activationBackward,
  type ActivationName,
} from "../src/reference/activations.ts";
import { denseBackward, denseForward } from "../src/reference/dense.ts";
import { add, multiply, subtract } from "../src/reference/elementwise.ts";
import {
  hinge,
  meanSquaredError,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
} from "../src/reference/losses.ts";
import { matmul, matmulMagnitude } from "../src/reference/matmul.ts";
import { ndArray, zeros } from "../src/reference/nd_array.ts";
import { clipByNorm, sgdStep } from "../src/reference/optimizers.ts";
import { argmax, max, mean, sum } from "../src/reference/reductions.ts";
import {
  logSoftmax,
  logSoftmaxBackward,
  softmax,
  softmaxBackward,
} from "../src/reference/softmax.ts";
import { assertArray, vector } from "./assert_array.ts";

Deno.test("softmaxCrossEntropy: labels and distributions, by hand", () => {
  const logits = ndArray([2, 2], [0, Math.log(3), 5, 5]);
  const byLabel = softmaxCrossEntropy(logits, new Uint32Array([1, 0]));
  const expected = [-Math.log(0.75), Math.LN2];
  assertArray(vector(...byLabel.losses), [2], expected);
  assertAlmostEquals(byLabel.loss, (expected[0]! + expected[1]!) / 2, 1e-15);
  assertArray(byLabel.gradient, [2, 2], [0.125, -0.125, -0.25, 0.25]);

  const byDistribution = softmaxCrossEntropy(logits, ndArray([2, 2], [0, 1, 0.5, 0.5]));
  assertArray(vector(...byDistribution.losses), [2], expected);
  assertArray(byDistribution.gradient, [2, 2], [0.125, -0.125, 0, 0]);
  // A target that sums to 2 counts twice.
  const twice = softmaxCrossEntropy(logits, ndArray([2, 2], [0, 2, 0, 0]));
  assertArray(vector(...twice.losses), [2], [2 * expected[0]!, 0]);
  assertArray(twice.gradient, [2, 2], [0.25, -0.25, 0, 0]);
});

Deno.test("sigmoidCrossEntropy: by hand", () => {
  const logits = ndArray([2, 2], [0, Math.log(3), -Math.log(3), 0]);
  const { loss, losses, gradient } = sigmoidCrossEntropy(logits, ndArray([2, 2], [1, 1, 1, 0.5]));
  const expected = [(Math.LN2 + Math.log(4 / 3)) / 2, (Math.log(4) + Math.LN2) / 2];
  assertArray(vector(...losses), [2], expected);
  assertAlmostEquals(loss, (expected[0]! + expected[1]!) / 2, 1e-15);
  assertArray(gradient, [2, 2], [-0.125, -0.0625, -0.1875, 0]);
});

Deno.test("meanSquaredError: by hand", () => {
  const { loss, losses, gradient } = meanSquaredError(
    ndArray([2, 2], [1, 2, 3, 4]),
    ndArray([2, 2], [0, 4, 3, 1]),
  );
  assertArray(vector(...losses), [2], [2.5, 4.5]);
  assertEquals(loss, 3.5);
  assertArray(gradient, [2, 2], [0.5, -1, 0, 1.5]);
});

Deno.test("hinge: by hand, with both sides of the kink and the kink", () => {
  const { loss, losses, gradient } = hinge(
    ndArray([2, 2], [0.5, 3, 1, -1]),
    ndArray([2, 2], [1, -1, 1, 1]),
  );
  assertArray(vector(...losses), [2], [2.25, 1]);
  assertEquals(loss, 1.625);
  assertArray(gradient, [2, 2], [-0.25, 0.25, 0, -0.25]);
});

Deno.test("losses: finite at logits of ±1e4", () => {
  const logits = ndArray([2, 2], [1e4, -1e4, -1e4, 1e4]);
  for (const targets of [[1, 1], ndArray([2, 2], [0, 1, 0, 1])]) {
    const { losses, gradient } = softmaxCrossEntropy(logits, targets);
    assertArray(vector(...losses), [2], [2e4, 0]);
    assertArray(gradient, [2, 2], [0.5, -0.5, 0, 0]);
  }
  const { losses, gradient } = sigmoidCrossEntropy(logits, ndArray([2, 2], [0, 1, 0, 1]));
  assertArray(vector(...losses), [2], [1e4, 0]);
  assertArray(gradient, [2, 2], [0.25, -0.25, 0, 0]);
});

Deno.test("losses: NaN in the outputs reaches loss, example and gradient, and no other example", () => {
  const outputs = ndArray([2, 2], [NaN, 0, 0, 0]);
  const targets = ndArray([2, 2], [1, 0, 1, 0]);
  const results = {
    labels: softmaxCrossEntropy(outputs, [1, 0]),
    distribution: softmaxCrossEntropy(outputs, targets),
    sigmoid: sigmoidCrossEntropy(outputs, targets),
    squared: meanSquaredError(outputs, targets),
    hinge: hinge(outputs, targets),
  };
  for (const [name, { loss, losses, gradient }] of Object.entries(results)) {
    assert(Number.isNaN(loss), `${name}: loss`);
    assertEquals([...losses].map(Number.isNaN), [true, false], `${name}: losses`);
    const wholeRow = name === "labels" || name === "distribution";
    assertEquals([...gradient.data].map(Number.isNaN), [true, wholeRow, false, false], name);
  }
});

Deno.test("sgdStep: two steps by hand, with momentum, Nesterov's and decay", () => {
  const options = { learningRate: 0.5, momentum: 0.5, weightDecay: 0.25 };
  const start = [vector(4)];
  const gradients = [vector(1)];
  // g = 1 + 0.25 · 4 = 2, v = 2, p = 4 − 0.5 · 2 = 3
  const first = sgdStep(start, gradients, [zeros([1])], options);
  assertArray(first.parameters[0]!, [1], [3]);
  assertArray(first.velocity[0]!, [1], [2]);
  // g = 1 + 0.75, v = 0.5 · 2 + 1.75 = 2.75, p = 3 − 1.375
  const second = sgdStep(first.parameters, gradients, first.velocity, options);
  assertArray(second.parameters[0]!, [1], [1.625]);
  assertArray(second.velocity[0]!, [1], [2.75]);
  // the same, but step = 1.75 + 0.5 · 2.75 = 3.125
  const nesterov = { ...options, nesterov: true };
  const ahead = sgdStep(first.parameters, gradients, first.velocity, nesterov);
  assertArray(ahead.parameters[0]!, [1], [1.4375]);
  assertArray(ahead.velocity[0]!, [1], [2.75]);
  const plain = sgdStep(start, gradients, first.velocity, { learningRate: 0.5 });
  assertArray(plain.parameters[0]!, [1], [3.5]);
  assertArray(start[0]!, [1], [4]);
});

Deno.test("clipByNorm: one norm over all gradients", () => {
  const gradients = [vector(3, 0), ndArray([1, 1], [-4])];
  const clipped = clipByNorm(gradients, 2.5);
  assertEquals(clipped.norm, 5);
  assertArray(clipped.gradients[0]!, [2], [1.5, 0]);
  assertArray(clipped.gradients[1]!, [1, 1], [-2]);
  assertArray(clipByNorm(gradients, 6).gradients[0]!, [2], [3, 0]);
  assertArray(clipByNorm([zeros([2])], 1).gradients[0]!, [2], [0, 0]);
  assertArray(clipByNorm([vector(NaN), vector(1)], 1).gradients[1]!, [1], [NaN]);
});

Deno.test("errors name what was expected and what came", () => {
  const a = zeros([2, 3]);
  const cases: [() => unknown, string][] = [
    [() => ndArray([2, 2], [1]), "expected 4 values for shape [2, 2], got 1"],
    [() => zeros([-1]), "dimensions must be whole numbers"],
    [() => matmul(a, a), "expected b of shape [3, 3] to fit a of shape [2, 3], got [2, 3]"],
    [
      () => matmul(a, zeros([3, 4]), { transposeA: true, transposeB: true }),
      "expected b of shape [3, 2] to fit a of shape [2, 3] (transposed), got [3, 4]",
    ],
    [() => matmul(zeros([3]), a), "matmul: a: expected two dimensions, got shape [3]"],
    [() => matmul(zeros([2, 3, 1]), a), "expected two dimensions, got shape [2, 3, 1]"],
    [
      () => matmul(a, zeros([3, 4]), { bias: zeros([3]) }),
      "matmul: bias: expected shape [4], got [3]",
    ],
    [() => matmulMagnitude(a, a), "got [2, 3]"],
    [() => add(a, zeros([2])), "add: expected a second operand of shape [2, 3]"],
    [() => subtract(zeros([3]), a), "got [2, 3]"],
    [() => multiply(a, zeros([2, 1])), "got [2, 1]"],
    [() => activationBackward("relu", a, zeros([3, 2])), "expected shape [2, 3], got [3, 2]"],
    [() => softmax(zeros([])), "softmax: expected at least one dimension, got []"],
    [() => logSoftmax(zeros([])), "logSoftmax: expected at least one dimension"],
    [() => softmaxBackward(a, zeros([3])), "expected shape [2, 3], got [3]"],
    [() => logSoftmaxBackward(a, zeros([3])), "expected shape [2, 3], got [3]"],
    [() => softmaxCrossEntropy(zeros([3]), [0]), "expected two dimensions, got shape [3]"],
    [() => softmaxCrossEntropy(a, [0]), "expected 2 labels, got 1"],
    [() => softmaxCrossEntropy(a, [0, 3]), "below the 3 classes, got 3 (example 1)"],
    [() => softmaxCrossEntropy(a, [0.5, 0]), "got 0.5 (example 0)"],
    [() => softmaxCrossEntropy(a, zeros([2, 2])), "expected shape [2, 3], got [2, 2]"],
    [() => sigmoidCrossEntropy(a, zeros([2])), "sigmoidCrossEntropy: targets: expected"],
    [() => meanSquaredError(a, zeros([2])), "meanSquaredError: targets: expected"],
    [() => hinge(zeros([2]), zeros([2])), "hinge: outputs: expected two dimensions"],
    [() => sum(a, 2), "sum: axis 2 does not exist in shape [2, 3]"],
    [() => mean(a, -3), "mean: axis -3 does not exist"],
    [() => max(zeros([]), 0), "max: axis 0 does not exist in shape []"],
    [() => argmax(zeros([2, 0]), 1), "expected at least one value along axis 1, got shape [2, 0]"],
    [() => sgdStep([a], [], [a], { learningRate: 1 }), "each of 1 parameters, got 0 and 1"],
    [
      () => sgdStep([a], [zeros([3])], [a], { learningRate: 1 }),
      "gradient 0: expected shape [2, 3], got [3]",
    ],
    [
      () => sgdStep([a], [a], [zeros([3])], { learningRate: 1 }),
      "velocity 0: expected shape [2, 3], got [3]",
    ],
    [() => denseForward(a, zeros([4, 2]), zeros([4])), "expected b of shape [4, 3]"],
    [() => denseBackward(a, zeros([4, 2]), zeros([2, 4])), "expected shape [4, 3], got [4, 2]"],
    [() => denseBackward(a, zeros([4, 3]), zeros([4, 2])), "expected shape [2, 4], got [4, 2]"],
  ];
  for (const [call, message] of cases) assertThrows(call, ShapeError, message);
  assertThrows(() => clipByNorm([], 0), OptionError, "clipByNorm: maxNorm");
  assertThrows(() => activation("swish" as ActivationName, a), OptionError, '"gelu", got "swish"');
});
