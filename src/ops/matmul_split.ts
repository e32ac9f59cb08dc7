/**
 * Products of matrices that are larger than what a device binds at once: block by block.
 *
 * A block of a matrix is a view where it lies in one piece from a multiple of 256 bytes on, as whole rows do, and a copy elsewhere.
 * So sides are cut where that gives views, if possible: the rows of c, the rows that a and b are stored in.
 *
 * @module
 */

import { OutOfMemoryError } from "../errors.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import type { ActivationName } from "./activation_source.ts";
import { activation } from "./activations.ts";
import { type Range, rangesOf, viewOf } from "./binding_parts.ts";
import { copyBlock } from "./concatenate.ts";
import { add } from "./elementwise.ts";
import type { MatmulSize } from "./matmul_plan.ts";

/** What follows the sum: c = f(sum + bias). */
export interface MatmulEpilogue {
  readonly activation: ActivationName;
  /** Shape: [n]. */
  readonly bias: Tensor | undefined;
}

/** What multiplies blocks, which the device binds. */
export interface BlockMultiplier {
  /** Writes f(op(a) · op(b) + bias) into c. */
  multiply(size: MatmulSize, a: Tensor, b: Tensor, c: Tensor, epilogue: MatmulEpilogue): void;
  /** Bytes of the largest tensor that this takes besides. */
  workspace(size: MatmulSize): number;
}

const NO_EPILOGUE: MatmulEpilogue = { activation: "linear", bias: undefined };

/** A side of blocks is a multiple of this many elements, 256 bytes. */
const UNIT = 64;

type Side = "m" | "n" | "k";

/** Rows and columns of a matrix. */
interface Block {
  readonly rows: Range;
  readonly columns: Range;
}

/**
 * Whether the device binds the matrices of a product as they are.
 *
 * @param limit Bytes of a binding.
 */
export function fitsAtOnce(size: MatmulSize, limit: number): boolean {
  return Math.max(...Object.values(bytesOf(size))) <= limit;
}

/**
 * Records c = f(op(a) · op(b) + bias) block by block.
 *
 * Error of a sum: that of the products of blocks, and an addition for each block along k.
 *
 * @throws {OutOfMemoryError} if not even the smallest blocks are bound.
 */
export function multiplyInBlocks(
  recorder: Recorder,
  size: MatmulSize,
  [a, b, c]: readonly [a: Tensor, b: Tensor, c: Tensor],
  epilogue: MatmulEpilogue,
  multiplier: BlockMultiplier,
): void {
  const { transposeA, transposeB } = size;
  // A block that is copied may begin within the 256 bytes that its binding begins with.
  const limit = recorder.device.limits.maxStorageBufferBindingSize - 4 * UNIT;
  const sides = blockSides(size, limit, multiplier);
  const sumRanges = size.k === 0 ? [{ first: 0, count: 0 }] : rangesOf(size.k, sides.k);
  for (const m of rangesOf(size.m, sides.m)) {
    for (const n of rangesOf(size.n, sides.n)) {
      const place = { rows: m, columns: n };
      const target = blockView(c, place) ?? recorder.empty([m.count, n.count]);
      const bias = epilogue.bias && viewOf(epilogue.bias, n.first, [n.count]);
      const last = { activation: epilogue.activation, bias };
      const products = sumRanges.map((k) => (out: Tensor, epilogue: MatmulEpilogue) => {
        const blockA = takeBlock(recorder, a, blockOf(m, k, transposeA));
        const blockB = takeBlock(recorder, b, blockOf(k, n, transposeB));
        const blockSize = { ...size, m: m.count, n: n.count, k: k.count };
        multiplier.multiply(blockSize, blockA.tensor, blockB.tensor, out, epilogue);
        blockA.release();
        blockB.release();
      });
      if (products.length === 1) products[0]!(target, last);
      else sumProducts(recorder, products, target, last);
      if (target.storage === c.storage) continue;
      placeBlock(recorder, target, c, place);
      recorder.release(target);
    }
  }
}

/** Adds up products in their order; what follows the sum is done at the end. */
function sumProducts(
  recorder: Recorder,
  products: readonly ((out: Tensor, epilogue: MatmulEpilogue) => void)[],
  target: Tensor,
  { bias, activation: name }: MatmulEpilogue,
): void {
  const product = (i: number) => {
    const out = recorder.empty(target.shape);
    products[i]!(out, NO_EPILOGUE);
    return out;
  };
  let total = product(0);
  const replace = (next: Tensor) => {
    recorder.release(total);
    total = next;
  };
  const linear = name === "linear";
  for (let i = 1; i < products.length; i++) {
    const piece = product(i);
    const ends = i === products.length - 1 && bias === undefined && linear;
    replace(add(recorder, total, piece, ends ? { out: target } : {}));
    recorder.release(piece);
  }
  if (bias !== undefined) replace(add(recorder, total, bias, linear ? { out: target } : {}));
  if (!linear) replace(activation(recorder, name, total, { out: target }));
}

/** Bytes of the matrices of a product. */
function bytesOf({ m, n, k }: Readonly<Record<Side, number>>): Record<"a" | "b" | "c", number> {
  return { a: 4 * m * k, b: 4 * k * n, c: 4 * m * n };
}

/** The sides of blocks: cut where something is too large, until the device binds everything. */
function blockSides(
  size: MatmulSize,
  limit: number,
  multiplier: BlockMultiplier,
): Record<Side, number> {
  const { m, n, k, transposeA, transposeB } = size;
  const parts: Record<Side, number> = { m: 1, n: 1, k: 1 };
  const side = (length: number, parts: number) =>
    Math.min(length, Math.ceil(length / parts / UNIT) * UNIT);
  // The side to cut for the sake of a matrix, and the other one where that is as short as can be.
  const order: readonly (readonly [what: "a" | "b" | "c" | "workspace", sides: readonly Side[]])[] =
    [
      ["c", ["m", "n"]],
      ["a", transposeA ? ["k", "m"] : ["m", "k"]],
      ["b", transposeB ? ["n", "k"] : ["k", "n"]],
      ["workspace", ["k", "m", "n"]],
    ];
  for (;;) {
    const sides = { m: side(m, parts.m), n: side(n, parts.n), k: side(k, parts.k) };
    const bytes = {
      ...bytesOf(sides),
      workspace: multiplier.workspace({ ...size, ...sides }),
    };
    const large = order.find(([what]) => bytes[what] > limit);
    if (large === undefined) return sides;
    const [what, choices] = large;
    const cut = choices.find((each) => sides[each] > UNIT);
    if (cut === undefined) {
      throw new OutOfMemoryError(
        `matmul ${m}×${k}×${n}: the smallest blocks have ${bytes[what]} bytes; ` +
          `the device binds ${limit} bytes`,
      );
    }
    // As many parts as the bytes ask for; one more where rounding up has made them too long.
    parts[cut] = Math.max(parts[cut] + 1, Math.floor(parts[cut] * bytes[what] / limit));
  }
}

/** The block of a matrix with these rows and columns; of a transposed one, as it is stored. */
function blockOf(rows: Range, columns: Range, transposed: boolean): Block {
  return transposed ? { rows: columns, columns: rows } : { rows, columns };
}

/** The block as a view, if it lies in one piece and begins where a binding may. */
function blockView(matrix: Tensor, { rows, columns }: Block): Tensor | undefined {
  const width = matrix.shape[1]!;
  const first = rows.first * width + columns.first;
  const inOnePiece = columns.count === width || rows.count === 1;
  if (!inOnePiece || first % UNIT !== 0) return undefined;
  return viewOf(matrix, first, [rows.count, columns.count]);
}

/** The block as a view or a copy, and what frees it. */
function takeBlock(
  recorder: Recorder,
  matrix: Tensor,
  block: Block,
): { tensor: Tensor; release: () => void } {
  const view = blockView(matrix, block);
  if (view !== undefined) return { tensor: view, release: () => {} };
  const { rows, columns: { count: width } } = block;
  const tensor = recorder.empty([rows.count, width]);
  for (const { rows, whole } of piecesOf(matrix, block)) {
    copyBlock(recorder, "matmul: copy", rows.count, width, whole, [
      tensor,
      width,
      rows.first * width,
    ]);
  }
  return { tensor, release: () => recorder.release(tensor) };
}

/** Copies a block into its place. */
function placeBlock(recorder: Recorder, tensor: Tensor, matrix: Tensor, block: Block): void {
  const width = block.columns.count;
  for (const { rows, whole } of piecesOf(matrix, block)) {
    const from = [tensor, width, rows.first * width] as const;
    copyBlock(recorder, "matmul: place", rows.count, width, from, whole);
  }
}

/** Rows of a block, counted from its first, and where they lie: a part of the matrix that the device binds, its row length, their start. */
interface BlockPiece {
  readonly rows: Range;
  readonly whole: readonly [part: Tensor, stride: number, start: number];
}

/** A block in pieces, each within a part of its matrix that the device binds. */
function piecesOf(matrix: Tensor, { rows, columns }: Block): BlockPiece[] {
  const stride = matrix.shape[1]!;
  const limit = matrix.device.limits.maxStorageBufferBindingSize / 4 - UNIT;
  // From the first element of a piece to its last, there are all of its rows but the end of the last one.
  const most = Math.max(1, Math.floor((limit - columns.count) / stride) + 1);
  return rangesOf(rows.count, most).map((piece) => {
    const first = (rows.first + piece.first) * stride + columns.first;
    const start = first % UNIT;
    const length = start + (piece.count - 1) * stride + columns.count;
    return { rows: piece, whole: [viewOf(matrix, first - start, [length]), stride, start] };
  });
}
