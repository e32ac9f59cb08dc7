/**
 * LeNet, the first convolutional network in wide use.
 *
 * @module
 */

import { Conv2d } from "../layers/convolution.ts";
import { Dense } from "../layers/dense.ts";
import { MaxPool2d } from "../layers/pooling.ts";
import { networkOf, type NetworkOptions } from "./network_options.ts";
import type { Sequential } from "./sequential.ts";

/**
 * LeNet-5 with rectifiers and max pooling: two convolutions of 5×5, each with a pool of 2×2, and three dense layers.
 *
 * Input [1, 28, 28] by default, 10 classes: 61,706 parameters, 0.85 MFLOP for an image.
 *
 * @throws {ShapeError} if the input is too small.
 * @see LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998.
 */
export function lenet5(options: NetworkOptions): Sequential {
  const { classes = 10 } = options;
  const activation = "relu";
  const layers = [
    new Conv2d({ filters: 6, kernelSize: 5, padding: 2, activation }),
    new MaxPool2d({ poolSize: 2 }),
    new Conv2d({ filters: 16, kernelSize: 5, activation }),
    new MaxPool2d({ poolSize: 2 }),
    new Dense({ units: 120, activation }),
    new Dense({ units: 84, activation }),
    new Dense({ units: classes }),
  ];
  return networkOf(layers, options, [1, 28, 28]);
}
