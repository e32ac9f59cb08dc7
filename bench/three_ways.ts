/**
 * `deno task bench:conv`: the ways to compute a convolution, compared over sizes of filters.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { Gpu } from "../src/gpu/gpu.ts";
import { checkNumber, checkOneOf } from "../src/options.ts";
import type { ConvolutionPass } from "../src/ops/convolution_method.ts";
import { type ConvolutionSize, convolutionWorkloads, PASS_NAMES } from "./convolution_workloads.ts";
import { showProgress } from "./format.ts";
import { describeAdapter, type Effort, FULL, measure, QUICK, type Timing } from "./measure.ts";
import { describeWays, formatWays, type WayRow } from "./three_ways_text.ts";

const HELP = `Usage: deno task bench:conv [options]

Times a convolution whose output is as large as its input in three ways, directly, as a product of
matrices and in the domain of frequencies, and by Winograd's algorithm where it applies. Says for each
size of filters which wins.

  --kernels LIST   taps along an edge of the filters (3,5,7,11,15)
  --batch N        images (8)
  --channels N     of an image (16)
  --size N         pixels along an edge of an image (64)
  --filters N      how many (16)
  --pass NAME      forward, dx or dw: the output, or the gradient of the input or of the weights
                   (forward)
  --quick          shorter batches: noisier
  --json FILE      also writes the figures into FILE, below this folder
  --help           prints this`;

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

const PASSES = Object.keys(PASS_NAMES) as ConvolutionPass[];

/**
 * Reads the command line.
 *
 * @throws {Error} if it has something else than the options of the help text, or a number is out of range.
 */
export function parseWaysOptions(args: readonly string[]): WaysOptions {
  const unknown: string[] = [];
  const parsed = parseArgs([...args], {
    boolean: ["quick", "help"],
    string: ["kernels", "batch", "channels", "size", "filters", "pass", "json"],
    unknown: (arg: string) => {
      unknown.push(arg);
      return false;
    },
  });
  if (unknown.length > 0) throw new Error(`Unknown: ${unknown.join(" ")}\n\n${HELP}`);
  const { quick, help, json, pass = "forward" } = parsed;
  if (json === "") throw new Error(`--json needs the name of a file\n\n${HELP}`);
  const passNames = Object.values(PASS_NAMES);
  checkOneOf(pass, "--pass", passNames);
  const listed: string = parsed.kernels ?? "3,5,7,11,15";
  const kernels = listed.split(",").map((text) => wholeNumber(text, "--kernels"));
  return {
    kernels: [...new Set(kernels)].sort((a, b) => a - b),
    batch: wholeNumber(parsed.batch ?? "8", "--batch"),
    channels: wholeNumber(parsed.channels ?? "16", "--channels"),
    size: wholeNumber(parsed.size ?? "64", "--size"),
    filters: wholeNumber(parsed.filters ?? "16", "--filters"),
    pass: PASSES[passNames.indexOf(pass)]!,
    quick,
    json,
    help,
  };
}

function wholeNumber(text: string, what: string): number {
  const value = text.trim() === "" ? NaN : Number(text);
  checkNumber(value, what, { min: 1, integer: true });
  return value;
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

async function main(options: WaysOptions): Promise<void> {
  const { batch, channels, size, filters, pass, quick, json } = options;
  // A file that cannot be written is better known before the measurements.
  if (json !== undefined) await Deno.writeTextFile(json, "");
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
  if (json !== undefined) {
    await Deno.writeTextFile(
      json,
      JSON.stringify({ ...head, rows, sentences }, undefined, 2) + "\n",
    );
  }
}

if (import.meta.main) {
  try {
    const options = parseWaysOptions(Deno.args);
    if (options.help) console.log(HELP);
    else await main(options);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exitCode = 1;
  }
}
