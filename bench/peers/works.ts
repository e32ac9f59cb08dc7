/**
 * What `deno task bench:peers` compares: the same work, on the same numbers, in every library.
 *
 * @module
 */

import { type ConvolutionGeometry, resolveConvolution } from "../../src/convolution_shape.ts";
import type { ConvolutionPass } from "../../src/ops/convolution_method.ts";
import { Random } from "../../src/random.ts";
import { type Shape, sizeOf } from "../../src/shape.ts";
import { sampledError } from "../convolution_samples.ts";
import type { ConvolutionSize } from "../convolution_workloads.ts";
import { imageBytes, labels, normals } from "../inputs.ts";

/** C = A · B of square matrices. */
export interface MatmulWork {
  readonly kind: "matmul";
  readonly name: string;
  readonly size: number;
  readonly flops: number;
}

/** One pass of a convolution, with padding that keeps the size or without. */
export interface ConvolutionWork {
  readonly kind: "convolution";
  readonly name: string;
  readonly size: ConvolutionSize & { readonly padding?: number };
  readonly pass: ConvolutionPass;
  readonly flops: number;
}

/** A training step on images of 1×28×28: plain gradient descent on the mean softmax cross-entropy of ten classes. */
export interface StepWork {
  readonly kind: "step";
  readonly name: string;
  /** Filters of convolutions of 5×5 that keep the size, each with relu and a max pool of 2×2. */
  readonly filters: readonly number[];
  /** Units of the dense layers, all but the last with relu. */
  readonly units: readonly number[];
  readonly batch: number;
  readonly learningRate: number;
  readonly flops: number;
}

/** A piece of work. */
export type PeerWork = MatmulWork | ConvolutionWork | StepWork;

/** The kinds, as the command line calls them. */
export const WORK_KINDS = { matmul: "matmul", convolution: "convolution", steps: "step" } as const;

const CONVOLUTIONS: readonly ConvolutionWork["size"][] = [
  { inputShape: [64, 1, 28, 28], filters: 32, kernelSize: 5 },
  { inputShape: [16, 64, 56, 56], filters: 64, kernelSize: 3, padding: 1 },
  { inputShape: [8, 3, 227, 227], filters: 96, kernelSize: 11, strides: 4 },
  { inputShape: [8, 96, 27, 27], filters: 256, kernelSize: 5, padding: 2 },
];

const PASSES: readonly (readonly [ConvolutionPass, string])[] = [
  ["forward", "forward"],
  ["inputGradient", "dx"],
  ["weightGradient", "dw"],
];

/** All of it, in the order of the table. */
export function listPeerWorks(): PeerWork[] {
  return [
    ...[512, 1024].map(matmulWork),
    ...CONVOLUTIONS.flatMap((size) => PASSES.map(([pass]) => convolutionWork(size, pass))),
    stepWork({ name: "784-128-10", filters: [], units: [128, 10], batch: 128 }),
    stepWork({ name: "784-800-800-10", filters: [], units: [800, 800, 10], batch: 128 }),
    stepWork({ name: "c32-c64-fc512", filters: [32, 64], units: [512, 10], batch: 64 }),
  ];
}

/** The product of two square matrices. */
export function matmulWork(size: number): MatmulWork {
  return { kind: "matmul", name: `matmul ${size}×${size}×${size}`, size, flops: 2 * size ** 3 };
}

/** One pass of a convolution. */
export function convolutionWork(
  size: ConvolutionWork["size"],
  pass: ConvolutionPass,
): ConvolutionWork {
  const { inputShape, filters, kernelSize, strides = 1, padding = 0 } = size;
  const what = [
    `conv ${inputShape.join("×")} → ${filters}, ${kernelSize}×${kernelSize}`,
    ...(strides === 1 ? [] : [`stride ${strides}`]),
    ...(padding === 0 ? [] : [`pad ${padding}`]),
  ].join(" ");
  const name = `${what}, ${PASSES.find(([known]) => known === pass)![1]}`;
  const { weightShape, outputShape } = convolutionShapes(size);
  const flops = 2 * sizeOf(outputShape) * sizeOf(weightShape.slice(1));
  return { kind: "convolution", name, size, pass, flops };
}

/** A training step. */
export function stepWork(
  given: Pick<StepWork, "name" | "filters" | "units" | "batch">,
): StepWork {
  const work = {
    ...given,
    kind: "step" as const,
    name: `step ${given.name} batch ${given.batch}`,
    learningRate: 0.05,
  };
  // Each weight is used once at each position forward and for its gradient; above the first layer also for that of its input.
  const layers = stepLayers(work);
  const products = layers.map(({ weightShape, positions }) => positions * sizeOf(weightShape));
  const flops = products.reduce((sum, count, i) => sum + 2 * (i === 0 ? 2 : 3) * count, 0);
  return { ...work, flops: given.batch * flops };
}

/** The shapes and the geometry of a convolution. */
export function convolutionShapes(size: ConvolutionWork["size"]): {
  readonly weightShape: Shape;
  readonly outputShape: Shape;
  readonly geometry: ConvolutionGeometry;
} {
  const { inputShape, filters, kernelSize, strides = 1, padding = 0 } = size;
  const weightShape = [filters, inputShape[1], kernelSize, kernelSize];
  const geometry = resolveConvolution(inputShape.slice(1), weightShape, { strides, padding });
  return { weightShape, outputShape: [inputShape[0], filters, ...geometry.output], geometry };
}

/** Two tensors that a matmul or a pass of a convolution reads, in Strata's layouts. */
export function workInputs(work: MatmulWork | ConvolutionWork): {
  readonly shapes: readonly [Shape, Shape];
  readonly values: readonly [Float32Array<ArrayBuffer>, Float32Array<ArrayBuffer>];
} {
  const shapes = inputShapes(work);
  return { shapes, values: [normals(sizeOf(shapes[0]), 1), normals(sizeOf(shapes[1]), 2)] };
}

function inputShapes(work: MatmulWork | ConvolutionWork): readonly [Shape, Shape] {
  if (work.kind === "matmul") return [[work.size, work.size], [work.size, work.size]];
  const { inputShape } = work.size;
  const { weightShape, outputShape } = convolutionShapes(work.size);
  const shapes: Record<ConvolutionPass, readonly [Shape, Shape]> = {
    forward: [inputShape, weightShape],
    inputGradient: [outputShape, weightShape],
    weightGradient: [inputShape, outputShape],
  };
  return shapes[work.pass];
}

/** The error of a result in Strata's layout: the largest of some elements, against float64, relative to their size. */
export function workError(work: MatmulWork | ConvolutionWork, result: Float32Array): number {
  const { values } = workInputs(work);
  if (work.kind === "matmul") return productError(work.size, ...values, result);
  const { geometry } = convolutionShapes(work.size);
  return sampledError(work.pass, geometry, work.size.inputShape[0], values, result);
}

/** Elements of a product that are computed again. */
const SAMPLES = 512;

function productError(n: number, a: Float32Array, b: Float32Array, c: Float32Array): number {
  const random = new Random(3);
  let squares = 0;
  let largest = 0;
  for (let sample = 0; sample < SAMPLES; sample++) {
    const [row, column] = [random.integer(n), random.integer(n)];
    let sum = 0;
    for (let k = 0; k < n; k++) sum += a[row * n + k]! * b[k * n + column]!;
    squares += sum ** 2;
    largest = Math.max(largest, Math.abs(c[row * n + column]! - sum)); // NaN stays NaN
  }
  return largest / Math.sqrt(squares / SAMPLES);
}

/** A layer with parameters. */
export interface StepLayer {
  readonly kind: "convolution" | "dense";
  /** [filters, channels, 5, 5], or [units, inputs]. */
  readonly weightShape: Shape;
  /** Places of an image at which each weight is used. */
  readonly positions: number;
  /** Weights of the values that it begins with; biases begin with 0. */
  readonly weights: () => Float32Array<ArrayBuffer>;
}

/** Along an edge of the images. */
const EDGE = 28;

/** The layers with parameters, in order. The first dense one takes channels, rows, columns, in this order. */
export function stepLayers({ filters, units }: Pick<StepWork, "filters" | "units">): StepLayer[] {
  const layers: StepLayer[] = [];
  const add = (kind: StepLayer["kind"], weightShape: Shape, positions: number) => {
    const seed = 10 + layers.length;
    const scale = Math.sqrt(2 / sizeOf(weightShape.slice(1)));
    const weights = () => normals(sizeOf(weightShape), seed).map((value) => scale * value);
    layers.push({ kind, weightShape, positions, weights });
  };
  let [channels, edge] = [1, EDGE];
  for (const count of filters) {
    add("convolution", [count, channels, 5, 5], edge ** 2);
    [channels, edge] = [count, edge / 2];
  }
  let inputs = channels * edge ** 2;
  for (const count of units) {
    add("dense", [count, inputs], 1);
    inputs = count;
  }
  return layers;
}

/** A batch of bytes and of labels. */
export function stepBatch({ batch }: StepWork): {
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly labels: Uint32Array<ArrayBuffer>;
} {
  return { pixels: imageBytes(batch * EDGE ** 2), labels: labels(batch, 10) };
}

/** The batch as the peers take it: numbers from 0 to 1, and ones at the labels. */
export function stepFloats(work: StepWork): {
  readonly x: Float32Array<ArrayBuffer>;
  readonly y: Float32Array<ArrayBuffer>;
} {
  const { pixels, labels } = stepBatch(work);
  const y = new Float32Array(10 * work.batch);
  labels.forEach((label, i) => y[10 * i + label] = 1);
  return { x: Float32Array.from(pixels, (value) => value / 255), y };
}

/** The elements in the order of other axes, `axes[i]` being the old place of axis i. */
export function transposed(
  values: Float32Array,
  shape: Shape,
  axes: readonly number[],
): Float32Array<ArrayBuffer> {
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const lengths = axes.map((axis) => shape[axis]!);
  const steps = axes.map((axis) => strides[axis]!);
  const place = axes.map(() => 0);
  const result = new Float32Array(values.length);
  let from = 0;
  for (let to = 0; to < result.length; to++) {
    result[to] = values[from]!;
    for (let axis = axes.length - 1; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++place[axis]! < lengths[axis]!) break;
      from -= steps[axis]! * lengths[axis]!;
      place[axis] = 0;
    }
  }
  return result;
}
