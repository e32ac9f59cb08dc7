/**
 * Layers one after the other: what a network is, and each branch of a layer that contains others.
 *
 * @module
 */

import { OptionError, ShapeError } from "../errors.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { activationGradient } from "../ops/activations.ts";
import type { Shape } from "../shape.ts";
import type { BufferSpec, Layer, LayerContext, LayerOutput, ParameterSpec } from "./layer.ts";

/** A list of layers as one function, without any GPU state. */
export class Stack {
  /** The layers, the first one first. */
  readonly layers: readonly Layer[];
  readonly #keys: readonly string[];

  /**
   * Takes the layers; none make the identity.
   *
   * @param keys What stands before the names of each layer's parameters. Default: its place, `0`, `1`, …
   */
  constructor(layers: readonly Layer[], keys: readonly string[] = layers.map((_, i) => `${i}`)) {
    this.layers = layers;
    this.#keys = keys;
  }

  /**
   * The shape of the input, then that of each layer's output.
   *
   * @throws {ShapeError} naming the layer that cannot take its input; {@linkcode OptionError} one whose option does not apply to it.
   */
  shapes(input: Shape): Shape[] {
    const shapes: Shape[] = [input];
    this.layers.forEach((layer, i) => {
      try {
        shapes.push(layer.outputShape(shapes[i]!));
      } catch (error) {
        throw described(error, describeLayer(layer, i) + ": ");
      }
    });
    return shapes;
  }

  /** The shape of the last layer's output. @throws {ShapeError} naming the layer that cannot take its input. */
  outputShape(input: Shape): Shape {
    return this.shapes(input).at(-1)!;
  }

  /** The parameters of all layers, named by place: `1.weight`. */
  parameters(input: Shape): ParameterSpec[] {
    return this.#specs(input, (layer, shape) => layer.parameters(shape));
  }

  /** The buffers of all layers, named by place: `1.running_mean`. */
  buffers(input: Shape): BufferSpec[] {
    return this.#specs(input, (layer, shape) => layer.buffers?.(shape) ?? []);
  }

  /** The sum of the layers' operations. */
  flops(input: Shape): number {
    const shapes = this.shapes(input);
    return this.layers.reduce((sum, layer, i) => sum + layer.flops(shapes[i]!), 0);
  }

  /**
   * Records the forward steps. The backward step ends at the first layer that has something to learn, unless the context
   * wants the gradient of the input. Where a layer does not multiply the slope of the activation before it, the stack does; the slope
   * of one before the stack is up to the first layer.
   *
   * @param context That of the whole stack: parameters named by place, and the first layer's stream of random numbers.
   */
  forward(x: Tensor, context: LayerContext): LayerOutput {
    const outputs: LayerOutput[] = [];
    let { inputGradient, inputActivation } = context;
    let { stream } = context.random;
    let first = inputGradient ? 0 : this.layers.length; // the first layer with a step back
    let y = x;
    this.layers.forEach((layer, i) => {
      const own = contextWithin(context, this.#keys[i]!, {
        inputGradient,
        inputActivation,
        stream,
      });
      const output = layer.forward(y, own);
      outputs.push(output);
      y = output.y;
      inputActivation = output.activation ?? "linear";
      const learns = Object.keys(own.parameters).length > 0;
      if (learns && !inputGradient) first = i;
      inputGradient ||= learns;
      stream += streamsOf(layer);
    });
    const backward = (gradient: Tensor): Tensor | undefined => {
      let dy: Tensor | undefined = gradient;
      let applied: boolean | undefined = false; // whether dy has the slope of the activation already
      for (let i = outputs.length - 1; i >= first && dy !== undefined; i--) {
        const { y, activation = "linear", backward, appliesInputActivation } = outputs[i]!;
        if (activation !== "linear" && !applied) {
          dy = activationGradient(context.recorder, activation, y, dy);
        }
        dy = backward(dy);
        applied = appliesInputActivation;
      }
      return context.inputGradient ? dy : undefined;
    };
    const appliesInputActivation = outputs[0]?.appliesInputActivation ?? false;
    return { y, backward, appliesInputActivation };
  }

  #specs<Spec extends { readonly name: string; readonly alias?: string }>(
    input: Shape,
    of: (layer: Layer, shape: Shape) => readonly Spec[],
  ): Spec[] {
    const shapes = this.shapes(input);
    return this.layers.flatMap((layer, i) =>
      of(layer, shapes[i]!).map((spec) => ({
        ...spec,
        name: `${this.#keys[i]!}.${spec.name}`,
        alias: `${layer.name ?? this.#keys[i]!}.${spec.alias ?? spec.name}`,
      }))
    );
  }
}

/** What a layer inside another one has at hand: of the tensors, those whose names begin with `key.` */
export function contextWithin(
  context: LayerContext,
  key: string,
  { stream, ...input }: Pick<LayerContext, "inputGradient" | "inputActivation"> & {
    stream: number;
  },
): LayerContext {
  const prefix = `${key}.`;
  const within = (tensors: Readonly<Record<string, Tensor>>) =>
    Object.fromEntries(
      Object.entries(tensors)
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, tensor]) => [name.slice(prefix.length), tensor]),
    );
  return {
    ...context,
    parameters: within(context.parameters),
    gradients: within(context.gradients),
    buffers: within(context.buffers),
    ...input,
    random: { ...context.random, stream },
  };
}

/**
 * Streams of random numbers that a layer takes: one, and one for each layer inside it, whose streams follow its own. So no two
 * layers of a network share one, and adding layers behind a layer does not change its stream.
 */
export function streamsOf({ branches = [] }: Layer): number {
  return branches.flat().reduce((sum, layer) => sum + streamsOf(layer), 1);
}

/** `Dense (layer 2, "fc1")`. */
export function describeLayer(layer: Layer, index: number): string {
  return `${layer.kind} (layer ${index}${layer.name === undefined ? "" : `, "${layer.name}"`})`;
}

/** The error with more text in front of its message, if it is one of shapes or options; others as they are. */
export function described(error: unknown, prefix: string): unknown {
  if (error instanceof ShapeError) return new ShapeError(prefix + error.message);
  if (error instanceof OptionError) return new OptionError(prefix + error.message);
  return error;
}
