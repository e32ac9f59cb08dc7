/**
 * Sums, means, maxima along an axis: of any length, and in an order that is fixed for each kind of adapter.
 *
 * @module
 */

import mergeText from "../../kernels/reduce_merge.wgsl" with { type: "text" };
import text from "../../kernels/reduce.wgsl" with { type: "text" };
import { ShapeError } from "../errors.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { DataType, Tensor } from "../gpu/tensor.ts";
import { formatShape, resolveAxis, type Shape, sizeOf } from "../shape.ts";
import { bindingParts, inParts } from "./binding_parts.ts";
import { expectShape, workgroupsFor } from "./launch.ts";
import {
  chooseReduction,
  planPass,
  planPasses,
  type ReductionPass,
  type ReductionPlan,
  type ReductionSize,
} from "./reduction_plan.ts";
import { planReduction, type Reduce, type ReductionPlace } from "./reduction_tuning.ts";

/** Options of reductions. */
export interface ReductionOptions {
  /** The axis that is reduced and removed; −1 is the last. Default: all axes, giving a scalar. */
  axis?: number;
  /** How to compute it. Default: as was measured for the adapter, or else as the module's table says. */
  plan?: ReductionPlan;
}

/** Options of {@linkcode sum}. */
export interface SumOptions extends ReductionOptions {
  /** Where to write the result. Default: a new tensor. */
  out?: Tensor;
}

const FAMILY = new KernelFamily("reduce", [
  { name: "reduce_merge.wgsl", text: mergeText },
  { name: "reduce.wgsl", text },
]);

type Operation = "sum" | "sumOfSquares" | "max" | "argmax";

/**
 * y = Σ x along an axis; an empty axis gives 0. Shape: […, n, …] → […, …].
 *
 * Error: min(n, 2,200) · 2⁻²⁴ · Σ|x|; no number takes part in more additions than that, up to n = 2³¹.
 *
 * @throws {ShapeError} if there is no such axis.
 */
export function sum(recorder: Recorder, x: Tensor, options: SumOptions = {}): Tensor {
  return reduce(recorder, "sum", x, options);
}

/** y = Σ x² along an axis. Shape: […, n, …] → […, …]. @throws {ShapeError} if there is no such axis. */
export function sumOfSquares(recorder: Recorder, x: Tensor, options: SumOptions = {}): Tensor {
  return reduce(recorder, "sumOfSquares", x, options);
}

/** y = Σ x / n along an axis; an empty axis gives NaN. Shape: […, n, …] → […, …]. */
export function mean(recorder: Recorder, x: Tensor, options: SumOptions = {}): Tensor {
  return reduce(recorder, "sum", x, options, true);
}

/**
 * The largest along an axis; NaN if there is a NaN. Shape: […, n, …] → […, …].
 *
 * @throws {ShapeError} if there is no such axis, or it is empty.
 */
export function max(recorder: Recorder, x: Tensor, options: ReductionOptions = {}): Tensor {
  return reduce(recorder, "max", x, options);
}

/**
 * The index of the first largest along an axis; the first NaN if there is one. Shape: […, n, …] → […, …] (u32).
 *
 * @throws {ShapeError} if there is no such axis, or it is empty.
 */
export function argmax(
  recorder: Recorder,
  x: Tensor,
  options: ReductionOptions = {},
): Tensor<"u32"> {
  const view = viewOf(x, options, "argmax");
  const out = recorder.empty(view.shape, "u32");
  reduceView(recorder, "argmax", x, view, out, 1, options.plan);
  return out;
}

/** Bytes of what lies between the passes of a sum over the first axis of a matrix; empty for a single pass. */
export function sumWorkspace(
  place: ReductionPlace,
  [length, inner]: readonly [length: number, inner: number],
): number[] {
  const size = { outer: 1, length, inner };
  return planPasses(place, size, planReduction(place, "sum", size))
    .filter(({ parts }) => parts > 1).slice(0, 2).map(({ parts }) => 4 * parts * inner);
}

interface View extends ReductionSize {
  /** The result's shape. */
  readonly shape: Shape;
}

function reduce(
  recorder: Recorder,
  operation: "sum" | "sumOfSquares" | "max",
  x: Tensor,
  options: SumOptions,
  divide = false,
): Tensor {
  const view = viewOf(x, options, divide ? "mean" : operation);
  if (options.out !== undefined) expectShape(options.out, view.shape, `${operation}: out`);
  const out = options.out ?? recorder.empty(view.shape);
  reduceView(recorder, operation, x, view, out, divide ? 1 / view.length : 1, options.plan);
  return out;
}

/** Writes into `out`: at once, by parts of the outer dimension, or, if there is none, by parts of the axis. */
function reduceView(
  recorder: Recorder,
  operation: Operation,
  x: Tensor,
  { outer, length, inner }: View,
  out: Tensor<DataType>,
  factor: number,
  plan?: ReductionPlan,
): void {
  if (outer === 1) {
    reducePart(recorder, operation, x, { outer, length, inner }, out, factor, plan);
  } else {
    inParts(operation, outer, [x, out] as const, ([x, out], { count }) => {
      reducePart(recorder, operation, x, { outer: count, length, inner }, out, factor, plan);
    });
  }
}

function reducePart(
  recorder: Recorder,
  operation: Operation,
  x: Tensor,
  size: ReductionSize,
  out: Tensor<DataType>,
  factor: number,
  given?: ReductionPlan,
): void {
  const { adapter: { software }, tuning } = recorder.device;
  const kind = operation === "sumOfSquares" ? "sum" : operation;
  const reduce: Reduce = (recorder, x, out, plan) =>
    reducePasses(recorder, operation, x, size, out, factor, plan);
  reduce(recorder, x, out, given ?? planReduction({ software, tuning }, kind, size, reduce));
}

/** Writes into `out`, in as many passes as it takes; the first goes over x in the parts of the axis that the device binds. */
function reducePasses(
  recorder: Recorder,
  operation: Operation,
  x: Tensor,
  size: ReductionSize,
  out: Tensor<DataType>,
  factor: number,
  plan: ReductionPlan,
): void {
  const { outer, length, inner } = size;
  const pieces = (outer === 1 ? bindingParts(operation, length, [x] as const) : [])
    .map(({ first, count, tensors }) => ({
      first,
      x: tensors[0],
      pass: planPass({ ...size, length: count }, plan),
    }));
  if (pieces.length === 0) pieces.push({ first: 0, x, pass: planPass(size, plan) });
  let left = pieces.reduce((sum, { pass }) => sum + pass.parts, 0);
  const isArgmax = operation === "argmax";
  const emptyOf = (left: number): PassOutput =>
    left === 1 ? { y: out } : {
      y: recorder.empty([outer, left, inner], isArgmax ? "u32" : "f32"),
      ...(isArgmax ? { best: recorder.empty([outer, left, inner]) } : {}),
    };
  let source = emptyOf(left);
  let begin = 0;
  for (const { first, x, pass } of pieces) {
    const at = { xBegin: first, yBegin: begin * inner };
    pushPass(recorder, operation, { x }, size, pass, source, left === 1 ? factor : 1, at);
    begin += pass.parts;
  }
  while (left > 1) {
    const rest = { ...size, length: left };
    const pass = planPass(rest, chooseReduction(recorder.device.adapter, rest));
    left = pass.parts;
    const { y, best } = source;
    const values = best === undefined ? { x: y as Tensor } : { x: best, indices: y };
    const next = emptyOf(left);
    const kind = operation === "sumOfSquares" ? "sum" : operation;
    pushPass(recorder, kind, values, rest, pass, next, left === 1 ? factor : 1);
    for (const tensor of [y, best]) if (tensor !== undefined) recorder.release(tensor);
    source = next;
  }
}

/** What a pass writes. */
interface PassOutput {
  readonly y: Tensor<DataType>;
  /** Of argmax, if another pass follows: the values at the indices y. */
  readonly best?: Tensor;
}

function pushPass(
  recorder: Recorder,
  operation: Operation,
  source: { readonly x: Tensor; readonly indices?: Tensor<DataType> },
  { outer, inner }: ReductionSize,
  pass: ReductionPass,
  output: PassOutput,
  factor: number,
  { xBegin, yBegin } = { xBegin: 0, yBegin: 0 },
): void {
  const { length, vector, loads, lanes, parts, block, trips, columns } = pass;
  const isLast = inner === 1;
  const width = vector ? 4 : 1;
  const value = vector ? "vec4f" : "f32";
  const outputs = outer * parts * columns;
  recorder.dispatch({
    label: `${operation} ${formatShape([outer, length, inner])} → ${parts}`,
    kernel: FAMILY.variant({
      OPERATION: operation,
      INDEXED: source.indices !== undefined,
      CONTINUED: output.best !== undefined,
      COLUMNS: !isLast,
      VALUE: value,
      OUTPUT: isLast ? "f32" : value,
      LOADS: loads,
      RESULTS: isLast ? 1 : loads,
      LANES: lanes,
      INVOCATIONS: lanes === 1 ? 64 : lanes,
    }),
    tensors: { ...source, ...output },
    uniforms: {
      outputs,
      length: isLast ? length / width : length,
      inner: isLast ? 1 : inner / width,
      parts,
      block,
      trips,
      factor,
      x_begin: xBegin,
      y_begin: isLast ? yBegin : yBegin / width,
    },
    workgroups: lanes === 1 ? workgroupsFor(outputs) : outputs,
    flops: outer * length * inner,
  });
}

function viewOf(x: Tensor, options: ReductionOptions, what: string): View {
  let view: View;
  if (options.axis === undefined) {
    view = { outer: 1, length: x.size, inner: 1, shape: [] };
  } else {
    const axis = resolveAxis(options.axis, x.shape, what);
    view = {
      outer: sizeOf(x.shape.slice(0, axis)),
      length: x.shape[axis]!,
      inner: sizeOf(x.shape.slice(axis + 1)),
      shape: x.shape.toSpliced(axis, 1),
    };
  }
  if (view.length === 0 && (what === "max" || what === "argmax")) {
    throw new ShapeError(`${what}: cannot reduce an empty axis of shape ${formatShape(x.shape)}`);
  }
  return view;
}
