/**
 * Counter-based random numbers: a number is a pure function of seed, stream and counter, so the GPU
 * kernels (`kernels/random.wgsl`) and this file produce the same bits in any order of evaluation.
 *
 * @module
 */

import { checkNumber } from "./options.ts";

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;

/**
 * Threefry-2x32 with 20 rounds: encrypts the counter (c0, c1) under the key (k0, k1).
 *
 * @returns Two independent words, each uniform on 0 … 2³² − 1.
 * @see Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 */
export function threefry(k0: number, k1: number, c0: number, c1: number): [number, number] {
  const keys = [k0 | 0, k1 | 0, k0 ^ k1 ^ 0x1bd11bda] as const;
  let x0 = (c0 + k0) | 0;
  let x1 = (c1 + k1) | 0;
  for (let round = 0; round < 20; round++) {
    const rotation = ROTATIONS[round % 8]!;
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << rotation) | (x1 >>> (32 - rotation))) ^ x0;
    if (round % 4 === 3) {
      const injection = (round + 1) / 4;
      x0 = (x0 + keys[(injection % 3) as 0 | 1 | 2]) | 0;
      x1 = (x1 + keys[((injection + 1) % 3) as 0 | 1 | 2] + injection) | 0;
    }
  }
  return [x0 >>> 0, x1 >>> 0];
}

/** A seed or stream number: a whole number that fits 32 bits. */
export function checkSeed(seed: number, what: string): void {
  checkNumber(seed, what, { min: 0, max: 0xffffffff, integer: true });
}

/** A sequence of random numbers: the words of one stream of one seed, in order of their counter. */
export class Random {
  readonly #seed: number;
  readonly #stream: number;
  #counter = 0;
  #spareWord: number | undefined;
  #spareNormal: number | undefined;

  /**
   * Begins a sequence.
   *
   * @param seed Whole number, 0 … 2³² − 1.
   * @param stream Sequences of different streams are independent.
   * @throws {OptionError} if either does not fit 32 bits.
   */
  constructor(seed: number, stream = 0) {
    checkSeed(seed, "Random: seed");
    checkSeed(stream, "Random: stream");
    this.#seed = seed;
    this.#stream = stream;
  }

  /** The next word, uniform on 0 … 2³² − 1. */
  word(): number {
    if (this.#spareWord !== undefined) {
      const spare = this.#spareWord;
      this.#spareWord = undefined;
      return spare;
    }
    const [first, second] = this.#block();
    this.#spareWord = second;
    return first;
  }

  /** The next number, uniform on [0, 1), a multiple of 2⁻²⁴. */
  uniform(): number {
    return (this.word() >>> 8) * 2 ** -24;
  }

  /** The next normal number (mean 0, deviation 1), by the Box–Muller transform of one block. */
  normal(): number {
    if (this.#spareNormal !== undefined) {
      const spare = this.#spareNormal;
      this.#spareNormal = undefined;
      return spare;
    }
    const [first, second] = this.#block();
    const radius = Math.sqrt(-2 * Math.log(((first >>> 8) + 1) * 2 ** -24));
    const angle = 2 * Math.PI * (second >>> 8) * 2 ** -24;
    this.#spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** The next whole number, uniform on 0 … limit − 1 (bias at most limit · 2⁻³²). */
  integer(limit: number): number {
    return Math.floor(this.word() * 2 ** -32 * limit);
  }

  #block(): [number, number] {
    const counter = this.#counter++;
    return threefry(this.#seed, this.#stream, counter >>> 0, Math.floor(counter / 2 ** 32));
  }
}

/**
 * The index that a keyed pseudo-random permutation of 0 … length − 1 puts at `position`: a Feistel
 * network over the next power of four, walked until it falls inside. Needs no memory, so a data set of
 * any size is shuffled where it lies; `kernels/gather.wgsl` computes the same function.
 *
 * @param key Selects the permutation, 0 … 2³² − 1.
 */
export function permute(position: number, length: number, key: number): number {
  const halfBits = permutationHalfBits(length);
  const mask = (1 << halfBits) - 1;
  let index = position;
  do {
    let left = index >>> halfBits;
    let right = index & mask;
    for (let round = 0; round < 6; round++) {
      const mixed = left ^ (mix(right ^ mix(key + Math.imul(round, 0x9e3779b9))) & mask);
      left = right;
      right = mixed;
    }
    index = ((left << halfBits) | right) >>> 0;
  } while (index >= length);
  return index;
}

/** Half the bits of the permutation's domain: the least h with 4ʰ ≥ length. */
export function permutationHalfBits(length: number): number {
  let halfBits = 1;
  while (4 ** halfBits < length) halfBits++;
  return halfBits;
}

/** A 32-bit mixer (two multiplications, three xor-shifts) of low bias. */
function mix(word: number): number {
  let x = word | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}
