/**
 * The named networks: their parameters, their shapes, and that they learn.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  generateDigits,
  lenet5,
  logisticRegression,
  mlp,
  type NetworkOptions,
  Normalize,
  Sequential,
  Sgd,
  ShapeError,
} from "../mod.ts";
import { openGpu } from "./gpu.ts";

const NETWORKS: [create: (options: NetworkOptions) => Sequential, parameters: number][] = [
  [logisticRegression, 7_850],
  [mlp, 101_770],
  [lenet5, 61_706],
];

for (const [create, parameters] of NETWORKS) {
  Deno.test(`${create.name}: ${parameters} parameters, ten outputs, saved and loaded`, async () => {
    const gpu = await openGpu();
    using model = create({ gpu });
    assertEquals(model.parameterCount, parameters);
    assertEquals(model.outputShape, [10]);
    const path = await Deno.makeTempFile({ suffix: ".safetensors" });
    try {
      await model.save(path);
      using again = await Sequential.load(path, { gpu });
      const { x } = generateDigits({ count: 5, seed: 1 });
      assertEquals(await again.predict(x), await model.predict(x));
    } finally {
      await Deno.remove(path);
    }
  });
}

Deno.test("every network takes layers in front of its own", async () => {
  const gpu = await openGpu();
  for (const [create, parameters] of NETWORKS) {
    const preprocessing = [new Normalize({ mean: [0.13], deviation: [0.31] })];
    using model = create({ gpu, preprocessing });
    assertEquals(model.layers[0], preprocessing[0], create.name);
    assertEquals(model.parameterCount, parameters);
  }
});

Deno.test("lenet5 learns digits", async () => {
  const gpu = await openGpu();
  using model = lenet5({ gpu, seed: 2 });
  model.compile({
    loss: "softmaxCrossEntropy",
    optimizer: new Sgd({ learningRate: 0.05, momentum: 0.9 }),
    metrics: ["accuracy"],
  });
  const { epochs } = await model.fit(generateDigits({ count: 640, seed: 1 }), {
    epochs: 6,
    batchSize: 32,
  });
  assert(epochs[5]!.accuracy! > 0.8, `accuracy ${epochs[5]!.accuracy}`);
});

Deno.test("an input that is too small for lenet5 is refused by the layer", async () => {
  const gpu = await openGpu();
  assertThrows(
    () => lenet5({ gpu, inputShape: [1, 8, 8] }),
    ShapeError,
    "Cannot build Conv2d (layer 2)",
  );
});
