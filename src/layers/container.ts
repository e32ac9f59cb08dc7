/**
 * What layers have in common that contain others.
 *
 * @module
 */

import { OptionError, ShapeError } from "../errors.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { add } from "../ops/elementwise.ts";
import type { Shape } from "../shape.ts";
import type { BufferSpec, Layer, LayerContext, LayerOutput, ParameterSpec } from "./layer.ts";
import { contextWithin, Stack, streamsOf } from "./stack.ts";

/**
 * Lists of layers that all take the layer's input, each a stack. Parameters are named by branch, place and name, `0.1.weight`,
 * as in PyTorch's `ModuleList` of `Sequential`s.
 */
export abstract class ContainerLayer implements Layer {
  /** The class. */
  abstract readonly kind: string;
  /** A name of the user's choice. */
  readonly name: string | undefined;
  /** The layers of each branch. */
  readonly branches: readonly (readonly Layer[])[];
  readonly #stacks: readonly Stack[];

  /**
   * Takes the layers and the name.
   *
   * @throws {OptionError} if the branches are not lists of layers.
   */
  constructor(branches: readonly (readonly Layer[])[], name: string | undefined) {
    const what = new.target.name;
    for (const branch of branches) {
      if (!Array.isArray(branch) || !branch.every(isLayer)) {
        throw new OptionError(`${what}: expected a list of layers for each branch`);
      }
    }
    this.branches = branches.map((branch) => [...branch]);
    this.#stacks = this.branches.map((branch) => new Stack(branch));
    this.name = name;
  }

  /** The shape of one output. */
  abstract outputShape(input: Shape): Shape;

  /** Records the forward step. */
  abstract forward(x: Tensor, context: LayerContext): LayerOutput;

  /** The parameters of all branches. */
  parameters(input: Shape): readonly ParameterSpec[] {
    return this.#specs((stack) => stack.parameters(input));
  }

  /** The buffers of all branches. */
  buffers(input: Shape): readonly BufferSpec[] {
    return this.#specs((stack) => stack.buffers(input));
  }

  /** The operations of all branches. */
  flops(input: Shape): number {
    return this.#stacks.reduce((sum, stack) => sum + stack.flops(input), 0);
  }

  /** The options, without the branches; none unless a layer says otherwise. */
  config(): Record<string, unknown> {
    return {};
  }

  /**
   * The output shape of each branch.
   *
   * @throws {ShapeError} naming the branch and the layer that cannot take its input.
   */
  protected branchShapes(input: Shape): Shape[] {
    return this.#stacks.map((stack, i) => {
      try {
        return stack.outputShape(input);
      } catch (error) {
        if (!(error instanceof ShapeError)) throw error;
        throw new ShapeError(`${this.nameOfBranch(i)}: ${error.message}`);
      }
    });
  }

  /** What errors call a branch. */
  protected nameOfBranch(index: number): string {
    return `branch ${index}`;
  }

  /** Records the forward steps of all branches. */
  protected forwardBranches(x: Tensor, context: LayerContext): LayerOutput[] {
    let stream = context.random.stream + 1; // the layer's own comes first
    return this.#stacks.map((stack, i) => {
      const own = {
        inputGradient: context.inputGradient,
        inputActivation: "linear",
        stream,
      } as const;
      const output = stack.forward(x, contextWithin(context, `${i}`, own));
      stream += stack.layers.reduce((sum, layer) => sum + streamsOf(layer), 0);
      return output;
    });
  }

  /** Records the backward steps of all branches; returns the sum of ∂C/∂x, or undefined if it is not wanted. */
  protected backwardBranches(
    recorder: Recorder,
    outputs: readonly LayerOutput[],
    gradients: readonly Tensor[],
  ): Tensor | undefined {
    let sum: Tensor | undefined;
    outputs.forEach((output, i) => {
      const dx = output.backward(gradients[i]!);
      if (dx !== undefined) sum = sum === undefined ? dx : add(recorder, sum, dx);
    });
    return sum;
  }

  #specs<Spec extends { readonly name: string; readonly alias?: string }>(
    of: (stack: Stack) => readonly Spec[],
  ): Spec[] {
    return this.#stacks.flatMap((stack, i) =>
      of(stack).map((spec) => ({
        ...spec,
        name: `${i}.${spec.name}`,
        alias: `${i}.${spec.alias ?? spec.name}`,
      }))
    );
  }
}

function isLayer(value: unknown): value is Layer {
  const layer = value as Partial<Layer> | null | undefined;
  return typeof layer?.forward === "function" && typeof layer.kind === "string";
}
