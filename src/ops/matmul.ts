/**
 * Matrix multiplication.
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
import { OptionError, ShapeError } from "../errors.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { copyToTexture, TEXELS_SOURCE } from "../gpu/texture.ts";
import { checkKeys, checkOneOf } from "../options.ts";
import { formatShape, type Shape } from "../shape.ts";
import { ACTIVATION_NAMES, ACTIVATION_SOURCE, type ActivationName } from "./activation_source.ts";
import { activationGradient } from "./activations.ts";
import { expectShape, NAN_SOURCE } from "./launch.ts";
import {
  blockOf,
  blockParameters,
  type MatmulPlan,
  type MatmulSize,
  type MatmulTile,
} from "./matmul_plan.ts";
import { fitsAtOnce, multiplyInBlocks } from "./matmul_split.ts";
import { placeOf, planMatmul } from "./matmul_tuning.ts";
import { sum } from "./reductions.ts";

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
  /** In place of an activation: what is multiplied with the derivative of one. */
  gradient?: ActivationSlope;
  /** Where to write Σₖ op(A)[i, k] besides, for `transposeA` and k ≤ 1024. Shape: [m]. */
  rowSums?: Tensor;
  /** Where to write the result. Default: a new tensor. Shape: [m, n]. */
  out?: Tensor;
  /** The kernel variant. Default: chosen by adapter and shape, as where the device does not bind all of the matrices at once. */
  plan?: MatmulPlan;
}

/** The derivative of an activation function where its value was y: what a gradient is multiplied with on the way back. */
export interface ActivationSlope {
  /** f. */
  readonly activation: ActivationName;
  /** y = f(z); but z for softplus and gelu. */
  readonly saved: Tensor;
}

/** Steps of k that {@linkcode MatmulOptions.rowSums} may have. */
export const LONGEST_ROW_SUM = 1024;

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

/**
 * C = f(op(A) · op(B) + bias), with op(X) = X or Xᵀ; or with `gradient` C = f′(z) ∘ (op(A) · op(B) + bias).
 *
 * Shape: op(A) [m, k], op(B) [k, n], bias [n] → C [m, n]. Error of a sum: (k + 16) · 2⁻²⁴ · Σ|a||b|.
 *
 * Matrices that are larger than what the device binds at once are multiplied block by block.
 *
 * @throws {ShapeError} if the shapes do not fit; {@linkcode OutOfMemoryError} if the result is larger than a buffer.
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
  const out = options.out ?? recorder.empty([m, n], a.type);
  const limit = recorder.device.limits.maxStorageBufferBindingSize;
  if (fitsAtOnce(size, limit, partialBytes(recorder, size, options.plan))) {
    multiply(recorder, size, a, b, out, { ...options, activation, bias });
  } else {
    const { gradient, rowSums } = options;
    const product = gradient === undefined ? out : recorder.empty([m, n]);
    multiplyInBlocks(recorder, size, [a, b, product], { activation, bias }, {
      multiply: (block, a, b, c, epilogue) =>
        multiply(recorder, oneProduct(block), a, b, c, epilogue),
      workspace: (block) => partialBytes(recorder, block),
    });
    if (gradient !== undefined) {
      activationGradient(recorder, gradient.activation, gradient.saved, product, { out });
      recorder.release(product);
    }
    if (rowSums !== undefined) sum(recorder, a, { axis: 0, out: rowSums });
  }
  return out;
}

function oneProduct(size: MatmulSize): Products {
  return { ...size, batches: 1, countA: 1, countB: 1 };
}

/** Bytes of the parts of a split sum. */
function partialBytes(recorder: Recorder, size: MatmulSize, given?: MatmulPlan): number {
  const { parts } = given ?? planMatmul(placeOf(recorder.device), size, 1);
  return parts > 1 ? 4 * parts * size.m * size.n : 0;
}

/** Options of {@linkcode batchedMatmul}. */
export interface BatchedMatmulOptions extends Omit<MatmulOptions, "bias" | "gradient" | "rowSums"> {
  /** Added to every element of a row. Shape: [number of matrices a, m]. */
  rowBias?: Tensor;
}

/**
 * C[i] = f(op(A[i]) · op(B[i]) + bias) for every i, with op(X) = X or Xᵀ. The matrices of a shorter stack are used in turn.
 *
 * Shape: op(A) [p, m, k], op(B) [q, k, n] → C [max(p, q), m, n], where p divides q or q divides p. Error of a sum:
 * (k + 16) · 2⁻²⁴ · Σ|a||b|.
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
  const out = options.out ?? recorder.empty([batches, m, n], a.type);
  const { activation = "linear", rowBias: bias } = options;
  multiply(recorder, size, a, b, out, { ...options, activation, bias, biasOfRows: true });
  return out;
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

/** Chooses the variant, and adds up the parts of a split sum. */
function multiply(
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
  const plan = options.plan ?? planMatmul(placeOf(recorder.device), size, batches, multiplyBy);
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
    const TEXTURE_a = plan.textures && layout.VECTOR_a && a.type === "f32";
    const TEXTURE_b = plan.textures && layout.VECTOR_b && b.type === "f32";
    const parameters = { TEXTURE_a, TEXTURE_b, ...broadcastParameters(plan, size) };
    kernel = BROADCAST.variant({ ...layout, ...parameters });
    if (TEXTURE_a) {
      const first = stack.a_first * m * k;
      copies.a = copyToTexture(recorder, `${label}, copy of a`, a, first, [size.countA, m, k]);
      stack.a_first = 0;
    }
    if (TEXTURE_b) {
      const first = stack.b_first * n * k;
      copies.b = copyToTexture(recorder, `${label}, copy of b`, b, first, [size.countB, k, n]);
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

function checkMatmul(a: Tensor, b: Tensor, options: MatmulOptions): Products {
  checkKeys(options, "matmul", [
    "transposeA",
    "transposeB",
    "bias",
    "activation",
    "gradient",
    "rowSums",
    "out",
    "plan",
  ]);
  const { activation, bias, gradient, rowSums, out } = options;
  if (activation !== undefined) checkOneOf(activation, "matmul: activation", ACTIVATION_NAMES);
  if (a.shape.length !== 2 || b.shape.length !== 2) {
    throw new ShapeError(
      `matmul: expected two matrices, got ${formatShape(a.shape)} and ${formatShape(b.shape)}`,
    );
  }
  const size = sizeOfProduct("matmul", a.shape, b.shape, options);
  const { m, n, k } = size;
  if (bias !== undefined) expectShape(bias, [n], "matmul: bias");
  if (gradient !== undefined) {
    if (activation !== undefined) throw new OptionError("matmul: activation excludes gradient");
    checkOneOf(gradient.activation, "matmul: gradient.activation", ACTIVATION_NAMES);
    expectShape(gradient.saved, [m, n], "matmul: gradient.saved");
  }
  if (rowSums !== undefined) {
    if (options.transposeA !== true || k > LONGEST_ROW_SUM) {
      throw new OptionError(
        `matmul: rowSums need transposeA and at most ${LONGEST_ROW_SUM} steps, got ${k}`,
      );
    }
    expectShape(rowSums, [m], "matmul: rowSums");
  }
  if (out !== undefined) expectShape(out, [m, n], "matmul: out");
  return oneProduct(size);
}

function checkBatchedMatmul(a: Tensor, b: Tensor, options: BatchedMatmulOptions): Products {
  const what = "batchedMatmul";
  checkKeys(options, what, ["transposeA", "transposeB", "rowBias", "activation", "out", "plan"]);
  const { activation, rowBias, out } = options;
  if (activation !== undefined) checkOneOf(activation, `${what}: activation`, ACTIVATION_NAMES);
  const [countA = 0, countB = 0] = [a.shape[0], b.shape[0]];
  const batches = countA === 0 || countB === 0 ? 0 : Math.max(countA, countB);
  if (
    a.shape.length !== 3 || b.shape.length !== 3 ||
    (batches > 0 && batches % Math.min(countA, countB) !== 0)
  ) {
    throw new ShapeError(
      `${what}: expected two stacks of matrices, one as long as the other or a multiple of it, got ` +
        `${formatShape(a.shape)} and ${formatShape(b.shape)}`,
    );
  }
  const size = sizeOfProduct(what, a.shape.slice(1), b.shape.slice(1), options);
  const { m, n } = size;
  if (rowBias !== undefined) expectShape(rowBias, [countA, m], `${what}: rowBias`);
  if (out !== undefined) expectShape(out, [batches, m, n], `${what}: out`);
  return { ...size, batches, countA, countB };
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
