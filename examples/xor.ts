/**
 * The perceptron of a lecture, step(w · x + b), learns AND but not XOR; behind a hidden layer it learns XOR too.
 *
 *     deno task example examples/xor.ts [picture.svg]
 *
 * No line separates XOR: w · x + b has the same sum over (0, 0) and (1, 1) as over (0, 1) and (1, 0), so it cannot be at most 0
 * at the first two and above 0 at the other two.
 *
 * @module
 */

import { Dataset, formatTable, Gpu, mlp, perceptron, type Sequential, Sgd } from "../mod.ts";

const x = new Float32Array([0, 0, 0, 1, 1, 0, 1, 1]);
const and = [0, 0, 0, 1];
const xor = [0, 1, 1, 0];

// 1. The networks. All end in one output z and answer step(z), so that the hidden layer is the only difference.
await using gpu = await Gpu.open();
using first = perceptron({ gpu, seed: 1 });
using second = perceptron({ gpu, seed: 1 });
using third = mlp({ gpu, inputShape: [2], hidden: [8], activation: "tanh", classes: 1, seed: 1 });

const step = async (model: Sequential, inputs: Float32Array) =>
  Array.from(await model.predict(inputs, { batchSize: 4096 }), (z) => z > 0 ? 1 : 0);

/** The answers in the square [−0.5, 1.5]², row by row from the top, at its edges too. */
async function square(model: Sequential, columns: number, rows: number): Promise<string[]> {
  const inputs = Array.from({ length: rows * columns }, (_, i) => [
    2 * (i % columns) / (columns - 1) - 0.5,
    1.5 - 2 * Math.floor(i / columns) / (rows - 1),
  ]);
  const answers = (await step(model, new Float32Array(inputs.flat()))).join("");
  return Array.from({ length: rows }, (_, i) => answers.slice(i * columns, (i + 1) * columns));
}

// 2. Training. Each epoch is one step on all four points, so its accuracy is that of one set of weights.
async function train(name: string, model: Sequential, truth: number[]) {
  const optimizer = new Sgd({ learningRate: 0.1 });
  model.compile({ loss: "hinge", optimizer, metrics: ["accuracy"] });
  const data = new Dataset({ x, y: new Uint32Array(truth), inputShape: [2], classes: 2 });
  const { epochs } = await model.fit(data, { epochs: 400, batchSize: 4 });
  const answers = await step(model, x);
  const right = answers.filter((answer, i) => answer === truth[i]).length;
  const best = Math.max(right, ...epochs.map(({ accuracy }) => 4 * accuracy!));
  const [text, pixels] = [await square(model, 25, 13), await square(model, 201, 201)];
  return { name, truth, answers, right, best, text, pixels };
}
const runs = [
  await train("AND, perceptron", first, and),
  await train("XOR, perceptron", second, xor),
  await train("XOR, 8 hidden units", third, xor),
];

// 3. What each says of the four points.
const rows = and.map((label, i) => [label, xor[i]!, ...runs.map(({ answers }) => answers[i]!)]);
const columns = ["AND", "XOR", ...runs.map(({ name }) => name)];
const last = ["At the end", "", "", ...runs.map(({ right }) => `${right} of 4`)];
const most = ["At best", "", "", ...runs.map(({ best }) => `${best} of 4`)];
console.log(formatTable(
  rows.map((row, i) => [`(${x[2 * i]}, ${x[2 * i + 1]})`, ...row]),
  [{ heading: "Point" }, ...columns.map((heading) => ({ heading, align: "right" as const }))],
  { footer: [last, most] },
));

// 4. Where each says 1 (▒) and where 0 (·). The digits are the four points, with what is true of them.
const pictures = runs.map(({ text, truth }) => {
  const cells = text.map((row) => Array.from(row.replaceAll("0", "·").replaceAll("1", "▒")));
  truth.forEach((label, i) => cells[9 - 6 * x[2 * i + 1]!]![6 + 12 * x[2 * i]!] = String(label));
  return cells.map((row) => row.join(""));
});
console.log("\n" + runs.map(({ name }) => name.padEnd(25)).join("  ").trimEnd());
pictures[0]!.forEach((_, i) => console.log(pictures.map((rows) => rows[i]).join("  ")));

// 5. The same as SVG, 100 pixels a unit: a rectangle for each run of ones in a row.
const panels = runs.map(({ name, truth, pixels }, k) => {
  const areas = pixels.flatMap((row, i) =>
    Array.from(
      row.matchAll(/1+/g),
      ({ index, 0: { length } }) => `M${index} ${i}h${length}v1h-${length}z`,
    )
  );
  const points = truth.map((label, i) =>
    `<g transform="translate(${50.5 + 100 * x[2 * i]!} ${150.5 - 100 * x[2 * i + 1]!})">` +
    `<circle r="11"/><text y="5">${label}</text></g>`
  );
  return `<g transform="translate(${20 + 220 * k} 40)"><text x="100" y="-12">${name}</text>
<path d="${areas.join("")}"/><rect class="frame" width="201" height="201"/>${points.join("")}</g>`;
});
const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 681 261" width="681" height="261">
<title>Where each network answers 1: the coloured areas</title>
<style>
text { font: 14px system-ui, "DejaVu Sans", sans-serif; text-anchor: middle; fill: #222 }
path { fill: #9cc4f0 } .paper, circle { fill: #fff } circle, .frame { stroke: #222 } .frame { fill: none }
@media (prefers-color-scheme: dark) {
text { fill: #e6e6e6 } path { fill: #2d5f94 } .paper, circle { fill: #161616 } circle, .frame { stroke: #e6e6e6 }
}
</style>
<rect class="paper" width="681" height="261"/>
${panels.join("\n")}
</svg>
`;
if (Deno.args[0] !== undefined) await Deno.writeTextFile(Deno.args[0], svg);
