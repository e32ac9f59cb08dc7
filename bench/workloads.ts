/**
 * The list of what is measured.
 *
 * @module
 */

import type { Batch } from "../src/data/batch.ts";
import type { Gpu } from "../src/gpu/gpu.ts";
import type { Recorder } from "../src/gpu/recorder.ts";
import type { Tensor } from "../src/gpu/tensor.ts";
import type { Layer } from "../src/layers/layer.ts";
import { Dense } from "../src/layers/dense.ts";
import { gelu, relu } from "../src/ops/activations.ts";
import { add } from "../src/ops/elementwise.ts";
import { gatherRows } from "../src/ops/gather.ts";
import { matmul } from "../src/ops/matmul.ts";
import type { MatmulPlan } from "../src/ops/matmul_plan.ts";
import { argmax, sum } from "../src/ops/reductions.ts";
import { softmax } from "../src/ops/softmax.ts";
import { Sgd } from "../src/optimizers/sgd.ts";
import { Random } from "../src/random.ts";
import { type Shape, sizeOf } from "../src/shape.ts";
import { Feed } from "../src/training/feed.ts";
import { Network } from "../src/training/network.ts";
import { type MetricName, Trainer } from "../src/training/trainer.ts";
import { PreparedOperation, PreparedTraining, type Suite, type Workload } from "./workload.ts";

/** How large the workloads of the list are. */
export interface Sizes {
  /** Products of square matrices. */
  readonly cubes: readonly number[];
  /** Products of square matrices of which one is read transposed. */
  readonly transposed: number;
  /** Other products: m, k, n. */
  readonly products: readonly (readonly [m: number, k: number, n: number])[];
  /** Elementwise operations, and sums to a scalar. */
  readonly elements: readonly number[];
  /** Softmax over the columns. */
  readonly rows: readonly (readonly [rows: number, columns: number])[];
  /** Sums over the rows, and argmax over the columns. */
  readonly matrix: readonly [rows: number, columns: number];
  /** Units of networks: the inputs, then each layer. */
  readonly networks: readonly (readonly number[])[];
  /** Examples of a batch, and of the data set that batches are taken from. */
  readonly batch: number;
  readonly examples: number;
}

/** The sizes of the report. */
export const SIZES: Sizes = {
  cubes: [256, 512, 1024],
  transposed: 512,
  products: [[128, 784, 128], [128, 1024, 1024]],
  elements: [2 ** 20, 2 ** 24],
  rows: [[128, 10], [4096, 1000]],
  matrix: [4096, 1024],
  networks: [[784, 128, 10], [784, 800, 800, 10]],
  batch: 128,
  examples: 60_000,
};

/** All workloads, suite by suite, group by group. */
export function listWorkloads(sizes: Sizes = SIZES): Workload[] {
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
    ...sizes.elements.flatMap((n) => [
      elementwiseWorkload("add", n, 2, (recorder, a, b) => add(recorder, a, b)),
      elementwiseWorkload("relu", n, 1, (recorder, x) => relu(recorder, x)),
      elementwiseWorkload("gelu", n, 1, (recorder, x) => gelu(recorder, x)),
    ]),
    gatherWorkload(batch, sizes.networks[0]![0]!, examples),
    ...sizes.rows.map(([rows, columns]) => softmaxWorkload(rows, columns)),
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
    ...sizes.networks.flatMap((units) => [
      trainingWorkload(units, batch, examples),
      trainingWorkload(units, batch, examples, ["accuracy"]),
    ]),
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

/**
 * One step of plain SGD on dense layers with relu and softmax cross-entropy, the batch gathered from bytes. Its FLOPs are those
 * of its matmuls; its bytes are the batch, and the parameters read and written.
 */
export function trainingWorkload(
  units: readonly number[],
  batch: number,
  examples: number,
  metrics: readonly MetricName[] = [],
): Workload {
  const [inputs, ...outputs] = units as readonly [number, ...number[]];
  const weights = outputs.map((width, i) => width * units[i]!);
  // Each weight takes part in y = x · Wᵀ, dW = dyᵀ · x, and above the first layer dx = dy · W.
  const products = weights.map((count, i) => (i === 0 ? 2 : 3) * count);
  const parameters = total(weights) + total(outputs);
  return {
    name: ["step", units.join("-"), `batch ${batch}`, ...metrics].join(" "),
    suite: "training",
    group: `step ${units.join("-")}`,
    flops: 2 * batch * total(products),
    bytes: batch * (inputs + 4) + 8 * parameters,
    prepare: (gpu) => {
      const layers: Layer[] = outputs.map((width, i) =>
        new Dense({ units: width, activation: i < outputs.length - 1 ? "relu" : "linear" })
      );
      const network = new Network(gpu, layers, [inputs], 1);
      const optimizer = new Sgd({ learningRate: 0.1 });
      const trainer = new Trainer(network, { loss: "softmaxCrossEntropy", optimizer, metrics });
      const random = new Random(2);
      const data: Batch = {
        x: imageBytes(examples * inputs),
        y: Uint32Array.from({ length: examples }, () => random.integer(outputs.at(-1)!)),
        length: examples,
      };
      const feed = new Feed(gpu, data, [inputs], true);
      return new PreparedTraining(network, trainer, feed, batch);
    },
  };
}

/** Numbers drawn for the beginning of an input; the rest repeats them. */
const DRAWN = 2 ** 16;

function randomTensor(gpu: Gpu, shape: Shape): Tensor {
  const random = new Random(1);
  const drawn = Float32Array.from({ length: DRAWN }, () => random.normal());
  return gpu.tensor(repeat(drawn, new Float32Array(sizeOf(shape))), shape);
}

/** Bytes as in pictures of digits: four of five are 0. */
function imageBytes(length: number): Uint8Array {
  const random = new Random(1);
  const drawn = Uint8Array.from(
    { length: DRAWN },
    () => random.integer(5) === 0 ? random.integer(256) : 0,
  );
  return repeat(drawn, new Uint8Array(length));
}

function repeat<A extends Float32Array | Uint8Array>(pattern: A, target: A): A {
  for (let at = 0; at < target.length; at += pattern.length) {
    target.set(pattern.subarray(0, target.length - at), at);
  }
  return target;
}

/** 16M for 2²⁴. */
function count(n: number): string {
  return n >= 2 ** 20 && n % 2 ** 20 === 0 ? `${n / 2 ** 20}M` : String(n);
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
