/**
 * MNIST: 70,000 handwritten digits of 28 × 28 pixels, in four IDX files.
 *
 * @see LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition",
 * Proceedings of the IEEE 86, 1998.
 * @module
 */

import { StrataError } from "../errors.ts";
import { checkOneOf } from "../options.ts";
import { formatShape } from "../shape.ts";
import { Dataset } from "./dataset.ts";
import { formatError, joinPath } from "./files.ts";
import { gunzip, isGzip, parseIdx } from "./idx.ts";

/** The part of MNIST: 60,000 digits to train on, or 10,000 to test with. */
export type MnistSplit = "train" | "test";

const SIDE = 28;
const CLASSES = 10;
/** Far above every data set in this format (the largest, EMNIST, unpacks to 0.6 GB). */
const MAX_UNPACKED = 2 ** 30;

/**
 * Loads MNIST, or a data set in the same format such as Fashion-MNIST, from a folder. The files may be
 * gzipped or not, which their content shows, and may be called `train-images-idx3-ubyte` or
 * `train-images.idx3-ubyte`, with or without `.gz`.
 *
 * Shape: inputs (1, 28, 28) of bytes; labels 0 … 9.
 *
 * @param folder Where the files lie.
 * @param split `"train"` or `"test"`.
 * @throws {StrataError} if a file is missing, naming the folder and the names looked for.
 * @throws {FormatError} if a file is malformed, or images and labels do not fit together.
 *
 * @example
 * ```ts
 * import { type Dataset, loadMnist } from "@strata/strata";
 *
 * async function load(): Promise<[Dataset, Dataset]> {
 *   return [await loadMnist("data/mnist", "train"), await loadMnist("data/mnist", "test")];
 * }
 * ```
 */
export async function loadMnist(folder: string | URL, split: MnistSplit): Promise<Dataset> {
  checkOneOf(split, "loadMnist: split", ["train", "test"]);
  const prefix = split === "train" ? "train" : "t10k";
  const [images, labels] = await Promise.all([
    readUnpacked(folder, `${prefix}-images-idx3-ubyte`),
    readUnpacked(folder, `${prefix}-labels-idx1-ubyte`),
  ]);
  return parseMnist(images.bytes, labels.bytes, { images: images.name, labels: labels.name });
}

/**
 * Makes a data set of the unpacked bytes of an image file and a label file.
 *
 * Shape: images (length, 28, 28); labels (length).
 *
 * @param images The IDX file of the images.
 * @param labels The IDX file of the labels.
 * @param names Names of the two files, for errors.
 * @throws {FormatError} if a file is malformed, or they do not fit together.
 *
 * @example
 * ```ts
 * import { parseMnist } from "@strata/strata";
 * import { assertEquals } from "@std/assert";
 *
 * const images = new Uint8Array(16 + 28 * 28);
 * images.set([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 28, 0, 0, 0, 28]);
 * const labels = new Uint8Array([0, 0, 8, 1, 0, 0, 0, 1, 7]);
 * assertEquals(parseMnist(images, labels).y, new Uint32Array([7]));
 * ```
 */
export function parseMnist(
  images: Uint8Array,
  labels: Uint8Array,
  names: { images: string; labels: string } = { images: "images", labels: "labels" },
): Dataset {
  const x = parseIdx(images, names.images);
  const y = parseIdx(labels, names.labels);
  if (x.shape.length !== 3 || x.shape[1] !== SIDE || x.shape[2] !== SIDE) {
    throw formatError(
      names.images,
      4,
      `images of shape [n, ${SIDE}, ${SIDE}]`,
      formatShape(x.shape),
    );
  }
  if (y.shape.length !== 1) {
    throw formatError(names.labels, 4, "labels of shape [n]", formatShape(y.shape));
  }
  if (y.shape[0] !== x.shape[0]) {
    const expected = `${x.shape[0]} labels, one for each image of ${names.images}`;
    throw formatError(names.labels, 4, expected, String(y.shape[0]));
  }
  const wrong = y.data.findIndex((label) => label >= CLASSES);
  if (wrong >= 0) {
    const offset = labels.length - y.data.length + wrong;
    throw formatError(
      names.labels,
      offset,
      `a label of at most ${CLASSES - 1}`,
      `${y.data[wrong]}`,
    );
  }
  return new Dataset({ x: x.data, y: y.data, inputShape: [1, SIDE, SIDE], classes: CLASSES });
}

/**
 * The names under which a file of MNIST is known, in the order in which they are tried. The first is the
 * one that `downloadMnist` writes, so that a download replaces a damaged file of another name.
 */
export function mnistFileNames(name: string): string[] {
  const dotted = name.replace("-idx", ".idx");
  return [`${name}.gz`, name, `${dotted}.gz`, dotted];
}

/** Reads the first of the files of these names that the folder has; `undefined` if it has none. */
export async function readFirst(
  folder: string | URL,
  names: readonly string[],
): Promise<{ name: string; bytes: Uint8Array<ArrayBuffer> } | undefined> {
  for (const name of names) {
    try {
      return { name, bytes: await Deno.readFile(joinPath(folder, name)) };
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return undefined;
}

async function readUnpacked(
  folder: string | URL,
  name: string,
): Promise<{ name: string; bytes: Uint8Array }> {
  const names = mnistFileNames(name);
  const file = await readFirst(folder, names);
  if (file === undefined) {
    throw new StrataError(
      `Cannot load MNIST: folder "${folder}" has no file ${names.slice(0, -1).join(", ")} ` +
        `or ${names.at(-1)}; downloadMnist fetches them`,
    );
  }
  if (!isGzip(file.bytes)) return file;
  return { name: file.name, bytes: await gunzip(file.bytes, file.name, MAX_UNPACKED) };
}
