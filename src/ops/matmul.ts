/**
 * Matrix multiplication.
 *
 * @module
 */

import { OptionError, ShapeError } from "../errors.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkKeys, checkOneOf } from "../options.ts";
import { formatShape, type Shape } from "../shape.ts";
import { ACTIVATION_NAMES, type ActivationName } from "./activation_source.ts";
import { activationGradient } from "./activations.ts";
import { fitBindings, inParts } from "./binding_parts.ts";
import type { ActivationSlope } from "./epilogue.ts";
import { expectShape } from "./launch.ts";
import { multiply, planProducts, type Products } from "./matmul_launch.ts";
import type { MatmulPlan, MatmulSize } from "./matmul_plan.ts";
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

/** Steps of k that {@linkcode MatmulOptions.rowSums} may have. */
export const LONGEST_ROW_SUM = 1024;

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
  const plan = fitsAtOnce(size, limit) ? options.plan ?? planProducts(recorder, size) : undefined;
  if (plan !== undefined && partialBytes(plan, size) <= limit) {
    multiply(recorder, size, a, b, out, { ...options, activation, bias, plan });
  } else {
    const { gradient, rowSums } = options;
    const product = gradient === undefined ? out : recorder.empty([m, n]);
    multiplyInBlocks(recorder, size, [a, b, product], { activation, bias }, {
      multiply: (block, a, b, c, epilogue) =>
        multiply(recorder, oneProduct(block), a, b, c, epilogue),
      workspace: (block) => partialBytes(planMatmul(placeOf(recorder.device), block, 1), block),
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
function partialBytes({ parts }: MatmulPlan, { m, n }: MatmulSize): number {
  return parts > 1 ? 4 * parts * m * n : 0;
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
 * @throws {ShapeError} if the shapes do not fit; {@linkcode OutOfMemoryError} if a shorter stack is larger than a binding.
 */
export function batchedMatmul(
  recorder: Recorder,
  a: Tensor,
  b: Tensor,
  options: BatchedMatmulOptions = {},
): Tensor {
  const size = checkBatchedMatmul(a, b, options);
  const { m, n, batches, countA, countB } = size;
  const out = options.out ?? recorder.empty([batches, m, n], a.type);
  const { activation = "linear", rowBias } = options;
  // A shorter stack takes part as a whole, so that the others are cut behind a multiple of its length.
  const each = countA === countB ? 1 : Math.max(1, Math.min(countA, countB));
  const ofA = rowBias === undefined ? [a] : [a, rowBias];
  const cut = [...(countA === batches ? ofA : []), ...(countB === batches ? [b] : [])];
  // Parts are computed as the whole would be, so that they have its bits.
  const plan = options.plan ??
    (fitBindings([out, ...cut]) ? undefined : planMatmul(placeOf(recorder.device), size, batches));
  const epilogue = { activation, biasOfRows: true, ...(plan === undefined ? {} : { plan }) };
  inParts("batchedMatmul", batches / each, [out, ...cut], ([out, ...parts], { count }) => {
    const [partA, bias] = countA === batches ? parts.splice(0, ofA.length) : ofA;
    const [partB] = countB === batches ? parts : [b];
    const part = {
      ...size,
      batches: each * count,
      countA: countA === batches ? each * count : countA,
      countB: countB === batches ? each * count : countB,
    };
    multiply(recorder, part, partA!, partB!, out!, { ...epilogue, bias });
  });
  return out;
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
