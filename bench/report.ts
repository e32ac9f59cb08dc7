/**
 * `deno task bench:report`: a table of all workloads, beside what the adapter can do at most.
 *
 * @module
 */

import { OptionError } from "../src/errors.ts";
import { Gpu } from "../src/gpu/gpu.ts";
import { formatTable } from "../src/text_table.ts";
import {
  flag,
  helpLines,
  type OptionTable,
  path,
  readCommandLine,
  reportError,
  text,
} from "../tools/command_line.ts";
import { digits, formatBytes, formatError, giga, percent, showProgress } from "./format.ts";
import { checkWritable, writeJson } from "./json_file.ts";
import {
  describeAdapter,
  FULL,
  measure,
  measureSubmit,
  QUICK,
  type SubmitTiming,
  type Timing,
} from "./measure.ts";
import { higherPeaks, measurePeaks, type Peaks, type PeakShare, shareOfPeak } from "./peaks.ts";
import { isSelected, type Workload } from "./workload.ts";
import { listWorkloads } from "./workloads.ts";

const OPTIONS = {
  quick: flag("Shorter batches: noisier"),
  filter: text("TEXT", "Only workloads whose suite or name contains TEXT"),
  all: flag("Also all that otherwise need a filter: they take minutes"),
  json: path("Also write the figures into FILE, below this folder", "FILE"),
  help: flag("Show this"),
} satisfies OptionTable;

const HELP = `Times workloads and prints them beside the adapter's measured peak.

  deno task bench:report [option …]

${helpLines(OPTIONS, Object.keys(OPTIONS)).join("\n")}

--filter takes matmul, training, "step 784" and the like; "conv" compares all algorithms of convolution.`;

/** What the command line asks for. */
export interface ReportOptions {
  readonly quick: boolean;
  readonly filter: string;
  readonly all: boolean;
  readonly json: string | undefined;
  readonly help: boolean;
}

/** A workload with its times, and what follows from them. */
export interface ReportRow extends PeakShare {
  readonly name: string;
  readonly timing: Timing;
  readonly flopsPerSecond: number;
  readonly bytesPerSecond: number;
  /** Bytes of intermediate results at once, if the workload can say. */
  readonly workspace?: number;
  /** Of the results, against float64, if it is looked at. */
  readonly error?: number;
}

/** CPU time to encode and submit a training step: as `fit` does, many in one submission, and alone. */
export interface StepSubmits {
  readonly together: SubmitTiming;
  readonly alone: SubmitTiming;
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
  /** CPU time to encode and submit a training step, by the step's name. */
  readonly submits: Readonly<Record<string, StepSubmits>>;
}

/**
 * Reads the command line.
 *
 * @throws {OptionError} naming the option that is unknown or has no value.
 */
export function parseReportOptions(args: readonly string[]): ReportOptions {
  const { options } = readCommandLine(OPTIONS, args);
  return { ...options, filter: options.filter ?? "" };
}

/** Judges a time by the peaks. */
export function makeRow(
  { name, flops, bytes, workspace }: Pick<Workload, "name" | "flops" | "bytes" | "workspace">,
  timing: Timing,
  peaks: Peaks,
  error?: number,
): ReportRow {
  const seconds = timing.median / 1000;
  return {
    name,
    timing,
    flopsPerSecond: flops / seconds,
    bytesPerSecond: bytes / seconds,
    ...shareOfPeak({ flops, bytes }, seconds, peaks),
    ...(workspace === undefined ? {} : { workspace }),
    ...(error === undefined ? {} : { error }),
  };
}

/** A column of the report. */
interface ReportColumn {
  readonly heading: string;
  readonly align: "left" | "right";
  /** Empty where the row has nothing to say. */
  readonly cell: (row: ReportRow) => string;
}

const COLUMNS: readonly ReportColumn[] = [
  { heading: "Workload", align: "left", cell: ({ name }) => name },
  { heading: "ms", align: "right", cell: ({ timing }) => digits(timing.median) },
  { heading: "least ms", align: "right", cell: ({ timing }) => digits(timing.minimum) },
  { heading: "GPU ms", align: "right", cell: ({ timing }) => optional(timing.gpu, digits) },
  { heading: "GFLOP/s", align: "right", cell: ({ flopsPerSecond }) => giga(flopsPerSecond) },
  { heading: "GB/s", align: "right", cell: ({ bytesPerSecond }) => giga(bytesPerSecond) },
  {
    heading: "% of peak",
    align: "right",
    cell: ({ share }) => percent(share),
  },
  { heading: "peak", align: "left", cell: ({ bound }) => bound },
  {
    heading: "workspace",
    align: "right",
    cell: ({ workspace }) => optional(workspace, formatBytes),
  },
  { heading: "error", align: "right", cell: ({ error }) => optional(error, formatError) },
];

/** The report as text. Columns that no row has anything for are left out, but for the GPU's times. */
export function formatReport({ peaks, rows, submits, ...head }: Report): string {
  const columns = COLUMNS.filter(({ heading, cell }) =>
    heading === "GPU ms" || rows.some((row) => cell(row) !== "")
  );
  const table = formatTable(rows.map((row) => columns.map(({ cell }) => cell(row))), columns);
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
  for (const [name, { together, alone }] of steps) {
    lines.push(
      `encode µs per step: ${formatSubmit(together)} of ${together.repetitions} together; ` +
        `${formatSubmit(alone)} alone (${name})`,
    );
  }
  return lines.join("\n");
}

function formatSubmit({ median, minimum }: SubmitTiming): string {
  return `${digits(median)}, least ${digits(minimum)}`;
}

function optional(value: number | undefined, format: (value: number) => string): string {
  return value === undefined ? "" : format(value);
}

async function measureReport({ quick, filter, all }: ReportOptions): Promise<Report> {
  await using gpu = await Gpu.open();
  const workloads = listWorkloads(gpu).filter((workload) => isSelected(workload, filter, all));
  if (workloads.length === 0) {
    throw new OptionError(
      `--filter: expected a part of a workload's suite or name, got "${filter}"; --all looks in all of them`,
    );
  }
  const effort = quick ? QUICK : FULL;
  showProgress("peaks");
  const peaksBefore = await measurePeaks(gpu, effort);
  const measured: [Timing, error: number | undefined][] = [];
  const submits: Record<string, StepSubmits> = {};
  for (const workload of workloads) {
    showProgress(workload.name);
    using prepared = workload.prepare(gpu);
    const timing = await measure(prepared, effort, gpu.adapter.timestamps);
    measured.push([timing, await prepared.error?.()]);
    if (workload.suite === "training") {
      submits[workload.name] = {
        together: await measureSubmit(prepared, prepared.perSubmit),
        alone: await measureSubmit(prepared, 1),
      };
    }
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
    rows: workloads.map((workload, i) => {
      const [timing, error] = measured[i]!;
      return makeRow(workload, timing, peaks, error);
    }),
    submits,
  };
}

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseReportOptions(args);
    const { help, json } = options;
    if (help) {
      console.log(HELP);
      return 0;
    }
    if (json !== undefined) await checkWritable(json);
    const report = await measureReport(options);
    console.log(formatReport(report));
    if (json !== undefined) await writeJson(json, report);
    return 0;
  } catch (error) {
    showProgress("");
    return reportError(error, "bench:report");
  }
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
