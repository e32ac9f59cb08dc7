/**
 * Data sets in a folder of the user's: which one it is, is told by the names of its files.
 *
 * @module
 */

import { type Dataset, loadCifar10, loadMnist, OptionError } from "../mod.ts";
import { joinPath } from "../src/data/files.ts";
import { mnistFileNames } from "../src/data/mnist.ts";

/** A data set as files. */
interface Format {
  readonly name: string;
  /** The files that it needs; of several names, one at least. */
  readonly files: readonly (readonly string[])[];
  /** The names that a file may have. */
  readonly variants: (file: string) => readonly string[];
  readonly load: (folder: string, split: "train" | "test") => Promise<Dataset>;
}

const FORMATS: readonly Format[] = [
  {
    name: "MNIST",
    files: ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"]
      .map((file) => [`${file}-ubyte`]),
    variants: mnistFileNames,
    load: loadMnist,
  },
  {
    name: "CIFAR-10",
    files: [[1, 2, 3, 4, 5].map((number) => `data_batch_${number}.bin`), ["test_batch.bin"]],
    variants: (file) => [file, `${file}.gz`],
    load: loadCifar10,
  },
];

/**
 * Loads the data set that a folder holds.
 *
 * @returns The images, and what they are: `CIFAR-10 files in data/cifar`.
 * @throws {OptionError} if the folder does not hold exactly one, naming what was looked for; {@linkcode FormatError} if a
 * file is malformed.
 */
export async function loadFolder(
  folder: string,
): Promise<{ train: Dataset; test: Dataset; name: string }> {
  const info = await Deno.stat(folder).catch(() => undefined);
  if (info === undefined) throw wrongFolder(folder, "does not exist");
  if (!info.isDirectory) throw wrongFolder(folder, "is neither");
  const found: Format[] = [];
  for (const format of FORMATS) {
    const missing = await missingFiles(folder, format);
    if (missing.length === format.files.length) continue;
    if (missing.length > 0) {
      throw wrongFolder(folder, `has ${format.name} without ${missing[0]}, gzipped or not`);
    }
    found.push(format);
  }
  if (found.length === 0) {
    const examples = FORMATS.map(({ files }) => listed(files[0]!)).join(" nor ");
    throw wrongFolder(folder, `has neither ${examples}, gzipped or not`);
  }
  if (found.length > 1) {
    throw wrongFolder(folder, `has those of ${found.map(({ name }) => name).join(" and ")}`);
  }
  const [{ name, load }] = found as [Format];
  return {
    train: await load(folder, "train"),
    test: await load(folder, "test"),
    name: `${name} files in ${folder}`,
  };
}

/** The files, as messages list them, that the format needs and the folder does not have. */
async function missingFiles(folder: string, { files, variants }: Format): Promise<string[]> {
  const missing: string[] = [];
  for (const alternatives of files) {
    const names = alternatives.flatMap(variants).map((name) => joinPath(folder, name));
    const infos = await Promise.all(names.map((name) => Deno.stat(name).catch(() => undefined)));
    if (!infos.some((info) => info?.isFile)) missing.push(listed(alternatives));
  }
  return missing;
}

function wrongFolder(folder: string, what: string): OptionError {
  return new OptionError(
    `--data: expected a CSV file, or a folder with the files of ${
      FORMATS.map(({ name }) => name).join(" or ")
    }, ` +
      `got "${folder}", which ${what}`,
  );
}

/** `data_batch_1.bin … data_batch_5.bin`. */
function listed(names: readonly string[]): string {
  return names.length === 1 ? names[0]! : `${names[0]} … ${names.at(-1)}`;
}
