/**
 * Sums over the batches of many steps, kept on the GPU and read together.
 *
 * @module
 */

import { GpuError } from "../errors.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { Scalar } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";

/** Steps that fit between two reads. */
const CAPACITY = 1024;

/** What one step left: its sums, in the order of the columns, over so many examples. */
export interface StepStatistics {
  readonly rows: number;
  readonly sums: readonly number[];
}

/** A table with a row for each step since the last read. */
export class StatisticsTable {
  /** Shape: [capacity, columns]. */
  readonly record: Tensor;
  /** The row that the next step writes. */
  readonly slot: Scalar = new Scalar(0);
  readonly #columns: number;
  #rows: number[] = [];

  /** @param columns Sums of each step. */
  constructor(gpu: Gpu, columns: number) {
    this.#columns = columns;
    this.record = gpu.empty([CAPACITY, columns], "f32", "statistics", "statistics");
  }

  /** Steps since the last read. */
  get pending(): number {
    return this.#rows.length;
  }

  /** The most steps between two reads. */
  get capacity(): number {
    return CAPACITY;
  }

  /**
   * Notes that a step was submitted which wrote the current slot.
   *
   * @throws {GpuError} if the table is full.
   */
  advance(rows: number): void {
    if (this.#rows.length >= CAPACITY) {
      throw new GpuError(`The statistics of ${CAPACITY} steps were not read`);
    }
    this.#rows.push(rows);
    this.slot.value = this.#rows.length;
  }

  /**
   * Reads the steps since the last read. The table is free for new steps as soon as the call returns: the copy has its
   * place in the queue before them.
   */
  async read(): Promise<StepStatistics[]> {
    const rows = this.#rows;
    this.#rows = [];
    this.slot.value = 0;
    if (rows.length === 0) return [];
    const { device, storage, offset, bytes: stagingBytes } = this.record;
    const bytes = 4 * rows.length * this.#columns;
    // How many steps are read depends on the time that they take; the memory for reading them does not.
    const values = new Float32Array(
      await device.read(storage.buffer, offset, bytes, stagingBytes),
    );
    return rows.map((count, i) => ({
      rows: count,
      sums: [...values.subarray(i * this.#columns, (i + 1) * this.#columns)],
    }));
  }

  /** Frees the table. */
  dispose(): void {
    this.record.dispose();
  }
}
