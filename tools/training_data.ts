/**
 * What `deno task train` trains on: images in a folder of the user's, a CSV file, MNIST from the cache or the network, or
 * drawn digits.
 *
 * @module
 */

import {
  type Dataset,
  downloadMnist,
  type DownloadProgress,
  generateDigits,
  loadMnist,
  OptionError,
  type TableEncoding,
} from "../mod.ts";
import { checkNumber } from "../src/options.ts";
import { loadFolder } from "./data_folder.ts";
import { loadTableFile, refuseTableOptions, type TableDataOptions } from "./table_data.ts";
import type { Examples } from "./table_stream.ts";

/** The options that choose the data. */
export interface DataOptions extends TableDataOptions {
  readonly data: string | undefined;
  readonly offline: boolean;
}

/** What is told while the data is fetched. */
export interface DataListener {
  /** Something worth a line of its own. */
  line(text: string): void;
  /** What is going on until the next call. */
  status(text: string): void;
  /** How far the download is. */
  download(progress: DownloadProgress): void;
}

/** Examples to train on and to test with. */
export interface TrainingData {
  readonly train: Examples;
  readonly test: Examples;
  /** What they are and where they come from: `MNIST from data/mnist`. */
  readonly name: string;
  /** More to say of them. */
  readonly details?: readonly string[];
  /** What the classes are called: digits, if they are known to be digits. */
  readonly classLabel: { readonly one: string; readonly many: string };
  /** What the examples are called. */
  readonly unit: "images" | "records";
  /** How a table is encoded. */
  readonly table?: TableEncoding;
}

/** Data sets in memory, which can be cut. */
interface ImageData extends TrainingData {
  readonly train: Dataset;
  readonly test: Dataset;
}

const UNIT = "images";
const CLASS = { one: "class", many: "classes" };
const DIGIT = { one: "digit", many: "digits" };

/** Images that are drawn where MNIST cannot be had, and the seeds that they are drawn with. */
const DRAWN = { train: { count: 20_000, seed: 1 }, test: { count: 4_000, seed: 2 } };
/** Milliseconds of silence after which a mirror counts as out of reach. */
const STALL_TIMEOUT = 15_000;

/**
 * Chooses and loads the data.
 *
 * @param signal Stops a download; the promise rejects with its reason.
 * @throws {OptionError} if a folder or size was asked for that there is not; {@linkcode FormatError} if a file of the user's
 * is malformed.
 */
export async function loadTrainingData(
  options: DataOptions,
  listener: DataListener,
  signal: AbortSignal,
): Promise<TrainingData> {
  if (options.data !== undefined) {
    const info = await Deno.stat(options.data).catch(() => undefined);
    if (info?.isFile) {
      listener.status(`Reading ${options.data} …`);
      return await loadTableFile(options.data, options, signal);
    }
    refuseTableOptions(options);
    return cut({ ...await loadFolder(options.data), classLabel: CLASS, unit: UNIT }, options);
  }
  refuseTableOptions(options);
  const found = await findMnist(options, listener, signal);
  return found === undefined ? drawDigits(options) : cut(found, options);
}

/** MNIST from the cache, or downloaded into it; undefined, having said why, if neither is possible. */
async function findMnist(
  { offline }: DataOptions,
  listener: DataListener,
  signal: AbortSignal,
): Promise<ImageData | undefined> {
  const folder = cacheFolder();
  const home = homeFolder();
  const shown = home === undefined ? folder : folder.replace(`${home}/`, "~/");
  const load = async (): Promise<ImageData> => ({
    train: await loadMnist(folder, "train"),
    test: await loadMnist(folder, "test"),
    name: `MNIST from ${shown}`,
    classLabel: DIGIT,
    unit: UNIT,
  });
  // The download put whole and checked files there, so they need not be checked again.
  const cached = await load().catch(() => undefined);
  if (cached !== undefined) return cached;
  const instead = "Training on drawn digits instead. (--data DIR takes images from a folder.)";
  if (offline) {
    listener.line(`Found no MNIST in ${shown}, and --offline forbids downloading it.\n${instead}`);
    return undefined;
  }
  try {
    listener.line(`Downloading MNIST (11 MB) into ${shown}`);
    await downloadMnist(folder, {
      onProgress: (progress) => listener.download(progress),
      signal,
      stallTimeout: STALL_TIMEOUT,
    });
    return await load();
  } catch (error) {
    signal.throwIfAborted();
    listener.line(`${error instanceof Error ? error.message : error}\n${instead}`);
    return undefined;
  }
}

function drawDigits(options: DataOptions): TrainingData {
  const draw = (split: "train" | "test") =>
    generateDigits({ ...DRAWN[split], count: options[`${split}-size`] ?? DRAWN[split].count });
  const name = "drawn digits, not MNIST";
  return { train: draw("train"), test: draw("test"), name, classLabel: DIGIT, unit: UNIT };
}

/** The first images of each set, as many as were asked for. */
function cut(data: ImageData, options: DataOptions): TrainingData {
  const { train, test, name } = data;
  const first = (set: Dataset, option: "train-size" | "test-size") => {
    if (set.length === 0) throw new OptionError(`Expected images in the ${name}, got none`);
    const count = options[option] ?? set.length;
    checkNumber(count, `--${option}`, { min: 1, max: set.length, integer: true });
    return set.slice(0, count);
  };
  return { ...data, train: first(train, "train-size"), test: first(test, "test-size") };
}

/** Where downloads are kept for all projects of the user. */
function cacheFolder(): string {
  const variable = Deno.build.os === "windows" ? "LOCALAPPDATA" : "XDG_CACHE_HOME";
  const home = homeFolder();
  // Without a home, the checkout's own cache, which git ignores.
  const fallback = home === undefined ? ".cache" : `${home}/.cache`;
  return `${Deno.env.get(variable) || fallback}/strata/mnist`;
}

function homeFolder(): string | undefined {
  return Deno.env.get("HOME") || Deno.env.get("USERPROFILE") || undefined;
}
