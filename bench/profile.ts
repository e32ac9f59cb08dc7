/**
 * `deno task profile`: each dispatch of a training step, beside what the adapter can do at most.
 *
 * @module
 */

import { OptionError } from "../src/errors.ts";
import { Gpu } from "../src/gpu/gpu.ts";
import { sizeOf } from "../src/shape.ts";
import {
  choice,
  flag,
  helpLines,
  type Option,
  type OptionTable,
  path,
  readCommandLine,
  reportError,
  whole,
} from "../tools/command_line.ts";
import { OPTIMIZERS } from "../tools/train_optimizers.ts";
import { showProgress } from "./format.ts";
import { checkWritable, writeJson } from "./json_file.ts";
import { FULL, QUICK } from "./measure.ts";
import { findProfileModel, PROFILE_MODELS } from "./profile_models.ts";
import { formatProfile } from "./profile_text.ts";
import { traceOf } from "./profile_trace.ts";
import { type Efforts, profileStep } from "./step_profile.ts";
import type { NetworkSize } from "./training_workloads.ts";

const OPTIMIZER_NAMES = Object.keys(OPTIMIZERS) as (keyof typeof OPTIMIZERS)[];

const OPTIONS = {
  model: network("mlp", "Network, or the units of dense layers such as 784-800-800-10"),
  "batch-size": whole("N", undefined, 1, "Examples of a step; default the network's own"),
  optimizer: choice(OPTIMIZER_NAMES, "sgd", OPTIMIZER_NAMES.join(", ")),
  repetitions: whole("N", "5", 1, "Of each dispatch, of which the median counts"),
  quick: flag("Shorter batches: noisier"),
  "wall-clock": flag("Time dispatches by repeating them, as is done without timestamps"),
  trace: path(
    "Also write a Chrome trace for Perfetto or chrome://tracing, below this folder",
    "FILE",
  ),
  json: path("Also write all figures into FILE, below this folder", "FILE"),
  help: flag("Show this"),
} satisfies OptionTable;

const HELP =
  `Records a training step as fit does, on random bytes, and prints what each dispatch of it takes beside
the adapter's measured peaks, sums of sections and kernels, and the time of the CPU.

  deno task profile [option …]

${helpLines(OPTIONS, Object.keys(OPTIONS)).join("\n")}

Networks: ${PROFILE_MODELS.map(({ name }) => name).join(", ")}.`;

/** Columns of the text, if it does not go to a terminal, and the most of one that are used. */
const WIDTH = { pipe: 120, most: 140 };

const FULL_EFFORTS: Efforts = { step: FULL, peaks: QUICK, peaksTwice: true };
const QUICK_EFFORTS: Efforts = {
  step: QUICK,
  peaks: { milliseconds: 50, batches: 2 },
  peaksTwice: false,
};

/** What the command line asks for. */
export interface ProfileOptions {
  readonly size: NetworkSize;
  readonly batchSize: number | undefined;
  readonly optimizer: keyof typeof OPTIMIZERS;
  readonly repetitions: number;
  readonly quick: boolean;
  readonly wallClock: boolean;
  readonly trace: string | undefined;
  readonly json: string | undefined;
  readonly help: boolean;
}

/**
 * Reads the command line.
 *
 * @throws {OptionError} naming the option that is unknown or has a wrong value.
 */
export function parseProfileOptions(args: readonly string[]): ProfileOptions {
  const { options } = readCommandLine(OPTIONS, args);
  const { model: size, "batch-size": batchSize, "wall-clock": wallClock, ...others } = options;
  return { ...others, size, batchSize, wallClock };
}

function network(fallback: string, help: string): Option<NetworkSize> {
  return { value: "NAME", default: fallback, help, parse: findProfileModel };
}

async function profile(options: ProfileOptions): Promise<void> {
  const { size, repetitions, trace, json } = options;
  await using gpu = await Gpu.open();
  const { software, timestamps, name } = gpu.adapter;
  if (!timestamps && !options.wallClock) {
    console.error(
      `${name} has no timestamps: dispatches are repeated and timed by the wall clock.`,
    );
  }
  const batch = options.batchSize ?? (software ? size.batch : size.batchOnCard ?? size.batch);
  const examples = Math.max(2 * batch, size.examples ?? 0);
  checkExamples(gpu, options, examples);
  const { momentum, weightDecay, create } = OPTIMIZERS[options.optimizer];
  // Labels are random: a small rate keeps the losses finite for as many steps as it takes.
  const optimizer = create({ learningRate: 1e-4, momentum, weightDecay, nesterov: false });
  const { batchOnCard: _, ...sizes } = size;
  const measured = await profileStep(gpu, {
    size: {
      ...sizes,
      batch,
      examples,
      metrics: ["accuracy"],
      optimizer,
    },
    optimizer: options.optimizer,
    clock: timestamps && !options.wallClock ? "gpu" : "wall",
    repetitions,
    efforts: options.quick ? QUICK_EFFORTS : FULL_EFFORTS,
    onProgress: showProgress,
  });
  console.log(formatProfile(measured, terminalWidth()));
  if (json !== undefined) await writeJson(json, measured);
  if (trace !== undefined) await writeJson(trace, traceOf(measured));
}

/** Two batches have to lie on the GPU, as bytes. */
function checkExamples(gpu: Gpu, { size }: ProfileOptions, examples: number): void {
  const limit = gpu.device.raw.limits.maxStorageBufferBindingSize;
  const most = Math.floor(limit / sizeOf(size.inputShape) / 2);
  if (examples > 2 * most) {
    throw new OptionError(
      `--batch-size: expected at most ${most} with --model ${size.name} on this adapter, got ${
        examples / 2
      }`,
    );
  }
}

function terminalWidth(): number {
  return Deno.stdout.isTerminal() ? Math.min(Deno.consoleSize().columns, WIDTH.most) : WIDTH.pipe;
}

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseProfileOptions(args);
    if (options.help) {
      console.log(HELP);
      return 0;
    }
    for (const file of [options.trace, options.json]) {
      if (file !== undefined) await checkWritable(file);
    }
    await profile(options);
    return 0;
  } catch (error) {
    showProgress("");
    return reportError(error, "profile");
  }
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
