/**
 * Convolutions that look at each channel by itself, and those that mix the channels afterwards.
 *
 * @module
 */

import type { Tensor } from "../gpu/tensor.ts";
import { checkKeys, checkNumber, definedOptions } from "../options.ts";
import type { Shape } from "../shape.ts";
import {
  checkConvolutionOptions,
  type ConvolutionOptions,
  type FilterOptions,
} from "../window_options.ts";
import { Conv2d } from "./convolution.ts";
import { FILTER_LAYER_OPTIONS, FilterLayer, type FilterLayerOptions } from "./filter_layer.ts";
import type { Layer, LayerContext, LayerOutput, LayerWindow, ParameterSpec } from "./layer.ts";
import { Stack } from "./stack.ts";

/** How many filters each channel has, their size, and how they move. */
export interface DepthwiseOptions extends Omit<ConvolutionOptions, "groups"> {
  /** The number of weights along each spatial dimension, 1 or more. */
  readonly kernelSize: FilterOptions["kernelSize"];
  /** Filters for each channel, 1 or more. Default 1. */
  readonly depthMultiplier?: number;
}

/** Options of {@linkcode DepthwiseConv2d}. */
export interface DepthwiseConvolutionLayerOptions extends DepthwiseOptions, FilterLayerOptions {}

/** Options of {@linkcode SeparableConv2d}; `activation`, `useBias` and `biasInitializer` are those of the 1×1 convolution. */
export interface SeparableConvolutionLayerOptions extends DepthwiseOptions, FilterLayerOptions {
  /** The number of outputs' channels. */
  readonly filters: number;
}

const DEPTHWISE_OPTIONS = [
  "kernelSize",
  "depthMultiplier",
  "strides",
  "padding",
  "dilation",
  ...FILTER_LAYER_OPTIONS,
];

/** The options of a depthwise convolution that are given; they are checked. */
function depthwiseOptionsOf(options: DepthwiseOptions, what: string): DepthwiseOptions {
  const { kernelSize, depthMultiplier, strides, padding, dilation } = options;
  checkNumber(depthMultiplier ?? 1, `${what}: depthMultiplier`, { min: 1, integer: true });
  const own = {
    kernelSize,
    ...definedOptions({ depthMultiplier, strides, padding, dilation }),
  };
  checkConvolutionOptions(2, { kernelSize, filters: 1 }, own, what);
  return own;
}

/**
 * y[c · m + i] = f(x[c] ⋆ w[c · m + i] + b[c · m + i]) for the m filters of each channel c: a convolution with as many groups
 * as channels.
 *
 * Shape: [c, h, w] → [c · m, oh, ow]; weight [c · m, 1, kh, kw], bias [c · m].
 *
 * @example
 * ```ts
 * import { DepthwiseConv2d } from "@strata/strata";
 *
 * const layer = new DepthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, padding: "same" });
 * console.log(layer.outputShape([8, 14, 14])); // [16, 14, 14]
 * ```
 */
export class DepthwiseConv2d extends FilterLayer {
  /** The class. */
  override readonly kind = "DepthwiseConv2d";
  /** How many filters each channel has, their size, and how they move. */
  readonly options: Readonly<DepthwiseOptions>;

  /**
   * Checks the options.
   *
   * @throws {OptionError} if an option is unknown or out of range.
   */
  constructor(options: DepthwiseConvolutionLayerOptions) {
    checkKeys(options, "DepthwiseConv2d", DEPTHWISE_OPTIONS);
    super(2, options);
    this.options = depthwiseOptionsOf(options, "DepthwiseConv2d");
  }

  /** One group for each channel. */
  protected override filtersFor(input: Shape): Readonly<FilterOptions & ConvolutionOptions> {
    const { depthMultiplier = 1, ...move } = this.options;
    const groups = Math.max(1, input[0] ?? 1);
    return { ...move, filters: groups * depthMultiplier, groups };
  }

  /** The options, without initialisers. */
  override config(): Record<string, unknown> {
    const { activation, useBias, algorithm } = this;
    return { ...this.options, activation, useBias, ...algorithm };
  }
}

/**
 * A depthwise convolution without a bias, then a convolution of 1×1 that mixes the channels: y = f(w₁ ⋆ (w₀ ⋆ x) + b).
 *
 * For n filters of k×k on c channels these are c · m · (k² + n) weights instead of c · k² · n.
 *
 * Shape: [c, h, w] → [filters, oh, ow]; depthwise.weight [c · m, 1, kh, kw], pointwise.weight [filters, c · m, 1, 1],
 * pointwise.bias [filters].
 *
 * @example
 * ```ts
 * import { SeparableConv2d } from "@strata/strata";
 *
 * const layer = new SeparableConv2d({ filters: 64, kernelSize: 3, padding: "same" });
 * const [depthwise, pointwise] = layer.parameters([32, 14, 14]);
 * console.log(depthwise!.shape, pointwise!.shape); // [32, 1, 3, 3] [64, 32, 1, 1]
 * ```
 * @see Chollet, "Xception: deep learning with depthwise separable convolutions", CVPR 2017.
 */
export class SeparableConv2d implements Layer {
  /** The class. */
  readonly kind = "SeparableConv2d";
  /** A name of the user's choice. */
  readonly name: string | undefined;
  readonly #depthwise: DepthwiseConv2d;
  readonly #pointwise: Conv2d;
  readonly #stack: Stack;

  /**
   * Checks the options.
   *
   * @throws {OptionError} if an option is unknown or out of range.
   */
  constructor(options: SeparableConvolutionLayerOptions) {
    const what = "SeparableConv2d";
    checkKeys(options, what, ["filters", ...DEPTHWISE_OPTIONS]);
    const { filters, kernelInitializer, activation, useBias, biasInitializer } = options;
    const { algorithm, workspaceLimit, winogradTile } = options; // of the depthwise filters; the others are of 1×1
    checkNumber(filters, `${what}: filters`, { min: 1, integer: true });
    const initializer = definedOptions({ kernelInitializer });
    this.name = options.name;
    this.#depthwise = new DepthwiseConv2d({
      ...depthwiseOptionsOf(options, what),
      ...initializer,
      ...definedOptions({ algorithm, workspaceLimit, winogradTile }),
      useBias: false,
    });
    this.#pointwise = new Conv2d({
      ...{ filters, kernelSize: 1 },
      ...initializer,
      ...definedOptions({ activation, useBias, biasInitializer }),
    });
    this.#stack = new Stack([this.#depthwise, this.#pointwise], ["depthwise", "pointwise"]);
  }

  /** [filters, …output]. */
  outputShape(input: Shape): Shape {
    return this.#pointwise.outputShape(this.#depthwise.outputShape(input));
  }

  /** The taps of a depthwise filter. */
  window(input: Shape): LayerWindow {
    return this.#depthwise.window(input);
  }

  /** `depthwise.weight`, `pointwise.weight` and `pointwise.bias`. */
  parameters(input: Shape): readonly ParameterSpec[] {
    return this.#stack.parameters(input);
  }

  /** The sum of both convolutions. */
  flops(input: Shape): number {
    return this.#stack.flops(input);
  }

  /** Records both convolutions. */
  forward(x: Tensor, context: LayerContext): LayerOutput {
    return this.#stack.forward(x, context);
  }

  /** The options, without initialisers. */
  config(): Record<string, unknown> {
    const { filters } = this.#pointwise.options;
    const { activation, useBias } = this.#pointwise;
    return {
      filters,
      ...this.#depthwise.options,
      activation,
      useBias,
      ...this.#depthwise.algorithm,
    };
  }
}
