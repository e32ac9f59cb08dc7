/**
 * Random numbers and random orders: functions of the seed alone, the same on the GPU and the CPU.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Scalar } from "../src/gpu/recorder.ts";
import { Program } from "../src/gpu/program.ts";
import type { Tensor } from "../src/gpu/tensor.ts";
import { gatherRows } from "../src/ops/gather.ts";
import { dropout, randomNormal, randomUniform } from "../src/ops/random.ts";
import { permute, Random } from "../src/random.ts";
import type { Shape } from "../src/shape.ts";
import { expectNormal, unit } from "./cases_random.ts";
import { openGpu } from "./gpu.ts";
import { compare } from "./oracle.ts";

const SIZE = 7 * 11 * 13;
const SHAPES: readonly Shape[] = [[SIZE], [7, 143], [11, 7, 13], [1, 77, 13, 1], [SIZE, 1]];

/** Reads and disposes. */
async function take(tensor: Tensor): Promise<Float32Array> {
  const values = await tensor.read();
  tensor.dispose();
  return values;
}

Deno.test("randomUniform: the very bits of Random, whatever the shape", async () => {
  const gpu = await openGpu();
  for (const [seed, stream] of [[0, 0], [1, 0], [0xffffffff, 0xffffffff], [12345, 678]]) {
    const random = new Random(seed!, stream!);
    const expected = Float32Array.from({ length: SIZE }, () => random.uniform());
    const drawn = SHAPES.map((shape) =>
      take(randomUniform(gpu, shape, { seed: seed!, stream: stream! }))
    );
    for (const values of await Promise.all(drawn)) assertEquals(values, expected);
  }
});

Deno.test("randomNormal: the numbers of Random within the accuracy of log, cos and sin", async () => {
  const gpu = await openGpu();
  const random = new Random(3, 4);
  const numbers = Array.from({ length: SIZE }, () => random.normal());
  const { bounds } = expectNormal([SIZE], { seed: 3, stream: 4, counter: 0 });
  const drawn = SHAPES.map((shape) => take(randomNormal(gpu, shape, { seed: 3, stream: 4 })));
  const all = await Promise.all(drawn);
  for (const values of all) {
    assertEquals(compare(values, { shape: [SIZE], values: numbers, bounds: bounds! }), undefined);
    assertEquals(values, all[0], "the same bits for every shape");
  }
  // The bounds allow for the least that WGSL promises; on the whole the numbers are much closer.
  const distance = numbers.reduce((sum, value, i) => sum + Math.abs(all[0]![i]! - value), 0) / SIZE;
  assert(distance < 1e-4, `${distance} on average`);
});

Deno.test("random numbers: a longer tensor begins with a shorter one's", async () => {
  const gpu = await openGpu();
  const lengths = [1, 2, 63, 127, 128, 129, 1000];
  for (const draw of [randomUniform, randomNormal]) {
    const long = await take(draw(gpu, [1000], { seed: 9 }));
    const short = await Promise.all(
      lengths.map((length) => take(draw(gpu, [length], { seed: 9 }))),
    );
    short.forEach((values, i) => assertEquals(values, long.slice(0, lengths[i])));
  }
});

Deno.test("random numbers: seed, stream and counter each select others", async () => {
  const gpu = await openGpu();
  const keys = [
    { seed: 1 },
    { seed: 2 },
    { seed: 1, stream: 1 },
    { seed: 1, counter: 1 },
    { seed: 1, stream: 1, counter: 1 },
  ];
  const drawn = await Promise.all(keys.map((key) => take(randomUniform(gpu, [100], key))));
  drawn.forEach((values, i) =>
    drawn.slice(0, i).forEach((others) => {
      // A word is shared by chance with probability 2⁻²⁴.
      assert(values.filter((value, j) => value === others[j]).length <= 1);
    })
  );
});

Deno.test("random numbers: a counter that changes between replays is that of single calls", async () => {
  const gpu = await openGpu();
  const counter = new Scalar();
  let y: Tensor | undefined;
  using program = Program.record(gpu.device, "counted", (recorder) => {
    y = recorder.keep(randomUniform(recorder, [50], { seed: 5, counter }));
  });
  const seen: Float32Array[] = [];
  for (const value of [0, 1, 4_000_000_000]) {
    counter.value = value;
    program.run();
    const values = await y!.read();
    assertEquals(values, await take(randomUniform(gpu, [50], { seed: 5, counter: value })));
    for (const others of seen) assertNotEquals(values, others);
    seen.push(values);
  }
});

Deno.test("dropout: the mask is that of the generator, forward and backward", async () => {
  const gpu = await openGpu();
  const shape = [7, 143];
  const random = new Random(1);
  const x = Float32Array.from({ length: SIZE }, () => random.normal() + 10);
  const key = { seed: 8, stream: 2, counter: 3 };
  using input = gpu.tensor(x, shape);
  for (const rate of [0, 0.25, 0.5]) {
    const [y, again] = await Promise.all([
      take(dropout(gpu, input, { rate, ...key })),
      take(dropout(gpu, input.reshape([SIZE]), { rate, ...key })),
    ]);
    assertEquals(y, again);
    const mask = Array.from(y, (value) => value !== 0);
    assertEquals(mask, Array.from({ length: SIZE }, (_, i) => unit(key, i) >= rate));
    const dropped = mask.filter((kept) => !kept).length / SIZE;
    assert(Math.abs(dropped - rate) <= 5 * Math.sqrt(rate * (1 - rate) / SIZE), `${dropped}`);
  }
});

Deno.test("gatherRows: the shuffled order is that of permute, in batches too", async () => {
  const gpu = await openGpu();
  for (const length of [1, 2, 5, 64, 1000]) {
    const indices = Uint32Array.from({ length }, (_, i) => i);
    using examples = gpu.tensor(indices);
    for (const shuffleKey of [0, 1, 0xffffffff]) {
      const expected = indices.map((i) => permute(i, length, shuffleKey));
      using all = gatherRows(gpu, examples, { rows: length, shuffleKey });
      assertEquals(await all.read(), expected);
      const start = Math.floor(length / 3);
      const rows = Math.floor(length / 2);
      using batch = gatherRows(gpu, examples, { rows, start, shuffleKey });
      assertEquals(await batch.read(), expected.slice(start, start + rows));
    }
  }
});

Deno.test("gatherRows: bytes in shuffled rows are those of the CPU, scaled", async () => {
  const gpu = await openGpu();
  for (const width of [3, 28]) { // byte by byte, and by words
    const random = new Random(2);
    const bytes = Uint8Array.from({ length: 50 * width }, () => random.integer(256));
    using images = gpu.tensor(bytes, [50, width]);
    using y = gatherRows(gpu, images, { rows: 50, shuffleKey: 77, scale: 1 });
    const values = await y.read();
    for (let row = 0; row < 50; row++) {
      const from = permute(row, 50, 77) * width;
      assertEquals(
        [...values.subarray(row * width, (row + 1) * width)],
        [...bytes.subarray(from, from + width)],
      );
    }
  }
});
