/**
 * What `deno task train` leaves: tables on the screen, and the files of a folder.
 *
 * @module
 */

import { Dataset, type EpochRecord, type History, type Sequential, StrataError } from "../mod.ts";
import { joinPath, writeFileAtomic } from "../src/data/files.ts";
import { ConfusionMatrix, formatConfusionMatrix } from "../src/report/confusion_matrix.ts";
import { formatLoss } from "../src/report/progress_bar.ts";
import { formatTable } from "../src/text_table.ts";
import { LABEL_WIDTH, labelled, percent } from "./train_display.ts";
import type { TrainOptions } from "./train_options.ts";
import type { TrainingData } from "./training_data.ts";

/** The files that a training leaves. */
const MODEL_FILE = "model.safetensors";
const HISTORY_FILE = "history.json";
/** Only with a table. */
const TABLE_FILE = "table.json";

/** What training is told to do: the command line, with the learning rate that depends on the data. */
export type Training = TrainOptions & { readonly "learning-rate": number };

/** A training, done or stopped. */
export interface Outcome {
  readonly options: Training;
  readonly adapter: { readonly name: string; readonly software: boolean };
  readonly data: TrainingData;
  readonly parameters: { readonly count: number; readonly sha256: string };
  readonly startedAt: Date;
  /** All of it. */
  readonly seconds: number;
  /** Before the first step: data copied to the GPU, kernels compiled, programs recorded. */
  readonly preparationSeconds: number;
  readonly history: History;
}

/** What is known before the first step, under the name of what it is about. */
export function describeData({ name, train, test, unit, details = [] }: TrainingData): string {
  const sizes = `${count(train.length)} ${unit} to train on, ${count(test.length)} to test with`;
  return labelled("Data", [name, sizes, ...details]);
}

/** The steps, and what the options say of them where they say something. */
export function describeTraining(
  options: Training,
  stepsPerEpoch: number,
  unit: TrainingData["unit"],
): string {
  const { epochs } = options;
  const warmUp = options["warm-up"];
  const clipNorm = options["clip-norm"];
  const how = [
    ...(options.optimizer === "sgd" ? [] : [options.optimizer]),
    `learning rate ${options["learning-rate"]}`,
    ...(options.schedule === "constant" ? [] : [`${options.schedule} schedule`]),
    ...(warmUp === 0 ? [] : [`warm-up of ${warmUp} steps`]),
    ...(options.momentum === 0 ? [] : [`momentum ${options.momentum}`]),
    ...(options.nesterov ? ["Nesterov"] : []),
    ...(options["weight-decay"] === 0 ? [] : [`weight decay ${options["weight-decay"]}`]),
    ...(clipNorm === undefined ? [] : [`clip norm ${clipNorm}`]),
    ...(options.precision === "mixed" ? ["mixed precision"] : []),
    ...(options.augment ? ["augmented images"] : []),
    `seed ${options.seed}`,
  ];
  return labelled("Training", [
    `${epochs} epoch${epochs === 1 ? "" : "s"} of ${count(stepsPerEpoch)} steps, ` +
    `${count(options["batch-size"])} ${unit} each`,
    ...wrap(how),
    "Ctrl-C stops and saves",
  ]);
}

/** The words, with commas, in lines that fit 80 columns. */
function wrap(words: readonly string[]): string[] {
  const lines = [words[0]!];
  for (const word of words.slice(1)) {
    const longer = `${lines.at(-1)}, ${word}`;
    if (LABEL_WIDTH + longer.length < 80) lines.splice(-1, 1, longer);
    else lines.splice(-1, 1, `${lines.at(-1)},`, word);
  }
  return lines;
}

/** The epochs as a table of up to 80 columns. */
export function epochTable(
  epochs: readonly EpochRecord[],
  unit: TrainingData["unit"],
): string {
  const columns = [
    "Epoch",
    "Loss",
    "Accuracy",
    "Test loss",
    "Test accuracy",
    "Seconds",
    unit === "images" ? "Images/s" : "Records/s",
    "ms/step",
  ].map((heading) => ({ heading, align: "right" as const }));
  const format = (value: number | undefined, how: (value: number) => string) =>
    value === undefined ? "–" : how(value);
  const rows = epochs.map((record) => [
    record.epoch,
    formatLoss(record.loss),
    format(record.accuracy, percent),
    format(record.valLoss, formatLoss),
    format(record.valAccuracy, percent),
    record.seconds.toFixed(2),
    Math.round(record.examplesPerSecond),
    (1000 * record.seconds / record.steps).toFixed(2),
  ]);
  return formatTable(rows, columns);
}

/** Which classes of the test examples the model takes for which. */
export async function confusionTable(
  model: Sequential,
  { test, classLabel, unit }: TrainingData,
): Promise<string> {
  const { classes, classNames } = test;
  const matrix = new ConfusionMatrix([], [], classes);
  for await (const { x, y } of test instanceof Dataset ? [test] : test) {
    const scores = await model.predict(x);
    const predictions = Uint32Array.from(y, (_, i) => {
      const row = scores.subarray(i * classes, (i + 1) * classes);
      return row.indexOf(Math.max(...row));
    });
    matrix.add(y, predictions);
  }
  const table = formatConfusionMatrix(matrix, {
    label: classLabel.one,
    ...(classNames && { classNames }),
  });
  const caption = `Confusion matrix of the test ${unit}: ` +
    `rows are the true ${classLabel.many}, shares are in %`;
  return `${caption}\n\n${table}`;
}

/** What there is to say at the end. */
export function outcomeFacts(outcome: Outcome, folder: string): string {
  const { history, data, seconds, preparationSeconds, parameters } = outcome;
  const accuracy = history.epochs.at(-1)?.valAccuracy;
  const files = [MODEL_FILE, HISTORY_FILE, ...(data.table === undefined ? [] : [TABLE_FILE])];
  const preparation = `${preparationSeconds.toFixed(1)} s of them before the first step`;
  return [
    ...(history.stopped ? [labelled("Stopped", ["before its end"])] : []),
    ...(accuracy === undefined ? [] : [
      labelled("Accuracy", [
        `${percent(accuracy)} of ${count(data.test.length)} test ${data.unit}`,
      ]),
    ]),
    labelled("Time", [`${seconds.toFixed(1)} s, ${preparation}`]),
    labelled("Saved", [`${folder}: ${files.join(", ")}`]),
    labelled("SHA-256", [parameters.sha256]),
  ].join("\n");
}

/** What {@linkcode HISTORY_FILE} holds. */
function historyJson(outcome: Outcome): string {
  const { options, adapter, data, parameters, startedAt, seconds, preparationSeconds } = outcome;
  const { help: _help, ...used } = options;
  const json = {
    startedAt,
    seconds,
    preparationSeconds,
    deno: Deno.version.deno,
    adapter,
    data: { name: data.name, train: data.train.length, test: data.test.length },
    options: used,
    parameters,
    ...outcome.history,
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

/** The SHA-256 of all parameters, layer by layer, as little-endian floats: of the data in the model's file. */
export async function hashParameters(model: Sequential): Promise<string> {
  const values = await Promise.all(model.parameters.map(({ value }) => value.read()));
  const bytes = await new Blob(values as Float32Array<ArrayBuffer>[]).arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Checks that results can be saved in a folder, so that hours of training are not lost to a wrong path. It does not stay if
 * it was not there.
 *
 * @throws {StrataError} if the folder can neither be made nor written.
 */
export async function checkFolder(path: string): Promise<void> {
  const exists = await Deno.stat(path).then(() => true, () => false);
  try {
    await Deno.mkdir(path, { recursive: true });
    await Deno.remove(await Deno.makeTempFile({ dir: path, prefix: ".strata-" }));
    if (!exists) await Deno.remove(path);
  } catch (error) {
    throw new StrataError(`Cannot write to the folder "${path}" (--out): ${reasonOf(error)}`);
  }
}

/** Writes the model and how it came about into a folder. Each file is whole, or as it was before. */
export async function saveResults(
  path: string,
  model: Sequential,
  outcome: Outcome,
): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true });
    await model.save(joinPath(path, MODEL_FILE));
    const write = (name: string, text: string) =>
      writeFileAtomic(joinPath(path, name), new TextEncoder().encode(text));
    const { table } = outcome.data;
    if (table !== undefined) await write(TABLE_FILE, `${JSON.stringify(table, null, 2)}\n`);
    await write(HISTORY_FILE, historyJson(outcome));
  } catch (error) {
    if (error instanceof StrataError) throw error;
    throw new StrataError(`Cannot save to the folder "${path}": ${reasonOf(error)}`);
  }
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
