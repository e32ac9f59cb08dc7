/**
 * A small AlexNet on CIFAR-10: colour images in ten classes, normalised and augmented on the GPU.
 *
 *     deno task example examples/cifar_alexnet.ts FOLDER [epochs] [training images] [test images]
 *
 * FOLDER has data_batch_1.bin … and test_batch.bin of https://www.cs.toronto.edu/~kriz/cifar.html, gzipped or not.
 */

import {
  alexnetSmall,
  channelMoments,
  cosineDecay,
  Gpu,
  loadCifar10,
  Normalize,
  RandomFlip,
  RandomShift,
  Sgd,
} from "../mod.ts";

const [folder, epochs = "10", trainImages = "50000", testImages = "10000"] = Deno.args;
if (folder === undefined) {
  console.error("Usage: deno task example examples/cifar_alexnet.ts FOLDER [epochs] …");
  Deno.exit(2);
}

// 1. The data.
const allTrain = await loadCifar10(folder, "train");
const train = allTrain.slice(0, Math.min(Number(trainImages), allTrain.length));
const allTest = await loadCifar10(folder, "test");
const test = allTest.slice(0, Math.min(Number(testImages), allTest.length));
console.log(`${train.length} images to train on, ${test.length} to test with`);

// 2. The network. What stands in front of it belongs to the model: the mean and deviation of each colour are saved with it,
// and moving the images, in training only, makes each epoch see others.
await using gpu = await Gpu.open();
using model = alexnetSmall({
  gpu,
  inputShape: train.inputShape,
  classes: train.classes,
  seed: 7,
  preprocessing: [
    new Normalize(await channelMoments(train)),
    new RandomFlip(),
    new RandomShift({ pixels: 4 }),
  ],
});
console.log(model.summary());

// 3. Training, with a learning rate that falls to 0.
const batchSize = 128;
const steps = Number(epochs) * Math.ceil(train.length / batchSize);
model.compile({
  loss: "softmaxCrossEntropy",
  optimizer: new Sgd({
    learningRate: cosineDecay({ rate: 0.02, steps }),
    momentum: 0.9,
    weightDecay: 5e-4,
  }),
  metrics: ["accuracy"],
});
await model.fit(train, {
  epochs: Number(epochs),
  batchSize,
  validation: test,
  onEpoch: ({ epoch, loss, accuracy, valAccuracy, seconds }) => {
    console.log(
      `epoch ${epoch}  loss ${loss.toFixed(4)}  accuracy ${percent(accuracy!)}, ` +
        `test ${percent(valAccuracy!)}  ${seconds.toFixed(1)} s`,
    );
  },
});

// 4. What it takes the first test images for.
const few = test.slice(0, 8);
const scores = await model.predict(few, { softmax: true });
for (let i = 0; i < few.length; i++) {
  const row = scores.subarray(i * train.classes, (i + 1) * train.classes);
  const best = row.indexOf(Math.max(...row));
  const [truth, guess] = [few.y[i]!, best].map((label) => few.classNames![label]!);
  console.log(`${truth!.padEnd(11)} taken for ${guess!.padEnd(11)} ${percent(row[best]!)}`);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}
