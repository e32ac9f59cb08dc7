/**
 * How a workload is timed.
 *
 * A wait costs about 11 ms in Deno, whatever was waited for. So repetitions are submitted together, as many as it
 * takes for the batch to bury that, and the time of the batch is divided by their number.
 *
 * @module
 */

import type { AdapterInfo } from "../src/gpu/device.ts";
import type { PreparedWorkload } from "./workload.ts";

/** How long to measure. */
export interface Effort {
  /** Of one batch, at least about. */
  readonly milliseconds: number;
  /** From which median and minimum are taken. */
  readonly batches: number;
}

/** Waits are 2% of a batch. */
export const FULL: Effort = { milliseconds: 500, batches: 5 };
/** Waits are 7% of a batch, and fewer batches are noisier: to look for large changes. */
export const QUICK: Effort = { milliseconds: 150, batches: 3 };

/** Times of one repetition, in milliseconds. */
export interface Timing {
  /** Of a batch. */
  readonly repetitions: number;
  readonly batches: number;
  readonly median: number;
  readonly minimum: number;
  /** By the GPU's clock, the median; undefined if the adapter has no timestamps. */
  readonly gpu: number | undefined;
}

/** What a wait takes, roughly. */
const WAIT_MILLISECONDS = 11;
/** A batch that is long enough for an estimate. */
const ESTIMATE_MILLISECONDS = 60;
/** Of which {@linkcode measureSubmit} takes the median; only the fewest, once they have taken long. */
const SUBMISSIONS = { most: 20, fewest: 3, milliseconds: 2000 };

/** Milliseconds of the wall clock from the first submit until all repetitions are done. */
export async function timeBatch(workload: PreparedWorkload, repetitions: number): Promise<number> {
  const start = performance.now();
  workload.run(repetitions);
  await workload.wait();
  return performance.now() - start;
}

/** The number of repetitions that take `milliseconds`, at least one. Warms up on the way. */
export async function findRepetitions(
  workload: PreparedWorkload,
  milliseconds: number,
): Promise<number> {
  await timeBatch(workload, 1); // compiles, and touches all memory for the first time
  for (let repetitions = 1;; repetitions *= 4) {
    const elapsed = await timeBatch(workload, repetitions);
    if (elapsed < ESTIMATE_MILLISECONDS) continue;
    const each = (elapsed - WAIT_MILLISECONDS) / repetitions;
    return Math.max(1, Math.round(milliseconds / each));
  }
}

/** Times a workload: warm-up, batches, and where there are timestamps three repetitions by the GPU's clock. */
export async function measure(
  workload: PreparedWorkload,
  { milliseconds, batches }: Effort,
  timestamps = false,
): Promise<Timing> {
  const repetitions = await findRepetitions(workload, milliseconds);
  const times: number[] = [];
  for (let batch = 0; batch < batches; batch++) {
    times.push(await timeBatch(workload, repetitions) / repetitions);
  }
  const profile = timestamps ? await workload.profile(3) : undefined;
  return {
    repetitions,
    batches,
    median: median(times),
    minimum: Math.min(...times),
    gpu: profile?.reduce((sum, dispatch) => sum + dispatch.milliseconds, 0),
  };
}

/** CPU time of a repetition in a submission, in microseconds. */
export interface SubmitTiming {
  /** Repetitions of the submission. */
  readonly repetitions: number;
  readonly median: number;
  readonly minimum: number;
}

/**
 * What the CPU spends on encoding and submitting a repetition, in a submission of so many while the GPU is idle. A second submission
 * would measure the first one's work where a queue takes only one at a time, as software adapters do.
 */
export async function measureSubmit(
  workload: PreparedWorkload,
  repetitions: number,
): Promise<SubmitTiming> {
  const times: number[] = [];
  const { most, fewest, milliseconds } = SUBMISSIONS;
  const begin = performance.now();
  while (times.length < most) {
    if (times.length >= fewest && performance.now() - begin > milliseconds) break;
    await workload.wait();
    const start = performance.now();
    workload.run(repetitions);
    times.push(1000 * (performance.now() - start) / repetitions);
  }
  await workload.wait();
  return { repetitions, median: median(times), minimum: Math.min(...times) };
}

/** `llvmpipe …, a software adapter on 2 threads`. */
export function describeAdapter({ name, software }: AdapterInfo): string {
  return software
    ? `${name}, a software adapter on ${navigator.hardwareConcurrency} threads`
    : `${name}, a card`;
}

/** The middle number, or the mean of the two in the middle. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
