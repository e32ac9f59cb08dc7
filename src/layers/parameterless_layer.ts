/**
 * What layers without parameters have in common.
 *
 * @module
 */

import type { Tensor } from "../gpu/tensor.ts";
import type { Shape } from "../shape.ts";
import type { Layer, LayerContext, LayerOutput, ParameterSpec } from "./layer.ts";

/** A layer that has nothing to learn. */
export abstract class ParameterlessLayer implements Layer {
  /** The class. */
  abstract readonly kind: string;
  /** A name of the user's choice. */
  readonly name: string | undefined;

  /** Takes the name of the layer's options. */
  constructor(name: string | undefined) {
    this.name = name;
  }

  /** The shape of one output. */
  abstract outputShape(input: Shape): Shape;

  /** None. */
  parameters(): readonly ParameterSpec[] {
    return [];
  }

  /** Arithmetic operations for one example. */
  abstract flops(input: Shape): number;

  /** Records the forward step. */
  abstract forward(x: Tensor, context: LayerContext): LayerOutput;

  /** The options; none unless a layer says otherwise. */
  config(): Record<string, unknown> {
    return {};
  }
}
