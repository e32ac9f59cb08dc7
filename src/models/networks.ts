/**
 * Networks by name. Each function makes a new model; their outputs are logits.
 *
 * @module
 */

import type { Gpu } from "../gpu/gpu.ts";
import { Conv2d } from "../layers/convolution.ts";
import { Dense } from "../layers/dense.ts";
import { Dropout } from "../layers/dropout.ts";
import type { Layer } from "../layers/layer.ts";
import { MaxPool2d } from "../layers/pooling.ts";
import type { ActivationName } from "../ops/activation_source.ts";
import type { Shape } from "../shape.ts";
import { Sequential } from "./sequential.ts";

/** Options of all networks. */
export interface NetworkOptions {
  /** Where it computes. */
  gpu: Gpu;
  /** The shape of one input. Default: the one that the network was made for. */
  inputShape?: Shape;
  /** The number of outputs. Default 10. */
  classes?: number;
  /** Of the initial parameters, the order of the examples and dropout. Default 0. */
  seed?: number;
  /** Layers before the network's own, such as normalisation and augmentation. Default none. */
  preprocessing?: readonly Layer[];
}

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
 * Logistic regression: one layer, whose outputs are the logits of the classes. Input [1, 28, 28] by default: 7,850 parameters.
 *
 * @throws {OptionError} if an option is out of range.
 */
export function logisticRegression(options: NetworkOptions): Sequential {
  const { gpu, inputShape = DIGIT, classes = 10, seed = 0, preprocessing = [] } = options;
  return new Sequential([...preprocessing, new Dense({ units: classes })], {
    gpu,
    inputShape,
    seed,
  });
}

/**
 * Multi-layer perceptron: hidden layers with an activation, then logistic regression. Input [1, 28, 28] by default: 101,770
 * parameters with 128 hidden units.
 *
 * @throws {OptionError} if an option is out of range.
 */
export function mlp(options: MlpOptions): Sequential {
  const { gpu, inputShape = DIGIT, classes = 10, seed = 0, preprocessing = [] } = options;
  const { hidden = [128], activation = "relu", dropout = 0 } = options;
  const layers = hidden.flatMap((units) => [
    new Dense({ units, activation }),
    ...(dropout > 0 ? [new Dropout({ rate: dropout })] : []),
  ]);
  return new Sequential([...preprocessing, ...layers, new Dense({ units: classes })], {
    gpu,
    inputShape,
    seed,
  });
}

/**
 * LeNet-5 with rectifiers and max pooling: two convolutions of 5×5, each with a pool of 2×2, and three dense layers.
 *
 * Input [1, 28, 28] by default: 61,706 parameters, 0.85 MFLOP for an image.
 *
 * @throws {ShapeError} if the input is too small.
 * @see LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998.
 */
export function lenet5(options: NetworkOptions): Sequential {
  const { gpu, inputShape = DIGIT, classes = 10, seed = 0, preprocessing = [] } = options;
  const activation = "relu";
  return new Sequential([
    ...preprocessing,
    new Conv2d({ filters: 6, kernelSize: 5, padding: 2, activation }),
    new MaxPool2d({ poolSize: 2 }),
    new Conv2d({ filters: 16, kernelSize: 5, activation }),
    new MaxPool2d({ poolSize: 2 }),
    new Dense({ units: 120, activation }),
    new Dense({ units: 84, activation }),
    new Dense({ units: classes }),
  ], { gpu, inputShape, seed });
}
