/**
 * The examples of a logistic regression, in memory or as a stream: checked once, then read pass by pass.
 *
 * @module
 */

import { OptionError, ShapeError } from "../errors.ts";
import type { LogisticBatch, LogisticProblem } from "./logistic_options.ts";

/** Some neighbouring examples. */
export interface Block {
  /** Shape: [rows, features]. */
  readonly x: Float32Array;
  /** The number of the first example. */
  readonly start: number;
  readonly rows: number;
}

/** All examples. Of a stream, only the labels are kept. */
export class Examples {
  /** How many. */
  readonly length: number;
  /** Numbers of an example. */
  readonly features: number;
  /** Linear functions to find: 1 for two classes, else one for each class. */
  readonly outputs: number;
  /** The class of each. */
  readonly labels: Uint32Array;
  /** The mean |x| of each feature. */
  readonly meanSizes: Float64Array;
  /** The largest |x|² of an example. */
  readonly largestSquare: number;
  /** The examples, if they are in memory. */
  readonly x: Float32Array | undefined;
  /** Passes begun, the check included. */
  passes = 1;
  readonly #batches: () => AsyncIterable<LogisticBatch> | Iterable<LogisticBatch>;

  private constructor(problem: LogisticProblem, survey: Survey) {
    const { features, classes = 2 } = problem;
    this.features = features;
    this.outputs = classes === 2 ? 1 : classes;
    this.length = survey.length;
    this.labels = survey.labels();
    this.meanSizes = survey.sizes.map((sum) => sum / survey.length);
    this.largestSquare = survey.largestSquare;
    this.x = "batches" in problem ? undefined : problem.x;
    this.#batches = batchesOf(problem);
  }

  /**
   * Looks at all examples once.
   *
   * @throws {ShapeError} if lengths do not fit.
   * @throws {OptionError} if there are no examples, a label is no class, or a number is not finite.
   */
  static async survey(problem: LogisticProblem): Promise<Examples> {
    const survey = new Survey(problem.features, problem.classes ?? 2);
    const stream = "batches" in problem;
    let index = 0;
    for await (const batch of batchesOf(problem)()) {
      survey.add(batch, stream ? `solveLogistic: batch ${index++}` : "solveLogistic");
    }
    if (survey.length === 0) {
      throw new OptionError(
        `solveLogistic: ${stream ? "batches" : "x"}: expected at least one example, got none`,
      );
    }
    return new Examples(problem, survey);
  }

  /** Bytes of examples read so far. */
  get bytesRead(): number {
    return 4 * this.passes * this.length * this.features;
  }

  /** One pass. @throws {ShapeError} if a stream yields other numbers of examples than in its first pass. */
  async *blocks(): AsyncGenerator<Block> {
    this.passes++;
    let start = 0;
    for await (const { x } of this.#batches()) {
      const rows = x.length / this.features;
      if (!Number.isInteger(rows) || start + rows > this.length) this.#failPass(start + rows);
      yield { x, start, rows };
      start += rows;
    }
    if (start !== this.length) this.#failPass(start);
  }

  #failPass(rows: number): never {
    throw new ShapeError(
      `solveLogistic: batches: expected ${this.length} examples in every pass, as in the first, got ` +
        (rows > this.length ? "more" : `${rows}`),
    );
  }
}

function batchesOf(
  problem: LogisticProblem,
): () => Iterable<LogisticBatch> | AsyncIterable<LogisticBatch> {
  return "batches" in problem ? problem.batches : () => [problem];
}

/** What the first pass finds out. */
class Survey {
  length = 0;
  largestSquare = 0;
  readonly sizes: Float64Array;
  readonly #classes: number;
  readonly #labels: Uint32Array[] = [];

  constructor(features: number, classes: number) {
    this.sizes = new Float64Array(features);
    this.#classes = classes;
  }

  /** All labels. */
  labels(): Uint32Array {
    const all = new Uint32Array(this.length);
    let start = 0;
    for (const labels of this.#labels) {
      all.set(labels, start);
      start += labels.length;
    }
    return all;
  }

  add({ x, y }: LogisticBatch, what: string): void {
    const features = this.sizes.length;
    if (!(x instanceof Float32Array)) {
      throw new OptionError(`${what}: x: expected a Float32Array, got ${kindOf(x)}`);
    }
    if (typeof y?.length !== "number") {
      throw new OptionError(`${what}: y: expected an array of class indices, got ${kindOf(y)}`);
    }
    if (x.length !== y.length * features) {
      throw new ShapeError(
        `${what}: x: expected ${y.length * features} numbers (${y.length} labels in y, ` +
          `${features} features), got ${x.length}`,
      );
    }
    this.#labels.push(Uint32Array.from(y, (label, i) => {
      if (Number.isInteger(label) && label >= 0 && label < this.#classes) return label;
      const expected = this.#classes === 2 ? "0 or 1" : `a class index below ${this.#classes}`;
      throw new OptionError(`${what}: y[${i}]: expected ${expected}, got ${label}`);
    }));
    for (let i = 0, at = 0; i < y.length; i++) {
      let square = 0;
      for (let j = 0; j < features; j++, at++) {
        const value = x[at]!;
        square += value * value;
        this.sizes[j]! += Math.abs(value);
      }
      if (!Number.isFinite(square)) this.#failValue(x, at - features, what);
      if (square > this.largestSquare) this.largestSquare = square;
    }
    this.length += y.length;
  }

  #failValue(x: Float32Array, begin: number, what: string): never {
    const at = x.findIndex((value, i) => i >= begin && !Number.isFinite(value));
    throw new OptionError(`${what}: x[${at}]: expected a finite number, got ${x[at]}`);
  }
}

function kindOf(value: unknown): string {
  return typeof value === "object" && value !== null
    ? value.constructor?.name ?? "an object"
    : String(value);
}
