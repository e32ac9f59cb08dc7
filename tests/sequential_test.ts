/**
 * The model as scripts use it: building, compiling, the three steps, fit, evaluate, predict, save and load.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type Batch,
  Dataset,
  Dense,
  Dropout,
  Flatten,
  FormatError,
  Gelu,
  generateDigits,
  type Gpu,
  GpuError,
  NonFiniteError,
  OptionError,
  Relu,
  Sequential,
  Sgd,
  ShapeError,
  Softmax,
  Softplus,
  Tanh,
} from "../mod.ts";
import { withFolder } from "./folder.ts";
import { openGpu } from "./gpu.ts";

const digits = generateDigits({ count: 300, seed: 1 });

function mlp(gpu: Gpu, seed = 3): Sequential {
  const model = new Sequential([
    new Dense({ units: 16, activation: "relu" }),
    new Dense({ units: 10 }),
  ], { gpu, inputShape: [1, 28, 28], seed });
  model.compile({
    loss: "softmaxCrossEntropy",
    optimizer: new Sgd({ learningRate: 0.1, momentum: 0.9 }),
    metrics: ["accuracy"],
  });
  return model;
}

async function parametersOf(model: Sequential): Promise<number[]> {
  return (await Promise.all(model.parameters.map(({ value }) => value.read())))
    .flatMap((values) => [...values]);
}

Deno.test("a model learns digits, and evaluate agrees with predict", async () => {
  const gpu = await openGpu();
  using model = mlp(gpu);
  const [train, test] = digits.split(0.8, { seed: 2 });
  const history = await model.fit(train, { epochs: 8, batchSize: 32, validation: test });
  assertEquals(history.epochs.map((epoch) => epoch.steps), Array(8).fill(8));
  assertEquals(history.stepLosses.length, 64);
  assertEquals(history.stopped, false);
  const [first, last] = [history.epochs[0]!, history.epochs[7]!];
  assert(last.loss < first.loss / 2, `${first.loss} → ${last.loss}`);
  assert(last.valAccuracy! > 0.5, `validation accuracy ${last.valAccuracy}`);
  const { loss, accuracy } = await model.evaluate(test, { batchSize: 7 });
  assertAlmostEquals(loss, last.valLoss!, 1e-5 * last.valLoss!);
  assertEquals(accuracy, last.valAccuracy);
  const scores = await model.predict(test, { batchSize: 11 });
  assertEquals(scores.length, test.length * 10);
  let right = 0;
  let total = 0;
  for (let i = 0; i < test.length; i++) {
    const row = scores.subarray(10 * i, 10 * i + 10);
    if (row.indexOf(Math.max(...row)) === test.y[i]) right++;
    total += Math.log(row.reduce((sum, z) => sum + Math.exp(z), 0)) - row[test.y[i]!]!;
  }
  assertEquals(right / test.length, accuracy);
  assertAlmostEquals(total / test.length, loss, 1e-4);
});

Deno.test("fit repeats the three steps: the same parameters, bit for bit", async () => {
  const gpu = await openGpu();
  using byFit = mlp(gpu);
  using byHand = mlp(gpu);
  await byFit.fit(digits, { epochs: 2, batchSize: 100, shuffle: false });
  const x = Float32Array.from(digits.x, (byte) => Math.fround(Math.fround(1 / 255) * byte));
  for (let epoch = 0; epoch < 2; epoch++) {
    for (let start = 0; start < 300; start += 100) {
      using inputs = gpu.tensor(x.subarray(784 * start, 784 * (start + 100)), [100, 1, 28, 28]);
      using labels = gpu.tensor((digits.y as Uint32Array).subarray(start, start + 100));
      byHand.forward(inputs);
      byHand.backward(labels);
      byHand.update();
    }
  }
  assertEquals(await parametersOf(byHand), await parametersOf(byFit));
});

Deno.test("a data set, a stream of its batches and bytes or floats train alike", async () => {
  const gpu = await openGpu();
  const x = Float32Array.from(digits.x, (byte) => Math.fround(Math.fround(1 / 255) * byte));
  const floats = new Dataset({ x, y: digits.y, inputShape: [1, 28, 28], classes: 10 });
  const results: number[][] = [];
  async function* stream(): AsyncGenerator<Batch> {
    for (const batch of digits.batches(64)) yield await Promise.resolve(batch);
  }
  for (const source of [digits, floats, { [Symbol.asyncIterator]: stream }]) {
    using model = mlp(gpu);
    await model.fit(source, { epochs: 2, batchSize: 64, shuffle: false });
    results.push(await parametersOf(model));
  }
  assertEquals(results[1], results[0]);
  assertEquals(results[2], results[0]);
});

Deno.test("shuffling changes the order, the seed decides it", async () => {
  const gpu = await openGpu();
  const run = async (seed: number, shuffle: boolean) => {
    using model = mlp(gpu, seed);
    return (await model.fit(digits, { epochs: 2, batchSize: 50, shuffle })).stepLosses;
  };
  const first = await run(3, true);
  assertEquals(await run(3, true), first);
  assert((await run(3, false))[0] !== first[0]);
  assert((await run(4, true))[0] !== first[0]);
});

Deno.test("dropout acts in training only and follows the step", async () => {
  const gpu = await openGpu();
  using model = new Sequential([new Dropout({ rate: 0.5 }), new Dense({ units: 1 })], {
    gpu,
    inputShape: [64],
  });
  model.compile({ loss: "meanSquaredError", optimizer: new Sgd({ learningRate: 0 }) });
  using x = gpu.tensor(new Float32Array(64).fill(1), [1, 64]);
  using y = gpu.tensor(new Float32Array([0]), [1, 1]);
  const outputs: number[] = [];
  for (let step = 0; step < 3; step++) {
    const output = model.forward(x);
    model.backward(y);
    model.update();
    outputs.push((await output.read())[0]!);
  }
  assertEquals(new Set(outputs).size, 3, `the same mask in two steps: ${outputs}`);
  const [once, twice] = [await model.predict(new Float32Array(64).fill(1)), outputs];
  assert(!twice.includes(once[0]!));
  const { loss } = await model.evaluate(
    new Dataset({ x: new Float32Array(64).fill(1), y: new Float32Array([0]), inputShape: [64] }),
  );
  assertAlmostEquals(loss, once[0]! ** 2, 1e-6 + 1e-5 * loss);
});

Deno.test("layers of their own compute what fused activations compute", async () => {
  const gpu = await openGpu();
  for (
    const [name, layer] of [["relu", Relu], ["tanh", Tanh], ["gelu", Gelu], [
      "softplus",
      Softplus,
    ]] as const
  ) {
    const build = (layers: ConstructorParameters<typeof Sequential>[0]) => {
      const model = new Sequential(layers, { gpu, inputShape: [1, 28, 28], seed: 5 });
      model.compile({ loss: "softmaxCrossEntropy", optimizer: new Sgd({ learningRate: 0.1 }) });
      return model;
    };
    using fused = build([
      new Dense({ units: 12, activation: name, kernelInitializer: "heNormal" }),
      new Dense({ units: 10 }),
    ]);
    using apart = build([
      new Flatten(),
      new Dense({ units: 12, kernelInitializer: "heNormal" }),
      new layer(),
      new Dense({ units: 10 }),
    ]);
    const [a, b] = [await fused.fit(digits), await apart.fit(digits)];
    assertEquals(a.stepLosses, b.stepLosses, name);
    assertEquals(await fused.predict(digits), await apart.predict(digits), name);
  }
});

Deno.test("softmax as a layer gives rows that add up to 1, and learns through mean squared error", async () => {
  const gpu = await openGpu();
  using model = new Sequential([new Dense({ units: 10 }), new Softmax()], {
    gpu,
    inputShape: [1, 28, 28],
  });
  const scores = await model.predict(digits.x.subarray(0, 784 * 3));
  for (let i = 0; i < 3; i++) {
    assertAlmostEquals(scores.subarray(10 * i, 10 * i + 10).reduce((a, b) => a + b), 1, 1e-5);
  }
  const targets = new Float32Array(3000);
  digits.y.forEach((label, i) => targets[10 * i + label] = 1);
  const oneHot = new Dataset({ x: digits.x, y: targets, inputShape: [1, 28, 28] });
  model.compile({
    loss: "meanSquaredError",
    optimizer: new Sgd({ learningRate: 2, momentum: 0.9 }),
    metrics: ["accuracy"],
  });
  const { epochs } = await model.fit(oneHot, { epochs: 10 });
  assert(epochs[9]!.accuracy! > 0.6, `accuracy ${epochs[9]!.accuracy}`);
});

Deno.test("save and load give the same outputs; names and layout are PyTorch's", async () => {
  const gpu = await openGpu();
  await withFolder(async (folder) => {
    const path = `${folder}/model.safetensors`;
    using model = new Sequential([
      new Flatten({ name: "pixels" }),
      new Dense({ units: 9, activation: "tanh", name: "hidden" }),
      new Dropout({ rate: 0.25 }),
      new Dense({ units: 10, useBias: false }),
    ], { gpu, inputShape: [1, 28, 28], seed: 8 });
    await model.save(path);
    using again = await Sequential.load(path, { gpu });
    assertEquals(again.summary(), model.summary());
    assertEquals(again.layers.map(({ kind, name }) => [kind, name]), [
      ["Flatten", "pixels"],
      ["Dense", "hidden"],
      ["Dropout", undefined],
      ["Dense", undefined],
    ]);
    assertEquals(await again.predict(digits), await model.predict(digits));
    assertEquals(model.parameters.map(({ name, shape }) => [name, shape]), [
      ["1.weight", [9, 784]],
      ["1.bias", [9]],
      ["3.weight", [10, 9]],
    ]);
    using other = mlp(gpu);
    const before = await parametersOf(other);
    await assertRejects(() => other.loadParameters(path), FormatError, `expected "0.weight"`);
    assertEquals(await parametersOf(other), before);
    await Deno.writeFile(path, (await Deno.readFile(path)).slice(0, -5));
    await assertRejects(() => Sequential.load(path, { gpu }), FormatError, path);
  });
});

Deno.test("mistakes are errors that say where and what was expected", async () => {
  const gpu = await openGpu();
  const buffers = gpu.memory.buffers;
  assertThrows(
    () => new Sequential([], { gpu, inputShape: [1] }),
    OptionError,
    "at least one layer",
  );
  assertThrows(
    () => new Sequential([new Dense({ units: 1 })], { gpu, inputShape: [0] }),
    ShapeError,
    "at least 1",
  );
  assertThrows(() => new Dense({ units: 0 }), OptionError, "Dense: units");
  assertThrows(() => new Dense({ units: 1, bias: true } as never), OptionError, `"bias"`);
  assertThrows(() => new Dense({ units: 1, activation: "rleu" as never }), OptionError, `"relu"`);
  assertThrows(() => new Dropout({ rate: 1 }), OptionError, "Dropout: rate");
  assertThrows(() => new Sgd({ learningRate: -1 }), OptionError, "Sgd: learningRate");
  assertThrows(() => new Sgd({ learningRate: 1, nesterov: true }), OptionError, "momentum");
  assertEquals(gpu.memory.buffers, buffers, "nothing was allocated");
  using bare = new Sequential([new Dense({ units: 10 })], { gpu, inputShape: [1, 28, 28] });
  await assertRejects(() => bare.fit(digits), OptionError, "call compile first");
  assertThrows(
    () => bare.compile({ loss: "mse" as never, optimizer: new Sgd({ learningRate: 1 }) }),
    OptionError,
    "meanSquaredError",
  );
  using model = mlp(gpu);
  const flat = new Dataset({ x: digits.x, y: digits.y, inputShape: [784], classes: 10 });
  await assertRejects(() => model.fit(flat), ShapeError, "[1, 28, 28]");
  await assertRejects(() => model.predict(new Float32Array(785)), ShapeError, "multiple of 784");
  const many = new Dataset({ x: digits.x, y: digits.y, inputShape: [1, 28, 28], classes: 11 });
  await assertRejects(() => model.fit(many), ShapeError, "11 classes");
  await assertRejects(() => model.fit(digits, { epochs: 0 }), OptionError, "fit: epochs");
  await assertRejects(() => model.fit(digits, { epoch: 1 } as never), OptionError, `"epoch"`);
  await assertRejects(() => model.fit([], {}), OptionError, "no batches");
  const wrong = [{ x: new Float32Array(10), y: new Uint32Array(1), length: 1 }];
  await assertRejects(() => model.fit(wrong), ShapeError, "batch 0");
  using y = gpu.tensor(new Uint32Array(2));
  assertThrows(() => model.backward(y), GpuError, "call forward first");
  using x = gpu.tensor(new Float32Array(784), [1, 784]);
  assertThrows(() => model.forward(x), ShapeError, "[n, 1, 28, 28]");
});

Deno.test("training stops with the step at which the loss is not finite", async () => {
  const gpu = await openGpu();
  using model = mlp(gpu);
  const x = new Float32Array(784 * 60);
  x[784 * 37] = NaN;
  const bad = new Dataset({ x, y: new Uint32Array(60), inputShape: [1, 28, 28], classes: 10 });
  const error = await assertRejects(
    () => model.fit(bad, { batchSize: 10, shuffle: false }),
    NonFiniteError,
    "step 3",
  );
  assertEquals(error.step, 3);
  using again = mlp(gpu);
  await again.fit(digits); // the GPU is still usable
});

Deno.test("a signal stops training after the steps in hand", async () => {
  const gpu = await openGpu();
  using model = mlp(gpu);
  const stop = new AbortController();
  let reports = 0;
  const history = await model.fit(digits, {
    epochs: 1000,
    batchSize: 10,
    signal: stop.signal,
    onProgress: ({ epoch, epochs, step, steps, loss, examplesPerSecond }) => {
      reports++;
      assert(epoch >= 1 && epochs === 1000 && steps === 30 && step >= 1 && step <= 30);
      assert(loss > 0 && examplesPerSecond > 0);
      if (reports === 3) stop.abort();
    },
  });
  assertEquals(history.stopped, true);
  assert(history.epochs.length < 1000);
  const steps = history.epochs.reduce((sum, epoch) => sum + epoch.steps, 0);
  assertEquals(history.stepLosses.length, steps);
});

Deno.test("predict and evaluate take any number of examples", async () => {
  const gpu = await openGpu();
  using model = mlp(gpu);
  const all = await model.predict(digits, { batchSize: 300 });
  for (const count of [1, 2, 127, 128, 129, 256, 300]) {
    const part = digits.slice(0, count);
    const scores = await model.predict(part.x, { batchSize: 128 });
    assertEquals(scores.length, 10 * count);
    scores.forEach((score, i) => assertAlmostEquals(score, all[i]!, 1e-5));
    const { loss } = await model.evaluate(part);
    assert(loss > 0);
  }
  assertEquals((await model.predict(new Float32Array(0))).length, 0);
  async function* stream(): AsyncGenerator<Batch> {
    for (const batch of digits.batches(64)) yield await Promise.resolve(batch);
  }
  assertEquals((await model.predict(stream())).length, 10 * digits.length);
  const pieces = [digits.x.subarray(0, 784 * 100), digits.x.subarray(784 * 100)];
  assertEquals(
    await model.predict(pieces, { batchSize: 50 }),
    await model.predict(digits, { batchSize: 50 }),
  );
});

Deno.test("10,000 steps leave buffers and bytes as they were, dispose leaves nothing", async () => {
  const gpu = await openGpu();
  const empty = gpu.memory;
  const x = Float32Array.from({ length: 800 }, (_, i) => Math.sin(i));
  const data = new Dataset({ x, y: new Float32Array(100).fill(0.5), inputShape: [8] });
  const model = new Sequential([
    new Dense({ units: 4, activation: "tanh" }),
    new Dense({ units: 1 }),
  ], {
    gpu,
    inputShape: [8],
  });
  model.compile({
    loss: "meanSquaredError",
    optimizer: new Sgd({ learningRate: 0.01, momentum: 0.5 }),
  });
  const seen: string[] = [];
  const { stepLosses } = await model.fit(data, {
    epochs: 1000,
    batchSize: 10,
    onProgress: () => {
      const { buffers, bytes } = gpu.memory;
      seen.push(`${buffers} buffers, ${bytes} bytes`);
    },
  });
  assertEquals(stepLosses.length, 10_000);
  assert(seen.length > 3);
  assertEquals(new Set(seen).size, 1, [...new Set(seen)].join("; "));
  const before = gpu.memory;
  await assertRejects(() => model.fit([{ x, y: new Float32Array(3), length: 100 }]), ShapeError);
  assertEquals([gpu.memory.buffers, gpu.memory.bytes], [before.buffers, before.bytes]);
  model.dispose();
  model.dispose();
  assertEquals([gpu.memory.buffers, gpu.memory.bytes], [empty.buffers, empty.bytes]);
});

Deno.test("the same seed gives the same parameters after 1,000 steps in separate processes", async () => {
  const script = `
    import { Dense, Dropout, generateDigits, Gpu, Sequential, Sgd } from ${
    JSON.stringify(new URL("../mod.ts", import.meta.url))
  };
    await using gpu = await Gpu.open();
    using model = new Sequential([
      new Dense({ units: 24, activation: "gelu" }), new Dropout({ rate: 0.2 }), new Dense({ units: 10 }),
    ], { gpu, inputShape: [1, 28, 28], seed: Number(Deno.args[0]) });
    model.compile({ loss: "softmaxCrossEntropy", optimizer: new Sgd({ learningRate: 0.05, momentum: 0.9, clipNorm: 1 }) });
    await model.fit(generateDigits({ count: 1010, seed: 4 }), { epochs: 19, batchSize: 19 });
    const values = await Promise.all(model.parameters.map(({ value }) => value.read()));
    const bytes = await new Blob(values).arrayBuffer();
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    console.log(hash.toHex());
  `;
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/run.ts`, script);
    const run = async (seed: string) => {
      const command = new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-check", "--no-config", "--allow-read", `${folder}/run.ts`, seed],
      });
      const { stdout, stderr, success } = await command.output();
      assert(success, new TextDecoder().decode(stderr));
      return new TextDecoder().decode(stdout).trim();
    };
    const [first, second, other] = [await run("1"), await run("1"), await run("2")];
    assertEquals(first.length, 64);
    assertEquals(second, first);
    assert(other !== first);
  });
});
