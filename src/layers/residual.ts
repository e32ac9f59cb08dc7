/**
 * Layers with a way around them, as in residual networks.
 *
 * @module
 */

import { OptionError, ShapeError } from "../errors.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkKeys, checkOneOf } from "../options.ts";
import { ACTIVATION_NAMES, type ActivationName } from "../ops/activation_source.ts";
import { activation } from "../ops/activations.ts";
import { add } from "../ops/elementwise.ts";
import { formatShape, type Shape, shapesEqual, sizeOf } from "../shape.ts";
import { ContainerLayer } from "./container.ts";
import { activatedSum } from "./fused_activation.ts";
import type { Layer, LayerContext, LayerOutput } from "./layer.ts";

/** Options of {@linkcode Residual}. */
export interface ResidualOptions {
  /** What the way around applies to the input, where the layers change its shape. Default: nothing. */
  readonly shortcut?: readonly Layer[];
  /** Applied to the sum. Default "linear". */
  readonly activation?: ActivationName;
  /** A name for summaries and errors. */
  readonly name?: string;
}

/**
 * y = f(F(x) + s(x)): F are the layers, s is the shortcut, which is the identity if there is none.
 *
 * Shape: that of F and of s, which must agree. Parameters: `0.1.weight` is the weight of layer 1 of F, `1.0.weight` that of
 * layer 0 of the shortcut.
 *
 * Backward, with dz = f′(z) · dy: dx = F′ᵀ dz + s′ᵀ dz. So a gradient reaches the input unchanged, however small F's is.
 *
 * @example
 * ```ts
 * import { Conv2d, Residual } from "@strata/strata";
 *
 * const block = new Residual([
 *   new Conv2d({ filters: 32, kernelSize: 3, strides: 2, padding: 1, activation: "relu" }),
 *   new Conv2d({ filters: 32, kernelSize: 3, padding: 1 }),
 * ], { shortcut: [new Conv2d({ filters: 32, kernelSize: 1, strides: 2 })], activation: "relu" });
 * console.log(block.outputShape([16, 28, 28])); // [32, 14, 14]
 * ```
 * @see He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016.
 */
export class Residual extends ContainerLayer {
  /** The class. */
  override readonly kind = "Residual";
  /** The activation function. */
  readonly activation: ActivationName;

  /**
   * Takes the layers.
   *
   * @throws {OptionError} if there are none, or an option is unknown or out of range.
   */
  constructor(layers: readonly Layer[], options: ResidualOptions = {}) {
    checkKeys(options, "Residual", ["shortcut", "activation", "name"]);
    const { shortcut = [], activation = "linear" } = options;
    checkOneOf(activation, "Residual: activation", ACTIVATION_NAMES);
    if (!Array.isArray(layers) || layers.length === 0) {
      throw new OptionError("Residual: expected a list of at least one layer");
    }
    super([layers, shortcut], options.name);
    this.activation = activation;
  }

  /** That of the layers. @throws {ShapeError} if the shortcut's is another. */
  override outputShape(input: Shape): Shape {
    const [output, around] = this.branchShapes(input) as [Shape, Shape];
    if (shapesEqual(output, around)) return output;
    const hint = this.branches[1]!.length === 0
      ? "; a shortcut of layers, such as a convolution of 1×1, can change the input's shape"
      : "";
    throw new ShapeError(
      `the layers have the output ${formatShape(output)}, the shortcut ${formatShape(around)}: ` +
        `expected the same shape${hint}`,
    );
  }

  /** Those of layers and shortcut, and one for each sum and activation. */
  override flops(input: Shape): number {
    const epilogue = this.activation === "linear" ? 1 : 2;
    return super.flops(input) + epilogue * sizeOf(this.outputShape(input));
  }

  /** Records layers, shortcut and sum. */
  override forward(x: Tensor, context: LayerContext): LayerOutput {
    const { recorder } = context;
    const outputs = this.forwardBranches(x, context);
    const sum = activatedSum(context, this.activation, (applied) => {
      const total = add(recorder, outputs[0]!.y, outputs[1]!.y);
      return applied === "linear" ? total : activation(recorder, applied, total);
    });
    const backward = (dy: Tensor): Tensor | undefined => {
      const dz = sum.backward(dy);
      return this.backwardBranches(recorder, outputs, [dz, dz]);
    };
    return { ...sum, backward };
  }

  /** The activation. */
  override config(): Record<string, unknown> {
    return { activation: this.activation };
  }

  /** The layers and the shortcut. */
  protected override nameOfBranch(index: number): string {
    return index === 0 ? "layers" : "shortcut";
  }
}
