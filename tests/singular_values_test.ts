/**
 * Singular values, separable filters, and the well-known ones.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { OptionError, ShapeError } from "../src/errors.ts";
import { gaussianKernel, sobelKernel } from "../src/filter_kernels.ts";
import { Random } from "../src/random.ts";
import { type MatrixRows, separability, separate, singularValues } from "../src/singular_values.ts";

function randomMatrix(random: Random, rows: number, columns: number): number[][] {
  return Array.from(
    { length: rows },
    () => Array.from({ length: columns }, () => random.normal()),
  );
}

const times = (a: number[][], b: number[][]): number[][] =>
  a.map((row) => b[0]!.map((_, j) => row.reduce((sum, value, k) => sum + value * b[k]![j]!, 0)));

const transposed = (a: number[][]): number[][] => a[0]!.map((_, j) => a.map((row) => row[j]!));

/** A is U Σ Vᵀ again, and U and V have orthogonal columns of length 1. */
function checkDecomposition(matrix: MatrixRows, tolerance: number): readonly number[] {
  const { values, left, right } = singularValues(matrix);
  assertEquals(values.length, Math.min(matrix.length, matrix[0]!.length));
  const largest = values[0]!;
  matrix.forEach((row, i) => {
    for (let j = 0; j < row.length; j++) {
      const again = values.reduce((sum, s, k) => sum + s * left[k]![i]! * right[k]![j]!, 0);
      assertAlmostEquals(again, row[j]!, tolerance * largest);
    }
  });
  const kept = values.map((_, k) => k).filter((k) => values[k]! > 1e-10 * largest);
  for (const vectors of [left, right]) {
    for (const p of kept) {
      for (const q of kept) {
        const product = vectors[p]!.reduce((sum, value, i) => sum + value * vectors[q]![i]!, 0);
        assertAlmostEquals(product, p === q ? 1 : 0, 1e-12);
      }
    }
  }
  assert(values.every((value, k) => k === 0 || value <= values[k - 1]!), "largest first");
  return values;
}

Deno.test("singular values by hand", () => {
  const close = (matrix: MatrixRows, expected: number[]) =>
    checkDecomposition(matrix, 1e-14).forEach((value, i) =>
      assertAlmostEquals(value, expected[i]!, 1e-14 * expected[0]!)
    );
  close([[3, 0], [4, 5]], [Math.sqrt(45), Math.sqrt(5)]);
  close([[0, -2], [1, 0]], [2, 1]);
  close([[1, 2, 3], [2, 4, 6]], [Math.sqrt(70), 0]);
  close([[1], [2], [2]], [3]);
  close([[1, 1, 1, 1]], [2]);
  close([[2, 0, 0], [0, 2, 0], [0, 0, 2]], [2, 2, 2]);
  close([[3e200, 0], [4e200, 5e200]], [Math.sqrt(45) * 1e200, Math.sqrt(5) * 1e200]);
  close([[3e-200, 0], [4e-200, 5e-200]], [Math.sqrt(45) * 1e-200, Math.sqrt(5) * 1e-200]);
  assertEquals(singularValues([[0, 0], [0, 0]]).values, [0, 0]);
});

Deno.test("random products of known factors have the singular values that they were made with", () => {
  const random = new Random(3);
  for (let round = 0; round < 20; round++) {
    const [rows, columns] = [1 + random.integer(12), 1 + random.integer(12)];
    const size = Math.min(rows, columns);
    // Orthogonal vectors are those of another decomposition; the values are new ones.
    const { left, right } = singularValues(randomMatrix(random, rows, columns));
    const wanted = Array.from({ length: size }, () => Math.exp(3 * random.normal()))
      .sort((a, b) => b - a);
    const scaled = transposed(left.map((vector, k) => vector.map((value) => wanted[k]! * value)));
    const values = checkDecomposition(times(scaled, right.map((vector) => [...vector])), 1e-13);
    values.forEach((value, k) => assertAlmostEquals(value, wanted[k]!, 1e-13 * wanted[0]!));
  }
});

Deno.test("a product of a column and a row has rank 1, and comes apart again", () => {
  const random = new Random(4);
  for (let round = 0; round < 20; round++) {
    const [rows, columns] = [1 + random.integer(20), 1 + random.integer(20)];
    const matrix = times(randomMatrix(random, rows, 1), randomMatrix(random, 1, columns));
    const { column, row, rank } = separate(matrix);
    assertEquals(rank, 1);
    assertEquals(Math.max(...column.map(Math.abs)), 1);
    matrix.forEach((line, i) =>
      line.forEach((value, j) => assertAlmostEquals(column[i]! * row[j]!, value, 1e-13))
    );
    assertAlmostEquals(separability(matrix), 1, 1e-14);
    // Rounding to float32 does not change the rank; a change that can be seen does.
    assertEquals(separate(matrix.map((line) => Float32Array.from(line))).rank, 1);
    if (Math.min(rows, columns) < 2) continue;
    const largest = Math.max(...matrix.flat().map(Math.abs));
    matrix[0]![0]! += 0.01 * largest;
    assertEquals(separate(matrix).rank, 2);
    assert(separability(matrix) < 1 - 1e-8);
  }
  const { column, row } = separate(sobelKernel("x"));
  assertEquals([column, row], [[0.5, 1, 0.5], [-2, 0, 2]]); // whole numbers and halves: exact
  assertEquals(separate([[0, 0], [0, 0]]), {
    column: [0, 0],
    row: [0, 0],
    rank: 0,
    values: [0, 0],
  });
});

Deno.test("separability is the share of the first singular value", () => {
  assertAlmostEquals(separability([[1, 0], [0, 1]]), 0.5, 1e-15);
  assertAlmostEquals(separability([[2, 0], [0, 1]]), 0.8, 1e-15);
  assertEquals(separability([[0, 0]]), 1);
  // A Laplacian: [0 1 0; 1 −4 1; 0 1 0] has the eigenvalues −2 ± √6 and 0.
  const [large, small] = [2 + Math.sqrt(6), Math.sqrt(6) - 2];
  const expected = large ** 2 / (large ** 2 + small ** 2);
  assertAlmostEquals(separability([[0, 1, 0], [1, -4, 1], [0, 1, 0]]), expected, 1e-14);
});

Deno.test("matrices that are none are refused", () => {
  assertThrows(() => singularValues([]), ShapeError, "at least 1 × 1, got 0 × 0");
  assertThrows(() => singularValues([[]]), ShapeError, "at least 1 × 1, got 1 × 0");
  assertThrows(() => separability([[1, 2], [3]]), ShapeError, "got 2 and, in row 1, 1");
  assertThrows(() => separate([[NaN]]), ShapeError, "finite numbers, got NaN at [0, 0]");
});

Deno.test("Gauss's and Sobel's filters", () => {
  const gauss = gaussianKernel(5, 1);
  assertAlmostEquals(gauss.flat().reduce((sum, value) => sum + value), 1, 1e-15);
  assertAlmostEquals(gauss[2]![3]! / gauss[2]![2]!, Math.exp(-0.5), 1e-15);
  assertAlmostEquals(gauss[0]![4]! / gauss[2]![2]!, Math.exp(-4), 1e-15);
  assertEquals(gauss, transposed(gauss));
  assertEquals(gaussianKernel(1, 3), [[1]]);
  // Of an even size, the middle lies between the elements.
  assertEquals(gaussianKernel(2, 1), [[0.25, 0.25], [0.25, 0.25]]);
  assertEquals(sobelKernel("x"), [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]);
  assertEquals(sobelKernel("y"), [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]);
  assertThrows(() => gaussianKernel(0, 1), OptionError, "size: expected a whole number");
  assertThrows(() => gaussianKernel(3, 0), OptionError, "sigma: expected a number above 0");
  assertThrows(() => sobelKernel("z" as never), OptionError, "axis: expected one of");
});
