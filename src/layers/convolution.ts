/**
 * Convolution layers.
 *
 * @module
 */

import { type ConvolutionGeometry, resolveConvolution } from "../convolution_shape.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkKeys, checkOneOf } from "../options.ts";
import { ACTIVATION_NAMES, type ActivationName } from "../ops/activation_source.ts";
import {
  convolve,
  convolveBiasGradient,
  convolveInputGradient,
  convolveWeightGradient,
} from "../ops/convolution.ts";
import { type Shape, sizeOf } from "../shape.ts";
import {
  checkConvolutionOptions,
  type ConvolutionOptions,
  type FilterOptions,
} from "../window_options.ts";
import { activatedSum } from "./fused_activation.ts";
import { type Initializer, type InitializerName, resolveInitializer } from "./initializers.ts";
import type { Layer, LayerContext, LayerOutput, ParameterSpec } from "./layer.ts";

/** Options of {@linkcode Conv2d} and its relatives. */
export interface ConvolutionLayerOptions extends ConvolutionOptions, FilterOptions {
  /** Applied to the sum. Default "linear". */
  activation?: ActivationName;
  /** Whether to add a bias. Default true. */
  useBias?: boolean;
  /** Initial weights. Default "glorotUniform". */
  kernelInitializer?: InitializerName | Initializer;
  /** Initial bias. Default "zeros". */
  biasInitializer?: InitializerName | Initializer;
  /** A name for summaries and errors. */
  name?: string;
}

const OPTION_NAMES = [
  "filters",
  "kernelSize",
  "strides",
  "padding",
  "dilation",
  "groups",
  "activation",
  "useBias",
  "kernelInitializer",
  "biasInitializer",
  "name",
];

/** What convolutions of one to three dimensions have in common. */
export abstract class ConvolutionLayer implements Layer {
  /** The class. */
  abstract readonly kind: string;
  /** A name of the user's choice. */
  readonly name: string | undefined;
  /** The number and size of the filters, and how they move. */
  readonly options: Readonly<FilterOptions & ConvolutionOptions>;
  /** The activation function. */
  readonly activation: ActivationName;
  /** Whether there is a bias. */
  readonly useBias: boolean;
  readonly #dims: number;
  readonly #kernelInitializer: Initializer;
  readonly #biasInitializer: Initializer;

  /**
   * Checks the options.
   *
   * @param dims Dimensions of space.
   * @throws {OptionError} if an option is unknown or out of range.
   */
  constructor(dims: number, options: ConvolutionLayerOptions) {
    const what = new.target.name;
    checkKeys(options, what, OPTION_NAMES);
    const { filters, kernelSize, strides, padding, dilation, groups } = options;
    const given = Object.entries({ strides, padding, dilation, groups })
      .filter(([, value]) => value !== undefined);
    this.options = { filters, kernelSize, ...Object.fromEntries(given) };
    checkConvolutionOptions(dims, this.options, this.options, what);
    const { activation = "linear", useBias = true } = options;
    checkOneOf(activation, `${what}: activation`, ACTIVATION_NAMES);
    this.#dims = dims;
    this.activation = activation;
    this.useBias = useBias;
    this.name = options.name;
    this.#kernelInitializer = resolveInitializer(
      options.kernelInitializer ?? "glorotUniform",
      `${what}: kernelInitializer`,
    );
    this.#biasInitializer = resolveInitializer(
      options.biasInitializer ?? "zeros",
      `${what}: biasInitializer`,
    );
  }

  /** [filters, …output]. */
  outputShape(input: Shape): Shape {
    const { filters, output } = this.geometry(input);
    return [filters, ...output];
  }

  /** How the filters move over an input [channels, …]. @throws {ShapeError} if they do not fit. */
  geometry(input: Shape): ConvolutionGeometry {
    return resolveConvolution(input, this.options, this.options, this.constructor.name);
  }

  /** `weight` [filters, channels / groups, …kernel] and `bias` [filters]. */
  parameters(input: Shape): readonly ParameterSpec[] {
    const { channels, filters, groups, kernel } = this.geometry(input);
    const shape = [filters, channels / groups, ...kernel];
    const fans = {
      in: sizeOf(kernel) * channels / groups,
      out: sizeOf(kernel) * filters / groups,
    };
    const weight = { name: "weight", shape, fans, initializer: this.#kernelInitializer };
    if (!this.useBias) return [weight];
    const bias = { name: "bias", shape: [filters], fans, initializer: this.#biasInitializer };
    return [weight, bias];
  }

  /** 2 · channels / groups · kernel for each output, and one for each bias and activation. */
  flops(input: Shape): number {
    const { channels, filters, groups, kernel, output } = this.geometry(input);
    const epilogue = (this.useBias ? 1 : 0) + (this.activation === "linear" ? 0 : 1);
    return filters * sizeOf(output) * (2 * channels / groups * sizeOf(kernel) + epilogue);
  }

  /** Records the convolution with fused bias and activation. */
  forward(x: Tensor, context: LayerContext): LayerOutput {
    const { recorder, parameters, gradients } = context;
    const weight = parameters["weight"]!;
    const { filters: _, kernelSize: __, ...move } = this.options;
    const bias = this.useBias ? { bias: parameters["bias"]! } : {};
    const { y, backward: backwardToSum } = activatedSum(
      context,
      this.activation,
      (fused) => convolve(recorder, this.#dims, x, weight, { ...move, ...bias, activation: fused }),
    );
    const backward = (dy: Tensor): Tensor | undefined => {
      const dz = backwardToSum(dy);
      convolveWeightGradient(recorder, this.#dims, x, dz, {
        ...move,
        weightShape: weight.shape,
        dw: gradients["weight"]!,
      });
      if (this.useBias) convolveBiasGradient(recorder, dz, gradients["bias"]!);
      if (!context.inputGradient) return undefined;
      return convolveInputGradient(recorder, this.#dims, dz, weight, {
        ...move,
        inputShape: x.shape,
      });
    };
    return { y, backward };
  }

  /** The options, without initialisers. */
  config(): Record<string, unknown> {
    const { activation, useBias } = this;
    return { ...this.options, activation, useBias };
  }
}

/**
 * y = f(x ⋆ w + b) over one dimension: sequences, sound, text. Shape: [c, w] → [filters, ow]; weight [filters, c / groups, kw].
 */
export class Conv1d extends ConvolutionLayer {
  /** The class. */
  override readonly kind = "Conv1d";

  /** Checks the options. */
  constructor(options: ConvolutionLayerOptions) {
    super(1, options);
  }
}

/**
 * y = f(x ⋆ w + b) over images: cross-correlation, as in every framework.
 *
 * Shape: [c, h, w] → [filters, oh, ow]; weight [filters, c / groups, kh, kw], bias [filters].
 *
 * Backward, with dz = f′(z) · dy: dw = x ⋆ dz, db = Σ dz, dx = dz ∗ w (the full convolution).
 *
 * @example
 * ```ts
 * import { Conv2d } from "@strata/strata";
 *
 * const layer = new Conv2d({ filters: 32, kernelSize: 5, padding: "same", activation: "relu" });
 * console.log(layer.outputShape([1, 28, 28])); // [32, 28, 28]
 * ```
 * @see LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998.
 */
export class Conv2d extends ConvolutionLayer {
  /** The class. */
  override readonly kind = "Conv2d";

  /** Checks the options. */
  constructor(options: ConvolutionLayerOptions) {
    super(2, options);
  }
}

/** y = f(x ⋆ w + b) over volumes or films. Shape: [c, d, h, w] → [filters, od, oh, ow]. */
export class Conv3d extends ConvolutionLayer {
  /** The class. */
  override readonly kind = "Conv3d";

  /** Checks the options. */
  constructor(options: ConvolutionLayerOptions) {
    super(3, options);
  }
}
