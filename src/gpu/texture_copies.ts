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

/** What is copied. */
export interface CopiedRange {
  /** The first number of the tensor. */
  readonly first: number;
  /** How many. */
  readonly size: number;
  /** Numbers of a row, if zeros are put behind each. */
  readonly width?: number;
}

/** The copies that still hold what was copied. */
export class TextureCopies {
  readonly #copies = new Map<Storage, Map<string, Tensor<"texture">>>();

  /** The copy of these numbers of a tensor, made unless it is there. It is kept in mind, unless it is large. */
  once(
    tensor: Tensor,
    { first, size, width }: CopiedRange,
    make: () => Tensor<"texture">,
  ): Tensor<"texture"> {
    const range = `${tensor.offset + 4 * first} ${size} ${width}`;
    const known = this.#copies.get(tensor.storage)?.get(range);
    if (known !== undefined) return known;
    const made = make();
    if (4 * size <= LARGEST) {
      const copies = this.#copies.get(tensor.storage) ?? new Map<string, Tensor<"texture">>();
      this.#copies.set(tensor.storage, copies.set(range, made));
    }
    return made;
  }

  /** Forgets the copies of what a dispatch writes. */
  written({ storage }: Tensor<DataType>): void {
    this.#copies.delete(storage);
  }
}
