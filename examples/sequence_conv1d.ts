/**
 * Convolution in one dimension: which of four short waves is hidden somewhere in a noisy sequence?
 *
 *     deno task example examples/sequence_conv1d.ts [epochs] [training sequences]
 *
 * A linear model weighs each place by itself, but the wave may be anywhere. A convolution looks for the same shape at every
 * place, and a pool keeps the best match.
 */

import {
  Conv1d,
  Dataset,
  Dense,
  Gpu,
  type Layer,
  MaxPool1d,
  Random,
  Sequential,
  Sgd,
} from "../mod.ts";

const [epochs = "6", count = "3000"] = Deno.args;
const [LENGTH, WAVE] = [72, 16];

/** The waves, of the same energy: a sine, its square, a saw tooth, and a chirp. */
const WAVES: [name: string, wave: (t: number) => number][] = [
  ["sine", (t) => Math.SQRT2 * Math.sin(4 * Math.PI * t)],
  ["square", (t) => Math.sign(Math.sin(4 * Math.PI * t + 1e-9))],
  ["saw", (t) => Math.sqrt(3) * (2 * (2 * t % 1) - 1)],
  ["chirp", (t) => Math.SQRT2 * Math.sin(8 * Math.PI * t * t)],
];

/** Noise with one of the waves in it; the class is the number of the wave. */
function makeSequences(count: number, seed: number): Dataset {
  const random = new Random(seed);
  const x = new Float32Array(count * LENGTH);
  const y = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    y[i] = random.integer(WAVES.length);
    const [, wave] = WAVES[y[i]!]!;
    const start = random.integer(LENGTH - WAVE);
    for (let j = 0; j < LENGTH; j++) x[i * LENGTH + j] = 0.4 * random.normal();
    for (let j = 0; j < WAVE; j++) x[i * LENGTH + start + j]! += wave(j / WAVE);
  }
  const classNames = WAVES.map(([name]) => name);
  return new Dataset({ x, y, inputShape: [1, LENGTH], classNames });
}

await using gpu = await Gpu.open();
const [train, test] = [makeSequences(Number(count), 1), makeSequences(1000, 2)];
draw(train);

/** Trains a model, and returns its accuracy on sequences that it has not seen. */
async function accuracyOf(name: string, layers: Layer[]): Promise<number> {
  using model = new Sequential(layers, { gpu, inputShape: train.inputShape, seed: 3 });
  model.compile({
    loss: "softmaxCrossEntropy",
    optimizer: new Sgd({ learningRate: 0.02, momentum: 0.9 }),
    metrics: ["accuracy"],
  });
  await model.fit(train, {
    epochs: Number(epochs),
    batchSize: 64,
    onEpoch: ({ epoch, loss, accuracy }) => {
      console.log(`${name}  epoch ${epoch}  loss ${loss.toFixed(3)}  ${percent(accuracy!)}`);
    },
  });
  return (await model.evaluate(test)).accuracy!;
}

const linear = await accuracyOf("linear", [new Dense({ units: WAVES.length })]);
const convolutional = await accuracyOf("conv1d", [
  new Conv1d({ filters: 16, kernelSize: 9, padding: "same", activation: "relu" }),
  new MaxPool1d({ poolSize: 2 }),
  new Conv1d({ filters: 24, kernelSize: 7, padding: "same", activation: "relu" }),
  new MaxPool1d({ poolSize: LENGTH / 2 }), // the best match, wherever it is
  new Dense({ units: WAVES.length }),
]);
console.log(`Test accuracy, where guessing gives ${percent(1 / WAVES.length)}:`);
console.log(`  linear model    ${percent(linear)}`);
console.log(`  convolutions    ${percent(convolutional)}`);

/** The first sequence of each class as a line of blocks, eight heights for −2 … 2. */
function draw({ x, y }: Dataset): void {
  WAVES.forEach(([name], k) => {
    const i = y.indexOf(k);
    const heights = Array.from(x.subarray(i * LENGTH, (i + 1) * LENGTH), (value) => {
      return "▁▂▃▄▅▆▇█"[Math.max(0, Math.min(7, Math.floor(2 * value + 4)))];
    });
    console.log(`${name.padEnd(7)}${heights.join("")}`);
  });
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}
