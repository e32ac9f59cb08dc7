/**
 * Dropout.
 *
 * @module
 */

import type { Tensor } from "../gpu/tensor.ts";
import { checkKeys, checkNumber } from "../options.ts";
import { dropout } from "../ops/random.ts";
import { type Shape, sizeOf } from "../shape.ts";
import { slopeOf } from "./fused_activation.ts";
import type { LayerContext, LayerOutput } from "./layer.ts";
import { ParameterlessLayer } from "./parameterless_layer.ts";

/**
 * When training, y = x / (1 − rate) with probability 1 − rate, else 0; otherwise y = x. Shape: any → same.
 *
 * @see Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15 (2014).
 */
export class Dropout extends ParameterlessLayer {
  /** The class. */
  override readonly kind = "Dropout";
  /** The share that is dropped. */
  readonly rate: number;

  /**
   * Checks the options.
   *
   * @throws {OptionError} if rate is outside [0, 1).
   */
  constructor(
    options: { /** The share that is dropped, 0 ≤ rate < 1. */ rate: number; name?: string },
  ) {
    checkKeys(options, "Dropout", ["rate", "name"]);
    checkNumber(options.rate, "Dropout: rate", { min: 0, max: 1 - 2 ** -24 });
    super(options.name);
    this.rate = options.rate;
  }

  /** The input's. */
  override outputShape(input: Shape): Shape {
    return input;
  }

  /** One for each element. */
  override flops(input: Shape): number {
    return sizeOf(input);
  }

  /**
   * Records the mask's kernel; the step back applies the same mask, computed anew, and the slope of an activation before it.
   * Without a mask, that slope is left to what follows.
   */
  override forward(x: Tensor, context: LayerContext): LayerOutput {
    const { recorder, training, random, inputActivation } = context;
    if (!training || this.rate === 0) {
      return {
        y: x,
        backward: (dy) => dy,
        activation: inputActivation,
        appliesInputActivation: true,
      };
    }
    const options = { ...random, rate: this.rate };
    const slope = slopeOf(inputActivation, x);
    return {
      y: dropout(recorder, x, options),
      backward: (dy) => dropout(recorder, dy, { ...options, ...slope }),
      appliesInputActivation: true,
    };
  }

  /** The rate. */
  override config(): Record<string, unknown> {
    return { rate: this.rate };
  }
}
