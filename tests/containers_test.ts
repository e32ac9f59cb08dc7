/**
 * Layers that contain others: names, streams of random numbers, buffers, files, shapes, training.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import {
  BatchNorm,
  Branches,
  Conv1d,
  Conv2d,
  Dense,
  DepthwiseConv2d,
  Dropout,
  dropout,
  Embedding,
  encodeSafetensors,
  FormatError,
  generateDigits,
  GlobalAveragePool2d,
  type Gpu,
  type Layer,
  MaxPool2d,
  OptionError,
  parseSafetensors,
  Relu,
  Residual,
  SeparableConv2d,
  Sequential,
  Sgd,
  ShapeError,
} from "../mod.ts";
import { openGpu } from "./gpu.ts";

const digits = generateDigits({ count: 160, seed: 1 });

/** A bit of everything: branches in a residual block, buffers and dropout inside. */
function layers(): Layer[] {
  return [
    new Conv2d({ filters: 6, kernelSize: 5, strides: 2, activation: "relu", name: "stem" }),
    new Branches([
      [new Conv2d({ filters: 2, kernelSize: 1 })],
      [new SeparableConv2d({ filters: 4, kernelSize: 3, padding: 1 }), new Dropout({ rate: 0.2 })],
      [new MaxPool2d({ poolSize: 3, strides: 1, padding: 1 }), new BatchNorm({ name: "norm" })],
    ], { name: "mixed" }),
    new Residual([
      new DepthwiseConv2d({ kernelSize: 3, strides: 2, depthMultiplier: 2, useBias: false }),
      new BatchNorm(),
      new Branches([[new Relu()], []]),
    ], {
      shortcut: [
        new Conv2d({ filters: 48, kernelSize: 3, strides: 2 }),
        new Dropout({ rate: 0.1 }),
      ],
      activation: "relu",
    }),
    new GlobalAveragePool2d(),
    new Dense({ units: 10 }),
  ];
}

function model(gpu: Gpu, seed = 3): Sequential {
  const made = new Sequential(layers(), { gpu, inputShape: [1, 28, 28], seed });
  made.compile({
    loss: "softmaxCrossEntropy",
    optimizer: new Sgd({ learningRate: 0.1, momentum: 0.9 }),
    metrics: ["accuracy"],
  });
  return made;
}

/** The bits of all parameters and buffers. */
async function stateOf(made: Sequential): Promise<Uint32Array[]> {
  const all = [...made.parameters, ...made.buffers];
  const values = await Promise.all(all.map(({ value }) => value.read()));
  return values.map(({ buffer }) => new Uint32Array(buffer));
}

/** Runs with the path of a file that is removed afterwards. */
async function withFile(body: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".safetensors" });
  try {
    await body(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("containers: parameters and buffers are named by place", async () => {
  using made = model(await openGpu());
  assertEquals(made.parameters.map(({ name }) => name), [
    "0.weight",
    "0.bias",
    "1.0.0.weight",
    "1.0.0.bias",
    "1.1.0.depthwise.weight",
    "1.1.0.pointwise.weight",
    "1.1.0.pointwise.bias",
    "1.2.1.weight",
    "1.2.1.bias",
    "2.0.0.weight",
    "2.0.1.weight",
    "2.0.1.bias",
    "2.1.0.weight",
    "2.1.0.bias",
    "4.weight",
    "4.bias",
  ]);
  assertEquals(made.buffers.map(({ name, alias }) => [name, alias]), [
    ["1.2.1.running_mean", "mixed.2.norm.running_mean"],
    ["1.2.1.running_var", "mixed.2.norm.running_var"],
    ["2.0.1.running_mean", "2.0.1.running_mean"],
    ["2.0.1.running_var", "2.0.1.running_var"],
  ]);
  assertEquals(made.outputShape, [10]);
});

Deno.test("containers: a network of them learns, the same by fit and by hand, bit for bit", async () => {
  const gpu = await openGpu();
  const before = gpu.memory;
  {
    using byFit = model(gpu);
    using byHand = model(gpu);
    await byFit.fit(digits, { epochs: 2, batchSize: 40, shuffle: false });
    const images = Float32Array.from(digits.x, (byte) => Math.fround(Math.fround(1 / 255) * byte));
    for (let start = 0; start < 320; start += 40) {
      const at = start % 160;
      using x = gpu.tensor(images.subarray(784 * at, 784 * (at + 40)), [40, 1, 28, 28]);
      using y = gpu.tensor((digits.y as Uint32Array).subarray(at, at + 40));
      byHand.forward(x);
      byHand.backward(y);
      byHand.update();
    }
    assertEquals(await stateOf(byHand), await stateOf(byFit));
    const { epochs } = await byFit.fit(digits, { epochs: 12, batchSize: 40 });
    assert(epochs[11]!.accuracy! > 0.6, `accuracy ${epochs[11]!.accuracy}`);
  }
  const { buffers, bytes } = gpu.memory;
  assertEquals([buffers, bytes], [before.buffers, before.bytes]);
});

Deno.test("containers: save and load keep layers, parameters and buffers", async () => {
  const gpu = await openGpu();
  using made = model(gpu);
  await made.fit(digits, { batchSize: 40 });
  await withFile(async (path) => {
    await made.save(path);
    using again = await Sequential.load(path, { gpu });
    assertEquals(await stateOf(again), await stateOf(made));
    assertEquals(again.summary(), made.summary());
    assertEquals(await again.predict(digits), await made.predict(digits));
    await withFile(async (copy) => {
      await again.save(copy);
      assertEquals(await Deno.readFile(copy), await Deno.readFile(path));
    });
  });
});

/** The mask that a dropout layer of rate ½ lays over ones, as the stream decides it. */
const maskOf = async (gpu: Gpu, stream: number) => {
  using ones = gpu.tensor(new Float32Array(64).fill(1), [1, 64]);
  return await dropout(gpu, ones, { seed: 9, stream: 0x10000000 + stream, counter: 0, rate: 0.5 })
    .read();
};

Deno.test("containers: every layer has random numbers of its own, counted depth first", async () => {
  const gpu = await openGpu();
  const half = () => new Dropout({ rate: 0.5 });
  using x = gpu.tensor(new Float32Array(64).fill(1), [1, 64]);
  const forward = async (list: Layer[]) => {
    using made = new Sequential(list, { gpu, inputShape: [64], seed: 9 });
    made.compile({ loss: "meanSquaredError", optimizer: new Sgd({ learningRate: 0 }) });
    return await made.forward(x).read();
  };
  // A flat model: layer i has stream i.
  assertEquals(await forward([new Relu(), half()]), await maskOf(gpu, 1));
  // 0: the container, 1 and 2: its layers.
  const both = await forward([new Branches([[half()], [half()]])]);
  const [first, second] = [both.slice(0, 64), both.slice(64)];
  assertEquals([first, second], [await maskOf(gpu, 1), await maskOf(gpu, 2)]);
  assertNotEquals(first, second);
  // 0 and 1: containers, 2 and 3: layers of the inner one, 4: behind it in the branch; 5: behind the outer one.
  const nested = new Branches([[new Branches([[new Relu()], [new Relu()]]), new Relu()]]);
  const product = await forward([nested, half()]);
  const mask = await maskOf(gpu, 5);
  assertEquals(product, new Float32Array([...mask, ...await maskOfRest(gpu, 5)]));
});

/** The second half of the mask of 128 elements. */
async function maskOfRest(gpu: Gpu, stream: number): Promise<Float32Array> {
  using ones = gpu.tensor(new Float32Array(128).fill(1), [1, 128]);
  const options = { seed: 9, stream: 0x10000000 + stream, counter: 0, rate: 0.5 };
  return (await dropout(gpu, ones, options).read()).slice(64);
}

Deno.test("containers: shapes that do not fit are errors that name branch and layer", async () => {
  const gpu = await openGpu();
  const build = (layer: Layer, inputShape = [3, 8, 8]) =>
    new Sequential([layer], { gpu, inputShape });
  const conv = (filters: number, kernelSize: number) => new Conv2d({ filters, kernelSize });
  assertThrows(
    () => build(new Branches([[conv(2, 3)], [conv(2, 1), conv(5, 1)]], { name: "mix" })),
    ShapeError,
    `Cannot build Branches (layer 0, "mix"): branch 1 has the output [5, 8, 8], branch 0 [2, 6, 6]: ` +
      "expected the same dimensions behind the channels",
  );
  assertThrows(
    () => build(new Branches([[conv(2, 3)], [conv(2, 1), conv(5, 9)]])),
    ShapeError,
    "Cannot build Branches (layer 0): branch 1: Conv2d (layer 1): ",
  );
  assertThrows(
    () => build(new Residual([conv(3, 3)])),
    ShapeError,
    "Cannot build Residual (layer 0): the layers have the output [3, 6, 6], the shortcut [3, 8, 8]: " +
      "expected the same shape; a shortcut of layers",
  );
  assertThrows(
    () => build(new Residual([conv(3, 3)], { shortcut: [conv(3, 9)] })),
    ShapeError,
    "Residual (layer 0): shortcut: Conv2d (layer 0): ",
  );
  assertThrows(
    () => build(new Embedding({ vocabulary: 5, dimension: 2 })),
    ShapeError,
    "Embedding (layer 0): expected ids of shape [length], got [3, 8, 8]",
  );
  assertThrows(
    () => build(new DepthwiseConv2d({ kernelSize: 9 })),
    ShapeError,
    "Cannot build DepthwiseConv2d (layer 0): ",
  );
});

Deno.test("containers: wrong options are errors that say what was expected", async () => {
  assertThrows(() => new Branches([]), OptionError, "expected a list of at least one branch");
  assertThrows(
    () => new Branches([new Relu()] as never),
    OptionError,
    "Branches: expected a list of layers for each branch",
  );
  assertThrows(() => new Branches([["relu"]] as never), OptionError, "a list of layers for each");
  assertThrows(() => new Residual([]), OptionError, "expected a list of at least one layer");
  assertThrows(
    () => new Residual([new Relu()], { activation: "rely" as never }),
    OptionError,
    "Residual: activation",
  );
  assertThrows(
    () => new DepthwiseConv2d({ kernelSize: 3, filters: 2 } as never),
    OptionError,
    `DepthwiseConv2d: unknown option "filters"`,
  );
  assertThrows(
    () => new SeparableConv2d({ filters: 2, kernelSize: 3, depthMultiplier: 0 }),
    OptionError,
    "SeparableConv2d: depthMultiplier: expected a whole number of at least 1, got 0",
  );
  assertThrows(
    () => new Embedding({ vocabulary: 2 ** 24 + 1, dimension: 1 }),
    OptionError,
    "Embedding: vocabulary",
  );
  const gpu = await openGpu();
  using made = new Sequential([
    new Dense({ units: 4 }),
    new Embedding({ vocabulary: 3, dimension: 2 }),
  ], { gpu, inputShape: [4] });
  made.compile({ loss: "meanSquaredError", optimizer: new Sgd({ learningRate: 1 }) });
  using x = gpu.zeros([1, 4]);
  assertThrows(() => made.forward(x), OptionError, "nothing before it may learn");
});

Deno.test("embedding: a text of ids goes into a convolution; an id that does not exist makes NaN", async () => {
  const gpu = await openGpu();
  using made = new Sequential([
    new Embedding({ vocabulary: 5, dimension: 3 }),
    new Conv1d({ filters: 2, kernelSize: 2 }),
  ], { gpu, inputShape: [4] });
  const good = await made.predict(new Float32Array([0, 4, 2, 1]));
  assert(good.every(Number.isFinite));
  const bad = await made.predict(new Float32Array([0, 5, 2, 1]));
  assertEquals([...bad].map(Number.isNaN), [true, true, false, true, true, false]);
  assertEquals([bad[2], bad[5]], [good[2], good[5]]);
});

Deno.test("containers: malformed nesting in a file is a FormatError", async () => {
  const gpu = await openGpu();
  const relu = { kind: "Relu", options: {} };
  const branches = (list: unknown) => ({ kind: "Branches", options: {}, branches: list });
  let deep: unknown = relu;
  for (let i = 0; i < 17; i++) deep = branches([[deep]]);
  const cases: [layer: unknown, message: string][] = [
    [branches(undefined), "layer Branches: branches: expected a list of lists of layers"],
    [branches({}), "layer Branches: branches: expected a list of lists of layers"],
    [branches([]), "layer Branches: Branches: expected a list of at least one branch"],
    [branches([relu]), "layer Branches: branches: expected a list of layers with a kind"],
    [branches([[null]]), "layer Branches: branches: expected a list of layers with a kind"],
    [branches([[{ kind: "Nothing" }]]), `unknown layer "Nothing"`],
    [{ ...relu, branches: [[relu]] }, "layer Relu: branches: expected none"],
    [{ kind: "Residual", options: {}, branches: [[relu]] }, "Residual: expected two branches"],
    [
      { kind: "Residual", options: {}, branches: [[], []] },
      "expected a list of at least one layer",
    ],
    [deep, "layers lie in one another more than 16 deep"],
  ];
  await withFile(async (path) => {
    for (const [layer, message] of cases) {
      const strata = JSON.stringify({ version: 1, inputShape: [4], layers: [layer] });
      await Deno.writeFile(path, encodeSafetensors(new Map(), { strata }));
      await assertRejects(() => Sequential.load(path, { gpu }), FormatError, message);
    }
  });
});

Deno.test("parameters may have the names of their layers in files", async () => {
  const gpu = await openGpu();
  const build = (names: readonly (string | undefined)[]) =>
    new Sequential(
      names.map((name) => new Dense({ units: 3, ...(name === undefined ? {} : { name }) })),
      { gpu, inputShape: [3], seed: 4 },
    );
  using original = build([undefined, undefined]);
  await withFile(async (path) => {
    await original.save(path);
    const { tensors } = parseSafetensors(await Deno.readFile(path), path);
    const write = async (names: Readonly<Record<string, string>>) => {
      const renamed = [...tensors].map(([name, tensor]) => [names[name] ?? name, tensor] as const);
      await Deno.writeFile(path, encodeSafetensors(new Map(renamed)));
    };

    using named = new Sequential([
      new Dense({ units: 3, name: "features.0" }),
      new Dense({ units: 3, name: "classifier.1" }),
    ], { gpu, inputShape: [3], seed: 5 });
    await write({ "0.weight": "features.0.weight", "0.bias": "features.0.bias" });
    await named.loadParameters(path);
    assertEquals(await stateOf(named), await stateOf(original), "by name and by place");

    await write({ "0.weight": "other.weight" });
    await assertRejects(
      () => named.loadParameters(path),
      FormatError,
      `expected "0.weight" or "features.0.weight" of shape [3, 3], got nothing`,
    );
    using same = build(["twice", "twice"]);
    await write({ "0.weight": "twice.weight" });
    await assertRejects(
      () => same.loadParameters(path),
      FormatError,
      `expected "0.weight" of shape`,
      "a name that two layers have is none",
    );
    await Deno.writeFile(
      path,
      encodeSafetensors(
        new Map([...tensors, ["features.0.weight", tensors.get("0.weight")!] as const]),
      ),
    );
    await assertRejects(
      () => named.loadParameters(path),
      FormatError,
      `the model has no parameter "features.0.weight"`,
      "the same parameter twice",
    );
  });
});
