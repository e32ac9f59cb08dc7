/**
 * What tests of tuning have in common.
 *
 * @module
 */

import { DryRecorder } from "../src/gpu/dry_recorder.ts";
import { Gpu } from "../src/gpu/gpu.ts";
import type { Recorder } from "../src/gpu/recorder.ts";
import { isTunable, type TuningRequest } from "../src/gpu/tuning_trial.ts";
import { matmul } from "../src/ops/matmul.ts";

/** Calls `body` with a GPU that keeps its choices in the folder's file. */
export async function withGpu(
  folder: string,
  tuning: "table" | "cache" | "measure",
  body: (gpu: Gpu) => Promise<void> | void,
): Promise<void> {
  await using gpu = await Gpu.open({ tuning, tuningFile: `${folder}/tuning.json` });
  await body(gpu);
}

/** What operations would choose between. */
export function requestsOf(gpu: Gpu, record: (recorder: Recorder) => void): TuningRequest[] {
  const requests = gpu.device.tuning.collect(() => record(new DryRecorder(gpu.device)));
  return requests.filter(isTunable);
}

/** The product of [m, k] and [n, k], transposed. */
export const MULTIPLY = (recorder: Recorder, m: number, n = 24, k = 300) =>
  matmul(recorder, recorder.empty([m, k]), recorder.empty([n, k]), { transposeB: true });
