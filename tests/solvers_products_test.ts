/**
 * Products with the matrix of all examples: those on the GPU against those in float64, in memory and as a stream.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Random } from "../src/random.ts";
import { Examples } from "../src/solvers/logistic_examples.ts";
import { CpuProducts } from "../src/solvers/logistic_products.ts";
import { openProducts } from "../src/solvers/logistic_products_choice.ts";
import { GpuProducts } from "../src/solvers/logistic_products_gpu.ts";
import { openGpu, withSeed } from "./gpu.ts";

const EPSILON = 2 ** -24;

/** Numbers that are exact in float32. */
function normals(random: Random, length: number): Float64Array {
  return Float64Array.from({ length }, () => Math.fround(random.normal()));
}

function assertWithin(actual: Float64Array, expected: Float64Array, bounds: Float64Array): void {
  assertEquals(actual.length, expected.length);
  actual.forEach((value, i) => {
    const error = Math.abs(value - expected[i]!);
    assert(error <= bounds[i]!, `element ${i}: off by ${error}, expected ${bounds[i]}`);
  });
}

Deno.test("products on the GPU are those in float64, as far as float32 goes", async (t) => {
  const gpu = await openGpu();
  await withSeed(async (seed) => {
    const random = new Random(seed);
    for (
      const [n, d, count] of [
        [1, 1, 1],
        [3, 5, 2],
        [255, 4, 1],
        [256, 7, 3],
        [257, 16, 1],
        [600, 33, 2],
        [8192, 2, 1],
        [8700, 3, 2],
      ] as const
    ) {
      for (const stream of [false, true]) {
        await t.step(`${n} × ${d}, ${count} at once${stream ? ", a stream" : ""}`, async () => {
          const x = Float32Array.from(normals(random, n * d));
          const y = new Uint8Array(n);
          const cut = Math.ceil(n / 3);
          const batches = () => [
            { x: x.subarray(0, cut * d), y: y.subarray(0, cut) },
            { x: x.subarray(cut * d), y: y.subarray(cut) },
          ];
          const problem = stream ? { batches, features: d } : { x, y, features: d };
          const examples = await Examples.survey(problem);
          const sizes = await Examples.survey({ x: x.map(Math.abs), y, features: d });
          const [cpu, magnitudes] = [new CpuProducts(examples), new CpuProducts(sizes)];
          const card = new GpuProducts(gpu, examples);
          try {
            const p = normals(random, count * d);
            const forward = await magnitudes.forward(p.map(Math.abs));
            assertWithin(
              await card.forward(p),
              await cpu.forward(p),
              forward.map((size) => (d + 16) * EPSILON * size),
            );
            const r = normals(random, count * n);
            const backward = await magnitudes.backward(r.map(Math.abs));
            assertWithin(
              await card.backward(r),
              await cpu.backward(r),
              backward.map((size) => (256 + 16) * EPSILON * size),
            );
            // Few examples have a weight, those at the ends of groups and slices, so that each counts.
            const ends = new Set([0, 255, 256, cut - 1, cut, 8191, 8192, n - 1]);
            const weights = [0, 1].map(() =>
              Float64Array.from({ length: n }, (_, i) => ends.has(i) ? random.uniform() + 0.5 : 0)
            );
            const [grams, exact, largest] = [
              await card.gram(weights),
              await cpu.gram(weights),
              await magnitudes.gram(weights),
            ];
            grams.forEach((gram, k) =>
              assertWithin(
                gram,
                exact[k]!,
                largest[k]!.map((size) => (ends.size + 32) * EPSILON * size),
              )
            );
          } finally {
            card.dispose();
          }
        });
      }
    }
  });
});

Deno.test("examples that are more than a binding holds are uploaded in parts", async () => {
  const gpu = await openGpu();
  const [n, d] = [33_000, 1024]; // 135 MB, where WebGPU promises bindings of 128 MiB
  const x = new Float32Array(n * d);
  const rows = [0, 8191, 8192, 16_383, 16_384, 32_767, 32_768, n - 1]; // ends of uploads of 32 MiB
  for (const row of rows) x[row * d + row % d] = row + 1;
  const examples = await Examples.survey({ x, y: new Uint8Array(n), features: d });
  const card = new GpuProducts(gpu, examples);
  try {
    const z = await card.forward(new Float64Array(d).fill(1));
    assertEquals([...z.keys()].filter((i) => z[i] !== 0), rows);
    const g = new Float64Array(d);
    for (const row of rows) {
      assertEquals(z[row], row + 1);
      g[row % d]! += row + 1;
    }
    assertEquals(await card.backward(new Float64Array(n).fill(1)), g);
  } finally {
    card.dispose();
  }
});

Deno.test("products by hand", async () => {
  const x = new Float32Array([1, 2, 3, 4, 5, 6]);
  const cpu = new CpuProducts(await Examples.survey({ x, y: [0, 1, 0], features: 2 }));
  assertEquals(
    await cpu.forward(Float64Array.of(1, -1, 0, 2)),
    Float64Array.of(-1, -1, -1, 4, 8, 12),
  );
  assertEquals(await cpu.backward(Float64Array.of(1, 0, -1)), Float64Array.of(-4, -4));
  assertEquals(await cpu.gram([Float64Array.of(1, 2, 0)]), [Float64Array.of(19, 26, 26, 36)]);
});

Deno.test("by default, large products are computed on a card; where there is none, only the Hessian is", async () => {
  const gpu = await openGpu();
  const choose = async (rows: number, where?: "auto" | "gpu" | "cpu") => {
    const x = new Float32Array(rows * 1024);
    const examples = await Examples.survey({ x, y: new Uint8Array(rows), features: 1024 });
    return openProducts(gpu, examples, where).rounds ? "gpu" : "cpu";
  };
  assertEquals(await choose(10, "gpu"), "gpu");
  assertEquals([await choose(10, "cpu"), await choose(10), await choose(10, "auto")], [
    "cpu",
    "cpu",
    "cpu",
  ]);
  assertEquals(await choose(9000, "cpu"), "cpu");
  assertEquals(await choose(9000), gpu.adapter.software ? "cpu" : "gpu");
  const gramOf = async (rows: number) => {
    const x = new Float32Array(rows * 1024);
    const examples = await Examples.survey({ x, y: new Uint8Array(rows), features: 1024 });
    return openProducts(gpu, examples).gramError < 2 ** -40 ? "cpu" : "gpu";
  };
  assertEquals([await gramOf(10), await gramOf(100)], ["cpu", "gpu"]);
});
