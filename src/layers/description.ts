/**
 * What layers are for an input of given shape, without any GPU: shapes, parameters, operations, receptive fields.
 *
 * @module
 */

import { growReceptiveField, type ReceptiveField } from "../convolution_shape.ts";
import { OptionError, ShapeError } from "../errors.ts";
import { checkShape, type Shape, sizeOf } from "../shape.ts";
import type { Layer } from "./layer.ts";
import { Stack } from "./stack.ts";

/** What an element of an output sees of the network's input: a window of a size, or all of it. */
export type FieldOfView = ReceptiveField | "everything";

/** A layer in its place in a network. */
export interface LayerDescription {
  /** The layer. */
  readonly layer: Layer;
  /** Its place: `3`, inside containers `3.0.1`, as in the names of parameters. */
  readonly place: string;
  /** How many containers it lies in. */
  readonly depth: number;
  /** The shape of one input. */
  readonly input: Shape;
  /** The shape of one output. */
  readonly output: Shape;
  /** The number of values of its parameters, those of layers inside it included. */
  readonly parameters: number;
  /** Operations of the forward step for one example, those of layers inside it included; a multiply-add counts as two. */
  readonly flops: number;
  /**
   * What an element of the output sees of the network's input. That of a container is the largest of its branches. Undefined
   * in front of the first window: then it is a single element.
   */
  readonly field: FieldOfView | undefined;
}

/**
 * Describes all layers of a network, without making it: nothing is allocated, and no GPU is needed.
 *
 * @param layers As a `Sequential` takes them.
 * @param inputShape The shape of one input.
 * @returns The layers in their order, each container before the layers inside it.
 * @throws {ShapeError} naming the layer that cannot take its input.
 *
 * @example How many parameters has VGG-11?
 * ```ts
 * import { describeLayers, vgg11Layers } from "@strata/strata";
 *
 * const layers = describeLayers(vgg11Layers(), [3, 224, 224]).filter(({ depth }) => depth === 0);
 * console.log(layers.reduce((sum, { parameters }) => sum + parameters, 0)); // 132863336
 * ```
 */
export function describeLayers(layers: readonly Layer[], inputShape: Shape): LayerDescription[] {
  checkLayers(layers, inputShape);
  return describeStack(layers, inputShape, undefined, "", 0);
}

/**
 * Checks the layers of a network against its input.
 *
 * @returns The shape of the input, then of each layer's output.
 * @throws {ShapeError} naming the layer that cannot take its input; {@linkcode OptionError} if there is no layer.
 */
export function checkLayers(layers: readonly Layer[], inputShape: Shape): Shape[] {
  checkShape(inputShape, "inputShape");
  if (inputShape.includes(0)) throw new ShapeError("inputShape: dimensions must be at least 1");
  if (layers.length === 0) throw new OptionError("A model needs at least one layer");
  try {
    return new Stack(layers).shapes(inputShape);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw new ShapeError(`Cannot build ${error.message}`);
  }
}

function describeStack(
  layers: readonly Layer[],
  inputShape: Shape,
  before: FieldOfView | undefined,
  prefix: string,
  depth: number,
): LayerDescription[] {
  const shapes = new Stack(layers).shapes(inputShape);
  let field = before;
  return layers.flatMap((layer, i) => {
    const [input, output] = [shapes[i]!, shapes[i + 1]!];
    const place = `${prefix}${i}`;
    const inside = (layer.branches ?? []).map((branch, j) =>
      describeStack(branch, input, field, `${place}.${j}.`, depth + 1)
    );
    field = layer.branches === undefined
      ? fieldBehind(layer, input, field)
      : largest(inside.map((branch) => lastOf(branch, depth + 1, field)));
    const own = {
      ...{ layer, place, depth, input, output, field },
      parameters: layer.parameters(input).reduce((sum, { shape }) => sum + sizeOf(shape), 0),
      flops: layer.flops(input),
    };
    return [own, ...inside.flat()];
  });
}

function fieldBehind(
  layer: Layer,
  input: Shape,
  before: FieldOfView | undefined,
): FieldOfView | undefined {
  const window = layer.window?.(input);
  if (window === undefined || before === "everything") return before;
  return window === "everything" ? window : growReceptiveField(before, window);
}

/** The field behind the last layer of a branch; that of its input if it has none. */
function lastOf(
  branch: readonly LayerDescription[],
  depth: number,
  before: FieldOfView | undefined,
): FieldOfView | undefined {
  const last = branch.findLast((each) => each.depth === depth);
  return last === undefined ? before : last.field;
}

/** The largest size and jump of each dimension; an undefined field is smaller than all others. */
function largest(fields: readonly (FieldOfView | undefined)[]): FieldOfView | undefined {
  if (fields.includes("everything")) return "everything";
  const known = fields.filter((field) => field !== undefined) as ReceptiveField[];
  if (known.length === 0) return undefined;
  const most = (of: (field: ReceptiveField) => readonly number[]) =>
    of(known[0]!).map((_, i) => Math.max(...known.map((field) => of(field)[i]!)));
  return { size: most(({ size }) => size), jump: most(({ jump }) => jump) };
}
