/**
 * Data sets as files, made for the tests of what reads a folder.
 *
 * @module
 */

import { generateDigits } from "../src/data/digits.ts";
import { Random } from "../src/random.ts";
import { gzip } from "./gzip.ts";

/** Writes digits as the four files of MNIST. */
export async function writeDigits(
  folder: string,
  trainCount: number,
  testCount: number,
): Promise<void> {
  await Deno.mkdir(folder);
  for (const [split, count, seed] of [["train", trainCount, 1], ["t10k", testCount, 2]] as const) {
    const { x, y } = generateDigits({ count, seed });
    const size = [count >>> 24, count >>> 16 & 255, count >>> 8 & 255, count & 255];
    const images = [0, 0, 8, 3, ...size, 0, 0, 0, 28, 0, 0, 0, 28];
    const write = async (name: string, head: number[], body: Iterable<number>) => {
      await Deno.writeFile(`${folder}/${split}-${name}-ubyte`, Uint8Array.from([...head, ...body]));
    };
    await write("images-idx3", images, x);
    await write("labels-idx1", [0, 0, 8, 1, ...size], y);
  }
}

/** Writes images of one colour as the files of CIFAR-10: their class is the colour. */
export async function writeColours(
  folder: string,
  trainCount: number,
  testCount: number,
): Promise<void> {
  await Deno.mkdir(folder);
  const random = new Random(3);
  const records = (count: number) => {
    const bytes = new Uint8Array(count * 3073);
    for (let i = 0; i < count; i++) {
      const label = i % 10;
      bytes[3073 * i] = label;
      for (let j = 0; j < 3072; j++) {
        const mean = [20 * label + 40, 220 - 20 * label, label % 2 === 0 ? 60 : 180];
        const value = mean[j >> 10]! + 20 * random.normal();
        bytes[3073 * i + 1 + j] = Math.max(0, Math.min(255, Math.round(value)));
      }
    }
    return bytes;
  };
  const half = trainCount / 2;
  await Deno.writeFile(`${folder}/data_batch_1.bin`, records(half));
  await Deno.writeFile(`${folder}/data_batch_2.bin.gz`, await gzip(records(half)));
  await Deno.writeFile(`${folder}/test_batch.bin`, records(testCount));
}
