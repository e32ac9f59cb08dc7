/**
 * Products with the matrix of all examples on the GPU. X stays there if it fits a binding; else each pass uploads it in blocks.
 *
 * Results are read back once a pass, and only small ones: logits, partial gradients of {@linkcode GROUP} examples each, and the
 * Hessian. Partial gradients are added in float64, so that the error of a gradient is that of sums of 256 terms, however
 * many examples there are.
 *
 * @module
 */

import type { Gpu } from "../gpu/gpu.ts";
import { Tensor } from "../gpu/tensor.ts";
import { add, multiply } from "../ops/elementwise.ts";
import { batchedMatmul, matmul } from "../ops/matmul.ts";
import type { Block, Examples } from "./logistic_examples.ts";
import type { Products } from "./logistic_products.ts";

/** Examples whose gradients are added on the GPU; 256 rows begin at a multiple of 256 bytes, as bindings must. */
const GROUP = 256;
/** Groups that `gram` scales at once, which bounds its memory. */
const GRAM_GROUPS = 32;
/** Bytes of an upload where X does not stay on the GPU. */
const UPLOAD_BYTES = 2 ** 25;

/** Examples on the GPU, zeros behind them up to whole groups. */
interface Uploaded {
  /** Shape: [groups · GROUP, d]. */
  readonly x: Tensor;
  readonly start: number;
  readonly rows: number;
}

/** On the GPU, in float32. */
export class GpuProducts implements Products {
  readonly rounds = true;
  /** Float32 sums over up to 8,192 examples in parts, whose roundings mostly cancel. */
  readonly gramError = 2 ** -18;
  readonly #gpu: Gpu;
  readonly #examples: Examples;
  readonly #limit: number;
  #resident: Tensor | undefined;
  /** The tensor that uploads are written to. */
  #staging: Tensor | undefined;

  constructor(gpu: Gpu, examples: Examples) {
    this.#gpu = gpu;
    this.#examples = examples;
    this.#limit = gpu.device.limits.maxStorageBufferBindingSize;
  }

  async forward(p: Float64Array): Promise<Float64Array> {
    const { length: n, features: d } = this.#examples;
    const count = p.length / d;
    using weights = this.#gpu.tensor(Float32Array.from(p), [count, d]);
    const z = new Float64Array(count * n);
    const reads: Promise<void>[] = [];
    for await (const { x, start, rows } of this.#uploads()) {
      using product = matmul(this.#gpu, weights, x, { transposeB: true });
      const padded = x.shape[0]!;
      const placed = product.read().then((values) => {
        for (let k = 0; k < count; k++) {
          z.set(values.subarray(k * padded, k * padded + rows), k * n + start);
        }
      });
      reads.push(later(placed));
    }
    await Promise.all(reads);
    return z;
  }

  async backward(r: Float64Array): Promise<Float64Array> {
    const { length: n, features: d } = this.#examples;
    const count = r.length / n;
    const g = new Float64Array(count * d);
    const reads: Promise<Float32Array>[] = [];
    for await (const { x, start, rows } of this.#uploads()) {
      const groups = x.shape[0]! / GROUP;
      const values = new Float32Array(groups * count * GROUP);
      for (let k = 0; k < count; k++) {
        for (let i = 0; i < rows; i++) {
          const group = Math.floor(i / GROUP);
          values[(group * count + k) * GROUP + i % GROUP] = r[k * n + start + i]!;
        }
      }
      using factors = this.#gpu.tensor(values, [groups, count, GROUP]);
      using sums = batchedMatmul(this.#gpu, factors, x.reshape([groups, GROUP, d]));
      reads.push(later(sums.read()));
    }
    for (const sums of await Promise.all(reads)) {
      for (let at = 0; at < sums.length; at += count * d) {
        for (let j = 0; j < count * d; j++) g[j]! += sums[at + j]!;
      }
    }
    return g;
  }

  async gram(weights: readonly Float64Array[]): Promise<Float64Array[]> {
    const { features: d } = this.#examples;
    using ones = this.#gpu.tensor(new Float32Array(d).fill(1), [1, d]);
    const totals = weights.map(() => this.#gpu.zeros([d, d]));
    try {
      for await (const { x, start, rows } of this.#uploads()) {
        for (let first = 0; first < rows; first += GRAM_GROUPS * GROUP) {
          const part = slice(x, first, Math.min(GRAM_GROUPS * GROUP, x.shape[0]! - first));
          weights.forEach((all, k) => {
            const values = new Float32Array(part.shape[0]!);
            const end = start + Math.min(first + values.length, rows);
            values.set(all.subarray(start + first, end));
            const total = totals[k]!;
            totals[k] = this.#addGram(total, part, values, ones);
            total.dispose();
          });
        }
      }
      const results = await Promise.all(totals.map((total) => total.read()));
      return results.map((values) => symmetric(values, d));
    } finally {
      for (const total of totals) total.dispose();
    }
  }

  dispose(): void {
    this.#resident?.dispose();
    this.#staging?.dispose();
  }

  /** total + Xᵀ·diag(w)·X. Rows are scaled by a matrix whose columns are all w. */
  #addGram(total: Tensor, x: Tensor, values: Float32Array, ones: Tensor): Tensor {
    using column = this.#gpu.tensor(values, [values.length, 1]);
    using factors = matmul(this.#gpu, column, ones);
    using scaled = multiply(this.#gpu, x, factors);
    using product = matmul(this.#gpu, x, scaled, { transposeA: true });
    return add(this.#gpu, total, product);
  }

  async *#uploads(): AsyncGenerator<Uploaded> {
    const { x, length, features: d } = this.#examples;
    const resident = x !== undefined && 4 * groupsOf(length) * GROUP * d <= this.#limit;
    const most = GROUP *
      Math.max(1, Math.floor(Math.min(UPLOAD_BYTES, this.#limit) / (4 * GROUP * d)));
    for await (const block of this.#examples.blocks()) {
      if (resident) {
        this.#resident ??= this.#gpu.tensor(...padded(block.x, d));
        yield { ...block, x: this.#resident };
      } else {
        yield* this.#parts(block, most);
      }
    }
  }

  *#parts(block: Block, most: number): Generator<Uploaded> {
    const d = this.#examples.features;
    for (let first = 0; first < block.rows; first += most) {
      const rows = Math.min(most, block.rows - first);
      const [values, shape] = padded(block.x.subarray(first * d, (first + rows) * d), d);
      if (this.#staging?.shape[0] === shape[0]) {
        this.#staging!.write(values);
      } else {
        this.#staging?.dispose();
        this.#staging = this.#gpu.tensor(values, shape);
      }
      yield { x: this.#staging!, start: block.start + first, rows };
    }
  }
}

/** A promise that is awaited after others: if one of those fails first, its own failure is not reported as unhandled. */
function later<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

function groupsOf(rows: number): number {
  return Math.ceil(rows / GROUP);
}

/** Examples with zeros behind them up to whole groups, and their shape. */
function padded(x: Float32Array, d: number): [values: Float32Array, shape: [number, number]] {
  const rows = groupsOf(x.length / d) * GROUP;
  if (x.length === rows * d) return [x, [rows, d]];
  const values = new Float32Array(rows * d);
  values.set(x);
  return [values, [rows, d]];
}

/** A view of some groups of rows. */
function slice(x: Tensor, first: number, rows: number): Tensor {
  const d = x.shape[1]!;
  return new Tensor(x.device, x.storage, [rows, d], "f32", x.offset + 4 * first * d);
}

/** The mean of a matrix and its transpose, which differ by rounding. */
function symmetric(values: Float32Array, d: number): Float64Array {
  return Float64Array.from(values, (value, at) => {
    const mirrored = values[(at % d) * d + Math.floor(at / d)]!;
    return (value + mirrored) / 2;
  });
}
