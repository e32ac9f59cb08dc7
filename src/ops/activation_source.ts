/**
 * The activation functions as part of other kernels.
 *
 * @module
 */

import activationText from "../../kernels/activation.wgsl" with { type: "text" };
import type { SourceText } from "../gpu/expand.ts";

/** An activation function by name; "linear" is the identity. */
export type ActivationName =
  | "linear"
  | "relu"
  | "leakyRelu"
  | "sigmoid"
  | "tanh"
  | "step"
  | "softplus"
  | "gelu";

/** All activation functions. */
export const ACTIVATION_NAMES: readonly ActivationName[] = [
  "linear",
  "relu",
  "leakyRelu",
  "sigmoid",
  "tanh",
  "step",
  "softplus",
  "gelu",
];

/** Functions `activate` and `activation_gradient` for the parameter ACTIVATION. */
export const ACTIVATION_SOURCE: SourceText = { name: "activation.wgsl", text: activationText };

/** Whether the gradient is computed from the input x; for the others it follows from y = f(x). */
export function gradientNeedsInput(activation: ActivationName): boolean {
  return activation === "softplus" || activation === "gelu";
}
