/**
 * Learning how to encode a table from its training data.
 *
 * @module
 */

import { FormatError, OptionError } from "../errors.ts";
import { checkKeys, checkNumber, checkOneOf } from "../options.ts";
import type { CsvRecords } from "./csv.ts";
import type { CsvRecord } from "./csv_parser.ts";
import { TableEncoding } from "./table.ts";
import { type FeatureColumn, NameLearner, NumberLearner, numberOf } from "./table_columns.ts";

/** Options of {@linkcode fitTable}. */
export interface TableOptions {
  /** The column to predict. */
  label: string;
  /** What the label is: the name of a class, also if it looks like a number, or a number to predict. Default "class". */
  labelKind?: "class" | "number";
  /** Columns whose numbers are names, such as postcodes. Columns whose first field is no number are so anyway. */
  categorical?: readonly string[];
  /** Columns that are not used, such as serial numbers; their fields may be missing. */
  ignore?: readonly string[];
  /** The most different values of a column of names; more of them are refused. Default 1000. */
  maxCategories?: number;
}

const OPTION_NAMES = ["label", "labelKind", "categorical", "ignore", "maxCategories"];
const MAX_CATEGORIES = 1000;

/** What learns a column; undefined for one that is ignored. */
type Learner = NumberLearner | NameLearner | undefined;

/**
 * Learns how to encode a table, from its training data alone; one pass over them. Whether a column has numbers or
 * names is told by its first field. Names that come only in other data are errors there: a network has nothing to do
 * with them.
 *
 * @param records The training records, not those to test with: mean, deviation, categories and classes are theirs.
 * @throws {OptionError} if an option is wrong or names no column.
 * @throws {FormatError} naming file, line and column, if a field is missing, or no number where one must be; if a
 * column has too many names; or if there is no record.
 *
 * @example
 * ```ts
 * import { fitTable, readCsv, TableEncoding } from "@strata/strata";
 * import { assertEquals } from "@std/assert";
 *
 * const train = readCsv("size,colour,fruit\n3,red,cherry\n9,green,apple\n9,red,apple\n3,red,cherry\n");
 * const table = await fitTable(train, { label: "fruit" });
 * assertEquals(table.features, ["size", "colour=green", "colour=red"]);
 *
 * const { x, y, classNames } = await table.encode(train);
 * assertEquals(x, new Float32Array([-1, 0, 1, 1, 1, 0, 1, 0, 1, -1, 0, 1]));
 * assertEquals([...y].map((label) => classNames![label]), ["cherry", "apple", "apple", "cherry"]);
 *
 * // Later, where there are new records without a label:
 * const again = TableEncoding.fromJSON(JSON.parse(JSON.stringify(table)));
 * for await (const inputs of again.inputs(readCsv("colour,size\ngreen,12\n"))) {
 *   assertEquals(inputs, new Float32Array([2, 1, 0]));
 * }
 * ```
 */
export async function fitTable(records: CsvRecords, options: TableOptions): Promise<TableEncoding> {
  checkKeys(options, "fitTable", OPTION_NAMES);
  const { labelKind = "class", maxCategories = MAX_CATEGORIES } = options;
  checkOneOf(labelKind, "fitTable: labelKind", ["class", "number"]);
  checkNumber(maxCategories, "fitTable: maxCategories", { min: 1, integer: true });
  const columns = await records.columns();
  checkColumns(columns, options);
  let learners: Learner[] | undefined;
  let count = 0;
  for await (const block of records.blocks()) {
    learners ??= learnersOf(block[0]!, options);
    for (const record of block) {
      for (let i = 0; i < learners.length; i++) learners[i]?.take(record, i);
    }
    count += block.length;
  }
  if (learners === undefined) {
    throw new FormatError(`${records.file}: expected records to learn from, got none`);
  }
  return encodingOf(columns, learners, options.label, count);
}

/** What the learners know. */
function encodingOf(
  columns: readonly string[],
  learners: readonly Learner[],
  label: string,
  records: number,
): TableEncoding {
  const features = columns.flatMap((name, i): FeatureColumn[] => {
    const learner = learners[i];
    if (learner === undefined || name === label) return [];
    return learner instanceof NumberLearner
      ? [learner.finish(name)]
      : [{ kind: "category", name, categories: learner.finish() }];
  });
  const learner = learners[columns.indexOf(label)]!;
  return new TableEncoding({
    columns: features,
    label: learner instanceof NumberLearner
      ? { kind: "number", name: label }
      : { kind: "class", name: label, classes: learner.finish() },
    records,
  });
}

/** What learns each column; the first record tells which have numbers. */
function learnersOf(first: CsvRecord, options: TableOptions): Learner[] {
  const { label, labelKind, ignore = [], categorical = [] } = options;
  return first.columns.map((name, i) => {
    if (ignore.includes(name)) return undefined;
    const isNumber = name === label
      ? labelKind === "number"
      : !categorical.includes(name) && numberOf(first.fields[i]!) !== undefined;
    return isNumber
      ? new NumberLearner(first)
      : new NameLearner(options.maxCategories ?? MAX_CATEGORIES);
  });
}

/** Checks that the columns which the options name are there, and that one is left. */
function checkColumns(columns: readonly string[], options: TableOptions): void {
  const { label, ignore = [], categorical = [] } = options;
  const check = (name: string, option: string) => checkOneOf(name, `fitTable: ${option}`, columns);
  check(label, "label");
  ignore.forEach((name, i) => check(name, `ignore[${i}]`));
  categorical.forEach((name, i) => check(name, `categorical[${i}]`));
  if (ignore.includes(label)) {
    throw new OptionError(
      `fitTable: ignore: expected other columns than the label, got "${label}"`,
    );
  }
  if (columns.every((name) => name === label || ignore.includes(name))) {
    throw new OptionError(
      "fitTable: expected a column besides the label and those ignored, got none",
    );
  }
}
