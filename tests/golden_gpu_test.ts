/**
 * The GPU trains the golden runs and must agree with PyTorch's float64: losses of ten steps, gradients of the first,
 * norms of the last parameters.
 *
 * @module
 */

import {
  Adagrad,
  Adam,
  AdamW,
  Dense,
  type Gpu,
  Nadam,
  type Optimizer,
  RmsProp,
  Sequential,
  Sgd,
} from "../mod.ts";
import type { Batch } from "../mod.ts";
import { openGpu } from "./gpu.ts";
import { assertClose, checkGradients, checkNorms, setParameters } from "./golden_check.ts";
import {
  goldenBatch,
  type GoldenNetwork,
  goldenOptimizerRuns,
  goldenParameters,
  type GoldenRun,
  goldenRuns,
} from "./golden.ts";

function buildModel(gpu: Gpu, run: GoldenNetwork, optimizer: Optimizer): Sequential {
  const units = run.sizes.slice(1);
  const layers = units.map((count, i) =>
    new Dense({ units: count, activation: i < units.length - 1 ? run.activation : "linear" })
  );
  const model = new Sequential(layers, { gpu, inputShape: [run.sizes[0]!] });
  model.compile({ loss: run.loss, optimizer });
  setParameters(model, goldenParameters(run));
  return model;
}

function sgdOf({ optimizer, clipNorm }: GoldenRun): Sgd {
  return new Sgd({ ...optimizer, ...(clipNorm === undefined ? {} : { clipNorm }) });
}

function* batches(run: GoldenNetwork, steps: number): Generator<Batch> {
  for (let step = 0; step < steps; step++) {
    yield { ...goldenBatch(run, step), length: run.batchSize };
  }
}

for (const run of goldenRuns) {
  Deno.test(`golden run, three steps by hand: ${run.name}`, async () => {
    const gpu = await openGpu();
    using model = buildModel(gpu, run, sgdOf(run));
    for (let step = 0; step < run.losses.length; step++) {
      const batch = goldenBatch(run, step);
      using x = gpu.tensor(batch.x, [run.batchSize, run.sizes[0]!]);
      using y = batch.y instanceof Uint32Array
        ? gpu.tensor(batch.y)
        : gpu.tensor(batch.y, [run.batchSize, run.sizes.at(-1)!]);
      model.forward(x);
      const [loss] = await model.backward(y).read();
      assertClose(loss!, run.losses[step]!, Math.abs(run.losses[step]!), `loss of step ${step}`);
      if (step === 0) await checkGradients(model, run.gradients);
      model.update();
    }
    await checkNorms(model, run.finalNorms);
  });

  Deno.test(`golden run, fit on a stream: ${run.name}`, async () => {
    const gpu = await openGpu();
    using model = buildModel(gpu, run, sgdOf(run));
    const { stepLosses } = await model.fit(batches(run, run.losses.length));
    run.losses.forEach((expected, step) => {
      assertClose(stepLosses[step]!, expected, Math.abs(expected), `loss of step ${step}`);
    });
    await checkNorms(model, run.finalNorms);
  });
}

const OPTIMIZERS = { adam: Adam, adamw: AdamW, nadam: Nadam, rmsprop: RmsProp, adagrad: Adagrad };

for (const run of goldenOptimizerRuns) {
  Deno.test(`golden run, optimisers: ${run.name}`, async () => {
    const gpu = await openGpu();
    using model = buildModel(gpu, run, new OPTIMIZERS[run.optimizer](run.options));
    const { stepLosses } = await model.fit(batches(run, run.losses.length));
    run.losses.forEach((expected, step) => {
      assertClose(stepLosses[step]!, expected, Math.abs(expected), `loss of step ${step}`);
    });
    await checkNorms(model, run.finalNorms);
  });
}
