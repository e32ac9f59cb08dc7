/**
 * Cases of stacks of products, in every family of kernels; the matrices of a shorter stack are used in turn.
 *
 * @module
 */

import { ShapeError } from "../src/errors.ts";
import { batchedMatmul } from "../src/ops/matmul.ts";
import type { MatmulPlan } from "../src/ops/matmul_plan.ts";
import type { Random } from "../src/random.ts";
import {
  blank,
  type Expected,
  floats,
  type Input,
  makeCase,
  pick,
  type Refusal,
  type Row,
} from "./case.ts";
import { expectMatmul } from "./cases_matmul.ts";

/** One tile of each family, and the operation's own choice. */
const PLANS: readonly (((k: number) => MatmulPlan) | undefined)[] = [
  undefined,
  (k) => ({ family: "plain", parts: 1, chunk: k }),
  (k) => ({
    family: "register",
    rowGroups: 2,
    columnGroups: 1,
    lanesM: 1,
    lanesN: 8,
    parts: k > 4 ? 2 : 1,
    chunk: k > 4 ? Math.ceil(k / 8) * 4 : k,
  }),
  (k) => ({
    family: "broadcast",
    ...{ rowGroups: 2, columnGroups: 1, lanesM: 1, lanesN: 8, textures: "" },
    parts: k > 4 ? 2 : 1,
    chunk: k > 4 ? Math.ceil(k / 8) * 4 : k,
  }),
  (k) => ({
    family: "broadcast",
    ...{ rowGroups: 1, columnGroups: 2, lanesM: 8, lanesN: 1, textures: "ab" },
    ...{ parts: 1, chunk: k },
  }),
  (k) => ({
    family: "block",
    rowGroups: 1,
    columnGroups: 1,
    lanesM: 8,
    lanesN: 8,
    depth: 16,
    parts: 1,
    chunk: k,
  }),
];

const ORIENTATIONS = [[false, false], [false, true], [true, false], [true, true]] as const;

/** Matrix number i of a stack, or its only one. */
function matrix({ shape, values }: Input<Float32Array>, i: number): Input<Float32Array> {
  const [count, ...sides] = shape as [number, number, number];
  const size = sides[0]! * sides[1]!;
  const begin = i % count * size;
  return { shape: sides, values: values.subarray(begin, begin + size) };
}

/** op(x) as a list of rows. */
function rows({ shape, values }: Input<Float32Array>, transpose: boolean): number[][] {
  const [height, width] = shape as [number, number];
  const [m, n] = transpose ? [width, height] : [height, width];
  return Array.from(
    { length: m },
    (_, i) =>
      Array.from({ length: n }, (_, j) => values[transpose ? j * width + i : i * width + j]!),
  );
}

function fromRows(list: readonly number[][]): Input<Float32Array> {
  return { shape: [list.length, list[0]!.length], values: new Float32Array(list.flat()) };
}

function draw(random: Random, index: number) {
  const [transposeA, transposeB] = ORIENTATIONS[index % 4]!;
  const whole = index % 8 < 4;
  const side = () => pick(random, whole ? [4, 8, 12, 36, 68] : [1, 2, 3, 5, 13, 33, 65]);
  const [m, n, k] = [side(), side(), side()];
  const batches = pick(random, [0, 1, 2, 3, 5]);
  const [countA, countB] = pick(random, [
    [batches, batches],
    [1, batches],
    [batches, 1],
    [2, 2 * batches],
    [2 * batches, 2],
  ]);
  const products = countA === 0 || countB === 0 ? 0 : Math.max(countA!, countB!);
  const withBias = random.integer(2) === 0;
  const activation = pick(random, ["linear", "linear", "relu"] as const);
  const plan = PLANS[(index >> 3) % PLANS.length]!;
  const options = {
    transposeA,
    transposeB,
    activation,
    ...(plan === undefined ? {} : { plan: plan(k) }),
  };
  return makeCase(
    JSON.stringify({ ...options, withBias }),
    {
      a: floats(random, transposeA ? [countA!, k, m] : [countA!, m, k]),
      b: floats(random, transposeB ? [countB!, n, k] : [countB!, k, n]),
      rowBias: floats(random, [countA!, m], 3),
    },
    (recorder, { a, b, rowBias }) => ({
      c: batchedMatmul(recorder, a, b, {
        ...options,
        ...(withBias ? { rowBias } : {}),
      }),
    }),
    ({ a, b, rowBias }) => {
      // A bias of rows is a further product: the column [bias] with the row [1, 1, …].
      const list = Array.from({ length: products }, (_, i) => {
        const pair = { a: matrix(a, i), b: matrix(b, i) };
        if (!withBias) {
          return expectMatmul(pair, { transposeA, transposeB, activation });
        }
        const [wide, tall] = [rows(pair.a, transposeA), rows(pair.b, transposeB)];
        const begin = i % countA! * m;
        const bias = Array.from(rowBias.values.subarray(begin, begin + m));
        return expectMatmul(
          {
            a: fromRows(wide.map((row, j) => [...row, bias[j]!])),
            b: fromRows([...tall, new Array<number>(n).fill(1)]),
          },
          { transposeA: false, transposeB: false, activation },
        );
      });
      const joined = (key: "values" | "bounds") =>
        list.flatMap((product) => Array.from(product[key]!));
      const c: Expected = {
        shape: [products, m, n],
        values: joined("values"),
        bounds: joined("bounds"),
      };
      return { c };
    },
  );
}

const refusals: readonly Refusal[] = [
  {
    what: "stacks of different length",
    error: ShapeError,
    message: /^batchedMatmul: expected two stacks .* got \[2, 3, 4\] and \[3, 4, 5\]/,
    call: (gpu) => batchedMatmul(gpu, blank(gpu, 2, 3, 4), blank(gpu, 3, 4, 5)),
  },
  {
    what: "a matrix",
    error: ShapeError,
    message: /^batchedMatmul: expected two stacks .* got \[3, 4\] and \[3, 4, 5\]/,
    call: (gpu) => batchedMatmul(gpu, blank(gpu, 3, 4), blank(gpu, 3, 4, 5)),
  },
  {
    what: "inner dimensions that differ",
    error: ShapeError,
    message: /^batchedMatmul: op\(a\) is \[3, 4\] and op\(b\) is \[5, 6\]/,
    call: (gpu) => batchedMatmul(gpu, blank(gpu, 2, 3, 4), blank(gpu, 2, 5, 6)),
  },
];

/** The rows of this file. */
export const BATCHED_MATMUL_ROWS: readonly Row[] = [{
  name: "batched matmul",
  kernels: [],
  draws: 144,
  draw,
  refusals,
}];
