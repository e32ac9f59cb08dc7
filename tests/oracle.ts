/**
 * Runs cases on the GPU and compares every element with the float64 reference, within the derived bounds.
 *
 * @module
 */

import type { Gpu } from "../src/gpu/gpu.ts";
import { Random } from "../src/random.ts";
import { formatShape, shapesEqual } from "../src/shape.ts";
import { type CanaryOptions, CanaryRecorder, firstDifference } from "./canary.ts";
import type { Case, Expected, Inputs, Row, Tensors, Values } from "./case.ts";

/** Draws cases of a row; the numbers depend on the seed and the row's name, not on the other rows. */
export function drawCases(row: Row, seed: number, count = row.draws): Case[] {
  let stream = 0;
  for (const letter of row.name) stream = (Math.imul(stream, 31) + letter.charCodeAt(0)) >>> 0;
  const random = new Random(seed >>> 0, stream);
  return Array.from({ length: count }, (_, index) => row.draw(random, index));
}

/** The case with a NaN in one or two elements of one of its float inputs, or undefined if it has none. */
export function withNaN(original: Case, random: Random): Case | undefined {
  const floats = Object.entries(original.inputs).filter(([, { values }]) =>
    values instanceof Float32Array && values.length > 0
  );
  if (floats.length === 0) return undefined;
  const [name, input] = floats[random.integer(floats.length)]!;
  const values = input.values.slice();
  const places = [random.integer(values.length), random.integer(values.length)];
  for (const place of places) values[place] = NaN;
  const inputs: Inputs = { ...original.inputs, [name]: { shape: input.shape, values } };
  return { ...original, what: `${original.what}, NaN in ${name} at ${places}`, inputs };
}

/** How {@linkcode findFaults} runs and compares. */
export interface RunOptions extends CanaryOptions {
  /** Whether to run every case once only, and so not to compare the bits of two runs. Default false. */
  readonly once?: boolean;
  /** Whether outputs may be NaN where the reference has numbers. Default false. */
  readonly nanSpreads?: boolean;
}

/**
 * Runs every case twice, between canaries, and reads all results at once.
 *
 * @returns What is wrong, one text for each thing; empty if all is well.
 */
export async function findFaults(
  gpu: Gpu,
  cases: readonly Case[],
  options: RunOptions = {},
): Promise<{ faults: string[]; substitutions: number }> {
  using recorder = new CanaryRecorder(gpu, options);
  const runs = cases.map((each) => {
    recorder.owner = each.what;
    const first = run(each, recorder);
    return [first, options.once ? first : run(each, recorder)] as const;
  });
  const { values, faults } = await recorder.readAll();
  cases.forEach((each, i) => {
    const [first, second] = runs[i]!;
    const fault = compareOutputs(each.expect(each.inputs), first, values, options.nanSpreads) ??
      compareBits(first, second, values);
    if (fault !== undefined) faults.push(`${each.what}: ${fault}`);
  });
  return { faults, substitutions: recorder.substitutions };
}

function run(each: Case, recorder: CanaryRecorder): Tensors {
  const tensors = Object.fromEntries(
    Object.entries(each.inputs).map(([name, input]) => [name, recorder.tensor(input)]),
  );
  return each.run(recorder, tensors);
}

function compareOutputs(
  expected: Record<string, Expected>,
  outputs: Tensors,
  values: ReadonlyMap<unknown, Values>,
  nanSpreads = false,
): string | undefined {
  const names = Object.keys(expected).sort().join();
  if (Object.keys(outputs).sort().join() !== names) {
    return `expected the outputs ${names}, got ${Object.keys(outputs)}`;
  }
  for (const [name, output] of Object.entries(outputs)) {
    const { shape } = expected[name]!;
    if (!shapesEqual(output.shape, shape)) {
      return `${name}: expected shape ${formatShape(shape)}, got ${formatShape(output.shape)}`;
    }
    const fault = compare(values.get(output.storage)!, expected[name]!, nanSpreads);
    if (fault !== undefined) return `${name}: ${fault}`;
  }
  return undefined;
}

/** What is wrong with the values, if anything is: NaN must be where it should and nowhere else. */
export function compare(
  actual: ArrayLike<number>,
  { values, bounds }: Expected,
  nanSpreads = false,
): string | undefined {
  let wrong = 0;
  let first = "";
  for (let i = 0; i < values.length; i++) {
    const [got, expected, bound] = [actual[i]!, values[i]!, bounds?.[i] ?? 0];
    // Not "> bound": comparisons with NaN are false.
    const right = Number.isNaN(expected)
      ? Number.isNaN(got)
      : got === expected || Math.abs(got - expected) <= bound && bound < Infinity;
    if (right || (nanSpreads && Number.isNaN(got))) continue;
    if (wrong++ === 0) first = `element ${i}: expected ${expected} ± ${bound}, got ${got}`;
  }
  return wrong === 0 ? undefined : `${first} (${wrong} of ${values.length} are wrong)`;
}

function compareBits(
  first: Tensors,
  second: Tensors,
  values: ReadonlyMap<unknown, Values>,
): string | undefined {
  for (const [name, tensor] of Object.entries(first)) {
    const [a, b] = [tensor, second[name]!].map(({ storage }) => {
      const { buffer, byteOffset, byteLength } = values.get(storage)!;
      return new Uint8Array(buffer, byteOffset, byteLength);
    }) as [Uint8Array, Uint8Array];
    const differs = firstDifference(a, b);
    if (differs >= 0) return `${name}: two runs differ at byte ${differs}`;
  }
  return undefined;
}
