/**
 * `deno task bench:conv`: the ways to compute a convolution, compared over sizes of filters.
 *
 * @module
 */

import { Gpu } from "../src/gpu/gpu.ts";
import type { ConvolutionPass } from "../src/ops/convolution_method.ts";
import {
  choice,
  flag,
  helpLines,
  type Option,
  type OptionTable,
  parseNumber,
  path,
  readCommandLine,
  reportError,
  whole,
} from "../tools/command_line.ts";
import { type ConvolutionSize, convolutionWorkloads, PASS_NAMES } from "./convolution_workloads.ts";
import { showProgress } from "./format.ts";
import { checkWritable, writeJson } from "./json_file.ts";
import { describeAdapter, type Effort, FULL, measure, QUICK, type Timing } from "./measure.ts";
import { describeWays, formatWays, type WayRow } from "./three_ways_text.ts";

const PASSES = Object.keys(PASS_NAMES) as ConvolutionPass[];

const OPTIONS = {
  kernels: wholes("3,5,7,11,15", "Taps along an edge of the filters"),
  batch: whole("N", "8", 1, "Images"),
  channels: whole("N", "16", 1, "Of an image"),
  size: whole("N", "64", 1, "Pixels along an edge of an image"),
  filters: whole("N", "16", 1, "How many"),
  pass: choice(
    Object.values(PASS_NAMES),
    PASS_NAMES.forward,
    "The output (forward), or the gradient of the input (dx) or of the weights (dw)",
  ),
  quick: flag("Shorter batches: noisier"),
  json: path("Also write the figures into FILE, below this folder", "FILE"),
  help: flag("Show this"),
} satisfies OptionTable;

const HELP =
  `Times a convolution whose output is as large as its input in three ways, directly, as a product of
matrices and in the domain of frequencies, and by Winograd's algorithm where it applies. Says for each
size of filters which wins.

  deno task bench:conv [option …]

${helpLines(OPTIONS, Object.keys(OPTIONS)).join("\n")}`;

/** What the command line asks for. */
export interface WaysOptions {
  readonly kernels: readonly number[];
  readonly batch: number;
  readonly channels: number;
  readonly size: number;
  readonly filters: number;
  readonly pass: ConvolutionPass;
  readonly quick: boolean;
  readonly json: string | undefined;
  readonly help: boolean;
}

/** An algorithm at one size of filters. */
export interface MeasuredWay extends WayRow {
  readonly timing: Timing;
}

/**
 * Reads the command line.
 *
 * @throws {OptionError} naming the option that is unknown or has a wrong value.
 */
export function parseWaysOptions(args: readonly string[]): WaysOptions {
  const { options } = readCommandLine(OPTIONS, args);
  const pass = PASSES.find((name) => PASS_NAMES[name] === options.pass)!;
  return { ...options, pass };
}

/** Whole numbers with commas between them, each once, in order. */
function wholes(fallback: string, help: string): Option<readonly number[]> {
  const parse = (text: string, option: string) => {
    const values = text.split(",").map((part) =>
      parseNumber(part, option, { min: 1, integer: true })
    );
    return [...new Set(values)].sort((a, b) => a - b);
  };
  return { value: "N,N,…", default: fallback, help, parse };
}

/** Times every algorithm that applies, at every size of filters. */
export async function measureWays(
  gpu: Gpu,
  { kernels, batch, channels, size, filters, pass }: WaysOptions,
  effort: Effort,
): Promise<MeasuredWay[]> {
  const rows: MeasuredWay[] = [];
  for (const kernelSize of kernels) {
    const convolution: ConvolutionSize = {
      inputShape: [batch, channels, size, size],
      filters,
      kernelSize,
      padding: "same",
    };
    const [auto, ...workloads] = convolutionWorkloads(gpu, convolution, [pass]);
    // Of an algorithm with tiles, the first is its default.
    const taken = workloads.find(({ plan }) => plan.algorithm === auto!.plan.algorithm);
    for (const workload of workloads) {
      showProgress(workload.name);
      using prepared = workload.prepare(gpu);
      const timing = await measure(prepared, effort);
      rows.push({
        kernelSize,
        algorithm: workload.choice,
        milliseconds: timing.median,
        flopsPerSecond: workload.flops / timing.median * 1000,
        workspace: workload.plan.workspaceBytes,
        auto: workload === taken,
        timing,
      });
    }
  }
  showProgress("");
  return rows;
}

async function compareWays(options: WaysOptions): Promise<void> {
  const { batch, channels, size, filters, pass, quick, json } = options;
  if (json !== undefined) await checkWritable(json);
  await using gpu = await Gpu.open();
  const rows = await measureWays(gpu, options, quick ? QUICK : FULL);
  const head = {
    adapter: describeAdapter(gpu.adapter),
    convolution: `${PASS_NAMES[pass]} of ${[batch, channels, size, size].join("×")} → ${filters}`,
    deno: `${Deno.version.deno}, ${Deno.build.target}`,
    date: new Date().toISOString().slice(0, 10),
    quick,
  };
  const sentences = describeWays(rows);
  console.log([
    `GPU     ${head.adapter}`,
    `Conv2d  ${head.convolution}, padding same`,
    `Deno    ${head.deno}`,
    `Date    ${head.date}${quick ? ", a quick run" : ""}`,
    "",
    formatWays(rows),
    "",
    ...sentences,
  ].join("\n"));
  if (json !== undefined) await writeJson(json, { ...head, rows, sentences });
}

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseWaysOptions(args);
    if (options.help) console.log(HELP);
    else await compareWays(options);
    return 0;
  } catch (error) {
    showProgress("");
    return reportError(error, "bench:conv");
  }
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
