/**
 * Local response normalisation.
 *
 * @module
 */

import { ShapeError } from "../errors.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkKeys, checkNumber } from "../options.ts";
import {
  localResponseNorm,
  localResponseNormGradient,
  type LocalResponseNormOptions,
} from "../ops/local_response_norm.ts";
import { type Shape, sizeOf } from "../shape.ts";
import { slopeOf } from "./fused_activation.ts";
import type { LayerContext, LayerOutput } from "./layer.ts";
import { ParameterlessLayer } from "./parameterless_layer.ts";

/** Options of {@linkcode LocalResponseNorm}. */
export interface LocalResponseNormLayerOptions extends LocalResponseNormOptions {
  /** A name for summaries and errors. */
  readonly name?: string;
}

/**
 * y[c, i] = x[c, i] / (k + α / size · Σ_j x[j, i]²)^β over the `size` neighbouring channels j of c, in PyTorch's convention;
 * AlexNet's paper does not divide by size: its constants are `{ size: 5, alpha: 5e-4, beta: 0.75, k: 2 }` here.
 *
 * Shape: [c, …] → same.
 *
 * @example
 * ```ts
 * import { LocalResponseNorm } from "@strata/strata";
 *
 * const layer = new LocalResponseNorm({ size: 5, alpha: 5e-4, beta: 0.75, k: 2 });
 * console.log(layer.outputShape([96, 27, 27])); // [96, 27, 27]
 * ```
 * @see Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural networks", NeurIPS 2012,
 * section 3.3.
 */
export class LocalResponseNorm extends ParameterlessLayer {
  /** The class. */
  override readonly kind = "LocalResponseNorm";
  /** The constants. */
  readonly options: Readonly<Required<LocalResponseNormOptions>>;

  /**
   * Checks the options.
   *
   * @throws {OptionError} if an option is unknown or out of range.
   */
  constructor(options: LocalResponseNormLayerOptions = {}) {
    const what = "LocalResponseNorm";
    checkKeys(options, what, ["size", "alpha", "beta", "k", "name"]);
    const { size = 5, alpha = 1e-4, beta = 0.75, k = 1 } = options;
    checkNumber(size, `${what}: size`, { min: 1, integer: true });
    checkNumber(alpha, `${what}: alpha`, { min: 0 });
    checkNumber(beta, `${what}: beta`);
    checkNumber(k, `${what}: k`, { min: 0, exclusiveMin: true });
    super(options.name);
    this.options = { size, alpha, beta, k };
  }

  /** The input's. @throws {ShapeError} if it has no channels. */
  override outputShape(input: Shape): Shape {
    if (input.length === 0) throw new ShapeError("expected an input [channels, …], got a scalar");
    return input;
  }

  /** Two for each neighbour of each element, and four for the power. */
  override flops(input: Shape): number {
    return (2 * Math.min(this.options.size, input[0]!) + 4) * sizeOf(input);
  }

  /** Records the normalisation and its gradient, which is multiplied with the slope of an activation before it. */
  override forward(x: Tensor, { recorder, inputActivation }: LayerContext): LayerOutput {
    const options = { ...this.options, ...slopeOf(inputActivation, x) };
    return {
      y: localResponseNorm(recorder, x, this.options),
      backward: (dy) => localResponseNormGradient(recorder, x, dy, options),
      appliesInputActivation: true,
    };
  }

  /** The constants. */
  override config(): Record<string, unknown> {
    return { ...this.options };
  }
}
