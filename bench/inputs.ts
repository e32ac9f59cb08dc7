/**
 * What workloads compute on.
 *
 * @module
 */

import type { Gpu } from "../src/gpu/gpu.ts";
import type { Tensor } from "../src/gpu/tensor.ts";
import { Random } from "../src/random.ts";
import { type Shape, sizeOf } from "../src/shape.ts";

/** Numbers drawn for the beginning of an input; the rest repeats them. */
const DRAWN = 2 ** 16;

/** Normal numbers. */
export function normals(length: number, seed = 1): Float32Array<ArrayBuffer> {
  const random = new Random(seed);
  const drawn = Float32Array.from({ length: DRAWN }, () => random.normal());
  return repeat(drawn, new Float32Array(length));
}

/** Normal numbers on the GPU. */
export function randomTensor(gpu: Gpu, shape: Shape): Tensor {
  return gpu.tensor(normals(sizeOf(shape)), shape);
}

/** Bytes as in pictures of digits: four of five are 0. */
export function imageBytes(length: number): Uint8Array<ArrayBuffer> {
  const random = new Random(1);
  const drawn = Uint8Array.from(
    { length: DRAWN },
    () => random.integer(5) === 0 ? random.integer(256) : 0,
  );
  return repeat(drawn, new Uint8Array(length));
}

/** Class indices. */
export function labels(length: number, classes: number): Uint32Array<ArrayBuffer> {
  const random = new Random(2);
  return Uint32Array.from({ length }, () => random.integer(classes));
}

function repeat<A extends Float32Array | Uint8Array>(pattern: A, target: A): A {
  for (let at = 0; at < target.length; at += pattern.length) {
    target.set(pattern.subarray(0, target.length - at), at);
  }
  return target;
}
