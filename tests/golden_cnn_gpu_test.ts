/**
 * The GPU trains the golden convolutional networks and must agree with PyTorch's float64: losses of ten steps, gradients of the
 * first, norms of the last parameters, running statistics, and the loss in inference.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import {
  AveragePool2d,
  BatchNorm,
  Conv2d,
  Dataset,
  Dense,
  type Gpu,
  type Layer,
  LocalResponseNorm,
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

/** The layer of a golden network. */
function layerOf(golden: GoldenLayer): Layer {
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
    case "localResponseNorm":
      return new LocalResponseNorm(options as never);
    case "batchNorm":
      return new BatchNorm(options as never);
  }
}

function buildModel(gpu: Gpu, run: GoldenCnnRun): Sequential {
  const model = new Sequential(run.layers.map(layerOf), { gpu, inputShape: run.inputShape });
  model.compile({ loss: "softmaxCrossEntropy", optimizer: new Sgd(run.optimizer) });
  setParameters(model, goldenCnnParameters(run));
  return model;
}

/** Checks the running statistics: means against the deviation that belongs to them, variances against themselves. */
async function checkRunning(model: Sequential, run: GoldenCnnRun): Promise<void> {
  assertEquals(model.buffers.map(({ name }) => name), Object.keys(run.running));
  const values = await Promise.all(model.buffers.map(({ value }) => value.read()));
  model.buffers.forEach(({ name }, i) => {
    const variances = run.running[name.replace("mean", "var")]!;
    run.running[name]!.forEach((expected, c) => {
      const scale = name.endsWith("var") ? expected : Math.sqrt(variances[c]!);
      assertClose(values[i]![c]!, expected, scale, `${name}[${c}]`);
    });
  });
}

/** Checks the loss of the first batch in inference. */
async function checkEvaluation(model: Sequential, run: GoldenCnnRun): Promise<void> {
  const { x, y } = goldenCnnBatch(run, 0);
  const { loss } = await model.evaluate(new Dataset({ x, y, inputShape: run.inputShape }));
  assertClose(loss, run.evaluation, run.evaluation, "loss in inference");
}

for (const run of goldenCnnRuns) {
  Deno.test(`golden run: ${run.name}`, async () => {
    const gpu = await openGpu();
    using model = buildModel(gpu, run);
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
    await checkRunning(model, run);
    await checkEvaluation(model, run);
  });
}
