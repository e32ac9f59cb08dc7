/**
 * A network's parameters: all in one flat buffer, their gradients in another, so that an update is one dispatch.
 *
 * @module
 */

import type { Gpu } from "../gpu/gpu.ts";
import { Tensor } from "../gpu/tensor.ts";
import type { ParameterSpec } from "../layers/layer.ts";
import { Random } from "../random.ts";
import { type Shape, sizeOf } from "../shape.ts";

/** Every parameter begins at a multiple of this many floats: bindings begin at multiples of 256 bytes. */
const ALIGNMENT = 64;

/** One parameter of a model. */
export interface Parameter {
  /** Layer and name: `0.weight`. */
  readonly name: string;
  /** Its dimensions. */
  readonly shape: Shape;
  /** The values: a view of the flat buffer. */
  readonly value: Tensor;
  /** ∂C/∂value of the last backward step; undefined before the model is compiled. */
  readonly gradient: Tensor | undefined;
}

interface Slot {
  readonly name: string;
  readonly layer: number;
  readonly spec: ParameterSpec;
  /** In floats. */
  readonly offset: number;
}

/** The parameters of a list of layers. */
export class ParameterStore {
  /** All values, with zeros between parameters. Shape: [n]. */
  readonly values: Tensor;
  /** The number of values that belong to parameters. */
  readonly count: number;
  readonly #gpu: Gpu;
  readonly #slots: readonly Slot[];
  #gradients: Tensor | undefined;
  #state: Tensor[] = [];

  /**
   * Allocates and initialises.
   *
   * @param layers The parameters that each layer wants.
   * @param seed Of the initial values.
   */
  constructor(gpu: Gpu, layers: readonly (readonly ParameterSpec[])[], seed: number) {
    this.#gpu = gpu;
    const slots: Slot[] = [];
    let size = 0;
    let count = 0;
    layers.forEach((specs, layer) => {
      for (const spec of specs) {
        slots.push({ name: `${layer}.${spec.name}`, layer, spec, offset: size });
        count += sizeOf(spec.shape);
        size += Math.ceil(sizeOf(spec.shape) / ALIGNMENT) * ALIGNMENT;
      }
    });
    this.#slots = slots;
    this.count = count;
    this.values = gpu.empty([Math.max(size, ALIGNMENT)], "f32", "parameters");
    const initial = new Float32Array(this.values.size);
    slots.forEach(({ spec, offset }, stream) => {
      const values = initial.subarray(offset, offset + sizeOf(spec.shape));
      spec.initializer(values, spec.fans, new Random(seed, stream));
    });
    this.values.write(initial);
  }

  /** All gradients, laid out like the values. Allocated on first use, zero between parameters. */
  get gradients(): Tensor {
    this.#gradients ??= this.#gpu.empty(this.values.shape, "f32", "gradients");
    return this.#gradients;
  }

  /** Tensors of zeros laid out like the values: what an optimiser remembers. Replaces earlier ones. */
  resetState(names: readonly string[]): readonly Tensor[] {
    for (const tensor of this.#state) tensor.dispose();
    this.#state = names.map((name) => this.#gpu.empty(this.values.shape, "f32", name));
    return this.#state;
  }

  /** Every parameter, in the order of the layers. */
  list(): Parameter[] {
    return this.#slots.map(({ name, spec, offset }) => ({
      name,
      shape: spec.shape,
      value: view(this.values, spec.shape, offset),
      gradient: this.#gradients && view(this.#gradients, spec.shape, offset),
    }));
  }

  /** The values of one layer, or their gradients, by name. */
  ofLayer(layer: number, kind: "values" | "gradients"): Record<string, Tensor> {
    const flat = this[kind];
    const slots = this.#slots.filter((slot) => slot.layer === layer);
    return Object.fromEntries(
      slots.map(({ spec, offset }) => [spec.name, view(flat, spec.shape, offset)]),
    );
  }

  /** Cuts flat tensors into pieces that can be bound; usually there is one. */
  pieces(flat: Tensor): Tensor[] {
    const limit = Math.floor(this.#gpu.device.raw.limits.maxStorageBufferBindingSize / 256) * 64;
    const pieces: Tensor[] = [];
    for (let offset = 0; offset < flat.size; offset += limit) {
      pieces.push(view(flat, [Math.min(limit, flat.size - offset)], offset));
    }
    return pieces;
  }

  /** Frees everything. */
  dispose(): void {
    for (const tensor of [this.values, this.#gradients, ...this.#state]) tensor?.dispose();
  }
}

function view(flat: Tensor, shape: Shape, offset: number): Tensor {
  return new Tensor(flat.device, flat.storage, shape, "f32", flat.offset + 4 * offset);
}
