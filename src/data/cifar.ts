/**
 * CIFAR-10: 60,000 colour images of 32 × 32 pixels in ten classes, in files of fixed-size records.
 *
 * @see Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
 * @module
 */

import { StrataError } from "../errors.ts";
import { checkOneOf } from "../options.ts";
import { Dataset } from "./dataset.ts";
import { formatError, joinBytes } from "./files.ts";
import { gunzip, isGzip } from "./idx.ts";
import { readFirst } from "./mnist.ts";

/** The part of CIFAR-10: 50,000 images to train on, or 10,000 to test with. */
export type Cifar10Split = "train" | "test";

/** The names of the ten classes, in the order of their labels. */
export const CIFAR10_CLASSES: readonly string[] = [
  "airplane",
  "automobile",
  "bird",
  "cat",
  "deer",
  "dog",
  "frog",
  "horse",
  "ship",
  "truck",
];

const INPUT_SHAPE = [3, 32, 32];
const PIXELS = 3 * 32 * 32;
/** A label and the pixels: all red ones row by row, then the green, then the blue. */
const RECORD = 1 + PIXELS;
/** Far above a file of the original, which has 31 MB. */
const MAX_UNPACKED = 2 ** 30;

/**
 * Loads CIFAR-10 from a folder with the files of its binary version: for training those of
 * `data_batch_1.bin` … `data_batch_5.bin` that are there, at least one; for testing `test_batch.bin`. Each
 * may be gzipped, which its content shows, and may then have `.gz` after its name.
 *
 * Shape: inputs (3, 32, 32) of bytes, planes red, green, blue; labels 0 … 9.
 *
 * @param folder Where the files lie.
 * @param split `"train"` or `"test"`.
 * @throws {StrataError} if there is no file, naming the folder and the names looked for.
 * @throws {FormatError} if a file is malformed.
 *
 * @example
 * ```ts
 * import { type Dataset, loadCifar10 } from "@strata/strata";
 *
 * async function load(): Promise<[Dataset, Dataset]> {
 *   const folder = "data/cifar-10-batches-bin";
 *   return [await loadCifar10(folder, "train"), await loadCifar10(folder, "test")];
 * }
 * ```
 */
export async function loadCifar10(folder: string | URL, split: Cifar10Split): Promise<Dataset> {
  checkOneOf(split, "loadCifar10: split", ["train", "test"]);
  const names = split === "test"
    ? ["test_batch.bin"]
    : [1, 2, 3, 4, 5].map((number) => `data_batch_${number}.bin`);
  const parts: Records[] = [];
  // One after the other, so that only one packed file is in memory.
  for (const name of names) {
    const file = await readFirst(folder, [`${name}.gz`, name]);
    if (file === undefined) continue;
    const bytes = isGzip(file.bytes)
      ? await gunzip(file.bytes, file.name, MAX_UNPACKED)
      : file.bytes;
    parts.push(readRecords(bytes, file.name));
  }
  if (parts.length === 0) {
    const list = names.length === 1 ? names[0] : `${names[0]} … ${names.at(-1)}`;
    throw new StrataError(
      `Cannot load CIFAR-10: folder "${folder}" has no file ${list}, plain or with .gz after it`,
    );
  }
  return datasetOf(parts);
}

/**
 * Makes a data set of the unpacked bytes of a file: records of a label byte and 3,072 pixel bytes, at
 * least one.
 *
 * Shape: (length, 1 + 3 · 32 · 32) bytes.
 *
 * @param bytes The whole file.
 * @param name Name of the file, for errors.
 * @throws {FormatError} if the file is no list of records, or a label is above 9.
 *
 * @example
 * ```ts
 * import { parseCifar10 } from "@strata/strata";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new Uint8Array(2 * 3073);
 * bytes[0] = 8;
 * const images = parseCifar10(bytes, "two.bin");
 * assertEquals([...images.y].map((label) => images.classNames![label]), ["ship", "airplane"]);
 * ```
 */
export function parseCifar10(bytes: Uint8Array, name: string): Dataset {
  return datasetOf([readRecords(bytes, name)]);
}

/** The content of a file. */
interface Records {
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array;
}

function readRecords(bytes: Uint8Array, name: string): Records {
  const length = Math.floor(bytes.length / RECORD);
  const rest = bytes.length - length * RECORD;
  if (length === 0 || rest > 0) {
    const got = `${rest} bytes up to the end of the file`;
    throw formatError(name, length * RECORD, `a record of ${RECORD} bytes`, got);
  }
  const pixels = new Uint8Array(length * PIXELS);
  const labels = new Uint8Array(length);
  const greatest = CIFAR10_CLASSES.length - 1;
  for (let i = 0; i < length; i++) {
    const start = i * RECORD;
    const label = bytes[start]!;
    if (label > greatest) {
      throw formatError(name, start, `a label of at most ${greatest}`, String(label));
    }
    labels[i] = label;
    pixels.set(bytes.subarray(start + 1, start + RECORD), i * PIXELS);
  }
  return { pixels, labels };
}

/** All parts, one after the other. */
function datasetOf(parts: readonly Records[]): Dataset {
  return new Dataset({
    x: joinBytes(parts.map(({ pixels }) => pixels)),
    y: joinBytes(parts.map(({ labels }) => labels)),
    inputShape: INPUT_SHAPE,
    classNames: CIFAR10_CLASSES,
  });
}
