/**
 * What a row of the table in `cases.ts` consists of, and how random cases are drawn.
 *
 * @module
 */

import type { StrataError } from "../src/errors.ts";
import type { Gpu } from "../src/gpu/gpu.ts";
import type { Recorder } from "../src/gpu/recorder.ts";
import type { DataType, Float, Tensor } from "../src/gpu/tensor.ts";
import type { Random } from "../src/random.ts";
import { type NdArray, ndArray } from "../src/reference/nd_array.ts";
import { formatShape, type Shape, sizeOf } from "../src/shape.ts";
import type { Rounded } from "./rounding.ts";

/** Values of a tensor on the CPU. */
export type Values = Float32Array | Uint32Array | Uint8Array;

/** The element type of a tensor that holds the values. */
export function typeOf(values: Values): "f32" | "u32" | "u8" {
  if (values instanceof Float32Array) return "f32";
  return values instanceof Uint32Array ? "u32" : "u8";
}

/** A tensor to be. Its numbers are exact: they are drawn as the type they are kept in. */
export interface Input<V extends Values = Values> {
  readonly shape: Shape;
  readonly values: V;
}

/** Inputs by name. */
export type Inputs = Readonly<Record<string, Input>>;

/** The tensors of inputs, with their element types. */
export type TensorsOf<I extends Inputs> = {
  readonly [K in keyof I]: Tensor<
    I[K]["values"] extends Float32Array ? Float : I[K]["values"] extends Uint32Array ? "u32" : "u8"
  >;
};

/** Tensors by name. */
export type Tensors = Readonly<Record<string, Tensor<DataType>>>;

/** An output as the float64 reference has it. */
export interface Expected {
  readonly shape: Shape;
  readonly values: ArrayLike<number>;
  /** How far each element may be off; default: not at all. */
  readonly bounds?: ArrayLike<number>;
}

/** One drawn call of an operation. */
export interface Case {
  /** Shapes and options, for messages. */
  readonly what: string;
  readonly inputs: Inputs;
  /** The GPU call. Outputs may be inputs that are changed in place. */
  run(recorder: Recorder, tensors: Tensors): Tensors;
  /** The reference call. */
  expect(inputs: Inputs): Record<string, Expected>;
}

/** A call that must be refused. */
export interface Refusal {
  readonly what: string;
  readonly error: new (message: string) => StrataError;
  /** What the message must say. */
  readonly message: RegExp;
  call(gpu: Gpu): unknown;
}

/** One operation: oracle, gradient, NaN, determinism, leak and error tests follow from it. */
export interface Row {
  readonly name: string;
  /** The kernel files that compute it. */
  readonly kernels: readonly string[];
  /** How many cases the oracle test draws. */
  readonly draws: number;
  /**
   * Whether a NaN may reach more outputs than it does in the reference, as where a kernel multiplies the zeros of
   * a padding. It must reach those of the reference all the same. Default false.
   */
  readonly nanSpreads?: boolean;
  /** Draws a case; `index` counts the cases of a run, to go through variants in turn. */
  draw(random: Random, index: number): Case;
  readonly refusals?: readonly Refusal[];
}

/** A case with the types of its inputs kept. */
export function makeCase<I extends Inputs>(
  options: string,
  inputs: I,
  run: (recorder: Recorder, tensors: TensorsOf<I>) => Tensors,
  expect: (inputs: I) => Record<string, Expected>,
): Case {
  const shapes = Object.entries(inputs).map(([name, { shape }]) => `${name} ${formatShape(shape)}`);
  return {
    what: [...shapes, options].filter((part) => part !== "").join(", "),
    inputs,
    run: run as Case["run"],
    expect: expect as Case["expect"],
  };
}

/** An expected output whose bounds come from {@linkcode Rounded} numbers; the values are the reference's. */
export function within({ shape, data }: NdArray, rounded: readonly Rounded[]): Expected {
  return { shape, values: data, bounds: rounded.map(({ error }) => error) };
}

/** An input as an array of the reference. */
export function reference({ shape, values }: Input): NdArray {
  return ndArray(shape, values);
}

/** One of the items. */
export function pick<T>(random: Random, items: readonly T[]): T {
  return items[random.integer(items.length)]!;
}

const PRIMES = [5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 61, 67];

/** A dimension: 0, 1, 2, 3, beside a multiple of the kernel's tile, or a prime. */
export function dimension(random: Random, tile: number, least = 0): number {
  const choices = [0, 1, 2, 3, 4, tile - 1, tile, tile + 1, 2 * tile + 1, pick(random, PRIMES)];
  return pick(random, choices.filter((choice) => choice >= least));
}

/** A shape of 0 to 4 dimensions with at most `limit` elements. */
export function anyShape(random: Random, tile: number, limit = 4096): Shape {
  const rank = random.integer(5);
  const shape: number[] = [];
  for (let i = 0; i < rank; i++) {
    const next = dimension(random, rank > 2 ? 4 : tile);
    shape.push(sizeOf([...shape, next]) > limit ? 1 : next);
  }
  return shape;
}

/** Normal numbers of a deviation; some are 0, 1 or −1, where functions have kinks. */
export function floats(random: Random, shape: Shape, deviation = 1): Input<Float32Array> {
  const values = Float32Array.from({ length: sizeOf(shape) }, () => {
    const kind = random.integer(16);
    return kind < 3 ? kind - 1 : deviation * random.normal();
  });
  return { shape, values };
}

/** Whole numbers below a limit. */
export function wholes(random: Random, shape: Shape, limit: number): Input<Uint32Array> {
  return {
    shape,
    values: Uint32Array.from({ length: sizeOf(shape) }, () => random.integer(limit)),
  };
}

/** Bytes. */
export function bytes(random: Random, shape: Shape): Input<Uint8Array> {
  return { shape, values: Uint8Array.from({ length: sizeOf(shape) }, () => random.integer(256)) };
}

/** A number that is exact in float32. */
export function float(random: Random, low: number, high: number): number {
  return Math.fround(low + (high - low) * random.uniform());
}

const blanks: Tensor<DataType>[] = [];

/** Zeros, for calls that are refused. */
export function blank(gpu: Gpu, ...shape: number[]): Tensor {
  return blankOf(gpu, "f32", shape);
}

/** Zeros of another type. */
export function blankOf<T extends DataType>(gpu: Gpu, type: T, shape: Shape): Tensor<T> {
  const tensor = gpu.zeros(shape, type);
  blanks.push(tensor);
  return tensor;
}

/** Frees all blank tensors. */
export function disposeBlanks(): void {
  for (const tensor of blanks) tensor.dispose();
  blanks.length = 0;
}
