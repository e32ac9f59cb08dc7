/**
 * What layers have in common that slide filters over their input.
 *
 * @module
 */

import { type ConvolutionGeometry, resolveConvolution } from "../convolution_shape.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkOneOf, definedOptions } from "../options.ts";
import { ACTIVATION_NAMES, type ActivationName } from "../ops/activation_source.ts";
import { cast } from "../ops/cast.ts";
import {
  convolve,
  convolveBiasGradient,
  convolveInputGradient,
  convolveWeightGradient,
} from "../ops/convolution.ts";
import {
  ALGORITHM_OPTIONS,
  type AlgorithmOptions,
  checkAlgorithm,
  checkAlgorithmOptions,
} from "../ops/convolution_plan.ts";
import { type Shape, sizeOf } from "../shape.ts";
import type { ConvolutionOptions, FilterOptions } from "../window_options.ts";
import { activatedSum, slopeOf } from "./fused_activation.ts";
import { type Initializer, type InitializerName, resolveInitializer } from "./initializers.ts";
import type { Layer, LayerContext, LayerOutput, LayerWindow, ParameterSpec } from "./layer.ts";

/** Options of every layer with filters. */
export interface FilterLayerOptions extends AlgorithmOptions {
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

/** The names of {@linkcode FilterLayerOptions}. */
export const FILTER_LAYER_OPTIONS = [
  "activation",
  "useBias",
  "kernelInitializer",
  "biasInitializer",
  "name",
  ...ALGORITHM_OPTIONS,
] as const;

/** y = f(x ⋆ w + b), with filters that may depend on the number of channels. */
export abstract class FilterLayer implements Layer {
  /** The class. */
  abstract readonly kind: string;
  /** A name of the user's choice. */
  readonly name: string | undefined;
  /** The activation function. */
  readonly activation: ActivationName;
  /** Whether there is a bias. */
  readonly useBias: boolean;
  /** How it is computed, as far as that was said. */
  readonly algorithm: Readonly<AlgorithmOptions>;
  readonly #dims: number;
  readonly #kernelInitializer: Initializer;
  readonly #biasInitializer: Initializer;

  /**
   * Checks the options that all these layers have.
   *
   * @param dims Dimensions of space.
   * @throws {OptionError} if an option is out of range.
   */
  constructor(dims: number, options: FilterLayerOptions) {
    const what = new.target.name;
    const { activation = "linear", useBias = true } = options;
    checkOneOf(activation, `${what}: activation`, ACTIVATION_NAMES);
    const { algorithm, workspaceLimit, winogradTile } = options;
    this.algorithm = definedOptions({ algorithm, workspaceLimit, winogradTile });
    checkAlgorithmOptions(this.algorithm, what);
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

  /** The number and size of the filters for an input [channels, …], and how they move. */
  protected abstract filtersFor(input: Shape): Readonly<FilterOptions & ConvolutionOptions>;

  /** The options that make this layer again, as JSON. */
  abstract config(): Record<string, unknown>;

  /** [filters, …output]. */
  outputShape(input: Shape): Shape {
    const { filters, output } = this.geometry(input);
    return [filters, ...output];
  }

  /**
   * How the filters move over an input [channels, …].
   *
   * @throws {ShapeError} if they do not fit; {@linkcode OptionError} if the algorithm does not apply.
   */
  geometry(input: Shape): ConvolutionGeometry {
    const filters = this.filtersFor(input);
    const geometry = resolveConvolution(input, filters, filters, this.constructor.name);
    checkAlgorithm(geometry, this.algorithm, this.constructor.name);
    return geometry;
  }

  /** The taps of a filter. */
  window(input: Shape): LayerWindow {
    return this.geometry(input);
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
    const { recorder, parameters, gradients, inputActivation, activationType } = context;
    const input = cast(recorder, x, activationType);
    const weight = cast(recorder, parameters["weight"]!, activationType);
    const { filters: _, kernelSize: __, ...window } = this.filtersFor(x.shape.slice(1));
    const move = { ...window, ...this.algorithm };
    const bias = this.useBias ? { bias: parameters["bias"]! } : {};
    const activated = activatedSum(
      context,
      this.activation,
      (fused) =>
        convolve(recorder, this.#dims, input, weight, { ...move, ...bias, activation: fused }),
    );
    const slope = slopeOf(inputActivation, input);
    const backward = (dy: Tensor): Tensor | undefined => {
      const dz = activated.backward(dy);
      convolveWeightGradient(recorder, this.#dims, input, dz, {
        ...move,
        weightShape: weight.shape,
        dw: gradients["weight"]!,
      });
      if (this.useBias) convolveBiasGradient(recorder, dz, gradients["bias"]!);
      if (!context.inputGradient) return undefined;
      return convolveInputGradient(recorder, this.#dims, dz, weight, {
        ...move,
        ...slope,
        inputShape: x.shape,
      });
    };
    return { ...activated, backward, appliesInputActivation: true };
  }
}
