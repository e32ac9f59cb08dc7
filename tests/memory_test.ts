/**
 * The memory that a model is predicted to take, against what is allocated.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  Adam,
  alexnetLayers,
  alexnetOneTowerLayers,
  alexnetSmallLayers,
  type Batch,
  BatchNorm,
  Branches,
  Conv2d,
  type ConvolutionAlgorithm,
  Dataset,
  Dense,
  Dropout,
  Embedding,
  GlobalAveragePool2d,
  Gpu,
  type Layer,
  LocalResponseNorm,
  MaxPool2d,
  type MemoryOptions,
  OptionError,
  OutOfMemoryError,
  predictMemory,
  Relu,
  Residual,
  RmsProp,
  Sequential,
  Sgd,
  type Shape,
  summarize,
} from "../mod.ts";
import { Random } from "../src/random.ts";
import { sizeOf } from "../src/shape.ts";
import { openGpu } from "./gpu.ts";

const CLASSES = 3;

function imagesOf(length: number, inputShape: Shape, { bytes = false, targets = 0 } = {}): Dataset {
  const random = new Random(1);
  const size = length * sizeOf(inputShape);
  const x = bytes
    ? Uint8Array.from({ length: size }, () => random.integer(256))
    : Float32Array.from({ length: size }, () => random.integer(4));
  return targets > 0
    ? new Dataset({ x, y: new Float32Array(length * targets), inputShape })
    : new Dataset({
      x,
      y: Uint32Array.from({ length }, () => random.integer(CLASSES)),
      inputShape,
      classes: CLASSES,
    });
}

/** Batches one by one, as from a file. */
function streamOf(data: Dataset, batchSize: number): AsyncIterable<Batch> {
  return {
    async *[Symbol.asyncIterator]() {
      await Promise.resolve();
      yield* data.batches(batchSize);
    },
  };
}

interface Model {
  readonly name: string;
  readonly layers: readonly Layer[];
  readonly inputShape: Shape;
}

const convolution = (algorithm: ConvolutionAlgorithm, filters = 4): Conv2d =>
  new Conv2d({ filters, kernelSize: 3, padding: 1, activation: "relu", algorithm });

const output = new Dense({ units: CLASSES });

const MODELS: readonly Model[] = [
  { name: "MLP", layers: [new Dense({ units: 7, activation: "tanh" }), output], inputShape: [5] },
  ...(["direct", "gemm", "im2col", "fft", "winograd", "auto"] as const).map((algorithm) => ({
    name: `CNN, ${algorithm}`,
    layers: [convolution(algorithm), convolution(algorithm, 5), output],
    inputShape: [2, 9, 8],
  })),
  {
    name: "batch norm, branches, residual, pooling, response norm, dropout",
    layers: [
      convolution("auto"),
      new BatchNorm(),
      new Branches([[new MaxPool2d({ poolSize: 3, strides: 1, padding: 1 })], [
        new LocalResponseNorm({ size: 3 }),
      ]]),
      new Residual([new Conv2d({ filters: 8, kernelSize: 3, padding: 1 }), new Relu()]),
      new Dropout({ rate: 0.25 }),
      new GlobalAveragePool2d(),
      output,
    ],
    inputShape: [2, 6, 6],
  },
  {
    name: "embedding",
    layers: [new Embedding({ vocabulary: 4, dimension: 6 }), output],
    inputShape: [9],
  },
];

/** Makes the model, does the work, and compares the peak with the prediction, purpose by purpose. */
async function check(
  { layers, inputShape }: Model,
  options: MemoryOptions,
  work: (model: Sequential) => Promise<void>,
): Promise<void> {
  const gpu = await openGpu();
  const { buffers, bytes } = gpu.memory;
  const { optimizer, loss = "softmaxCrossEntropy", metrics = [], precision = "f32" } = options;
  const compiled = optimizer === undefined ? {} : { optimizer, loss, metrics, precision };
  const predicted = predictMemory(layers, inputShape, { ...options, ...compiled, device: gpu });
  assertEquals([gpu.memory.buffers, gpu.memory.bytes], [buffers, bytes], "nothing is allocated");
  gpu.device.memory.restartPeak();
  {
    using model = new Sequential(layers, { gpu, inputShape });
    if (optimizer !== undefined) {
      model.compile({ loss, optimizer, metrics, precision });
      assertEquals(model.predictMemory(options), predicted);
    }
    await work(model);
    assertEquals(gpu.memory.peak, predicted.peak);
    assertEquals(gpu.memory.peakBytes, predicted.peakBytes);
    const sum = Object.values(predicted.peak).reduce((total, each) => total + each, 0);
    assertEquals(sum, predicted.peakBytes);
  }
  assertEquals([gpu.memory.buffers, gpu.memory.bytes], [buffers, bytes]);
}

for (const model of MODELS) {
  for (const precision of ["f32", "mixed"] as const) {
    Deno.test(`memory as predicted: ${model.name}, ${precision}, fit, evaluate and predict`, async () => {
      if (precision === "mixed" && !(await openGpu()).adapter.float16) return;
      const data = imagesOf(11, model.inputShape);
      const options: MemoryOptions = {
        work: ["fit", "evaluate", "predict"],
        batchSize: 4,
        data,
        optimizer: new Adam(),
        metrics: ["accuracy"],
        precision,
      };
      await check(model, options, async (made) => {
        await made.fit(data, { batchSize: 4, epochs: 2 });
        await made.evaluate(data, { batchSize: 4 });
        await made.predict(data, { batchSize: 4 });
      });
    });
  }
}

const [MLP] = MODELS as [Model];
const CNN = MODELS[2]!;

Deno.test("memory as predicted: a stream, with validation of another size, and a clipped norm", async () => {
  const data = imagesOf(13, CNN.inputShape);
  const validation = imagesOf(7, CNN.inputShape, { bytes: true });
  const options: MemoryOptions = {
    batchSize: 5,
    data: { length: 13, stream: true },
    validation,
    optimizer: new Sgd({ learningRate: 0.01, momentum: 0.9, clipNorm: 1 }),
  };
  await check(CNN, options, async (model) => {
    await model.fit(streamOf(data, 5), { validation, batchSize: 5, epochs: 2 });
  });
});

Deno.test("memory as predicted: whole batches, bytes, targets, and the default sizes", async () => {
  const data = imagesOf(256, MLP.inputShape, { bytes: true, targets: CLASSES });
  const described = { length: 256, bytes: true };
  const options: MemoryOptions = {
    data: described,
    loss: "meanSquaredError",
    optimizer: new RmsProp({ learningRate: 0.01 }),
  };
  await check(MLP, options, async (model) => {
    await model.fit(data);
  });
  await check(MLP, { ...options, work: "evaluate" }, async (model) => {
    await model.evaluate(data);
  });
  await check(MLP, { ...options, work: "predict" }, async (model) => {
    await model.predict(data);
  });
});

Deno.test("memory as predicted: prediction without a loss, several uploads, softmax", async () => {
  const inputShape = [64, 64, 64];
  const [perUpload, rest] = [32, 7]; // 2²⁵ bytes are 32 inputs of 2²⁰
  const layers = [new MaxPool2d({ poolSize: 16 }), output];
  const model = { name: "large inputs", layers, inputShape };
  const length = perUpload + rest;
  const options: MemoryOptions = {
    ...{ work: "predict", batchSize: 8, softmax: true },
    data: { length },
  };
  await check(model, options, async (made) => {
    await made.predict(new Float32Array(length * sizeOf(inputShape)), {
      batchSize: 8,
      softmax: true,
    });
  });
});

Deno.test("memory as predicted: a data set that does not fit a binding is streamed", async () => {
  await using gpu = await Gpu.open({ limits: { maxStorageBufferBindingSize: 4096 } });
  const data = imagesOf(300, MLP.inputShape);
  const { layers, inputShape } = MLP;
  const optimizer = new Sgd({ learningRate: 0.1 });
  const options: MemoryOptions = { batchSize: 8, data, optimizer, device: gpu };
  const { peakBytes, peak } = predictMemory(layers, inputShape, options);
  assert(peak.data! < data.x.byteLength);
  using model = new Sequential(layers, { gpu, inputShape });
  model.compile({ loss: "softmaxCrossEntropy", optimizer });
  await model.fit(data, { batchSize: 8 });
  assertEquals(gpu.memory.peakBytes, peakBytes);
});

Deno.test("a network whose images are larger than a binding: memory as predicted, the same outputs", async () => {
  const inputShape = [3, 8, 8];
  const layers = [
    convolution("direct"),
    new LocalResponseNorm({ size: 3 }),
    new MaxPool2d({ poolSize: 2 }),
    new Dense({ units: 4, activation: "tanh" }),
    output,
  ];
  const data = imagesOf(64, inputShape, { bytes: true });
  const batchSize = 32;
  const outputs: Float32Array[] = [];
  for (const limits of [{ maxStorageBufferBindingSize: 16_384 }, {}]) {
    await using gpu = await Gpu.open({ limits });
    using model = new Sequential(layers, { gpu, inputShape, seed: 2 });
    outputs.push(await model.predict(data, { batchSize }));
    model.compile({ loss: "softmaxCrossEntropy", optimizer: new Adam() });
    await model.fit(data, { batchSize });
    const work = ["predict", "fit"] as const;
    const { peak } = model.predictMemory({ work, data, batchSize });
    assertEquals(gpu.memory.peak, peak);
  }
  const [inParts, atOnce] = outputs;
  assertEquals(inParts, atOnce);
});

/** What a software adapter offers. */
const SOFTWARE = {
  software: true,
  limits: { maxStorageBufferBindingSize: 2 ** 27, maxBufferSize: 2 ** 31 },
};

for (const [where, device] of [["a card", {}], ["a software adapter", SOFTWARE]] as const) {
  for (
    const [name, layers, inputShape] of [
      ["AlexNet", alexnetLayers(), [3, 227, 227]],
      ["AlexNet in one tower", alexnetOneTowerLayers(), [3, 224, 224]],
    ] as const
  ) {
    Deno.test(`${name} with a batch of 128 fits 4 GiB on ${where}, planned within 2 s`, () => {
      const options = { batchSize: 128, optimizer: new Adam(), device }; // Adam remembers most
      const start = performance.now();
      const { peakBytes } = predictMemory(layers, inputShape, options);
      const seconds = (performance.now() - start) / 1000;
      console.log(`${(peakBytes / 2 ** 30).toFixed(2)} GiB, planned in ${seconds.toFixed(3)} s`);
      assert(peakBytes < 4 * 2 ** 30);
      assert(seconds < 2);
    });
  }
}

Deno.test("memory as predicted: a small AlexNet", async () => {
  const layers = alexnetSmallLayers({ localResponseNorm: true });
  const model = { name: "a small AlexNet", layers, inputShape: [3, 32, 32] };
  const data = imagesOf(48, model.inputShape, { bytes: true });
  await check(model, { data, optimizer: new Adam() }, async (made) => {
    await made.fit(data);
  });
});

Deno.test("summary: the memory below the layers, with what was assumed", () => {
  const text = summarize([new Dense({ units: 3 })], [5], { device: { software: true } });
  assertMatch(
    text,
    /\nGPU memory +Bytes\n─+\nparameters +512\ngradients +512\nstate of the optimizer/,
  );
  assertMatch(
    text,
    /\nPeak +[\d,]+\nAssumed: the work fit\.\nAssumed: a batch size of 32 for fit\./,
  );
  assertMatch(text, /Assumed: SGD with momentum\./);
});

Deno.test("predictMemory: what cannot be had is an error", () => {
  const layers = [new Dense({ units: 3 })];
  const misspelt = { batchsize: 1 } as MemoryOptions;
  assertThrows(() => predictMemory(layers, [5], misspelt), OptionError, "batchsize");
  const wrong = { work: "train" } as unknown as MemoryOptions;
  assertThrows(() => predictMemory(layers, [5], wrong), OptionError, "predictMemory: work");
  assertThrows(() => predictMemory(layers, [5], { data: { length: 0 } }), OptionError, "length");
  const half = { precision: "f16" } as unknown as MemoryOptions;
  assertThrows(() => predictMemory(layers, [5], half), OptionError, "precision");
  assertThrows(
    () => predictMemory(layers, [5], { device: { limits: { maxBufferSize: 256 } } }),
    OutOfMemoryError,
    "the device allows 256 bytes a buffer",
  );
});
