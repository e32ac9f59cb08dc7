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
import { formatShape, shapesEqual } from "../shape.ts";
import { ACTIVATION_NAMES, ACTIVATION_SOURCE, type ActivationName } from "./activation_source.ts";
import { NAN_SOURCE } from "./launch.ts";
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
  const { m, n, k } = size;
  const out = options.out ?? recorder.empty([m, n]);
  const plan = options.plan ?? chooseMatmul(recorder.device, size);
  const split = plan.parts > 1;
  const target = split ? recorder.empty([plan.parts, m, n]) : out;
  const epilogue = { ACTIVATION: activation, BIAS: bias !== undefined };
  const kind = `${size.transposeA ? "T" : "N"}${size.transposeB ? "T" : "N"}`;
  const label = `matmul ${kind} ${m}×${k}×${n}`;
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
      uniforms: { outputs: m * n, n, parts: plan.parts },
      workgroups: Math.ceil(m * n / 64),
      flops: m * n * plan.parts,
    });
    recorder.release(target);
  }
  return out;
}

function launch(
  recorder: Recorder,
  label: string,
  size: MatmulSize,
  plan: MatmulPlan,
  c: Tensor,
  a: Tensor,
  b: Tensor,
  bias: Tensor | undefined,
  epilogue: { ACTIVATION: ActivationName; BIAS: boolean },
): void {
  const { m, n, k, transposeA, transposeB } = size;
  const { parts } = plan;
  const chunk = Math.max(1, plan.chunk); // so that workgroups beyond the last part know it where k is 0
  const tensors = { a, b, c, ...(epilogue.BIAS ? { bias: bias! } : {}) };
  const common = { label, tensors, flops: 2 * m * n * k };
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
      },
      workgroups: Math.ceil(parts * m * n / 64),
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
    uniforms: { m, n, k, chunk, tiles_m: tilesM, tiles_n: tilesN },
    workgroups: tilesM * tilesN * parts,
  });
}

function checkMatmul(a: Tensor, b: Tensor, options: MatmulOptions): MatmulSize {
  checkKeys(options, "matmul", ["transposeA", "transposeB", "bias", "activation", "out", "plan"]);
  const { transposeA = false, transposeB = false, bias, activation, out } = options;
  if (activation !== undefined) checkOneOf(activation, "matmul: activation", ACTIVATION_NAMES);
  if (a.shape.length !== 2 || b.shape.length !== 2) {
    throw new ShapeError(
      `matmul: expected two matrices, got ${formatShape(a.shape)} and ${formatShape(b.shape)}`,
    );
  }
  const [m, k] = (transposeA ? a.shape.toReversed() : a.shape) as [number, number];
  const [kB, n] = (transposeB ? b.shape.toReversed() : b.shape) as [number, number];
  if (k !== kB) {
    throw new ShapeError(
      `matmul: op(a) is ${formatShape([m, k])} and op(b) is ${formatShape([kB, n])}; ` +
        `the inner dimensions ${k} and ${kB} must be equal`,
    );
  }
  if (bias !== undefined && !shapesEqual(bias.shape, [n])) {
    throw new ShapeError(`matmul: expected bias of shape [${n}], got ${formatShape(bias.shape)}`);
  }
  if (out !== undefined && !shapesEqual(out.shape, [m, n])) {
    throw new ShapeError(
      `matmul: expected out of shape [${m}, ${n}], got ${formatShape(out.shape)}`,
    );
  }
  return { m, n, k, transposeA, transposeB };
}
