/**
 * Training in mixed precision: what is kept in 16 bits, the scale of the loss, steps that are skipped, and that nothing else changes.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import {
  Adagrad,
  Adam,
  AdamW,
  AveragePool2d,
  BatchNorm,
  Branches,
  type CompileOptions,
  Conv1d,
  Conv2d,
  Dense,
  DepthwiseConv2d,
  Dropout,
  Embedding,
  generateDigits,
  type Gpu,
  GpuError,
  type Layer,
  LocalResponseNorm,
  type LossFunction,
  MaxPool2d,
  multiply,
  Nadam,
  NonFiniteError,
  type Optimizer,
  OptionError,
  Relu,
  Residual,
  RmsProp,
  scale,
  SeparableConv2d,
  Sequential,
  Sgd,
  type Shape,
  Softmax,
  sum,
} from "../mod.ts";
import { Random } from "../src/random.ts";
import { sizeOf } from "../src/shape.ts";
import { ManualStep } from "../src/training/manual_step.ts";
import { Network } from "../src/training/network.ts";
import { Trainer } from "../src/training/trainer.ts";
import { openGpu, withoutFloat16 } from "./gpu.ts";

/** C = Σ outputs · targets, whose gradient are the targets. */
const product: LossFunction = (recorder, outputs, targets) => {
  // Before targets come, a step is recorded for labels.
  const factors = targets.type === "f32" ? targets as typeof outputs : outputs;
  const losses = sum(recorder, multiply(recorder, outputs, factors), { axis: 1 });
  return { losses, gradient: scale(recorder, factors, 1) };
};

const sgd = () => new Sgd({ learningRate: 0.1, momentum: 0.9 });

const mixed = (options: Partial<CompileOptions> = {}): CompileOptions => ({
  loss: "softmaxCrossEntropy",
  optimizer: sgd(),
  precision: "mixed",
  ...options,
});

/** −1, 0 or 1, half of them 0. */
const ternary = (random: Random, length: number): Float32Array =>
  Float32Array.from({ length }, () => [-1, 1, 0, 0][random.integer(4)]!);

const relu = "relu";
const conv = (filters: number, rest = {}) =>
  new Conv2d({ filters, kernelSize: 3, padding: 1, activation: relu, ...rest });

/** Networks that small whole numbers go through exactly, in 16 bits as in 32. */
const EXACT: Record<string, { layers: Layer[]; input: Shape; ids?: number }> = {
  "dense layers": {
    input: [7],
    layers: [new Dense({ units: 9, activation: relu }), new Dense({ units: 5 }), new Relu()],
  },
  "convolutions, pools, dropout": {
    input: [2, 8, 8],
    layers: [
      conv(4),
      new MaxPool2d({ poolSize: 2 }),
      new Dropout({ rate: 0.5 }),
      conv(3, { algorithm: "gemm", activation: "linear" }),
      new AveragePool2d({ poolSize: 2 }),
      new Dense({ units: 6 }),
      new Dense({ units: 3 }),
    ],
  },
  "branches, ways around, depthwise filters": {
    input: [3, 6, 6],
    layers: [
      new Residual([conv(3)], { activation: relu }),
      new Branches([[conv(2)], [], [new DepthwiseConv2d({ kernelSize: 3, padding: 1 })]]),
      new SeparableConv2d({ filters: 2, kernelSize: 3 }),
      new Dense({ units: 2 }),
    ],
  },
  "an embedding": {
    input: [9],
    ids: 3000, // those above 2,048 are no numbers of 16 bits
    layers: [
      new Embedding({ vocabulary: 3000, dimension: 2 }),
      new Conv1d({ filters: 3, kernelSize: 3, activation: relu }),
      new Dense({ units: 2 }),
    ],
  },
};

/** Outputs, loss and gradients of one step. */
async function stepOf(
  gpu: Gpu,
  layers: Layer[],
  input: Shape,
  ids: number | undefined,
  precision: "f32" | "mixed",
) {
  using model = new Sequential(layers, { gpu, inputShape: input, seed: 5 });
  const lossScaling = precision === "mixed" ? { lossScaling: { initialScale: 16 } } : {};
  model.compile({ loss: product, optimizer: sgd(), precision, ...lossScaling });
  const random = new Random(1, 2);
  for (const { value } of model.parameters) value.write(ternary(random, value.size));
  const length = 4 * sizeOf(input);
  const numbers = ids === undefined
    ? ternary(random, length)
    : Float32Array.from({ length }, () => random.integer(ids));
  using x = gpu.tensor(numbers, [4, ...input]);
  const factors = ternary(random, 4 * sizeOf(model.outputShape)).map((value) => value + 1);
  using y = gpu.tensor(factors, [4, ...model.outputShape]);
  const [outputs, loss] = [model.forward(x), model.backward(y)];
  const gradients = model.parameters.map(({ gradient }) => gradient!.read());
  return {
    outputs: await outputs.read(),
    loss: await loss.read(),
    gradients: await Promise.all(gradients),
  };
}

for (const [name, { layers, input, ids }] of Object.entries(EXACT)) {
  Deno.test(`mixed precision: ${name}: where 16 bits suffice, the gradients are those of 32 bits times the scale`, async () => {
    const gpu = await openGpu();
    const single = await stepOf(gpu, layers, input, ids, "f32");
    const half = await stepOf(gpu, layers, input, ids, "mixed");
    assertEquals(half.outputs, single.outputs);
    assertEquals(half.loss, single.loss);
    single.gradients.forEach((values, i) =>
      assert(values.some((value) => value !== 0), `gradient ${i}`)
    );
    const scaled = single.gradients.map((values) => values.map((value) => 16 * value));
    assertEquals(half.gradients, scaled);
  });
}

Deno.test("mixed precision: every layer takes 16 bits, and gradients are near those of 32", async () => {
  const gpu = await openGpu();
  const layers = () => [
    new Conv2d({ filters: 4, kernelSize: 3, activation: "gelu" }),
    new BatchNorm(),
    new LocalResponseNorm({ size: 3 }),
    new Dense({ units: 8, activation: "tanh" }),
    new Softmax(),
    new Dense({ units: 3 }),
  ];
  const gradients = await Promise.all((["f32", "mixed"] as const).map(async (precision) => {
    using model = new Sequential(layers(), { gpu, inputShape: [2, 6, 6], seed: 1 });
    model.compile({ loss: "softmaxCrossEntropy", optimizer: sgd(), precision });
    const random = new Random(3, 0);
    using x = gpu.tensor(Float32Array.from({ length: 8 * 72 }, () => random.normal()), [
      8,
      2,
      6,
      6,
    ]);
    using y = gpu.tensor(Uint32Array.from({ length: 8 }, () => random.integer(3)));
    model.forward(x);
    model.backward(y);
    const factor = precision === "mixed" ? 65_536 : 1;
    const read = await Promise.all(model.parameters.map(({ gradient }) => gradient!.read()));
    return read.map((values) => values.map((value) => value / factor));
  }));
  const [single, half] = gradients as [Float32Array[], Float32Array[]];
  single.forEach((values, i) => {
    const norm = (numbers: Float32Array) => Math.hypot(...numbers);
    const off = norm(values.map((value, j) => value - half[i]![j]!)) / norm(values);
    // Some twenty roundings of 2⁻¹² on average lie on the way; a wrong derivative is off by 1.
    assert(off < 20 * 2 ** -11, `gradient ${i}: off by ${off}`);
    assertNotEquals(values, half[i], "rounded");
  });
});

Deno.test("mixed precision: weights and what layers hand on have 16 bits, parameters 32", async () => {
  const gpu = await openGpu();
  const layers = [new Dense({ units: 1, useBias: false })];
  using model = new Sequential(layers, { gpu, inputShape: [1] });
  const weight = 1 + 2 ** -12; // between two numbers of 16 bits
  model.parameters[0]!.value.write(Float32Array.of(weight));
  const forward = async (precision: "f32" | "mixed") => {
    model.compile(mixed({ loss: "meanSquaredError", precision }));
    using x = gpu.tensor(Float32Array.of(1, 1 + 2 ** -12), [2, 1]);
    const outputs = await model.forward(x).read();
    assertEquals(outputs, await model.predict(Float32Array.of(1, 1 + 2 ** -12)));
    return [...outputs];
  };
  assertEquals(await forward("mixed"), [1, 1]);
  assertEquals(await model.parameters[0]!.value.read(), Float32Array.of(weight));
  assertEquals(await forward("f32"), [weight, Math.fround(weight * weight)]);
  assertEquals(model.lossScale, undefined);
});

/** A weight and its trainer; the gradient is the target that a step is given. */
function scalarTrainer(gpu: Gpu, options: Partial<CompileOptions>) {
  const network = new Network(gpu, [new Dense({ units: 1, useBias: false })], [1], 0);
  const trainer = new Trainer(network, mixed({ loss: product, ...options }));
  const manual = new ManualStep(trainer);
  const x = gpu.tensor(Float32Array.of(1), [1, 1]);
  const step = (gradient: number) => {
    using y = gpu.tensor(Float32Array.of(gradient), [1, 1]);
    void network.parameters.gradients;
    manual.forward(x);
    manual.backward(y);
    manual.update();
  };
  const read = async () => {
    const all = await Promise.all(trainer.trained().map((tensor) => tensor.read()));
    const scaled = trainer.lossScale !== undefined;
    return { state: scaled ? all.slice(0, -1) : all, scale: scaled ? [...all.at(-1)!] : [] };
  };
  const dispose = () => {
    manual.dispose();
    trainer.dispose();
    network.dispose();
    x.dispose();
  };
  return { trainer, step, read, [Symbol.dispose]: dispose };
}

const OPTIMIZERS: Record<string, () => Optimizer> = {
  Sgd: sgd,
  "Sgd, clipped": () =>
    new Sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true, clipNorm: 0.1 }),
  Adam: () => new Adam({ weightDecay: 0.1 }),
  AdamW: () => new AdamW(),
  Nadam: () => new Nadam(),
  RmsProp: () => new RmsProp({ momentum: 0.5, centered: true }),
  Adagrad: () => new Adagrad(),
};

for (const [name, optimizer] of Object.entries(OPTIMIZERS)) {
  Deno.test(`mixed precision, ${name}: an overflow skips the step and halves the scale; good steps double it`, async () => {
    const gpu = await openGpu();
    using model = scalarTrainer(gpu, {
      optimizer: optimizer(),
      lossScaling: { growthInterval: 3 },
    });
    model.step(0.25);
    let before = await model.read();
    assertEquals(before.scale, [65_536, 1]);
    // 2 · 65,536 and 2 · 32,768 are infinite in 16 bits, 2 · 16,384 is not.
    for (const scale of [32_768, 16_384]) {
      model.step(2);
      const after = await model.read();
      assertEquals(after.state, before.state, "parameters and the optimiser's memory stay");
      assertEquals(after.scale, [scale, 0]);
    }
    for (const scale of [[16_384, 1], [16_384, 2], [32_768, 0]]) {
      model.step(2);
      const after = await model.read();
      assertNotEquals(after.state[0], before.state[0], "a step");
      assertEquals(after.scale, scale);
      before = after;
    }
    model.step(NaN);
    const after = await model.read();
    assertEquals(after.state, before.state);
    assertEquals(after.scale, [16_384, 0]);
    assertEquals(model.trainer.step.value, 7, "steps that are skipped count");
  });
}

Deno.test("mixed precision: a step is that of 32 bits, clipped by the norm without the scale", async () => {
  const gpu = await openGpu();
  for (const clipNorm of [undefined, 0.5, 100]) {
    const results = await Promise.all((["f32", "mixed"] as const).map(async (precision) => {
      const optimizer = new Sgd({ learningRate: 0.5, ...(clipNorm && { clipNorm }) });
      using model = scalarTrainer(gpu, { optimizer, precision });
      model.step(0.75);
      return (await model.read()).state;
    }));
    assertEquals(results[0], results[1], `clipNorm ${clipNorm}`);
  }
});

Deno.test("mixed precision: at a scale of 1 nothing is skipped: the parameters become NaN, and fit tells", async () => {
  const gpu = await openGpu();
  using model = scalarTrainer(gpu, { lossScaling: { initialScale: 2 } });
  const { state } = await model.read();
  model.step(1e6);
  assertEquals((await model.read()).state, state);
  assertEquals((await model.read()).scale, [1, 0]);
  model.step(1e6);
  const after = await model.read();
  assert(Number.isNaN(after.state[0]![0]) && after.scale[0] === 1);
  using diverging = digitsModel(
    gpu,
    mixed({ lossScaling: { initialScale: 1 }, optimizer: new Sgd({ learningRate: 1e9 }) }),
  );
  const error = await diverging.fit(digits, { epochs: 2 }).catch((reason) => reason);
  assert(error instanceof NonFiniteError);
});

const digits = generateDigits({ count: 300, seed: 1 });

function digitsModel(gpu: Gpu, options: CompileOptions): Sequential {
  const model = new Sequential([
    new Conv2d({ filters: 4, kernelSize: 5, strides: 2, activation: "relu" }),
    new Dropout({ rate: 0.1 }),
    new Dense({ units: 10 }),
  ], { gpu, inputShape: [1, 28, 28] });
  model.compile({ metrics: ["accuracy"], ...options });
  return model;
}

async function allOf(model: Sequential): Promise<Float32Array[]> {
  const tensors = model.parameters.map(({ value }) => value);
  return await Promise.all([...tensors, model.lossScale!].map((tensor) => tensor.read()));
}

Deno.test("mixed precision learns as 32 bits do, and the same bits each time", async () => {
  const gpu = await openGpu();
  const runs = [];
  for (const precision of ["f32", "mixed", "mixed"] as const) {
    using model = digitsModel(gpu, mixed({ precision }));
    const { epochs } = await model.fit(digits, { epochs: 10, batchSize: 32 });
    const { loss, accuracy } = await model.evaluate(digits);
    const values = precision === "mixed" ? await allOf(model) : [];
    runs.push({ losses: epochs.map((epoch) => epoch.loss), loss, accuracy: accuracy!, values });
  }
  const [single, first, second] = runs as [typeof runs[0], typeof runs[0], typeof runs[0]];
  assertEquals(first, second);
  const accuracies = `accuracy ${single.accuracy}, with 16 bits ${first.accuracy}`;
  assert(single.accuracy > 0.8 && Math.abs(first.accuracy - single.accuracy) < 0.05, accuracies);
  assert(Math.abs(first.losses[0]! / single.losses[0]! - 1) < 0.01);
});

Deno.test("mixed precision: a step takes less memory where activations are most of it", async () => {
  const gpu = await openGpu();
  const bytes = (["f32", "mixed"] as const).map((precision) => {
    using model = new Sequential([conv(8), conv(8), conv(8), new Dense({ units: 10 })], {
      gpu,
      inputShape: [1, 28, 28],
    });
    model.compile(mixed({ precision }));
    using x = gpu.zeros([16, 1, 28, 28]);
    using y = gpu.zeros([16], "u32");
    const before = gpu.memory.bytes;
    model.forward(x);
    model.backward(y);
    return gpu.memory.bytes - before;
  });
  assert(bytes[1]! < 0.75 * bytes[0]!, `${bytes[1]} of ${bytes[0]} bytes`);
});

Deno.test("mixed precision: a saved model goes on as the model itself, compiled anew", async () => {
  const gpu = await openGpu();
  using model = digitsModel(gpu, mixed());
  await model.fit(digits, { epochs: 2 });
  const path = await Deno.makeTempFile({ suffix: ".safetensors" });
  try {
    await model.save(path);
    using again = await Sequential.load(path, { gpu });
    for (const each of [model, again]) {
      each.compile(mixed({ optimizer: new Adam() }));
      await each.fit(digits, { epochs: 2 });
    }
    assertEquals(await allOf(again), await allOf(model));
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("mixed precision: a search of the learning rate leaves no trace", async () => {
  const gpu = await openGpu();
  using model = digitsModel(gpu, mixed({ lossScaling: { growthInterval: 3 } }));
  await model.fit(digits, { epochs: 1 });
  const before = await allOf(model);
  await model.learningRateSearch(digits, { points: 3, steps: 8 });
  assertEquals(await allOf(model), before);
});

Deno.test("compile: precision and lossScaling are checked", async () => {
  const gpu = await openGpu();
  using model = digitsModel(gpu, mixed());
  const before = gpu.memory.buffers;
  const wrong = (options: object, message: RegExp) => {
    const error = assertThrows(() => model.compile(mixed(options)), OptionError);
    assertMatch(error.message, message);
  };
  wrong({ precision: "half" }, /^compile: precision: expected one of "f32", "mixed", got "half"/);
  wrong({ precision: "f32", lossScaling: {} }, /^compile: lossScaling needs the precision "mixed"/);
  wrong({ lossScaling: { scale: 1 } }, /^compile: lossScaling: unknown option "scale"/);
  wrong({ lossScaling: { initialScale: 3 } }, /: initialScale: expected a power of two.* got 3/);
  wrong({ lossScaling: { initialScale: 0.5 } }, /: initialScale: expected a number of at least 1/);
  wrong({ lossScaling: { growthInterval: 0 } }, /: growthInterval: .* at least 1, got 0/);
  assert(gpu.memory.buffers < before, "only the first compilation is gone");
});

Deno.test("compile: mixed precision without 16-bit floats names the feature", async () => {
  const gpu = await openGpu();
  const network = new Network(gpu, [new Dense({ units: 1 })], [1], 0);
  const without = Object.create(network, { gpu: { value: withoutFloat16(gpu) } });
  const error = assertThrows(() => new Trainer(without, mixed()), GpuError);
  assertMatch(
    error.message,
    /^compile: precision "mixed": 16-bit floats need the feature shader-f16/,
  );
  network.dispose();
});
