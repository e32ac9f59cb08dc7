/**
 * "Can you find the problem of this code?" A lecture prints Pegasos in a dozen lines. Here they run on samples that are sorted
 * by class, as files often are, and then they are mended, one thing after the other.
 *
 *     deno run examples/pegasos_order.ts
 *
 * @module
 */

import { formatTable, pegasos, Random } from "../mod.ts";

const [features, lambda, epochs] = [10, 0.01, 20];

/** Ones and minus ones in every feature, among noise, all moved by 1; first one class, then the other. */
function samples(count: number, seed: number): { x: number[][]; y: number[] } {
  const random = new Random(seed);
  const y = Array.from({ length: count }, (_, i) => i < count / 2 ? 1 : -1);
  return {
    x: y.map((c) => Array.from({ length: features }, () => random.normal() + 1 + c / 2)),
    y,
  };
}
const dot = (a: number[], b: number[]) => a.reduce((sum, value, k) => sum + value * b[k]!, 0);
const { x, y } = samples(1000, 1);
const test = samples(1000, 2);

/** The lecture's lines: samples in stored order, no bias, the last iterate. */
function printed(x: number[][], w: number[]): number[] {
  let t = 1;
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (let i = 0; i < x.length; i++) {
      const pull = y[i]! * dot(x[i]!, w) < 1 ? y[i]! / (lambda * t) : 0;
      w = w.map((value, k) => (1 - 1 / t) * value + pull * x[i]![k]!);
      t++;
    }
  }
  return w;
}

function describe(name: string, weights: number[], bias: number, gap?: number): string[] {
  const hinge = x.map((row, i) => Math.max(0, 1 - y[i]! * (dot(row, weights) + bias)));
  const objective = hinge.reduce((sum, value) => sum + value) / x.length +
    lambda / 2 * (dot(weights, weights) + bias ** 2);
  const right = test.x.filter((row, i) => test.y[i]! * (dot(row, weights) + bias) > 0).length;
  const proof = gap === undefined ? "" : `≤ ${gap.toFixed(4)}`;
  return [name, objective.toFixed(4), proof, `${(100 * right / test.x.length).toFixed(1)}%`];
}

const zeros = new Array<number>(features).fill(0);
const withOne = printed(x.map((row) => [...row, 1]), [...zeros, 0]);
const table = [
  describe("as printed", printed(x, zeros), 0),
  describe("+ bias: a feature that is always 1", withOne.slice(0, -1), withOne.at(-1)!),
];
for (const averaging of ["none", "weighted"] as const) {
  const options = { lambda, epochs, seed: 3, averaging };
  const { weights, bias, dualityGap } = await pegasos({ x: x.flat(), y, features }, options);
  const name = averaging === "none" ? "+ a new order each epoch" : "+ average of the iterates";
  table.push(describe(name, [...weights], bias, dualityGap));
}
console.log(formatTable(table, [
  { heading: `Pegasos, ${epochs} epochs` },
  { heading: "Objective", align: "right" },
  { heading: "Above the minimum", align: "right" },
  { heading: "Right on new samples", align: "right" },
]));

const [ones, sevens] = [1, 7].map((value) => printed(x, zeros.fill(value)));
const same = ones!.every((value, k) => value === sevens![k]);
console.log(`\nThe first step multiplies the weights by 1 − 1/1 = 0: a start from all 1 and one from
all 7 end at ${same ? "the same" : "different"} weights.`);
