/**
 * `deno task train --find-rate`: the learning rate by multiple trials, as a table and as pictures.
 *
 * @module
 */

import {
  learningRateChart,
  type LearningRateCurve,
  learningRateSearch,
  type Sequential,
  writeFileAtomic,
} from "../mod.ts";
import { joinPath } from "../src/data/files.ts";
import { formatLoss } from "../src/report/progress_bar.ts";
import { formatTable } from "../src/text_table.ts";
import type { Examples } from "./table_stream.ts";
import { type Display, labelled } from "./train_display.ts";

/** Steps of a trial. */
export const TRIAL_STEPS = 30;

/** The pictures that a search leaves. */
const FILES = { trials: "learning-rate-trials.svg", range: "learning-rate-range.svg" };

/** Searches both ways, shows what came out, and writes the pictures into a folder. */
export async function findRate(
  model: Sequential,
  train: Examples,
  options: {
    readonly batchSize: number;
    readonly folder: string;
    readonly signal: AbortSignal;
    readonly display: Display;
  },
): Promise<void> {
  const { batchSize, folder, signal, display } = options;
  const search = async (method: keyof typeof FILES, what: string) =>
    await learningRateSearch(model, train, {
      ...{ method, batchSize, signal },
      ...(method === "trials" ? { steps: TRIAL_STEPS } : {}),
      onProgress: (share) => display.status(`${what} … ${Math.round(100 * share)}%`),
    });
  display.status("Copying the data to the GPU and compiling the kernels …");
  const trials = await search("trials", "Trying learning rates");
  const range = await search("range", "Raising the learning rate");
  display.end();
  await Deno.mkdir(folder, { recursive: true });
  for (const curve of [trials, range]) {
    const path = joinPath(folder, FILES[curve.method]);
    await writeFileAtomic(path, new TextEncoder().encode(learningRateChart(curve)));
  }
  display.line(
    `Mean loss over the last quarter of ${TRIAL_STEPS} steps; ${
      formatLoss(trials.startLoss)
    } before the first

${rateTable(trials)}

${advice("Trials", trials)}
${advice("Range", range)}
${labelled("Saved", [`${folder}: ${FILES.trials}, ${FILES.range}`])}`,
  );
}

/** The rates with their losses. */
function rateTable({ points, recommendation }: LearningRateCurve): string {
  const columns = [
    { heading: "Rate", align: "right" as const },
    { heading: "Loss", align: "right" as const },
    { heading: "" },
  ];
  const rows = points.map(({ rate, loss }) => [
    shortRate(rate),
    Number.isFinite(loss) ? formatLoss(loss) : "diverged",
    rate === recommendation ? "← lowest" : "",
  ]);
  return formatTable(rows, columns);
}

function advice(label: string, { recommendation, rule }: LearningRateCurve): string {
  return labelled(
    label,
    recommendation === undefined
      ? ["no rate led to a loss below that of the first batch"]
      : [`--learning-rate ${shortRate(recommendation)}:`, rule],
  );
}

function shortRate(rate: number): string {
  return `${Number(rate.toPrecision(2))}`;
}
