/**
 * Long cases: sums of more terms than the loops of lavapipe go round, 65,535.
 *
 * @module
 */

import { hinge, softmaxCrossEntropy } from "../src/ops/losses.ts";
import type { MatmulPlan } from "../src/ops/matmul_plan.ts";
import { argmax, max, mean, sum, sumOfSquares } from "../src/ops/reductions.ts";
import { logSoftmax, softmax } from "../src/ops/softmax.ts";
import { matches, recordSums } from "../src/ops/statistics.ts";
import type { Random } from "../src/random.ts";
import { type Case, floats, makeCase, wholes } from "./case.ts";
import { matmulCase } from "./cases_matmul.ts";
import { batchNormGradientCase } from "./cases_batch_norm.ts";
import { statisticsCase } from "./cases_normalization.ts";
import { expectReduction } from "./cases_reductions.ts";
import { expectLoss } from "./cases_losses.ts";
import { expectSoftmax } from "./cases_softmax.ts";

const linear = { transposeA: false, transposeB: false, activation: "linear" } as const;

const REDUCTIONS = { sum, sumOfSquares, mean, max, argmax };

/** Every reduction of one tensor. */
function reductionCase(random: Random, shape: number[], axis?: number): Case {
  const names = Object.keys(REDUCTIONS) as (keyof typeof REDUCTIONS)[];
  return makeCase(
    "",
    { x: floats(random, shape) },
    (recorder, { x }) =>
      Object.fromEntries(
        names.map((name) => [
          name,
          REDUCTIONS[name](recorder, x, axis === undefined ? {} : { axis }),
        ]),
      ),
    ({ x }) => Object.fromEntries(names.map((name) => [name, expectReduction(name, x, axis)])),
  );
}

function lossCase(random: Random, columns: number): Case {
  return makeCase(
    "",
    {
      outputs: floats(random, [2, columns]),
      labels: wholes(random, [2], columns),
      targets: { shape: [2, columns], values: new Float32Array(2 * columns).fill(1) },
    },
    (recorder, { outputs, labels, targets }) => {
      const softmaxLoss = softmaxCrossEntropy(recorder, outputs, labels);
      const hingeLoss = hinge(recorder, outputs, targets);
      return {
        softmax: softmaxLoss.losses,
        softmaxGradient: softmaxLoss.gradient!,
        hinge: hingeLoss.losses,
        hingeGradient: hingeLoss.gradient!,
      };
    },
    ({ outputs, labels, targets }) => {
      const softmaxLoss = expectLoss("softmaxCrossEntropy", outputs, labels);
      const hingeLoss = expectLoss("hinge", outputs, targets);
      return {
        softmax: softmaxLoss.losses!,
        softmaxGradient: softmaxLoss.gradient!,
        hinge: hingeLoss.losses!,
        hingeGradient: hingeLoss.gradient!,
      };
    },
  );
}

function productCase(random: Random, k: number, plan?: MatmulPlan): Case {
  const variant = { ...linear, bias: false, whole: [false, false, false] } as const;
  return matmulCase(random, variant, [3, 5, k], plan);
}

/** Those whose kernel variants for cards are others; a long row has the same variant everywhere. */
export const LONG_ON_CARDS: readonly string[] = [
  "matmul, k = 200,003",
  "statistics of channels of 1,000,003 values",
  "batchNorm gradient over 2 · 70,000 values",
];

/** Sums of more than 65,535 or 1,000,000 terms. */
export const LONG: Record<string, (random: Random) => Case> = {
  "reductions of 65,537": (random) => reductionCase(random, [65_537]),
  "reductions of 1,000,003": (random) => reductionCase(random, [1_000_003]),
  "reductions along a long middle axis": (random) => reductionCase(random, [2, 70_001, 3], 1),
  "softmax over 1,000,003 columns": (random) =>
    makeCase(
      "",
      { x: floats(random, [1, 1_000_003]) },
      (recorder, { x }) => ({ y: softmax(recorder, x) }),
      ({ x }) => ({ y: expectSoftmax(x) }),
    ),
  "softmax and logSoftmax over 65,537 columns": (random) =>
    makeCase(
      "",
      { x: floats(random, [2, 65_537]) },
      (recorder, { x }) => ({ y: softmax(recorder, x), z: logSoftmax(recorder, x) }),
      ({ x }) => ({ y: expectSoftmax(x), z: expectSoftmax(x, true) }),
    ),
  "losses over 65,537 columns": (random) => lossCase(random, 65_537),
  "losses over 262,148 columns, as vectors": (random) => lossCase(random, 262_148),
  "recordSums of 2²⁰ values": (random) =>
    makeCase(
      "",
      { values: floats(random, [2 ** 20]), record: floats(random, [1, 1]) },
      (recorder, { values, record }) => {
        recordSums(recorder, [values], record, 0);
        return { record };
      },
      ({ values }) => ({ record: { ...expectReduction("sum", values), shape: [1, 1] } }),
    ),
  "matmul, k = 200,003": (random) => productCase(random, 200_003),
  "matmul, k = 1,000,003": (random) => productCase(random, 1_000_003),
  "matmul from textures, k = 200,004": (random) =>
    productCase(random, 200_004, {
      family: "broadcast",
      ...{ rowGroups: 2, columnGroups: 1, lanesM: 1, lanesN: 8, textures: "ab" },
      ...{ parts: 2, chunk: 100_004 },
    }),
  "matmul plain in parts, k = 200,003": (random) =>
    productCase(random, 200_003, { family: "plain", parts: 4, chunk: 50_001 }),
  "statistics of channels of 1,000,003 values": (random) =>
    statisticsCase(floats(random, [1, 1, 1_000_003])),
  "statistics of channels of 70,001 rows": (random) => statisticsCase(floats(random, [70_001, 3])),
  "batchNorm gradient over 2 · 70,000 values": (random) =>
    batchNormGradientCase({
      x: floats(random, [2, 1, 70_000]),
      gamma: floats(random, [1]),
      dy: floats(random, [2, 1, 70_000]),
    }),
  "matches over 65,535 columns": (random) => {
    const outputs = floats(random, [3, 65_535]);
    const expected = expectReduction("argmax", outputs, 1).values;
    const labels = Uint32Array.from(expected, (index, i) => i === 1 ? index - 1 : index);
    return makeCase(
      "",
      { outputs, labels: { shape: [3], values: labels } },
      (recorder, tensors) => ({ matches: matches(recorder, tensors.outputs, tensors.labels) }),
      () => ({ matches: { shape: [3], values: [1, 0, 1] } }),
    );
  },
};
