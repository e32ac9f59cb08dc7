/**
 * Makes `deno bench` groups of workloads.
 *
 * @module
 */

import { Gpu } from "../src/gpu/gpu.ts";
import { describeAdapter, findRepetitions, timeBatch } from "./measure.ts";
import { isSelected, type Suite, type Workload } from "./workload.ts";
import { listWorkloads } from "./workloads.ts";

/** Of a batch, for the quickest of a group. */
const BATCH_MILLISECONDS = 300;
/** Batches of each workload. */
const BATCHES = 5;

/** Registers the workloads of a suite, but for those of another name that have to be asked for. */
export async function registerSuite(suite: Suite): Promise<void> {
  await registerBenchmarks((gpu) =>
    listWorkloads(gpu).filter((workload) => workload.suite === suite && isSelected(workload, suite))
  );
}

/**
 * Registers a benchmark for each workload. Its times are those of a batch, whose number of repetitions, the same for all
 * of a group, is part of its name. The first of a group is the baseline.
 */
export async function registerBenchmarks(
  list: (gpu: Gpu) => readonly Workload[],
): Promise<void> {
  const gpu = await Gpu.open();
  globalThis.addEventListener("unload", () => gpu.dispose());
  console.log(`GPU: ${describeAdapter(gpu.adapter)}`);
  for (const [group, members] of Map.groupBy(list(gpu), (workload) => workload.group)) {
    let repetitions = 1;
    for (const workload of members) {
      using prepared = workload.prepare(gpu);
      const found = await findRepetitions(prepared, BATCH_MILLISECONDS);
      repetitions = Math.max(repetitions, roundUp(found));
    }
    members.forEach((workload, i) =>
      Deno.bench({
        name: `${workload.name} ×${repetitions}`,
        group,
        baseline: i === 0 && members.length > 1,
        n: BATCHES,
        warmup: 1,
        async fn(bench) {
          using prepared = workload.prepare(gpu);
          await timeBatch(prepared, 1); // touches all memory for the first time
          bench.start();
          prepared.run(repetitions);
          await prepared.wait();
          bench.end();
        },
      })
    );
  }
}

/** The next of 1, 2, 5, 10, 20, 50, … */
function roundUp(n: number): number {
  const power = 10 ** Math.floor(Math.log10(n));
  return power * [1, 2, 5, 10].find((digit) => digit * power >= n)!;
}
