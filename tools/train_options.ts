/**
 * The command line of `deno task train`: one table makes the parser, the checks, the help and the suggestions.
 *
 * @module
 */

import { ACTIVATION_NAMES, OptionError } from "../mod.ts";
import { TUNING_MODES } from "../src/gpu/tuning.ts";
import {
  choice,
  flag,
  helpLines,
  names,
  number,
  type Option,
  type OptionTable,
  type OptionValues,
  parseNumber,
  path,
  readCommandLine,
  text,
  whole,
} from "./command_line.ts";
import { TEST_FRACTION } from "./table_data.ts";
import { TRIAL_STEPS } from "./find_rate.ts";
import { MODELS, SCHEDULES, SHIFT } from "./train_models.ts";
import { type OptimizerChoice, OPTIMIZERS } from "./train_optimizers.ts";

const SEEDS = 2 ** 32;

const OPTIONS = {
  model: choice(Object.keys(MODELS) as (keyof typeof MODELS)[], "mlp", "Network"),
  hidden: {
    value: "N,N,…",
    default: "128",
    help: "Units of each hidden layer",
    parse: parseHidden,
  },
  activation: choice(ACTIVATION_NAMES, "relu", "Of the hidden layers"),
  dropout: number("P", "0", { min: 0, max: 0.99 }, "Share of hidden units left out in a step"),
  data: path("Folder of MNIST or CIFAR-10, gzipped or not; or a CSV file", "PATH"),
  offline: flag("Do not download MNIST"),
  "train-size": whole("N", undefined, 1, "Train on the first N images; default all"),
  "test-size": whole("N", undefined, 1, "Test with the first N images; default all"),
  augment: flag("Shift images at random, and mirror colour images"),
  label: text("NAME", "Column to predict"),
  "test-fraction": number(
    "SHARE",
    undefined,
    { min: 0, max: 1 },
    `Share of the records to test with; default ${TEST_FRACTION}`,
  ),
  categorical: names("Columns whose numbers are names, such as postcodes"),
  ignore: names("Columns to leave out, such as serial numbers"),
  separator: separator("Between two fields, or tab; default a comma"),
  stream: flag("Read the file anew in each epoch; above 256 MiB it always is"),
  epochs: whole("N", "5", 1, "Passes over the training data"),
  "batch-size": whole("N", "128", 1, "Examples of a training step"),
  optimizer: choice(
    Object.keys(OPTIMIZERS) as (keyof typeof OPTIMIZERS)[],
    "sgd",
    "Rule of updating",
  ),
  "learning-rate": number(
    "RATE",
    undefined,
    { min: 0, exclusiveMin: true },
    "Size of the steps; default below",
  ),
  "find-rate": flag("Try learning rates and draw their losses, instead of training"),
  schedule: choice(
    Object.keys(SCHEDULES) as (keyof typeof SCHEDULES)[],
    "constant",
    "How the rate falls",
  ),
  "warm-up": whole("STEPS", "0", 0, "Steps in which the rate first rises"),
  momentum: number(
    "M",
    "0.9",
    { min: 0, max: 0.9999 },
    "Share of the last step that is kept, by sgd and rmsprop",
  ),
  nesterov: flag("Momentum with Nesterov's look-ahead"),
  "weight-decay": number("W", "0", { min: 0 }, "Pull of all parameters towards 0"),
  "clip-norm": number(
    "NORM",
    undefined,
    { min: 0, exclusiveMin: true },
    "Largest norm of the gradients; default any",
  ),
  precision: choice(
    ["f32", "mixed"] as const,
    "f32",
    "mixed keeps activations and a copy of the weights in 16 bits",
  ),
  seed: whole("SEED", "7", 0, "Of all randomness; the same seed, the same result", SEEDS - 1),
  tuning: choice(TUNING_MODES, "table", "Choice of kernels: table, cache, or measure first"),
  out: path("Folder for the results; default runs/MODEL-DATE-TIME"),
  help: flag("Show this"),
} satisfies OptionTable;

type Name = keyof typeof OPTIONS;

/** The options by their names on the command line. */
export type TrainOptions = OptionValues<typeof OPTIONS>;

/** The groups of the help. */
const GROUPS: readonly (readonly [heading: string, names: readonly Name[]])[] = [
  ["Network", ["model", "hidden", "activation", "dropout"]],
  ["Data", ["data", "offline", "train-size", "test-size", "augment"]],
  ["CSV file", ["label", "test-fraction", "categorical", "ignore", "separator", "stream"]],
  ["Training", [
    "epochs",
    "batch-size",
    "optimizer",
    "learning-rate",
    "find-rate",
    "schedule",
    "warm-up",
    "momentum",
    "nesterov",
    "weight-decay",
    "clip-norm",
    "precision",
    "seed",
  ]],
  ["Other", ["tuning", "out", "help"]],
];

/**
 * Reads a command line.
 *
 * @throws {OptionError} naming the option that is unknown or has a wrong value.
 */
export function parseOptions(args: readonly string[]): TrainOptions {
  const { options, isGiven } = readCommandLine(OPTIONS, args);
  checkTogether(options, isGiven);
  const { momentum, weightDecay } = OPTIMIZERS[options.optimizer];
  return {
    ...options,
    ...(isGiven("momentum") ? {} : { momentum }),
    ...(isGiven("weight-decay") ? {} : { "weight-decay": weightDecay }),
  };
}

/** Options that do not fit together. */
function checkTogether(options: TrainOptions, isGiven: (name: Name) => boolean): void {
  const { model, optimizer } = options;
  rejectForeign(["hidden", "activation", "dropout"], MODELS[model].options, `--model ${model}`);
  rejectForeign(
    ["momentum", "nesterov"],
    OPTIMIZERS[optimizer].options,
    `--optimizer ${optimizer}`,
  );
  const unused = (["learning-rate", "schedule", "warm-up", "epochs"] as const).find(isGiven);
  if (options["find-rate"] && unused !== undefined) {
    throw new OptionError(`--${unused}: expected none with --find-rate, got one`);
  }
  if (options.nesterov && options.momentum === 0) {
    throw new OptionError("--nesterov: expected a --momentum above 0, got 0");
  }

  /** Of some options, only a choice's own may be given. */
  function rejectForeign(names: readonly Name[], own: readonly string[], choice: string): void {
    const foreign = names.find((name) => isGiven(name) && !own.includes(name));
    if (foreign === undefined) return;
    throw new OptionError(`--${foreign}: expected none with ${choice}, got one`);
  }
}

/** What `--help` prints. */
export function helpText(): string {
  const lines = GROUPS.flatMap(([heading, names]) => [
    "",
    heading,
    ...helpLines(OPTIONS, names),
  ]);
  return `Trains a network on images, or on the rows of a CSV file, and saves it.

  deno task train [option …]
${lines.join("\n")}

The networks and their hidden layers:
${Object.entries(MODELS).map(([name, { about }]) => `  ${name.padEnd(24)}${about}`).join("\n")}

The optimizers and their learning rates, where none is given:
${Object.entries(OPTIMIZERS).map(optimizerLine).join("\n")}
sgd takes 0.01 with colour images. Where none is given, --momentum is 0 with rmsprop, and
--weight-decay 0.01 with adamw.

The activations: ${ACTIVATION_NAMES.join(", ")}.

The learning rate stays as it is (constant), falls to 0 (cosine), to a hundredth (exponential), to
a tenth (inverse-time) by the end, or to a tenth after each third of the training (step).

--find-rate trains ${TRIAL_STEPS} steps at each of many rates, and once at a rate that rises; it recommends
rates and leaves pictures of the losses in the folder for the results.

--data takes the four files of MNIST, or of another data set in that format, or the files of
CIFAR-10: data_batch_1.bin … data_batch_5.bin, one at least, and test_batch.bin. Colour images are
normalised by the mean and deviation of each channel. --augment moves each training image in each
step by up to ${SHIFT.gray} pixels, a colour image by up to ${SHIFT.colour}, and mirrors half of the colour images.

A CSV file needs --label, a column of classes, and a network without convolutions. Numbers are
standardised, and each name becomes an input, as the records to train on say; table.json, which is
saved with the model, keeps that for predictions.

Without --data, MNIST comes from the cache folder, where the first run puts it (11 MB). If it can
neither be found nor downloaded, the network is trained on drawn digits instead.

Ctrl-C stops after the steps in hand and saves; a second Ctrl-C quits at once.`;
}

function optimizerLine([name, { about, learningRate }]: [string, OptimizerChoice]): string {
  return `  ${name.padEnd(10)}${`${learningRate}`.padEnd(14)}${about}`;
}

function separator(help: string): Option<string | undefined> {
  return { value: "C", help, parse: parseSeparator };
}

function parseHidden(text: string, option: string): readonly number[] {
  return text.split(",").map((part) => parseNumber(part, option, { min: 1, integer: true }));
}

function parseSeparator(text: string, option: string): string | undefined {
  if (text === "tab") return "\t";
  if (text.length === 1 && !/["\r\n]/.test(text)) return text;
  throw new OptionError(`${option}: expected one character or tab, got ${JSON.stringify(text)}`);
}
