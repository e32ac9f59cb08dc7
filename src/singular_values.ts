/**
 * Singular values of small matrices in float64, and what they say of a filter: whether it is separable, the product of a column
 * and a row.
 *
 * @module
 */

import { ShapeError } from "./errors.ts";

/** A matrix as a list of its rows, all of one length. */
export type MatrixRows = readonly ArrayLike<number>[];

/** A = Σ_i values[i] · left[i] · right[i]ᵀ. */
export interface SingularValues {
  /** The singular values, largest first: as many as the smaller of rows and columns. */
  readonly values: readonly number[];
  /** For each value a vector of unit length, with an element for each row of A; zeros where the value is 0. */
  readonly left: readonly (readonly number[])[];
  /** For each value a vector of unit length, with an element for each column of A; all orthogonal. */
  readonly right: readonly (readonly number[])[];
}

/** Rounds in which every pair of columns is turned once; six to ten are usual. */
const MOST_SWEEPS = 60;
/** Columns whose cosine is below this count as orthogonal, and as 0 if they are by this factor smaller than the matrix. */
const ORTHOGONAL = 1e-15;

/**
 * The singular value decomposition A = U · Σ · Vᵀ, by one-sided Jacobi rotations: pairs of columns of A are turned until all are
 * orthogonal; their lengths are the singular values. Singular values are exact to a few 10⁻¹⁶ of the largest.
 *
 * @throws {ShapeError} if A has no element, rows of different length, or a value that is no finite number.
 * @see G. H. Golub and C. F. Van Loan, Matrix Computations, 4th edition, section 8.6.3
 */
export function singularValues(matrix: MatrixRows): SingularValues {
  const { rows, columns } = checkMatrix(matrix, "singularValues");
  if (rows < columns) {
    const transposed = Array.from({ length: columns }, (_, j) => matrix.map((row) => row[j]!));
    const { values, left, right } = singularValues(transposed);
    return { values, left: right, right: left };
  }
  const a = Array.from({ length: columns }, (_, j) => matrix.map((row) => row[j]!)); // columns
  const v = a.map((_, j) => a.map((_, i) => i === j ? 1 : 0));
  // Of numbers near the ends of float64, squares would not be finite.
  const scale = Math.max(...a.flat().map(Math.abs)) || 1;
  for (const column of a) column.forEach((value, i) => column[i] = value / scale);
  const nothing = ORTHOGONAL ** 2 * a.reduce((sum, column) => sum + dot(column, column), 0);
  let turned = true;
  for (let sweep = 0; turned && sweep < MOST_SWEEPS; sweep++) {
    turned = false;
    for (let p = 0; p < columns; p++) {
      for (let q = p + 1; q < columns; q++) {
        const [alpha, beta, gamma] = [dot(a[p]!, a[p]!), dot(a[q]!, a[q]!), dot(a[p]!, a[q]!)];
        if (Math.abs(gamma) <= Math.max(ORTHOGONAL * Math.sqrt(alpha * beta), nothing)) continue;
        turned = true;
        // The smaller of the two angles that make them orthogonal.
        const zeta = (beta - alpha) / (2 * gamma);
        const tangent = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const cosine = 1 / Math.hypot(1, tangent);
        for (const basis of [a, v]) rotate(basis[p]!, basis[q]!, cosine, cosine * tangent);
      }
    }
  }
  const lengths = a.map((column) => Math.sqrt(dot(column, column)));
  const order = lengths.map((_, j) => j).sort((i, j) => lengths[j]! - lengths[i]!);
  return {
    values: order.map((j) => lengths[j]! * scale),
    left: order.map((j) => a[j]!.map((value) => lengths[j] === 0 ? 0 : value / lengths[j]!)),
    right: order.map((j) => v[j]!),
  };
}

/**
 * How separable a filter is: the share of its energy in the first singular value, σ₁² / Σ σᵢ². It is 1 for the product of a
 * column and a row, 1 / n for an orthogonal n × n matrix, and 1 for a filter of zeros. Of a trained network, it says which filters
 * could be replaced by two of one dimension.
 *
 * @throws {ShapeError} as {@linkcode singularValues}.
 */
export function separability(kernel: MatrixRows): number {
  const { values } = singularValues(kernel);
  const largest = values[0]!;
  if (largest === 0) return 1;
  return 1 / values.reduce((sum, value) => sum + (value / largest) ** 2, 0);
}

/** A filter as the product of a column and a row, as far as it is one. */
export interface SeparatedKernel {
  /** One for each row of the filter; the largest is 1. */
  readonly column: readonly number[];
  /** That row of the filter which has its largest element. */
  readonly row: readonly number[];
  /** How many singular values are larger than what rounding the filter to float32 may leave. */
  readonly rank: number;
  /** The singular values. */
  readonly values: readonly number[];
}

/** Singular values below this part of the largest are what rounding a filter to float32 leaves. */
const NEGLIGIBLE = 2 ** -22;

/**
 * The rank of a filter, and a column and a row whose product it is if the rank is 1 (or 0): those through its largest element, so
 * that whole numbers stay exact. An element of the product is off by at most twice the second singular value.
 *
 * @throws {ShapeError} as {@linkcode singularValues}.
 * @see S. A. Goreinov and E. E. Tyrtyshnikov, The maximal-volume concept in approximation by low-rank matrices, 2001
 */
export function separate(kernel: MatrixRows): SeparatedKernel {
  const { values } = singularValues(kernel);
  let [pivotRow, pivotColumn] = [0, 0];
  kernel.forEach((row, i) => {
    for (let j = 0; j < row.length; j++) {
      if (Math.abs(row[j]!) > Math.abs(kernel[pivotRow]![pivotColumn]!)) {
        [pivotRow, pivotColumn] = [i, j];
      }
    }
  });
  const pivot = kernel[pivotRow]![pivotColumn]!;
  return {
    column: kernel.map((row) => pivot === 0 ? 0 : row[pivotColumn]! / pivot),
    row: Array.from(kernel[pivotRow]!),
    rank: values.filter((value) => value > NEGLIGIBLE * values[0]!).length,
    values,
  };
}

/** @throws {ShapeError} if it is no matrix of at least 1 × 1 of finite numbers. */
export function checkMatrix(matrix: MatrixRows, what: string): { rows: number; columns: number } {
  const rows = matrix.length;
  const columns = matrix[0]?.length ?? 0;
  if (rows === 0 || columns === 0) {
    throw new ShapeError(`${what}: expected a matrix of at least 1 × 1, got ${rows} × ${columns}`);
  }
  matrix.forEach((row, i) => {
    if (row.length !== columns) {
      throw new ShapeError(
        `${what}: expected rows of one length, got ${columns} and, in row ${i}, ${row.length}`,
      );
    }
    for (let j = 0; j < columns; j++) {
      if (!Number.isFinite(row[j])) {
        throw new ShapeError(`${what}: expected finite numbers, got ${row[j]} at [${i}, ${j}]`);
      }
    }
  });
  return { rows, columns };
}

function dot(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function rotate(p: number[], q: number[], cosine: number, sine: number): void {
  for (let i = 0; i < p.length; i++) {
    const [first, second] = [p[i]!, q[i]!];
    p[i] = cosine * first - sine * second;
    q[i] = sine * first + cosine * second;
  }
}
