/**
 * Columns of a table as numbers for a network: what is learnt of a column, and how its fields are encoded.
 *
 * @module
 */

import { csvError, type CsvRecord, quoted } from "./csv_parser.ts";

/** A column of numbers, standardised: x ↦ (x − mean) / deviation. One input. */
export interface NumberColumn {
  /** That it is one. */
  readonly kind: "number";
  /** Its name in the header. */
  readonly name: string;
  /** The mean of the training data. */
  readonly mean: number;
  /** √(Σ(x − mean)² / n) of the training data; 0 if they are all the same, and then only the mean is taken off. */
  readonly deviation: number;
}

/** A column of names, one-hot: 1 for the category that the field has, 0 for the others. An input for each. */
export interface CategoryColumn {
  /** That it is one. */
  readonly kind: "category";
  /** Its name in the header. */
  readonly name: string;
  /** The names in the training data, in order: numbers by their value, before texts by their characters. */
  readonly categories: readonly string[];
}

/** A column that is encoded as inputs. */
export type FeatureColumn = NumberColumn | CategoryColumn;

/** The column that is to be predicted: the name of a class, or a number, which is taken as it is. */
export type LabelColumn =
  | { readonly kind: "class"; readonly name: string; readonly classes: readonly string[] }
  | { readonly kind: "number"; readonly name: string };

/** All that is learnt of a table. */
export interface TableParts {
  /** The columns that are encoded, in the order of their inputs. */
  readonly columns: readonly FeatureColumn[];
  /** The column to predict. */
  readonly label: LabelColumn;
  /** The training records that it was learnt from. */
  readonly records: number;
}

/** The greatest number of 32 bits: what is beyond it would become infinite on the GPU. */
const MAX_NUMBER = (2 - 2 ** -23) * 2 ** 127;
/** No two parts of it can match the same digits, so that no text takes more than a walk along it. */
const NUMBER = /^\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\s*$/;
/** Names that an error lists. */
const LISTED = 10;

/** The number that a field is; undefined if it is none, or does not fit 32 bits. */
export function numberOf(field: string): number | undefined {
  if (!NUMBER.test(field)) return undefined;
  const value = Number(field);
  return Math.abs(value) <= MAX_NUMBER ? value : undefined;
}

/**
 * The number in a column.
 *
 * @throws {FormatError} if there is none.
 */
export function readNumber(record: CsvRecord, place: number, note = ""): number {
  const field = record.fields[place]!;
  const value = numberOf(field);
  if (value !== undefined) return value;
  throw csvError(record, record.columns[place], `a number${note}`, shown(field));
}

/**
 * The name in a column.
 *
 * @throws {FormatError} if the field is blank.
 */
export function readName(record: CsvRecord, place: number): string {
  const field = record.fields[place]!;
  if (field.trim() !== "") return field;
  throw csvError(record, record.columns[place], "a value", shown(field));
}

/** Finds the place of a name in a list, or refuses it. */
export class NameIndex {
  readonly #names: readonly string[];
  readonly #places: ReadonlyMap<string, number>;

  constructor(names: readonly string[]) {
    this.#names = names;
    this.#places = new Map(names.map((name, i) => [name, i]));
  }

  /**
   * The place of the name in a column.
   *
   * @throws {FormatError} naming the names that there are, if it is another.
   */
  find(record: CsvRecord, place: number): number {
    const found = this.#places.get(record.fields[place]!);
    if (found !== undefined) return found;
    const name = readName(record, place);
    const more = this.#names.length - LISTED;
    const list = this.#names.slice(0, more > 0 ? LISTED : undefined).map(quoted).join(", ");
    throw csvError(
      record,
      record.columns[place],
      `one of the training data's values (${list}${more > 0 ? ` and ${more} more` : ""})`,
      quoted(name),
    );
  }
}

/** Mean and deviation of numbers that come one by one, by Welford's recurrence. */
export class NumberLearner {
  readonly #note: string;
  #count = 0;
  #mean = 0;
  #squares = 0;

  /** @param first The record that made it a column of numbers. */
  constructor(first: CsvRecord) {
    this.#note = ` as in line ${first.line} (or list the column in "categorical")`;
  }

  /** @throws {FormatError} if the field is no number. */
  take(record: CsvRecord, place: number): void {
    const value = readNumber(record, place, this.#note);
    const distance = value - this.#mean;
    this.#mean += distance / ++this.#count;
    this.#squares += distance * (value - this.#mean);
  }

  /** What was learnt. */
  finish(name: string): NumberColumn {
    const deviation = Math.sqrt(Math.max(0, this.#squares) / this.#count);
    return { kind: "number", name, mean: this.#mean, deviation };
  }
}

/** The different names that come in a column. */
export class NameLearner {
  readonly #limit: number;
  readonly #names = new Set<string>();

  /** @param limit The most different names. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @throws {FormatError} if the field is blank, or one name too many. */
  take(record: CsvRecord, place: number): void {
    const name = readName(record, place);
    if (this.#names.has(name)) return;
    if (this.#names.size === this.#limit) {
      throw csvError(
        record,
        record.columns[place],
        `at most ${this.#limit} different values (or the column among those to "ignore")`,
        `one more, ${quoted(name)}`,
      );
    }
    // A field is a view of the piece of the file that it came with, all of which it would keep in memory.
    this.#names.add(JSON.parse(JSON.stringify(name)));
  }

  /** The names in order, so that encodings do not depend on that of the records. */
  finish(): string[] {
    const byCharacters = (a: string, b: string) => a < b ? -1 : a > b ? 1 : 0;
    return [...this.#names].sort((a, b) => {
      const [x = Infinity, y = Infinity] = [numberOf(a), numberOf(b)];
      return x < y ? -1 : x > y ? 1 : byCharacters(a, b);
    });
  }
}

/** A field, as errors show it. */
function shown(field: string): string {
  return field.trim() === "" ? "nothing" : quoted(field);
}
