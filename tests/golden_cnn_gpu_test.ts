/**
 * The GPU trains the golden convolutional networks and must agree with PyTorch's float64: losses of ten steps, gradients of the
 * first, norms of the last parameters.
 *
 * @module
 */

import { assert } from "@std/assert";
import {
  AveragePool2d,
  Conv2d,
  Dense,
  type Gpu,
  type Layer,
  MaxPool2d,
  Relu,
  Sequential,
  Sgd,
} from "../mod.ts";
import { openGpu } from "./gpu.ts";
import {
  goldenCnnBatch,
  goldenCnnParameters,
  type GoldenCnnRun,
  goldenCnnRuns,
  type GoldenLayer,
} from "./golden_cnn.ts";

const TOLERANCE = 1e-5;

/** The layer of a golden network, or undefined for a kind that has no GPU layer. */
function layerOf(golden: GoldenLayer): Layer | undefined {
  const { type, ...options } = golden as GoldenLayer & Record<string, never>;
  switch (type) {
    case "convolution":
      return new Conv2d(options as never);
    case "dense":
      return new Dense(options as never);
    case "relu":
      return new Relu();
    case "maxPool":
      return new MaxPool2d(options as never);
    case "averagePool":
      return new AveragePool2d(options as never);
    default:
      return undefined;
  }
}

function buildModel(gpu: Gpu, run: GoldenCnnRun, layers: Layer[]): Sequential {
  const model = new Sequential(layers, { gpu, inputShape: run.inputShape });
  model.compile({ loss: "softmaxCrossEntropy", optimizer: new Sgd(run.optimizer) });
  const initial = goldenCnnParameters(run);
  model.parameters.forEach(({ value }, i) => value.write(initial[i]!.values));
  return model;
}

function assertClose(actual: number, expected: number, scale: number, what: string): void {
  const error = Math.abs(actual - expected);
  assert(error <= TOLERANCE * scale, `${what}: expected ${expected}, got ${actual}`);
}

for (const run of goldenCnnRuns) {
  const layers = run.layers.map(layerOf);
  if (layers.includes(undefined)) continue;
  Deno.test(`golden run: ${run.name}`, async () => {
    const gpu = await openGpu();
    using model = buildModel(gpu, run, layers as Layer[]);
    for (let step = 0; step < run.losses.length; step++) {
      const batch = goldenCnnBatch(run, step);
      using x = gpu.tensor(batch.x, [run.batchSize, ...run.inputShape]);
      using y = gpu.tensor(batch.y);
      model.forward(x);
      const [loss] = await model.backward(y).read();
      assertClose(loss!, run.losses[step]!, Math.abs(run.losses[step]!), `loss of step ${step}`);
      if (step === 0) {
        const gradients = await Promise.all(model.parameters.map((p) => p.gradient!.read()));
        run.gradients.forEach(({ name, norm, stride, values }, i) => {
          const rms = norm / Math.sqrt(gradients[i]!.length);
          values.forEach((expected, j) => {
            const scale = Math.abs(expected) + rms;
            assertClose(gradients[i]![j * stride]!, expected, scale, `${name}: d[${j * stride}]`);
          });
        });
      }
      model.update();
    }
    const values = await Promise.all(model.parameters.map(({ value }) => value.read()));
    model.parameters.forEach(({ name }, i) => {
      const expected = run.finalNorms[name]!;
      assertClose(Math.hypot(...values[i]!), expected, expected, `${name}: norm at the end`);
    });
  });
}
