/**
 * What a layer is: an output shape, parameters, a forward step, and the backward step that belongs to it.
 *
 * @module
 */

import type { WindowGeometry } from "../convolution_shape.ts";
import type { Recorder, Scalar } from "../gpu/recorder.ts";
import type { Float, Tensor } from "../gpu/tensor.ts";
import type { ActivationName } from "../ops/activation_source.ts";
import type { Shape } from "../shape.ts";
import type { Fans, Initializer } from "./initializers.ts";

/** A parameter that a layer wants. */
export interface ParameterSpec {
  /** Its name in the layer: `weight`, `bias`; in a container with the places of layers before it: `0.1.weight`. */
  readonly name: string;
  /** The same with the layers' own names in place of their places, where they have one: files may use it, too. */
  readonly alias?: string;
  /** Its dimensions. */
  readonly shape: Shape;
  /** For the scale of its initial values. */
  readonly fans: Fans;
  /** Fills in its initial values. */
  readonly initializer: Initializer;
}

/** State that a layer keeps besides its parameters: saved with them, but not trained. PyTorch calls it a buffer. */
export interface BufferSpec {
  /** Its name in the layer: `running_mean`; in a container with the places of layers before it. */
  readonly name: string;
  /** The same with the layers' own names in place of their places, where they have one: files may use it, too. */
  readonly alias?: string;
  /** Its dimensions. */
  readonly shape: Shape;
  /** What all its elements are at the start. */
  readonly initial: number;
}

/** What a layer has at hand while its steps are recorded. */
export interface LayerContext {
  /** Takes the dispatches. */
  readonly recorder: Recorder;
  /** The values of the layer's parameters, by name. */
  readonly parameters: Readonly<Record<string, Tensor>>;
  /** Where to write their gradients, by name; only when training. */
  readonly gradients: Readonly<Record<string, Tensor>>;
  /** The layer's buffers, by name. */
  readonly buffers: Readonly<Record<string, Tensor>>;
  /**
   * Takes what records a change of the buffers, when training. It is done once in a step, behind all forward steps, which may be
   * repeated.
   */
  readonly afterForward: (record: () => void) => void;
  /** Whether the backward step will be recorded, and dropout is on. */
  readonly training: boolean;
  /**
   * The type of what layers hand on. Layers with weights bring their input and a copy of their weights to it; all others give their
   * output the type of their input, and gradients to inputs have that of dy. The gradients of parameters are f32.
   */
  readonly activationType: Float;
  /** Whether anything before this layer needs ∂C/∂x. */
  readonly inputGradient: boolean;
  /**
   * f, if x = f(z) and what comes before wants ∂C/∂z = f′(x) · ∂C/∂x of the step back: the layer may multiply it, see
   * {@linkcode LayerOutput.appliesInputActivation}. Else "linear".
   */
  readonly inputActivation: ActivationName;
  /** Selects the layer's random numbers; the counter is the training step. */
  readonly random: { readonly seed: number; readonly stream: number; readonly counter: Scalar };
}

/** The output of a forward step, and the step back. */
export interface LayerOutput {
  /** Shape: [n, …outputShape]. */
  readonly y: Tensor;
  /**
   * Records ∂C/∂parameters, assigned to the context's gradients, and returns ∂C/∂x, or undefined if the context does not
   * want it. Only when training.
   *
   * @param dy ∂C/∂y, or ∂C/∂z if there is an `activation`. Shape: that of y.
   */
  readonly backward: (dy: Tensor) => Tensor | undefined;
  /**
   * f, if y = f(z) and `backward` takes ∂C/∂z = f′(y) · ∂C/∂y. So the kernel that computes ∂C/∂y, which belongs to the layer
   * behind, can multiply it where it has it in hand. Must not be softplus or gelu, whose slopes do not follow from y. Default:
   * "linear".
   */
  readonly activation?: ActivationName;
  /** Whether `backward` returns f′(x) · ∂C/∂x for the context's `inputActivation`. Default: no, then somebody else multiplies. */
  readonly appliesInputActivation?: boolean;
}

/** What an element of a layer's output sees of its input: the taps of a window that slides, or all of it. */
export type LayerWindow = Pick<WindowGeometry, "kernel" | "strides" | "dilation"> | "everything";

/**
 * A layer: a description without any GPU state, which may be used in several models. Options are checked in its
 * constructor, shapes in `outputShape`; the steps assume both.
 */
export interface Layer {
  /** The class, as summaries and files name it. */
  readonly kind: string;
  /** A name of the user's choice. */
  readonly name: string | undefined;
  /**
   * The shape of one output, without the batch.
   *
   * @throws {ShapeError} if the layer cannot take such an input.
   */
  outputShape(input: Shape): Shape;
  /** The parameters for this input. */
  parameters(input: Shape): readonly ParameterSpec[];
  /** The buffers for this input. Default: none. */
  buffers?(input: Shape): readonly BufferSpec[];
  /** Arithmetic operations of the forward step for one example, a multiply-add counted as two. */
  flops(input: Shape): number;
  /** Records the forward step. */
  forward(x: Tensor, context: LayerContext): LayerOutput;
  /** What an element of the output sees of the input. Default: the one place where it stands. */
  window?(input: Shape): LayerWindow;
  /** Lists of layers inside it; each takes the layer's input and runs one layer after the other. Default: none. */
  readonly branches?: readonly (readonly Layer[])[];
  /** The options that make this layer again, as JSON, without `branches`. */
  config(): Record<string, unknown>;
}
