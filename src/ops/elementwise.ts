/**
 * Elementwise arithmetic.
 *
 * @module
 */

import text from "../../kernels/elementwise.wgsl" with { type: "text" };
import { ShapeError } from "../errors.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkNumber } from "../options.ts";
import { formatShape, type Shape, shapesEqual } from "../shape.ts";
import { inParts } from "./binding_parts.ts";
import { expectShape, vectorLength, workgroupsFor } from "./launch.ts";

const FAMILY = new KernelFamily("elementwise", [{ name: "elementwise.wgsl", text }]);

/**
 * y = a + b. Shape: a any, b the same or the last dimensions of a's → a's shape.
 *
 * @throws {ShapeError} if b's shape is neither.
 */
export function add(
  recorder: Recorder,
  a: Tensor,
  b: Tensor,
  options: { /** Where to write y. Default: a new tensor. */ out?: Tensor } = {},
): Tensor {
  return binary(recorder, "add", a, b, options.out);
}

/**
 * y = a − b. Shape: a any, b the same or the last dimensions of a's → a's shape.
 *
 * @throws {ShapeError} if b's shape is neither.
 */
export function subtract(recorder: Recorder, a: Tensor, b: Tensor): Tensor {
  return binary(recorder, "subtract", a, b);
}

/**
 * y = a · b, elementwise. Shape: a any, b the same or the last dimensions of a's → a's shape.
 *
 * @throws {ShapeError} if b's shape is neither.
 */
export function multiply(
  recorder: Recorder,
  a: Tensor,
  b: Tensor,
  options: { /** Where to write y. Default: a new tensor. */ out?: Tensor } = {},
): Tensor {
  return binary(recorder, "multiply", a, b, options.out);
}

/** y = factor · x. Shape: any → same. */
export function scale(recorder: Recorder, x: Tensor, factor: number): Tensor {
  checkNumber(factor, "scale: factor");
  const y = recorder.empty(x.shape, x.type);
  inParts("scale", x.size, [x, y] as const, ([a, y]) => {
    const { vector, length } = vectorLength(a.size);
    recorder.dispatch({
      label: `scale ${formatShape(a.shape)}`,
      kernel: FAMILY.variant({ OPERATION: "scale", VECTOR: vector, BROADCAST: false }),
      tensors: { a, y },
      uniforms: { length, period: 0, factor },
      workgroups: workgroupsFor(length),
      flops: a.size,
    });
  });
  return y;
}

function binary(
  recorder: Recorder,
  operation: "add" | "subtract" | "multiply",
  a: Tensor,
  b: Tensor,
  out?: Tensor,
): Tensor {
  const same = shapesEqual(a.shape, b.shape);
  if (!same && !isSuffix(b.shape, a.shape)) {
    throw new ShapeError(
      `${operation}: expected b of shape ${formatShape(a.shape)} or its last dimensions, ` +
        `got ${formatShape(b.shape)}`,
    );
  }
  if (out !== undefined) expectShape(out, a.shape, `${operation}: out`);
  const y = out ?? recorder.empty(a.shape, a.type);
  const record = (a: Tensor, b: Tensor, y: Tensor) => {
    const { vector, length } = same ? vectorLength(a.size) : { vector: false, length: a.size };
    recorder.dispatch({
      label: `${operation} ${formatShape(a.shape)}`,
      kernel: FAMILY.variant({ OPERATION: operation, VECTOR: vector, BROADCAST: !same }),
      tensors: { a, b, y },
      uniforms: { length, period: Math.max(1, b.size), factor: 1 },
      workgroups: workgroupsFor(length),
      flops: a.size,
    });
  };
  if (same) inParts(operation, a.size, [a, b, y] as const, (parts) => record(...parts));
  else {
    const periods = a.size / Math.max(1, b.size);
    inParts(operation, periods, [a, y] as const, ([a, y]) => record(a, b, y));
  }
  return y;
}

function isSuffix(short: Shape, long: Shape): boolean {
  return short.length < long.length &&
    short.every((dimension, i) => dimension === long[long.length - short.length + i]);
}
