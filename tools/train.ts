/**
 * `deno task train`: trains a network on images or on a table, shows how it goes, and saves it.
 *
 * @module
 */

import { Gpu, NonFiniteError, type Schedule, type Sequential } from "../mod.ts";
import { checkNumber } from "../src/options.ts";
import { reportError } from "./command_line.ts";
import { findRate } from "./find_rate.ts";
import { type Display, formatEpoch, labelled, openDisplay } from "./train_display.ts";
import { createModel, defaultLearningRate, scheduleOf } from "./train_models.ts";
import { type OptimizerChoice, OPTIMIZERS } from "./train_optimizers.ts";
import { helpText, parseOptions, type TrainOptions } from "./train_options.ts";
import {
  checkFolder,
  confusionTable,
  describeData,
  describeTraining,
  epochTable,
  hashParameters,
  type Outcome,
  outcomeFacts,
  saveResults,
  type Training,
} from "./train_results.ts";
import { Stop, StoppedError } from "./train_stop.ts";
import { loadTrainingData } from "./training_data.ts";

/** The shell's exit code for a program that Ctrl-C ended. */
const STOPPED = 130;

if (import.meta.main) Deno.exitCode = await main(Deno.args);

async function main(args: readonly string[]): Promise<number> {
  const display = openDisplay();
  try {
    const options = parseOptions(args);
    if (options.help) {
      console.log(helpText());
      return 0;
    }
    return await run(options, display) ? 0 : STOPPED;
  } catch (error) {
    display.end();
    if (error instanceof StoppedError) {
      console.error(error.message);
      return STOPPED;
    }
    const code = reportError(error, "train");
    if (error instanceof NonFiniteError) console.error("Nothing was saved.");
    return code;
  }
}

/** Trains and saves. Returns whether it came to its end, instead of being stopped. */
async function run(given: TrainOptions, display: Display): Promise<boolean> {
  const startedAt = new Date();
  using stop = new Stop(() => {
    display.line("Stopping after the steps in hand. Ctrl-C once more quits without saving.");
  });
  await using gpu = await Gpu.open({ tuning: given.tuning });
  const { name: adapter, software } = gpu.adapter;
  display.line(
    labelled("Adapter", [software ? `${adapter}, software: the CPU computes` : adapter]),
  );
  const data = await loadTrainingData(given, display, stop.signal);
  const learningRate = given["learning-rate"] ??
    defaultLearningRate(data.train, given.optimizer);
  const options: Training = { ...given, "learning-rate": learningRate };
  display.line(describeData(data));
  const folder = options.out ?? defaultFolder(options, startedAt);
  await checkFolder(folder);

  using model = await createModel(options, data.train, gpu);
  const steps = Math.ceil(data.train.length / options["batch-size"]);
  let firstStepAt = NaN;
  compile(model, options, steps * options.epochs, () => firstStepAt ||= performance.now());
  display.line(`\n${model.summary()}\n`);
  if (options["find-rate"]) {
    const { signal } = stop;
    const batchSize = options["batch-size"];
    await findRate(model, data.train, { batchSize, folder, signal, display });
    return true;
  }
  display.line(`${describeTraining(options, steps, data.unit)}\n`);

  if (options.tuning === "measure") {
    const { signal } = stop;
    const onRequest = (label: string) => display.status(`Measuring ${label} …`);
    await model.tune({ batchSize: options["batch-size"], signal, onRequest });
  }
  display.status("Copying the data to the GPU and compiling the kernels …");
  const fitAt = performance.now();
  const history = await model.fit(data.train, {
    epochs: options.epochs,
    batchSize: options["batch-size"],
    validation: data.test,
    signal: stop.signal,
    onProgress: (progress) => display.progress(progress, data.unit),
    onEpoch: (epoch) => {
      display.line(formatEpoch(epoch, options.epochs, epoch.steps < steps));
    },
  });
  display.end();
  if (history.epochs.length === 0) stop.signal.throwIfAborted();
  const outcome: Outcome = {
    options,
    adapter: { name: adapter, software },
    data,
    parameters: { count: model.parameterCount, sha256: await hashParameters(model) },
    startedAt,
    seconds: (Date.now() - startedAt.getTime()) / 1000,
    preparationSeconds: (firstStepAt - fitAt) / 1000,
    history,
  };
  await saveResults(folder, model, outcome);
  stop.dispose(); // it is saved: from here on Ctrl-C quits at once

  display.line(`\nResults with ${data.name}\n\n${epochTable(history.epochs, data.unit)}\n`);
  if (!history.stopped) display.line(`${await confusionTable(model, data)}\n`);
  display.line(outcomeFacts(outcome, folder));
  return !history.stopped;
}

/** Compiles the model; `onStep` is called before each training step. */
function compile(
  model: Sequential,
  options: Training,
  steps: number,
  onStep: () => void,
): void {
  const { schedule, momentum, nesterov } = options;
  const warmUp = options["warm-up"];
  checkNumber(warmUp, "--warm-up", { min: 0, max: steps - 1, integer: true });
  const rate = scheduleOf(schedule, options["learning-rate"], steps, warmUp);
  const learningRate: Schedule = (step) => {
    onStep();
    return rate(step);
  };
  const clipNorm = options["clip-norm"];
  const { create }: OptimizerChoice = OPTIMIZERS[options.optimizer];
  const optimizer = create({
    learningRate,
    momentum,
    nesterov,
    weightDecay: options["weight-decay"],
    ...(clipNorm === undefined ? {} : { clipNorm }),
  });
  const { precision } = options;
  model.compile({ loss: "softmaxCrossEntropy", optimizer, metrics: ["accuracy"], precision });
}

/** `runs/mlp-20250131-142501`: the local time, so that the newest is the last. */
function defaultFolder({ model }: TrainOptions, time: Date): string {
  const two = (value: number) => `${value}`.padStart(2, "0");
  const date = [time.getFullYear(), time.getMonth() + 1, time.getDate()].map(two).join("");
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join("");
  return `runs/${model}-${date}-${clock}`;
}
