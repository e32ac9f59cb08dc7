/**
 * A list of layers with shapes and parameters: what is recorded into programs.
 *
 * @module
 */

import type { Gpu } from "../gpu/gpu.ts";
import type { Recorder, Scalar } from "../gpu/recorder.ts";
import type { Float, Tensor } from "../gpu/tensor.ts";
import { checkLayers } from "../layers/description.ts";
import type { Layer } from "../layers/layer.ts";
import { Stack } from "../layers/stack.ts";
import { cast } from "../ops/cast.ts";
import { multiply } from "../ops/elementwise.ts";
import { type Shape, sizeOf } from "../shape.ts";
import { ParameterStore } from "./parameters.ts";

/** The output of all layers, and the way back. */
export interface NetworkOutput {
  /** In 32 bits. Shape: [n, k]; further dimensions are flattened. */
  readonly outputs: Tensor;
  /** Records what changes the layers' buffers, as after every training step. */
  readonly updateBuffers: () => void;
  /** Records the backward steps of all layers, given ∂C/∂outputs, and a factor for it (scalar). */
  readonly backward: (gradient: Tensor, factor?: Tensor) => void;
}

/** Streams of random numbers above this one belong to layers; those below to parameters and shuffling. */
const LAYER_STREAM = 0x10000000;

/** A stack of layers, checked, with its parameters on the GPU. */
export class Network {
  readonly gpu: Gpu;
  readonly seed: number;
  /** The shape of one input. */
  readonly inputShape: Shape;
  /** The shape of one output. */
  readonly outputShape: Shape;
  readonly parameters: ParameterStore;
  /** The type of what layers hand on from now on. Inputs, outputs, parameters and their gradients are f32 all the same. */
  activationType: Float = "f32";
  readonly #stack: Stack;

  /**
   * @throws {ShapeError} naming the layer that cannot take its input, before any GPU work.
   */
  constructor(gpu: Gpu, layers: readonly Layer[], inputShape: Shape, seed: number) {
    this.gpu = gpu;
    this.seed = seed;
    this.inputShape = inputShape;
    this.outputShape = checkLayers(layers, inputShape).at(-1)!;
    this.#stack = new Stack(layers);
    this.parameters = new ParameterStore(
      gpu,
      this.#stack.parameters(inputShape),
      seed,
      this.#stack.buffers(inputShape),
    );
  }

  /** The layers, the first one first. */
  get layers(): readonly Layer[] {
    return this.#stack.layers;
  }

  /**
   * Records the forward steps.
   *
   * @param x Shape: [n, …inputShape].
   * @param training Whether the backward steps will follow.
   * @param step The number of the training step, for dropout.
   */
  record(recorder: Recorder, x: Tensor, training: boolean, step: Scalar): NetworkOutput {
    const updates: (() => void)[] = [];
    const { y, backward } = this.#stack.forward(x, {
      recorder,
      parameters: this.parameters.named("values"),
      gradients: training ? this.parameters.named("gradients") : {},
      buffers: this.parameters.named("buffers"),
      afterForward: (record) => updates.push(record),
      training,
      activationType: this.activationType,
      inputGradient: false,
      inputActivation: "linear",
      random: { seed: this.seed, stream: LAYER_STREAM, counter: step },
    });
    return {
      outputs: cast(recorder, y, "f32").reshape([x.shape[0]!, sizeOf(this.outputShape)]),
      updateBuffers: () => updates.forEach((record) => record()),
      backward: (gradient, factor) => {
        const dy = gradient.reshape(y.shape);
        if (factor === undefined) return void backward(cast(recorder, dy, y.type));
        backward(multiply(recorder, dy, factor, { out: recorder.empty(y.shape, y.type) }));
      },
    };
  }

  /** Frees the parameters. */
  dispose(): void {
    this.parameters.dispose();
  }
}
