/**
 * What layers with weights have in common: an activation that is fused into the sum before it.
 *
 * @module
 */

import type { Tensor } from "../gpu/tensor.ts";
import { type ActivationName, gradientNeedsInput } from "../ops/activation_source.ts";
import { activation, activationGradient } from "../ops/activations.ts";
import type { LayerContext } from "./layer.ts";

/** y = f(z), and the way back to z. */
export interface ActivatedSum {
  readonly y: Tensor;
  /** Records dz = f′(z) · dy. */
  readonly backward: (dy: Tensor) => Tensor;
}

/**
 * Records a sum z and y = f(z), in one kernel where that is possible: softplus and gelu need z itself on the way back, so they
 * are not fused when training.
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
  return {
    y: separate ? activation(recorder, name, saved) : saved,
    backward: (dy) => name === "linear" ? dy : activationGradient(recorder, name, saved, dy),
  };
}
