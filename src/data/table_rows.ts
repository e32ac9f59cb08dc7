/**
 * Records of a table as rows of numbers.
 *
 * @module
 */

import type { Batch } from "./batch.ts";
import { csvError, type CsvRecord, quoted } from "./csv_parser.ts";
import {
  type FeatureColumn,
  NameIndex,
  type NumberColumn,
  readNumber,
  type TableParts,
} from "./table_columns.ts";

/** A name for each input: the column, or `column=category`. */
export function featureNames(columns: readonly FeatureColumn[]): string[] {
  return columns.flatMap((column) =>
    column.kind === "number"
      ? [column.name]
      : column.categories.map((category) => `${column.name}=${category}`)
  );
}

/** Gathers encoded records of one file until there are as many as it was made for. */
export class RowEncoder {
  /** The inputs of a record. */
  readonly width: number;
  readonly #columns: readonly FeatureColumn[];
  /** For each column, its categories. */
  readonly #categories: readonly (NameIndex | undefined)[];
  readonly #capacity: number;
  readonly #label: TableParts["label"] | undefined;
  readonly #classes: NameIndex | undefined;
  #x: Float32Array;
  #y: Uint32Array | Float32Array;
  #length = 0;
  /** Where the columns are in the file; undefined before its first record. */
  #places: readonly number[] | undefined;
  #labelPlace = -1;

  /**
   * @param capacity Records that it gathers.
   * @param withLabel Whether the records have the label; otherwise the targets are empty.
   */
  constructor({ columns, label }: TableParts, capacity: number, withLabel: boolean) {
    this.width = featureNames(columns).length;
    this.#columns = columns;
    this.#categories = columns.map((column) =>
      column.kind === "category" ? new NameIndex(column.categories) : undefined
    );
    this.#capacity = capacity;
    this.#label = withLabel ? label : undefined;
    this.#classes = label.kind === "class" ? new NameIndex(label.classes) : undefined;
    this.#x = this.#newInputs();
    this.#y = this.#newTargets();
  }

  /** Records since they were last taken. */
  get length(): number {
    return this.#length;
  }

  /**
   * Encodes a record.
   *
   * @returns Whether all have come, so that they must be taken before the next one.
   * @throws {FormatError} naming file, line and column, if it does not fit what was learnt.
   */
  add(record: CsvRecord): boolean {
    const places = this.#places ?? this.#readHeader(record);
    let at = this.#length * this.width;
    for (let i = 0; i < this.#columns.length; i++) {
      const column = this.#columns[i]!;
      if (column.kind === "number") {
        this.#x[at++] = standardized(record, places[i]!, column);
      } else {
        this.#x[at + this.#categories[i]!.find(record, places[i]!)] = 1;
        at += column.categories.length;
      }
    }
    if (this.#label !== undefined) {
      this.#y[this.#length] = this.#label.kind === "number"
        ? readNumber(record, this.#labelPlace)
        : this.#classes!.find(record, this.#labelPlace);
    }
    return ++this.#length === this.#capacity;
  }

  /** The records gathered, in arrays of their own; it then begins anew. */
  take(): Batch & { x: Float32Array } {
    const length = this.#length;
    const batch = {
      x: this.#x.subarray(0, length * this.width),
      y: this.#label === undefined ? this.#y : this.#y.subarray(0, length),
      length,
    };
    this.#x = this.#newInputs();
    this.#y = this.#newTargets();
    this.#length = 0;
    return batch;
  }

  #newInputs(): Float32Array {
    return new Float32Array(this.#capacity * this.width);
  }

  #newTargets(): Uint32Array | Float32Array {
    const length = this.#label === undefined ? 0 : this.#capacity;
    return this.#label?.kind === "number" ? new Float32Array(length) : new Uint32Array(length);
  }

  /** Finds the columns in the header. */
  #readHeader(record: CsvRecord): readonly number[] {
    const { columns } = record;
    const placeOf = (name: string) => {
      const place = columns.indexOf(name);
      if (place >= 0) return place;
      throw csvError(record, undefined, `a column ${quoted(name)}`, "none");
    };
    if (this.#label !== undefined) this.#labelPlace = placeOf(this.#label.name);
    return this.#places = this.#columns.map(({ name }) => placeOf(name));
  }
}

/** (x − mean) / deviation of the field, rounded to 32 bits. */
function standardized(record: CsvRecord, place: number, column: NumberColumn): number {
  const { mean, deviation } = column;
  const value = Math.fround((readNumber(record, place) - mean) / (deviation || 1));
  if (Number.isFinite(value)) return value;
  throw csvError(
    record,
    record.columns[place],
    `a number near those of the training data (mean ${mean}, deviation ${deviation})`,
    quoted(record.fields[place]!),
  );
}
