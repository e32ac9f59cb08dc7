/**
 * Training steps of networks.
 *
 * @module
 */

import type { Batch } from "../src/data/batch.ts";
import type { Gpu } from "../src/gpu/gpu.ts";
import { Conv2d, ConvolutionLayer } from "../src/layers/convolution.ts";
import { Dense } from "../src/layers/dense.ts";
import type { Layer } from "../src/layers/layer.ts";
import { MaxPool2d } from "../src/layers/pooling.ts";
import { alexnetLayers, alexnetSmallLayers } from "../src/models/alexnet.ts";
import { lenet5Layers } from "../src/models/lenet.ts";
import type { Optimizer } from "../src/optimizers/optimizer.ts";
import { Sgd } from "../src/optimizers/sgd.ts";
import { type Shape, sizeOf } from "../src/shape.ts";
import { Feed } from "../src/training/feed.ts";
import { Network } from "../src/training/network.ts";
import { type MetricName, Trainer } from "../src/training/trainer.ts";
import { imageBytes, labels } from "./inputs.ts";
import { PreparedTraining, type Workload } from "./workload.ts";

/** A network, and on how many examples a step is. */
export interface NetworkSize {
  readonly name: string;
  readonly layers: readonly Layer[];
  readonly inputShape: Shape;
  readonly batch: number;
  /** On a card, which takes more at once. Default: the same. */
  readonly batchOnCard?: number;
  /** Of the data set that batches are taken from. Default: two batches. */
  readonly examples?: number;
  readonly metrics?: readonly MetricName[];
  /** Default: plain gradient descent. */
  readonly optimizer?: Optimizer;
  readonly askedBy?: string;
}

/** Two convolutions of 5×5 that keep the size, each with a pool of 2×2, and two dense layers. */
function twoConvolutions(): Layer[] {
  const shared = { kernelSize: 5, padding: "same", activation: "relu" } as const;
  return [
    new Conv2d({ filters: 32, ...shared }),
    new MaxPool2d({ poolSize: 2 }),
    new Conv2d({ filters: 64, ...shared }),
    new MaxPool2d({ poolSize: 2 }),
    new Dense({ units: 512, activation: "relu" }),
    new Dense({ units: 10 }),
  ];
}

const DIGITS = { inputShape: [1, 28, 28], batch: 64, examples: 60_000 } as const;

/** Convolutional networks. */
export const CONVOLUTIONAL_NETWORKS: readonly NetworkSize[] = [
  { name: "lenet5", layers: lenet5Layers(), ...DIGITS },
  { name: "c32-c64-fc512", layers: twoConvolutions(), ...DIGITS },
  { name: "alexnet-small", layers: alexnetSmallLayers(), inputShape: [3, 32, 32], batch: 64 },
  {
    name: "alexnet",
    layers: alexnetLayers(),
    inputShape: [3, 227, 227],
    batch: 4,
    batchOnCard: 128,
    askedBy: "alexnet",
  },
];

/** Dense layers with relu; `units` are the inputs, then each layer's. */
export function denseNetwork(
  units: readonly number[],
  sizes: Pick<NetworkSize, "batch" | "examples" | "metrics">,
): NetworkSize {
  const [inputs, ...outputs] = units as readonly [number, ...number[]];
  const last = outputs.length - 1;
  return {
    name: units.join("-"),
    layers: outputs.map((units, i) =>
      new Dense({ units, activation: i < last ? "relu" : "linear" })
    ),
    inputShape: [inputs],
    ...sizes,
  };
}

/**
 * One step with softmax cross-entropy, the batch gathered from bytes. Its FLOPs are those of the products with
 * weights; its bytes are the batch, and the parameters read and written.
 */
export function trainingWorkload(gpu: Gpu, size: NetworkSize): Workload {
  const { name, layers, inputShape, metrics = [], askedBy } = size;
  const { optimizer = new Sgd({ learningRate: 0.01 }) } = size;
  const batch = gpu.adapter.software ? size.batch : size.batchOnCard ?? size.batch;
  const { examples = 2 * batch } = size;
  return {
    name: ["step", name, `batch ${batch}`, ...metrics].join(" "),
    suite: "training",
    group: `step ${name}`,
    ...(askedBy === undefined ? {} : { askedBy }),
    flops: batch * stepFlops(layers, inputShape),
    bytes: batch * (sizeOf(inputShape) + 4) + 8 * parameterCount(layers, inputShape),
    prepare: (gpu) => {
      const network = new Network(gpu, layers, inputShape, 1);
      const trainer = new Trainer(network, { loss: "softmaxCrossEntropy", optimizer, metrics });
      const data: Batch = {
        x: imageBytes(examples * sizeOf(inputShape)),
        y: labels(examples, sizeOf(network.outputShape)),
        length: examples,
      };
      return new PreparedTraining(
        network,
        trainer,
        new Feed(gpu, data, inputShape, true),
        batch,
      );
    },
  };
}

/**
 * Arithmetic of a step for one example: convolutions and dense layers forward, ∂C/∂weights, and above the first of them
 * ∂C/∂x, each as many operations as the others. Does not look into layers that contain layers.
 */
export function stepFlops(layers: readonly Layer[], inputShape: Shape): number {
  let total = 0;
  let input = inputShape;
  for (const layer of layers) {
    const output = layer.outputShape(input);
    if (layer instanceof Dense || layer instanceof ConvolutionLayer) {
      const weight = layer.parameters(input).find(({ name }) => name === "weight")!.shape;
      // Every output is a sum over the weights of its unit or filter.
      const products = sizeOf(output) * sizeOf(weight.slice(1));
      total += 2 * (total === 0 ? 2 : 3) * products;
    }
    input = output;
  }
  return total;
}

function parameterCount(layers: readonly Layer[], inputShape: Shape): number {
  let total = 0;
  let input = inputShape;
  for (const layer of layers) {
    for (const { shape } of layer.parameters(input)) total += sizeOf(shape);
    input = layer.outputShape(input);
  }
  return total;
}
