/**
 * Winograd's filtering in float64: its transforms are exact, and it computes the convolution and its gradients.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../src/errors.ts";
import { Random } from "../src/random.ts";
import {
  convolution,
  convolutionInputGradient,
  convolutionWeightGradient,
} from "../src/reference/convolution.ts";
import { type NdArray, zeros } from "../src/reference/nd_array.ts";
import {
  type Matrix,
  WINOGRAD_TRANSFORMS,
  winogradConvolution,
  winogradInputGradient,
  winogradInputGradientMagnitude,
  winogradMagnitude,
  winogradWeightGradient,
  winogradWeightGradientMagnitude,
} from "../src/reference/winograd.ts";
import { randomArray } from "./check_backward.ts";

const TILES = [2, 4] as const;

const OPTIONS = [
  { x: [2, 3, 7, 6], weight: [4, 3, 3, 3], padding: [[1, 2], [0, 3]] as const, groups: 1 },
  { x: [1, 4, 1, 2], weight: [6, 2, 3, 3], padding: 3, groups: 2 },
  { x: [1, 3, 9, 8], weight: [3, 1, 3, 3], padding: 0, groups: 3 },
];

Deno.test("winograd: the matrices of one dimension, for every pair of unit vectors", () => {
  for (const tile of TILES) {
    const { input, filter, output, gradient, weights } = WINOGRAD_TRANSFORMS[tile];
    const times = (matrix: Matrix, vector: readonly number[]) =>
      matrix.map((row) => row.reduce((sum, value, k) => sum + value * vector[k]!, 0));
    const unit = (size: number, at: number) =>
      Array.from({ length: size }, (_, i) => i === at ? 1 : 0);
    for (let position = 0; position < tile + 2; position++) {
      const d = times(input, unit(tile + 2, position));
      for (let tap = 0; tap < 3; tap++) {
        const g = times(filter, unit(3, tap));
        const y = times(output, g.map((value, i) => value * d[i]!));
        // The output i reads the inputs i, i + 1, i + 2.
        y.forEach((value, i) => assertAlmostEquals(value, i + tap === position ? 1 : 0, 1e-15));
      }
      for (let at = 0; at < tile; at++) {
        const e = times(gradient, unit(tile, at));
        const dg = times(weights, e.map((value, i) => value * d[i]!));
        dg.forEach((value, tap) => assertAlmostEquals(value, at + tap === position ? 1 : 0, 1e-15));
      }
    }
  }
});

/** Within 100 · 2⁻⁵³ of the magnitude: no path through the transforms and the sum has as many roundings. */
function assertWithin(actual: NdArray, expected: NdArray, magnitude: NdArray): void {
  assertEquals(actual.shape, expected.shape);
  assertEquals(magnitude.shape, expected.shape);
  expected.data.forEach((value, i) => {
    const error = Math.abs(actual.data[i]! - value);
    assert(error <= 100 * 2 ** -53 * magnitude.data[i]!, `element ${i}: off by ${error}`);
    assert(Math.abs(value) <= magnitude.data[i]! * (1 + 2 ** -40));
  });
}

Deno.test("winograd: the convolution and its gradients, within their magnitudes", () => {
  const random = new Random(5);
  for (const tile of TILES) {
    for (const { x: shape, weight: weightShape, ...options } of OPTIONS) {
      const [x, weight] = [randomArray(shape, random), randomArray(weightShape, random)];
      const y = convolution(x, weight, options);
      const forward = { ...options, tile };
      assertWithin(
        winogradConvolution(x, weight, forward),
        y,
        winogradMagnitude(x, weight, forward),
      );
      const dy = randomArray(y.shape, random);
      const backward = { ...options, inputShape: shape };
      assertWithin(
        winogradInputGradient(dy, weight, { ...backward, tile }),
        convolutionInputGradient(dy, weight, backward),
        winogradInputGradientMagnitude(dy, weight, { ...backward, tile }),
      );
      const toWeights = { ...options, weightShape };
      assertWithin(
        winogradWeightGradient(x, dy, { ...toWeights, tile }),
        convolutionWeightGradient(x, dy, toWeights).dw,
        winogradWeightGradientMagnitude(x, dy, { ...toWeights, tile }),
      );
    }
  }
});

Deno.test("winograd: only filters of 3 × 3", () => {
  const call = () => winogradConvolution(zeros([1, 1, 8, 8]), zeros([1, 1, 5, 3]), { tile: 2 });
  assertThrows(call, ShapeError, "winograd: expected filters of [3, 3], got [5, 3]");
});
