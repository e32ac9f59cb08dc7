/**
 * Strata as a worker of `deno task bench:peers`.
 *
 * @module
 */

import { Gpu } from "../../src/gpu/gpu.ts";
import type { Tensor } from "../../src/gpu/tensor.ts";
import { Conv2d } from "../../src/layers/convolution.ts";
import { Dense } from "../../src/layers/dense.ts";
import type { Layer } from "../../src/layers/layer.ts";
import { MaxPool2d } from "../../src/layers/pooling.ts";
import { conv2d, conv2dInputGradient, convolveWeightGradient } from "../../src/ops/convolution.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { Sgd } from "../../src/optimizers/sgd.ts";
import { Feed } from "../../src/training/feed.ts";
import { Network } from "../../src/training/network.ts";
import { Trainer } from "../../src/training/trainer.ts";
import { PreparedOperation } from "../workload.ts";
import { type PreparedWork, serve } from "./worker.ts";
import {
  convolutionShapes,
  type ConvolutionWork,
  type MatmulWork,
  stepBatch,
  stepLayers,
  type StepWork,
  workInputs,
} from "./works.ts";

const gpu = await Gpu.open();

function prepareOperation(work: MatmulWork | ConvolutionWork): PreparedWork {
  const { shapes, values } = workInputs(work);
  const [a, b] = [gpu.tensor(values[0], shapes[0]), gpu.tensor(values[1], shapes[1])];
  let result: Tensor;
  const operation = new PreparedOperation(gpu, [a, b], (recorder) => {
    const compute = (): Tensor => {
      if (work.kind === "matmul") return matmul(recorder, a, b);
      const { inputShape, strides = 1, padding = 0 } = work.size;
      const { weightShape } = convolutionShapes(work.size);
      const options = { strides, padding };
      if (work.pass === "forward") return conv2d(recorder, a, b, options);
      return work.pass === "inputGradient"
        ? conv2dInputGradient(recorder, a, b, { ...options, inputShape })
        : convolveWeightGradient(recorder, 2, a, b, { ...options, weightShape });
    };
    result = recorder.keep(compute());
  });
  return {
    run: async (repetitions) => {
      operation.run(repetitions);
      await operation.wait();
    },
    result: async () => await result.read(),
    dispose: () => operation.dispose(),
  };
}

function prepareStep(work: StepWork): PreparedWork {
  const { filters, units, batch, learningRate } = work;
  const layers: Layer[] = [
    ...filters.flatMap((filters) => [
      new Conv2d({ filters, kernelSize: 5, padding: "same", activation: "relu" }),
      new MaxPool2d({ poolSize: 2 }),
    ]),
    ...units.map((units, i, { length }) =>
      new Dense({ units, activation: i < length - 1 ? "relu" : "linear" })
    ),
  ];
  const network = new Network(gpu, layers, [1, 28, 28], 1);
  const optimizer = new Sgd({ learningRate });
  const trainer = new Trainer(network, { loss: "softmaxCrossEntropy", optimizer });
  const parameters = Object.entries(network.parameters.named("values"));
  const weights = parameters.filter(([name]) => name.endsWith("weight"));
  stepLayers(work).forEach(({ weights: values }, i) => weights[i]![1].write(values()));
  for (const [name, tensor] of parameters) {
    if (name.endsWith("bias")) tensor.write(new Float32Array(tensor.size));
  }
  const { pixels, labels } = stepBatch(work);
  const feed = new Feed(gpu, { x: pixels, y: labels, length: batch }, [1, 28, 28], false);
  const { statistics } = trainer;
  let loss = NaN;
  return {
    run: async (repetitions) => {
      for (let repetition = 0; repetition < repetitions; repetition++) {
        if (statistics.pending >= statistics.capacity) await trainer.readStatistics();
        trainer.queue(feed, batch);
      }
      const { sums, rows } = (await trainer.readStatistics()).at(-1)!;
      loss = sums[0]! / rows;
    },
    result: () => Promise.resolve(Float32Array.of(loss)),
    dispose: () => {
      trainer.release(feed);
      trainer.dispose();
      network.dispose();
    },
  };
}

await serve((work) => work.kind === "step" ? prepareStep(work) : prepareOperation(work));
