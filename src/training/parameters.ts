/**
 * A network's parameters: all in one flat buffer, their gradients in another, so that an update is one dispatch. What layers keep
 * besides, their buffers in PyTorch's sense, lies in a third, which no optimiser sees.
 *
 * @module
 */

import type { Gpu } from "../gpu/gpu.ts";
import { Tensor } from "../gpu/tensor.ts";
import type { BufferSpec, ParameterSpec } from "../layers/layer.ts";
import { Random } from "../random.ts";
import { type Shape, sizeOf } from "../shape.ts";

/** Every parameter begins at a multiple of this many floats: bindings begin at multiples of 256 bytes. */
const ALIGNMENT = 64;

/** One parameter of a model. */
export interface Parameter {
  /** Layer and name: `0.weight`. */
  readonly name: string;
  /** The same with the layer's own name, if it has one: `features.0.weight`. Files may use it, too. */
  readonly alias: string;
  /** Its dimensions. */
  readonly shape: Shape;
  /** The values: a view of the flat buffer. */
  readonly value: Tensor;
  /** ∂C/∂value of the last backward step; undefined before the model is compiled. */
  readonly gradient: Tensor | undefined;
}

/** State of a layer that is saved but not trained: running statistics. */
export interface LayerBuffer {
  /** Layer and name: `3.running_mean`. */
  readonly name: string;
  /** The same with the layer's own name, if it has one. Files may use it, too. */
  readonly alias: string;
  /** Its dimensions. */
  readonly shape: Shape;
  /** The values: a view of the flat buffer. */
  readonly value: Tensor;
}

interface Slot<Spec> {
  readonly spec: Spec;
  /** In floats. */
  readonly offset: number;
}

/** The parameters of a list of layers. */
export class ParameterStore {
  /** All values, with zeros between parameters. Shape: [n]. */
  readonly values: Tensor;
  /** The number of values that belong to parameters. */
  readonly count: number;
  /** The values of all buffers, with zeros between them; undefined if there are none. Shape: [n]. */
  readonly bufferValues: Tensor | undefined;
  readonly #gpu: Gpu;
  readonly #slots: readonly Slot<ParameterSpec>[];
  readonly #bufferSlots: readonly Slot<BufferSpec>[];
  #gradients: Tensor | undefined;
  #state: Tensor[] = [];

  /**
   * Allocates and initialises.
   *
   * @param parameters The parameters of all layers, each name occurring once.
   * @param seed Of the initial values.
   * @param buffers The buffers of all layers. Default: none.
   */
  constructor(
    gpu: Gpu,
    parameters: readonly ParameterSpec[],
    seed: number,
    buffers: readonly BufferSpec[] = [],
  ) {
    this.#gpu = gpu;
    const { slots, size } = layOut(parameters);
    this.#slots = slots;
    this.count = slots.reduce((sum, { spec }) => sum + sizeOf(spec.shape), 0);
    this.values = gpu.empty([Math.max(size, ALIGNMENT)], "f32", "parameters", "parameters");
    const state = layOut(buffers);
    this.#bufferSlots = state.slots;
    if (state.size > 0) {
      this.bufferValues = gpu.empty([state.size], "f32", "buffers of layers", "layerBuffers");
    }
    if (!gpu.device.planned) this.#initialise(seed);
  }

  #initialise(seed: number): void {
    const initial = new Float32Array(this.values.size);
    this.#slots.forEach(({ spec, offset }, stream) => {
      const values = initial.subarray(offset, offset + sizeOf(spec.shape));
      spec.initializer(values, spec.fans, new Random(seed, stream));
    });
    this.values.write(initial);
    if (this.bufferValues === undefined) return;
    const values = new Float32Array(this.bufferValues.size);
    for (const { spec, offset } of this.#bufferSlots) {
      values.fill(spec.initial, offset, offset + sizeOf(spec.shape));
    }
    this.bufferValues.write(values);
  }

  /** All gradients, laid out like the values. Allocated on first use, zero between parameters. */
  get gradients(): Tensor {
    this.#gradients ??= this.#gpu.empty(this.values.shape, "f32", "gradients", "gradients");
    return this.#gradients;
  }

  /** Tensors of zeros laid out like the values: what an optimiser remembers. Replaces earlier ones. */
  resetState(names: readonly string[]): readonly Tensor[] {
    for (const tensor of this.#state) tensor.dispose();
    this.#state = names.map((name) =>
      this.#gpu.empty(this.values.shape, "f32", name, "optimizerState")
    );
    return this.#state;
  }

  /** Everything that a training step builds upon: values, buffers and what the optimiser remembers. */
  trained(): readonly Tensor[] {
    return [
      this.values,
      ...this.bufferValues === undefined ? [] : [this.bufferValues],
      ...this.#state,
    ];
  }

  /** Every parameter, in the order of the layers. */
  list(): Parameter[] {
    return this.#slots.map(({ spec, offset }) => ({
      ...namesOf(spec),
      shape: spec.shape,
      value: view(this.values, spec.shape, offset),
      gradient: this.#gradients && view(this.#gradients, spec.shape, offset),
    }));
  }

  /** Every buffer, in the order of the layers. */
  listBuffers(): LayerBuffer[] {
    return this.#bufferSlots.map(({ spec, offset }) => ({
      ...namesOf(spec),
      shape: spec.shape,
      value: view(this.bufferValues!, spec.shape, offset),
    }));
  }

  /** All values, all gradients, or all buffers, by name. */
  named(kind: "values" | "gradients" | "buffers"): Record<string, Tensor> {
    const slots = kind === "buffers" ? this.#bufferSlots : this.#slots;
    if (slots.length === 0) return {};
    const flat = kind === "buffers" ? this.bufferValues! : this[kind];
    return Object.fromEntries(
      slots.map(({ spec, offset }) => [spec.name, view(flat, spec.shape, offset)]),
    );
  }

  /** Cuts flat tensors into pieces that can be bound; usually there is one. */
  pieces(flat: Tensor): Tensor[] {
    const limit = Math.floor(this.#gpu.device.limits.maxStorageBufferBindingSize / 256) * 64;
    const pieces: Tensor[] = [];
    for (let offset = 0; offset < flat.size; offset += limit) {
      pieces.push(view(flat, [Math.min(limit, flat.size - offset)], offset));
    }
    return pieces;
  }

  /** Frees everything. */
  dispose(): void {
    const all = [this.values, this.#gradients, this.bufferValues, ...this.#state];
    for (const tensor of all) tensor?.dispose();
  }
}

/** Gives every tensor its place in a flat buffer. */
function layOut<Spec extends { readonly shape: Shape }>(
  specs: readonly Spec[],
): { slots: Slot<Spec>[]; size: number } {
  let size = 0;
  const slots = specs.map((spec) => {
    const offset = size;
    size += Math.ceil(sizeOf(spec.shape) / ALIGNMENT) * ALIGNMENT;
    return { spec, offset };
  });
  return { slots, size };
}

function namesOf({ name, alias = name }: { name: string; alias?: string }): {
  name: string;
  alias: string;
} {
  return { name, alias };
}

function view(flat: Tensor, shape: Shape, offset: number): Tensor {
  return new Tensor(flat.device, flat.storage, shape, "f32", flat.offset + 4 * offset);
}
