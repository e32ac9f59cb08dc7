/**
 * Cases of the losses.
 *
 * @module
 */

import { ShapeError } from "../src/errors.ts";
import type { Recorder } from "../src/gpu/recorder.ts";
import type { DataType, Tensor } from "../src/gpu/tensor.ts";
import * as ops from "../src/ops/losses.ts";
import type { Random } from "../src/random.ts";
import * as losses from "../src/reference/losses.ts";
import type { NdArray } from "../src/reference/nd_array.ts";
import type { Shape } from "../src/shape.ts";
import {
  blank,
  blankOf,
  type Case,
  dimension,
  type Expected,
  float,
  floats,
  type Input,
  makeCase,
  pick,
  reference,
  type Row,
  wholes,
  within,
} from "./case.ts";
import { deviation, drawRows } from "./cases_softmax.ts";
import { largest, rowSum } from "./rounded_rows.ts";
import { logOnePlus, roundedSigmoid } from "./rounded_activations.ts";
import {
  abs,
  add,
  clamp,
  divide,
  exact,
  exp,
  literal,
  log,
  multiply,
  negate,
  type Rounded,
  subtract,
} from "./rounding.ts";

/** What a loss is computed from, row by row. */
interface LossParts {
  readonly loss: Rounded;
  readonly slopes: readonly Rounded[];
}

type LossName = "softmaxCrossEntropy" | "sigmoidCrossEntropy" | "meanSquaredError" | "hinge";

function roundedCrossEntropy(z: readonly Rounded[], t: readonly Rounded[]): LossParts {
  const highest = largest(z);
  const differences = z.map((value) => subtract(value, highest));
  const exponentials = differences.map(exp);
  const total = rowSum(exponentials);
  const weight = rowSum(t);
  const dot = rowSum(
    t.map((value, j) => value.value === 0 ? exact(0) : multiply(value, differences[j]!)),
  );
  return {
    loss: subtract(multiply(weight, log(total)), dot),
    slopes: exponentials.map((e, j) => subtract(multiply(divide(e, total), weight), t[j]!)),
  };
}

/** A term of the elementwise losses and its slope. The sign of a margin is exact for targets of ±1. */
function roundedTerm(name: LossName, z: Rounded, t: Rounded): readonly [Rounded, Rounded] {
  if (name === "meanSquaredError") {
    const difference = subtract(z, t);
    return [multiply(difference, difference), multiply(exact(2), difference)];
  }
  if (name === "hinge") {
    const margin = subtract(exact(1), multiply(t, z));
    return [clamp(margin), margin.value > 0 ? negate(t) : exact(0)];
  }
  const value = add(subtract(clamp(z), multiply(z, t)), logOnePlus(exp(negate(abs(z)))));
  return [value, subtract(roundedSigmoid(z), t)];
}

function roundedElementwise(
  name: LossName,
  z: readonly Rounded[],
  t: readonly Rounded[],
): LossParts {
  const terms = z.map((value, j) => roundedTerm(name, value, t[j]!));
  return {
    loss: divide(rowSum(terms.map(([term]) => term)), exact(z.length)),
    slopes: terms.map(([, slope]) => slope),
  };
}

/** Labels as the targets that they stand for. */
function dense(name: LossName, targets: Input, [n, k]: readonly [number, number]): NdArray {
  if (!(targets.values instanceof Uint32Array)) return reference(targets);
  const data = new Float64Array(n * k);
  targets.values.forEach((label, i) => {
    if (name === "softmaxCrossEntropy") data[i * k + label] = 1;
    else data[i] = name === "hinge" && label === 0 ? -1 : label;
  });
  return { shape: [n, k], data };
}

/** The expected losses and, if it is wanted, their gradient. */
export function expectLoss(
  name: LossName,
  outputs: Input,
  targets: Input,
  wantGradient = true,
): Record<string, Expected> {
  const [n, k] = outputs.shape as [number, number];
  const z = reference(outputs);
  const t = dense(name, targets, [n, k]);
  const labels = name === "softmaxCrossEntropy" && targets.values instanceof Uint32Array;
  const result = labels ? losses.softmaxCrossEntropy(z, targets.values) : losses[name](z, t);
  const factor = literal(1 / (name === "softmaxCrossEntropy" ? n : n * k));
  const rounded: Rounded[] = [];
  const slopes: Rounded[] = [];
  for (let i = 0; i < n; i++) {
    const row = (array: NdArray) => Array.from(array.data.subarray(i * k, (i + 1) * k), exact);
    const parts = name === "softmaxCrossEntropy"
      ? roundedCrossEntropy(row(z), row(t))
      : roundedElementwise(name, row(z), row(t));
    rounded.push(parts.loss);
    for (const slope of parts.slopes) slopes.push(multiply(slope, factor));
  }
  const expected = { losses: within({ shape: [n], data: result.losses }, rounded) };
  return wantGradient ? { ...expected, gradient: within(result.gradient, slopes) } : expected;
}

/** Labels, or targets as the loss takes them. */
export function drawTargets(name: LossName, random: Random, shape: Shape, labels: boolean): Input {
  const [n, k] = shape as [number, number];
  if (labels) return wholes(random, [n], name === "softmaxCrossEntropy" ? k : 2);
  const values = floats(random, shape).values.map((value) => {
    if (name === "hinge") return value < 0 ? -1 : 1;
    if (name === "meanSquaredError") return value;
    return random.integer(4) === 0 ? random.integer(2) : float(random, 0, 1);
  });
  if (name === "softmaxCrossEntropy") {
    for (let i = 0; i < n; i++) {
      const row = values.subarray(i * k, (i + 1) * k);
      const total = row.reduce((partial, value) => partial + value, 0);
      if (random.integer(4) > 0 && total > 0) row.forEach((value, j) => row[j] = value / total);
    }
  }
  return { shape, values };
}

/** Columns that are read as vectors: one, as many as an invocation keeps, more; what needs several lanes on a software adapter. */
export const VECTORS: readonly number[] = [1, 2, 3, 10, 12, 13, 25, 33, 100, 513];

/** Rows of any kind, or in two of three cases such as are read as vectors. */
function drawMatrix(random: Random, index: number): readonly [rows: number, columns: number] {
  if (index % 3 === 0) return drawRows(random, 1).slice(-2) as [number, number];
  const columns = 4 * pick(random, VECTORS);
  return [dimension(random, columns > 200 ? 3 : 64), columns];
}

function drawLoss(name: LossName, random: Random, index: number): Case {
  const labels = (index >> 1) % 2 === 0; // each for both kinds of adapters, which take turns
  const alone = name !== "softmaxCrossEntropy" && (labels || random.integer(4) === 0);
  const [n, k] = alone
    ? [dimension(random, 64) * pick(random, [1, 4]), 1] as const
    : drawMatrix(random, index);
  const wantGradient = random.integer(4) > 0;
  const inputs: { outputs: Input<Float32Array>; targets: Input } = {
    outputs: floats(random, [n, k], deviation(random)),
    targets: drawTargets(name, random, [n, k], labels),
  };
  return makeCase(
    `${labels ? "labels" : "targets"}${wantGradient ? "" : ", no gradient"}`,
    inputs,
    (recorder, { outputs, targets }) => {
      const options = wantGradient ? {} : { gradient: false };
      const { losses, gradient } = LOSSES[name](recorder, outputs, targets, options);
      return gradient === undefined ? { losses } : { losses, gradient };
    },
    ({ outputs, targets }) => expectLoss(name, outputs, targets, wantGradient),
  );
}

const LOSSES: Record<
  LossName,
  (
    recorder: Recorder,
    outputs: Tensor,
    targets: Tensor<DataType>,
    options: ops.LossOptions,
  ) => ops.LossResult
> = ops;

const lossRows: Row[] = (Object.keys({
  softmaxCrossEntropy: 0,
  sigmoidCrossEntropy: 0,
  meanSquaredError: 0,
  hinge: 0,
}) as LossName[]).map((name) => ({
  name,
  kernels: [
    name === "softmaxCrossEntropy" ? "softmax_cross_entropy.wgsl" : "elementwise_loss.wgsl",
  ],
  draws: name === "softmaxCrossEntropy" ? 100 : 36,
  draw: (random, index) => drawLoss(name, random, index),
  refusals: [
    {
      what: "outputs that are no matrix",
      error: ShapeError,
      message: new RegExp(`^${name}: expected outputs \\[n, k\\], got \\[3\\]`),
      call: (gpu) => LOSSES[name](gpu, blank(gpu, 3), blank(gpu, 3), {}),
    },
    {
      what: "targets of another shape",
      error: ShapeError,
      message: new RegExp(
        `^${name}: for outputs \\[2, 1\\] expected labels \\[2\\] \\(u32\\) or targets \\[2, 1\\] \\(f32\\), got \\[2\\] \\(f32\\)`,
      ),
      call: (gpu) => LOSSES[name](gpu, blank(gpu, 2, 1), blank(gpu, 2), {}),
    },
    {
      what: "targets of bytes",
      error: ShapeError,
      message: new RegExp(`^${name}: .*got \\[2, 3\\] \\(u8\\)`),
      call: (gpu) => LOSSES[name](gpu, blank(gpu, 2, 3), blankOf(gpu, "u8", [2, 3]), {}),
    },
    {
      what: "no columns",
      error: ShapeError,
      message: new RegExp(`^${name}: outputs have no columns`),
      call: (gpu) => LOSSES[name](gpu, blank(gpu, 2, 0), blank(gpu, 2, 0), {}),
    },
    {
      what: "a row that is too long",
      error: ShapeError,
      message: new RegExp(`^${name}: a row may have 1280000 columns, got 1280001`),
      call: (gpu) => LOSSES[name](gpu, blank(gpu, 1, 1_280_001), blank(gpu, 1, 1_280_001), {}),
    },
    ...(name === "softmaxCrossEntropy" ? [] : [{
      what: "labels for several columns",
      error: ShapeError,
      message: new RegExp(`^${name}: labels need outputs of shape \\[n, 1\\], got \\[2, 3\\]`),
      call: (gpu: Parameters<typeof blank>[0]) =>
        LOSSES[name](gpu, blank(gpu, 2, 3), blankOf(gpu, "u32", [2]), {}),
    }]),
  ],
}));

/** The rows of this file. */
export const LOSS_ROWS: readonly Row[] = lossRows;
