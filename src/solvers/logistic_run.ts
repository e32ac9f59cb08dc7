/**
 * What all solvers do between iterations: write the trace, and see whether to end.
 *
 * @module
 */

import type { Schedule } from "../optimizers/schedules.ts";
import type { Limits, LogisticReason, LogisticTraceEntry } from "./logistic_options.ts";
import type { LogisticObjective, Point } from "./logistic_objective.ts";

/** Objectives beyond this times the first (and ln 2) count as diverged. */
const DIVERGED = 1e6;
/** Iterations without any progress after which rounding is taken to be the reason. */
const PATIENCE = 5;

/** What a method reports of an iteration. */
export interface StepReport {
  readonly step?: number;
  readonly note?: string;
}

/** One run of a solver. */
export class LogisticRun {
  readonly objective: LogisticObjective;
  readonly trace: LogisticTraceEntry[] = [];
  /** Bytes that the method keeps besides the logits. */
  methodBytes = 0;
  /** The rate of each step, where it does not depend on what is found. */
  schedule: Schedule | undefined;
  readonly #limits: Limits;
  /** When the run began, later by the time spent aside. */
  #start: number;
  #lowest = Infinity;
  #smallest = Infinity;
  #idle = 0;

  constructor(objective: LogisticObjective, limits: Limits, start: number) {
    this.objective = objective;
    this.#limits = limits;
    this.#start = start;
  }

  /** Iterations done. */
  get iterations(): number {
    return Math.max(0, this.trace.length - 1);
  }

  /** Most iterations. */
  get maxIterations(): number {
    return this.#limits.maxIterations;
  }

  /** Does what the method would not need but to be watched: its passes and its time do not count. */
  async aside<T>(watch: () => Promise<T>): Promise<T> {
    const { examples } = this.objective;
    const { passes } = examples;
    const begin = performance.now();
    const result = await watch();
    examples.passes = passes;
    this.#start += performance.now() - begin;
    return result;
  }

  /**
   * Adds the present state to the trace.
   *
   * @param noisy Whether the method may get worse for a while, so that idle iterations mean nothing.
   * @returns Why to end, if so.
   */
  record(gradient: Point, report: StepReport = {}, noisy = false): LogisticReason | undefined {
    const { objective: f } = this;
    const objective = f.value();
    const gradientNorm = f.gradientNorm(gradient);
    this.trace.push({
      iteration: this.trace.length,
      objective,
      gradientNorm,
      milliseconds: performance.now() - this.#start,
      passes: f.examples.passes,
      bytes: f.examples.bytesRead,
      ...report,
    });
    const limit = DIVERGED * Math.max(Math.LN2, this.trace[0]!.objective);
    if (!(objective <= limit && Number.isFinite(gradientNorm))) return "diverged";
    if (gradientNorm <= this.#limits.tolerance) return this.end("tolerance");
    const better = objective < this.#lowest || gradientNorm < this.#smallest;
    this.#lowest = Math.min(this.#lowest, objective);
    this.#smallest = Math.min(this.#smallest, gradientNorm);
    this.#idle = better ? 0 : this.#idle + 1;
    if (!noisy && this.#idle >= PATIENCE) return this.end("precision");
    return this.iterations >= this.#limits.maxIterations ? this.end("maxIterations") : undefined;
  }

  /** The reason, or "separable" if there is no optimum at all. */
  end(reason: LogisticReason): LogisticReason {
    const { l1, l2 } = this.objective;
    return l1 === 0 && l2 === 0 && this.objective.separates() ? "separable" : reason;
  }
}
