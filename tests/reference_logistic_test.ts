/**
 * The reference of logistic regression: its gradient against differences of the objective, its Hessian against differences of
 * the gradient, and a value by hand.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../src/errors.ts";
import { Random } from "../src/random.ts";
import { checkGradient } from "../src/reference/gradient_check.ts";
import { logisticRegression } from "../src/reference/logistic.ts";
import { ndArray } from "../src/reference/nd_array.ts";

Deno.test("logistic regression by hand", () => {
  // Logits 1 and −1 of labels 1 and 1, and a penalty of 0.5 / 2 · 1².
  const x = ndArray([2, 1], [1, -1]);
  const { objective, gradient, hessian } = logisticRegression(x, [1, 1], [1, 0], {
    outputs: 1,
    l2: 0.5,
  });
  const p = 1 / (1 + Math.exp(-1));
  assertAlmostEquals(objective, -(Math.log(p) + Math.log(1 - p)) / 2 + 0.25, 1e-15);
  // ((p − 1) · 1 + (1 − p − 1) · −1) / 2 + l2 · 1
  assertAlmostEquals(gradient[0]!, (2 * p - 1) / 2 + 0.5, 1e-15);
  assertAlmostEquals(gradient[1]!, -0.5, 1e-15);
  assertAlmostEquals(hessian.data[0]!, p * (1 - p) + 0.5, 1e-15);
  assertAlmostEquals(hessian.data[1]!, 0, 1e-15);
  assertAlmostEquals(hessian.data[3]!, p * (1 - p), 1e-15);
});

for (const outputs of [1, 2, 3, 5]) {
  Deno.test(`gradient and Hessian of ${outputs} outputs agree with central differences`, () => {
    const random = new Random(outputs);
    for (let round = 0; round < 5; round++) {
      const [n, d] = [1 + random.integer(12), 1 + random.integer(4)];
      const x = ndArray([n, d], Array.from({ length: n * d }, () => random.normal()));
      const labels = Array.from({ length: n }, () => random.integer(Math.max(2, outputs)));
      const options = { outputs, l2: round === 0 ? 0 : random.uniform() };
      const point = Float64Array.from({ length: outputs * (d + 1) }, () => random.normal());
      const at = (v: ArrayLike<number>) => logisticRegression(x, labels, v, options);
      const { gradient, hessian } = at(point);
      assert(checkGradient((v) => at(v).objective, point, gradient) < 1e-7);
      const size = point.length;
      for (let row = 0; row < size; row++) {
        const line = hessian.data.slice(row * size, (row + 1) * size);
        assert(checkGradient((v) => at(v).gradient[row]!, point, line) < 1e-7);
      }
    }
  });
}

Deno.test("logistic regression refuses what does not fit", () => {
  const x = ndArray([2, 1], [1, -1]);
  assertThrows(
    () => logisticRegression(x, [0, 1], [1], { outputs: 1 }),
    ShapeError,
    "expected 2 parameters and 2 labels, got 1 and 2",
  );
});
