/**
 * AlexNet: as in its paper, in one tower, and a small one.
 *
 * @module
 */

import { Conv2d, type ConvolutionLayerOptions } from "../layers/convolution.ts";
import { Dense } from "../layers/dense.ts";
import { Dropout } from "../layers/dropout.ts";
import type { Layer } from "../layers/layer.ts";
import { LocalResponseNorm } from "../layers/local_response_norm.ts";
import { MaxPool2d } from "../layers/pooling.ts";
import { type DeepLayersOptions, type DeepNetworkOptions, networkOf } from "./network_options.ts";
import type { Sequential } from "./sequential.ts";

/** What the paper's AlexNet and its small relative have as an option. */
export interface ResponseNormOption {
  /** Whether local response normalisation follows the first two convolutions. */
  readonly localResponseNorm?: boolean;
}

/** A pool whose windows overlap: 3×3 with stride 2. */
function overlappingPool(name?: string): MaxPool2d {
  return new MaxPool2d({ poolSize: 3, strides: 2, ...(name === undefined ? {} : { name }) });
}

/** The paper's constants. It does not divide α = 10⁻⁴ by the size 5, as the layer does. */
function responseNorm(): LocalResponseNorm {
  return new LocalResponseNorm({ size: 5, alpha: 5e-4, beta: 0.75, k: 2 });
}

/**
 * The layers of {@linkcode alexnet}.
 *
 * @param options `classes` is 1000 and `localResponseNorm` true by default.
 */
export function alexnetLayers(options: DeepLayersOptions & ResponseNormOption = {}): Layer[] {
  const { classes = 1000, kernelInitializer = "heNormal", localResponseNorm = true } = options;
  const shared = { activation: "relu", kernelInitializer } as const;
  const norm = () => localResponseNorm ? [responseNorm()] : [];
  return [
    new Conv2d({ filters: 96, kernelSize: 11, strides: 4, ...shared }),
    ...norm(),
    overlappingPool(),
    new Conv2d({ filters: 256, kernelSize: 5, padding: 2, groups: 2, ...shared }),
    ...norm(),
    overlappingPool(),
    new Conv2d({ filters: 384, kernelSize: 3, padding: 1, ...shared }),
    new Conv2d({ filters: 384, kernelSize: 3, padding: 1, groups: 2, ...shared }),
    new Conv2d({ filters: 256, kernelSize: 3, padding: 1, groups: 2, ...shared }),
    overlappingPool(),
    new Dense({ units: 4096, ...shared }),
    new Dropout({ rate: 0.5 }),
    new Dense({ units: 4096, ...shared }),
    new Dropout({ rate: 0.5 }),
    new Dense({ units: classes, kernelInitializer }),
  ];
}

/**
 * AlexNet as in its paper: five convolutions, of which the second, fourth and fifth have two groups, as they were split between
 * two cards; local response normalisation behind the first two; overlapping pools of 3×3 with stride 2; three dense layers with
 * dropout between.
 *
 * Input [3, 227, 227] by default (the paper says 224, which does not fit its 55×55 outputs), 1,000 classes: 60,965,224
 * parameters, 2,332,704 of them weights of convolutions; 1.46 GFLOP for an image. The parameters take 244 MB, and training three
 * times that. Initial weights are He's, not the paper's fixed deviation of 0.01, with which training starts more slowly.
 *
 * @throws {ShapeError} if the input is too small; {@linkcode OutOfMemoryError} if the parameters are larger than a buffer.
 * @see Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural networks", NeurIPS 2012.
 */
export function alexnet(options: DeepNetworkOptions & ResponseNormOption): Sequential {
  return networkOf(alexnetLayers(options), options, [3, 227, 227]);
}

/**
 * The layers of {@linkcode alexnetOneTower}, named as in torchvision: `features.0`, …, `classifier.6`.
 *
 * @param options `classes` is 1000 by default.
 */
export function alexnetOneTowerLayers(options: DeepLayersOptions = {}): Layer[] {
  const { classes = 1000, kernelInitializer = "heNormal" } = options;
  const conv = (place: number, own: ConvolutionLayerOptions) =>
    new Conv2d({ ...own, activation: "relu", kernelInitializer, name: `features.${place}` });
  const dense = (place: number, units: number, activation: "relu" | "linear") =>
    new Dense({ units, activation, kernelInitializer, name: `classifier.${place}` });
  return [
    conv(0, { filters: 64, kernelSize: 11, strides: 4, padding: 2 }),
    overlappingPool("features.2"),
    conv(3, { filters: 192, kernelSize: 5, padding: 2 }),
    overlappingPool("features.5"),
    conv(6, { filters: 384, kernelSize: 3, padding: 1 }),
    conv(8, { filters: 256, kernelSize: 3, padding: 1 }),
    conv(10, { filters: 256, kernelSize: 3, padding: 1 }),
    overlappingPool("features.12"),
    new Dropout({ rate: 0.5, name: "classifier.0" }),
    dense(1, 4096, "relu"),
    new Dropout({ rate: 0.5, name: "classifier.3" }),
    dense(4, 4096, "relu"),
    dense(6, classes, "linear"),
  ];
}

/**
 * AlexNet for one card, without groups and normalisation, as torchvision has it.
 *
 * Its layers have the names of torchvision's, so that `loadParameters` reads a state dict of torchvision's `alexnet`, saved as
 * safetensors: `features.0.weight`, …, `classifier.6.bias`. Inputs are then to be normalised as torchvision does it.
 *
 * Input [3, 224, 224] by default, 1,000 classes: 61,100,840 parameters, 1.43 GFLOP for an image. Other sizes of images are taken
 * if they still give 6×6 before the dense layers, where torchvision averages to that size.
 *
 * @throws {ShapeError} if the input is too small; {@linkcode OutOfMemoryError} if the parameters are larger than a buffer.
 * @see Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014.
 */
export function alexnetOneTower(options: DeepNetworkOptions): Sequential {
  return networkOf(alexnetOneTowerLayers(options), options, [3, 224, 224]);
}

/**
 * The layers of {@linkcode alexnetSmall}.
 *
 * @param options `classes` is 10 and `localResponseNorm` false by default.
 */
export function alexnetSmallLayers(options: DeepLayersOptions & ResponseNormOption = {}): Layer[] {
  const { classes = 10, kernelInitializer = "glorotUniform", localResponseNorm = false } = options;
  const shared = { activation: "relu", kernelInitializer } as const;
  const norm = () => localResponseNorm ? [responseNorm()] : [];
  return [
    new Conv2d({ filters: 32, kernelSize: 5, padding: 2, ...shared }),
    ...norm(),
    overlappingPool(),
    new Conv2d({ filters: 48, kernelSize: 3, padding: 1, ...shared }),
    ...norm(),
    overlappingPool(),
    new Conv2d({ filters: 64, kernelSize: 3, padding: 1, ...shared }),
    new Conv2d({ filters: 64, kernelSize: 3, padding: 1, ...shared }),
    new Conv2d({ filters: 48, kernelSize: 3, padding: 1, ...shared }),
    overlappingPool(),
    new Dense({ units: 256, ...shared }),
    new Dropout({ rate: 0.5 }),
    new Dense({ units: 128, ...shared }),
    new Dropout({ rate: 0.5 }),
    new Dense({ units: classes, kernelInitializer }),
  ];
}

/**
 * AlexNet's pattern for images of 32×32, as in CIFAR-10: five convolutions with overlapping pools behind the first, second and
 * fifth, and three dense layers with dropout; the filters are small and few, so that it can be trained without a graphics card.
 *
 * Input [3, 32, 32] by default, 10 classes: 253,674 parameters, 20.7 MFLOP for an image. Local response normalisation is off by
 * default, and initial weights are Glorot's: with He's the first losses are far above log 10, and training takes longer.
 *
 * @throws {ShapeError} if the input is too small.
 * @see Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural networks", NeurIPS 2012.
 */
export function alexnetSmall(options: DeepNetworkOptions & ResponseNormOption): Sequential {
  return networkOf(alexnetSmallLayers(options), options, [3, 32, 32]);
}
