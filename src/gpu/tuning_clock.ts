/**
 * How long choices take on the adapter, measured in turn.
 *
 * @module
 */

import type { Device } from "./device.ts";
import { Program } from "./program.ts";
import type { ScratchPool } from "./scratch_pool.ts";
import type { Recorder } from "./recorder.ts";
import type { DataType, Tensor } from "./tensor.ts";

/** Milliseconds of work in a batch: of the three of a candidate, 90 ms in all, and long beside the wait that is subtracted. */
const BATCH_MILLISECONDS = 30;
/** Batches of a candidate, of which the median counts. */
const BATCHES = 3;
/** Batches of the two that are compared in the end. */
const DUEL_BATCHES = 5;
/** Repetitions in one submit, where one takes less than this: a submit costs as much as a small operation. */
const PER_SUBMIT = 32;
const SHORT_MILLISECONDS = 2;
/** What a run takes at least: of a short one, the wait may be longer than the work. */
const LEAST_MILLISECONDS = 0.002;
/** A candidate that takes this many times as long as the best is given up: at once, or after its first batch. */
const HOPELESS = 2;
const UNLIKELY = 1.25;

/** A candidate that is being measured. */
export interface Contestant<C extends object> {
  readonly choice: C;
  /** Milliseconds of one run, of each batch. */
  readonly samples: number[];
  readonly program: Program;
  /** Runs that are submitted together. */
  readonly perSubmit: number;
  /** Milliseconds of the first runs, roughly. */
  readonly estimate: number;
}

/** Times programs by the clock on the wall, less what a wait for an idle GPU takes. */
export class Clock {
  readonly #device: Device;
  readonly #pool: ScratchPool;
  readonly #idle: number;

  private constructor(device: Device, pool: ScratchPool, idle: number) {
    this.#device = device;
    this.#pool = pool;
    this.#idle = idle;
  }

  /** Measures first what a wait takes: about 11 ms in Deno, whatever was waited for. */
  static async start(device: Device, pool: ScratchPool): Promise<Clock> {
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      const begin = performance.now();
      await device.synchronize();
      waits.push(performance.now() - begin);
    }
    return new Clock(device, pool, median(waits.slice(1)));
  }

  /** Records, compiles and tries a candidate. */
  async prepare<C extends object>(
    label: string,
    choice: C,
    run: (recorder: Recorder) => Tensor<DataType>,
  ): Promise<Contestant<C>> {
    const program = Program.record(this.#device, label, run, {
      pool: this.#pool,
      replays: PER_SUBMIT,
    });
    try {
      await this.#time(program, 1, 1); // compiles, and touches all memory for the first time
      const alone = await this.#time(program, 1, 1);
      const perSubmit = alone < SHORT_MILLISECONDS ? PER_SUBMIT : 1;
      const estimate = perSubmit === 1 ? alone : await this.#time(program, PER_SUBMIT, PER_SUBMIT);
      return { choice, samples: [], program, perSubmit, estimate };
    } catch (error) {
      program.dispose();
      throw error;
    }
  }

  /** Whether a candidate is so slow that it need not be measured. */
  static isHopeless({ estimate }: { estimate: number }, best: number): boolean {
    return estimate > HOPELESS * best;
  }

  /**
   * Measures candidates in turn, batch by batch, so that a drift of the machine's speed meets all of them.
   *
   * @param expired Whether the time is over; what is measured by then counts.
   */
  async race<C extends object>(
    contestants: readonly Contestant<C>[],
    expired: () => boolean,
  ): Promise<void> {
    let running = [...contestants];
    for (let batch = 0; batch < BATCHES && (batch === 0 || !expired()); batch++) {
      for (const contestant of running) await this.#sample(contestant);
      const best = Math.min(...running.map(timeOf));
      running = running.filter((each) => timeOf(each) <= UNLIKELY * best);
    }
  }

  /** Measures the built-in choice and the winner of a race anew: the best of many is often one that was lucky. */
  async duel<C extends object>(contestants: readonly Contestant<C>[]): Promise<void> {
    for (const { samples } of contestants) samples.length = 0;
    for (let batch = 0; batch < DUEL_BATCHES; batch++) {
      for (const contestant of contestants) await this.#sample(contestant);
    }
  }

  async #sample({ program, perSubmit, estimate, samples }: Contestant<object>): Promise<void> {
    const submits = Math.ceil(BATCH_MILLISECONDS / (perSubmit * estimate));
    samples.push(await this.#time(program, submits * perSubmit, perSubmit));
  }

  /** Milliseconds of a run of a program, from so many. */
  async #time(program: Program, runs: number, perSubmit: number): Promise<number> {
    const begin = performance.now();
    for (let run = 1; run <= runs; run++) {
      program.queue();
      if (run % perSubmit === 0) program.submit();
    }
    await this.#device.synchronize();
    return Math.max(LEAST_MILLISECONDS, (performance.now() - begin - this.#idle) / runs);
  }
}

/** The median of a candidate's batches. */
export function timeOf({ samples }: { readonly samples: readonly number[] }): number {
  return median(samples);
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
