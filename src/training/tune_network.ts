/**
 * Tuning a model: what its steps ask for, at one batch size.
 *
 * @module
 */

import type { ProgramRecorder } from "../gpu/program.ts";
import { Scalar } from "../gpu/recorder.ts";
import { tune, type TuneOptions, type TuningReport } from "../gpu/tune.ts";
import { takesLabels } from "../losses/losses.ts";
import { checkKeys, checkNumber, definedOptions } from "../options.ts";
import { sizeOf } from "../shape.ts";
import type { Network } from "./network.ts";
import type { Trainer } from "./trainer.ts";

/** Options of {@linkcode Sequential.tune}. */
export interface ModelTuneOptions extends TuneOptions {
  /** Examples of a step. Default 32, as for `fit`. */
  batchSize?: number;
}

/**
 * Tunes the training step of a model, or where it is not compiled its prediction.
 *
 * @throws {OptionError} as {@linkcode tune} does.
 */
export async function tuneNetwork(
  network: Network,
  trainer: Trainer | undefined,
  { batchSize = 32, ...options }: ModelTuneOptions,
): Promise<TuningReport> {
  checkKeys(options, "tune", ["seconds", "signal", "onRequest"]);
  checkNumber(batchSize, "tune: batchSize", { min: 1, integer: true });
  return await tune(network.gpu, (recorder) => {
    if (trainer === undefined) recordPrediction(network, batchSize, recorder);
    else recordTraining(trainer, batchSize, recorder);
  }, options);
}

/** What `fit`, `evaluate` and `predict` do first: on a `Gpu` that measures, they tune what they are about to record. */
export async function tuneFirst(
  network: Network,
  trainer: Trainer | undefined,
  batchSize: number | undefined,
  signal?: AbortSignal,
): Promise<void> {
  if (network.gpu.device.tuning.mode !== "measure") return;
  const options = definedOptions({ batchSize, signal });
  await tuneNetwork(network, trainer, options);
}

function recordPrediction(network: Network, rows: number, recorder: ProgramRecorder): void {
  const x = recorder.empty([rows, ...network.inputShape]);
  network.record(recorder, x, false, new Scalar(0));
}

function recordTraining(trainer: Trainer, rows: number, recorder: ProgramRecorder): void {
  const { network, loss } = trainer;
  const x = recorder.empty([rows, ...network.inputShape]);
  const y = takesLabels(loss)
    ? recorder.empty([rows], "u32")
    : recorder.empty([rows, sizeOf(network.outputShape)]);
  trainer.recordStep(recorder, { x, y }, {}, () => {});
}
