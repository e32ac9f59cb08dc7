/**
 * Golden runs: ten training steps of small MLPs as PyTorch computes them in float64, and the data they
 * start from. The numbers are made by tools/golden_mlp.py; inputs, targets and initial weights come from
 * the same integer hash here and there and are exact in float32.
 *
 * @module
 */

import fixture from "./fixtures/golden_mlp.json" with { type: "json" };
import optimizers from "./fixtures/golden_optimizers.json" with { type: "json" };
import { uniform } from "./golden_hash.ts";

/** The network of a run and what it is trained on. */
export interface GoldenNetwork {
  readonly seed: number;
  /** Units of the input, of each hidden layer and of the output. */
  readonly sizes: readonly number[];
  /** Of the hidden layers; the last layer has none. */
  readonly activation: "relu" | "leakyRelu" | "tanh" | "sigmoid" | "gelu";
  readonly loss: "softmaxCrossEntropy" | "sigmoidCrossEntropy" | "meanSquaredError";
  readonly batchSize: number;
}

/** The configuration of a run, and what PyTorch computed. Losses are means over the batch. */
export interface GoldenRun extends GoldenNetwork {
  readonly name: string;
  /** Stochastic gradient descent; the weight decay acts on biases too. */
  readonly optimizer: {
    readonly learningRate: number;
    readonly momentum?: number;
    readonly nesterov?: boolean;
    readonly weightDecay?: number;
  };
  /** If present, gradients are scaled by min(1, clipNorm / norm of all of them together). */
  readonly clipNorm?: number;
  /** The loss of every step, before its update. */
  readonly losses: readonly number[];
  /** The gradients of step 0, unclipped, in the order of the parameters. */
  readonly gradients: readonly GoldenGradient[];
  /** With `clipNorm`: the norm before clipping at every step. */
  readonly gradientNorms?: readonly number[];
  /** The norm of every parameter after the last step, by name. */
  readonly finalNorms: Readonly<Record<string, number>>;
}

/** A run with another optimiser. */
export interface GoldenOptimizerRun extends GoldenNetwork {
  readonly name: string;
  readonly optimizer: "adam" | "adamw" | "nadam" | "rmsprop" | "adagrad";
  /** Those that are not left at their defaults. */
  readonly options: { readonly learningRate: number };
  /** The loss of every step, before its update. */
  readonly losses: readonly number[];
  /** The norm of every parameter after the last step, by name. */
  readonly finalNorms: Readonly<Record<string, number>>;
}

/** The gradient of a parameter. */
export interface GoldenGradient {
  readonly name: string;
  readonly norm: number;
  /** `values` holds the elements 0, stride, 2 · stride, … */
  readonly stride: number;
  readonly values: readonly number[];
}

/** A parameter before the first step. Weights are [out, in]. */
export interface GoldenParameter {
  /** "0.weight", "0.bias", "1.weight", … */
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** All runs. */
export const goldenRuns: readonly GoldenRun[] = fixture.runs.map((run) => run as GoldenRun);

/** All runs with other optimisers than gradient descent; tools/golden_optimizers.py makes their numbers. */
export const goldenOptimizerRuns: readonly GoldenOptimizerRun[] = optimizers.runs.map((run) =>
  run as GoldenOptimizerRun
);

/** The initial parameters of a run: weights on ±1/√inputs, biases on ±0.1, rounded to float32. */
export function goldenParameters(run: GoldenNetwork): GoldenParameter[] {
  return run.sizes.slice(1).flatMap((outputs, layer) => {
    const inputs = run.sizes[layer]!;
    const seed = run.seed * 1000 + 2 * layer;
    const weights = uniform(seed, outputs * inputs).map((u) => (2 * u - 1) / Math.sqrt(inputs));
    const biases = uniform(seed + 1, outputs).map((u) => (2 * u - 1) * 0.1);
    return [
      {
        name: `${layer}.weight`,
        shape: [outputs, inputs],
        values: Float32Array.from(weights),
      },
      { name: `${layer}.bias`, shape: [outputs], values: Float32Array.from(biases) },
    ];
  });
}

/**
 * The batch of a step; every step has its own.
 *
 * @returns x [batchSize, inputs] on −1 … 1, and y: labels [batchSize] for softmaxCrossEntropy, else
 * targets [batchSize, outputs], 0 or 1 for sigmoidCrossEntropy and −1 … 1 for meanSquaredError.
 */
export function goldenBatch(
  run: GoldenNetwork,
  step: number,
): { x: Float32Array; y: Uint32Array | Float32Array } {
  const { batchSize, loss } = run;
  const outputs = run.sizes.at(-1)!;
  const seed = run.seed * 1000 + 100 + 2 * step;
  const x = Float32Array.from(uniform(seed, batchSize * run.sizes[0]!), (u) => 2 * u - 1);
  if (loss === "softmaxCrossEntropy") {
    const labels = uniform(seed + 1, batchSize).map((u) => Math.floor(u * outputs));
    return { x, y: Uint32Array.from(labels) };
  }
  const targets = uniform(seed + 1, batchSize * outputs).map((u) =>
    loss === "sigmoidCrossEntropy" ? (u >= 0.5 ? 1 : 0) : 2 * u - 1
  );
  return { x, y: Float32Array.from(targets) };
}
