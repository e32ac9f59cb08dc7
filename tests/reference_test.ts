/**
 * The float64 reference, its operations: cases computed by hand, extremes, and NaN.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  activation,
  ACTIVATION_NAMES,
  activationBackward,
  type ActivationName,
  erf,
  erfc,
} from "../src/reference/activations.ts";
import { denseBackward, denseForward } from "../src/reference/dense.ts";
import { add, multiply, scale, subtract } from "../src/reference/elementwise.ts";
import { matmul, matmulMagnitude } from "../src/reference/matmul.ts";
import { ndArray, zeros } from "../src/reference/nd_array.ts";
import { argmax, max, mean, sum } from "../src/reference/reductions.ts";
import {
  logSoftmax,
  logSoftmaxBackward,
  softmax,
  softmaxBackward,
} from "../src/reference/softmax.ts";
import { assertArray, vector } from "./assert_array.ts";

Deno.test("matmul: by hand, in all four storage orders", () => {
  const a = ndArray([2, 3], [1, 2, 3, 4, 5, 6]);
  const at = ndArray([3, 2], [1, 4, 2, 5, 3, 6]);
  const b = ndArray([3, 2], [7, 8, 9, 10, 11, 12]);
  const bt = ndArray([2, 3], [7, 9, 11, 8, 10, 12]);
  const c = [58, 64, 139, 154];
  assertArray(matmul(a, b), [2, 2], c);
  assertArray(matmul(at, b, { transposeA: true }), [2, 2], c);
  assertArray(matmul(a, bt, { transposeB: true }), [2, 2], c);
  assertArray(matmul(at, bt, { transposeA: true, transposeB: true }), [2, 2], c);
  assertArray(matmul(ndArray([1, 2], [1, 2]), bt), [1, 3], [23, 29, 35]);
});

Deno.test("matmul: bias, then activation; empty dimensions", () => {
  const a = ndArray([2, 1], [1, -1]);
  const b = ndArray([1, 3], [1, 2, 3]);
  const bias = vector(10, -2, -4);
  assertArray(matmul(a, b, { bias }), [2, 3], [11, 0, -1, 9, -4, -7]);
  assertArray(matmul(a, b, { bias, activation: "relu" }), [2, 3], [11, 0, 0, 9, 0, 0]);
  assertArray(matmul(zeros([2, 0]), zeros([0, 3]), { bias }), [2, 3], [10, -2, -4, 10, -2, -4]);
  assertArray(matmul(zeros([0, 2]), zeros([2, 3])), [0, 3], []);
});

Deno.test("matmul: NaN times 0 is NaN, in its row only", () => {
  const c = matmul(ndArray([2, 2], [NaN, 1, 2, 3]), zeros([2, 1]));
  assertArray(c, [2, 1], [NaN, 0]);
});

Deno.test("matmulMagnitude: sums of magnitudes, with the bias, without the activation", () => {
  const a = ndArray([2, 1], [-1, -2]); // stored [k, m]
  const b = ndArray([1, 2], [3, -4]); // stored [n, k]
  const options = { transposeA: true, transposeB: true } as const;
  assertArray(matmulMagnitude(a, b, options), [1, 1], [11]);
  const withBias = { ...options, bias: vector(-5), activation: "relu" } as const;
  assertArray(matmulMagnitude(a, b, withBias), [1, 1], [16]);
});

Deno.test("elementwise: same shape, and the last dimensions repeated", () => {
  const a = ndArray([2, 2], [1, 2, 3, 4]);
  assertArray(add(a, ndArray([2, 2], [10, 20, 30, 40])), [2, 2], [11, 22, 33, 44]);
  assertArray(add(a, vector(10, 20)), [2, 2], [11, 22, 13, 24]);
  assertArray(subtract(a, vector(10, 20)), [2, 2], [-9, -18, -7, -16]);
  assertArray(multiply(a, vector(10, 20)), [2, 2], [10, 40, 30, 80]);
  assertArray(multiply(a, ndArray([], [2])), [2, 2], [2, 4, 6, 8]);
  assertArray(scale(a, -2), [2, 2], [-2, -4, -6, -8]);
  assertArray(add(zeros([0, 2]), vector(1, 2)), [0, 2], []);
  assertArray(multiply(vector(NaN, 1), vector(0, NaN)), [2], [NaN, NaN]);
});

Deno.test("activations: by hand", () => {
  const cases: Record<ActivationName, [x: number, y: number][]> = {
    linear: [[-3, -3], [0, 0], [2, 2]],
    relu: [[-3, 0], [0, 0], [2, 2], [Infinity, Infinity], [-Infinity, 0]],
    leakyRelu: [[-3, -0.03], [0, 0], [2, 2]],
    sigmoid: [[0, 0.5], [Math.log(3), 0.75], [-Math.log(3), 0.25], [-1e4, 0], [1e4, 1]],
    tanh: [[0, 0], [Math.log(2), 0.6], [-1e4, -1], [1e4, 1]],
    step: [[-3, 0], [0, 0], [2, 1], [1e-300, 1]],
    softplus: [[0, Math.LN2], [Math.log(3), Math.log(4)], [-1e4, 0], [1e4, 1e4], [
      -40,
      Math.exp(-40),
    ]],
    // Values of Φ from a table: Φ(1), Φ(−1), Φ(−6).
    gelu: [
      [0, 0],
      [1, 0.8413447460685429],
      [-1, -0.15865525393145707],
      [
        -6,
        -6 * 9.865876450376981e-10,
      ],
      [100, 100],
      [-1e4, 0],
    ],
  };
  assertEquals(Object.keys(cases).sort(), [...ACTIVATION_NAMES].sort());
  for (const name of ACTIVATION_NAMES) {
    const points = cases[name];
    const y = activation(name, vector(...points.map(([x]) => x)));
    assertArray(y, [points.length], points.map(([, value]) => value));
  }
});

Deno.test("activations: derivatives at the kinks and far out", () => {
  const x = vector(-1e4, 0, 1e4);
  const cases: [ActivationName, number[]][] = [
    ["linear", [2, 2, 2]],
    ["relu", [0, 0, 2]],
    ["leakyRelu", [0.02, 0.02, 2]],
    ["sigmoid", [0, 0.5, 0]],
    ["tanh", [0, 2, 0]],
    ["step", [0, 0, 0]],
    ["softplus", [0, 1, 2]],
    ["gelu", [0, 1, 2]],
  ];
  for (const [name, dx] of cases) {
    assertArray(activationBackward(name, x, vector(2, 2, 2)), [3], dx);
  }
});

Deno.test("activations: NaN stays NaN, forward and backward", () => {
  for (const name of ACTIVATION_NAMES) {
    assertArray(activation(name, vector(NaN)), [1], [NaN]);
    assertArray(activationBackward(name, vector(NaN, -1), vector(1, NaN)), [2], [NaN, NaN]);
  }
});

/** x, erf(x), erfc(x), from 40-digit arithmetic. */
const ERF_TABLE: readonly (readonly [number, number, number])[] = [
  [1e-10, 1.1283791670955126e-10, 0.99999999988716208],
  [0.25, 0.27632639016823693, 0.72367360983176307],
  [1, 0.84270079294971487, 0.15729920705028513],
  [1.4375, 0.95794060605646006, 0.042059393943539936],
  [1.5, 0.96610514647531073, 0.033894853524689273],
  [1.5625, 0.97287461382093354, 0.027125386179066463],
  [2, 0.99532226501895273, 0.0046777349810472658],
  [3, 0.99997790950300141, 2.2090496998585441e-5],
  [5, 0.99999999999846254, 1.5374597944280349e-12],
  [10, 1.0, 2.0884875837625448e-45],
  [25, 1.0, 8.3001725711965228e-274],
];

Deno.test("erf and erfc: against 40-digit values, on both sides of every change of method", () => {
  for (const [x, erfX, erfcX] of ERF_TABLE) {
    for (const sign of [1, -1]) {
      const value = erf(sign * x);
      assertAlmostEquals(value, sign * erfX, 1e-14 * erfX, `erf(${sign * x})`);
    }
    assertAlmostEquals(erfc(x), erfcX, 1e-13 * erfcX, `erfc(${x})`);
    assertAlmostEquals(erfc(-x), 1 + erfX, 1e-14, `erfc(${-x})`);
  }
  assertEquals([erf(0), erf(Infinity), erf(-Infinity), erfc(Infinity)], [0, 1, -1, 0]);
  assert(Number.isNaN(erf(NaN)) && Number.isNaN(erfc(NaN)));
});

Deno.test("softmax and logSoftmax: by hand, over the last axis", () => {
  const x = ndArray([2, 2], [0, Math.log(3), 5, 5]);
  assertArray(softmax(x), [2, 2], [0.25, 0.75, 0.5, 0.5]);
  assertArray(logSoftmax(x), [2, 2], [0.25, 0.75, 0.5, 0.5].map(Math.log));
  assertArray(softmax(ndArray([2, 2], [-Infinity, 0, Infinity, 0])), [2, 2], [0, 1, NaN, NaN]);
  assertArray(softmax(zeros([3, 0])), [3, 0], []);
});

Deno.test("softmax and logSoftmax: finite at ±1e4; a NaN fills its row only", () => {
  const x = ndArray([2, 3], [1e4, -1e4, 0, 0, NaN, 0]);
  assertArray(softmax(x), [2, 3], [1, 0, 0, NaN, NaN, NaN]);
  assertArray(logSoftmax(x), [2, 3], [0, -2e4, -1e4, NaN, NaN, NaN]);
});

Deno.test("softmax gradients: by hand", () => {
  const y = ndArray([1, 2], [0.25, 0.75]);
  const dy = ndArray([1, 2], [8, 0]);
  assertArray(softmaxBackward(y, dy), [1, 2], [1.5, -1.5]);
  const logY = ndArray([1, 2], [Math.log(0.25), Math.log(0.75)]);
  assertArray(logSoftmaxBackward(logY, dy), [1, 2], [6, -6]);
});

Deno.test("reductions: by hand, along every axis", () => {
  const x = ndArray([2, 3, 2], [1, 12, 3, 10, 5, 8, 7, 6, 9, 4, 11, 2]);
  assertArray(sum(x, 0), [3, 2], [8, 18, 12, 14, 16, 10]);
  assertArray(sum(x, 1), [2, 2], [9, 30, 27, 12]);
  assertArray(sum(x, -1), [2, 3], [13, 13, 13, 13, 13, 13]);
  assertArray(mean(x, 1), [2, 2], [3, 10, 9, 4]);
  assertArray(max(x, 0), [3, 2], [7, 12, 9, 10, 11, 8]);
  assertArray(max(x, 1), [2, 2], [5, 12, 11, 6]);
  assertArray(argmax(x, 1), [2, 2], [2, 0, 2, 0]);
  assertArray(argmax(x, -1), [2, 3], [1, 1, 1, 0, 0, 0]);
  assertArray(sum(vector(1, 2, 3), 0), [], [6]);
});

Deno.test("reductions: ties, NaN, infinities and empty axes", () => {
  assertArray(argmax(vector(1, 3, 3), 0), [], [1]);
  assertArray(argmax(vector(1, NaN, 3, NaN), 0), [], [1]);
  assertArray(argmax(vector(NaN, 3, NaN), 0), [], [0]);
  assertArray(argmax(vector(-Infinity, -Infinity), 0), [], [0]);
  const x = ndArray([2, 2], [NaN, 1, 2, 3]);
  assertArray(sum(x, 1), [2], [NaN, 5]);
  assertArray(mean(x, 1), [2], [NaN, 2.5]);
  assertArray(max(x, 1), [2], [NaN, 3]);
  assertArray(max(vector(-3, -2), 0), [], [-2]);
  assertArray(sum(zeros([2, 0]), 1), [2], [0, 0]);
  assertArray(mean(zeros([2, 0]), 1), [2], [NaN, NaN]);
  assertArray(max(zeros([2, 0]), 1), [2], [-Infinity, -Infinity]);
  assertArray(sum(zeros([2, 0]), 0), [0], []);
});

Deno.test("dense: forward and backward by hand", () => {
  const x = ndArray([2, 2], [1, 2, 3, 4]);
  const w = ndArray([3, 2], [1, 0, 0, 1, 1, 1]);
  assertArray(denseForward(x, w, vector(10, 20, 30)), [2, 3], [11, 22, 33, 13, 24, 37]);
  const dy = ndArray([2, 3], [1, 0, 2, 0, 1, 0]);
  const { dx, dw, db } = denseBackward(x, w, dy);
  assertArray(dx, [2, 2], [3, 2, 0, 1]);
  assertArray(dw, [3, 2], [1, 2, 3, 4, 2, 4]);
  assertArray(db, [3], [1, 1, 2]);
});
