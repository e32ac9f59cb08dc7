/**
 * Operations on tensors that are larger than what the device binds at once, compared with a device that binds them as they are.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  activation,
  activationGradient,
  add,
  argmax,
  augmentImages,
  averagePool,
  averagePoolGradient,
  batchedMatmul,
  batchNorm,
  batchNormInputGradient,
  batchNormScaleGradients,
  channelStatistics,
  conv2d,
  conv2dInputGradient,
  conv2dWeightGradient,
  type ConvolutionMethodName,
  type DataType,
  dropout,
  embedding,
  fft2d,
  filter2d,
  gatherRows,
  gaussianKernel,
  gelu,
  Gpu,
  hinge,
  ifft2d,
  localResponseNorm,
  localResponseNormGradient,
  logSoftmaxGradient,
  matches,
  max,
  maxPool,
  maxPoolGradient,
  mean,
  meanSquaredError,
  multiply,
  normalizeChannels,
  OptionError,
  OutOfMemoryError,
  Program,
  Random,
  type Recorder,
  scale,
  type Shape,
  sigmoidCrossEntropy,
  softmax,
  softmaxCrossEntropy,
  subtract,
  sum,
  sumOfSquares,
  type Tensor,
} from "../mod.ts";
import { concatenate, split } from "../src/ops/concatenate.ts";
import { sizeOf } from "../src/shape.ts";
import { openGpu } from "./gpu.ts";

/** Bytes of a binding: sixteen of the larger images. */
const LIMIT = 16_384;
const IMAGES = 37;

/** Images that can be cut apart anywhere, and behind every fourth. */
const IMAGE_SHAPES: readonly Shape[] = [[4, 8, 8], [3, 8, 6]];
const FILTERS = 5;

const ALGORITHMS: readonly ConvolutionMethodName[] = [
  "direct",
  "gemm",
  "im2col",
  "fft",
  "winograd",
];

interface Inputs {
  /** Shape: [37, …image]. */
  readonly x: Tensor;
  /** Shape: that of x. */
  readonly dy: Tensor;
  /** Shape: [5, channels, 3, 3]. */
  readonly weight: Tensor;
  /** Shape: [5]. */
  readonly bias: Tensor;
  /** Shape: [37, 5, height, width]. */
  readonly dz: Tensor;
  /** Shape: that of an image's row. */
  readonly row: Tensor;
  /** Positive numbers. Shape: [channels]. */
  readonly channels: Tensor;
  /** Whole numbers, and bytes. Shape: that of x. */
  readonly numbers: Tensor<"u32">;
  readonly bytes: Tensor<"u8">;
}

type Operation = (recorder: Recorder, inputs: Inputs) => Tensor<DataType>;

/** Images as rows of numbers, and as a stack of matrices, one for each channel. */
const rowsOf = (x: Tensor): Tensor => x.reshape([-1, x.shape.at(-1)!]);
const matricesOf = (x: Tensor): Tensor => x.reshape([-1, ...x.shape.slice(2)]);

const pool = { poolSize: 3, strides: 2, padding: 1 } as const;

/** Operations whose results are the same bits, however they are cut. */
const EXACT: Readonly<Record<string, Operation>> = {
  add: (recorder, { x, dy }) => add(recorder, x, dy),
  "add, repeated": (recorder, { x, row }) => add(recorder, x, row),
  subtract: (recorder, { x, dy }) => subtract(recorder, x, dy),
  multiply: (recorder, { x, dy }) => multiply(recorder, x, dy),
  scale: (recorder, { x }) => scale(recorder, x, 1.5),
  gelu: (recorder, { x }) => gelu(recorder, x),
  "relu gradient": (recorder, { x, dy }) => activationGradient(recorder, "relu", x, dy),
  softmax: (recorder, { x }) => softmax(recorder, x),
  "logSoftmax gradient": (recorder, { x, dy }) => logSoftmaxGradient(recorder, x, dy),
  "sum over the last axis": (recorder, { x }) => sum(recorder, x, { axis: -1 }),
  "mean over the second axis": (recorder, { x }) => mean(recorder, x, { axis: 1 }),
  "max over the third axis": (recorder, { x }) => max(recorder, x, { axis: 2 }),
  "argmax over the last axis": (recorder, { x }) => argmax(recorder, x, { axis: -1 }),
  "max of all": (recorder, { x }) => max(recorder, x),
  "max over the images": (recorder, { x }) => max(recorder, x, { axis: 0 }),
  "argmax of all": (recorder, { x }) => argmax(recorder, x),
  "argmax over the images": (recorder, { x }) =>
    argmax(recorder, activation(recorder, "step", x), { axis: 0 }), // with ties
  "products of stacks": (recorder, { x, dy }) =>
    batchedMatmul(recorder, matricesOf(x), matricesOf(dy), {
      transposeB: true,
      rowBias: sum(recorder, matricesOf(x), { axis: 2 }),
    }),
  "products with one matrix": (recorder, { x, row }) =>
    batchedMatmul(recorder, matricesOf(x), row.reshape([1, 1, -1]), { transposeB: true }),
  "products of one matrix": (recorder, { dy, row }) =>
    batchedMatmul(recorder, row.reshape([1, 1, -1]), matricesOf(dy), { transposeB: true }),
  ...Object.fromEntries(
    Object.entries({ softmaxCrossEntropy, sigmoidCrossEntropy, meanSquaredError, hinge }).flatMap(
      ([name, loss]): [string, Operation][] => [
        [`${name}`, (recorder, { x, dy }) => loss(recorder, rowsOf(x), rowsOf(dy)).losses],
        [
          `${name}, gradient`,
          (recorder, { x, dy }) => loss(recorder, rowsOf(x), rowsOf(dy)).gradient!,
        ],
      ],
    ),
  ),
  "hinge of a column": (recorder, { x, dy }) =>
    hinge(recorder, x.reshape([-1, 1]), dy.reshape([-1, 1])).losses,
  augmentImages: (recorder, { x }) => augmentImages(recorder, x, { flip: true, shift: 1, seed: 3 }),
  normalizeChannels: (recorder, { x }) => {
    const ones = new Array(x.shape[1]!).fill(1);
    return normalizeChannels(recorder, x, { mean: ones, deviation: ones.map((_, c) => c + 0.5) });
  },
  "filter2d by a column and a row": (recorder, { x }) =>
    filter2d(recorder, x, gaussianKernel(5, 1), { separable: true }),
  "filter2d by a matrix": (recorder, { x }) =>
    filter2d(recorder, x, gaussianKernel(3, 1), { separable: false }),
  "fft2d and ifft2d": (recorder, { x }) =>
    ifft2d(recorder, fft2d(recorder, x), { width: x.shape[3]! }),
  matches: (recorder, { x, dy }) => matches(recorder, rowsOf(x), rowsOf(dy)),
  embedding: (recorder, { x, row }) => {
    const ids = activation(recorder, "step", x.reshape([IMAGES, -1])); // 0 and 1
    return embedding(recorder, ids, row.reshape([-1, 2]));
  },
  batchNorm: (recorder, { x, channels }) =>
    batchNorm(recorder, x, channels, channels, {
      statistics: { mean: channels, variance: channels },
    }),
  "batchNorm gradient": (recorder, { x, dy, channels }) =>
    batchNormInputGradient(recorder, x, channels, dy, {
      statistics: { mean: channels, variance: channels },
      gradients: { dGamma: channels, dBeta: channels },
    }),
  "batchNorm gradient, statistics fixed": (recorder, { x, dy, channels }) =>
    batchNormInputGradient(recorder, x, channels, dy, {
      statistics: { mean: channels, variance: channels },
    }),
  dropout: (recorder, { x }) => dropout(recorder, x, { rate: 0.3, seed: 5 }),
  "dropout on the way back": (recorder, { x, dy }) =>
    dropout(recorder, dy, {
      rate: 0.3,
      seed: 5,
      gradient: { activation: "relu", saved: x },
    }),
  "gather in order": (recorder, { x }) => gatherRows(recorder, x, { rows: IMAGES }),
  "gather whole numbers in order": (recorder, { numbers }) =>
    gatherRows(recorder, numbers, { rows: IMAGES }),
  "gather bytes, shuffled": (recorder, { bytes }) =>
    gatherRows(recorder, bytes, { rows: 30, start: 3, shuffleKey: 9 }),
  "gather bytes": (recorder, { bytes }) => gatherRows(recorder, bytes, { rows: 30, start: 3 }),
  concatenate: (recorder, { x, dz }) => concatenate(recorder, [x, dz]),
  split: (recorder, { x }) => split(recorder, x, [1, x.shape[1]! - 1])[1]!,
  localResponseNorm: (recorder, { x }) => localResponseNorm(recorder, x, { size: 3 }),
  "localResponseNorm gradient": (recorder, { x, dy }) =>
    localResponseNormGradient(recorder, x, dy, {
      size: 3,
      gradient: { activation: "relu", saved: x },
    }),
  "max pool": (recorder, { x }) => maxPool(recorder, x, pool).y,
  "max pool gradient": (recorder, { x }) => {
    const { y, winners } = maxPool(recorder, x, pool);
    return maxPoolGradient(recorder, y, winners, { ...pool, inputShape: x.shape });
  },
  "average pool": (recorder, { x }) => averagePool(recorder, x, pool),
  "average pool gradient": (recorder, { x }) => {
    const y = averagePool(recorder, x, pool);
    const gradient = { activation: "relu", saved: x } as const;
    return averagePoolGradient(recorder, y, { ...pool, inputShape: x.shape, gradient });
  },
  ...Object.fromEntries(ALGORITHMS.flatMap((algorithm): [string, Operation][] => [
    [
      `convolution, ${algorithm}`,
      (recorder, { x, weight, bias }) =>
        conv2d(recorder, x, weight, { padding: 1, bias, activation: "relu", algorithm }),
    ],
    [
      `convolution input gradient, ${algorithm}`,
      (recorder, { x, dz, weight }) =>
        conv2dInputGradient(recorder, dz, weight, {
          padding: 1,
          inputShape: x.shape,
          algorithm,
          gradient: { activation: "tanh", saved: x },
        }),
    ],
  ])),
};

/** Sums over what is cut apart. With absolute inputs they give the sum of what their terms measure. */
const SUMS: Readonly<Record<string, Operation>> = {
  sum: (recorder, { x }) => sum(recorder, x),
  "sum over the images": (recorder, { x }) => sum(recorder, x, { axis: 0 }),
  mean: (recorder, { x }) => mean(recorder, x),
  sumOfSquares: (recorder, { x }) => sumOfSquares(recorder, x),
  "statistics of channels, mean": (recorder, { x }) => channelStatistics(recorder, x).mean,
  ...Object.fromEntries(
    (["dGamma", "dBeta"] as const).map((which): [string, Operation] => [
      `batchNorm, ${which}`,
      (recorder, { x, dy, channels }) => {
        // With a mean of 0, the terms are the products of dy and x.
        const statistics = { mean: scale(recorder, channels, 0), variance: channels };
        return batchNormScaleGradients(recorder, x, dy, { statistics })[which];
      },
    ]),
  ),
  ...Object.fromEntries(
    (["direct", "gemm", "im2col"] as const).flatMap((algorithm) =>
      (["dw", "db"] as const).map((which): [string, Operation] => [
        `convolution weight gradient, ${algorithm}, ${which}`,
        (recorder, { x, dz, weight }) =>
          conv2dWeightGradient(recorder, x, dz, {
            padding: 1,
            weightShape: weight.shape,
            algorithm,
          })[
            which
          ],
      ])
    ),
  ),
};

/** Inputs that are the same on every device. */
function inputsOn(gpu: Gpu, shape: Shape, absolute = false): Inputs {
  const random = new Random(11);
  const [channels, ...space] = shape;
  const floats = (...shape: number[]) => {
    const values = Float32Array.from({ length: sizeOf(shape) }, () => random.normal());
    return gpu.tensor(absolute ? values.map(Math.abs) : values, shape);
  };
  const all = [IMAGES, ...shape];
  const wholes = Uint32Array.from({ length: sizeOf(all) }, () => random.integer(256));
  return {
    x: floats(...all),
    dy: floats(...all),
    weight: floats(FILTERS, channels!, 3, 3),
    bias: floats(FILTERS),
    dz: floats(IMAGES, FILTERS, ...space),
    row: floats(shape.at(-1)!),
    channels: gpu.tensor(Float32Array.from({ length: channels! }, (_, c) => 0.5 + c), [channels!]),
    numbers: gpu.tensor(wholes, all),
    bytes: gpu.tensor(Uint8Array.from(wholes), all),
  };
}

/** The result as bytes, and the number of its dispatches. */
async function compute(
  gpu: Gpu,
  name: string,
  operation: Operation,
  inputs: Inputs,
): Promise<{ bytes: Uint8Array; dispatches: number }> {
  let result: Tensor<DataType> | undefined;
  using program = Program.record(gpu.device, name, (recorder) => {
    result = recorder.keep(operation(recorder, inputs));
  });
  program.run();
  const { buffer } = await result!.read();
  return { bytes: new Uint8Array(buffer), dispatches: program.describe().length };
}

/** Computes on a device with small bindings and on one without, and hands both results to `compare`. */
async function onBoth(
  operations: Readonly<Record<string, Operation>>,
  shape: Shape,
  compare: (name: string, inParts: Uint8Array, atOnce: Uint8Array) => void | Promise<void>,
): Promise<void> {
  const whole = await openGpu();
  await using small = await Gpu.open({ limits: { maxStorageBufferBindingSize: LIMIT } });
  const [inputs, smallInputs] = [inputsOn(whole, shape), inputsOn(small, shape)];
  for (const [name, operation] of Object.entries(operations)) {
    const atOnce = await compute(whole, name, operation, inputs);
    const inParts = await compute(small, name, operation, smallInputs);
    assert(inParts.dispatches > atOnce.dispatches, `${name} goes part by part`);
    await compare(name, inParts.bytes, atOnce.bytes);
  }
  for (const tensor of Object.values(inputs)) tensor.dispose();
}

for (const shape of IMAGE_SHAPES) {
  Deno.test(`images of ${shape.join(" × ")}: part by part, the same bits`, async () => {
    await onBoth(EXACT, shape, (name, inParts, atOnce) => {
      assertEquals(inParts, atOnce, name);
    });
  });

  Deno.test(`images of ${shape.join(" × ")}: sums part by part, within their bound`, async () => {
    const gpu = await openGpu();
    const absolute = inputsOn(gpu, shape, true);
    await onBoth(SUMS, shape, async (name, inParts, atOnce) => {
      const { bytes } = await compute(gpu, name, SUMS[name]!, absolute);
      const [got, expected, magnitudes] = [inParts, atOnce, bytes].map(({ buffer }) =>
        new Float32Array(buffer as ArrayBuffer)
      ) as [Float32Array, Float32Array, Float32Array];
      // Whatever the order, a term passes fewer additions than there are terms, and a square, a mean or a product is rounded besides;
      // so do the terms of the other result.
      const bound = 2 * (IMAGES * sizeOf(shape) + 2) * 2 ** -24 * 1.01;
      got.forEach((value, i) => {
        const error = Math.abs(value - expected[i]!);
        assert(error <= bound * magnitudes[i]!, `${name}, element ${i}: off by ${error}`);
      });
    });
    for (const tensor of Object.values(absolute)) tensor.dispose();
  });
}

Deno.test("what cannot be cut into parts that are bound is refused, with bytes and limit", async () => {
  await using gpu = await Gpu.open({ limits: { maxStorageBufferBindingSize: 1024 } });
  using x = gpu.zeros([3, 301]); // rows begin at multiples of 4 bytes
  assertThrows(
    () => softmax(gpu, x),
    OutOfMemoryError,
    "softmax: a tensor of shape [3, 301] (3612 bytes) can be cut after 77056 bytes at the earliest; " +
      "the device binds 1024 bytes",
  );
  using bytes = gpu.zeros([5, 256], "u8");
  assertThrows(
    () => gatherRows(gpu, bytes, { rows: 2, start: 1 }),
    OutOfMemoryError,
    'tensor "x" has 1280 bytes; the device binds 1024 bytes',
  );
});

Deno.test("Gpu.open: limits are checked, and never above the adapter's", async () => {
  const misspelt = { limits: { maxBuffersize: 1 } } as Parameters<typeof Gpu.open>[0];
  await assertRejects(() => Gpu.open(misspelt), OptionError, "maxBuffersize");
  const small = { limits: { maxBufferSize: 255 } };
  await assertRejects(() => Gpu.open(small), OptionError, "maxBufferSize: expected a whole number");
  await using gpu = await Gpu.open({ limits: { maxBufferSize: 2 ** 50 } });
  const { device } = await openGpu();
  assertEquals(gpu.device.limits, device.limits);
});
