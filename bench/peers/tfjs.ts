/**
 * TensorFlow.js on WebGPU as a worker of `deno task bench:peers`.
 *
 * Its layouts are NHWC, HWIO and [inputs, units]. The gradients of a convolution are timed by their kernels alone, without the
 * forward pass that its public functions would compute as well.
 *
 * @module
 */

import { type Shape, sizeOf } from "../../src/shape.ts";
import { type PreparedWork, serve } from "./worker.ts";
import {
  convolutionShapes,
  type ConvolutionWork,
  type MatmulWork,
  stepFloats,
  stepLayers,
  type StepWork,
  transposed,
  workInputs,
} from "./works.ts";

/** A tensor or a variable. */
interface Tensor {
  reshape(shape: Shape): Tensor;
  data(): Promise<Float32Array>;
  dispose(): void;
}

/** What is used of the library. */
interface TensorFlow {
  setBackend(name: string): Promise<boolean>;
  tensor(values: Float32Array, shape: Shape): Tensor;
  variable(tensor: Tensor): Tensor;
  tidy(compute: () => Tensor): Tensor;
  dispose(tensors: Tensor[]): void;
  slice(x: Tensor, begin: number, size: number): Tensor;
  matMul(a: Tensor, b: Tensor): Tensor;
  add(a: Tensor, b: Tensor): Tensor;
  relu(x: Tensor): Tensor;
  conv2d(x: Tensor, filters: Tensor, strides: number, pad: "same" | "valid"): Tensor;
  maxPool(x: Tensor, size: number, strides: number, pad: "valid"): Tensor;
  readonly losses: { softmaxCrossEntropy(labels: Tensor, logits: Tensor): Tensor };
  readonly train: {
    sgd(rate: number): {
      minimize(cost: () => Tensor, returnCost: true, variables: Tensor[]): Tensor;
    };
  };
  engine(): { runKernel(name: string, inputs: object, attributes: object): Tensor };
}

// Names that the type checker does not look up: the packages are there in this task alone.
const PACKAGES = ["@tensorflow/tfjs", "@tensorflow/tfjs-backend-webgpu"] as const;
const tf: TensorFlow = await import(PACKAGES[0]);
await import(PACKAGES[1]);
if (!await tf.setBackend("webgpu")) throw new Error("tfjs: the WebGPU backend did not start");

/** Repeats a computation, of which the last result is kept. */
function repeated(
  compute: () => Tensor,
  inputs: Tensor[],
  arrange: (values: Float32Array) => Float32Array,
): PreparedWork {
  let last: Tensor | undefined;
  return {
    run: async (repetitions) => {
      for (let repetition = 0; repetition < repetitions; repetition++) {
        last?.dispose();
        last = tf.tidy(compute);
      }
      // One element, so that the wait is not one for the whole result.
      const element = tf.tidy(() => tf.slice(last!.reshape([-1]), 0, 1));
      await element.data();
      element.dispose();
    },
    result: async () => arrange(await last!.data()),
    dispose: () => tf.dispose(last === undefined ? inputs : [last, ...inputs]),
  };
}

function prepareMatmul(work: MatmulWork): PreparedWork {
  const { shapes, values } = workInputs(work);
  const [a, b] = [tf.tensor(values[0], shapes[0]), tf.tensor(values[1], shapes[1])];
  return repeated(() => tf.matMul(a, b), [a, b], (result) => result);
}

const NHWC = [0, 2, 3, 1];
const HWIO = [2, 3, 1, 0];

/** A tensor with its axes in another order. */
function moved(values: Float32Array, shape: Shape, axes: readonly number[]): Tensor {
  return tf.tensor(transposed(values, shape, axes), axes.map((axis) => shape[axis]!));
}

function prepareConvolution({ size, pass, ...work }: ConvolutionWork): PreparedWork {
  const { inputShape, strides = 1, padding = 0 } = size;
  const { weightShape, outputShape } = convolutionShapes(size);
  const { shapes, values } = workInputs({ size, pass, ...work });
  const pad = padding === 0 ? "valid" : "same";
  const axes = { forward: [NHWC, HWIO], inputGradient: [NHWC, HWIO], weightGradient: [NHWC, NHWC] };
  const [a, b] = [
    moved(values[0], shapes[0], axes[pass][0]!),
    moved(values[1], shapes[1], axes[pass][1]!),
  ];
  const attributes = { strides, pad, dataFormat: "NHWC", dimRoundingMode: undefined };
  const ordered = (shape: Shape, order: readonly number[]) => order.map((axis) => shape[axis]!);
  /** Back into Strata's layout. */
  const back = (shape: Shape, order: readonly number[]) => (result: Float32Array) =>
    transposed(result, ordered(shape, order), order.map((_, axis) => order.indexOf(axis)));
  const kernel = (name: string, inputs: object, more: object) => () =>
    tf.engine().runKernel(name, inputs, { ...attributes, ...more });
  switch (pass) {
    case "forward":
      return repeated(() => tf.conv2d(a, b, strides, pad), [a, b], back(outputShape, NHWC));
    case "inputGradient":
      return repeated(
        kernel("Conv2DBackpropInput", { dy: a, filter: b }, {
          inputShape: ordered(inputShape, NHWC),
        }),
        [a, b],
        back(inputShape, NHWC),
      );
    case "weightGradient":
      return repeated(
        kernel("Conv2DBackpropFilter", { x: a, dy: b }, {
          filterShape: ordered(weightShape, HWIO),
        }),
        [a, b],
        back(weightShape, HWIO),
      );
  }
}

function prepareStep(work: StepWork): PreparedWork {
  const { x, y } = stepFloats(work);
  const { filters, batch } = work;
  const labels = tf.tensor(y, [batch, 10]);
  const images = tf.tensor(x, filters.length === 0 ? [batch, 784] : [batch, 28, 28, 1]);
  const layers = stepLayers(work);
  const variables = layers.flatMap(({ kind, weightShape, weights }, i) => {
    const values = kind === "dense" && layers[i - 1]?.kind === "convolution"
      ? channelsLast(weights(), weightShape, layers[i - 1]!.weightShape[0]!)
      : weights();
    const weight = moved(values, weightShape, kind === "convolution" ? HWIO : [1, 0]);
    const bias = tf.tensor(new Float32Array(weightShape[0]!), [weightShape[0]!]);
    return [tf.variable(weight), tf.variable(bias)];
  });
  const logits = () => {
    let h = images;
    layers.forEach(({ kind, weightShape }, i) => {
      const [weight, bias] = [variables[2 * i]!, variables[2 * i + 1]!];
      if (kind === "convolution") {
        h = tf.maxPool(tf.relu(tf.add(tf.conv2d(h, weight, 1, "same"), bias)), 2, 2, "valid");
      } else {
        h = tf.add(tf.matMul(h.reshape([batch, sizeOf(weightShape.slice(1))]), weight), bias);
        if (i < layers.length - 1) h = tf.relu(h);
      }
    });
    return h;
  };
  const optimizer = tf.train.sgd(work.learningRate);
  let loss: Tensor | undefined;
  return {
    run: async (repetitions) => {
      for (let repetition = 0; repetition < repetitions; repetition++) {
        loss?.dispose();
        loss = optimizer.minimize(
          () => tf.losses.softmaxCrossEntropy(labels, logits()),
          true,
          variables,
        );
      }
      await loss!.data();
    },
    result: async () => await loss!.data(),
    dispose: () =>
      tf.dispose([images, labels, ...variables, ...(loss === undefined ? [] : [loss])]),
  };
}

/** Weights [units, channels · positions] for inputs whose channels come last. */
function channelsLast(weights: Float32Array, shape: Shape, channels: number): Float32Array {
  const [units, inputs] = shape as [number, number];
  return transposed(weights, [units, channels, inputs / channels], [0, 2, 1]);
}

await serve((work) => {
  if (work.kind === "matmul") return prepareMatmul(work);
  return work.kind === "convolution" ? prepareConvolution(work) : prepareStep(work);
});
