/**
 * Augmentation: the statistics of its random numbers, the layers in a model, the reference's gradients, and the moments
 * that normalisation takes.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  augmentImages,
  type Batch,
  channelMoments,
  Conv2d,
  Dataset,
  Dense,
  generateDigits,
  Normalize,
  OptionError,
  type Parameter,
  RandomFlip,
  RandomShift,
  Sequential,
  Sgd,
  ShapeError,
} from "../mod.ts";
import { Random } from "../src/random.ts";
import {
  imageMoves,
  moveImages,
  moveImagesBackward,
  normalizeChannels,
  normalizeChannelsBackward,
} from "../src/reference/augment.ts";
import { ndArray } from "../src/reference/nd_array.ts";
import { assertBackward, randomArray } from "./check_backward.ts";
import { openGpu } from "./gpu.ts";

/** One image, again and again. */
function copies(image: readonly number[], count: number): Float32Array {
  return Float32Array.from({ length: count * image.length }, (_, i) => image[i % image.length]!);
}

Deno.test("about half of the images are mirrored; another step or stream draws anew, the same draws the same", async () => {
  const gpu = await openGpu();
  const count = 4096;
  using x = gpu.tensor(copies([1, 2], count), [count, 1, 1, 2]);
  const mirrored = async (options: { seed: number; stream?: number; counter?: number }) => {
    using y = augmentImages(gpu, x, { flip: true, ...options });
    const values = await y.read();
    return Array.from({ length: count }, (_, n) => {
      assertEquals(values[2 * n]! + values[2 * n + 1]!, 3);
      return values[2 * n] === 2;
    });
  };
  const draws = await Promise.all([
    mirrored({ seed: 1 }),
    mirrored({ seed: 2 }),
    mirrored({ seed: 1, stream: 1 }),
    mirrored({ seed: 1, counter: 1 }),
  ]);
  // Five standard deviations of a fair coin: √(4096 / 4) = 32.
  const isFair = (heads: number) => Math.abs(heads - count / 2) <= 5 * 32;
  for (const draw of draws) assert(isFair(draw.filter(Boolean).length), `${draw.filter(Boolean)}`);
  draws.forEach((draw, i) => {
    for (const other of draws.slice(i + 1)) { // independent: they agree on half of the images
      assert(isFair(draw.filter((value, n) => value === other[n]).length));
    }
  });
  assertEquals(await mirrored({ seed: 1 }), draws[0]);
});

Deno.test("every shift occurs, each about as often; what comes from outside is 0", async () => {
  const gpu = await openGpu();
  const [count, shift, places] = [8100, 4, 81];
  const image = Array.from({ length: 81 }, (_, i) => i + 1); // 9 × 9: its middle shows the shift
  using x = gpu.tensor(copies(image, count), [count, 1, 9, 9]);
  using y = augmentImages(gpu, x, { shift, seed: 3 });
  const values = await y.read();
  const times = new Map<number, number>();
  for (let n = 0; n < count; n++) {
    const middle = values[81 * n + 40]! - 1;
    const [down, right] = [Math.floor(middle / 9) - 4, middle % 9 - 4];
    times.set(middle, (times.get(middle) ?? 0) + 1);
    for (let i = 0; i < 9; i++) {
      for (let j = 0; j < 9; j++) {
        const [line, column] = [i + down, j + right];
        const inside = line >= 0 && line < 9 && column >= 0 && column < 9;
        assertEquals(values[81 * n + 9 * i + j], inside ? image[9 * line + column] : 0);
      }
    }
  }
  assertEquals(times.size, places);
  // χ² of 80 degrees of freedom: mean 80, deviation √160 = 12.6; five deviations.
  const each = count / places;
  const chiSquare = [...times.values()].reduce((sum, n) => sum + (n - each) ** 2 / each, 0);
  assert(chiSquare < 80 + 5 * Math.sqrt(160), `χ² = ${chiSquare}`);
});

Deno.test("all channels of an image move together, images by themselves", async () => {
  const gpu = await openGpu();
  const plane = Array.from({ length: 25 }, (_, i) => i + 1);
  using x = gpu.tensor(copies(plane, 6 * 3), [6, 3, 5, 5]);
  using y = augmentImages(gpu, x, { flip: true, shift: 2, seed: 9 });
  const values = await y.read();
  const planes = Array.from({ length: 18 }, (_, i) => values.slice(25 * i, 25 * i + 25).join());
  for (let n = 0; n < 6; n++) assertEquals(new Set(planes.slice(3 * n, 3 * n + 3)).size, 1);
  assert(new Set(planes).size > 3, "the images move differently");
});

Deno.test("RandomFlip and RandomShift act in training only and follow the step", async () => {
  const gpu = await openGpu();
  const image = Float32Array.from({ length: 64 }, (_, i) => i + 1);
  for (const layer of [new RandomFlip(), new RandomShift({ pixels: 3 })]) {
    // Nothing stands behind it, so the outputs are the images.
    using model = new Sequential([layer], { gpu, inputShape: [1, 8, 8], seed: 5 });
    model.compile({ loss: "meanSquaredError", optimizer: new Sgd({ learningRate: 0.1 }) });
    using x = gpu.tensor(copies([...image], 16), [16, 1, 8, 8]);
    using targets = gpu.zeros([16, 64]);
    const seen = new Set<string>();
    for (let step = 0; step < 4; step++) {
      const outputs = await model.forward(x).read();
      for (let n = 0; n < 16; n++) seen.add(outputs.subarray(64 * n, 64 * n + 64).join());
      model.backward(targets);
      model.update();
    }
    assert(layer instanceof RandomFlip ? seen.size === 2 : seen.size > 25, `${seen.size} images`);
    assertEquals(await model.predict(image), image);
  }
});

Deno.test("the layers hand gradients to what stands before them", async () => {
  const gpu = await openGpu();
  const layers = [
    new Conv2d({ filters: 2, kernelSize: 1, name: "before" }),
    new RandomFlip(),
    new RandomShift({ pixels: 1 }),
    new Normalize({ mean: [0.5, -1], deviation: [2, 0.25] }),
  ];
  using model = new Sequential(layers, { gpu, inputShape: [1, 3, 4], seed: 11 });
  model.compile({ loss: "meanSquaredError", optimizer: new Sgd({ learningRate: 0.5 }) });
  const random = new Random(4);
  const inputs = randomArray([2, 1, 3, 4], random);
  using x = gpu.tensor(Float32Array.from(inputs.data), inputs.shape);
  using targets = gpu.zeros([2, 24]);
  const [weight, bias] = model.parameters as [Parameter, Parameter];
  const w = await weight.value.read();
  const outputs = await model.forward(x).read();
  model.backward(targets);
  // Layers draw from the streams 2²⁸ + their index; it is step 0.
  const key = { seed: 11, counter: 0, stream: 0x10000000 };
  const flips = imageMoves(2, { ...key, stream: key.stream + 1, flip: true, shift: 0 });
  const shifts = imageMoves(2, { ...key, stream: key.stream + 2, flip: false, shift: 1 });
  const z = ndArray(
    [2, 2, 3, 4],
    Array.from({ length: 48 }, (_, i) => {
      const [n, c, place] = [Math.floor(i / 24), Math.floor(i / 12) % 2, i % 12];
      return w[c]! * Math.fround(inputs.data[12 * n + place]!);
    }),
  );
  const y = normalizeChannels(moveImages(moveImages(z, flips), shifts), [0.5, -1], [2, 0.25]);
  y.data.forEach((value, i) => assertAlmostEquals(outputs[i]!, value, 1e-4));
  const dy = ndArray(y.shape, y.data.map((value) => 2 * value / 48));
  const dz = moveImagesBackward(
    moveImagesBackward(normalizeChannelsBackward(dy, [2, 0.25]), shifts),
    flips,
  );
  const [dw, db] = [[0, 0], [0, 0]];
  dz.data.forEach((value, i) => {
    const [n, c, place] = [Math.floor(i / 24), Math.floor(i / 12) % 2, i % 12];
    dw[c]! += value * inputs.data[12 * n + place]!;
    db[c]! += value;
  });
  const [gotW, gotB] = [await weight.gradient!.read(), await bias.gradient!.read()];
  dw.forEach((value, c) => assertAlmostEquals(gotW[c]!, value, 1e-4 * (1 + Math.abs(value))));
  db.forEach((value, c) => assertAlmostEquals(gotB[c]!, value, 1e-4 * (1 + Math.abs(value))));
});

Deno.test("the layers are part of the model's file", async () => {
  const gpu = await openGpu();
  const mean = [0.1307, 1 / 3];
  using model = new Sequential([
    new RandomFlip({ name: "mirror" }),
    new RandomShift({ pixels: 4 }),
    new Normalize({ mean, deviation: [0.3081, 0.1] }),
    new Dense({ units: 3 }),
  ], { gpu, inputShape: [2, 6, 5], seed: 1 });
  const path = await Deno.makeTempFile({ suffix: ".safetensors" });
  try {
    await model.save(path);
    using again = await Sequential.load(path, { gpu });
    const [flip, shift, normalize] = again.layers as [RandomFlip, RandomShift, Normalize];
    assertEquals([flip.kind, flip.name, shift.pixels], ["RandomFlip", "mirror", 4]);
    assertEquals(normalize.mean, mean);
    const x = Float32Array.from({ length: 120 }, (_, i) => Math.sin(i));
    assertEquals(await again.predict(x), await model.predict(x));
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("the layers refuse what they cannot do", async () => {
  const gpu = await openGpu();
  const options = { gpu, inputShape: [3, 8] };
  assertThrows(() => new RandomShift({ pixels: 0 }), OptionError, "RandomShift: pixels: expected");
  assertThrows(
    () => new RandomFlip({ pixels: 1 } as { name?: string }),
    OptionError,
    'RandomFlip: unknown option "pixels"',
  );
  assertThrows(
    () => new Normalize({ mean: [0], deviation: [0] }),
    OptionError,
    "Normalize: deviation[0]: expected a number",
  );
  assertThrows(
    () => new Sequential([new RandomFlip()], options),
    ShapeError,
    "Cannot build RandomFlip (layer 0): expected an image [c, h, w], got [3, 8]",
  );
  assertThrows(
    () => new Sequential([new Normalize({ mean: [0], deviation: [1] })], options),
    ShapeError,
    "Cannot build Normalize (layer 0): expected an input [1, …], a channel for each mean, got [3, 8]",
  );
});

Deno.test("reference: gradients are the differences; by hand", () => {
  const random = new Random(8);
  const moves = [
    { mirrored: true, down: 1, right: 0 },
    { mirrored: false, down: -1, right: 2 },
    { mirrored: true, down: 0, right: -1 },
  ];
  const x = randomArray([3, 2, 3, 4], random);
  const dy = randomArray([3, 2, 3, 4], random);
  const moved = (input: typeof x) => moveImages(input, moves);
  assertBackward("moveImages", moved, x, dy, moveImagesBackward(dy, moves));
  const [mean, deviation] = [[0.5, -2], [0.1, 3]];
  assertBackward(
    "normalizeChannels",
    (input) => normalizeChannels(input, mean, deviation),
    x,
    dy,
    normalizeChannelsBackward(dy, deviation),
  );
  const image = ndArray([1, 1, 2, 3], [1, 2, 3, 4, 5, 6]);
  const move = (
    mirrored: boolean,
    down: number,
    right: number,
  ) => [...moveImages(image, [{ mirrored, down, right }]).data];
  assertEquals(move(true, 0, 0), [3, 2, 1, 6, 5, 4]);
  assertEquals(move(false, 1, 0), [4, 5, 6, 0, 0, 0]);
  assertEquals(move(false, 0, 1), [2, 3, 0, 5, 6, 0]);
  assertEquals(move(true, 0, -1), [0, 3, 2, 0, 6, 5]);
});

Deno.test("channelMoments: as two passes over everything have them, for a data set and for a stream", async () => {
  const random = new Random(6);
  const length = 600; // more than two batches
  const x = Float32Array.from({ length: length * 2 * 6 }, (_, i) => {
    const channel = Math.floor(i / 6) % 2;
    return channel === 0 ? 1e4 + random.normal() : -3 + 2 * random.normal();
  });
  const set = new Dataset({ x, y: new Uint8Array(length), inputShape: [2, 2, 3] });
  const { mean, deviation } = await channelMoments(set);
  for (const channel of [0, 1]) {
    const values = [...x].filter((_, i) => Math.floor(i / 6) % 2 === channel);
    const expected = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - expected) ** 2, 0) /
      values.length;
    assertAlmostEquals(mean[channel]!, expected, 1e-12 * Math.abs(expected));
    assertAlmostEquals(deviation[channel]!, Math.sqrt(variance), 1e-10);
  }
  async function* stream(): AsyncGenerator<Batch> {
    for (const batch of set.batches(77)) yield await Promise.resolve(batch);
  }
  const streamed = await channelMoments(stream(), { inputShape: set.inputShape });
  for (const channel of [0, 1]) {
    assertAlmostEquals(streamed.mean[channel]!, mean[channel]!, 1e-11 * 1e4);
    assertAlmostEquals(streamed.deviation[channel]!, deviation[channel]!, 1e-10);
  }
});

Deno.test("channelMoments: bytes count as 0 … 1, and normalised images have mean 0 and deviation 1", async () => {
  const gpu = await openGpu();
  const digits = generateDigits({ count: 300, seed: 3 });
  const moments = await channelMoments(digits);
  const values = Array.from(digits.x, (byte) => byte / 255);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  assertAlmostEquals(moments.mean[0]!, mean, 1e-12);
  using model = new Sequential([new Normalize(moments)], { gpu, inputShape: digits.inputShape });
  const y = await model.predict(digits);
  const sum = y.reduce((total, value) => total + value, 0);
  const squares = y.reduce((total, value) => total + value * value, 0);
  assertAlmostEquals(sum / y.length, 0, 1e-6);
  assertAlmostEquals(squares / y.length, 1, 1e-6);
});

Deno.test("channelMoments says what is missing", async () => {
  const { x, y } = generateDigits({ count: 2, seed: 1 });
  const batch: Batch = { x, y, length: 2 };
  await assertRejects(() => channelMoments([batch]), OptionError, "inputShape: must be given");
  await assertRejects(
    () => channelMoments([], { inputShape: [1, 28, 28] }),
    OptionError,
    "expected examples, got none",
  );
  await assertRejects(
    () => channelMoments([batch], { inputShape: [3, 28, 28] }),
    ShapeError,
    "Cannot use batch 0: x: expected 4704 values",
  );
});
