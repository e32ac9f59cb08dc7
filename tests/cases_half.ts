/**
 * Cases of tensors in 16 bits: `cast`, and the operations of layers on such tensors. Each of the latter is a case of 32 bits whose
 * inputs are numbers of 16 bits and are given as such. The reference is the same; an output in 16 bits is rounded once more.
 *
 * @module
 */

import { OptionError } from "../src/errors.ts";
import { cast } from "../src/ops/cast.ts";
import type { Random } from "../src/random.ts";
import {
  anyShape,
  blank,
  type Case,
  type Expected,
  floats,
  type Input,
  type Inputs,
  makeCase,
  type Row,
} from "./case.ts";
import { BATCH_NORM_ROWS } from "./cases_batch_norm.ts";
import { CHANNEL_SUM_ROWS } from "./cases_channel_sums.ts";
import { CONVOLUTION_ROWS } from "./cases_convolution.ts";
import { DENSE_ROWS } from "./cases_dense.ts";
import { ELEMENTWISE_ROWS } from "./cases_elementwise.ts";
import { FFT_ROWS } from "./cases_fft.ts";
import { LAYER_ROWS } from "./cases_layers.ts";
import { MATMUL_ROWS } from "./cases_matmul.ts";
import { BATCHED_MATMUL_ROWS } from "./cases_matmul_batched.ts";
import { NORMALIZATION_ROWS } from "./cases_normalization.ts";
import { RANDOM_ROWS } from "./cases_random.ts";
import { REDUCTION_ROWS } from "./cases_reductions.ts";
import { SOFTMAX_ROWS } from "./cases_softmax.ts";
import { WINOGRAD_ROWS } from "./cases_winograd.ts";

/** One rounding to the nearest number of 16 bits: relative, and where it is subnormal. */
const UNIT = 2 ** -11;
const TINY = 2 ** -25;

/** The nearest number of 16 bits, by the platform's own arrays. */
function toHalf(values: ArrayLike<number>): Float32Array {
  return new Float32Array(new Float16Array(values));
}

/** The output after one more rounding. What is exact in 32 bits may only be the nearest number of 16 bits. */
function rounded({ shape, values, bounds }: Expected): Expected {
  const nearest = toHalf(values);
  const wider = Array.from(values, (value, i) => {
    const bound = bounds?.[i] ?? 0;
    if (bound === 0) return Math.abs(nearest[i]! - value);
    return bound + UNIT * (Math.abs(value) + bound) + TINY;
  });
  return { shape, values, bounds: wider };
}

/** The case with the named inputs in 16 bits. */
function inHalf(original: Case, names: readonly string[]): Case {
  const isHalf = (name: string, { values }: Input): boolean =>
    values instanceof Float32Array && (names.includes(name) || names.includes("all"));
  const inputs: Inputs = Object.fromEntries(
    Object.entries(original.inputs).map(([name, input]) => [
      name,
      isHalf(name, input) ? { ...input, values: toHalf(input.values) } : input,
    ]),
  );
  const halfOutputs = new Set<string>(); // some of the operations are given where to write, in 32 bits
  return {
    what: `${original.what}, in 16 bits: ${names}`,
    inputs,
    run: (recorder, tensors) => {
      const given = Object.fromEntries(
        Object.entries(tensors).map(([name, tensor]) => [
          name,
          isHalf(name, inputs[name]!) ? cast(recorder, tensor as never, "f16") : tensor,
        ]),
      );
      const outputs = original.run(recorder, given);
      for (const [name, { type }] of Object.entries(outputs)) {
        if (type === "f16") halfOutputs.add(name);
      }
      for (const [name, tensor] of Object.entries(given)) {
        if (tensor !== tensors[name]) recorder.release(tensor);
      }
      return outputs;
    },
    expect: (current) =>
      Object.fromEntries(
        Object.entries(original.expect(current)).map(([name, expected]) => [
          name,
          halfOutputs.has(name) ? rounded(expected) : expected,
        ]),
      ),
  };
}

/** Rows with these inputs in 16 bits; `draws` of each. */
function rowsInHalf(
  rows: readonly Row[],
  named: RegExp,
  names: readonly string[],
  draws: number,
): Row[] {
  const found = rows.filter(({ name }) => named.test(name));
  if (found.length === 0) throw new Error(`There is no row ${named}`);
  return found.map(({ refusals: _, ...row }) => ({
    ...row,
    name: `${row.name} in 16 bits`,
    draws,
    draw: (random, index) => inHalf(row.draw(random, index), names),
  }));
}

/** Beside the numbers where rounding and range have their edges. */
const EDGES = [
  ...[0, 1, 1 + UNIT, 1 + 3 * UNIT, 1 + UNIT + 2 ** -20, 2049, 2051, 1 / 3],
  ...[65_504, 65_519.99, 65_520, 65_536, 1e10, Infinity],
  ...[2 ** -14, 2 ** -14 - TINY, 2 ** -24, TINY, 1.0001 * TINY, 1.5 * TINY, 3 * TINY, 2 ** -26],
];

function drawCast(random: Random): Case {
  const { shape, values } = floats(random, anyShape(random, 256), 100);
  for (let i = 0; i < values.length; i++) {
    if (random.integer(2) === 0) continue;
    values[i] = EDGES[random.integer(EDGES.length)]! * (1 - 2 * random.integer(2));
  }
  return makeCase("", { x: { shape, values } }, (recorder, { x }) => {
    const half = cast(recorder, x, "f16");
    return { half, wide: cast(recorder, half, "f32") };
  }, ({ x }) => {
    const expected = { shape, values: toHalf(x.values) };
    return { half: expected, wide: expected };
  });
}

const castRow: Row = {
  name: "cast",
  kernels: ["cast.wgsl"],
  draws: 100,
  draw: drawCast,
  refusals: [{
    what: "a type that is no float",
    error: OptionError,
    message: /^cast: type: expected one of "f32", "f16", got "u8"/,
    call: (gpu) => cast(gpu, blank(gpu, 2), "u8" as "f16"),
  }],
};

/** The rows of this file. */
export const HALF_ROWS: readonly Row[] = [
  castRow,
  ...rowsInHalf(ELEMENTWISE_ROWS, /^(add|multiply|scale)$/, ["all"], 8),
  ...rowsInHalf(ELEMENTWISE_ROWS, /^(relu|leakyRelu|sigmoid|tanh|softplus|gelu)$/, ["all"], 6),
  ...rowsInHalf(ELEMENTWISE_ROWS, /^(relu|leakyRelu) gradient$/, ["all"], 6),
  // These derive their bounds from the very f(x) that was saved.
  ...rowsInHalf(ELEMENTWISE_ROWS, /^(sigmoid|gelu) gradient$/, ["dy"], 6),
  ...rowsInHalf(REDUCTION_ROWS, /^(sum|sumOfSquares)$/, ["all"], 8),
  ...rowsInHalf(CHANNEL_SUM_ROWS, /sums/, ["all"], 8),
  ...rowsInHalf(SOFTMAX_ROWS, /^softmax/, ["all"], 8),
  ...rowsInHalf(RANDOM_ROWS, /^dropout$/, ["all"], 8),
  ...rowsInHalf(MATMUL_ROWS, /^matmul (plain|register 4×4|block 64)[^,]*$/, ["a", "b"], 16),
  ...rowsInHalf(MATMUL_ROWS, /^matmul$/, ["a", "b"], 16),
  ...rowsInHalf(MATMUL_ROWS, /, mixed alignment$/, ["a"], 8),
  ...rowsInHalf(BATCHED_MATMUL_ROWS, /^batched/, ["a", "b"], 8),
  ...rowsInHalf(DENSE_ROWS, /^dense gradients$/, ["all"], 8),
  ...rowsInHalf(CONVOLUTION_ROWS, /^convolution/, ["x", "weight", "dy", "saved"], 12),
  ...rowsInHalf(CONVOLUTION_ROWS, /pool/, ["x", "dy", "saved"], 8),
  ...rowsInHalf(FFT_ROWS, /^convolution fft$/, ["x", "weight", "dy"], 6),
  ...rowsInHalf(WINOGRAD_ROWS, /tiles of 2$/, ["x", "weight", "dy"], 6),
  ...rowsInHalf(NORMALIZATION_ROWS, /^localResponseNorm/, ["x", "dy", "saved"], 8),
  ...rowsInHalf(NORMALIZATION_ROWS, /^channelStatistics$/, ["x"], 8),
  ...rowsInHalf(BATCH_NORM_ROWS, /^batchNorm/, ["x", "dy"], 8),
  ...rowsInHalf(LAYER_ROWS, /^(concatenate|split)$/, ["all"], 8),
  ...rowsInHalf(LAYER_ROWS, /^embedding gradient$/, ["dy"], 8),
];
