/**
 * What the CPU does until a step is submitted.
 *
 * @module
 */

import type { Gpu } from "../src/gpu/gpu.ts";
import { median } from "./measure.ts";
import type { PreparedWorkload } from "./workload.ts";

/** `write`: numbers into GPU buffers; `submit`: handing over the commands; `encode`: all else, which is mostly the commands. */
export type SubmissionPhase = "write" | "encode" | "submit";

/** One run of a phase, in microseconds since the submission began. */
export interface SubmissionSpan {
  readonly phase: SubmissionPhase;
  readonly begin: number;
  readonly end: number;
}

/** CPU time of submissions with an idle queue, in microseconds. */
export interface SubmissionProfile {
  readonly median: number;
  readonly minimum: number;
  /** What the one of median length was busy with, in order and without gaps. */
  readonly spans: readonly SubmissionSpan[];
}

/** So many; only the fewest, once they have taken long. */
const SUBMISSIONS = { most: 21, fewest: 3, milliseconds: 3000 };

/** Watches the queue while repetitions are submitted one by one, each after the one before has ended. */
export async function profileSubmission(
  gpu: Gpu,
  workload: PreparedWorkload,
): Promise<SubmissionProfile> {
  const { queue } = gpu.device.raw;
  let calls: SubmissionSpan[] = [];
  let start = 0;
  const now = () => 1000 * (performance.now() - start);
  const watch = <A extends unknown[], R>(phase: SubmissionPhase, call: (...args: A) => R) =>
  (
    ...args: A
  ): R => {
    const begin = now();
    const result = call.apply(queue, args);
    calls.push({ phase, begin, end: now() });
    return result;
  };
  const samples: SubmissionSpan[][] = [];
  const { most, fewest, milliseconds } = SUBMISSIONS;
  const deadline = performance.now() + milliseconds;
  queue.submit = watch("submit", queue.submit);
  queue.writeBuffer = watch("write", queue.writeBuffer);
  try {
    while (samples.length < most) {
      if (samples.length >= fewest && performance.now() > deadline) break;
      await workload.wait();
      calls = [];
      start = performance.now();
      workload.run(1);
      samples.push(fillGaps(calls, now()));
    }
    await workload.wait();
  } finally {
    // The methods of the prototype appear again.
    Reflect.deleteProperty(queue, "submit");
    Reflect.deleteProperty(queue, "writeBuffer");
  }
  const length = (spans: readonly SubmissionSpan[]) => spans.at(-1)!.end;
  const sorted = samples.toSorted((a, b) => length(a) - length(b));
  return {
    median: median(samples.map(length)),
    minimum: length(sorted[0]!),
    spans: sorted[sorted.length >> 1]!,
  };
}

/** Calls with all time before, between and behind them as encoding. */
function fillGaps(calls: readonly SubmissionSpan[], total: number): SubmissionSpan[] {
  const spans: SubmissionSpan[] = [];
  let at = 0;
  for (const call of calls) {
    spans.push({ phase: "encode", begin: at, end: call.begin }, call);
    at = call.end;
  }
  spans.push({ phase: "encode", begin: at, end: total });
  return spans;
}
