/**
 * Networks of fully connected layers: perceptron, logistic regression, multi-layer perceptron.
 *
 * @module
 */

import { Dense } from "../layers/dense.ts";
import { Dropout } from "../layers/dropout.ts";
import type { ActivationName } from "../ops/activation_source.ts";
import type { Shape } from "../shape.ts";
import { networkOf, type NetworkOptions } from "./network_options.ts";
import type { Sequential } from "./sequential.ts";

/** Options of {@linkcode mlp}. */
export interface MlpOptions extends NetworkOptions {
  /** Units of each hidden layer. Default [128]. */
  hidden?: readonly number[];
  /** Of the hidden layers. Default "relu". */
  activation?: ActivationName;
  /** The share of each hidden layer's outputs that is dropped in training. Default 0. */
  dropout?: number;
}

/** Inputs of MNIST. */
const DIGIT: Shape = [1, 28, 28];

/**
 * Perceptron: z = w · x + b, and the class is step(z), 1 if z > 0 and else 0. Input [2] by default: 3 parameters.
 *
 * The output is z, because the gradient of the step is 0 and nothing would learn; train it with the loss "hinge", whose
 * gradient moves w by ±x for each example on the wrong side or too near to it, as Rosenblatt's rule does. It learns what a
 * straight line can separate, and so not XOR; an {@linkcode mlp} does.
 *
 * @throws {OptionError} if an option is out of range.
 *
 * @example And, but not exclusive or
 * ```ts
 * import { Dataset, Gpu, perceptron, Sgd } from "@strata/strata";
 *
 * await using gpu = await Gpu.open();
 * using model = perceptron({ gpu });
 * model.compile({ loss: "hinge", optimizer: new Sgd({ learningRate: 0.1 }), metrics: ["accuracy"] });
 * const x = new Float32Array([0, 0, 0, 1, 1, 0, 1, 1]);
 * const and = new Dataset({ x, y: new Uint32Array([0, 0, 0, 1]), inputShape: [2], classes: 2 });
 * await model.fit(and, { epochs: 400, batchSize: 4 });
 * console.log((await model.evaluate(and)).accuracy); // 1
 * ```
 * @see Rosenblatt, "The perceptron: a probabilistic model for information storage and organization in the brain",
 * Psychological Review 65 (1958).
 * @see Minsky, Papert, "Perceptrons", 1969.
 */
export function perceptron(options: Omit<NetworkOptions, "classes">): Sequential {
  return networkOf([new Dense({ units: 1 })], options, [2]);
}

/**
 * Logistic regression: one layer, whose outputs are the logits of the classes. Input [1, 28, 28] by default, 10 classes: 7,850
 * parameters, 0.016 MFLOP for an image.
 *
 * @throws {OptionError} if an option is out of range.
 */
export function logisticRegression(options: NetworkOptions): Sequential {
  return networkOf([new Dense({ units: options.classes ?? 10 })], options, DIGIT);
}

/**
 * Multi-layer perceptron: hidden layers with an activation, then logistic regression. Input [1, 28, 28] by default, 10 classes:
 * 101,770 parameters with 128 hidden units, 0.20 MFLOP for an image.
 *
 * @throws {OptionError} if an option is out of range.
 * @see Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors", Nature 323 (1986).
 */
export function mlp(options: MlpOptions): Sequential {
  const { classes = 10, hidden = [128], activation = "relu", dropout = 0 } = options;
  const layers = hidden.flatMap((units) => [
    new Dense({ units, activation }),
    ...(dropout > 0 ? [new Dropout({ rate: dropout })] : []),
  ]);
  return networkOf([...layers, new Dense({ units: classes })], options, DIGIT);
}
