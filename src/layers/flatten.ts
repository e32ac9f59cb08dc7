/**
 * Flattening.
 *
 * @module
 */

import type { Tensor } from "../gpu/tensor.ts";
import { checkKeys } from "../options.ts";
import { type Shape, sizeOf } from "../shape.ts";
import type { Layer, LayerContext, LayerOutput, ParameterSpec } from "./layer.ts";

/** All dimensions of an example in one. Shape: […] → [product]. Costs nothing: the memory stays. */
export class Flatten implements Layer {
  /** The class. */
  readonly kind = "Flatten";
  /** A name of the user's choice. */
  readonly name: string | undefined;

  /**
   * Checks the options.
   *
   * @throws {OptionError} if an option is unknown.
   */
  constructor(options: { name?: string } = {}) {
    checkKeys(options, "Flatten", ["name"]);
    this.name = options.name;
  }

  /** [product of the dimensions]. */
  outputShape(input: Shape): Shape {
    return [sizeOf(input)];
  }

  /** None. */
  parameters(): readonly ParameterSpec[] {
    return [];
  }

  /** None. */
  flops(): number {
    return 0;
  }

  /** A view of x. */
  forward(x: Tensor, _context: LayerContext): LayerOutput {
    const y = x.reshape([x.shape[0]!, sizeOf(x.shape.slice(1))]);
    return { y, backward: (dy) => dy.reshape(x.shape) };
  }

  /** No options. */
  config(): Record<string, unknown> {
    return {};
  }
}
