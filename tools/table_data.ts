/**
 * A CSV file as the data that `deno task train` trains on: in memory, or read anew in each epoch.
 *
 * @module
 */

import { type CsvRecords, fitTable, openCsv, OptionError, type TableEncoding } from "../mod.ts";
import { TableStream } from "./table_stream.ts";
import { type ModelName, MODELS } from "./train_models.ts";
import type { TrainingData } from "./training_data.ts";

/** The options that belong to CSV files alone; undefined or false if not given. */
export interface TableOnlyOptions {
  readonly label: string | undefined;
  readonly "test-fraction": number | undefined;
  readonly separator: string | undefined;
  readonly categorical: readonly string[] | undefined;
  readonly ignore: readonly string[] | undefined;
  readonly stream: boolean;
}

/** The options that matter with a CSV file. */
export interface TableDataOptions extends TableOnlyOptions {
  readonly model: ModelName;
  readonly "batch-size": number;
  readonly seed: number;
  readonly augment: boolean;
  readonly "train-size": number | undefined;
  readonly "test-size": number | undefined;
}

/** The share of the records to test with, if none is given. */
export const TEST_FRACTION = 0.2;
/** Bytes of a file above which it is not held in memory. */
const STREAM_BYTES = 2 ** 28;
/** Records that are tested together when they are streamed. */
const TEST_BATCH = 4096;

/**
 * Refuses options that need a CSV file, where there is none.
 *
 * @throws {OptionError} naming the first of them that is given.
 */
export function refuseTableOptions(options: TableOnlyOptions): void {
  const names = ["label", "test-fraction", "separator", "categorical", "ignore", "stream"] as const;
  const given = names.find((name) => options[name] !== undefined && options[name] !== false);
  if (given === undefined) return;
  throw new OptionError(`--${given}: expected a CSV file as --data with it, got none`);
}

/**
 * Learns the encoding from the records that are not drawn to test with, and checks all records.
 *
 * @param signal Stops it; the promise rejects with its reason.
 * @throws {OptionError} if an option names no column, or does not go with a table; {@linkcode FormatError} if the file is
 * malformed.
 */
export async function loadTableFile(
  path: string,
  options: TableDataOptions,
  signal: AbortSignal,
): Promise<TrainingData> {
  refuseImageOptions(path, options);
  const { separator, seed, ignore = [], categorical = [] } = options;
  const records = openCsv(path, separator === undefined ? {} : { separator });
  const label = await checkColumns(records, options);
  const parts = records.split(1 - (options["test-fraction"] ?? TEST_FRACTION), { seed });
  // Only while loading: in training it is the loop that stops, and then saves.
  const [train, test] = parts.map((part) =>
    part.filter(() => {
      signal.throwIfAborted();
      return true;
    })
  ) as [CsvRecords, CsvRecords];
  const table = await fitTable(train, { label, ignore, categorical });
  if (table.classNames!.length < 2) {
    throw new OptionError(
      `--label: expected a column with several values, got "${label}", where all are ` +
        `"${table.classNames![0]}"`,
    );
  }
  const streamed = options.stream || (await Deno.stat(path)).size > STREAM_BYTES;
  const examples = streamed
    ? await streams(table, parts, test, options)
    : { train: await table.encode(train), test: await table.encode(test) };
  if (examples.test.length === 0) {
    throw new OptionError(
      `--test-fraction: expected one that leaves records of ${path} to test with, got none of ` +
        `${table.records}`,
    );
  }
  return {
    ...examples,
    name: `CSV file ${path}${streamed ? ", read anew in each epoch" : ""}`,
    details: [
      `${table.features.length} inputs from ${table.columns.length} columns, ` +
      `${table.classNames!.length} classes in "${label}"`,
    ],
    classLabel: { one: label, many: "classes" },
    unit: "records",
    table,
  };
}

/** The batches of both parts. The pass that counts the records to test with also checks them, before training begins. */
async function streams(
  table: TableEncoding,
  [train, test]: [CsvRecords, CsvRecords],
  checkedTest: CsvRecords,
  options: TableDataOptions,
): Promise<{ train: TableStream; test: TableStream }> {
  let testLength = 0;
  const testOptions = { batchSize: TEST_BATCH };
  for await (const { length } of table.batches(checkedTest, testOptions)) testLength += length;
  const trainOptions = { batchSize: options["batch-size"], shuffle: options.seed };
  return {
    train: new TableStream(table, train, trainOptions, table.records),
    test: new TableStream(table, test, testOptions, testLength),
  };
}

function refuseImageOptions(path: string, options: TableDataOptions): void {
  if (MODELS[options.model].images) {
    const others = Object.entries(MODELS).filter(([, { images }]) => !images);
    throw new OptionError(
      `--model: expected ${others.map(([name]) => name).join(" or ")} with a CSV file, ` +
        `got ${options.model}, whose convolutions need images: "${path}" has rows of numbers`,
    );
  }
  const names = ["augment", "train-size", "test-size"] as const;
  const given = names.find((name) => options[name] !== undefined && options[name] !== false);
  if (given === undefined) return;
  throw new OptionError(
    `--${given}: expected images as --data with it, got the CSV file "${path}"`,
  );
}

/** Checks that the options name columns of the file; returns the label. */
async function checkColumns(records: CsvRecords, options: TableDataOptions): Promise<string> {
  const columns = await records.columns();
  const list = columns.map((name) => `"${name}"`).join(", ");
  const { label } = options;
  const check = (name: string | undefined, option: string) => {
    if (name !== undefined && columns.includes(name)) return;
    const got = name === undefined ? "none" : `"${name}"`;
    throw new OptionError(
      `--${option}: expected a column of ${records.file} (${list}), got ${got}`,
    );
  };
  check(label, "label");
  for (const option of ["categorical", "ignore"] as const) {
    for (const name of options[option] ?? []) check(name, option);
  }
  return label!;
}
