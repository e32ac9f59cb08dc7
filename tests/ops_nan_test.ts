/**
 * Values that are no numbers, or too large, where a formula says what becomes of them. That a NaN never disappears is
 * tested with every row of the table, in `ops_test.ts`.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { softmaxCrossEntropy } from "../src/ops/losses.ts";
import { logSoftmax, softmax } from "../src/ops/softmax.ts";
import { openGpu } from "./gpu.ts";

Deno.test("softmaxCrossEntropy is finite and right for logits of ±1e4", async () => {
  const gpu = await openGpu();
  const rows = [[1e4, -1e4, 0], [-1e4, 1e4, 1e4], [-1e4, -1e4, -1e4], [1e4, 1e4, 1e4]];
  const chosen = [0, 0, 2, 1];
  const third = Math.log(3);
  for (const columns of [3, 4, 100]) { // kept numbers, a kept vector, vectors that are loaded three times
    const padded = rows.map((row) => [...row, ...new Array(columns - 3).fill(-2e4)]);
    const logits = gpu.tensor(new Float32Array(padded.flat()), [4, columns]);
    const labels = gpu.tensor(new Uint32Array(chosen));
    const distributions = gpu.zeros([4, columns]);
    distributions.write(
      new Float32Array(4 * columns).map((_, i) => Number(i % columns === chosen[i / columns | 0])),
    );
    for (const targets of [labels, distributions]) {
      const { losses, gradient } = softmaxCrossEntropy(gpu, logits, targets);
      const [loss, slope] = await Promise.all([losses.read(), gradient!.read()]);
      const expected = [0, 2e4 + Math.LN2, third, third];
      expected.forEach((value, i) =>
        assert(Math.abs(loss[i]! - value) <= 2e4 * 2 ** -23, `${loss}`)
      );
      assert(slope.every((value) => Math.abs(value) <= 0.25), `${slope}`);
      const [first, second] = slope.subarray(columns);
      assert(Math.abs(first! - -0.25) < 1e-6 && Math.abs(second! - 0.125) < 1e-6, `${slope}`);
      for (const tensor of [losses, gradient!, targets]) tensor.dispose();
    }
    logits.dispose();
  }
});

Deno.test("softmax and logSoftmax: infinities as the formula has them", async () => {
  const gpu = await openGpu();
  const infinite = Infinity;
  using x = gpu.tensor(
    new Float32Array([-infinite, 0, infinite, 0, -infinite, -infinite]),
    [3, 2],
  );
  using y = softmax(gpu, x);
  using z = logSoftmax(gpu, x);
  const [p, logP] = await Promise.all([y.read(), z.read()]);
  assertEquals([...p.subarray(0, 2)], [0, 1]);
  assertEquals([...logP.subarray(0, 2)], [-infinite, 0]);
  for (const row of [p, logP]) assert(row.subarray(2).every(Number.isNaN), `${row}`);
});

Deno.test("softmaxCrossEntropy: a label out of range gives a NaN loss, its neighbours stay", async () => {
  const gpu = await openGpu();
  for (const columns of [3, 4, 100, 701]) { // kept numbers, a kept vector, vectors, several lanes
    const labels = gpu.tensor(new Uint32Array([0, columns, 1, 0xffffffff, columns - 1]));
    const logits = gpu.zeros([5, columns]);
    const { losses, gradient } = softmaxCrossEntropy(gpu, logits, labels, { gradient: false });
    const values = await losses.read();
    assertEquals([...values].map(Number.isNaN), [false, true, false, true, false]);
    assert(Math.abs(values[4]! - Math.log(columns)) < 1e-5);
    assertEquals(gradient, undefined);
    for (const tensor of [labels, logits, losses]) tensor.dispose();
  }
});
