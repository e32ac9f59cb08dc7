/**
 * Golden runs of convolutional networks: ten training steps as PyTorch computes them in float64, and the
 * data they start from. The numbers are made by tools/golden_cnn.py; inputs, labels and initial parameters
 * come from the same integer hash here and there and are exact in float32.
 *
 * @module
 */

import { poolGeometry, resolveConvolution } from "../src/convolution_shape.ts";
import { type Shape, sizeOf } from "../src/shape.ts";
import type { Padding, PoolOptions } from "../src/window_options.ts";
import fixture from "./fixtures/golden_cnn.json" with { type: "json" };
import type { GoldenGradient, GoldenParameter } from "./golden.ts";
import { uniform } from "./golden_hash.ts";

/** A layer of a golden network. A dense layer flattens its input; none has an activation of its own. */
export type GoldenLayer =
  | {
    readonly type: "convolution";
    readonly filters: number;
    readonly kernelSize: number;
    readonly strides?: number;
    readonly padding?: Padding;
    readonly groups?: number;
    /** Default: true. */
    readonly useBias?: boolean;
  }
  | { readonly type: "dense"; readonly units: number }
  | { readonly type: "relu" }
  | { readonly type: "maxPool" | "averagePool" } & PoolOptions
  | {
    readonly type: "localResponseNorm";
    readonly size: number;
    readonly alpha: number;
    readonly beta: number;
    readonly k: number;
  }
  | { readonly type: "batchNorm"; readonly epsilon: number; readonly momentum: number };

/** The configuration of a run, and what PyTorch computed. The loss is the mean softmax cross-entropy. */
export interface GoldenCnnRun {
  readonly name: string;
  readonly seed: number;
  /** Channels, height and width. */
  readonly inputShape: Shape;
  readonly batchSize: number;
  /** Stochastic gradient descent. */
  readonly optimizer: { readonly learningRate: number; readonly momentum: number };
  readonly layers: readonly GoldenLayer[];
  /** The loss of every step, in training and before its update. */
  readonly losses: readonly number[];
  /** The gradients of step 0, in the order of the parameters. */
  readonly gradients: readonly GoldenGradient[];
  /** The norm of every parameter after the last step, by name. */
  readonly finalNorms: Readonly<Record<string, number>>;
  /** After the last step: "4.running_mean" and "4.running_var" if layer 4 is a batch normalisation. */
  readonly running: Readonly<Record<string, readonly number[]>>;
  /** The loss of the batch of step 0 after the last step, in inference. */
  readonly evaluation: number;
}

/** All runs. */
export const goldenCnnRuns: readonly GoldenCnnRun[] = fixture.runs as unknown as GoldenCnnRun[];

/**
 * The initial parameters of a run, rounded to float32: weights on ±1/√inputs, those of batch normalisation
 * on 0.5 … 1.5, biases on ±0.1. They are named as in a PyTorch `Sequential`: "0.weight" of layer 0.
 */
export function goldenCnnParameters(run: GoldenCnnRun): GoldenParameter[] {
  const parameters: GoldenParameter[] = [];
  let input = run.inputShape;
  run.layers.forEach((layer, index) => {
    const seed = run.seed * 1000 + 2 * index;
    const shape = weightShape(layer, input);
    input = outputShape(layer, input);
    if (shape === undefined) return;
    const bound = 1 / Math.sqrt(sizeOf(shape.slice(1)));
    const weights = uniform(seed, sizeOf(shape)).map((u) =>
      layer.type === "batchNorm" ? 0.5 + u : (2 * u - 1) * bound
    );
    parameters.push({ name: `${index}.weight`, shape, values: Float32Array.from(weights) });
    if (layer.type === "convolution" && layer.useBias === false) return;
    const biases = uniform(seed + 1, shape[0]!).map((u) => (2 * u - 1) * 0.1);
    const values = Float32Array.from(biases);
    parameters.push({ name: `${index}.bias`, shape: [shape[0]!], values });
  });
  return parameters;
}

/**
 * The batch of a step; every step has its own.
 *
 * @returns x [batchSize, ...inputShape] on −1 … 1, and labels y [batchSize].
 */
export function goldenCnnBatch(run: GoldenCnnRun, step: number): {
  x: Float32Array;
  y: Uint32Array;
} {
  const { batchSize, inputShape } = run;
  const [classes] = run.layers.reduce((shape, layer) => outputShape(layer, shape), inputShape);
  const seed = run.seed * 1000 + 100 + 2 * step;
  const x = uniform(seed, batchSize * sizeOf(inputShape)).map((u) => 2 * u - 1);
  const y = uniform(seed + 1, batchSize).map((u) => Math.floor(u * classes!));
  return { x: Float32Array.from(x), y: Uint32Array.from(y) };
}

/** The shape of a layer's weights, if it has some. */
function weightShape(layer: GoldenLayer, input: Shape): Shape | undefined {
  if (layer.type === "dense") return [layer.units, sizeOf(input)];
  if (layer.type === "batchNorm") return [input[0]!];
  if (layer.type !== "convolution") return undefined;
  const { filters, groups, channels, kernel } = resolveConvolution(input, layer, layer);
  return [filters, channels / groups, ...kernel];
}

/** The shape of a layer's output, without the batch. */
function outputShape(layer: GoldenLayer, input: Shape): Shape {
  if (layer.type === "dense") return [layer.units];
  if (layer.type === "convolution") {
    return [layer.filters, ...resolveConvolution(input, layer, layer).output];
  }
  if (layer.type === "maxPool" || layer.type === "averagePool") {
    return [input[0]!, ...poolGeometry(input, layer).output];
  }
  return input;
}
