/**
 * Branches side by side: a network of inception blocks, as in GoogLeNet, learns images.
 *
 *     deno run --allow-read examples/inception.ts            # generated digits, a small network, a few seconds
 *     deno run --allow-read examples/inception.ts cifar-10   # CIFAR-10 in that folder, a larger network, for a graphics card
 *
 * @module
 */

import {
  Conv2d,
  Dense,
  generateDigits,
  googlenetSmall,
  Gpu,
  inceptionBlock,
  loadCifar10,
  MaxPool2d,
  Sequential,
  Sgd,
} from "../mod.ts";

await using gpu = await Gpu.open();
const [folder] = Deno.args;
const [train, test] = folder === undefined
  ? generateDigits({ count: 1000, seed: 1 }).split(0.8, { seed: 2 })
  : [await loadCifar10(folder, "train"), await loadCifar10(folder, "test")];

// Each block looks at its input with 1×1, 3×3 and 5×5 filters at once, and through a pool. 1×1 filters make the channels few
// before the large ones, which keeps them cheap.
const small = { filters1x1: 8, reduce3x3: 8, filters3x3: 16, reduce5x5: 4, filters5x5: 8 };
using model = folder === undefined
  ? new Sequential([
    new Conv2d({ filters: 16, kernelSize: 5, strides: 2, padding: 2, activation: "relu" }),
    new MaxPool2d({ poolSize: 2 }),
    inceptionBlock({ ...small, poolProjection: 8, name: "first" }),
    inceptionBlock({ ...small, poolProjection: 8, name: "second" }),
    new Dense({ units: 10 }),
  ], { gpu, inputShape: train.inputShape, seed: 1 })
  : googlenetSmall({ gpu, inputShape: train.inputShape, seed: 1 });
console.log(model.summary());

model.compile({
  loss: "softmaxCrossEntropy",
  optimizer: new Sgd({ learningRate: 0.03, momentum: 0.9 }),
  metrics: ["accuracy"],
});
const { epochs } = await model.fit(train, {
  ...(folder === undefined ? { epochs: 3, batchSize: 20 } : { epochs: 3, batchSize: 64 }),
  validation: test,
  onEpoch: ({ epoch, loss, valAccuracy }) =>
    console.log(
      `epoch ${epoch}: loss ${loss.toFixed(3)}, accuracy on new images ${valAccuracy!.toFixed(3)}`,
    ),
});
console.log(`Accuracy: ${(100 * epochs.at(-1)!.valAccuracy!).toFixed(1)}%`);
