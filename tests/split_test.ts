/**
 * Tensors that are larger than what the device binds at once: on a device whose bindings are kept small.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Gpu, matmul, OptionError, OutOfMemoryError, relu, sum } from "../mod.ts";
import { viewOf } from "../src/ops/binding_parts.ts";
import type { ActivationName } from "../src/ops/activation_source.ts";
import { Random } from "../src/random.ts";
import type { Case } from "./case.ts";
import { ROWS } from "./cases.ts";
import { matmulCase } from "./cases_matmul.ts";
import { openGpu, withSeed } from "./gpu.ts";
import { drawCases, findFaults } from "./oracle.ts";

/** Rows of the table whose operations go part by part, and a binding that many of their cases exceed. */
const SPLIT_ROWS: readonly [name: RegExp, limit: number][] = [
  [/^(add|subtract|multiply|scale|(relu|tanh|gelu)( gradient)?)$/, 1024],
  [/^(sum|sumOfSquares|mean|argmax)$/, 512],
  [/^(softmax|logSoftmax)( gradient)?$/, 512],
  [/^(dropout|gatherRows)$/, 512],
  [/^localResponseNorm( gradient)?$/, 512],
  [/^(max|average) pool/, 1024],
  [/^convolution( gemm| im2col| fft| winograd.*)?( (input|weight) gradient)?$/, 4096],
];

/** Fewer than in the table: compiling takes most of the time. */
const DRAWS = 10;

for (const [names, limit] of SPLIT_ROWS) {
  const rows = ROWS.filter(({ name }) => names.test(name));
  Deno.test(`bindings of ${limit} bytes: ${rows.map(({ name }) => name).join(", ")}`, () =>
    withSeed(async (seed) => {
      await using gpu = await Gpu.open({ limits: { maxStorageBufferBindingSize: limit } });
      for (const row of rows) {
        let split = 0;
        for (const each of drawCases(row, seed, DRAWS)) {
          const large = Object.values(each.inputs).some(({ values }) => values.byteLength > limit);
          const faults = await faultsOf(gpu, each, row.nanSpreads);
          assertEquals(faults ?? [], [], row.name);
          if (large && faults !== undefined) split++;
        }
        console.log(row.name, split);
      }
    }));
}

/** What is wrong with a case; undefined if it is refused, since it cannot be cut into parts that are small enough. */
async function faultsOf(gpu: Gpu, each: Case, nanSpreads = false): Promise<string[] | undefined> {
  try {
    return (await findFaults(gpu, [each], { nanSpreads })).faults;
  } catch (error) {
    if (!(error instanceof OutOfMemoryError)) throw error;
    assertMatch(error.message, /\d bytes.*device binds \d+ bytes/);
    return undefined;
  }
}

/** The smallest blocks, 64 × 64, and what they may begin within. */
const BLOCK_LIMIT = 4 * 64 * 64 + 256;

/** m, n, k: each too large in turn, ragged edges, vectors. */
const SIZES: readonly (readonly [m: number, n: number, k: number])[] = [
  [150, 50, 50], // a and c
  [50, 50, 150], // a and b
  [50, 150, 50], // b and c
  [131, 133, 139], // all
  [128, 192, 64], // all, whole blocks
  [1, 5003, 3], // c is a single row
  [5003, 1, 3],
  [1, 1, 5003],
  [2, 4500, 2], // rows of c that cannot be bound
  [200, 40, 0],
];

for (
  const [transposeA, transposeB] of [[false, false], [false, true], [true, false], [true, true]]
) {
  const kind = `${transposeA ? "T" : "N"}${transposeB ? "T" : "N"}`;
  Deno.test(`matmul ${kind} of matrices that are larger than a binding`, () =>
    withSeed(async (seed) => {
      await using gpu = await Gpu.open({ limits: { maxStorageBufferBindingSize: BLOCK_LIMIT } });
      const random = new Random(seed);
      const epilogues: [bias: boolean, activation: ActivationName][] = [
        [false, "linear"],
        [true, "linear"],
        [false, "relu"],
        [true, "tanh"],
      ];
      const cases = SIZES.map(([m, n, k], i) => {
        const [bias, activation] = epilogues[i % epilogues.length]!;
        const orientation = { transposeA: transposeA!, transposeB: transposeB! };
        const whole = [false, false, false] as const;
        return matmulCase(
          random,
          { ...orientation, bias, activation, whole },
          [m, n, k],
          undefined,
        );
      });
      const before = gpu.memory.buffers;
      const { faults } = await findFaults(gpu, cases);
      assertEquals(faults, []);
      assertEquals(gpu.memory.buffers, before);
    }));
}

for (
  const [m, n, k] of [
    [65_537, 3, 65],
    [3, 65_537, 65],
    [3, 65, 65_537],
    [1, 1, 200_003],
    [1, 200_003, 1],
    [200_003, 1, 1],
    [70_000, 5, 1],
  ] as const
) {
  Deno.test(`matmul ${m}×${k}×${n}, every orientation, for both kinds of adapter`, () =>
    withSeed(async (seed) => {
      const random = new Random(seed);
      for (
        const [transposeA, transposeB] of [[false, false], [false, true], [true, false], [
          true,
          true,
        ]]
      ) {
        const variant = {
          ...{ transposeA: transposeA!, transposeB: transposeB! },
          ...{ bias: false, activation: "linear", whole: [false, false, false] } as const,
        };
        const each = matmulCase(random, variant, [m, n, k], undefined);
        for (const card of [false, true]) {
          const { faults } = await findFaults(await openGpu(), [each], { card, once: true });
          assertEquals(faults, []);
        }
      }
    }));
}
