/**
 * Which copies in textures a program has made, so that one serves several dispatches: weights that are read on the way forward and
 * back, the inputs of a layer that its gradients need again.
 *
 * @module
 */

import type { Storage } from "./memory.ts";
import type { DataType, Tensor } from "./tensor.ts";

/** Bytes of a copy that is used again, at most: it takes up its memory all the while. */
const LARGEST = 2 ** 23;

/** The copies that still hold what was copied. */
export class TextureCopies {
  readonly #copies = new Map<Storage, Map<string, Tensor<"texture">>>();

  /** The copy of these numbers of a tensor, if there is one. */
  find(tensor: Tensor, first: number, size: number): Tensor<"texture"> | undefined {
    return this.#copies.get(tensor.storage)?.get(rangeOf(tensor, first, size));
  }

  /** Keeps a copy in mind, unless it is large. */
  add(tensor: Tensor, first: number, size: number, texture: Tensor<"texture">): void {
    if (4 * size > LARGEST) return;
    const known = this.#copies.get(tensor.storage) ?? new Map<string, Tensor<"texture">>();
    this.#copies.set(tensor.storage, known.set(rangeOf(tensor, first, size), texture));
  }

  /** Forgets the copies of what a dispatch writes. */
  written({ storage }: Tensor<DataType>): void {
    this.#copies.delete(storage);
  }
}

function rangeOf({ offset }: Tensor, first: number, size: number): string {
  return `${offset + 4 * first} ${size}`;
}
