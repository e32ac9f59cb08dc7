/**
 * `deno task train`: trains a network to read digits, shows how it goes, and saves it.
 *
 * @module
 */

import {
  type EpochRecord,
  formatConfusionMatrix,
  Gpu,
  type History,
  OptionError,
  Sequential,
  Sgd,
  StrataError,
} from "../mod.ts";
import { checkNumber } from "../src/options.ts";
import { type Display, formatEpoch, openDisplay, percent } from "./train_display.ts";
import { MODELS, scheduleOf } from "./train_models.ts";
import { helpText, parseOptions, type TrainOptions } from "./train_options.ts";
import {
  confusionOf,
  formatEpochs,
  formatFacts,
  hashParameters,
  HISTORY_FILE,
  MODEL_FILE,
  ResultsFolder,
} from "./train_results.ts";
import { loadTrainingData, type TrainingData } from "./training_data.ts";

/** Exit codes: the shell's for a program that Ctrl-C ended, and for a wrong command line. */
const STOPPED = 130;
const WRONG_USE = 2;

if (import.meta.main) Deno.exitCode = await main(Deno.args);

async function main(args: readonly string[]): Promise<number> {
  const display = openDisplay();
  try {
    const options = parseOptions(args);
    if (options.help) {
      console.log(helpText());
      return 0;
    }
    using stop = new Stop(display);
    return await run(options, display, stop);
  } catch (error) {
    display.end();
    if (error instanceof Stopped) {
      display.line("Stopped before the first step; there is nothing to save.");
      return STOPPED;
    }
    if (!(error instanceof StrataError)) throw error; // a bug: its stack is wanted
    console.error(error.message);
    if (!(error instanceof OptionError)) return 1;
    console.error("deno task train --help lists the options.");
    return WRONG_USE;
  }
}

async function run(options: TrainOptions, display: Display, stop: Stop): Promise<number> {
  const begin = performance.now();
  const startedAt = new Date();
  await using gpu = await Gpu.open();
  const { name: adapter, software } = gpu.adapter;
  display.line(formatFacts([["Adapter", software ? `${adapter}, software: the CPU computes` : adapter]]));
  const data = await loadTrainingData(options, display, stop.signal);
  display.line(formatFacts([["Data   ", describeData(data)]]));

  const { layers } = MODELS[options.model];
  const { inputShape } = data.train;
  using model = new Sequential(layers(options), { gpu, inputShape, seed: options.seed });
  const stepsPerEpoch = Math.ceil(data.train.length / options["batch-size"]);
  const trainer = compile(model, options, stepsPerEpoch * options.epochs);
  await using folder = await ResultsFolder.open(options.out ?? defaultFolder(options, startedAt));
  display.line(`\n${model.summary()}\n`);
  display.line(`${describeTraining(options, stepsPerEpoch)}\nCtrl-C stops and saves.\n`);

  display.status("Compiling the kernels …");
  const fitBegin = performance.now();
  const history = await model.fit(data.train, {
    epochs: options.epochs,
    batchSize: options["batch-size"],
    validation: data.test,
    signal: stop.signal,
    onProgress: (progress) => display.progress(progress),
    onEpoch: (record) => display.line(formatEpoch(record, options.epochs, isCut(record))),
  });
  display.end();
  stop.throwIfNothingWasDone(history);
  const sha256 = await hashParameters(model);
  const seconds = (performance.now() - begin) / 1000;
  await folder.save(model, {});
  return history.stopped ? STOPPED : 0;
}
