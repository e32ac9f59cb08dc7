/**
 * Branches side by side, as in Inception networks.
 *
 * @module
 */

import { OptionError, ShapeError } from "../errors.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkKeys } from "../options.ts";
import { concatenate, split } from "../ops/concatenate.ts";
import { formatShape, type Shape, shapesEqual } from "../shape.ts";
import { ContainerLayer } from "./container.ts";
import type { Layer, LayerContext, LayerOutput } from "./layer.ts";

/**
 * y = [f₀(x), f₁(x), …]: each branch is a list of layers that takes the whole input; the outputs lie one behind the other along
 * the channels. An empty branch hands on the input itself.
 *
 * Shape: [c, …] → [c₀ + c₁ + …, …], where branch i gives [cᵢ, …] with the same dimensions behind the channels. Parameters:
 * `0.1.weight` is the weight of layer 1 of branch 0.
 *
 * Backward: dy is cut into the branches' pieces; dx is the sum of what the branches hand back.
 *
 * @example
 * ```ts
 * import { Branches, Conv2d, MaxPool2d } from "@strata/strata";
 *
 * const inception = new Branches([
 *   [new Conv2d({ filters: 8, kernelSize: 1 })],
 *   [new Conv2d({ filters: 4, kernelSize: 1 }), new Conv2d({ filters: 16, kernelSize: 3, padding: 1 })],
 *   [new MaxPool2d({ poolSize: 3, strides: 1, padding: 1 })],
 * ]);
 * console.log(inception.outputShape([12, 14, 14])); // [36, 14, 14]
 * ```
 * @see Szegedy et al., "Going deeper with convolutions", CVPR 2015.
 */
export class Branches extends ContainerLayer {
  /** The class. */
  override readonly kind = "Branches";

  /**
   * Takes the branches.
   *
   * @throws {OptionError} if there is none, or an option is unknown.
   */
  constructor(branches: readonly (readonly Layer[])[], options: { name?: string } = {}) {
    checkKeys(options, "Branches", ["name"]);
    if (!Array.isArray(branches) || branches.length === 0) {
      throw new OptionError("Branches: expected a list of at least one branch");
    }
    super(branches, options.name);
  }

  /** [sum of the channels, …]. @throws {ShapeError} naming the branch that does not fit the others. */
  override outputShape(input: Shape): Shape {
    const shapes = this.branchShapes(input);
    const first = shapes[0]!;
    shapes.forEach((shape, i) => {
      if (shape.length > 0 && shapesEqual(shape.slice(1), first.slice(1))) return;
      throw new ShapeError(
        `branch ${i} has the output ${formatShape(shape)}, branch 0 ${formatShape(first)}: ` +
          "expected the same dimensions behind the channels",
      );
    });
    return [shapes.reduce((sum, shape) => sum + shape[0]!, 0), ...first.slice(1)];
  }

  /** Records all branches and the concatenation. */
  override forward(x: Tensor, context: LayerContext): LayerOutput {
    const { recorder } = context;
    const outputs = this.forwardBranches(x, context);
    const channels = outputs.map(({ y }) => y.shape[1]!);
    const backward = (dy: Tensor): Tensor | undefined =>
      this.backwardBranches(recorder, outputs, split(recorder, dy, channels));
    return { y: concatenate(recorder, outputs.map(({ y }) => y)), backward };
  }
}
