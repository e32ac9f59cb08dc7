/**
 * Training steps that wait for one another and are submitted together.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Dense } from "../src/layers/dense.ts";
import { Dropout } from "../src/layers/dropout.ts";
import type { Gpu } from "../src/gpu/gpu.ts";
import { Adam } from "../src/optimizers/adam.ts";
import { stepDecay } from "../src/optimizers/schedules.ts";
import { Random } from "../src/random.ts";
import { Feed } from "../src/training/feed.ts";
import { Network } from "../src/training/network.ts";
import { STEPS_PER_SUBMIT, Trainer } from "../src/training/trainer.ts";
import { openGpu } from "./gpu.ts";

const EXAMPLES = 50;
const BATCH = 8;

/** A network whose every step has numbers of its own: place in the data, key of the order, rate, corrections, masks. */
function prepare(gpu: Gpu) {
  const random = new Random(5);
  const network = new Network(
    gpu,
    [
      new Dense({ units: 9, activation: "tanh" }),
      new Dropout({ rate: 0.3 }),
      new Dense({ units: 3 }),
    ],
    [7],
    1,
  );
  const trainer = new Trainer(network, {
    loss: "softmaxCrossEntropy",
    optimizer: new Adam({ learningRate: stepDecay({ rate: 0.05, every: 3, factor: 0.7 }) }),
    metrics: ["accuracy"],
  });
  const data = {
    x: Float32Array.from({ length: 7 * EXAMPLES }, () => random.uniform()),
    y: Uint32Array.from({ length: EXAMPLES }, () => random.integer(3)),
    length: EXAMPLES,
  };
  return { network, trainer, feed: new Feed(gpu, data, [7], true) };
}

/** Trains some epochs, the last batch of each being smaller, and returns all that a run leaves. */
async function train(gpu: Gpu, step: "train" | "queue", epochs: number) {
  const { network, trainer, feed } = prepare(gpu);
  for (let epoch = 0; epoch < epochs; epoch++) {
    feed.shuffleKey!.value = 17 + epoch;
    for (let start = 0; start < EXAMPLES; start += BATCH) {
      feed.start.value = start;
      trainer[step](feed, Math.min(BATCH, EXAMPLES - start));
    }
  }
  const statistics = await trainer.readStatistics();
  const parameters = await Promise.all(trainer.trained().map((tensor) => tensor.read()));
  trainer.release(feed);
  trainer.dispose();
  network.dispose();
  return { statistics, parameters };
}

Deno.test("Trainer: steps that are queued do what steps one by one do, bit for bit", async () => {
  const gpu = await openGpu();
  const before = gpu.memory.bytes;
  assertEquals(await train(gpu, "queue", 5), await train(gpu, "train", 5));
  assertEquals(gpu.memory.bytes, before);
});

Deno.test("Trainer: a queued step runs with the next submit, evaluation or full queue, not before", async () => {
  const gpu = await openGpu();
  const { network, trainer, feed } = prepare(gpu);
  const weights = trainer.trained()[0]!;
  let known = await weights.read();
  const expectChange = async (changes: boolean) => {
    const now = await weights.read();
    assertEquals(now.some((value, i) => value !== known[i]), changes);
    known = now;
  };
  trainer.queue(feed, BATCH);
  await expectChange(false);
  trainer.submit();
  await expectChange(true);
  trainer.queue(feed, BATCH);
  await expectChange(false);
  const statistics = trainer.newStatistics();
  trainer.evaluate(feed, BATCH, statistics);
  statistics.dispose();
  await expectChange(true);
  for (let step = 1; step < STEPS_PER_SUBMIT; step++) trainer.queue(feed, BATCH);
  await expectChange(false);
  trainer.queue(feed, BATCH);
  await expectChange(true);
  trainer.queue(feed, BATCH);
  await expectChange(false);
  trainer.train(feed, BATCH - 1); // the program of another size: the one that waits comes first
  await expectChange(true);
  assertEquals((await trainer.readStatistics()).length, STEPS_PER_SUBMIT + 4);
  trainer.release(feed);
  trainer.dispose();
  network.dispose();
});
