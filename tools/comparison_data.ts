/**
 * The examples that `deno task compare` compares solvers on: even against odd digits, or the records of a CSV file.
 *
 * @module
 */

import { type Dataset, fitTable, generateDigits, openCsv, OptionError } from "../mod.ts";
import { loadFolder } from "./data_folder.ts";

/** Examples for both problems. */
export interface ComparisonData {
  /** What they are: `Even or odd, MNIST files in data/mnist`. */
  readonly name: string;
  /** Row-major, the mean of each feature near 0. Shape: [n, features]. */
  readonly x: Float32Array;
  /** Class indices. */
  readonly y: Uint32Array;
  readonly features: number;
  readonly classes: number;
}

/** Where the examples come from. */
export interface ComparisonDataOptions {
  readonly data: string | undefined;
  readonly label: string | undefined;
  readonly examples: number;
  readonly seed: number;
}

/**
 * Loads the first examples of a folder or file, or draws digits.
 *
 * @throws {OptionError} if there is no such data; {@linkcode FormatError} if a file is malformed.
 */
export async function loadComparisonData(options: ComparisonDataOptions): Promise<ComparisonData> {
  const { data, label, examples, seed } = options;
  const isFile = data !== undefined && (await Deno.stat(data).catch(() => undefined))?.isFile;
  if (data !== undefined && isFile) return await loadTable(data, options);
  if (label !== undefined) {
    throw new OptionError("--label: expected a CSV file as --data with it, got none");
  }
  if (data === undefined) {
    return evenOrOdd(generateDigits({ count: examples, seed }), "drawn digits");
  }
  const { train, name } = await loadFolder(data);
  if (train.inputShape[0] !== 1 || train.classes !== 10) {
    throw new OptionError(`--data: expected digits or a CSV file, got ${name}`);
  }
  return evenOrOdd(train.slice(0, Math.min(examples, train.length)), name);
}

function evenOrOdd(digits: Dataset, name: string): ComparisonData {
  const features = digits.x.length / digits.length;
  const scale = digits.x instanceof Uint8Array ? 1 / 255 : 1;
  const x = Float32Array.from(digits.x, (value) => scale * value);
  centre(x, features);
  const y = Uint32Array.from(digits.y, (digit) => digit % 2);
  return { name: `Even or odd, ${name}`, x, y, features, classes: 2 };
}

/** Takes from each feature its mean, without which all features are alike to the intercept and gradients are slow. */
function centre(x: Float32Array, features: number): void {
  for (let j = 0; j < features; j++) {
    let sum = 0;
    for (let at = j; at < x.length; at += features) sum += x[at]!;
    const mean = sum / (x.length / features);
    for (let at = j; at < x.length; at += features) x[at]! -= mean;
  }
}

/** The first records, encoded as all of them say. */
async function loadTable(
  path: string,
  { label, examples }: ComparisonDataOptions,
): Promise<ComparisonData> {
  if (label === undefined) {
    throw new OptionError(`--label: expected a column of ${path} to predict, got none`);
  }
  const records = openCsv(path);
  const columns = await records.columns();
  if (!columns.includes(label)) {
    const list = columns.map((name) => `"${name}"`).join(", ");
    throw new OptionError(`--label: expected a column of ${path} (${list}), got "${label}"`);
  }
  const all = await (await fitTable(records, { label })).encode(records);
  const { x, y, classes, inputShape } = all.slice(0, Math.min(examples, all.length));
  const name = `"${label}" of ${path}`;
  return { name, x: x as Float32Array, y: y as Uint32Array, features: inputShape[0]!, classes };
}
