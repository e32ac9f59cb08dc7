/**
 * `deno task bench:report`: a table of all workloads, beside what the adapter can do at most.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { Gpu } from "../src/gpu/gpu.ts";
import { formatTable } from "../src/text_table.ts";
import {
  describeAdapter,
  FULL,
  measure,
  measureSubmit,
  QUICK,
  type SubmitTiming,
  type Timing,
} from "./measure.ts";
import { higherPeaks, measurePeaks, type Peaks } from "./peaks.ts";
import type { Workload } from "./workload.ts";
import { listWorkloads } from "./workloads.ts";

const HELP = `Usage: deno task bench:report [options]

Times all workloads and prints them beside the adapter's measured peak.

  --quick         shorter batches: noisier, under a minute on a software adapter
  --filter TEXT   only workloads whose name contains TEXT
  --json FILE     also writes the figures into FILE, below this folder
  --help          prints this`;

/** What the command line asks for. */
export interface ReportOptions {
  readonly quick: boolean;
  readonly filter: string;
  readonly json: string | undefined;
  readonly help: boolean;
}

/** A workload with its times, and what follows from them. */
export interface ReportRow {
  readonly name: string;
  readonly timing: Timing;
  readonly flopsPerSecond: number;
  readonly bytesPerSecond: number;
  /** The least time that the peaks allow, divided by the median. */
  readonly share: number;
  /** The peak that sets the least time. */
  readonly bound: "FLOP/s" | "B/s";
}

/** All figures. */
export interface Report {
  readonly adapter: string;
  readonly software: boolean;
  readonly deno: string;
  readonly date: string;
  readonly quick: boolean;
  readonly peaks: Peaks;
  readonly rows: readonly ReportRow[];
  /** CPU time to encode and submit a training step, in microseconds, by the step's name. */
  readonly submits: Readonly<Record<string, SubmitTiming>>;
}

/**
 * Reads the command line.
 *
 * @throws {Error} if it has something else than the options of the help text.
 */
export function parseReportOptions(args: readonly string[]): ReportOptions {
  const unknown: string[] = [];
  const { quick, filter, json, help } = parseArgs([...args], {
    boolean: ["quick", "help"],
    string: ["filter", "json"],
    unknown: (arg: string) => {
      unknown.push(arg);
      return false;
    },
  });
  if (unknown.length > 0) throw new Error(`Unknown: ${unknown.join(" ")}\n\n${HELP}`);
  if (json === "") throw new Error(`--json needs the name of a file\n\n${HELP}`);
  return { quick, filter: filter ?? "", json, help };
}

/** Judges a time by the peaks. */
export function makeRow(
  { name, flops, bytes }: Pick<Workload, "name" | "flops" | "bytes">,
  timing: Timing,
  peaks: Peaks,
): ReportRow {
  const seconds = timing.median / 1000;
  const arithmetic = flops / peaks.flops.perSecond;
  const traffic = bytes / peaks.bytes.perSecond;
  return {
    name,
    timing,
    flopsPerSecond: flops / seconds,
    bytesPerSecond: bytes / seconds,
    share: Math.max(arithmetic, traffic) / seconds,
    bound: arithmetic > traffic ? "FLOP/s" : "B/s",
  };
}

/** The report as text. */
export function formatReport({ peaks, rows, submits, ...head }: Report): string {
  const giga = (perSecond: number) => perSecond === 0 ? "" : digits(perSecond / 1e9);
  const table = formatTable(
    rows.map(({ name, timing, flopsPerSecond, bytesPerSecond, share, bound }) => [
      name,
      digits(timing.median),
      digits(timing.minimum),
      timing.gpu === undefined ? "" : digits(timing.gpu),
      giga(flopsPerSecond),
      giga(bytesPerSecond),
      (100 * share).toFixed(share < 0.1 ? 1 : 0),
      bound,
    ]),
    [
      { heading: "Workload" },
      ...["ms", "least ms", "GPU ms", "GFLOP/s", "GB/s", "% of peak"].map((heading) => ({
        heading,
        align: "right" as const,
      })),
      { heading: "peak" },
    ],
  );
  const lines = [
    `GPU     ${head.adapter}`,
    `Peaks   ${giga(peaks.flops.perSecond)} GFLOP/s (${peaks.flops.kernel}), ` +
    `${giga(peaks.bytes.perSecond)} GB/s (${peaks.bytes.kernel})`,
    `Deno    ${head.deno}`,
    `Date    ${head.date}${head.quick ? ", a quick run" : ""}`,
    "",
    table,
  ];
  const steps = Object.entries(submits);
  if (steps.length > 0) lines.push("");
  for (const [name, { median, minimum }] of steps) {
    lines.push(`encode µs per step: ${digits(median)}, least ${digits(minimum)} (${name})`);
  }
  return lines.join("\n");
}

/** Three digits, more before the point. */
function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

async function measureReport({ quick, filter }: ReportOptions): Promise<Report> {
  const workloads = listWorkloads().filter(({ name }) => name.includes(filter));
  if (workloads.length === 0) throw new Error(`No workload's name contains "${filter}"`);
  const effort = quick ? QUICK : FULL;
  await using gpu = await Gpu.open();
  showProgress("peaks");
  const peaksBefore = await measurePeaks(gpu, effort);
  const timings: Timing[] = [];
  const submits: Record<string, SubmitTiming> = {};
  for (const workload of workloads) {
    showProgress(workload.name);
    using prepared = workload.prepare(gpu);
    timings.push(await measure(prepared, effort, gpu.adapter.timestamps));
    if (workload.suite === "training") submits[workload.name] = await measureSubmit(prepared);
  }
  showProgress("peaks");
  const peaks = higherPeaks(peaksBefore, await measurePeaks(gpu, effort));
  showProgress("");
  return {
    adapter: describeAdapter(gpu.adapter),
    software: gpu.adapter.software,
    deno: `${Deno.version.deno}, ${Deno.build.target}`,
    date: new Date().toISOString().slice(0, 10),
    quick,
    peaks,
    rows: workloads.map((workload, i) => makeRow(workload, timings[i]!, peaks)),
    submits,
  };
}

/** Says on a terminal what is being measured. */
function showProgress(what: string): void {
  if (!Deno.stderr.isTerminal()) return;
  Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${what === "" ? "" : `${what} …`}`));
}

if (import.meta.main) {
  try {
    const options = parseReportOptions(Deno.args);
    if (options.help) {
      console.log(HELP);
    } else {
      // A file that cannot be written is better known before the measurements.
      if (options.json !== undefined) await Deno.writeTextFile(options.json, "");
      const report = await measureReport(options);
      console.log(formatReport(report));
      if (options.json !== undefined) {
        await Deno.writeTextFile(options.json, JSON.stringify(report, undefined, 2) + "\n");
      }
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exitCode = 1;
  }
}
