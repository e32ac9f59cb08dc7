/**
 * Activation functions and their gradients.
 *
 * @module
 */

import text from "../../kernels/activate.wgsl" with { type: "text" };
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkOneOf } from "../options.ts";
import { formatShape } from "../shape.ts";
import { ACTIVATION_NAMES, ACTIVATION_SOURCE, type ActivationName } from "./activation_source.ts";
import { inParts } from "./binding_parts.ts";
import { expectShape, NAN_SOURCE, vectorLength, workgroupsFor } from "./launch.ts";

const FAMILY = new KernelFamily("activate", [
  NAN_SOURCE,
  ACTIVATION_SOURCE,
  { name: "activate.wgsl", text },
]);

/**
 * y = f(x), elementwise; NaN stays NaN. Shape: any → same.
 *
 * | name | f(x) |
 * | --- | --- |
 * | linear | x |
 * | relu | max(x, 0) |
 * | leakyRelu | x, or 0.01 x below 0 |
 * | sigmoid | 1 / (1 + e⁻ˣ) |
 * | tanh | (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ) |
 * | step | 1 if x > 0, else 0 |
 * | softplus | log(1 + eˣ) |
 * | gelu | x Φ(x), Φ the normal distribution function |
 *
 * @throws {OptionError} if there is no such function.
 */
export function activation(
  recorder: Recorder,
  name: ActivationName,
  x: Tensor,
  options: { /** Where to write y. Default: a new tensor. */ out?: Tensor } = {},
): Tensor {
  checkOneOf(name, "activation", ACTIVATION_NAMES);
  if (options.out !== undefined) expectShape(options.out, x.shape, "activation: out");
  const y = options.out ?? recorder.empty(x.shape, x.type);
  inParts(name, x.size, [x, y] as const, ([x, y]) => {
    const { vector, length } = vectorLength(x.size);
    recorder.dispatch({
      label: `${name} ${formatShape(x.shape)}`,
      kernel: FAMILY.variant({ ACTIVATION: name, VECTOR: vector, GRADIENT: false }),
      tensors: { x, y },
      uniforms: { length },
      workgroups: workgroupsFor(length),
      flops: x.size,
    });
  });
  return y;
}

/**
 * dx = f′(x) · dy, elementwise; the derivative at a kink is that from the left. Shape: any → same.
 *
 * @param saved y = f(x); but x for softplus and gelu, see {@linkcode gradientNeedsInput}.
 * @throws {ShapeError} if saved and dy have different shapes.
 */
export function activationGradient(
  recorder: Recorder,
  name: ActivationName,
  saved: Tensor,
  dy: Tensor,
  options: { /** Where to write dx. Default: a new tensor. */ out?: Tensor } = {},
): Tensor {
  checkOneOf(name, "activationGradient", ACTIVATION_NAMES);
  expectShape(dy, saved.shape, `activationGradient (${name}): dy`);
  if (options.out !== undefined) expectShape(options.out, dy.shape, "activationGradient: out");
  const dx = options.out ?? recorder.empty(dy.shape, dy.type);
  inParts(`${name} gradient`, dy.size, [saved, dy, dx] as const, ([x, dy, y]) => {
    const { vector, length } = vectorLength(dy.size);
    recorder.dispatch({
      label: `${name} gradient ${formatShape(dy.shape)}`,
      kernel: FAMILY.variant({ ACTIVATION: name, VECTOR: vector, GRADIENT: true }),
      tensors: { x, dy, y },
      uniforms: { length },
      workgroups: workgroupsFor(length),
      flops: 2 * dy.size,
    });
  });
  return dx;
}

/** y = max(x, 0). Shape: any → same. */
export function relu(recorder: Recorder, x: Tensor): Tensor {
  return activation(recorder, "relu", x);
}

/** y = x, or 0.01 x below 0. Shape: any → same. */
export function leakyRelu(recorder: Recorder, x: Tensor): Tensor {
  return activation(recorder, "leakyRelu", x);
}

/** y = 1 / (1 + e⁻ˣ). Shape: any → same. */
export function sigmoid(recorder: Recorder, x: Tensor): Tensor {
  return activation(recorder, "sigmoid", x);
}

/** y = tanh x. Shape: any → same. */
export function tanh(recorder: Recorder, x: Tensor): Tensor {
  return activation(recorder, "tanh", x);
}

/** y = 1 if x > 0, else 0: the perceptron's function; its gradient is 0. Shape: any → same. */
export function step(recorder: Recorder, x: Tensor): Tensor {
  return activation(recorder, "step", x);
}

/** y = log(1 + eˣ), without overflow. Shape: any → same. */
export function softplus(recorder: Recorder, x: Tensor): Tensor {
  return activation(recorder, "softplus", x);
}

/** y = x Φ(x) with the exact normal distribution function. Shape: any → same. */
export function gelu(recorder: Recorder, x: Tensor): Tensor {
  return activation(recorder, "gelu", x);
}
