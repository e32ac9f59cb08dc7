/**
 * The update of the parameters. Nothing is changed in place: new values are returned.
 *
 * @module
 */

import { ShapeError } from "../errors.ts";
import { checkNumber } from "../options.ts";
import { add, scale } from "./elementwise.ts";
import { expectShape, type NdArray } from "./nd_array.ts";

/** How `sgdStep` updates. */
export interface SgdOptions {
  /** The step length, lr. */
  readonly learningRate: number;
  /** How much of the velocity is kept, 0 … 1. Default: 0. */
  readonly momentum?: number;
  /** Whether to look ahead along the velocity. Default: false. */
  readonly nesterov?: boolean;
  /** The factor of the parameter that is added to its gradient, wd. Default: 0. */
  readonly weightDecay?: number;
}

/**
 * One step of stochastic gradient descent by PyTorch's rule, for every parameter p with gradient g and
 * velocity v:
 *
 * g ← g + wd·p, v ← momentum·v + g, p ← p − lr·(g + momentum·v if nesterov, else v)
 *
 * The velocity starts as zeros, so that the first step has v = g.
 *
 * Shape: three lists of equal length; gradients and velocities are shaped as their parameters.
 *
 * @returns The new parameters and velocities.
 * @throws {ShapeError} if the lists do not fit together.
 */
export function sgdStep(
  parameters: readonly NdArray[],
  gradients: readonly NdArray[],
  velocity: readonly NdArray[],
  options: SgdOptions,
): { readonly parameters: NdArray[]; readonly velocity: NdArray[] } {
  const { learningRate, momentum = 0, nesterov = false, weightDecay = 0 } = options;
  if (gradients.length !== parameters.length || velocity.length !== parameters.length) {
    throw new ShapeError(
      `sgdStep: expected a gradient and a velocity for each of ${parameters.length} parameters, ` +
        `got ${gradients.length} and ${velocity.length}`,
    );
  }
  const newParameters: NdArray[] = [];
  const newVelocity: NdArray[] = [];
  parameters.forEach((p, i) => {
    expectShape(gradients[i]!, p.shape, `sgdStep: gradient ${i}`);
    expectShape(velocity[i]!, p.shape, `sgdStep: velocity ${i}`);
    const g = add(gradients[i]!, scale(p, weightDecay));
    const v = add(scale(velocity[i]!, momentum), g);
    const step = nesterov ? add(g, scale(v, momentum)) : v;
    newParameters.push(add(p, scale(step, -learningRate)));
    newVelocity.push(v);
  });
  return { parameters: newParameters, velocity: newVelocity };
}

/**
 * Gradient clipping by the norm of all gradients together.
 *
 * norm = √(Σ g²) over every element of every gradient; g ← g · min(1, maxNorm / norm)
 *
 * Shape: any → same. A NaN makes the norm, and with it every gradient, NaN.
 *
 * @param maxNorm The largest norm that passes unchanged, above 0.
 * @returns The norm before clipping, and the clipped gradients.
 * @throws {OptionError} if maxNorm is not above 0.
 */
export function clipByNorm(
  gradients: readonly NdArray[],
  maxNorm: number,
): { readonly norm: number; readonly gradients: NdArray[] } {
  checkNumber(maxNorm, "clipByNorm: maxNorm", { min: 0, exclusiveMin: true });
  let squares = 0;
  for (const { data } of gradients) for (const g of data) squares += g * g;
  const norm = Math.sqrt(squares);
  const factor = Math.min(1, maxNorm / norm);
  return { norm, gradients: gradients.map((g) => scale(g, factor)) };
}
