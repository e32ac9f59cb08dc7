/**
 * What `deno task train` leaves: tables on the screen, and the files of a folder.
 *
 * @module
 */

import {
  ConfusionMatrix,
  type Dataset,
  type EpochRecord,
  formatTable,
  type Sequential,
  StrataError,
} from "../mod.ts";
import { joinPath, writeFileAtomic } from "../src/data/files.ts";
import { percent } from "./train_display.ts";

/** The files that a training leaves. */
export const MODEL_FILE = "model.safetensors";
/** The options, the epochs and the loss of every step, as JSON. */
export const HISTORY_FILE = "history.json";

/** The epochs as a table of up to 80 columns. */
export function formatEpochs(epochs: readonly EpochRecord[]): string {
  const columns = [
    "Epoch",
    "Loss",
    "Accuracy",
    "Test loss",
    "Test accuracy",
    "Seconds",
    "Images/s",
    "ms/step",
  ].map((heading) => ({ heading, align: "right" as const }));
  const or = <T>(value: T | undefined, format: (value: T) => string) =>
    value === undefined ? "–" : format(value);
  const rows = epochs.map((record) => [
    record.epoch,
    record.loss.toFixed(4),
    or(record.accuracy, percent),
    or(record.valLoss, (loss) => loss.toFixed(4)),
    or(record.valAccuracy, percent),
    record.seconds.toFixed(2),
    Math.round(record.examplesPerSecond),
    (1000 * record.seconds / record.steps).toFixed(2),
  ]);
  return formatTable(rows, columns);
}

/** Names and what there is to say of them, the latter in one column. */
export function formatFacts(facts: readonly (readonly [name: string, fact: string])[]): string {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, fact]) => `${name.padEnd(width)}  ${fact}`).join("\n");
}

/** Which digits the model takes for which. */
export async function confusionOf(model: Sequential, { x, y, classes }: Dataset): Promise<ConfusionMatrix> {
  const scores = await model.predict(x);
  const predictions = Uint32Array.from(y, (_, i) => {
    const row = scores.subarray(i * classes, (i + 1) * classes);
    return row.indexOf(Math.max(...row));
  });
  return new ConfusionMatrix(y, predictions, classes);
}

/** The SHA-256 of all parameters, in the order of the layers, as little-endian floats: of the data in the model's file. */
export async function hashParameters(model: Sequential): Promise<string> {
  const values = await Promise.all(model.parameters.map(({ value }) => value.read()));
  const bytes = await new Blob(values as Float32Array<ArrayBuffer>[]).arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The folder of the results. It is made before training, so that hours of it are not lost to a wrong path. */
export class ResultsFolder {
  /** Where it is. */
  readonly path: string;
  readonly #made: boolean;

  private constructor(path: string, made: boolean) {
    this.path = path;
    this.#made = made;
  }

  /** @throws {StrataError} if the folder can neither be made nor written. */
  static async open(path: string): Promise<ResultsFolder> {
    const exists = await Deno.stat(path).then(() => true, () => false);
    try {
      await Deno.mkdir(path, { recursive: true });
      await Deno.remove(await Deno.makeTempFile({ dir: path, prefix: ".strata-" }));
    } catch (error) {
      const reason = error instanceof Error ? error.message : error;
      throw new StrataError(`--out: expected a folder to write to, got "${path}": ${reason}`);
    }
    return new ResultsFolder(path, !exists);
  }

  /** Writes the model and how it came about; each file is whole, or as it was before. */
  async save(model: Sequential, history: Record<string, unknown>): Promise<void> {
    const json = new TextEncoder().encode(`${JSON.stringify(history, null, 2)}\n`);
    await model.save(joinPath(this.path, MODEL_FILE));
    await writeFileAtomic(joinPath(this.path, HISTORY_FILE), json);
  }

  /** Removes the folder if it was made here and nothing was saved. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#made) await Deno.remove(this.path).catch(() => {}); // refuses if it has files
  }
}
