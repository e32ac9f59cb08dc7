/**
 * Batch normalisation as a layer: training and inference, running statistics and what becomes of them in files and in repeated
 * forward steps.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  BatchNorm,
  Conv2d,
  Dataset,
  Dense,
  encodeSafetensors,
  FormatError,
  generateDigits,
  type Gpu,
  LocalResponseNorm,
  OptionError,
  parseSafetensors,
  Sequential,
  Sgd,
  ShapeError,
} from "../mod.ts";
import { ndArray } from "../src/reference/nd_array.ts";
import { channelStatistics, updateRunningStatistics } from "../src/reference/normalization.ts";
import { withFolder } from "./folder.ts";
import { openGpu } from "./gpu.ts";

const digits = generateDigits({ count: 120, seed: 1 });

function network(gpu: Gpu, seed = 3): Sequential {
  const model = new Sequential([
    new Conv2d({ filters: 5, kernelSize: 3, strides: 2, useBias: false }),
    new BatchNorm({ name: "first" }),
    new LocalResponseNorm({ size: 3, alpha: 0.5 }),
    new Dense({ units: 12 }),
    new BatchNorm({ epsilon: 1e-3, momentum: 0.3 }),
    new Dense({ units: 10 }),
  ], { gpu, inputShape: [1, 28, 28], seed });
  model.compile({ loss: "softmaxCrossEntropy", optimizer: new Sgd({ learningRate: 0.05 }) });
  return model;
}

/** The bits of all buffers, by name. */
async function buffersOf(model: Sequential): Promise<Record<string, number[]>> {
  const values = await Promise.all(model.buffers.map(({ value }) => value.read()));
  return Object.fromEntries(
    model.buffers.map(({ name }, i) => [name, [...new Uint32Array(values[i]!.buffer)]]),
  );
}

/** The bits of all parameters. */
async function parametersOf(model: Sequential): Promise<Uint32Array[]> {
  const values = await Promise.all(model.parameters.map(({ value }) => value.read()));
  return values.map(({ buffer }) => new Uint32Array(buffer));
}

/** One channel after another, of a batch norm alone. */
function alone(gpu: Gpu, channels: number, momentum = 0.25): Sequential {
  const model = new Sequential([new BatchNorm({ momentum })], { gpu, inputShape: [channels, 2] });
  model.compile({ loss: "meanSquaredError", optimizer: new Sgd({ learningRate: 0 }) });
  return model;
}

Deno.test("BatchNorm: training normalises with the batch, inference with what has been running", async () => {
  const gpu = await openGpu();
  using model = alone(gpu, 3);
  const values = Float32Array.from({ length: 4 * 3 * 2 }, (_, i) => Math.sin(i) * 3 + i % 6);
  using x = gpu.tensor(values, [4, 3, 2]);
  using y = gpu.zeros([4, 6]);
  const outputs = ndArray([4, 3, 2], await model.forward(x).read());
  const { mean, variance } = channelStatistics(outputs);
  for (let c = 0; c < 3; c++) {
    assertAlmostEquals(mean.data[c]!, 0, 1e-6);
    assertAlmostEquals(variance.data[c]!, 1, 1e-4); // ε
  }
  model.backward(y);
  model.update();
  const batch = channelStatistics(ndArray([4, 3, 2], values));
  const start = { mean: ndArray([3], [0, 0, 0]), variance: ndArray([3], [1, 1, 1]) };
  const running = updateRunningStatistics(start, batch, 8, 0.25);
  const [ofMean, ofVariance] = await Promise.all(model.buffers.map(({ value }) => value.read()));
  const predicted = await model.predict(values);
  for (let i = 0; i < values.length; i++) {
    const c = Math.floor(i / 2) % 3;
    assertAlmostEquals(ofMean![c]!, running.mean.data[c]!, 1e-6);
    assertAlmostEquals(ofVariance![c]!, running.variance.data[c]!, 1e-5);
    const expected = (values[i]! - running.mean.data[c]!) /
      Math.sqrt(running.variance.data[c]! + 1e-5);
    assertAlmostEquals(predicted[i]!, expected, 1e-5);
  }
  const data = new Dataset({ x: values, y: new Float32Array(24), inputShape: [3, 2] });
  const { loss } = await model.evaluate(data);
  const square = predicted.reduce((sum, value) => sum + value ** 2, 0) / predicted.length;
  assertAlmostEquals(loss, square, 1e-5);
  const after = await Promise.all(model.buffers.map(({ value }) => value.read()));
  assertEquals(after, [ofMean, ofVariance], "prediction and evaluation change nothing");
});

Deno.test("BatchNorm: a forward step that is repeated for other targets counts once", async () => {
  const gpu = await openGpu();
  using usual = network(gpu);
  using other = network(gpu);
  const batch = Float32Array.from(digits.x.subarray(0, 784 * 20), (byte) => byte / 255);
  using x = gpu.tensor(batch, [20, 1, 28, 28]);
  const labels = (digits.y as Uint32Array).slice(0, 20);
  using y = gpu.tensor(labels);
  const rows = new Float32Array(200);
  labels.forEach((label, i) => rows[10 * i + label] = 1);
  using targets = gpu.tensor(rows, [20, 10]); // the model expects labels
  for (let step = 0; step < 2; step++) {
    usual.forward(x);
    usual.backward(y);
    usual.update();
    other.forward(x);
    other.backward(targets);
    other.update();
  }
  assertEquals(await buffersOf(other), await buffersOf(usual));
});

Deno.test("BatchNorm: fit repeats the three steps, and so do the running statistics, bit for bit", async () => {
  const gpu = await openGpu();
  using byFit = network(gpu);
  using again = network(gpu);
  using byHand = network(gpu);
  await byFit.fit(digits, { epochs: 2, batchSize: 40, shuffle: false });
  await again.fit(digits, { epochs: 2, batchSize: 40, shuffle: false });
  const images = Float32Array.from(digits.x, (byte) => Math.fround(Math.fround(1 / 255) * byte));
  for (let start = 0; start < 240; start += 40) {
    const at = start % 120;
    using x = gpu.tensor(images.subarray(784 * at, 784 * (at + 40)), [40, 1, 28, 28]);
    using y = gpu.tensor((digits.y as Uint32Array).subarray(at, at + 40));
    byHand.forward(x);
    byHand.backward(y);
    byHand.update();
  }
  const expected = [await buffersOf(byFit), await parametersOf(byFit)];
  assertEquals([await buffersOf(again), await parametersOf(again)], expected);
  assertEquals([await buffersOf(byHand), await parametersOf(byHand)], expected);
  const { epochs } = await byFit.fit(digits, { epochs: 12, batchSize: 40 });
  assert(epochs[11]!.loss < epochs[0]!.loss / 2, `${epochs[0]!.loss} → ${epochs[11]!.loss}`);
});

Deno.test("BatchNorm: save and load keep the running statistics, bit for bit", async () => {
  const gpu = await openGpu();
  await withFolder(async (folder) => {
    const path = `${folder}/model.safetensors`;
    using model = network(gpu);
    await model.fit(digits, { batchSize: 40 });
    await model.save(path);
    using loaded = await Sequential.load(path, { gpu });
    assertEquals(await buffersOf(loaded), await buffersOf(model));
    assertEquals(await loaded.predict(digits), await model.predict(digits));
    assertEquals(loaded.layers.map((layer) => [layer.name, layer.config()]), [
      ...model.layers.map((layer) => [layer.name, layer.config()]),
    ]);

    // As PyTorch saves it: with a counter beside the running statistics.
    using other = network(gpu, 4);
    const bytes = await Deno.readFile(path);
    await Deno.writeFile(path, withCounters(bytes, ["1", "4"]));
    await other.loadParameters(path);
    assertEquals(await buffersOf(other), await buffersOf(model));
    await Deno.writeFile(path, withCounters(bytes, ["0"]));
    const surplus = `the model has no parameter "0.num_batches_tracked"`;
    await assertRejects(() => other.loadParameters(path), FormatError, surplus);

    const { tensors } = parseSafetensors(bytes, path);
    tensors.delete("4.running_var");
    await Deno.writeFile(path, encodeSafetensors(tensors));
    const missing = `expected "4.running_var" of shape [12], got nothing`;
    await assertRejects(() => other.loadParameters(path), FormatError, missing);
  });
});

/** The file with an I64 counter `num_batches_tracked` in each of these layers, in front of the other data. */
function withCounters(bytes: Uint8Array, layers: readonly string[]): Uint8Array {
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const shift = 8 * layers.length;
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const { data_offsets: offsets } = entry as { data_offsets: number[] };
    offsets.forEach((offset, i) => offsets[i] = offset + shift);
  }
  layers.forEach((layer, i) => {
    const name = `${layer}.num_batches_tracked`;
    header[name] = { dtype: "I64", shape: [], data_offsets: [8 * i, 8 * i + 8] };
  });
  const text = new TextEncoder().encode(JSON.stringify(header));
  const start = new Uint8Array(8);
  new DataView(start.buffer).setBigUint64(0, BigInt(text.length), true);
  const counters = new BigInt64Array(layers.length).fill(1000n);
  return new Uint8Array([
    ...start,
    ...text,
    ...new Uint8Array(counters.buffer),
    ...bytes.subarray(8 + length),
  ]);
}

Deno.test("BatchNorm: parameters are counted without buffers, and everything is freed", async () => {
  const gpu = await openGpu();
  const before = gpu.memory;
  const model = network(gpu);
  assertEquals(model.parameterCount, 45 + 10 + (5 * 13 * 13 * 12 + 12) + 24 + (12 * 10 + 10));
  assertEquals(model.buffers.map(({ name, shape }) => [name, shape]), [
    ["1.running_mean", [5]],
    ["1.running_var", [5]],
    ["4.running_mean", [12]],
    ["4.running_var", [12]],
  ]);
  assertEquals(model.parameters.map(({ name }) => name), [
    "0.weight",
    "1.weight",
    "1.bias",
    "3.weight",
    "3.bias",
    "4.weight",
    "4.bias",
    "5.weight",
    "5.bias",
  ]);
  await model.fit(digits, { batchSize: 50 }); // the last batch is smaller
  await model.predict(digits);
  model.dispose();
  const { buffers, bytes } = gpu.memory;
  assertEquals([buffers, bytes], [before.buffers, before.bytes]);
});

Deno.test("normalisation layers: mistakes are errors that say what was expected", async () => {
  const gpu = await openGpu();
  assertThrows(() => new BatchNorm({ epsilon: -1 }), OptionError, "BatchNorm: epsilon");
  assertThrows(() => new BatchNorm({ momentum: 1.5 }), OptionError, "BatchNorm: momentum");
  assertThrows(() => new BatchNorm({ axis: 1 } as never), OptionError, `"axis"`);
  assertThrows(() => new LocalResponseNorm({ size: 1.5 }), OptionError, "LocalResponseNorm: size");
  assertThrows(() => new LocalResponseNorm({ k: 0 }), OptionError, "LocalResponseNorm: k");
  for (const layer of [new BatchNorm(), new LocalResponseNorm()]) {
    assertThrows(
      () => new Sequential([layer], { gpu, inputShape: [] }),
      ShapeError,
      `Cannot build ${layer.kind} (layer 0): expected an input [channels, …], got a scalar`,
    );
  }
});
