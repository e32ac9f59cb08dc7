/**
 * Cases of softmax over rows.
 *
 * @module
 */

import { ShapeError } from "../src/errors.ts";
import { logSoftmax, logSoftmaxGradient, softmax, softmaxGradient } from "../src/ops/softmax.ts";
import type { Random } from "../src/random.ts";
import * as rows from "../src/reference/softmax.ts";
import type { Shape } from "../src/shape.ts";
import {
  blank,
  dimension,
  type Expected,
  floats,
  type Input,
  makeCase,
  pick,
  reference,
  type Row,
} from "./case.ts";
import { eachRow, largest, rowSum } from "./rounded_rows.ts";
import { divide, exp, log, multiply, type Rounded, subtract } from "./rounding.ts";

function roundedSoftmax(row: readonly Rounded[], logarithm: boolean): Rounded[] {
  const highest = largest(row);
  const differences = row.map((x) => subtract(x, highest));
  const exponentials = differences.map(exp);
  const total = rowSum(exponentials);
  if (!logarithm) return exponentials.map((e) => divide(e, total));
  const logTotal = log(total);
  return differences.map((difference) => subtract(difference, logTotal));
}

function roundedGradient(y: Rounded[], dy: Rounded[], logarithm: boolean): Rounded[] {
  if (logarithm) {
    const total = rowSum(dy);
    return y.map((value, j) => subtract(dy[j]!, multiply(exp(value), total)));
  }
  const total = rowSum(y.map((value, j) => multiply(value, dy[j]!)));
  return y.map((value, j) => multiply(value, subtract(dy[j]!, total)));
}

/** Rows and columns: short rows, rows that several lanes share, and a few long ones. */
export function drawRows(random: Random, least = 0): Shape {
  const columns = dimension(random, pick(random, [4, 16, 64, 64, 257, 1024]), least);
  const count = dimension(random, columns > 200 ? 3 : 64);
  return random.integer(4) === 0 ? [2, count, columns] : [count, columns];
}

/** How far apart the numbers of a case lie. */
export const deviation = (random: Random): number => pick(random, [0.1, 1, 5, 30, 1000]);

/** Softmax or its logarithm of float32 numbers, as the gradient kernels are given it. */
function probabilities(random: Random, shape: Shape, logarithm: boolean): Input<Float32Array> {
  const x = reference(floats(random, shape, deviation(random)));
  const y = logarithm ? rows.logSoftmax(x) : rows.softmax(x);
  return { shape, values: Float32Array.from(y.data) };
}

/** The expected softmax of an input. */
export function expectSoftmax(x: Input, logarithm = false): Expected {
  const source = reference(x);
  const y = logarithm ? rows.logSoftmax(source) : rows.softmax(source);
  return eachRow(y, [source], (row) => roundedSoftmax(row!, logarithm));
}

const softmaxRows: Row[] = [false, true].flatMap((logarithm): Row[] => {
  const name = logarithm ? "logSoftmax" : "softmax";
  const forward = logarithm ? logSoftmax : softmax;
  const backward = logarithm ? logSoftmaxGradient : softmaxGradient;
  const oracle = logarithm ? rows.logSoftmaxBackward : rows.softmaxBackward;
  return [
    {
      name,
      kernels: ["softmax.wgsl"],
      draws: 28,
      draw: (random) =>
        makeCase(
          "",
          { x: floats(random, drawRows(random), deviation(random)) },
          (recorder, { x }) => ({ y: forward(recorder, x) }),
          ({ x }) => ({ y: expectSoftmax(x, logarithm) }),
        ),
      refusals: [
        {
          what: "a scalar",
          error: ShapeError,
          message: new RegExp(`^${name}: expected rows, got a scalar`),
          call: (gpu) => forward(gpu, blank(gpu)),
        },
        {
          what: "a row that is too long",
          error: ShapeError,
          message: new RegExp(`^${name}: a row may have 1280000 columns, got 1280001`),
          call: (gpu) => forward(gpu, blank(gpu, 1, 1_280_001)),
        },
      ],
    },
    {
      name: `${name} gradient`,
      kernels: ["softmax.wgsl"],
      draws: 28,
      draw: (random) => {
        const shape = drawRows(random);
        return makeCase(
          "",
          { y: probabilities(random, shape, logarithm), dy: floats(random, shape, 3) },
          (recorder, { y, dy }) => ({ dx: backward(recorder, y, dy) }),
          (inputs) => {
            const [y, dy] = [reference(inputs.y), reference(inputs.dy)];
            const formula = (...slices: Rounded[][]) =>
              roundedGradient(slices[0]!, slices[1]!, logarithm);
            return { dx: eachRow(oracle(y, dy), [y, dy], formula) };
          },
        );
      },
      refusals: [{
        what: "dy of another shape",
        error: ShapeError,
        message: new RegExp(`^${name}Gradient: dy: expected shape \\[2, 3\\], got \\[2, 2\\]`),
        call: (gpu) => backward(gpu, blank(gpu, 2, 3), blank(gpu, 2, 2)),
      }],
    },
  ];
});

/** The rows of this file. */
export const SOFTMAX_ROWS: readonly Row[] = softmaxRows;
