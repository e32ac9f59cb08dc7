/**
 * Convolutions, pools and normalisations as PyTorch computes them in float64. The numbers are made by
 * tools/golden_convolution.py; inputs come from the same integer hash here and there.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type NdArray, ndArray } from "../src/reference/nd_array.ts";
import { type Shape, sizeOf } from "../src/shape.ts";
import fixture from "./fixtures/convolution.json" with { type: "json" };
import { uniform } from "./golden_hash.ts";

/** Arrays by name. */
export type Arrays = Readonly<Record<string, NdArray>>;

/** An operation, its inputs, and what PyTorch computed. */
export interface GoldenCase<Options> {
  /** Operation, input shapes and options, for messages. */
  readonly name: string;
  readonly options: Options;
  /** Only of batch normalisation: with statistics of the batch, or given ones. */
  readonly training?: boolean;
  /** Numbers on −1 … 1; a variance on 0.5 … 1.5. */
  readonly inputs: Arrays;
  /** The gradient that comes from above. */
  readonly dy: NdArray;
  /** y, and the gradient of every input that has one, as "d" + its name. */
  readonly results: Arrays;
}

interface Row {
  readonly op: string;
  readonly seed: number;
  readonly training?: boolean;
  readonly inputs: Readonly<Record<string, Shape>>;
  readonly options: unknown;
  readonly results: Readonly<Record<string, { shape: Shape; values: number[] }>>;
}

/** All cases of an operation, at least one. */
export function goldenCases<Options>(operation: string): GoldenCase<Options>[] {
  const rows = (fixture.cases as unknown as Row[]).filter(({ op }) => op === operation);
  assert(rows.length > 0, operation);
  return rows.map(({ op, seed, training, inputs, options, results }) => {
    const make = (shape: Shape, position: number): NdArray =>
      ndArray(shape, uniform(10 * seed + position, sizeOf(shape)).map((u) => 2 * u - 1));
    const arrays = mapEntries(inputs, make);
    arrays["variance"]?.data.forEach((v, i, data) => data[i] = Math.abs(v) + 0.5);
    return {
      name: `${op} ${JSON.stringify(inputs)} ${JSON.stringify(options)}`,
      options: options as Options,
      inputs: arrays,
      dy: make(results["y"]!.shape, 9),
      results: mapEntries(results, ({ shape, values }) => ndArray(shape, values)),
      ...(training === undefined ? {} : { training }),
    };
  });
}

/** Checks arrays by name against PyTorch's, to 1e-12 of the largest element; every result is checked. */
export function assertGolden({ name, results }: GoldenCase<unknown>, actual: Arrays): void {
  assertEquals(Object.keys(actual).sort(), Object.keys(results).sort(), name);
  for (const [key, expected] of Object.entries(results)) {
    const { shape, data } = actual[key]!;
    assertEquals(shape, expected.shape, `${name}: shape of ${key}`);
    const largest = expected.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expected.data.forEach((value, i) => {
      const error = Math.abs(data[i]! - value);
      assert(error <= 1e-12 * largest, `${name}: ${key}[${i}]: expected ${value}, got ${data[i]}`);
    });
  }
}

function mapEntries<T>(
  record: Readonly<Record<string, T>>,
  f: (value: T, position: number) => NdArray,
): Record<string, NdArray> {
  return Object.fromEntries(Object.entries(record).map(([key, value], i) => [key, f(value, i)]));
}
