/**
 * The GPU trains the golden convolutional networks and must agree with PyTorch's float64: losses of ten steps, gradients of the
 * first, norms of the last parameters.
 *
 * @module
 */

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
import { assertClose, checkGradients, checkNorms, setParameters } from "./golden_check.ts";
import {
  goldenCnnBatch,
  goldenCnnParameters,
  type GoldenCnnRun,
  goldenCnnRuns,
  type GoldenLayer,
} from "./golden_cnn.ts";

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
  setParameters(model, goldenCnnParameters(run));
  return model;
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
      if (step === 0) await checkGradients(model, run.gradients);
      model.update();
    }
    await checkNorms(model, run.finalNorms);
  });
}
