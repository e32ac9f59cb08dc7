/**
 * Convolution layers.
 *
 * @module
 */

import { checkKeys, definedOptions } from "../options.ts";
import {
  checkConvolutionOptions,
  type ConvolutionOptions,
  type FilterOptions,
} from "../window_options.ts";
import { FILTER_LAYER_OPTIONS, FilterLayer, type FilterLayerOptions } from "./filter_layer.ts";

/** Options of {@linkcode Conv2d} and its relatives. */
export interface ConvolutionLayerOptions
  extends ConvolutionOptions, FilterOptions, FilterLayerOptions {}

const OPTION_NAMES = [
  "filters",
  "kernelSize",
  "strides",
  "padding",
  "dilation",
  "groups",
  ...FILTER_LAYER_OPTIONS,
];

/** What convolutions of one to three dimensions have in common. */
export abstract class ConvolutionLayer extends FilterLayer {
  /** The number and size of the filters, and how they move. */
  readonly options: Readonly<FilterOptions & ConvolutionOptions>;

  /**
   * Checks the options.
   *
   * @param dims Dimensions of space.
   * @throws {OptionError} if an option is unknown or out of range.
   */
  constructor(dims: number, options: ConvolutionLayerOptions) {
    const what = new.target.name;
    checkKeys(options, what, OPTION_NAMES);
    super(dims, options);
    const { filters, kernelSize, strides, padding, dilation, groups } = options;
    this.options = {
      filters,
      kernelSize,
      ...definedOptions({ strides, padding, dilation, groups }),
    };
    checkConvolutionOptions(dims, this.options, this.options, what);
  }

  /** The same for every input. */
  protected override filtersFor(): Readonly<FilterOptions & ConvolutionOptions> {
    return this.options;
  }

  /** The options, without initialisers. */
  override config(): Record<string, unknown> {
    const { activation, useBias, algorithm } = this;
    return { ...this.options, activation, useBias, ...algorithm };
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
