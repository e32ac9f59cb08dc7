/**
 * A training step taken apart: what each dispatch of it takes, beside what the adapter can do at most.
 *
 * @module
 */

import type { Gpu } from "../src/gpu/gpu.ts";
import type { DispatchProfile } from "../src/gpu/program.ts";
import {
  describeAdapter,
  type Effort,
  measure,
  measureSubmit,
  type SubmitTiming,
  type Timing,
} from "./measure.ts";
import {
  higherPeaks,
  measurePeaks,
  type Peaks,
  type PeakShare,
  type PeakSizes,
  shareOfPeak,
} from "./peaks.ts";
import { profileSubmission, type SubmissionProfile } from "./submission.ts";
import { type NetworkSize, trainingWorkload } from "./training_workloads.ts";

/** How dispatches are timed: by timestamps of the GPU, or each repeated by itself. */
export type Clock = "gpu" | "wall";

/** How long to measure. */
export interface Efforts {
  readonly step: Effort;
  readonly peaks: Effort;
  /** Whether the peaks are measured before the step and again behind it; the higher ones count. */
  readonly peaksTwice: boolean;
}

/** What to profile. */
export interface StepOptions {
  readonly size: NetworkSize;
  readonly optimizer: string;
  readonly clock: Clock;
  /** Of each dispatch. */
  readonly repetitions: number;
  /** Says what is being measured. */
  readonly onProgress?: (what: string) => void;
  readonly efforts: Efforts;
  /** Default: those for the adapter. */
  readonly peakSizes?: PeakSizes;
}

/** A dispatch, its time, and how near it came to the peaks. */
export interface ProfiledDispatch extends DispatchProfile, PeakShare {
  /** The kernel without its variant. */
  readonly family: string;
}

/** All that is known of a step. */
export interface StepProfile {
  readonly model: string;
  readonly batchSize: number;
  readonly optimizer: string;
  readonly adapter: string;
  readonly software: boolean;
  readonly deno: string;
  readonly date: string;
  readonly clock: Clock;
  readonly repetitions: number;
  readonly peaks: Peaks;
  /** In the order of the step. */
  readonly dispatches: readonly ProfiledDispatch[];
  /** Of a step in a batch of steps, by the wall clock. */
  readonly step: Timing;
  /** Of a step alone. */
  readonly submission: SubmissionProfile;
  /** Of a step in a submission of many, as `fit` submits them. */
  readonly together: SubmitTiming;
}

/** Dispatches taken together. */
export interface DispatchSum {
  readonly name: string;
  readonly dispatches: number;
  readonly milliseconds: number;
  readonly flops: number;
  readonly bytes: number;
  /** The least time that the peaks allow each of them, together, divided by their time. */
  readonly share: number;
}

/**
 * Records the training step of a network as `fit` does, and measures it.
 *
 * The wall clock comes first: dispatches that are timed by repeating them leave numbers behind that no training would.
 */
export async function profileStep(gpu: Gpu, options: StepOptions): Promise<StepProfile> {
  const { size, clock, repetitions, onProgress = () => {} } = options;
  const { efforts, peakSizes } = options;
  onProgress("peaks");
  const peaksBefore = await measurePeaks(gpu, efforts.peaks, peakSizes);
  onProgress(`step of ${size.name}`);
  using prepared = trainingWorkload(gpu, size).prepare(gpu);
  const step = await measure(prepared, efforts.step);
  onProgress("submission");
  const submission = await profileSubmission(gpu, prepared);
  const together = await measureSubmit(prepared, prepared.perSubmit);
  onProgress("dispatches");
  const dispatches = await prepared.profile(repetitions, clock);
  onProgress("peaks");
  const peaks = efforts.peaksTwice
    ? higherPeaks(peaksBefore, await measurePeaks(gpu, efforts.peaks, peakSizes))
    : peaksBefore;
  onProgress("");
  return {
    model: size.name,
    batchSize: size.batch,
    optimizer: options.optimizer,
    adapter: describeAdapter(gpu.adapter),
    software: gpu.adapter.software,
    deno: `${Deno.version.deno}, ${Deno.build.target}`,
    date: new Date().toISOString().slice(0, 10),
    clock,
    repetitions,
    peaks,
    dispatches: dispatches.map((dispatch) => ({
      ...dispatch,
      family: dispatch.kernel.replace(/\(.*$/, ""),
      ...shareOfPeak(dispatch, dispatch.milliseconds / 1000, peaks),
    })),
    step,
    submission,
    together,
  };
}

/** Sums over the dispatches that have a name in common, in the order of their first appearance. */
export function sumBy(
  dispatches: readonly ProfiledDispatch[],
  name: (dispatch: ProfiledDispatch) => string,
): DispatchSum[] {
  const groups = Map.groupBy(dispatches, name);
  return [...groups].map(([name, members]) => sumOf(name, members));
}

/** The sum of some dispatches. */
export function sumOf(name: string, dispatches: readonly ProfiledDispatch[]): DispatchSum {
  const total = (of: (dispatch: ProfiledDispatch) => number) =>
    dispatches.reduce((sum, dispatch) => sum + of(dispatch), 0);
  const milliseconds = total((dispatch) => dispatch.milliseconds);
  // A dispatch too short for the clock has no share; its least time is lost.
  const least = total((dispatch) =>
    dispatch.milliseconds > 0 ? dispatch.share * dispatch.milliseconds : 0
  );
  return {
    name,
    dispatches: dispatches.length,
    milliseconds,
    flops: total(({ flops }) => flops),
    bytes: total(({ bytes }) => bytes),
    share: milliseconds > 0 ? least / milliseconds : 0,
  };
}
