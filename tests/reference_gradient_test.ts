/**
 * The float64 reference, backward: every gradient agrees with central differences of its forward.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../src/errors.ts";
import { Random } from "../src/random.ts";
import { activation, ACTIVATION_NAMES, activationBackward } from "../src/reference/activations.ts";
import { denseBackward, denseForward } from "../src/reference/dense.ts";
import { centralDifference, checkGradient } from "../src/reference/gradient_check.ts";
import {
  hinge,
  type LossResult,
  meanSquaredError,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
} from "../src/reference/losses.ts";
import { type NdArray, ndArray } from "../src/reference/nd_array.ts";
import {
  logSoftmax,
  logSoftmaxBackward,
  softmax,
  softmaxBackward,
} from "../src/reference/softmax.ts";
import { assertBackward, randomArray } from "./check_backward.ts";

const TOLERANCE = 1e-7;

/** Checks the gradient of a loss, multiplied by the number of outputs so that it is not small. */
function assertLossGradient(
  what: string,
  loss: (outputs: NdArray) => LossResult,
  outputs: NdArray,
) {
  const count = outputs.data.length;
  const f = (values: Float64Array) => count * loss(ndArray(outputs.shape, values)).loss;
  const gradient = loss(outputs).gradient.data.map((value) => count * value);
  const error = checkGradient(f, outputs.data, gradient);
  assert(error <= TOLERANCE, `${what}: relative error ${error}`);
}

for (const name of ACTIVATION_NAMES) {
  Deno.test(`gradient of ${name}`, () => {
    const random = new Random(1);
    const x = randomArray([40], random, [0]);
    const dy = randomArray([40], random);
    assertBackward(name, (x) => activation(name, x), x, dy, activationBackward(name, x, dy));
  });
}

Deno.test("gradients of softmax and logSoftmax", () => {
  const random = new Random(2);
  for (const shape of [[1, 1], [3, 5], [2, 3, 4], [7]]) {
    const x = randomArray(shape, random);
    const dy = randomArray(shape, random);
    assertBackward("softmax", softmax, x, dy, softmaxBackward(softmax(x), dy));
    assertBackward("logSoftmax", logSoftmax, x, dy, logSoftmaxBackward(logSoftmax(x), dy));
  }
});

Deno.test("gradients of the cross-entropies", () => {
  const random = new Random(3);
  const [n, c] = [5, 4];
  const logits = randomArray([n, c], random);
  const labels = Uint32Array.from({ length: n }, () => random.integer(c));
  const targets = ndArray([n, c], Array.from({ length: n * c }, () => random.uniform()));
  assertLossGradient("labels", (x) => softmaxCrossEntropy(x, labels), logits);
  assertLossGradient("distribution", (x) => softmaxCrossEntropy(x, softmax(targets)), logits);
  assertLossGradient("targets of any sum", (x) => softmaxCrossEntropy(x, targets), logits);
  assertLossGradient("sigmoid", (x) => sigmoidCrossEntropy(x, targets), logits);
});

Deno.test("gradients of mean squared error and hinge", () => {
  const random = new Random(4);
  const outputs = randomArray([6, 3], random, [-1, 1]);
  const targets = randomArray([6, 3], random);
  const signs = ndArray([6, 3], targets.data.map(Math.sign));
  assertLossGradient("squared", (x) => meanSquaredError(x, targets), outputs);
  assertLossGradient("hinge", (x) => hinge(x, signs), outputs);
});

Deno.test("gradients of dense", () => {
  const random = new Random(5);
  for (const [n, inputs, outputs] of [[1, 1, 1], [4, 3, 5], [2, 7, 3]] as const) {
    const x = randomArray([n, inputs], random);
    const w = randomArray([outputs, inputs], random);
    const b = randomArray([outputs], random);
    const dy = randomArray([n, outputs], random);
    const { dx, dw, db } = denseBackward(x, w, dy);
    assertBackward("dx", (x) => denseForward(x, w, b), x, dy, dx);
    assertBackward("dw", (w) => denseForward(x, w, b), w, dy, dw);
    assertBackward("db", (b) => denseForward(x, w, b), b, dy, db);
  }
});

Deno.test("centralDifference: known derivatives, also of a large argument", () => {
  const f = ([x, y]: Float64Array) => Math.sin(x!) * Math.exp(y!);
  for (const [x, y] of [[0, 0], [0.5, -1], [-3, 2]] as const) {
    const [dx, dy] = centralDifference(f, new Float64Array([x, y]));
    assertAlmostEquals(dx!, Math.cos(x) * Math.exp(y), 1e-10);
    assertAlmostEquals(dy!, Math.sin(x) * Math.exp(y), 1e-10);
  }
  const [dx] = centralDifference(([x]) => x! ** 3, new Float64Array([-1e4]));
  assertAlmostEquals(dx!, 3e8, 1e-10 * 3e8);
  // A quadratic has no truncation error, so a large step is exact.
  const [exact] = centralDifference(([x]) => x! ** 2, new Float64Array([3]), 0.5);
  assertAlmostEquals(exact!, 6, 1e-14);
});

Deno.test("checkGradient: sees an error of 1e-6 and a NaN in one element of many", () => {
  const f = (x: Float64Array) => x.reduce((total, value) => total + value ** 2 / 2, 0);
  const x = randomArray([50], new Random(6)).data;
  assert(checkGradient(f, x, x) < 1e-9);
  for (const i of [0, 25, 49]) {
    const wrong = Float64Array.from(x);
    wrong[i]! += 1e-6 * Math.max(1, Math.abs(x[i]!));
    assertAlmostEquals(checkGradient(f, x, wrong), 1e-6, 1e-8);
    wrong[i] = NaN;
    assert(Number.isNaN(checkGradient(f, x, wrong)));
  }
  assertThrows(
    () => checkGradient(f, x, x.slice(1)),
    ShapeError,
    "expected a gradient of 50 elements, got 49",
  );
});
