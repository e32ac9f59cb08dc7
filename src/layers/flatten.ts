/**
 * Flattening.
 *
 * @module
 */

import type { Tensor } from "../gpu/tensor.ts";
import { checkKeys } from "../options.ts";
import { type Shape, sizeOf } from "../shape.ts";
import type { LayerContext, LayerOutput, LayerWindow } from "./layer.ts";
import { ParameterlessLayer } from "./parameterless_layer.ts";

/** All dimensions of an example in one. Shape: […] → [product]. Costs nothing: the memory stays. */
export class Flatten extends ParameterlessLayer {
  /** The class. */
  override readonly kind = "Flatten";

  /**
   * Checks the options.
   *
   * @throws {OptionError} if an option is unknown.
   */
  constructor(options: { name?: string } = {}) {
    checkKeys(options, "Flatten", ["name"]);
    super(options.name);
  }

  /** [product of the dimensions]. */
  override outputShape(input: Shape): Shape {
    return [sizeOf(input)];
  }

  /** No place of its own any more: what follows can see everything. */
  window(): LayerWindow {
    return "everything";
  }

  /** None. */
  override flops(): number {
    return 0;
  }

  /** A view of x. */
  override forward(x: Tensor, { inputActivation }: LayerContext): LayerOutput {
    return {
      y: x.reshape([x.shape[0]!, sizeOf(x.shape.slice(1))]),
      backward: (dy) => dy.reshape(x.shape),
      activation: inputActivation,
      appliesInputActivation: true,
    };
  }
}
