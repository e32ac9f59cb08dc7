/**
 * Checks of a backward step against central differences of its forward step.
 *
 * @module
 */

import { assert } from "@std/assert";
import type { Random } from "../src/random.ts";
import { checkGradient } from "../src/reference/gradient_check.ts";
import { type NdArray, ndArray } from "../src/reference/nd_array.ts";
import { type Shape, sizeOf } from "../src/shape.ts";

const TOLERANCE = 1e-7;

/** Normal numbers of deviation 2, at least 0.01 away from `kinks` so that no difference reaches over one. */
export function randomArray(
  shape: Shape,
  random: Random,
  kinks: readonly number[] = [],
): NdArray {
  return ndArray(
    shape,
    Array.from({ length: sizeOf(shape) }, () => {
      let value = 2 * random.normal();
      while (kinks.some((kink) => Math.abs(value - kink) < 0.01)) value = 2 * random.normal();
      return value;
    }),
  );
}

/** Numbers in random order of which no two are closer than 0.1, for functions that have kinks at ties. */
export function distinctArray(shape: Shape, random: Random): NdArray {
  const values = Array.from({ length: sizeOf(shape) }, (_, i) => 0.1 * i);
  for (let i = values.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [values[i], values[j]] = [values[j]!, values[i]!];
  }
  return ndArray(shape, values.map((value) => value - 0.05 * values.length));
}

/** Checks dx against the differences of Σ dy · forward(x), which has dx as its gradient. */
export function assertBackward(
  what: string,
  forward: (x: NdArray) => NdArray,
  x: NdArray,
  dy: NdArray,
  dx: NdArray,
): void {
  const f = (values: Float64Array) => {
    const y = forward({ shape: x.shape, data: values });
    return y.data.reduce((total, value, i) => total + value * dy.data[i]!, 0);
  };
  const error = checkGradient(f, x.data, dx.data);
  assert(error <= TOLERANCE, `${what}: relative error ${error}`);
}
