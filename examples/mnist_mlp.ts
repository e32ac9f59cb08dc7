/**
 * A multi-layer perceptron that reads digits: the shortest complete training.
 *
 *     deno task example examples/mnist_mlp.ts [folder of MNIST, or "drawn"] [epochs] [training images]
 *
 * Without a folder it trains on drawn digits, which need no file.
 */

import { Dense, generateDigits, Gpu, loadMnist, Sequential, Sgd } from "../mod.ts";

const [folder = "drawn", epochs = "5", images = "10000"] = Deno.args;

// 1. The data. Pixels stay bytes, one each, also on the GPU.
const [train, test] = folder === "drawn"
  ? [
    generateDigits({ count: Number(images), seed: 1 }),
    generateDigits({ count: 2000, seed: 2 }),
  ]
  : [
    (await loadMnist(folder, "train")).slice(0, Number(images)),
    await loadMnist(folder, "test"),
  ];

// 2. The network. A dense layer takes an image [1, 28, 28] as its 784 pixels; the outputs are logits.
await using gpu = await Gpu.open();
using model = new Sequential([
  new Dense({ units: 128, activation: "relu" }),
  new Dense({ units: 10 }),
], { gpu, inputShape: train.inputShape, seed: 7 });
console.log(model.summary());

// 3. Training: forward, backward and update, for every batch of 128 images.
model.compile({
  loss: "softmaxCrossEntropy",
  optimizer: new Sgd({ learningRate: 0.1, momentum: 0.9 }),
  metrics: ["accuracy"],
});
await model.fit(train, {
  epochs: Number(epochs),
  batchSize: 128,
  validation: test,
  onEpoch: ({ epoch, loss, valAccuracy }) => {
    console.log(`epoch ${epoch}  loss ${loss.toFixed(4)}  test accuracy ${percent(valAccuracy!)}`);
  },
});

// 4. The network in use: ten scores for each image, the largest is its answer.
const few = test.slice(0, 10);
const scores = await model.predict(few);
const answers = Array.from({ length: few.length }, (_, i) => {
  const row = scores.subarray(10 * i, 10 * i + 10);
  return row.indexOf(Math.max(...row));
});
console.log(`The first digits of the test set: ${few.y.join(" ")}`);
console.log(`The network reads them as:        ${answers.join(" ")}`);

function percent(share: number): string {
  return `${(100 * share).toFixed(2)}%`;
}
