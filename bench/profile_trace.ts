/**
 * The profile of a step as a Chrome trace, which Perfetto and chrome://tracing show.
 *
 * @module
 */

import type { ProfiledDispatch, StepProfile } from "./step_profile.ts";

/** A span of time on a thread, or the name of one, in the trace event format. Times are microseconds. */
export interface TraceEvent {
  readonly name: string;
  /** `X`: a span; `M`: a name. */
  readonly ph: "X" | "M";
  readonly pid: number;
  readonly tid: number;
  readonly cat?: string;
  readonly ts?: number;
  readonly dur?: number;
  readonly args?: Readonly<Record<string, string | number>>;
}

/** What the file holds. */
export interface Trace {
  readonly traceEvents: readonly TraceEvent[];
  readonly displayTimeUnit: "ms";
  readonly otherData: Readonly<Record<string, string | number>>;
}

const PROCESS = 1;
const THREADS = { CPU: 1, GPU: 2 };

/**
 * One step: on the CPU's thread its encoding and submission, on the GPU's thread its sections and in them the dispatches.
 *
 * The two clocks have no common zero. The GPU's first dispatch is drawn where the submission ends.
 */
export function traceOf(profile: StepProfile): Trace {
  const { submission: { spans }, dispatches } = profile;
  const submitted = spans.findLast(({ phase }) => phase === "submit")?.end ?? spans.at(-1)!.end;
  const origin = submitted - 1000 * (dispatches[0]?.begin ?? 0);
  const span = (thread: keyof typeof THREADS, name: string, begin: number, end: number) => ({
    name,
    cat: thread,
    ph: "X" as const,
    pid: PROCESS,
    tid: THREADS[thread],
    ts: begin,
    dur: end - begin,
  });
  const step = `step of ${profile.model}, batch ${profile.batchSize}`;
  const cpu = spans.map(({ phase, begin, end }) => span("CPU", phase, begin, end));
  const sections = runsBySection(dispatches).map((run) =>
    span(
      "GPU",
      run[0]!.section || "step",
      origin + 1000 * run[0]!.begin,
      origin + 1000 * run.at(-1)!.end,
    )
  );
  const gpu = dispatches.map((dispatch, i) => ({
    ...span("GPU", dispatch.label, origin + 1000 * dispatch.begin, origin + 1000 * dispatch.end),
    args: {
      number: i + 1,
      section: dispatch.section,
      kernel: dispatch.kernel,
      workgroups: dispatch.workgroups,
      flops: dispatch.flops,
      bytes: dispatch.bytes,
      "median ms": dispatch.milliseconds,
      "share of peak": dispatch.share,
    },
  }));
  return {
    traceEvents: [
      name("process_name", 0, "Strata"),
      ...Object.entries(THREADS).map(([thread, id]) => name("thread_name", id, thread)),
      span("CPU", step, 0, spans.at(-1)!.end),
      ...cpu,
      ...sections,
      ...gpu,
    ],
    displayTimeUnit: "ms",
    otherData: {
      adapter: profile.adapter,
      deno: profile.deno,
      date: profile.date,
      clock: profile.clock,
      note: "CPU and GPU have clocks without a common zero: the GPU is drawn from the end of the " +
        "submission on.",
    },
  };
}

function name(kind: string, thread: number, text: string): TraceEvent {
  return { name: kind, ph: "M", pid: PROCESS, tid: thread, args: { name: text } };
}

/** Neighbours of one section together. */
function runsBySection(dispatches: readonly ProfiledDispatch[]): ProfiledDispatch[][] {
  const runs: ProfiledDispatch[][] = [];
  for (const dispatch of dispatches) {
    const last = runs.at(-1);
    if (last?.[0]?.section === dispatch.section) last.push(dispatch);
    else runs.push([dispatch]);
  }
  return runs;
}
