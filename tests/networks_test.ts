/**
 * The named networks: their parameters, their shapes, and that they learn.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  alexnet,
  alexnetLayers,
  alexnetOneTower,
  alexnetOneTowerLayers,
  alexnetSmall,
  alexnetSmallLayers,
  Conv2d,
  Dataset,
  Dense,
  describeLayers,
  encodeSafetensors,
  generateDigits,
  googlenetSmall,
  googlenetSmallLayers,
  inceptionBlock,
  type Initializer,
  type Layer,
  lenet5,
  logisticRegression,
  MaxPool2d,
  mlp,
  type NetworkOptions,
  OptionError,
  perceptron,
  Random,
  Relu,
  Sequential,
  Sgd,
  type Shape,
  ShapeError,
  vgg11,
  vgg11Layers,
  vggBlock,
} from "../mod.ts";
import { sizeOf } from "../src/shape.ts";
import { openGpu } from "./gpu.ts";

const NETWORKS: [
  create: (options: NetworkOptions) => Sequential,
  parameters: number,
  outputs?: number,
][] = [
  [perceptron, 3, 1],
  [logisticRegression, 7_850],
  [mlp, 101_770],
  [lenet5, 61_706],
  [alexnetSmall, 253_674],
  [googlenetSmall, 142_706],
];

for (const [create, parameters, outputs = 10] of NETWORKS) {
  Deno.test(`${create.name}: ${parameters} parameters, ${outputs} outputs, saved and loaded`, async () => {
    const gpu = await openGpu();
    using model = create({ gpu });
    assertEquals(model.parameterCount, parameters);
    assertEquals(model.outputShape, [outputs]);
    const path = await Deno.makeTempFile({ suffix: ".safetensors" });
    try {
      await model.save(path);
      using again = await Sequential.load(path, { gpu });
      const random = new Random(1);
      const x = Float32Array.from(
        { length: 3 * sizeOf(model.inputShape) },
        () => random.uniform(),
      );
      assertEquals(await again.predict(x), await model.predict(x));
      assertEquals(again.summary(), model.summary());
    } finally {
      await Deno.remove(path);
    }
  });
}

Deno.test("every network takes layers in front of its own", async () => {
  const gpu = await openGpu();
  for (const [create, parameters] of NETWORKS) {
    const preprocessing = [new Relu()];
    using model = create({ gpu, preprocessing });
    assertEquals(model.layers[0], preprocessing[0], create.name);
    assertEquals(model.parameterCount, parameters);
  }
});

/** Layers, input, the parameters that the papers and torchvision have, and shapes on the way by place. */
const DEEP: [
  name: string,
  layers: Layer[],
  input: Shape,
  parameters: number,
  megaflops: number,
  shapes: Readonly<Record<string, Shape>>,
][] = [
  ["alexnet", alexnetLayers(), [3, 227, 227], 60_965_224, 1458, {
    0: [96, 55, 55],
    5: [256, 13, 13],
    9: [256, 6, 6],
    14: [1000],
  }],
  ["alexnetOneTower", alexnetOneTowerLayers(), [3, 224, 224], 61_100_840, 1430, {
    0: [64, 55, 55],
    7: [256, 6, 6],
    12: [1000],
  }],
  ["vgg11", vgg11Layers(), [3, 224, 224], 132_863_336, 15239, { 12: [512, 7, 7], 17: [1000] }],
  ["alexnetSmall", alexnetSmallLayers({ localResponseNorm: true }), [3, 32, 32], 253_674, 21, {
    9: [48, 3, 3],
    14: [10],
  }],
  ["googlenetSmall", googlenetSmallLayers(), [3, 32, 32], 142_706, 33, {
    2: [64, 16, 16],
    "2.1.1": [32, 16, 16],
    6: [224, 8, 8],
    7: [224],
  }],
];

for (const [name, layers, input, parameters, megaflops, shapes] of DEEP) {
  Deno.test(`${name}: counted without being made`, () => {
    const described = describeLayers(layers, input);
    const outer = described.filter(({ depth }) => depth === 0);
    assertEquals(outer.reduce((sum, layer) => sum + layer.parameters, 0), parameters);
    assertEquals(
      Math.round(outer.reduce((sum, layer) => sum + layer.flops, 0) / 1e6),
      megaflops,
    );
    const places = new Map(described.map(({ place, output }) => [place, output]));
    for (const [place, shape] of Object.entries(shapes)) assertEquals(places.get(place), shape);
  });
}

Deno.test("alexnet: 2,332,704 weights of convolutions, in groups as the paper splits them", () => {
  const weights = describeLayers(alexnetLayers(), [3, 227, 227])
    .filter(({ layer }) => layer instanceof Conv2d)
    .map(({ layer, input }) => layer.parameters(input)[0]!.shape);
  assertEquals(weights.map((shape) => [shape[1], shape[0]]), [
    [3, 96],
    [48, 256],
    [256, 384],
    [192, 384],
    [192, 256],
  ]);
  assertEquals(weights.reduce((sum, shape) => sum + sizeOf(shape), 0), 2_332_704);
});

/** The state dict of torchvision's `alexnet`. */
const TORCHVISION_ALEXNET: Readonly<Record<string, Shape>> = {
  "features.0.weight": [64, 3, 11, 11],
  "features.0.bias": [64],
  "features.3.weight": [192, 64, 5, 5],
  "features.3.bias": [192],
  "features.6.weight": [384, 192, 3, 3],
  "features.6.bias": [384],
  "features.8.weight": [256, 384, 3, 3],
  "features.8.bias": [256],
  "features.10.weight": [256, 256, 3, 3],
  "features.10.bias": [256],
  "classifier.1.weight": [4096, 9216],
  "classifier.1.bias": [4096],
  "classifier.4.weight": [4096, 4096],
  "classifier.4.bias": [4096],
  "classifier.6.weight": [1000, 4096],
  "classifier.6.bias": [1000],
};

Deno.test("alexnetOneTower: names and shapes are those of torchvision", () => {
  const entries = describeLayers(alexnetOneTowerLayers(), [3, 224, 224]).flatMap(
    ({ layer, input }) =>
      layer.parameters(input).map(({ name, shape }) => [`${layer.name}.${name}`, shape]),
  );
  assertEquals(Object.fromEntries(entries), TORCHVISION_ALEXNET);
});

Deno.test("a network with torchvision's names loads a file with them", async () => {
  const gpu = await openGpu();
  using model = new Sequential([
    new Conv2d({ filters: 2, kernelSize: 3, strides: 2, activation: "relu", name: "features.0" }),
    new MaxPool2d({ poolSize: 2, name: "features.2" }),
    new Dense({ units: 3, name: "classifier.1" }),
  ], { gpu, inputShape: [1, 9, 9] });
  const random = new Random(3);
  const tensors = new Map(
    Object.entries({
      "features.0.weight": [2, 1, 3, 3],
      "features.0.bias": [2],
      "classifier.1.weight": [3, 8],
      "classifier.1.bias": [3],
    }).map(([name, shape]) => [name, {
      shape,
      data: Float32Array.from({ length: sizeOf(shape) }, () => random.normal()),
    }]),
  );
  const path = await Deno.makeTempFile({ suffix: ".safetensors" });
  try {
    await Deno.writeFile(path, encodeSafetensors(tensors));
    await model.loadParameters(path);
  } finally {
    await Deno.remove(path);
  }
  for (const { alias, value } of model.parameters) {
    assertEquals(await value.read(), tensors.get(alias)!.data, alias);
  }
});

/** As large as He's initial weights, but cheaper. */
const pattern: Initializer = (values, fans) => {
  const scale = Math.sqrt(24 / fans.in);
  for (let i = 0; i < values.length; i++) values[i] = scale * (((i * 7919) % 1009) / 1009 - 0.5);
};

Deno.test("alexnet: the full network computes images", async () => {
  const gpu = await openGpu();
  using model = alexnet({ gpu, kernelInitializer: pattern });
  assertEquals(model.parameterCount, 60_965_224);
  const random = new Random(1);
  const images = Float32Array.from({ length: 2 * 3 * 227 * 227 }, () => random.normal());
  const scores = await model.predict(images);
  assertEquals(scores.length, 2000);
  assert(scores.every(Number.isFinite));
  assert(new Set(scores).size > 1900, `only ${new Set(scores).size} different scores`);
});

Deno.test("a network takes layers in front of it, another input and other classes", async () => {
  const gpu = await openGpu();
  const options = { gpu, inputShape: [1, 64, 64], classes: 4 };
  using one = alexnetSmall({ ...options, preprocessing: [new MaxPool2d({ poolSize: 2 })] });
  assertEquals(one.layers[0]!.kind, "MaxPool2d");
  assertEquals(one.outputShape, [4]);
  using two = googlenetSmall(options);
  assertEquals(two.outputShape, [4]);
  assertThrows(
    () => vgg11({ gpu, inputShape: [3, 16, 16] }),
    ShapeError,
    "Cannot build MaxPool2d (layer 12)",
  );
  assertThrows(
    () => alexnetOneTower({ gpu, inputShape: [3, 32, 32] }),
    ShapeError,
    `Cannot build MaxPool2d (layer 7, "features.12")`,
  );
});

Deno.test("perceptron: learns and, not exclusive or; a hidden layer learns that, too", async () => {
  const gpu = await openGpu();
  const x = new Float32Array([0, 0, 0, 1, 1, 0, 1, 1]);
  const accuracyOf = async (model: Sequential, y: number[]) => {
    const data = new Dataset({ x, y: new Uint32Array(y), inputShape: [2], classes: 2 });
    model.compile({
      loss: "hinge",
      optimizer: new Sgd({ learningRate: 0.1 }),
      metrics: ["accuracy"],
    });
    await model.fit(data, { epochs: 400, batchSize: 4 });
    return (await model.evaluate(data)).accuracy;
  };
  using and = perceptron({ gpu });
  assertEquals(await accuracyOf(and, [0, 0, 0, 1]), 1);
  using or = perceptron({ gpu });
  assert((await accuracyOf(or, [0, 1, 1, 0]))! < 1);
  using hidden = mlp({
    gpu,
    ...{ inputShape: [2], classes: 1, hidden: [8], activation: "tanh", seed: 1 },
  });
  assertEquals(await accuracyOf(hidden, [0, 1, 1, 0]), 1);
});

Deno.test("vggBlock: three convolutions of 3×3 see what one of 7×7 sees, with fewer weights", () => {
  const input = [16, 28, 28];
  const large = describeLayers(
    [new Conv2d({ filters: 16, kernelSize: 7, padding: 3 })],
    input,
  );
  const small = describeLayers(vggBlock({ filters: 16, convolutions: 3, pool: false }), input);
  assertEquals(small.map(({ layer }) => layer.kind), ["Conv2d", "Conv2d", "Conv2d"]);
  assertEquals(small.at(-1)!.field, large.at(-1)!.field);
  assertEquals(small.at(-1)!.output, large.at(-1)!.output);
  assertEquals(small.reduce((sum, { parameters }) => sum + parameters, 0), 3 * (9 * 256 + 16));
  assertEquals(large[0]!.parameters, 49 * 256 + 16);
});

Deno.test("inceptionBlock: channels add up, 1×1 come before the large filters", () => {
  const block = inceptionBlock({
    ...{ filters1x1: 64, reduce3x3: 96, filters3x3: 128, reduce5x5: 16, filters5x5: 32 },
    poolProjection: 32,
  });
  assertEquals(block.outputShape([192, 28, 28]), [256, 28, 28]);
  const parameters = block.parameters([192, 28, 28]);
  assertEquals(parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0), 163_696);
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

Deno.test("a layer keeps its algorithm in the model's file, and refuses one that does not apply", async () => {
  const gpu = await openGpu();
  const filters = { filters: 4, kernelSize: 3, algorithm: "winograd", winogradTile: 4 } as const;
  using model = new Sequential([new Conv2d(filters)], { gpu, inputShape: [2, 8, 8], seed: 1 });
  const path = await Deno.makeTempFile({ suffix: ".safetensors" });
  try {
    await model.save(path);
    using again = await Sequential.load(path, { gpu });
    assertEquals(again.layers[0]!.config(), { ...filters, activation: "linear", useBias: true });
  } finally {
    await Deno.remove(path);
  }
  assertThrows(
    () =>
      new Sequential([new Conv2d({ ...filters, strides: 2, name: "first" })], {
        gpu,
        inputShape: [2, 8, 8],
      }),
    OptionError,
    'Cannot build Conv2d (layer 0, "first"): Conv2d: algorithm "winograd": ',
  );
  assertThrows(
    () => new Conv2d({ filters: 4, kernelSize: 3, algorithm: "fast" as "fft" }),
    OptionError,
    'Conv2d: algorithm: expected one of "auto", "direct"',
  );
});
