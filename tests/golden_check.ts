/**
 * Checks of a model on the GPU against a golden run.
 *
 * @module
 */

import { assert } from "@std/assert";
import type { Sequential } from "../mod.ts";
import type { GoldenGradient, GoldenParameter } from "./golden.ts";

/** Relative: float32 against PyTorch's float64. */
const TOLERANCE = 1e-5;

/** The difference must be at most 1e-5 of `scale`. */
export function assertClose(actual: number, expected: number, scale: number, what: string): void {
  const error = Math.abs(actual - expected);
  assert(error <= TOLERANCE * scale, `${what}: expected ${expected}, got ${actual}`);
}

/** Gives the model the run's initial parameters. */
export function setParameters(model: Sequential, initial: readonly GoldenParameter[]): void {
  model.parameters.forEach(({ value }, i) => value.write(initial[i]!.values));
}

/** Checks the model's gradients, each element against its own size and the mean of its tensor. */
export async function checkGradients(
  model: Sequential,
  expected: readonly GoldenGradient[],
): Promise<void> {
  const gradients = await Promise.all(model.parameters.map((p) => p.gradient!.read()));
  expected.forEach(({ name, norm, stride, values }, i) => {
    const rms = norm / Math.sqrt(gradients[i]!.length);
    assertClose(Math.hypot(...gradients[i]!), norm, norm, `${name}: norm of the gradient`);
    values.forEach((value, j) => {
      const scale = Math.abs(value) + rms;
      assertClose(gradients[i]![j * stride]!, value, scale, `${name}: d[${j * stride}]`);
    });
  });
}

/** Checks the norm of every parameter. */
export async function checkNorms(
  model: Sequential,
  norms: Readonly<Record<string, number>>,
): Promise<void> {
  const values = await Promise.all(model.parameters.map(({ value }) => value.read()));
  model.parameters.forEach(({ name }, i) => {
    const expected = norms[name]!;
    assertClose(Math.hypot(...values[i]!), expected, expected, `${name}: norm at the end`);
  });
}
