/**
 * "Can you find the problem of this code?" A lecture prints Pegasos in a dozen lines. Here they run on samples that are sorted
 * by class, as files often are, and then what is missing is added, one thing after the other.
 *
 *     deno run examples/pegasos_order.ts
 *
 * @module
 */

import { formatTable, pegasos, Random } from "../mod.ts";

const [features, lambda, epochs] = [10, 0.01, 5];

/** The lecture's lines: samples in stored order, no bias, the last iterate. */
function printed(x: Float64Array, y: Int8Array, start: Float64Array): Float64Array {
  let w = start;
  let t = 1;
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (let i = 0; i < y.length; i++) {
      const row = x.subarray(i * features, (i + 1) * features);
      const margin = y[i]! * row.reduce((sum, value, k) => sum + value * w[k]!, 0);
      const pull = margin < 1 ? y[i]! / (lambda * t) : 0;
      w = w.map((value, k) => (1 - 1 / t) * value + pull * row[k]!);
      t++;
    }
  }
  return w;
}

/** Samples about ±1 / 2 in every feature, all of them moved by 1 / 2; first those of one class, then those of the other. */
function samples(count: number, seed: number): { x: Float64Array; y: Int8Array } {
  const random = new Random(seed);
  const y = Int8Array.from({ length: count }, (_, i) => i < count / 2 ? 1 : -1);
  const x = Float64Array.from(
    { length: count * features },
    (_, k) => random.normal() + 0.5 + 0.5 * y[Math.floor(k / features)]!,
  );
  return { x, y };
}

const { x, y } = samples(1000, 1);
const test = samples(1000, 2);

function decide(weights: Float64Array, points: Float64Array): Float64Array {
  return Float64Array.from(
    { length: points.length / features },
    (_, i) => weights.reduce((sum, value, k) => sum + value * points[i * features + k]!, 0),
  );
}
function row(name: string, weights: Float64Array, bias: number, gap?: number): string[] {
  const loss =
    decide(weights, x).reduce((sum, value, i) => sum + Math.max(0, 1 - y[i]! * (value + bias)), 0) /
    y.length;
  const objective = loss + lambda / 2 * weights.reduce((sum, value) => sum + value ** 2, bias ** 2);
  const right =
    decide(weights, test.x).filter((value, i) => (value + bias) * test.y[i]! > 0).length;
  return [name, objective.toFixed(4), gap?.toFixed(4) ?? "", `${(right / 10).toFixed(1)}%`];
}

const start = new Float64Array(features);
const rows = [row("as printed", printed(x, y, start), 0)];
const plain = { lambda, epochs, seed: 3, averaging: "none", bias: false } as const;
for (
  const [name, options] of [
    ["+ shuffled each epoch", plain],
    ["+ bias", { ...plain, bias: true }],
    ["+ average of the iterates", { ...plain, bias: true, averaging: "weighted" }],
  ] as const
) {
  const { weights, bias, dualityGap } = await pegasos({ x, y, features }, options);
  rows.push(row(name, weights, bias, dualityGap));
}
console.log(formatTable(rows, [
  { heading: `Pegasos, ${epochs} epochs` },
  { heading: "Objective", align: "right" },
  { heading: "Above the minimum by at most", align: "right" },
  { heading: "Right on new samples", align: "right" },
]));

const [one, other] = [printed(x, y, start.map(() => 1)), printed(x, y, start.map(() => -5))];
console.log(
  `\nFrom other weights the printed lines ${
    one.every((value, k) => value === other[k]) ? "end at the same" : "end elsewhere"
  }: their first step multiplies them by 1 − 1/1 = 0.`,
);
