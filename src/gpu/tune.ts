/**
 * Tuning: measures, on the adapter itself, the ways to compute what a program asks for, and keeps the quickest.
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import { checkKeys, checkNumber } from "../options.ts";
import { DryRecorder } from "./dry_recorder.ts";
import type { Gpu } from "./gpu.ts";
import { type ProgramRecorder, ScratchPool } from "./program.ts";
import { TrialCheck } from "./tuning_check.ts";
import { Clock, type Contestant, timeOf } from "./tuning_clock.ts";
import { isTunable, type Trial, type TuningRequest } from "./tuning_trial.ts";

/** Options of {@linkcode tune}. */
export interface TuneOptions {
  /** Time after which no further request is measured, and the one in hand ends early. Default 60. */
  seconds?: number;
  /** Ends tuning after the request in hand, as if the time were over. */
  signal?: AbortSignal;
  /** Called with each request that is about to be measured, and the number of those known so far. */
  onRequest?: (label: string, index: number, count: number) => void;
}

/** What tuning found for one request, now or earlier. */
export interface TuningResult {
  /** Whether it was measured now; if not, the cache knew it. */
  readonly measured: boolean;
  /** The operation and its shape: `matmul NT 128×784×128`. */
  readonly label: string;
  /** What the module's own tables choose. */
  readonly builtIn: string;
  /** Milliseconds of the built-in choice; undefined if it was not measured or was rejected. */
  readonly builtInMilliseconds: number | undefined;
  /** What is used from now on. */
  readonly best: string;
  /** Milliseconds of that choice. */
  readonly bestMilliseconds: number | undefined;
  /** Candidates whose results were right; 0 if it was not measured now. */
  readonly tried: number;
  /** Of these, the ones that were given up early because they were much slower than the best. */
  readonly abandoned: number;
  /** Candidates whose results were wrong or could not be had, with the reason. */
  readonly rejected: readonly string[];
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

/** Another choice has to be faster by this share, or the built-in one stays: the clock is not more exact than that. */
const MARGIN = 0.05;
/** A candidate that takes this many times as long as the best does not win by better products inside of it. */
const BEYOND_HELP = 1.5;

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
 * import { Gpu, matmul, tune } from "@strata/strata";
 *
 * await using gpu = await Gpu.open({ tuning: "measure" });
 * const a = gpu.zeros([100, 40]);
 * const b = gpu.zeros([40, 60]);
 * const { results } = await tune(gpu, (recorder) => matmul(recorder, a, b), { seconds: 2 });
 * console.log(results.map(({ label, best }) => `${label}: ${best}`));
 * const c = matmul(gpu, a, b); // with that choice
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
  const { known, unknown } = collect(gpu, record);
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

/** What a program chooses between. */
function collect(
  gpu: Gpu,
  record: (recorder: ProgramRecorder) => void,
): { known: TuningRequest[]; unknown: TuningRequest[] } {
  const { tuning } = gpu.device;
  const requests = tuning.collect(() => record(new DryRecorder(gpu.device)))
    .filter(isTunable).filter(({ flops }) => flops > 0);
  return {
    known: requests.filter((request) => tuning.known(request) !== undefined),
    unknown: requests.filter((request) => tuning.known(request) === undefined),
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

class Tuner {
  readonly results: TuningResult[] = [];
  readonly #gpu: Gpu;
  readonly #expired: () => boolean;
  readonly #onRequest: TuneOptions["onRequest"];
  #begun = 0;
  #count = 0;

  constructor(gpu: Gpu, expired: () => boolean, onRequest: TuneOptions["onRequest"]) {
    this.#gpu = gpu;
    this.#expired = expired;
    this.#onRequest = onRequest;
  }

  /** Measures requests while there is time. Returns how many are left. */
  async run(requests: readonly TuningRequest[]): Promise<number> {
    this.#count += requests.length;
    for (const [i, request] of requests.entries()) {
      if (this.#expired()) return requests.length - i;
      this.#onRequest?.(request.label, this.#begun++, this.#count);
      await this.#measure(request);
    }
    return 0;
  }

  async #measure(request: TuningRequest): Promise<void> {
    const pool = new ScratchPool(this.#gpu.device);
    const contestants: Contestant<object>[] = [];
    const rejected: string[] = [];
    let given = 0;
    try {
      using trial = request.trial(this.#gpu);
      const check = new TrialCheck(this.#gpu, trial);
      const clock = await Clock.start(this.#gpu.device, pool);
      let best = Infinity;
      for (const choice of builtInFirst(request)) {
        if (best < Infinity && this.#expired()) break;
        const name = request.describe(choice);
        const fault = await check.fault(choice);
        if (fault !== undefined) {
          rejected.push(`${name}: ${fault}`);
          continue;
        }
        const contestant = await this.#enter(clock, trial, choice, name, best);
        if (contestant === undefined) given++;
        else {
          best = Math.min(best, contestant.estimate);
          contestants.push(contestant);
        }
      }
      const able = contestants.filter((each, i) => i === 0 || !Clock.isHopeless(each, best));
      await clock.race(able, this.#expired);
      const measured = able.filter(({ samples }) => samples.length > 0);
      const [fastest] = measured.toSorted((a, b) => timeOf(a) - timeOf(b));
      const builtIn = measured.find(({ choice }) => isBuiltIn(request, choice));
      if (fastest !== undefined && builtIn !== undefined && fastest !== builtIn) {
        await clock.duel([builtIn, fastest]);
      }
      const tried = contestants.length + given;
      this.#decide(request, builtIn, fastest, rejected, [tried, tried - measured.length]);
    } catch (error) {
      this.#gpu.device.check();
      rejected.push(error instanceof Error ? error.message : String(error));
      this.#decide(request, undefined, undefined, rejected, [0, 0]);
    } finally {
      for (const { program } of contestants) program.dispose();
      pool.dispose();
    }
  }

  /** Prepares a candidate, with its own requests tuned; undefined if it is hopeless. */
  async #enter(
    clock: Clock,
    trial: Trial,
    choice: object,
    name: string,
    best: number,
  ): Promise<Contestant<object> | undefined> {
    const prepare = () => clock.prepare(name, choice, (recorder) => trial.run(recorder, choice));
    const first = await prepare();
    if (Clock.isHopeless(first, best)) {
      first.program.dispose();
      return undefined;
    }
    // A method of convolution multiplies matrices, in a way that has to be chosen too.
    if (first.estimate > BEYOND_HELP * best) return first;
    const { unknown } = collect(this.#gpu, (recorder) => void trial.run(recorder, choice));
    if (unknown.length === 0) return first;
    first.program.dispose();
    await this.run(unknown);
    return await prepare();
  }

  /** Keeps the built-in choice, or the fastest if it is faster by the margin, and says so. */
  #decide(
    request: TuningRequest,
    builtIn: Contestant<object> | undefined,
    fastest: Contestant<object> | undefined,
    rejected: readonly string[],
    [tried, abandoned]: readonly [number, number],
  ): void {
    const stays = builtIn !== undefined && timeOf(fastest!) > (1 - MARGIN) * timeOf(builtIn);
    const best = stays ? builtIn : fastest;
    const builtInMilliseconds = builtIn && timeOf(builtIn);
    const bestMilliseconds = best && timeOf(best);
    if (best !== undefined) {
      this.#gpu.device.tuning.learn(request, best.choice, {
        ...(bestMilliseconds === undefined ? {} : { milliseconds: bestMilliseconds }),
        ...(builtInMilliseconds === undefined ? {} : { builtInMilliseconds }),
      });
    }
    this.results.push({
      measured: true,
      label: request.label,
      builtIn: request.describe(request.builtIn()),
      builtInMilliseconds,
      best: request.describe(best?.choice ?? request.builtIn()),
      bestMilliseconds,
      tried,
      abandoned,
      rejected,
    });
  }
}

/** The candidates; the built-in choice leads, so that the others are compared with it from the start. */
function builtInFirst(request: TuningRequest): object[] {
  const candidates = request.candidates();
  return [
    ...candidates.filter((choice) => isBuiltIn(request, choice)),
    ...candidates.filter((choice) => !isBuiltIn(request, choice)),
  ];
}

function isBuiltIn(request: TuningRequest, choice: object): boolean {
  return JSON.stringify(choice) === JSON.stringify(request.builtIn());
}
