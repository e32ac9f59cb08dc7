/**
 * The comparison of optimisers on a network, and its table.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Dataset } from "../src/data/dataset.ts";
import { generateDigits } from "../src/data/digits.ts";
import { OptionError } from "../src/errors.ts";
import { Dense } from "../src/layers/dense.ts";
import { compareOptimizers, type OptimizerComparison } from "../src/models/optimizer_comparison.ts";
import { Sequential } from "../src/models/sequential.ts";
import { Sgd } from "../src/optimizers/sgd.ts";
import { formatNetwork } from "../tools/comparison_text.ts";
import { openGpu } from "./gpu.ts";

const LAYERS = [new Dense({ units: 8, activation: "tanh" }), new Dense({ units: 10 })];

Deno.test("a comparison trains a network with every method, from the same start", async () => {
  const gpu = await openGpu();
  const data = generateDigits({ count: 60, seed: 3 });
  const before = gpu.memory;
  const runs: number[] = [];
  const { start, rows, parameters, newtonBytes } = await compareOptimizers(gpu, LAYERS, data, {
    passes: 3,
    batchSize: 16,
    seed: 5,
    onProgress: (done, all) => runs.push(done / all),
  });
  assertEquals(gpu.memory.bytes, before.bytes, "nothing is left");
  assertEquals(runs.at(-1), 1);
  assertEquals(runs.length, 28);
  assertEquals(parameters, 785 * 8 + 9 * 10);
  assertEquals(newtonBytes, 8 * parameters ** 2);
  assertEquals(rows.map(({ method }) => method), ["gradientDescent", "sgd", "momentum", "adam"]);
  const copies = { gradientDescent: 1, sgd: 1, momentum: 2, adam: 3 };
  for (const { method, batchSize, rate, curve, reached, ends, stateBytes, rates } of rows) {
    assertEquals(batchSize, method === "gradientDescent" ? 60 : 16);
    assertEquals(stateBytes, 4 * (copies[method] * parameters + 18 * batchSize));
    assertEquals(curve.map(({ passes }) => passes), [0, 1, 2, 3]);
    assertEquals(
      curve.map(({ iterations }) => iterations),
      method === "gradientDescent" ? [0, 1, 2, 3] : [0, 4, 8, 12],
    );
    assertEquals(curve.at(-1)!.bytes, 3 * data.x.byteLength);
    assertEquals(curve[0]!.gap, 1);
    assertEquals(reached.map(({ accuracy }) => accuracy), [1e-1, 1e-2, 1e-4, 1e-6]);
    assertEquals([ends.length, rates.length], [3, 5]);
    assert(Math.abs(ends[0]! - start * curve.at(-1)!.gap) <= 1e-12 * ends[0]!);
    // The rate of the row ends lowest of all that were tried.
    assert(rates.every(({ gap }) => !(gap < Math.min(...curve.map(({ gap }) => gap)) * 0.5)));
    assert(rate > 0);
  }
  // The first row again, by the public functions.
  using model = new Sequential(LAYERS, { gpu, inputShape: data.inputShape, seed: 5 });
  model.compile({
    loss: "softmaxCrossEntropy",
    optimizer: new Sgd({ learningRate: rows[0]!.rate }),
  });
  assertEquals((await model.evaluate(data)).loss, start);
  await model.fit(data, { epochs: 3, batchSize: 60 });
  assertEquals((await model.evaluate(data, { batchSize: 60 })).loss, rows[0]!.ends[0]);
});

Deno.test("a comparison of optimisers refuses targets and options that are out of range", async () => {
  const gpu = await openGpu();
  const targets = new Dataset({
    x: new Float32Array(4),
    y: new Float32Array(2),
    inputShape: [2],
  });
  const refuse = (data: Dataset, options: object, message: string) =>
    assertRejects(() => compareOptimizers(gpu, LAYERS, data, options), OptionError, message);
  await refuse(targets, {}, "compareOptimizers: data: expected classes, got targets");
  const digits = generateDigits({ count: 4, seed: 1 });
  await refuse(digits, { passes: 0 }, "compareOptimizers: passes: expected a whole number");
  await refuse(digits, { batchSize: 1.5 }, "compareOptimizers: batchSize: expected a whole number");
  await refuse(digits, { epochs: 1 }, 'compareOptimizers: unknown option "epochs"');
});

Deno.test("the words of the network's table follow from its numbers", () => {
  const row = (
    method: OptimizerComparison["method"],
    gaps: number[],
    ends: number[],
    passes: (number | undefined)[],
  ): OptimizerComparison => {
    const curve = [1, ...gaps].map((gap, i) => ({
      iterations: 10 * i,
      passes: i,
      milliseconds: i,
      bytes: 1e3 * i,
      gap,
    }));
    return {
      method,
      batchSize: 32,
      rate: 0.1,
      curve,
      reached: [1e-1, 1e-2].map((accuracy) => ({
        accuracy,
        ...curve.find(({ gap }) => gap <= accuracy),
      })),
      ends,
      stateBytes: 2e3,
      rates: passes.map((passes, i) => ({ factor: 10 ** (i - 1), gap: 0, passes })),
    };
  };
  const text = formatNetwork({
    start: 2,
    parameters: 1000,
    newtonBytes: 8e6,
    rows: [
      row("adam", [0.05, 0.0025], [0.005, 0.01, 0.02], [30, 3, 31]),
      row("sgd", [0.9, 0.81], [1.62, 1.7, 1.62], [undefined, 1, undefined]),
      row("momentum", [0.98, 0.9604], [1.9, 1, 1], [undefined, undefined, undefined]),
    ],
  }, 1e4);
  const lines = text.split("\n").map((line) => line.split(/ {2,}/).join(" | "));
  for (
    const line of [
      "f₀ = 2.0000",
      "Adam | global, 0.0050, spread 4.0 | 2.0 kB, 20% | fast, × 0.050 | × 0.1, 1",
      "SGD | unknown, 1.6, spread 1.0 | 2.0 kB, 20% | steady, × 0.90 | × 1",
      "Momentum | several, 1.9, spread 1.9 | 2.0 kB, 20% | slow, × 0.98 | none",
      "Newton | not run | 8.0 MB, 800 times | – | needs none",
    ]
  ) assert(lines.includes(line), `${line}\n${text}`);
  assertStringIncludes(text, "1000 parameters has 1000² numbers of\n8 bytes, 8.0 MB");
  assert(text.split("\n").every((line) => [...line].length <= 100), text);
});
