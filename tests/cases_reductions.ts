/**
 * Cases of reductions along an axis and of the statistics that a step records.
 *
 * @module
 */

import { ShapeError } from "../src/errors.ts";
import type { Recorder } from "../src/gpu/recorder.ts";
import type { Tensor } from "../src/gpu/tensor.ts";
import type { ReductionPlan } from "../src/ops/reduction_plan.ts";
import { argmax, max, mean, sum, sumOfSquares, type SumOptions } from "../src/ops/reductions.ts";
import { matches, recordSums } from "../src/ops/statistics.ts";
import type { Random } from "../src/random.ts";
import { multiply } from "../src/reference/elementwise.ts";
import { mapValues, type NdArray } from "../src/reference/nd_array.ts";
import * as reductions from "../src/reference/reductions.ts";
import { type Shape, sizeOf } from "../src/shape.ts";
import {
  blank,
  blankOf,
  type Case,
  dimension,
  type Expected,
  floats,
  type Input,
  type Inputs,
  makeCase,
  pick,
  reference,
  type Row,
  wholes,
} from "./case.ts";
import { TINY, UNIT } from "./rounding.ts";

type Reduction = "sum" | "sumOfSquares" | "mean" | "max" | "argmax";

/** The tensor as the reference reduces it: along an axis, or flat. */
function along(x: NdArray, axis: number | undefined): readonly [NdArray, number] {
  return axis === undefined ? [{ shape: [x.data.length], data: x.data }, 0] : [x, axis];
}

/**
 * The expected result. Additions that an element takes part in: as many as there are elements, and at most
 * 2,200 (`sum` in src/ops/reductions.ts); and one rounding of the square or the factor each.
 */
export function expectReduction(name: Reduction, input: Input, axis?: number): Expected {
  const [x, position] = along(reference(input), axis);
  if (name === "max" || name === "argmax") {
    const result = reductions[name](x, position);
    return { shape: result.shape, values: result.data };
  }
  const terms = name === "sumOfSquares" ? multiply(x, x) : x;
  const result = reductions[name === "mean" ? "mean" : "sum"](terms, position);
  const length = x.shape.at(position)!;
  const magnitude = reductions.sum(mapValues(terms, Math.abs), position);
  const factor = name === "mean" ? 1 / length : 1;
  const roundings = Math.min(length, 2200) + 4;
  const bounds = magnitude.data.map((value) => roundings * UNIT * factor * value + TINY);
  return { shape: result.shape, values: result.data, bounds };
}

const COMPUTE: Record<
  Reduction,
  (recorder: Recorder, x: Tensor, options: SumOptions) => Tensor | Tensor<"u32">
> = { sum, sumOfSquares, mean, max, argmax };

/** Shapes with short and long axes, in front, in the middle and at the end. */
function drawShape(random: Random, least: number): Shape {
  const rank = 1 + random.integer(3);
  const shape = Array.from({ length: rank }, () => dimension(random, pick(random, [4, 16]), least));
  if (random.integer(2) === 0) shape[random.integer(rank)] = dimension(random, 257, least);
  if (random.integer(4) === 0) return [dimension(random, 1025, least), dimension(random, 3, least)];
  return sizeOf(shape) > 20_000 ? shape.slice(0, 1) : shape;
}

function drawReduction(name: Reduction, random: Random): Case {
  const bounded = name === "max" || name === "argmax";
  const shape = drawShape(random, bounded ? 1 : 0);
  const axis = random.integer(4) === 0
    ? undefined
    : random.integer(2 * shape.length) - shape.length;
  const x = bounded && random.integer(2) === 0
    ? { shape, values: floats(random, shape, 3).values.map(Math.round) } // ties
    : floats(random, shape, 10);
  const given = !bounded && random.integer(4) === 0;
  const options = axis === undefined ? {} : { axis };
  return makeCase(
    `${axis === undefined ? "all axes" : `axis ${axis}`}${given ? ", out given" : ""}`,
    { x },
    (recorder, tensors) => {
      const out = given ? { out: recorder.empty(expectReduction(name, x, axis).shape) } : {};
      return { y: COMPUTE[name](recorder, tensors.x, { ...options, ...out }) };
    },
    (inputs) => ({ y: expectReduction(name, inputs.x, axis) }),
  );
}

/** Any plan, for shapes that leave some room for it; the table takes some only for large tensors, or on a card. */
function drawPlanned(name: Reduction, random: Random): Case {
  const shape: Shape = random.integer(2) === 0
    ? [1 + random.integer(3), dimension(random, 513, 1)]
    : [1 + random.integer(2), dimension(random, 129, 1), 4 * dimension(random, 8, 1)];
  const plan: ReductionPlan = {
    vector: random.integer(2) === 0,
    loads: pick(random, [1, 2, 4, 8]),
    lanes: shape.length > 2 ? 1 : pick(random, [1, 64, 256]),
    turns: random.integer(2) === 0,
    parts: pick(random, [1, 2, 3, 7, 64, 100]),
  };
  const x = { shape, values: floats(random, shape, 3).values.map(Math.round) };
  return makeCase(
    JSON.stringify(plan),
    { x },
    (recorder, tensors) => ({ y: COMPUTE[name](recorder, tensors.x, { axis: 1, plan }) }),
    (inputs) => ({ y: expectReduction(name, inputs.x, 1) }),
  );
}

const planned: Row[] = (["sum", "max", "argmax"] as const).map((name) => ({
  name: `${name} as planned`,
  kernels: ["reduce.wgsl"],
  draws: 24,
  draw: (random) => drawPlanned(name, random),
}));

const reducing: Row[] = (Object.keys(COMPUTE) as Reduction[]).map((name) => ({
  name,
  kernels: ["reduce.wgsl"],
  draws: 25,
  draw: (random) => drawReduction(name, random),
  refusals: [
    {
      what: "an axis that does not exist",
      error: ShapeError,
      message: new RegExp(`^${name}: axis 2 does not exist in shape \\[2, 3\\]`),
      call: (gpu) => COMPUTE[name](gpu, blank(gpu, 2, 3), { axis: 2 }),
    },
    name === "max" || name === "argmax"
      ? {
        what: "an empty axis",
        error: ShapeError,
        message: new RegExp(`^${name}: cannot reduce an empty axis of shape \\[2, 0\\]`),
        call: (gpu) => COMPUTE[name](gpu, blank(gpu, 2, 0), { axis: 1 }),
      }
      : {
        what: "out of another shape",
        error: ShapeError,
        message: /: out: expected shape \[2\], got \[3\]/,
        call: (gpu) => COMPUTE[name](gpu, blank(gpu, 2, 3), { axis: 1, out: blank(gpu, 3) }),
      },
  ],
}));

/** The first largest of a row, ignoring NaN as comparisons do. */
function firstLargest(row: ArrayLike<number>): number {
  let best = 0;
  for (let j = 1; j < row.length; j++) if (row[j]! > row[best]!) best = j;
  return best;
}

/** Which predictions are right, as {@linkcode matches} says it. */
export function expectMatches({ outputs, targets }: { outputs: Input; targets: Input }): Expected {
  const [rows, columns] = outputs.shape as [number, number];
  const values = Array.from({ length: rows }, (_, i) => {
    const z = outputs.values.subarray(i * columns, (i + 1) * columns);
    if (z.some(Number.isNaN)) return 0;
    const predicted = columns === 1 ? Number(z[0]! > 0) : firstLargest(z);
    if (targets.values instanceof Uint32Array) return Number(predicted === targets.values[i]);
    const t = targets.values.subarray(i * columns, (i + 1) * columns);
    if (t.some(Number.isNaN)) return 0;
    return Number(predicted === (columns === 1 ? Number(t[0]! > 0.5) : firstLargest(t)));
  });
  return { shape: [rows], values };
}

/** One draw in two has labels; some of them are no class. */
function drawMatches(random: Random): Case {
  const rows = dimension(random, 64);
  const columns = random.integer(4) === 0 ? 1 : dimension(random, 10, 1);
  const outputs = floats(random, [rows, columns]);
  const targets: Input = random.integer(2) === 0
    ? wholes(random, [rows], columns + 1)
    : floats(random, [rows, columns]);
  const inputs: Inputs & { outputs: Input<Float32Array>; targets: Input } = { outputs, targets };
  return makeCase(
    "",
    inputs,
    (recorder, tensors) => ({ matches: matches(recorder, tensors.outputs, tensors.targets) }),
    (given) => ({ matches: expectMatches(given) }),
  );
}

const matching: Row = {
  name: "matches",
  kernels: ["matches.wgsl"],
  draws: 100,
  draw: drawMatches,
  refusals: [
    {
      what: "outputs that are no matrix",
      error: ShapeError,
      message: /^matches: expected outputs \[n, c\], got \[4\]/,
      call: (gpu) => matches(gpu, blank(gpu, 4), blankOf(gpu, "u32", [4])),
    },
    {
      what: "labels of another length",
      error: ShapeError,
      message: /^matches: targets: expected shape \[2\], got \[3\]/,
      call: (gpu) => matches(gpu, blank(gpu, 2, 5), blankOf(gpu, "u32", [3])),
    },
  ],
};

/** Additions of `record_sums.wgsl`: a 64th of the values, then a tree. */
function expectRecord(values: readonly Input[], record: Input, slot: number): Expected {
  const expected = Float64Array.from(record.values);
  const bounds = new Float64Array(expected.length);
  values.forEach((input, j) => {
    const at = slot * values.length + j;
    const [flat] = along(reference(input), undefined);
    const total = reductions.sum(flat, 0).data[0]!;
    const magnitude = reductions.sum(mapValues(flat, Math.abs), 0).data[0]!;
    expected[at] = total;
    bounds[at] = (input.values.length / 64 + 8) * UNIT * magnitude + TINY;
  });
  return { shape: record.shape, values: expected, bounds };
}

const recording: Row = {
  name: "recordSums",
  kernels: ["record_sums.wgsl"],
  draws: 100,
  draw: (random) => {
    const count = 1 + random.integer(4);
    const shape = [dimension(random, pick(random, [64, 1024]))];
    const slots = 1 + random.integer(5);
    const slot = random.integer(slots);
    const names = Array.from({ length: count }, (_, j) => `values ${j}`);
    const inputs: Record<string, Input<Float32Array>> = {
      record: floats(random, [slots, count]),
    };
    for (const name of names) inputs[name] = floats(random, shape);
    return makeCase(
      `slot ${slot}`,
      inputs,
      (recorder, tensors) => {
        recordSums(recorder, names.map((name) => tensors[name]!), tensors.record!, slot);
        return { record: tensors.record! };
      },
      (given) => ({
        record: expectRecord(names.map((name) => given[name]!), given.record!, slot),
      }),
    );
  },
  refusals: [
    {
      what: "five tensors",
      error: ShapeError,
      message: /^recordSums: expected 1 to 4 tensors of at most 1048576 values, got 5 of 1/,
      call: (gpu) => recordSums(gpu, Array(5).fill(blank(gpu, 1)), blank(gpu, 1, 5), 0),
    },
    {
      what: "a record with another number of columns",
      error: ShapeError,
      message: /^recordSums: record: expected shape \[3, 1\], got \[3, 2\]/,
      call: (gpu) => recordSums(gpu, [blank(gpu, 1)], blank(gpu, 3, 2), 0),
    },
  ],
};

/** The rows of this file. */
export const REDUCTION_ROWS: readonly Row[] = [...reducing, ...planned, matching, recording];
