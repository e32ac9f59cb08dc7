/**
 * What kernels that multiply a gradient with the slope of an activation are given, and how far they may be off.
 *
 * @module
 */

import { type ActivationName, gradientNeedsInput } from "../src/ops/activation_source.ts";
import type { Random } from "../src/random.ts";
import { activation, activationBackward } from "../src/reference/activations.ts";
import { ndArray } from "../src/reference/nd_array.ts";
import { type Shape, sizeOf } from "../src/shape.ts";
import { type Expected, floats, type Input, within } from "./case.ts";
import { roundedSaved } from "./cases_elementwise.ts";
import { roundedActivationGradient } from "./rounded_activations.ts";

/** An activation where it was z, and what is kept of it: y = f(z), but z for softplus and gelu. */
export interface DrawnSlope {
  readonly name: ActivationName;
  readonly z: Input<Float32Array>;
  readonly saved: Input<Float32Array>;
}

/** Draws z. */
export function drawSlope(random: Random, name: ActivationName, shape: Shape): DrawnSlope {
  const z = floats(random, shape, 3);
  if (gradientNeedsInput(name)) return { name, z, saved: z };
  const y = activation(name, ndArray(z.shape, z.values));
  return { name, z, saved: { shape, values: Float32Array.from(y.data) } };
}

/**
 * f′(z) · dy for a dy with bounds.
 *
 * @param saved What the kernel was given; a NaN in it stands for one in z.
 */
export function withSlopeOf(
  { name, z }: DrawnSlope,
  saved: Input<Float32Array>,
  dy: Expected,
): Expected {
  const x = ndArray(
    z.shape,
    z.values.map((value, i) => Number.isNaN(saved.values[i]) ? NaN : value),
  );
  const result = activationBackward(name, x, ndArray(dy.shape, Float64Array.from(dy.values)));
  return within(
    result,
    Array.from({ length: sizeOf(z.shape) }, (_, i) =>
      roundedActivationGradient(
        name,
        roundedSaved(name, z.values[i]!, saved.values[i]!),
        { value: dy.values[i]!, error: dy.bounds?.[i] ?? 0 },
      )),
  );
}
