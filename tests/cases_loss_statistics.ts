/**
 * Cases of losses that write their sums over the batch themselves.
 *
 * @module
 */

import { ShapeError } from "../src/errors.ts";
import { type LossOptions, softmaxCrossEntropy } from "../src/ops/losses.ts";
import { matches as matchesOf, recordSums } from "../src/ops/statistics.ts";
import type { Random } from "../src/random.ts";
import {
  blank,
  type Case,
  dimension,
  type Expected,
  floats,
  type Input,
  makeCase,
  pick,
  type Row,
} from "./case.ts";
import { drawTargets, expectLoss, VECTORS } from "./cases_losses.ts";
import { expectMatches } from "./cases_reductions.ts";
import { deviation } from "./cases_softmax.ts";
import { TINY, UNIT } from "./rounding.ts";

/** Loss and matches of a batch; ties, since a prediction is the first of the largest. In turn: one column, several, vectors. */
function draw(random: Random, index: number): Case {
  const several = dimension(random, pick(random, [4, 40, 64]), 1);
  const k = [1, several, 4 * pick(random, VECTORS.slice(0, -2))][index % 3]!;
  // Of five cases one in several rounds.
  const n = index % 5 > 0
    ? dimension(random, pick(random, [8, 64, 100]))
    : pick(random, [65, 99, 128, 201]);
  const labels = k === 1 || random.integer(8) > 0;
  const matches = labels && random.integer(8) > 0;
  const gradient = random.integer(3) > 0;
  const slots = 1 + random.integer(4);
  const slot = random.integer(slots);
  const ties = random.integer(2) === 0;
  const logits = floats(random, [n, k], k === 1 || ties ? 1 : deviation(random));
  if (ties) logits.values.forEach((z, i) => logits.values[i] = Math.round(z));
  const targets = drawTargets("softmaxCrossEntropy", random, [n, k], labels);
  if (labels) { // chance alone would seldom be right
    targets.values.forEach((_, i) => {
      if (random.integer(2) > 0) return;
      const row = logits.values.subarray(i * k, (i + 1) * k);
      targets.values[i] = row.indexOf(Math.max(...row));
    });
  }
  const inputs: { logits: Input<Float32Array>; targets: Input; record: Input<Float32Array> } = {
    logits,
    targets,
    record: floats(random, [slots, matches ? 2 : 1]),
  };
  return makeCase(
    JSON.stringify({ labels, matches, gradient, slot }),
    inputs,
    (recorder, { logits, targets, record }) => {
      const statistics = { record, slot, matches };
      const options: LossOptions = { gradient, statistics };
      const result = softmaxCrossEntropy(recorder, logits, targets, options);
      if (!result.recorded) { // where it does not pay
        const right = matches ? [matchesOf(recorder, logits, targets)] : [];
        recordSums(recorder, [result.losses, ...right], record, slot);
        right.forEach((tensor) => recorder.release(tensor));
      }
      return {
        losses: result.losses,
        ...(gradient ? { gradient: result.gradient! } : {}),
        record,
      };
    },
    ({ logits, targets, record }) => {
      const expected = expectLoss("softmaxCrossEntropy", logits, targets, gradient);
      const values = Array.from(record.values);
      const bounds = values.map(() => 0);
      const at = slot * record.shape[1]!;
      [values[at], bounds[at]] = sumOf(expected.losses!);
      if (matches) {
        const right = expectMatches({ outputs: logits, targets }).values;
        values[at + 1] = Array.from(right).reduce((total, each) => total + each, 0);
      }
      return { ...expected, record: { shape: record.shape, values, bounds } };
    },
  );
}

/** The sum of losses, each off by its bound, through at most n additions of a lane and a tree. */
function sumOf({ values, bounds }: Expected): [number, number] {
  let [total, error, magnitude] = [0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    total += values[i]!;
    error += bounds![i]!;
    magnitude += Math.abs(values[i]!) + bounds![i]!;
  }
  return [total, error + (values.length + 7) * UNIT * magnitude + TINY];
}

/** The rows of this file. */
export const LOSS_STATISTICS_ROWS: readonly Row[] = [{
  name: "softmaxCrossEntropy with statistics",
  kernels: ["softmax_cross_entropy.wgsl"],
  draws: 120,
  draw,
  refusals: [{
    what: "a record with another number of columns",
    error: ShapeError,
    message: /^softmaxCrossEntropy: record: expected shape \[3, 1\], got \[3, 2\]/,
    call: (gpu) => {
      const statistics = { record: blank(gpu, 3, 2), slot: 0, matches: false };
      softmaxCrossEntropy(gpu, blank(gpu, 2, 4), blank(gpu, 2, 4), { statistics });
    },
  }],
}];
