/**
 * A list of layers with shapes and parameters: what is recorded into programs.
 *
 * @module
 */

import { OptionError, ShapeError } from "../errors.ts";
import type { Gpu } from "../gpu/gpu.ts";
import type { Recorder, Scalar } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import type { Layer, LayerOutput } from "../layers/layer.ts";
import { checkShape, type Shape, sizeOf } from "../shape.ts";
import { ParameterStore } from "./parameters.ts";

/** The output of all layers, and the way back. */
export interface NetworkOutput {
  /** Shape: [n, k]; further dimensions are flattened. */
  readonly outputs: Tensor;
  /** Records what changes the layers' buffers, as after every training step. */
  readonly updateBuffers: () => void;
  /** Records the backward steps of all layers, given ∂C/∂outputs. */
  readonly backward: (gradient: Tensor) => void;
}

/** Streams of random numbers above this one belong to layers; those below to parameters and shuffling. */
const LAYER_STREAM = 0x10000000;

/** A stack of layers, checked, with its parameters on the GPU. */
export class Network {
  readonly gpu: Gpu;
  readonly layers: readonly Layer[];
  /** The input's shape, then the output shape of each layer. */
  readonly shapes: readonly Shape[];
  readonly seed: number;
  readonly parameters: ParameterStore;

  /**
   * @throws {ShapeError} naming the layer that cannot take its input, before any GPU work.
   */
  constructor(gpu: Gpu, layers: readonly Layer[], inputShape: Shape, seed: number) {
    this.gpu = gpu;
    this.layers = layers;
    this.seed = seed;
    this.shapes = inferShapes(layers, inputShape);
    const specs = layers.map((layer, i) => layer.parameters(this.shapes[i]!));
    const buffers = layers.map((layer, i) => layer.buffers?.(this.shapes[i]!) ?? []);
    this.parameters = new ParameterStore(gpu, specs, seed, buffers);
  }

  /** The shape of one input. */
  get inputShape(): Shape {
    return this.shapes[0]!;
  }

  /** The shape of one output. */
  get outputShape(): Shape {
    return this.shapes.at(-1)!;
  }

  /**
   * Records the forward steps.
   *
   * @param x Shape: [n, …inputShape].
   * @param training Whether the backward steps will follow.
   * @param step The number of the training step, for dropout.
   */
  record(recorder: Recorder, x: Tensor, training: boolean, step: Scalar): NetworkOutput {
    const outputs: LayerOutput[] = [];
    const updates: (() => void)[] = [];
    let learns = false;
    let y = x;
    this.layers.forEach((layer, i) => {
      const parameters = this.parameters.ofLayer(i, "values");
      const output = layer.forward(y, {
        recorder,
        parameters,
        gradients: training ? this.parameters.ofLayer(i, "gradients") : {},
        buffers: this.parameters.ofLayer(i, "buffers"),
        afterForward: (record) => updates.push(record),
        training,
        inputGradient: learns,
        random: { seed: this.seed, stream: LAYER_STREAM + i, counter: step },
      });
      learns ||= Object.keys(parameters).length > 0;
      outputs.push(output);
      y = output.y;
    });
    const flat = y.reshape([x.shape[0]!, sizeOf(this.outputShape)]);
    const backward = (gradient: Tensor): void => {
      let dy: Tensor | undefined = gradient.reshape(y.shape);
      for (let i = outputs.length - 1; i >= 0 && dy !== undefined; i--) {
        dy = outputs[i]!.backward(dy);
      }
    };
    const updateBuffers = () => updates.forEach((record) => record());
    return { outputs: flat, updateBuffers, backward };
  }

  /** Frees the parameters. */
  dispose(): void {
    this.parameters.dispose();
  }
}

/** `Dense (layer 2, "fc1")`. */
export function describeLayer(layer: Layer, index: number): string {
  return `${layer.kind} (layer ${index}${layer.name === undefined ? "" : `, "${layer.name}"`})`;
}

function inferShapes(layers: readonly Layer[], inputShape: Shape): Shape[] {
  checkShape(inputShape, "inputShape");
  if (inputShape.includes(0)) throw new ShapeError("inputShape: dimensions must be at least 1");
  if (layers.length === 0) throw new OptionError("A model needs at least one layer");
  const shapes: Shape[] = [inputShape];
  layers.forEach((layer, i) => {
    try {
      shapes.push(layer.outputShape(shapes[i]!));
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      throw new ShapeError(`Cannot build ${describeLayer(layer, i)}: ${error.message}`);
    }
  });
  return shapes;
}
