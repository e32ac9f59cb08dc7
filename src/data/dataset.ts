/**
 * Data sets in memory. No GPU is involved here.
 *
 * @module
 */

import { OptionError, ShapeError } from "../errors.ts";
import { checkKeys, checkNumber } from "../options.ts";
import { checkSeed, permute } from "../random.ts";
import { checkShape, formatShape, type Shape, sizeOf } from "../shape.ts";
import { type Batch, kindOf } from "./batch.ts";

export { type Batch, type BatchExpectation, checkBatch } from "./batch.ts";

/** Where batches come from: a data set in memory, or anything that yields batches one by one. */
export type BatchSource = Dataset | AsyncIterable<Batch> | Iterable<Batch>;

/** The options of {@linkcode Dataset}. */
export interface DatasetOptions {
  /** All inputs, row-major, example after example. Bytes stay bytes and are scaled by 1/255 on the GPU. */
  x: Float32Array | Uint8Array;
  /** The class index of each example, or target values as a `Float32Array`. */
  y: Uint8Array | Uint16Array | Uint32Array | Int32Array | readonly number[] | Float32Array;
  /** The shape of one input, without a batch dimension; `[1, 28, 28]` for MNIST. */
  inputShape: Shape;
  /** The number of classes; by default the greatest index plus one. Not with targets. */
  classes?: number;
  /** The name of each class. Not with targets. */
  classNames?: readonly string[];
  /** The shape of one target; by default one dimension, as many values as `y` has for each example. */
  targetShape?: Shape;
}

const OPTION_NAMES = ["x", "y", "inputShape", "classes", "classNames", "targetShape"];

/**
 * Examples in memory: inputs x and, for each, a class index or a target. Nothing is copied or scaled:
 * the arrays stay the caller's, except that class indices are stored as 32-bit numbers.
 *
 * Shape: x (length, ...inputShape); y (length) of class indices, or (length, ...targetShape).
 *
 * @example
 * ```ts
 * import { Dataset } from "@strata/strata";
 * import { assertEquals } from "@std/assert";
 *
 * const xor = new Dataset({
 *   x: new Float32Array([0, 0, 0, 1, 1, 0, 1, 1]),
 *   y: [0, 1, 1, 0],
 *   inputShape: [2],
 * });
 * assertEquals([xor.length, xor.classes], [4, 2]);
 * assertEquals(xor.batch([1, 3]).x, new Float32Array([0, 1, 1, 1]));
 * assertEquals([...xor.batches(3)].map((batch) => batch.length), [3, 1]);
 * ```
 */
export class Dataset {
  /** The number of examples. */
  readonly length: number;
  /** The shape of one input. */
  readonly inputShape: Shape;
  /** The number of classes; 0 if `y` holds targets. */
  readonly classes: number;
  /** The shape of one target; `[]` for class indices. */
  readonly targetShape: Shape;
  /** All inputs, row-major. */
  readonly x: Float32Array | Uint8Array;
  /** All class indices, or all targets. */
  readonly y: Uint32Array | Float32Array;
  /** The name of each class, if they have names. */
  readonly classNames: readonly string[] | undefined;

  /**
   * Checks that the options fit together, and each class index.
   *
   * @throws {ShapeError} if the lengths of x, y and the shapes do not agree.
   * @throws {OptionError} if a class index is no whole number below `classes`, or an option is wrong.
   */
  constructor(options: DatasetOptions) {
    checkKeys(options, "Dataset", OPTION_NAMES);
    const { x, y, inputShape, classNames } = options;
    if (!(x instanceof Float32Array || x instanceof Uint8Array)) {
      throw new OptionError(
        `Dataset: x: expected a Float32Array or a Uint8Array, got ${kindOf(x)}`,
      );
    }
    checkShape(inputShape, "Dataset: inputShape");
    this.x = x;
    this.inputShape = [...inputShape];
    this.length = countExamples(x.length, inputShape);
    if (y instanceof Float32Array) {
      if (options.classes !== undefined || classNames !== undefined) {
        throw new OptionError(
          "Dataset: y is a Float32Array of targets, so classes and classNames do not apply; " +
            "for classes give their indices as a Uint8Array or an array of numbers",
        );
      }
      this.y = y;
      this.classes = 0;
      this.targetShape = targetShapeOf(y.length, this.length, options.targetShape);
    } else {
      if (options.targetShape !== undefined) {
        throw new OptionError("Dataset: targetShape: only for targets in a Float32Array");
      }
      if (y?.length !== this.length) {
        throw new ShapeError(
          `Dataset: x has ${this.length} inputs of shape ${formatShape(inputShape)}, ` +
            `but y has ${y?.length} class indices`,
        );
      }
      this.classes = checkIndices(y, options.classes ?? classNames?.length);
      this.y = y instanceof Uint32Array ? y : Uint32Array.from(y);
      this.targetShape = [];
      if (classNames !== undefined && classNames.length !== this.classes) {
        throw new OptionError(
          `Dataset: classNames: expected ${this.classes} names, got ${classNames.length}`,
        );
      }
    }
    this.classNames = classNames === undefined ? undefined : [...classNames];
  }

  /**
   * The examples start … end − 1, as views of the same memory.
   *
   * @param start First example, 0 … length.
   * @param end Where to stop, start … length; by default after the last example.
   * @throws {OptionError} if an index is out of range.
   */
  slice(start: number, end: number = this.length): Dataset {
    checkNumber(start, "slice: start", { min: 0, max: this.length, integer: true });
    checkNumber(end, "slice: end", { min: start, max: this.length, integer: true });
    return this.#like(this.#view(start, end));
  }

  /**
   * Two disjoint parts in random order: the first has ⌊fraction · length + ½⌋ examples, the second the
   * others. The same seed gives the same parts. Both are copies.
   *
   * @param fraction Share of the first part, 0 … 1.
   * @throws {OptionError} if an option is out of range.
   *
   * @example
   * ```ts
   * import { generateDigits } from "@strata/strata";
   * import { assertEquals } from "@std/assert";
   *
   * const digits = generateDigits({ count: 50, seed: 1 });
   * const [train, validation] = digits.split(0.8, { seed: 7 });
   * assertEquals([train.length, validation.length], [40, 10]);
   * ```
   */
  split(fraction: number, options: { seed: number }): [Dataset, Dataset] {
    checkNumber(fraction, "split: fraction", { min: 0, max: 1 });
    checkKeys(options, "split", ["seed"]);
    checkSeed(options.seed, "split: seed");
    const order = Array.from(
      { length: this.length },
      (_, i) => permute(i, this.length, options.seed),
    );
    const middle = Math.round(fraction * this.length);
    return [
      this.#like(this.batch(order.slice(0, middle))),
      this.#like(this.batch(order.slice(middle))),
    ];
  }

  /**
   * Copies the examples of these indices, in this order.
   *
   * @param indices Whole numbers, 0 … length − 1; an index may come twice.
   * @throws {OptionError} if an index is out of range.
   */
  batch(indices: ArrayLike<number>): Batch {
    const [xSize, ySize] = [sizeOf(this.inputShape), sizeOf(this.targetShape)];
    const count = indices.length;
    const x = this.x instanceof Uint8Array
      ? new Uint8Array(count * xSize)
      : new Float32Array(count * xSize);
    const y = this.y instanceof Uint32Array
      ? new Uint32Array(count * ySize)
      : new Float32Array(count * ySize);
    for (let i = 0; i < count; i++) {
      const index = indices[i]!;
      checkNumber(index, "batch: index", { min: 0, max: this.length - 1, integer: true });
      x.set(this.x.subarray(index * xSize, (index + 1) * xSize), i * xSize);
      y.set(this.y.subarray(index * ySize, (index + 1) * ySize), i * ySize);
    }
    return { x, y, length: count };
  }

  /**
   * All examples, once each, in batches of `batchSize`; the last has what is left. Without `shuffle` the
   * order is that of the memory and the batches are views; with it they are copies.
   *
   * @param batchSize Examples in a batch, 1 or more.
   * @param options `shuffle`: key of the order, 0 … 2³² − 1; another key for each epoch.
   * @throws {OptionError} if an option is out of range.
   */
  batches(batchSize: number, options: { shuffle?: number } = {}): Generator<Batch, void, void> {
    checkNumber(batchSize, "batches: batchSize", { min: 1, integer: true });
    checkKeys(options, "batches", ["shuffle"]);
    if (options.shuffle !== undefined) checkSeed(options.shuffle, "batches: shuffle");
    return this.#batches(batchSize, options.shuffle);
  }

  *#batches(batchSize: number, key: number | undefined): Generator<Batch, void, void> {
    for (let start = 0; start < this.length; start += batchSize) {
      const end = Math.min(start + batchSize, this.length);
      if (key === undefined) {
        yield this.#view(start, end);
      } else {
        const indices = new Uint32Array(end - start);
        for (let i = 0; i < indices.length; i++) indices[i] = permute(start + i, this.length, key);
        yield this.batch(indices);
      }
    }
  }

  #view(start: number, end: number): Batch {
    const [xSize, ySize] = [sizeOf(this.inputShape), sizeOf(this.targetShape)];
    return {
      x: this.x.subarray(start * xSize, end * xSize),
      y: this.y.subarray(start * ySize, end * ySize),
      length: end - start,
    };
  }

  /** A data set of other examples of the same kind. */
  #like({ x, y }: Batch): Dataset {
    const { inputShape, targetShape, classes, classNames } = this;
    if (classes === 0) return new Dataset({ x, y, inputShape, targetShape });
    return new Dataset({ x, y, inputShape, classes, ...(classNames && { classNames }) });
  }
}

function countExamples(values: number, inputShape: Shape): number {
  const size = sizeOf(inputShape);
  if (size === 0 || values % size !== 0) {
    throw new ShapeError(
      `Dataset: x: expected a multiple of ${size} values (inputShape ${
        formatShape(inputShape)
      }), ` +
        `got ${values}`,
    );
  }
  return values / size;
}

function targetShapeOf(values: number, length: number, given: Shape | undefined): Shape {
  if (given === undefined && length > 0 && values % length === 0) return [values / length];
  if (given !== undefined) checkShape(given, "Dataset: targetShape");
  if (given === undefined || values !== length * sizeOf(given)) {
    const each = given === undefined ? "" : ` of shape ${formatShape(given)}`;
    throw new ShapeError(
      `Dataset: y: expected a target${each} for each of the ${length} inputs, got ${values} values`,
    );
  }
  return [...given];
}

/** Checks the class indices and returns the number of classes. */
function checkIndices(y: ArrayLike<number>, given: number | undefined): number {
  if (given !== undefined) checkNumber(given, "Dataset: classes", { min: 1, integer: true });
  const max = (given ?? 2 ** 32) - 1;
  let greatest = -1;
  for (let i = 0; i < y.length; i++) {
    const label = y[i]!;
    // The error's text is only made when it is needed: there are millions of labels.
    if (!(Number.isInteger(label) && label >= 0 && label <= max)) {
      checkNumber(label, `Dataset: y[${i}]`, { min: 0, max, integer: true });
    }
    greatest = Math.max(greatest, label);
  }
  if (given === undefined && greatest < 0) {
    throw new OptionError("Dataset: classes: must be given if there are no examples");
  }
  return given ?? greatest + 1;
}
