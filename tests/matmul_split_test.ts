/**
 * Products of matrices that are larger than what the device binds at once, and of long and narrow ones.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { Gpu, matmul, OutOfMemoryError } from "../mod.ts";
import type { ActivationName } from "../src/ops/activation_source.ts";
import { Random } from "../src/random.ts";
import { matmulCase } from "./cases_matmul.ts";
import { openGpu, withSeed } from "./gpu.ts";
import { findFaults } from "./oracle.ts";

const ORIENTATIONS = [[false, false], [false, true], [true, false], [true, true]] as const;

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
  const [transposeA, transposeB] of ORIENTATIONS
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
        const orientation = { transposeA, transposeB };
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

Deno.test("matmul of matrices larger than a binding: slopes, and sums of rows beside", () =>
  withSeed(async (seed) => {
    await using gpu = await Gpu.open({ limits: { maxStorageBufferBindingSize: BLOCK_LIMIT } });
    const random = new Random(seed);
    for (const [m, n, k] of [[128, 50, 50], [64, 150, 70], [128, 133, 139]] as const) {
      const drawn = (size: number) => Float32Array.from({ length: size }, () => random.normal());
      const [aValues, bValues, ySaved] = [drawn(k * m), drawn(k * n), drawn(m * n).map(Math.tanh)];
      using a = gpu.tensor(aValues, [k, m]);
      using b = gpu.tensor(bValues, [k, n]);
      using saved = gpu.tensor(ySaved, [m, n]);
      using rowSums = gpu.zeros([m]);
      const gradient = { activation: "tanh", saved } as const;
      using c = matmul(gpu, a, b, { transposeA: true, gradient, rowSums });
      const [got, sums] = [await c.read(), await rowSums.read()];
      for (let i = 0; i < m; i++) {
        let [sum, size] = [0, 0];
        for (let step = 0; step < k; step++) {
          sum += aValues[step * m + i]!;
          size += Math.abs(aValues[step * m + i]!);
        }
        assert(Math.abs(sums[i]! - sum) <= k * 2 ** -24 * size);
        for (let j = 0; j < n; j++) {
          let [product, bound] = [0, 0];
          for (let step = 0; step < k; step++) {
            const term = aValues[step * m + i]! * bValues[step * n + j]!;
            product += term;
            bound += Math.abs(term);
          }
          const slope = 1 - ySaved[i * n + j]! ** 2;
          // The slope has three roundings, one of them of y² relative to 1, and the product with it one more.
          const error = (k + 16 + 4) * 2 ** -24 * bound * slope + 2 ** -24 * bound;
          assert(Math.abs(got[i * n + j]! - slope * product) <= error, `${i}, ${j}`);
        }
      }
    }
  }));

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
        const [transposeA, transposeB] of ORIENTATIONS
      ) {
        const variant = {
          ...{ transposeA, transposeB },
          ...{ bias: false, activation: "linear", whole: [false, false, false] } as const,
        };
        const drawn = matmulCase(random, variant, [m, n, k], undefined);
        const expected = drawn.expect(drawn.inputs); // once for both adapters: it takes most of the time
        const each = { ...drawn, expect: () => expected };
        for (const card of [false, true]) {
          const { faults } = await findFaults(await openGpu(), [each], { card, once: true });
          assertEquals(faults, []);
        }
      }
    }));
}

Deno.test("matmul: what cannot be cut into blocks that are bound is refused, with bytes and limit", async () => {
  await using gpu = await Gpu.open({ limits: { maxStorageBufferBindingSize: 4096 } });
  using a = gpu.zeros([100, 100]);
  assertThrows(
    () => matmul(gpu, a, a),
    OutOfMemoryError,
    "matmul 100×100×100: the smallest blocks have 16384 bytes; the device binds 3840 bytes",
  );
  await using small = await Gpu.open({ limits: { maxBufferSize: 2 ** 16 } });
  using column = small.zeros([200, 1]);
  assertThrows(
    () => matmul(small, column, column, { transposeB: true }),
    OutOfMemoryError,
    "Cannot allocate 160000 bytes for tensor [200, 200]: the device allows 65536 bytes a buffer",
  );
});
