/**
 * How products of matrices are launched: the kernel of a plan, its copies into textures, and the second pass of a split sum.
 *
 * @module
 */

import blockText from "../../kernels/matmul_block.wgsl" with { type: "text" };
import broadcastText from "../../kernels/matmul_broadcast.wgsl" with { type: "text" };
import partsText from "../../kernels/matmul_parts.wgsl" with { type: "text" };
import plainText from "../../kernels/matmul_plain.wgsl" with { type: "text" };
import registerText from "../../kernels/matmul_register.wgsl" with { type: "text" };
import rowSumsText from "../../kernels/matmul_row_sums.wgsl" with { type: "text" };
import storeText from "../../kernels/matmul_store.wgsl" with { type: "text" };
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { copyToTexture, TEXELS_SOURCE } from "../gpu/texture.ts";
import { ACTIVATION_SOURCE, type ActivationName } from "./activation_source.ts";
import type { ActivationSlope } from "./epilogue.ts";
import { NAN_SOURCE } from "./launch.ts";
import {
  blockOf,
  blockParameters,
  type MatmulPlan,
  type MatmulSize,
  type MatmulTile,
} from "./matmul_plan.ts";
import { placeOf, planMatmul } from "./matmul_tuning.ts";

const STORE_SOURCE = { name: "matmul_store.wgsl", text: storeText };
const ROW_SUMS_SOURCE = { name: "matmul_row_sums.wgsl", text: rowSumsText };
const REGISTER = new KernelFamily("matmul/register", [
  NAN_SOURCE,
  ACTIVATION_SOURCE,
  STORE_SOURCE,
  ROW_SUMS_SOURCE,
  { name: "matmul_register.wgsl", text: registerText },
]);
const BLOCK = new KernelFamily("matmul/block", [
  NAN_SOURCE,
  ACTIVATION_SOURCE,
  STORE_SOURCE,
  ROW_SUMS_SOURCE,
  { name: "matmul_block.wgsl", text: blockText },
]);
const BROADCAST = new KernelFamily("matmul/broadcast", [
  NAN_SOURCE,
  ACTIVATION_SOURCE,
  STORE_SOURCE,
  TEXELS_SOURCE,
  ROW_SUMS_SOURCE,
  { name: "matmul_broadcast.wgsl", text: broadcastText },
]);
const PLAIN = new KernelFamily("matmul/plain", [
  NAN_SOURCE,
  ACTIVATION_SOURCE,
  ROW_SUMS_SOURCE,
  { name: "matmul_plain.wgsl", text: plainText },
]);
const PARTS = new KernelFamily("matmul/parts", [
  NAN_SOURCE,
  ACTIVATION_SOURCE,
  { name: "matmul_parts.wgsl", text: partsText },
]);

/** A product, or several of the same size. */
export interface Products extends MatmulSize {
  readonly batches: number;
  /** Matrices a, which are used in turn. */
  readonly countA: number;
  readonly countB: number;
  /** The first matrix of a tensor that takes part. Default 0. */
  readonly firstA?: number;
  readonly firstB?: number;
  readonly firstOut?: number;
}

/** The variant for products that are about to be recorded. */
export function planProducts(recorder: Recorder, size: Products): MatmulPlan {
  return planMatmul(placeOf(recorder.device), size, size.batches, multiplyBy);
}

/** Chooses the variant, unless it is given, and adds up the parts of a split sum. */
export function multiply(
  recorder: Recorder,
  size: Products,
  a: Tensor,
  b: Tensor,
  out: Tensor,
  options: {
    activation: ActivationName;
    bias: Tensor | undefined;
    biasOfRows?: boolean;
    gradient?: ActivationSlope;
    rowSums?: Tensor;
    plan?: MatmulPlan;
  },
): void {
  const { activation, bias, biasOfRows = false, gradient, rowSums } = options;
  const { m, n, k, batches, countA } = size;
  const plan = options.plan ?? planProducts(recorder, size);
  const split = plan.parts > 1;
  const target = split ? recorder.empty([plan.parts, batches, m, n]) : out;
  const epilogue: Epilogue = {
    ACTIVATION: gradient?.activation ?? activation,
    GRADIENT: gradient !== undefined,
    BIAS: bias !== undefined && !biasOfRows,
    ROW_BIAS: bias !== undefined && biasOfRows,
  };
  const ends = {
    ...(bias === undefined ? {} : { bias }),
    ...(gradient === undefined ? {} : { saved: gradient.saved }),
  };
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
    split ? { epilogue: NO_EPILOGUE, ends: {} } : { epilogue, ends },
    rowSums,
  );
  if (split) {
    recorder.dispatch({
      label: `${label}, sum of ${plan.parts} parts`,
      kernel: PARTS.variant(epilogue),
      tensors: { parts: target, c: out, ...ends },
      uniforms: {
        outputs: batches * m * n,
        m,
        n,
        a_count: countA,
        parts: plan.parts,
        c_first: size.firstOut ?? 0,
      },
      workgroups: Math.ceil(batches * m * n / 64),
      flops: batches * m * n * plan.parts,
    });
    recorder.release(target);
  }
}

/** What happens to a sum before it is stored, as parameters of the kernels. */
type Epilogue = Readonly<{
  ACTIVATION: ActivationName;
  GRADIENT: boolean;
  BIAS: boolean;
  ROW_BIAS: boolean;
}>;

const NO_EPILOGUE: Epilogue = {
  ACTIVATION: "linear",
  GRADIENT: false,
  BIAS: false,
  ROW_BIAS: false,
};

/** Products of whole tensors in the way given, to compare ways. */
function multiplyBy(
  recorder: Recorder,
  stack: Products,
  a: Tensor,
  b: Tensor,
  out: Tensor,
  plan: MatmulPlan,
): void {
  const { firstA: _a, firstB: _b, firstOut: _out, ...whole } = stack;
  multiply(recorder, whole, a, b, out, { activation: "linear", bias: undefined, plan });
}

function launch(
  recorder: Recorder,
  label: string,
  size: Products,
  plan: MatmulPlan,
  c: Tensor,
  a: Tensor,
  b: Tensor,
  { epilogue, ends }: { epilogue: Epilogue; ends: Readonly<Record<string, Tensor>> },
  rowSums: Tensor | undefined,
): void {
  const { m, n, k, transposeA, transposeB, batches } = size;
  const { parts } = plan;
  const stack = {
    batches,
    a_count: size.countA,
    b_count: size.countB,
    a_first: size.firstA ?? 0,
    b_first: size.firstB ?? 0,
    c_first: parts > 1 ? 0 : size.firstOut ?? 0,
  };
  const chunk = Math.max(1, plan.chunk); // so that workgroups beyond the last part know it where k is 0
  const ROW_SUMS = rowSums !== undefined;
  const vectorA = (transposeA ? m : k) % 4 === 0;
  const sums = ROW_SUMS ? (vectorA && plan.family !== "plain" ? m / 4 : m) : 0;
  const tensors = { a, b, c, ...ends, ...(ROW_SUMS ? { row_sums: rowSums } : {}) };
  const common = { label, tensors, flops: 2 * batches * m * n * k };
  if (plan.family === "plain") {
    recorder.dispatch({
      ...common,
      kernel: PLAIN.variant({ ...epilogue, ROW_SUMS, VECTOR_a: false, TEXTURE_a: false }),
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
      workgroups: Math.ceil((parts * batches * m * n + sums) / 64),
    });
    return;
  }
  const layout = {
    TRANSPOSE_a: transposeA,
    TRANSPOSE_b: transposeB,
    VECTOR_a: vectorA,
    VECTOR_b: (transposeB ? k : n) % 4 === 0,
    VECTOR_c: n % 4 === 0,
    ROW_SUMS,
    TEXTURE_a: false,
    ...epilogue,
  };
  const { rowGroups, columnGroups, lanesM, lanesN } = plan;
  const { rows, columns } = blockOf(plan);
  const tilesM = Math.ceil(m / rows);
  const tilesN = Math.ceil(n / columns);
  const copies: Record<string, Tensor<"texture">> = {};
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
  } else if (plan.family === "broadcast") {
    const [firstA, firstB] = [stack.a_first * m * k, stack.b_first * k * n];
    const TEXTURE_a = plan.textures.includes("a") && a.type === "f32" && firstA % 4 === 0;
    const TEXTURE_b = plan.textures.includes("b") && b.type === "f32" && firstB % 4 === 0;
    const parameters = { TEXTURE_a, TEXTURE_b, ...broadcastParameters(plan, size) };
    kernel = BROADCAST.variant({ ...layout, ...parameters });
    if (TEXTURE_a) {
      copies.a = copyToTexture(recorder, `${label}, copy of a`, a, firstA, [size.countA, m, k]);
      stack.a_first = 0;
    }
    if (TEXTURE_b) {
      copies.b = copyToTexture(recorder, `${label}, copy of b`, b, firstB, [size.countB, k, n]);
      stack.b_first = 0;
    }
  } else {
    kernel = BLOCK.variant({ ...layout, ...blockParameters(plan, plan.depth).parameters });
  }
  recorder.dispatch({
    ...common,
    kernel,
    tensors: { ...tensors, ...copies },
    uniforms: { m, n, k, chunk, tiles_m: tilesM, tiles_n: tilesN, parts, ...stack },
    workgroups: tilesM * tilesN * parts * batches + Math.ceil(sums / (lanesM * lanesN)),
  });
  for (const copy of Object.values(copies)) recorder.release(copy);
}

/** The parameters of the kernel that are named for the two parts the operands play: x is spread, lanes lie along y. */
function broadcastParameters(
  { rowGroups, columnGroups, lanesM }: MatmulTile,
  { transposeA, transposeB, k }: MatmulSize,
) {
  const swapped = lanesM > 1; // lanes along the rows, so x is b
  const [groupsX, groupsY] = swapped ? [columnGroups, rowGroups] : [rowGroups, columnGroups];
  const innerK = { a: !transposeA, b: transposeB };
  const [x, y] = swapped ? ["b", "a"] as const : ["a", "b"] as const;
  return {
    SWAPPED: swapped,
    ...{ X: x, SIDE_X: swapped ? "n" : "m", INNER_K_X: innerK[x] },
    ...{ Y: y, SIDE_Y: swapped ? "m" : "n", INNER_K_Y: innerK[y] },
    LOADS_X: groupsX / 2,
    ROWS_X: 4 * groupsX,
    GROUPS_Y: groupsY,
    TAIL: k % 4 !== 0,
  };
}

/**
 * Products of some of the matrices that lie in three tensors of any shape; {@linkcode batchedMatmul} for parts of a batch.
 *
 * @param products Sizes, how many products, and which matrix is the first in each tensor.
 */
export function multiplyStacks(
  recorder: Recorder,
  products: Products,
  a: Tensor,
  b: Tensor,
  out: Tensor,
  { activation, bias }: { activation: ActivationName; bias: Tensor | undefined },
): void {
  multiply(recorder, products, a, b, out, { activation, bias, biasOfRows: true });
}
