/**
 * Sums, means, maxima along an axis: of any length, and in an order that is fixed for each kind of adapter.
 *
 * @module
 */

import text from "../../kernels/reduce.wgsl" with { type: "text" };
import { ShapeError } from "../errors.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { DataType, Tensor } from "../gpu/tensor.ts";
import { formatShape, resolveAxis, type Shape, sizeOf } from "../shape.ts";
import { fitBindings, inParts } from "./binding_parts.ts";
import { add } from "./elementwise.ts";
import { expectShape, NAN_SOURCE, workgroupsFor } from "./launch.ts";

/** Options of reductions. */
export interface ReductionOptions {
  /** The axis that is reduced and removed; −1 is the last. Default: all axes, giving a scalar. */
  axis?: number;
}

/** Options of {@linkcode sum}. */
export interface SumOptions extends ReductionOptions {
  /** Where to write the result. Default: a new tensor. */
  out?: Tensor;
}

const FAMILY = new KernelFamily("reduce", [NAN_SOURCE, { name: "reduce.wgsl", text }]);

/** Elements that one invocation reduces where there are outputs enough to keep the adapter busy. */
const LONGEST_PART = 1024;
/** Invocations that keep an adapter busy: a card, and two cores of eight lanes each. */
const BUSY = { card: 4096, software: 64 };
/** A part is not made shorter than this for the sake of parallelism. */
const SHORTEST_PART = 16;

type Operation = "sum" | "sumOfSquares" | "max" | "argmax";

/**
 * y = Σ x along an axis; an empty axis gives 0. Shape: […, n, …] → […, …].
 *
 * Error: (n / parts + parts + 2) · 2⁻²⁴ · Σ|x| with the parts of the passes, at most 1,100 for each; and an addition for each part
 * that the device binds, if it does not bind x at once.
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
  inParts("argmax", view.outer, [x, out] as const, ([x, out]) => {
    const part = partOf(view, x);
    let indices: Tensor<"u32"> | undefined;
    for (const pass of passes(recorder.device.adapter.software, part)) {
      const y = pass.last ? out : recorder.empty([part.outer, pass.parts, part.inner], "u32");
      pushPass(recorder, "argmax", x, part, pass, y, 1, indices);
      if (indices !== undefined) recorder.release(indices);
      indices = y;
    }
  });
  return out;
}

interface View {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
  /** The result's shape. */
  readonly shape: Shape;
}

interface Pass {
  /** Length that this pass reduces. */
  readonly length: number;
  /** Length that it leaves. */
  readonly parts: number;
  readonly last: boolean;
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
  if (view.outer === 1 && operation !== "max" && !fitBindings([x])) {
    sumLong(recorder, operation, x, view, out, divide ? 1 / view.length : 1);
  } else {
    inParts(operation, view.outer, [x, out] as const, ([x, out]) => {
      reducePasses(recorder, operation, x, partOf(view, x), out, divide);
    });
  }
  return out;
}

/** A sum along an axis that the device does not bind at once: part by part, and the parts added up in their order. */
function sumLong(
  recorder: Recorder,
  operation: "sum" | "sumOfSquares",
  x: Tensor,
  view: View,
  out: Tensor,
  factor: number,
): void {
  const { inner } = view;
  let total: Tensor | undefined;
  inParts(operation, view.length, [x] as const, ([x]) => {
    const part = recorder.empty([inner]);
    reducePasses(recorder, operation, x, { ...view, length: x.size / inner }, part, false);
    if (total === undefined) total = part;
    else {
      const next = add(recorder, total, part);
      recorder.release(total);
      recorder.release(part);
      total = next;
    }
  });
  const last = { length: 1, parts: 1, last: true };
  pushPass(recorder, "sum", total!, { ...view, length: 1 }, last, out, factor);
  recorder.release(total!);
}

/** The view of some of its outer rows. */
function partOf(view: View, x: Tensor): View {
  return view.length * view.inner === 0
    ? view
    : { ...view, outer: x.size / (view.length * view.inner) };
}

/** Writes into `out`, in as many passes as it takes. */
function reducePasses(
  recorder: Recorder,
  operation: "sum" | "sumOfSquares" | "max",
  x: Tensor,
  view: View,
  out: Tensor,
  divide: boolean,
): void {
  let source = x;
  for (const pass of passes(recorder.device.adapter.software, view)) {
    const y = pass.last ? out : recorder.empty([view.outer, pass.parts, view.inner]);
    const factor = divide && pass.last ? 1 / view.length : 1;
    const first = source === x;
    const kind = operation === "sumOfSquares" && !first ? "sum" : operation;
    pushPass(recorder, kind, source, view, pass, y, factor);
    if (!first) recorder.release(source);
    source = y;
  }
}

function pushPass(
  recorder: Recorder,
  operation: Operation,
  x: Tensor,
  { outer, length, inner }: View,
  pass: Pass,
  y: Tensor<DataType>,
  factor: number,
  indices?: Tensor<"u32">,
): void {
  const outputs = outer * pass.parts * inner;
  recorder.dispatch({
    label: `${operation} ${formatShape([outer, pass.length, inner])} → ${pass.parts}`,
    kernel: FAMILY.variant({ OPERATION: operation, INDEXED: indices !== undefined }),
    tensors: { x, y, ...(indices === undefined ? {} : { indices }) },
    uniforms: { outputs, length: pass.length, inner, parts: pass.parts, factor, x_length: length },
    workgroups: workgroupsFor(outputs),
    flops: outer * pass.length * inner,
  });
}

/** The passes that reduce a length to one; a sum over nothing still takes one pass, to write its zeros. */
function passes(software: boolean, { outer, length, inner }: View): Pass[] {
  const list: Pass[] = [];
  let left = length;
  do {
    const busy = software ? BUSY.software : BUSY.card;
    const forBusy = Math.ceil(busy / Math.max(1, outer * inner));
    const parts = left <= 4 * SHORTEST_PART ? 1 : Math.max(
      Math.ceil(left / LONGEST_PART),
      Math.min(forBusy, Math.floor(left / SHORTEST_PART)),
    );
    list.push({ length: left, parts, last: parts === 1 });
    left = parts;
  } while (left > 1);
  return list;
}

/** Bytes of what lies between the passes of a sum over the first axis of a matrix; empty for a single pass. */
export function sumWorkspace(
  options: { readonly software: boolean },
  [length, inner]: readonly [length: number, inner: number],
): number[] {
  return passes(options.software, { outer: 1, length, inner, shape: [] })
    .filter(({ last }) => !last).slice(0, 2).map(({ parts }) => 4 * parts * inner);
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
