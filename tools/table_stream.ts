/**
 * Examples that `deno task train` takes from a file as it goes.
 *
 * @module
 */

import {
  type CsvRecords,
  type Dataset,
  TableBatches,
  type TableBatchOptions,
  type TableEncoding,
} from "../mod.ts";

/** Batches from a file, of which it is known how many records there are. */
export class TableStream extends TableBatches {
  /** The records. */
  readonly length: number;

  /** Counts nothing: the length is given. */
  constructor(
    table: TableEncoding,
    records: CsvRecords,
    options: TableBatchOptions,
    length: number,
  ) {
    super(table, records, options);
    this.length = length;
  }
}

/** Examples in memory, or in a file. */
export type Examples = Dataset | TableStream;
