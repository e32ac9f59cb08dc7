/**
 * The fully connected layer.
 *
 * @module
 */

import { Tensor } from "../gpu/tensor.ts";
import { checkKeys, checkNumber, checkOneOf } from "../options.ts";
import { ACTIVATION_NAMES, type ActivationName } from "../ops/activation_source.ts";
import { concatenate, split } from "../ops/concatenate.ts";
import { cast } from "../ops/cast.ts";
import { add } from "../ops/elementwise.ts";
import { matmul } from "../ops/matmul.ts";
import { sum } from "../ops/reductions.ts";
import { type Shape, sizeOf } from "../shape.ts";
import { activatedSum } from "./fused_activation.ts";
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
 * Backward, with dz = f′(z) · dy: dW = dzᵀ · x, db = Σ dz over the batch, dx = dz · W.
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

  /** Records one matmul with fused bias and activation; several for weights that are larger than a binding. */
  forward(x: Tensor, context: LayerContext): LayerOutput {
    const { recorder, parameters, gradients, activationType } = context;
    const weight = parameters["weight"]!;
    const input = cast(recorder, x.reshape([x.shape[0]!, weight.shape[1]!]), activationType);
    const parts = partsOf(weight);
    const weights = parts.map((part) => cast(recorder, rowsOf(weight, part), activationType));
    const { y, backward: backwardToSum } = activatedSum(context, this.activation, (fused) => {
      const sums = parts.map((part, i) => {
        const bias = this.useBias ? { bias: rowsOf(parameters["bias"]!, part) } : {};
        const options = { transposeB: true, ...bias, activation: fused };
        return matmul(recorder, input, weights[i]!, options);
      });
      return sums.length === 1 ? sums[0]! : concatenate(recorder, sums);
    });
    const backward = (dy: Tensor): Tensor | undefined => {
      const dz = backwardToSum(dy);
      const pieces = parts.length === 1 ? [dz] : split(recorder, dz, parts.map(({ rows }) => rows));
      parts.forEach((part, i) => {
        const out = rowsOf(gradients["weight"]!, part);
        matmul(recorder, pieces[i]!, input, { transposeA: true, out });
      });
      if (this.useBias) sum(recorder, dz, { axis: 0, out: gradients["bias"]! });
      if (!context.inputGradient) return undefined;
      const dx = weights.map((each, i) => matmul(recorder, pieces[i]!, each));
      return dx.reduce((total, each) => add(recorder, total, each)).reshape(x.shape);
    };
    return { y, backward };
  }

  /** The options, without initialisers. */
  config(): Record<string, unknown> {
    const { units, activation, useBias } = this;
    return { units, activation, useBias };
  }
}

/** Units whose weights are bound together. */
interface Part {
  readonly first: number;
  readonly rows: number;
}

/**
 * Cuts units into as few parts as the device's bindings ask for; usually there is one. AlexNet's first dense layer has 151 MB,
 * and devices need to bind no more than 128 MiB. Parts begin at multiples of 64 units, so that weights and biases of each begin at
 * multiples of 256 bytes, as bindings must.
 */
function partsOf({ device, shape }: Tensor): Part[] {
  const [units, inputs] = shape as [number, number];
  const limit = device.raw.limits.maxStorageBufferBindingSize;
  const most = Math.max(64, Math.floor(limit / (4 * inputs) / 64) * 64);
  const rows = Math.ceil(units / Math.ceil(units / most) / 64) * 64;
  return Array.from({ length: Math.ceil(units / rows) }, (_, i) => {
    const first = i * rows;
    return { first, rows: Math.min(rows, units - first) };
  });
}

/** The part of a tensor whose first dimension are the units: a view. */
function rowsOf({ device, storage, shape, type, offset }: Tensor, { first, rows }: Part): Tensor {
  const rest = shape.slice(1);
  return new Tensor(device, storage, [rows, ...rest], type, offset + 4 * first * sizeOf(rest));
}
