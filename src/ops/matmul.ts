/**
 * Matrix multiplication.
 *
 * @module
 */

import blockText from "../../kernels/matmul_block.wgsl" with { type: "text" };
import partsText from "../../kernels/matmul_parts.wgsl" with { type: "text" };
import plainText from "../../kernels/matmul_plain.wgsl" with { type: "text" };
import registerText from "../../kernels/matmul_register.wgsl" with { type: "text" };
import storeText from "../../kernels/matmul_store.wgsl" with { type: "text" };
import { ShapeError } from "../errors.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkKeys, checkOneOf } from "../options.ts";
import { formatShape, type Shape } from "../shape.ts";
import { ACTIVATION_NAMES, ACTIVATION_SOURCE, type ActivationName } from "./activation_source.ts";
import { expectShape, NAN_SOURCE } from "./launch.ts";
import { blockOf, chooseMatmul, type MatmulPlan, type MatmulSize } from "./matmul_plan.ts";

/** Options of {@linkcode matmul}. */
export interface MatmulOptions {
  /** Read a, stored [k, m], as its transpose. Default false. */
  transposeA?: boolean;
  /** Read b, stored [n, k], as its transpose. Default false. */
  transposeB?: boolean;
  /** Added to every row. Shape: [n]. */
  bias?: Tensor;
  /** Applied to the sum. Default "linear". */
  activation?: ActivationName;
  /** Where to write the result. Default: a new tensor. Shape: [m, n]. */
  out?: Tensor;
  /** The kernel variant. Default: chosen by adapter and shape. */
  plan?: MatmulPlan;
}

const STORE_SOURCE = { name: "matmul_store.wgsl", text: storeText };
const REGISTER = new KernelFamily("matmul/register", [
  NAN_SOURCE,
  ACTIVATION_SOURCE,
  STORE_SOURCE,
  { name: "matmul_register.wgsl", text: registerText },
]);
const BLOCK = new KernelFamily("matmul/block", [
  NAN_SOURCE,
  ACTIVATION_SOURCE,
  STORE_SOURCE,
  { name: "matmul_block.wgsl", text: blockText },
]);
const PLAIN = new KernelFamily("matmul/plain", [
  NAN_SOURCE,
  ACTIVATION_SOURCE,
  { name: "matmul_plain.wgsl", text: plainText },
]);
const PARTS = new KernelFamily("matmul/parts", [
  NAN_SOURCE,
  ACTIVATION_SOURCE,
  { name: "matmul_parts.wgsl", text: partsText },
]);

/**
 * C = f(op(A) · op(B) + bias), with op(X) = X or Xᵀ.
 *
 * Shape: op(A) [m, k], op(B) [k, n], bias [n] → C [m, n]. Error of a sum: (k + 16) · 2⁻²⁴ · Σ|a||b|.
 *
 * @throws {ShapeError} if the shapes do not fit.
 * @example
 * ```ts
 * import { Gpu, matmul } from "@strata/strata";
 *
 * await using gpu = await Gpu.open();
 * const x = gpu.tensor(new Float32Array([1, 2, 3, 4, 5, 6]), [2, 3]);
 * const weight = gpu.tensor(new Float32Array([1, 0, -1]), [1, 3]);
 * const y = matmul(gpu, x, weight, { transposeB: true, activation: "relu" });
 * console.log(y.shape, await y.read()); // [2, 1] Float32Array [0, 0]
 * ```
 */
export function matmul(
  recorder: Recorder,
  a: Tensor,
  b: Tensor,
  options: MatmulOptions = {},
): Tensor {
  const { activation = "linear", bias } = options;
  const size = checkMatmul(a, b, options);
  const { m, n } = size;
  const out = options.out ?? recorder.empty([m, n]);
  multiply(recorder, size, a, b, out, { ...options, activation, bias });
  return out;
}

/** Options of {@linkcode batchedMatmul}. */
export type BatchedMatmulOptions = Omit<MatmulOptions, "bias" | "activation">;

/**
 * C[i] = op(A[i]) · op(B[i]) for every i, with op(X) = X or Xᵀ. A stack of one matrix serves all products.
 *
 * Shape: op(A) [batch or 1, m, k], op(B) [batch or 1, k, n] → C [batch, m, n]. Error of a sum: (k + 16) · 2⁻²⁴ · Σ|a||b|.
 *
 * @throws {ShapeError} if the shapes do not fit.
 */
export function batchedMatmul(
  recorder: Recorder,
  a: Tensor,
  b: Tensor,
  options: BatchedMatmulOptions = {},
): Tensor {
  const size = checkBatchedMatmul(a, b, options);
  const { m, n, batches } = size;
  const out = options.out ?? recorder.empty([batches, m, n]);
  multiply(recorder, size, a, b, out, { ...options, activation: "linear", bias: undefined });
  return out;
}

/** A product, or several of the same size. */
interface Products extends MatmulSize {
  readonly batches: number;
  /** Floats from a matrix to the next, 0 if all products share it. */
  readonly aBatch: number;
  readonly bBatch: number;
}

/** Chooses the variant, and adds up the parts of a split sum. */
function multiply(
  recorder: Recorder,
  size: Products,
  a: Tensor,
  b: Tensor,
  out: Tensor,
  options: { activation: ActivationName; bias: Tensor | undefined; plan?: MatmulPlan },
): void {
  const { activation, bias } = options;
  const { m, n, k, batches } = size;
  const plan = options.plan ?? chooseMatmul(recorder.device.adapter, size, batches);
  const split = plan.parts > 1;
  const target = split ? recorder.empty([plan.parts, batches, m, n]) : out;
  const epilogue = { ACTIVATION: activation, BIAS: bias !== undefined };
  const kind = `${size.transposeA ? "T" : "N"}${size.transposeB ? "T" : "N"}`;
  const label = `matmul ${kind} ${batches === 1 ? "" : `${batches} of `}${m}×${k}×${n}`;
  launch(
    recorder,
    label,
    size,
    plan,
    target,
    a,
    b,
    bias,
    split ? { ACTIVATION: "linear", BIAS: false } : epilogue,
  );
  if (split) {
    recorder.dispatch({
      label: `${label}, sum of ${plan.parts} parts`,
      kernel: PARTS.variant(epilogue),
      tensors: { parts: target, c: out, ...(bias === undefined ? {} : { bias }) },
      uniforms: { outputs: batches * m * n, n, parts: plan.parts },
      workgroups: Math.ceil(batches * m * n / 64),
      flops: batches * m * n * plan.parts,
    });
    recorder.release(target);
  }
}

function launch(
  recorder: Recorder,
  label: string,
  size: Products,
  plan: MatmulPlan,
  c: Tensor,
  a: Tensor,
  b: Tensor,
  bias: Tensor | undefined,
  epilogue: { ACTIVATION: ActivationName; BIAS: boolean },
): void {
  const { m, n, k, transposeA, transposeB, batches } = size;
  const { parts } = plan;
  const stack = { batches, a_batch: size.aBatch, b_batch: size.bBatch };
  const chunk = Math.max(1, plan.chunk); // so that workgroups beyond the last part know it where k is 0
  const tensors = { a, b, c, ...(epilogue.BIAS ? { bias: bias! } : {}) };
  const common = { label, tensors, flops: 2 * batches * m * n * k };
  if (plan.family === "plain") {
    recorder.dispatch({
      ...common,
      kernel: PLAIN.variant(epilogue),
      uniforms: {
        m,
        n,
        k,
        chunk,
        parts,
        a_row: transposeA ? 1 : k,
        a_step: transposeA ? m : 1,
        b_step: transposeB ? 1 : n,
        b_column: transposeB ? k : 1,
        ...stack,
      },
      workgroups: Math.ceil(parts * batches * m * n / 64),
    });
    return;
  }
  const layout = {
    TRANSPOSE_a: transposeA,
    TRANSPOSE_b: transposeB,
    VECTOR_a: (transposeA ? m : k) % 4 === 0,
    VECTOR_b: (transposeB ? k : n) % 4 === 0,
    VECTOR_c: n % 4 === 0,
    ...epilogue,
  };
  const { rowGroups, columnGroups, lanesM, lanesN } = plan;
  const { rows, columns } = blockOf(plan);
  const tilesM = Math.ceil(m / rows);
  const tilesN = Math.ceil(n / columns);
  const groups = { ROW_GROUPS: rowGroups, COLUMN_GROUPS: columnGroups };
  let kernel;
  if (plan.family === "register") {
    kernel = REGISTER.variant({
      ...layout,
      ...groups,
      LANES_M: lanesM,
      LANES_N: lanesN,
      TAIL: k % 4 !== 0,
    });
  } else {
    const threads = lanesM * lanesN;
    kernel = BLOCK.variant({
      ...layout,
      ...groups,
      THREADS: threads,
      THREADS_M: lanesM,
      THREADS_N: lanesN,
      BLOCK_M: rows,
      BLOCK_N: columns,
      DEPTH: plan.depth,
      LOADS_A: rows * plan.depth / 4 / threads,
      LOADS_B: columns * plan.depth / 4 / threads,
    });
  }
  recorder.dispatch({
    ...common,
    kernel,
    uniforms: { m, n, k, chunk, tiles_m: tilesM, tiles_n: tilesN, parts, ...stack },
    workgroups: tilesM * tilesN * parts * batches,
  });
}

function checkMatmul(a: Tensor, b: Tensor, options: MatmulOptions): Products {
  checkKeys(options, "matmul", ["transposeA", "transposeB", "bias", "activation", "out", "plan"]);
  const { activation, bias, out } = options;
  if (activation !== undefined) checkOneOf(activation, "matmul: activation", ACTIVATION_NAMES);
  if (a.shape.length !== 2 || b.shape.length !== 2) {
    throw new ShapeError(
      `matmul: expected two matrices, got ${formatShape(a.shape)} and ${formatShape(b.shape)}`,
    );
  }
  const size = sizeOfProduct("matmul", a.shape, b.shape, options);
  const { m, n } = size;
  if (bias !== undefined) expectShape(bias, [n], "matmul: bias");
  if (out !== undefined) expectShape(out, [m, n], "matmul: out");
  return { ...size, batches: 1, aBatch: 0, bBatch: 0 };
}

function checkBatchedMatmul(a: Tensor, b: Tensor, options: BatchedMatmulOptions): Products {
  const what = "batchedMatmul";
  checkKeys(options, what, ["transposeA", "transposeB", "out", "plan"]);
  const [countA, countB] = [a.shape[0]!, b.shape[0]!];
  const batches = countA === 1 ? countB : countA;
  if (
    a.shape.length !== 3 || b.shape.length !== 3 || (countB !== 1 && countB !== batches)
  ) {
    throw new ShapeError(
      `${what}: expected two stacks of as many matrices, or one of them of a single one, got ` +
        `${formatShape(a.shape)} and ${formatShape(b.shape)}`,
    );
  }
  const size = sizeOfProduct(what, a.shape.slice(1), b.shape.slice(1), options);
  const { m, n, k } = size;
  if (options.out !== undefined) expectShape(options.out, [batches, m, n], `${what}: out`);
  return {
    ...size,
    batches,
    aBatch: countA === 1 ? 0 : m * k,
    bBatch: countB === 1 ? 0 : k * n,
  };
}

function sizeOfProduct(
  what: string,
  a: Shape,
  b: Shape,
  { transposeA = false, transposeB = false }: MatmulOptions,
): MatmulSize {
  const [m, k] = (transposeA ? a.toReversed() : a) as [number, number];
  const [kB, n] = (transposeB ? b.toReversed() : b) as [number, number];
  if (k !== kB) {
    throw new ShapeError(
      `${what}: op(a) is ${formatShape([m, k])} and op(b) is ${formatShape([kB, n])}; ` +
        `the inner dimensions ${k} and ${kB} must be equal`,
    );
  }
  return { m, n, k, transposeA, transposeB };
}
