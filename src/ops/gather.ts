/**
 * Batches out of a data set that lies on the GPU.
 *
 * @module
 */

import text from "../../kernels/gather.wgsl" with { type: "text" };
import { ShapeError } from "../errors.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder, Scalar } from "../gpu/recorder.ts";
import { bytesPerElement, type DataType, type Float, type Tensor } from "../gpu/tensor.ts";
import { permutationHalfBits } from "../random.ts";
import { formatShape, sizeOf } from "../shape.ts";
import { fitBindings, inParts } from "./binding_parts.ts";
import { walkLanes, workgroupsFor } from "./launch.ts";

/** Which rows to gather. */
export interface GatherOptions {
  /** The number of rows, the first dimension of the result. */
  rows: number;
  /** The position of the first row; start + rows ≤ n. Default 0. */
  start?: number | Scalar;
  /** Selects the permutation that orders the examples (see `permute`). Default: their own order. */
  shuffleKey?: number | Scalar;
  /** Multiplies the values. Default: 1/255 for bytes, 1 otherwise. */
  scale?: number;
}

/** A batch of examples and their targets. */
export interface Examples {
  /** Shape: [rows, …]. */
  readonly x: Tensor;
  /** Class indices [rows], or targets [rows, …]. */
  readonly y: Tensor<"u32"> | Tensor;
}

/** Elements of a target, at most, that are gathered with the example. */
const WIDEST_TARGET = 4000;

const FAMILY = new KernelFamily("gather", [{ name: "gather.wgsl", text }]);

/**
 * Rows start … start + rows − 1 of the examples, in their own or in shuffled order, bytes scaled to 0 … 1.
 *
 * Shape: [n, …] → [rows, …]; f32 for bytes and floats, u32 for whole numbers.
 *
 * @throws {ShapeError} if more rows are asked for than there are, or a row has more than 3,840,000 elements;
 * {@linkcode OutOfMemoryError} if the device does not bind the examples at once, unless all are taken as they are.
 */
export function gatherRows<T extends DataType>(
  recorder: Recorder,
  examples: Tensor<T>,
  options: GatherOptions,
): Tensor<T extends "u32" ? "u32" : Float> {
  return launch(recorder, examples, options) as Tensor<T extends "u32" ? "u32" : Float>;
}

/**
 * The same rows of examples and of their targets, in one launch unless a target has more than 4,000 elements, or a binding is too small.
 *
 * Shape: x [n, …], y [n, …] → [rows, …], [rows, …].
 *
 * @throws {ShapeError} as {@linkcode gatherRows}, or if there are not as many targets as examples.
 */
export function gatherExamples(
  recorder: Recorder,
  x: Tensor<"u8"> | Tensor,
  y: Tensor<"u32"> | Tensor,
  options: GatherOptions,
): Examples {
  const [length, ...rest] = y.shape;
  if (length !== x.shape[0]) {
    throw new ShapeError(
      `gatherExamples: expected as many targets as examples, got ${formatShape(y.shape)} ` +
        `for ${formatShape(x.shape)}`,
    );
  }
  const width = sizeOf(rest);
  const bytes = 4 * options.rows * Math.max(width, sizeOf(x.shape.slice(1)));
  const fits = bytes <= recorder.device.limits.maxStorageBufferBindingSize && fitBindings([x, y]);
  if (width > WIDEST_TARGET || !fits) {
    const { scale: _, ...own } = options;
    return {
      x: gatherRows<"u8" | Float>(recorder, x, options),
      y: gatherRows<"u32" | Float>(recorder, y, own) as Examples["y"],
    };
  }
  const rows = recorder.empty([options.rows, ...rest], y.type) as Examples["y"];
  return {
    x: launch(recorder, x, options, {
      tensors: { targets: y, batch_targets: rows },
      width,
    }) as Tensor,
    y: rows,
  };
}

/** What is gathered besides. */
interface Targets {
  readonly tensors: Readonly<Record<"targets" | "batch_targets", Tensor<"u32"> | Tensor>>;
  /** Elements of one. */
  readonly width: number;
}

function launch(
  recorder: Recorder,
  examples: Tensor<DataType>,
  options: GatherOptions,
  targets?: Targets,
): Tensor<DataType> {
  const { rows, start = 0, shuffleKey } = options;
  const [length, ...rest] = examples.shape;
  const first = typeof start === "number" ? start : 0;
  if (length === undefined || first < 0 || rows + first > length) {
    throw new ShapeError(
      `gatherRows: ${rows} rows from ${first} do not fit in ${formatShape(examples.shape)}`,
    );
  }
  const elements = sizeOf(rest);
  const vector = elements % 4 === 0;
  const width = vector ? elements / 4 : elements;
  const lanes = walkLanes(recorder.device, width, "gatherRows");
  const output = examples.type === "u32" ? "u32" : "f32";
  const y = recorder.empty([rows, ...rest], output);
  const record = (
    x: Tensor<DataType>,
    y: Tensor<DataType>,
    first: number,
    besides: Targets | undefined,
  ) =>
    recorder.dispatch({
      label: `gather ${formatShape(y.shape)}`,
      kernel: FAMILY.variant({
        TYPE: examples.type === "f16" ? "f32" : examples.type,
        OUTPUT: output,
        VECTOR: vector,
        LANES: lanes,
        SHUFFLE: shuffleKey !== undefined,
        TARGETS: besides?.tensors.targets.type ?? "none",
      }),
      tensors: { x, y, ...besides?.tensors },
      uniforms: {
        examples: length,
        rows: y.shape[0]!,
        width,
        start,
        first,
        key: shuffleKey ?? 0,
        half_bits: permutationHalfBits(length),
        scale: options.scale ?? (examples.type === "u8" ? 1 / 255 : 1),
        ...(besides === undefined ? {} : { target_width: besides.width }),
      },
      workgroups: workgroupsFor(y.shape[0]! * lanes),
      bytes: y.shape[0]! * elements * bytesPerElement(examples.type) + y.bytes,
    });
  const inOrder = start === 0 && shuffleKey === undefined && rows === length;
  if (targets !== undefined) record(examples, y, 0, targets);
  else if (inOrder) {
    inParts("gatherRows", rows, [examples, y] as const, ([x, y]) => record(x, y, 0, undefined));
  } else {
    inParts(
      "gatherRows",
      rows,
      [y] as const,
      ([y], { first }) => record(examples, y, first, undefined),
    );
  }
  return y;
}
