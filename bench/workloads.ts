/**
 * The list of what is measured.
 *
 * @module
 */

import type { Gpu } from "../src/gpu/gpu.ts";
import type { Recorder } from "../src/gpu/recorder.ts";
import type { Tensor } from "../src/gpu/tensor.ts";
import { gelu, relu } from "../src/ops/activations.ts";
import { add } from "../src/ops/elementwise.ts";
import { gatherRows } from "../src/ops/gather.ts";
import { softmaxCrossEntropy } from "../src/ops/losses.ts";
import { matmul } from "../src/ops/matmul.ts";
import type { MatmulPlan } from "../src/ops/matmul_plan.ts";
import { argmax, sum } from "../src/ops/reductions.ts";
import { softmax } from "../src/ops/softmax.ts";
import { type Shape, sizeOf } from "../src/shape.ts";
import { type ConvolutionSize, convolutionWorkloads } from "./convolution_workloads.ts";
import { imageBytes, labels, randomTensor } from "./inputs.ts";
import {
  CONVOLUTIONAL_NETWORKS,
  denseNetwork,
  type NetworkSize,
  trainingWorkload,
} from "./training_workloads.ts";
import { PreparedOperation, type Suite, type Workload } from "./workload.ts";

/** How large the workloads of the list are. */
export interface Sizes {
  /** Products of square matrices. */
  readonly cubes: readonly number[];
  /** Products of square matrices of which one is read transposed. */
  readonly transposed: number;
  /** Other products: m, k, n. */
  readonly products: readonly (readonly [m: number, k: number, n: number])[];
  /** Convolutions, each with its gradients. */
  readonly convolutions: readonly ConvolutionSize[];
  /** Elementwise operations, and sums to a scalar. */
  readonly elements: readonly number[];
  /** Softmax over the columns, and its cross-entropy. */
  readonly rows: readonly (readonly [rows: number, columns: number])[];
  /** Sums over the rows, and argmax over the columns. */
  readonly matrix: readonly [rows: number, columns: number];
  /** Units of networks with dense layers: the inputs, then each layer. */
  readonly dense: readonly (readonly number[])[];
  /** Examples of their batches, and of the data set that these are taken from. */
  readonly batch: number;
  readonly examples: number;
  /** Other networks. */
  readonly networks: readonly NetworkSize[];
}

/** The sizes of the report. */
export const SIZES: Sizes = {
  cubes: [256, 512, 1024],
  transposed: 512,
  products: [[128, 784, 128], [128, 1024, 1024]],
  convolutions: [
    { inputShape: [64, 1, 28, 28], filters: 32, kernelSize: 5 },
    { inputShape: [16, 64, 56, 56], filters: 64, kernelSize: 3, padding: 1 },
    { inputShape: [8, 3, 227, 227], filters: 96, kernelSize: 11, strides: 4 },
    { inputShape: [8, 96, 27, 27], filters: 256, kernelSize: 5, padding: 2 },
    { inputShape: [8, 96, 27, 27], filters: 256, kernelSize: 5, padding: 2, groups: 2 },
  ],
  elements: [2 ** 20, 2 ** 24],
  rows: [[128, 10], [4096, 1000]],
  matrix: [4096, 1024],
  dense: [[784, 128, 10], [784, 800, 800, 10]],
  batch: 128,
  examples: 60_000,
  networks: CONVOLUTIONAL_NETWORKS,
};

/** All workloads, suite by suite, group by group; which convolutions there are depends on what the GPU can compute. */
export function listWorkloads(gpu: Gpu, sizes: Sizes = SIZES): Workload[] {
  const { transposed: t, matrix: [rows, columns], batch, examples } = sizes;
  return [
    ...sizes.cubes.flatMap((n) => [
      matmulWorkload(n, n, n),
      ...(n !== t ? [] : [
        matmulWorkload(t, t, t, { transposeB: true }),
        matmulWorkload(t, t, t, { transposeA: true }),
      ]),
    ]),
    ...sizes.products.map(([m, k, n]) => matmulWorkload(m, k, n)),
    ...sizes.convolutions.flatMap((size) => convolutionWorkloads(gpu, size)),
    ...sizes.elements.flatMap((n) => [
      elementwiseWorkload("add", n, 2, (recorder, a, b) => add(recorder, a, b)),
      elementwiseWorkload("relu", n, 1, (recorder, x) => relu(recorder, x)),
      elementwiseWorkload("gelu", n, 1, (recorder, x) => gelu(recorder, x)),
    ]),
    gatherWorkload(batch, sizes.dense[0]![0]!, examples),
    ...sizes.rows.flatMap(([rows, columns]) => [
      softmaxWorkload(rows, columns),
      lossWorkload(rows, columns),
    ]),
    ...sizes.elements.map((n) =>
      reductionWorkload(`sum of ${count(n)}`, [n], 1, (recorder, x) => sum(recorder, x))
    ),
    reductionWorkload(
      `sum over axis 0 of ${rows}×${columns}`,
      [rows, columns],
      columns,
      (recorder, x) => sum(recorder, x, { axis: 0 }),
    ),
    reductionWorkload(
      `argmax over axis 1 of ${rows}×${columns}`,
      [rows, columns],
      rows,
      (recorder, x) => argmax(recorder, x, { axis: 1 }),
    ),
    ...sizes.dense.flatMap((units) => [
      trainingWorkload(gpu, denseNetwork(units, { batch, examples })),
      trainingWorkload(gpu, denseNetwork(units, { batch, examples, metrics: ["accuracy"] })),
    ]),
    ...sizes.networks.map((size) => trainingWorkload(gpu, size)),
  ];
}

/** C = op(A) · op(B) with op(A) [m, k] and op(B) [k, n], by the variant that `matmul` chooses or by another. */
export function matmulWorkload(
  m: number,
  k: number,
  n: number,
  options: {
    name?: string;
    transposeA?: boolean;
    transposeB?: boolean;
    plan?: MatmulPlan;
  } = {},
): Workload {
  const { transposeA = false, transposeB = false, plan } = options;
  const size = `matmul ${m}×${k}×${n}`;
  return {
    name: options.name ?? `${size} ${transposeA ? "T" : "N"}${transposeB ? "T" : "N"}`,
    suite: "matmul",
    group: size,
    flops: 2 * m * n * k,
    bytes: 4 * (m * k + k * n + m * n),
    prepare: (gpu) => {
      const a = randomTensor(gpu, transposeA ? [k, m] : [m, k]);
      const b = randomTensor(gpu, transposeB ? [n, k] : [k, n]);
      return new PreparedOperation(gpu, [a, b], (recorder) => {
        matmul(recorder, a, b, {
          transposeA,
          transposeB,
          ...(plan === undefined ? {} : { plan }),
        });
      });
    },
  };
}

function elementwiseWorkload(
  name: string,
  n: number,
  inputs: 1 | 2,
  run: (recorder: Recorder, a: Tensor, b: Tensor) => void,
): Workload {
  return {
    name: `${name} of ${count(n)}`,
    suite: "elementwise",
    group: `elementwise ${count(n)}`,
    flops: n,
    bytes: 4 * n * (inputs + 1),
    prepare: (gpu) => {
      const tensors = Array.from({ length: inputs }, () => randomTensor(gpu, [n]));
      return new PreparedOperation(gpu, tensors, (recorder) => {
        run(recorder, tensors[0]!, tensors.at(-1)!);
      });
    },
  };
}

/** Rows of bytes, in shuffled order, to floats: how a batch is made. */
function gatherWorkload(rows: number, width: number, examples: number): Workload {
  return {
    name: `gather ${rows} of ${examples} rows of ${width} bytes`,
    suite: "elementwise",
    group: "gather",
    flops: 0,
    bytes: 5 * rows * width,
    prepare: (gpu) => {
      const data = gpu.tensor(imageBytes(examples * width), [examples, width]);
      return new PreparedOperation(gpu, [data], (recorder) => {
        gatherRows(recorder, data, { rows, shuffleKey: 1 });
      });
    },
  };
}

function softmaxWorkload(rows: number, columns: number): Workload {
  const name = `softmax ${rows}×${columns}`;
  const run = (recorder: Recorder, x: Tensor) => softmax(recorder, x);
  return oneInput("softmax", name, 5, [rows, columns], rows * columns, run);
}

/** Cross-entropy with class indices, and its gradient. */
function lossWorkload(rows: number, columns: number): Workload {
  const name = `softmaxCrossEntropy ${rows}×${columns}`;
  return {
    name,
    suite: "softmax",
    group: name,
    flops: 8 * rows * columns,
    bytes: 4 * 2 * rows * (columns + 1),
    prepare: (gpu) => {
      const logits = randomTensor(gpu, [rows, columns]);
      const targets = gpu.tensor(labels(rows, columns));
      return new PreparedOperation(gpu, [logits, targets], (recorder) => {
        softmaxCrossEntropy(recorder, logits, targets);
      });
    },
  };
}

function reductionWorkload(
  name: string,
  shape: Shape,
  outputs: number,
  run: (recorder: Recorder, x: Tensor) => void,
): Workload {
  return oneInput("reductions", name, 1, shape, outputs, run);
}

function oneInput(
  suite: Suite,
  name: string,
  flopsPerElement: number,
  shape: Shape,
  outputs: number,
  run: (recorder: Recorder, x: Tensor) => void,
): Workload {
  return {
    name,
    suite,
    group: name,
    flops: flopsPerElement * sizeOf(shape),
    bytes: 4 * (sizeOf(shape) + outputs),
    prepare: (gpu) => {
      const x = randomTensor(gpu, shape);
      return new PreparedOperation(gpu, [x], (recorder) => run(recorder, x));
    },
  };
}

/** 16M for 2²⁴. */
function count(n: number): string {
  return n >= 2 ** 20 && n % 2 ** 20 === 0 ? `${n / 2 ** 20}M` : String(n);
}
