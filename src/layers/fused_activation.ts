/**
 * What layers with weights have in common: an activation that is fused into the sum before it.
 *
 * @module
 */

import type { Tensor } from "../gpu/tensor.ts";
import { type ActivationName, gradientNeedsInput } from "../ops/activation_source.ts";
import { activation, activationGradient } from "../ops/activations.ts";
import type { ActivationSlope } from "../ops/epilogue.ts";
import type { LayerContext, LayerOutput } from "./layer.ts";

/** The option of a gradient's operation to multiply with the slope of x = f(z); none if f is linear. */
export function slopeOf(
  activation: ActivationName,
  x: Tensor,
): { readonly gradient?: ActivationSlope } {
  return activation === "linear" ? {} : { gradient: { activation, saved: x } };
}

/** y = f(z), and the way back to z. */
export interface ActivatedSum extends Required<Pick<LayerOutput, "y" | "activation">> {
  /** Records dz = f′(z) · dy; from what is multiplied with the slope already, if there is an `activation`. */
  readonly backward: (dy: Tensor) => Tensor;
}

/**
 * Records a sum z and y = f(z), in one kernel where that is possible: softplus and gelu need z itself on the way back, so they
 * are not fused when training. The slope of the others is left to whoever computes ∂C/∂y.
 *
 * @param compute Records the sum with the activation that it is given.
 */
export function activatedSum(
  { recorder, training }: LayerContext,
  name: ActivationName,
  compute: (fused: ActivationName) => Tensor,
): ActivatedSum {
  const separate = training && gradientNeedsInput(name);
  const saved = compute(separate ? "linear" : name);
  if (!separate) return { y: saved, activation: training ? name : "linear", backward: (dz) => dz };
  return {
    y: activation(recorder, name, saved),
    activation: "linear",
    backward: (dy) => activationGradient(recorder, name, saved, dy),
  };
}
