/**
 * Tables as data sets: numbers standardised, names one-hot, as learnt from the training data.
 *
 * @module
 */

import { FormatError } from "../errors.ts";
import { checkKeys, checkNumber } from "../options.ts";
import type { CsvRecords } from "./csv.ts";
import { Dataset } from "./dataset.ts";
import { TableBatches, type TableBatchOptions } from "./table_batches.ts";
import type { FeatureColumn, LabelColumn, TableParts } from "./table_columns.ts";
import { parseTable, type TableJson, tableJson } from "./table_json.ts";
import { featureNames, RowEncoder } from "./table_rows.ts";

/** A file is encoded in blocks of so many records. */
const BLOCK = 4096;

/**
 * How the records of a table become inputs and targets. Made by {@linkcode fitTable}; {@linkcode loadTable} and
 * {@linkcode TableEncoding.fromJSON} make it again from what was saved.
 */
export class TableEncoding implements TableParts {
  /** The columns that are encoded, in the order of their inputs. */
  readonly columns: readonly FeatureColumn[];
  /** The column to predict. */
  readonly label: LabelColumn;
  /** The training records that it was learnt from. */
  readonly records: number;
  /** A name for each input: the column, or `column=category`. */
  readonly features: readonly string[];

  /** Takes what was learnt, unchecked; {@linkcode TableEncoding.fromJSON} checks. */
  constructor(parts: TableParts) {
    this.columns = parts.columns;
    this.label = parts.label;
    this.records = parts.records;
    this.features = featureNames(this.columns);
  }

  /** The shape of one input: `[n]`, as many as there are features. */
  get inputShape(): readonly [number] {
    return [this.features.length];
  }

  /** The names of the classes; undefined if the label is a number. */
  get classNames(): readonly string[] | undefined {
    return this.label.kind === "class" ? this.label.classes : undefined;
  }

  /**
   * The encoding that {@linkcode TableEncoding.toJSON} described.
   *
   * @param json What `JSON.parse` gives.
   * @param name Name of the file, for errors.
   * @throws {FormatError} if it describes none.
   */
  static fromJSON(json: unknown, name = "table"): TableEncoding {
    return new TableEncoding(parseTable(json, name));
  }

  /** All of it, for `JSON.stringify`. */
  toJSON(): TableJson {
    return tableJson(this);
  }

  /**
   * All records as a data set in memory, which is empty if there are none. Columns are found by their names, in any order; others are not looked at.
   *
   * Shape: inputs (length, features); class indices (length), or targets (length, 1).
   *
   * @throws {FormatError} naming file, line and column, if a field is missing or no number where one must be, or a
   * name is none of the training data's; or if a column is missing.
   */
  async encode(records: CsvRecords): Promise<Dataset> {
    const { inputShape, classNames } = this;
    const xs: Float32Array[] = [];
    const ys: (Uint32Array | Float32Array)[] = [];
    for await (const { x, y } of this.batches(records, { batchSize: BLOCK })) {
      xs.push(x as Float32Array);
      ys.push(y);
    }
    const x = joined(xs, Float32Array);
    if (classNames === undefined) {
      return new Dataset({ x, y: joined(ys, Float32Array), inputShape, targetShape: [1] });
    }
    return new Dataset({ x, y: joined(ys, Uint32Array), inputShape, classNames });
  }

  /**
   * The records as batches, for files larger than memory: each pass over the batches reads the file anew.
   *
   * @throws {OptionError} if an option is out of range. What {@linkcode TableEncoding.encode} throws comes with the
   * batches.
   */
  batches(records: CsvRecords, options: TableBatchOptions = {}): TableBatches {
    return new TableBatches(this, records, options);
  }

  /**
   * The inputs alone, batch by batch, for `predict`: the records need no label.
   *
   * Shape: (up to `batchSize`, features), each.
   *
   * @param options `batchSize`: 4096 by default.
   * @throws {FormatError} as {@linkcode TableEncoding.encode} does.
   */
  async *inputs(
    records: CsvRecords,
    options: { batchSize?: number } = {},
  ): AsyncGenerator<Float32Array, void, void> {
    checkKeys(options, "inputs", ["batchSize"]);
    const { batchSize = BLOCK } = options;
    checkNumber(batchSize, "inputs: batchSize", { min: 1, integer: true });
    const encoder = new RowEncoder(this, batchSize, false);
    for await (const block of records.blocks()) {
      for (const record of block) {
        if (encoder.add(record)) yield encoder.take().x;
      }
    }
    if (encoder.length > 0) yield encoder.take().x;
  }
}

/**
 * Reads an encoding that was saved as JSON: `writeTextFile(path, JSON.stringify(table))`.
 *
 * @throws {FormatError} if the file is no JSON, or describes no encoding.
 *
 * @example
 * ```ts
 * import { type Gpu, loadTable, openCsv, Sequential } from "@strata/strata";
 *
 * async function predictions(gpu: Gpu): Promise<Float32Array> {
 *   const table = await loadTable("table.json");
 *   using model = await Sequential.load("model.safetensors", { gpu });
 *   return await model.predict(table.inputs(openCsv("new.csv")), { softmax: true });
 * }
 * ```
 */
export async function loadTable(path: string | URL): Promise<TableEncoding> {
  const text = await Deno.readTextFile(path);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new FormatError(`${path}: expected JSON, got none: ${(error as Error).message}`);
  }
  return TableEncoding.fromJSON(json, String(path));
}

function joined<T extends Float32Array | Uint32Array>(
  parts: readonly (Float32Array | Uint32Array)[],
  type: new (length: number) => T,
): T {
  const whole = new type(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
