/**
 * A table as a stream of batches, for files larger than memory.
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import { checkKeys, checkNumber } from "../options.ts";
import { checkSeed, permute, threefry } from "../random.ts";
import type { Shape } from "../shape.ts";
import type { Batch } from "./batch.ts";
import type { CsvRecords } from "./csv.ts";
import type { TableParts } from "./table_columns.ts";
import { featureNames, RowEncoder } from "./table_rows.ts";

/** Options of {@linkcode TableEncoding.batches}. */
export interface TableBatchOptions {
  /** Records of a batch; the last one has what is left. Default 32. */
  batchSize?: number;
  /** Seed of the order, another one in each pass. By default the records come in the order of the file. */
  shuffle?: number;
  /** Records within which `shuffle` changes the order; rounded up to whole batches. Default 8192. */
  window?: number;
}

const WINDOW = 8192;
/** The stream of random numbers that orders the records. */
const ORDER_STREAM = 0x0ffffffc;

/**
 * Batches of a table's records. Each pass over them reads the file anew, so they can be trained on for any number of
 * epochs; memory holds one window of records.
 *
 * The order is changed only within windows: consecutive blocks of the file, each permuted. A file that is sorted, by
 * its label above all, must be shuffled before; no window makes up for that.
 *
 * Shape: x (batchSize, features); y (batchSize) class indices, or targets (batchSize, 1).
 */
export class TableBatches implements AsyncIterable<Batch> {
  /** The shape of one input: `[n]`. */
  readonly inputShape: Shape;
  /** The number of classes; 0 if the label is a number. */
  readonly classes: number;
  /** The names of the classes; undefined if the label is a number. */
  readonly classNames: readonly string[] | undefined;
  readonly #parts: TableParts;
  readonly #records: CsvRecords;
  readonly #batchSize: number;
  readonly #window: number;
  readonly #seed: number | undefined;
  #passes = 0;

  /**
   * What {@linkcode TableEncoding.batches} returns.
   *
   * @throws {OptionError} if an option is out of range.
   */
  constructor(parts: TableParts, records: CsvRecords, options: TableBatchOptions) {
    checkKeys(options, "batches", ["batchSize", "shuffle", "window"]);
    const { batchSize = 32, shuffle, window = WINDOW } = options;
    checkNumber(batchSize, "batches: batchSize", { min: 1, integer: true });
    checkNumber(window, "batches: window", { min: 1, integer: true });
    if (shuffle !== undefined) checkSeed(shuffle, "batches: shuffle");
    else if (options.window !== undefined) {
      throw new OptionError("batches: window: expected none without shuffle, got one");
    }
    const { columns, label } = parts;
    this.inputShape = [featureNames(columns).length];
    this.classNames = label.kind === "class" ? label.classes : undefined;
    this.classes = this.classNames?.length ?? 0;
    this.#parts = parts;
    this.#records = records;
    this.#batchSize = batchSize;
    this.#window = shuffle === undefined ? batchSize : Math.ceil(window / batchSize) * batchSize;
    this.#seed = shuffle;
  }

  /**
   * One pass.
   *
   * @throws {FormatError} naming file, line and column, if a record is malformed or does not fit the encoding.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Batch, void, void> {
    const pass = this.#passes++;
    const encoder = new RowEncoder(this.#parts, this.#window, true);
    let windows = 0;
    for await (const block of this.#records.blocks()) {
      for (const record of block) {
        if (encoder.add(record)) yield* this.#batches(encoder.take(), pass, windows++);
      }
    }
    if (encoder.length > 0) yield* this.#batches(encoder.take(), pass, windows);
  }

  /** The batches of a window. */
  *#batches(rows: Batch, pass: number, window: number): Generator<Batch> {
    const key = this.#seed === undefined
      ? undefined
      : threefry(this.#seed, ORDER_STREAM, pass >>> 0, window >>> 0)[0];
    const width = this.inputShape[0]!;
    for (let start = 0; start < rows.length; start += this.#batchSize) {
      const length = Math.min(this.#batchSize, rows.length - start);
      const x = rows.x.subarray(start * width, (start + length) * width);
      const y = rows.y.subarray(start, start + length);
      if (key === undefined) {
        yield { x, y, length };
        continue;
      }
      const shuffled = { x: x.slice(), y: y.slice(), length };
      for (let i = 0; i < length; i++) {
        const from = permute(start + i, rows.length, key);
        shuffled.x.set(rows.x.subarray(from * width, (from + 1) * width), i * width);
        shuffled.y[i] = rows.y[from]!;
      }
      yield shuffled;
    }
  }
}
