/**
 * The learning rate by multiple trials, for a model.
 *
 * @module
 */

import type { BatchSource } from "../data/dataset.ts";
import type {
  LearningRateCurve,
  LearningRateSearchOptions,
} from "../training/learning_rate_search.ts";
import type { Sequential } from "./sequential.ts";

/**
 * Tries learning rates on a compiled model, in place of its optimiser's, and recommends one. Afterwards, also after an error,
 * parameters, buffers, the optimiser's memory and the step count are bit for bit what they were.
 *
 * "trials" trains for some steps at each rate of a logarithmic grid, always from the same start and on the same batches; the loss
 * of a rate is the mean over the last quarter of its steps, and the rate with the lowest is recommended. "range" trains once,
 * with a rate that rises exponentially, until the loss grows to four times its lowest; losses are smoothed, and a tenth of the
 * rate at the lowest is recommended, since the loss turns up only after a rate was too large for some steps.
 *
 * It takes as much memory again as parameters, buffers and the optimiser's memory, for their copy.
 *
 * What short trials see is the start of training: the best rate for a long one is often somewhat smaller, or falls.
 *
 * @param model Compiled.
 * @param data A data set, or an iterable of batches that starts anew each time it is iterated.
 * @throws {OptionError} if an option is out of range or the model is not compiled.
 * @example
 * ```ts
 * import { Dense, generateDigits, Gpu, learningRateSearch, Sequential, Sgd } from "@strata/strata";
 *
 * await using gpu = await Gpu.open();
 * const digits = generateDigits({ count: 500, seed: 1 });
 * using model = new Sequential([new Dense({ units: 10 })], { gpu, inputShape: digits.inputShape });
 * const compile = (learningRate: number) =>
 *   model.compile({ loss: "softmaxCrossEntropy", optimizer: new Sgd({ learningRate }) });
 * compile(0.1);
 * const { recommendation = 0.1, points } = await learningRateSearch(model, digits, { points: 7 });
 * console.table(points);
 * compile(recommendation);
 * await model.fit(digits, { epochs: 2 });
 * ```
 * @see Smith, "Cyclical learning rates for training neural networks", WACV 2017, for the range test.
 */
export async function learningRateSearch(
  model: Sequential,
  data: BatchSource,
  options: LearningRateSearchOptions = {},
): Promise<LearningRateCurve> {
  return await model.learningRateSearch(data, options);
}
