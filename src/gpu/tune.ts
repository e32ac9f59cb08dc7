/**
 * Tuning: measures, on the adapter itself, the ways to compute what a program asks for, and keeps the quickest.
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import { checkKeys, checkNumber } from "../options.ts";
import type { Gpu } from "./gpu.ts";
import type { ProgramRecorder } from "./program.ts";
import { collectRequests, Tuner, type TuningResult } from "./tuner.ts";
import type { TuningRequest } from "./tuning_trial.ts";

/** Options of {@linkcode tune}. */
export interface TuneOptions {
  /** Time after which no further request is measured, and that in hand ends with the candidates tried by then. Default 60. */
  seconds?: number;
  /** Ends tuning after the request in hand, as if the time were over. */
  signal?: AbortSignal;
  /** Called with each request that is about to be measured, its number from 0, and the number of those known so far. */
  onRequest?: (label: string, index: number, count: number) => void;
}

/** What {@linkcode tune} did. */
export interface TuningReport {
  /** The requests whose best choice is known; those that were measured now last, in that order. */
  readonly results: readonly TuningResult[];
  /** Requests for which the time was too short; they use the built-in choice. */
  readonly left: number;
  /** Time spent. */
  readonly seconds: number;
  /** The cache file; undefined if the choices are in memory only. */
  readonly file: string | undefined;
}

/**
 * Measures what a program would choose between and keeps the best: for this `Gpu` at once, and in the cache file for later ones.
 *
 * First `record` runs on a recorder that computes nothing, to collect the requests that are not known yet. Each is then measured
 * on scratch tensors of its shape: every candidate's result is compared with the plainest kernel's, then the right ones are
 * timed in turn. Operations themselves never measure: they look up what is known when they are called or recorded.
 *
 * Another choice sums in another order, so results may differ in their last bits from those of the built-in one.
 *
 * @param record Calls operations as it would to record a program.
 * @throws {OptionError} unless the `Gpu` was opened with `tuning: "measure"`.
 * @example
 * ```ts
 * import { Gpu, matmul, type Tensor, tune } from "@strata/strata";
 *
 * async function tunedProduct(gpu: Gpu, a: Tensor, b: Tensor): Promise<Tensor> {
 *   const { results } = await tune(gpu, (recorder) => void matmul(recorder, a, b));
 *   console.log(results.map(({ label, best }) => `${label}: ${best}`));
 *   return matmul(gpu, a, b); // with that choice
 * }
 * ```
 */
export async function tune(
  gpu: Gpu,
  record: (recorder: ProgramRecorder) => void,
  options: TuneOptions = {},
): Promise<TuningReport> {
  checkKeys(options, "tune", ["seconds", "signal", "onRequest"]);
  checkNumber(options.seconds ?? 60, "tune: seconds", { min: 0 });
  const { tuning } = gpu.device;
  if (tuning.mode !== "measure") {
    throw new OptionError(
      `tune: expected a Gpu opened with tuning: "measure", got one with "${tuning.mode}"`,
    );
  }
  gpu.device.check();
  const begin = performance.now();
  const secondsSince = () => (performance.now() - begin) / 1000;
  const { known, unknown } = collectRequests(gpu, record);
  const expired = () =>
    secondsSince() >= (options.seconds ?? 60) || options.signal?.aborted === true;
  const tuner = new Tuner(gpu, expired, options.onRequest);
  const left = await tuner.run(unknown.toSorted((a, b) => b.flops - a.flops));
  return {
    results: [...known.map((request) => knownResult(gpu, request)), ...tuner.results],
    left,
    seconds: secondsSince(),
    file: await tuning.save(),
  };
}

function knownResult({ device: { tuning } }: Gpu, request: TuningRequest): TuningResult {
  const entry = tuning.entry(request);
  return {
    measured: false,
    label: request.label,
    builtIn: request.describe(request.builtIn()),
    builtInMilliseconds: entry?.builtInMilliseconds,
    best: request.describe(tuning.known(request)!),
    bestMilliseconds: entry?.milliseconds,
    tried: 0,
    abandoned: 0,
    rejected: [],
  };
}
