/**
 * Measures requests of tuning: checks their candidates, lets them race, and keeps the best.
 *
 * @module
 */

import { DryRecorder } from "./dry_recorder.ts";
import type { Gpu } from "./gpu.ts";
import type { ProgramRecorder } from "./program.ts";
import { ScratchPool } from "./scratch_pool.ts";
import { TrialCheck } from "./tuning_check.ts";
import { Clock, type Contestant, timeOf } from "./tuning_clock.ts";
import { isTunable, type Trial, type TuningRequest } from "./tuning_trial.ts";

/** Called with each request that is about to be measured, its number from 0, and the number of those known so far. */
export type OnRequest = (label: string, index: number, count: number) => void;

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

/** Another choice has to be faster by this share, or the built-in one stays: the clock is not more exact than that. */
const MARGIN = 0.05;
/** A candidate that takes this many times as long as the best does not win by better products inside of it. */
const BEYOND_HELP = 1.5;

/** What a program chooses between. */
export function collectRequests(
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

/** Measures requests, one after the other. */
export class Tuner {
  /** What was found, in the order of measuring. */
  readonly results: TuningResult[] = [];
  readonly #gpu: Gpu;
  readonly #expired: () => boolean;
  readonly #onRequest: OnRequest | undefined;
  #begun = 0;
  #count = 0;

  /** @param expired Whether the time is over. */
  constructor(gpu: Gpu, expired: () => boolean, onRequest?: OnRequest) {
    this.#gpu = gpu;
    this.#expired = expired;
    this.#onRequest = onRequest;
  }

  /** Measures requests while there is time. Returns how many are left. */
  async run(requests: readonly TuningRequest[]): Promise<number> {
    const { tuning } = this.#gpu.device;
    this.#count += requests.length;
    for (const [i, request] of requests.entries()) {
      if (tuning.known(request) !== undefined) { // measured meanwhile, inside of another one
        this.#count--;
        continue;
      }
      if (this.#expired()) {
        return requests.slice(i).filter((each) => tuning.known(each) === undefined).length;
      }
      this.#onRequest?.(request.label, this.#begun++, this.#count);
      await this.#measure(request);
    }
    return 0;
  }

  async #measure(request: TuningRequest): Promise<void> {
    const pool = new ScratchPool(this.#gpu.device);
    const contestants: Contestant<object>[] = [];
    const rejected: string[] = [];
    let hopeless = 0;
    let isCut = false;
    try {
      using trial = request.trial(this.#gpu);
      const check = new TrialCheck(this.#gpu, trial);
      const clock = await Clock.start(this.#gpu.device, pool);
      let best = Infinity;
      for (const choice of builtInFirst(request)) {
        if (best < Infinity && this.#expired()) {
          isCut = true;
          break;
        }
        const name = request.describe(choice);
        const fault = await check.fault(choice);
        if (fault !== undefined) {
          rejected.push(`${name}: ${fault}`);
          continue;
        }
        const contestant = await this.#enter(clock, trial, choice, name, best);
        if (contestant === undefined) hopeless++;
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
      const tried = contestants.length + hopeless;
      const counts = { tried, abandoned: tried - measured.length };
      this.#decide(request, builtIn, fastest, { ...counts, rejected }, !isCut);
    } catch (error) {
      this.#gpu.device.check();
      rejected.push(error instanceof Error ? error.message : String(error));
      this.#decide(request, undefined, undefined, { tried: 0, abandoned: 0, rejected }, false);
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
    const { unknown } = collectRequests(this.#gpu, (recorder) => void trial.run(recorder, choice));
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
    counts: Pick<TuningResult, "tried" | "abandoned" | "rejected">,
    isFinal: boolean,
  ): void {
    const stays = builtIn !== undefined && timeOf(fastest!) > (1 - MARGIN) * timeOf(builtIn);
    const best = stays ? builtIn : fastest;
    const builtInMilliseconds = builtIn && timeOf(builtIn);
    const bestMilliseconds = best && timeOf(best);
    if (best !== undefined) {
      this.#gpu.device.tuning.learn(request, best.choice, {
        ...(bestMilliseconds === undefined ? {} : { milliseconds: bestMilliseconds }),
        ...(builtInMilliseconds === undefined ? {} : { builtInMilliseconds }),
      }, isFinal);
    }
    this.results.push({
      measured: true,
      label: request.label,
      builtIn: request.describe(request.builtIn()),
      builtInMilliseconds,
      best: request.describe(best?.choice ?? request.builtIn()),
      bestMilliseconds,
      ...counts,
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
