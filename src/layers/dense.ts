/**
 * The fully connected layer.
 *
 * @module
 */

import type { Tensor } from "../gpu/tensor.ts";
import { checkKeys, checkNumber, checkOneOf } from "../options.ts";
import { ACTIVATION_NAMES, type ActivationName } from "../ops/activation_source.ts";
import { cast } from "../ops/cast.ts";
import { LONGEST_ROW_SUM, matmul } from "../ops/matmul.ts";
import { sum } from "../ops/reductions.ts";
import { type Shape, sizeOf } from "../shape.ts";
import { activatedSum, slopeOf } from "./fused_activation.ts";
import { type Initializer, type InitializerName, resolveInitializer } from "./initializers.ts";
import type { Layer, LayerContext, LayerOutput, LayerWindow, ParameterSpec } from "./layer.ts";

/** Options of {@linkcode Dense}. */
export interface DenseOptions {
  /** The number of outputs. */
  units: number;
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

/**
 * y = f(x · Wᵀ + b). An input of several dimensions is flattened.
 *
 * Shape: x […] with d elements → [units]; weight [units, d], bias [units].
 *
 * Backward, with dz = f′(z) · dy: dW = dzᵀ · x, db = Σ dz over the batch, dx = dz · W, multiplied with the slope of what
 * computed x.
 *
 * @example
 * ```ts
 * import { Dense } from "@strata/strata";
 *
 * const layer = new Dense({ units: 10, activation: "relu" });
 * console.log(layer.outputShape([1, 28, 28])); // [10]
 * ```
 */
export class Dense implements Layer {
  /** The class. */
  readonly kind = "Dense";
  /** A name of the user's choice. */
  readonly name: string | undefined;
  /** The number of outputs. */
  readonly units: number;
  /** The activation function. */
  readonly activation: ActivationName;
  /** Whether there is a bias. */
  readonly useBias: boolean;
  readonly #kernelInitializer: Initializer;
  readonly #biasInitializer: Initializer;

  /**
   * Checks the options.
   *
   * @throws {OptionError} if an option is unknown or out of range.
   */
  constructor(options: DenseOptions) {
    checkKeys(options, "Dense", [
      "units",
      "activation",
      "useBias",
      "kernelInitializer",
      "biasInitializer",
      "name",
    ]);
    checkNumber(options.units, "Dense: units", { min: 1, integer: true });
    const { activation = "linear", useBias = true } = options;
    checkOneOf(activation, "Dense: activation", ACTIVATION_NAMES);
    this.units = options.units;
    this.activation = activation;
    this.useBias = useBias;
    this.name = options.name;
    this.#kernelInitializer = resolveInitializer(
      options.kernelInitializer ?? "glorotUniform",
      "Dense: kernelInitializer",
    );
    this.#biasInitializer = resolveInitializer(
      options.biasInitializer ?? "zeros",
      "Dense: biasInitializer",
    );
  }

  /** [units]. */
  outputShape(_input: Shape): Shape {
    return [this.units];
  }

  /** All inputs. */
  window(): LayerWindow {
    return "everything";
  }

  /** `weight` [units, d] and `bias` [units]. */
  parameters(input: Shape): readonly ParameterSpec[] {
    const fans = { in: sizeOf(input), out: this.units };
    const weight = {
      name: "weight",
      shape: [fans.out, fans.in],
      fans,
      initializer: this.#kernelInitializer,
    };
    if (!this.useBias) return [weight];
    const bias = { name: "bias", shape: [fans.out], fans, initializer: this.#biasInitializer };
    return [weight, bias];
  }

  /** 2 · d · units, and one for each bias and activation. */
  flops(input: Shape): number {
    const epilogue = (this.useBias ? 1 : 0) + (this.activation === "linear" ? 0 : 1);
    return this.units * (2 * sizeOf(input) + epilogue);
  }

  /** Records one matmul with fused bias and activation. */
  forward(x: Tensor, context: LayerContext): LayerOutput {
    const { recorder, parameters, gradients, inputActivation, activationType } = context;
    const weight = cast(recorder, parameters["weight"]!, activationType);
    const input = cast(recorder, x.reshape([x.shape[0]!, weight.shape[1]!]), activationType);
    const bias = this.useBias ? { bias: parameters["bias"]! } : {};
    const activated = activatedSum(
      context,
      this.activation,
      (fused) => matmul(recorder, input, weight, { transposeB: true, ...bias, activation: fused }),
    );
    const slope = slopeOf(inputActivation, input);
    const sumsRows = this.useBias && x.shape[0]! <= LONGEST_ROW_SUM;
    const backward = (dy: Tensor): Tensor | undefined => {
      const dz = activated.backward(dy);
      const rowSums = sumsRows ? { rowSums: gradients["bias"]! } : {};
      matmul(recorder, dz, input, { transposeA: true, out: gradients["weight"]!, ...rowSums });
      if (this.useBias && !sumsRows) sum(recorder, dz, { axis: 0, out: gradients["bias"]! });
      if (!context.inputGradient) return undefined;
      return matmul(recorder, dz, weight, slope).reshape(x.shape);
    };
    return { ...activated, backward, appliesInputActivation: true };
  }

  /** The options, without initialisers. */
  config(): Record<string, unknown> {
    const { units, activation, useBias } = this;
    return { units, activation, useBias };
  }
}
