/**
 * Activation functions as layers of their own.
 *
 * @module
 */

import type { Tensor } from "../gpu/tensor.ts";
import { checkKeys } from "../options.ts";
import { type ActivationName, gradientNeedsInput } from "../ops/activation_source.ts";
import { activation, activationGradient } from "../ops/activations.ts";
import { softmax, softmaxGradient } from "../ops/softmax.ts";
import { type Shape, sizeOf } from "../shape.ts";
import type { LayerContext, LayerOutput } from "./layer.ts";
import { ParameterlessLayer } from "./parameterless_layer.ts";

/** What all layers have in common that work element by element, without parameters. */
export abstract class ElementwiseLayer extends ParameterlessLayer {
  /**
   * Takes a name.
   *
   * @throws {OptionError} if an option is unknown.
   */
  constructor(options: { name?: string } = {}) {
    checkKeys(options, new.target.name, ["name"]);
    super(options.name);
  }

  /** The input's. */
  override outputShape(input: Shape): Shape {
    return input;
  }

  /** One for each element. */
  override flops(input: Shape): number {
    return sizeOf(input);
  }
}

/** y = f(x) with f one of the named functions. */
export abstract class ActivationLayer extends ElementwiseLayer {
  /** f. */
  protected abstract readonly function: ActivationName;

  /** Records the function; its gradient is left to what follows, or recorded if it needs x. */
  override forward(x: Tensor, { recorder }: LayerContext): LayerOutput {
    const f = this.function;
    const y = activation(recorder, f, x);
    if (!gradientNeedsInput(f)) return { y, activation: f, backward: (dz) => dz };
    return { y, backward: (dy) => activationGradient(recorder, f, x, dy) };
  }
}

/** y = max(x, 0). NaN stays NaN. Shape: any → same. */
export class Relu extends ActivationLayer {
  /** The class. */
  override readonly kind = "Relu";
  /** f. */
  protected override readonly function = "relu";
}

/** y = x, or 0.01 x below 0. Shape: any → same. */
export class LeakyRelu extends ActivationLayer {
  /** The class. */
  override readonly kind = "LeakyRelu";
  /** f. */
  protected override readonly function = "leakyRelu";
}

/** y = 1 / (1 + e⁻ˣ). Shape: any → same. */
export class Sigmoid extends ActivationLayer {
  /** The class. */
  override readonly kind = "Sigmoid";
  /** f. */
  protected override readonly function = "sigmoid";
}

/** y = tanh x. Shape: any → same. */
export class Tanh extends ActivationLayer {
  /** The class. */
  override readonly kind = "Tanh";
  /** f. */
  protected override readonly function = "tanh";
}

/** y = 1 if x > 0, else 0; its gradient is 0, so nothing before it learns. Shape: any → same. */
export class Step extends ActivationLayer {
  /** The class. */
  override readonly kind = "Step";
  /** f. */
  protected override readonly function = "step";
}

/** y = log(1 + eˣ). Shape: any → same. */
export class Softplus extends ActivationLayer {
  /** The class. */
  override readonly kind = "Softplus";
  /** f. */
  protected override readonly function = "softplus";
}

/** y = x Φ(x) with the normal distribution function Φ. Shape: any → same. */
export class Gelu extends ActivationLayer {
  /** The class. */
  override readonly kind = "Gelu";
  /** f. */
  protected override readonly function = "gelu";
}

/**
 * yⱼ = e^xⱼ / Σ e^xₖ over the last dimension. Shape: any → same. Not before `softmaxCrossEntropy`, which takes logits.
 */
export class Softmax extends ElementwiseLayer {
  /** The class. */
  override readonly kind = "Softmax";

  /** Five for each element. */
  override flops(input: Shape): number {
    return 5 * sizeOf(input);
  }

  /** Records the function and its gradient. */
  override forward(x: Tensor, { recorder }: LayerContext): LayerOutput {
    const y = softmax(recorder, x);
    return { y, backward: (dy) => softmaxGradient(recorder, y, dy) };
  }
}
