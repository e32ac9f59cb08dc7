/**
 * Which classes a classifier takes for which.
 *
 * @module
 */

import { OptionError, ShapeError } from "../errors.ts";
import { checkNumber } from "../options.ts";
import { formatTable } from "../text_table.ts";

/**
 * M[i, j] = the number of examples of class i that were taken for class j.
 *
 * Shape: labels (n), predictions (n) → M (classes, classes).
 *
 * @example
 * ```ts
 * import { ConfusionMatrix, formatConfusionMatrix } from "@strata/strata";
 * import { assertEquals } from "@std/assert";
 *
 * const matrix = new ConfusionMatrix([0, 0, 0, 1], [0, 1, 0, 1], 2);
 * assertEquals(matrix.counts, new Uint32Array([2, 1, 0, 1]));
 * assertEquals([matrix.recall(0), matrix.precision(1), matrix.accuracy], [2 / 3, 1 / 2, 3 / 4]);
 * console.log(formatConfusionMatrix(matrix));
 * ```
 */
export class ConfusionMatrix {
  /** The number of classes. */
  readonly classes: number;
  /** M, row-major. */
  readonly counts: Uint32Array;
  #examples = 0;

  /**
   * Counts.
   *
   * @param labels The class of each example, 0 … classes − 1.
   * @param predictions The class that each was taken for, 0 … classes − 1.
   * @param classes At least 1.
   * @throws {ShapeError} if there are not as many predictions as labels.
   * @throws {OptionError} if a class index is no whole number below `classes`.
   */
  constructor(labels: ArrayLike<number>, predictions: ArrayLike<number>, classes: number) {
    checkNumber(classes, "ConfusionMatrix: classes", { min: 1, integer: true });
    this.classes = classes;
    this.counts = new Uint32Array(classes * classes);
    this.add(labels, predictions);
  }

  /** n. */
  get examples(): number {
    return this.#examples;
  }

  /**
   * Counts more examples; for those that come in parts.
   *
   * @throws {ShapeError} if there are not as many predictions as labels.
   * @throws {OptionError} if a class index is no whole number below `classes`.
   */
  add(labels: ArrayLike<number>, predictions: ArrayLike<number>): void {
    const { classes } = this;
    if (labels.length !== predictions.length) {
      throw new ShapeError(
        `ConfusionMatrix: expected a prediction for each of ${labels.length} labels, ` +
          `got ${predictions.length}`,
      );
    }
    this.#examples += labels.length;
    for (let i = 0; i < labels.length; i++) {
      const label = checkClass(labels[i]!, classes, `labels[${i}]`);
      const prediction = checkClass(predictions[i]!, classes, `predictions[${i}]`);
      this.counts[label * classes + prediction]!++;
    }
  }

  /** M[label, prediction]. */
  count(label: number, prediction: number): number {
    return this.counts[label * this.classes + prediction]!;
  }

  /** M[k, k] / Σⱼ M[k, j]: the share of the examples of a class that were recognised; NaN if it has none. */
  recall(k: number): number {
    return this.count(k, k) / this.#sum((j) => this.count(k, j));
  }

  /** M[k, k] / Σᵢ M[i, k]: the share of what was taken for a class that belongs to it; NaN if nothing was. */
  precision(k: number): number {
    return this.count(k, k) / this.#sum((i) => this.count(i, k));
  }

  /** Σₖ M[k, k] / n: the share of all examples that were recognised; NaN if there are none. */
  get accuracy(): number {
    return this.#sum((k) => this.count(k, k)) / this.examples;
  }

  #sum(term: (k: number) => number): number {
    let sum = 0;
    for (let k = 0; k < this.classes; k++) sum += term(k);
    return sum;
  }
}

/**
 * The matrix as a table: a row for each class, a column for each class that it was taken for, zeros as dots; recall at the
 * right, precision below, in percent. Ten classes of up to 9,999 examples fit 80 columns.
 *
 * @param options `classNames`: written beside the rows; `label`: what the rows are, "class" by default.
 * @throws {OptionError} if there are not as many names as classes.
 */
export function formatConfusionMatrix(
  matrix: ConfusionMatrix,
  options: { readonly classNames?: readonly string[]; readonly label?: string } = {},
): string {
  const { classes } = matrix;
  const { classNames, label = "class" } = options;
  if (classNames !== undefined && classNames.length !== classes) {
    throw new OptionError(
      `formatConfusionMatrix: classNames: expected ${classes} names, got ${classNames.length}`,
    );
  }
  const indices = Array.from({ length: classes }, (_, k) => k);
  const rows = indices.map((i) => [
    classNames === undefined ? `${i}` : `${i} ${classNames[i]}`,
    ...indices.map((j) => `${matrix.count(i, j) || "·"}`),
    percent(matrix.recall(i)),
  ]);
  const columns = [
    { heading: label },
    ...indices.map((j) => ({ heading: `${j}`, align: "right" as const })),
    { heading: "recall", align: "right" as const },
  ];
  const footer = [["precision", ...indices.map((j) => percent(matrix.precision(j)))]];
  return formatTable(rows, columns, { footer });
}

function checkClass(value: number, classes: number, what: string): number {
  // The error's text is only made when it is needed: there may be millions of labels.
  if (!(Number.isInteger(value) && value >= 0 && value < classes)) {
    const range = { min: 0, max: classes - 1, integer: true };
    checkNumber(value, `ConfusionMatrix: ${what}`, range);
  }
  return value;
}

/** 0.98765 as 98.8; never 100 for less than all. */
function percent(share: number): string {
  if (Number.isNaN(share)) return "–";
  return share === 1 ? "100" : Math.min(100 * share, 99.9).toFixed(1);
}
