/**
 * Logistic regression on a table: which columns tell the classes apart, and in which direction.
 *
 *     deno task example examples/csv_logistic.ts [CSV file] [its column of classes] [epochs]
 *
 * Without a file it draws flowers of three kinds, whose sizes overlap and whose place tells something too.
 */

import {
  fitTable,
  formatTable,
  Gpu,
  logisticRegression,
  openCsv,
  Random,
  readCsv,
  Sgd,
} from "../mod.ts";

const [file, label = "kind", epochs = "30"] = Deno.args;

// 1. The records. A fifth of them, drawn by their line numbers, is kept to test with.
const records = file === undefined ? readCsv(drawFlowers(1000, 1)) : openCsv(file);
const [trainRecords, testRecords] = records.split(0.8, { seed: 7 });

// 2. The encoding: numbers get mean 0 and deviation 1, names an input each. It is learnt from the training records alone;
// nothing of the others may flow into the model, or the test would be too kind.
const table = await fitTable(trainRecords, { label });
const classNames = table.classNames!;
const [train, test] = [await table.encode(trainRecords), await table.encode(testRecords)];
console.log(`${train.length} records to train on, ${test.length} to test with`);

// 3. The model: for each class, a weight for each input. Weights that the data do not need are pulled to 0.
await using gpu = await Gpu.open();
using model = logisticRegression({
  gpu,
  inputShape: table.inputShape,
  classes: classNames.length,
  seed: 7,
});
model.compile({
  loss: "softmaxCrossEntropy",
  optimizer: new Sgd({ learningRate: 0.1, momentum: 0.9, weightDecay: 1e-3 }),
  metrics: ["accuracy"],
});
await model.fit(train, { epochs: Number(epochs), batchSize: 32 });
const { loss, accuracy } = await model.evaluate(test);
console.log(`Test loss ${loss.toFixed(4)}, accuracy ${(100 * accuracy!).toFixed(1)}%\n`);

// 4. The weights, by the names of the columns. The inputs are standardised, so that they can be compared: the larger a weight,
// the more its input speaks for the class.
const [weight, bias] = await Promise.all(model.parameters.map(({ value }) => value.read()));
const inputs = table.features.length;
const rows = table.features.map((name, i) => [
  name,
  ...classNames.map((_, k) => weight![k * inputs + i]!.toFixed(2)),
]);
console.log(formatTable(
  [...rows, ["(bias)", ...classNames.map((_, k) => bias![k]!.toFixed(2))]],
  [{ heading: "Input" }, ...classNames.map((heading) => ({ heading, align: "right" as const }))],
));

/** A CSV file of flowers: four sizes, the place, and the kind. The sizes of a kind are normal; the last tells nothing. */
function drawFlowers(count: number, seed: number): string {
  const random = new Random(seed);
  const kinds = [
    { name: "dwarf", sizes: [1.5, 0.3, 5.0, 3.0], meadow: 0.5 },
    { name: "common", sizes: [4.3, 1.3, 5.9, 3.0], meadow: 0.8 },
    { name: "giant", sizes: [5.5, 2.0, 6.6, 3.0], meadow: 0.2 },
  ];
  const lines = Array.from({ length: count }, () => {
    const { name, sizes, meadow } = kinds[random.integer(3)]!;
    const drawn = sizes.map((size) => (size + 0.4 * random.normal()).toFixed(1));
    return [...drawn, random.uniform() < meadow ? "meadow" : "shore", name].join(",");
  });
  return `petal length,petal width,sepal length,sepal width,place,kind\n${lines.join("\n")}\n`;
}
