/**
 * Rows of a table, looked up by their numbers.
 *
 * @module
 */

import text from "../../kernels/embedding.wgsl" with { type: "text" };
import gradientText from "../../kernels/embedding_gradient.wgsl" with { type: "text" };
import linksText from "../../kernels/embedding_links.wgsl" with { type: "text" };
import rowText from "../../kernels/embedding_row.wgsl" with { type: "text" };
import { ShapeError } from "../errors.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkKeys } from "../options.ts";
import { formatShape, type Shape } from "../shape.ts";
import { inParts } from "./binding_parts.ts";
import { expectShape, NAN_SOURCE, workgroupsFor } from "./launch.ts";

/** Options of {@linkcode embeddingGradient}. */
export interface EmbeddingGradientOptions {
  /** The shape of the table, [vocabulary, dimension]. */
  weightShape: Shape;
  /** Where to write dw. Default: a new tensor. */
  dw?: Tensor;
}

/** Rows that a table may have: f32 holds whole numbers exactly up to here. */
export const LARGEST_VOCABULARY: number = 2 ** 24;

/**
 * Places of ids that are chained together: a search goes over one part, and a sum along one chain. More would make rare ids
 * dearer, whose search finds nothing; less, more launches.
 */
const PART = 2048;

const ROW_OF_SOURCE = { name: "embedding_row.wgsl", text: rowText };
const LOOK_UP = new KernelFamily("embedding", [
  NAN_SOURCE,
  ROW_OF_SOURCE,
  { name: "embedding.wgsl", text },
]);
const LINKS = new KernelFamily("embeddingLinks", [
  NAN_SOURCE,
  ROW_OF_SOURCE,
  { name: "embedding_links.wgsl", text: linksText },
]);
const GRADIENT = new KernelFamily("embeddingGradient", [
  { name: "embedding_gradient.wgsl", text: gradientText },
]);

/**
 * y[n, d, l] = weight[ids[n, l], d]: the row of each id, as channels of the position where it stands.
 *
 * An id that is no whole number in 0 … vocabulary − 1 gives NaN, never another id's row.
 *
 * Shape: ids [n, length] (f32), weight [vocabulary, dimension] → [n, dimension, length].
 *
 * @throws {ShapeError} if the shapes do not fit.
 */
export function embedding(recorder: Recorder, ids: Tensor, weight: Tensor): Tensor {
  const [examples, positions] = idsOf(ids, "embedding");
  const [rows, dimension] = tableOf(weight.shape, "embedding: weight");
  const y = recorder.empty([examples, dimension, positions]);
  inParts("embedding", examples, [ids, y] as const, ([ids, y]) => {
    recorder.dispatch({
      label: `embedding ${formatShape(y.shape)}`,
      kernel: LOOK_UP.variant({}),
      tensors: { ids, weight, y },
      uniforms: { length: y.size, positions, dimension, rows },
      workgroups: workgroupsFor(y.size),
    });
  });
  return y;
}

/**
 * dw[v, d] = Σ dy[n, d, l] over all places (n, l) whose id is v, in the order of the places; ids that are no rows take no part.
 *
 * Shape: ids [n, length], dy [n, dimension, length] → [vocabulary, dimension].
 *
 * @throws {ShapeError} if the shapes do not fit.
 */
export function embeddingGradient(
  recorder: Recorder,
  ids: Tensor,
  dy: Tensor,
  options: EmbeddingGradientOptions,
): Tensor {
  const what = "embeddingGradient";
  checkKeys(options, what, ["weightShape", "dw"]);
  const { weightShape } = options;
  const [examples, positions] = idsOf(ids, what);
  const [rows, dimension] = tableOf(weightShape, `${what}: weightShape`);
  expectShape(dy, [examples, dimension, positions], `${what}: dy`);
  const dw = options.dw ?? recorder.empty(weightShape);
  expectShape(dw, weightShape, `${what}: dw`);
  const places = ids.size;
  const next = recorder.empty([places], "u32");
  const heads = recorder.empty([places], "u32");
  recorder.dispatch({
    label: `embedding gradient: links ${formatShape(ids.shape)}`,
    kernel: LINKS.variant({ PART }),
    tensors: { ids, next, heads },
    uniforms: { places, rows },
    workgroups: workgroupsFor(places),
  });
  recorder.dispatch({
    label: `embedding gradient: clear ${formatShape(weightShape)}`,
    kernel: GRADIENT.variant({ CLEAR: true }),
    tensors: { dw },
    uniforms: { length: dw.size },
    workgroups: workgroupsFor(dw.size),
  });
  for (let first = 0; first < places; first += PART) {
    const length = Math.min(PART, places - first) * dimension;
    recorder.dispatch({
      label: `embedding gradient ${formatShape(weightShape)}`,
      kernel: GRADIENT.variant({ CLEAR: false }),
      tensors: { dw, dy, next, heads },
      uniforms: { length, first, positions, dimension },
      workgroups: workgroupsFor(length),
      flops: length,
    });
  }
  recorder.release(next);
  recorder.release(heads);
  return dw;
}

function idsOf({ shape }: Tensor, what: string): readonly [examples: number, positions: number] {
  const [examples, positions] = shape;
  if (shape.length !== 2 || examples === undefined || positions === undefined) {
    throw new ShapeError(`${what}: expected ids of shape [n, length], got ${formatShape(shape)}`);
  }
  return [examples, positions];
}

function tableOf(shape: Shape, what: string): readonly [rows: number, dimension: number] {
  const [rows, dimension] = shape;
  if (
    shape.length !== 2 || rows === undefined || dimension === undefined || rows > LARGEST_VOCABULARY
  ) {
    throw new ShapeError(
      `${what}: expected shape [vocabulary, dimension] with a vocabulary of at most ` +
        `${LARGEST_VOCABULARY}, got ${formatShape(shape)}`,
    );
  }
  return [rows, dimension];
}
