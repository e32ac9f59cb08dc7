/**
 * The networks and the learning rates that `deno task train` offers, by name.
 *
 * @module
 */

import {
  type ActivationName,
  alexnetSmall,
  channelMoments,
  constantRate,
  cosineDecay,
  Dataset,
  exponentialDecay,
  type Gpu,
  inverseTimeDecay,
  type Layer,
  lenet5,
  logisticRegression,
  mlp,
  type NetworkOptions,
  Normalize,
  OptionError,
  RandomFlip,
  RandomShift,
  type Schedule,
  type Sequential,
  ShapeError,
  stepDecay,
  warmUp,
} from "../mod.ts";
import { formatShape } from "../src/shape.ts";
import type { Examples } from "./table_stream.ts";
import { type OptimizerName, OPTIMIZERS } from "./train_optimizers.ts";

/** The options that shape a network. */
export interface ModelOptions {
  readonly hidden: readonly number[];
  readonly activation: ActivationName;
  readonly dropout: number;
}

/** A network that can be trained. */
export interface ModelChoice {
  /** For the help. */
  readonly about: string;
  /** The options of the command line that shape it; the others are refused. */
  readonly options: readonly (keyof ModelOptions)[];
  /** Whether it takes images only, and no rows of a table. */
  readonly images: boolean;
  readonly create: (options: NetworkOptions & ModelOptions) => Sequential;
}

/** The networks. A new one is one more line. */
export const MODELS = {
  mlp: {
    about: "dense, as many as --hidden has",
    options: ["hidden", "activation", "dropout"],
    images: false,
    create: mlp,
  },
  logistic: { about: "none", options: [], images: false, create: logisticRegression },
  lenet5: { about: "two convolutions", options: [], images: true, create: lenet5 },
  "alexnet-small": {
    about: "five convolutions",
    options: [],
    images: true,
    // With He's initial weights the first loss is 10 instead of log 10: overlapping pools pick the largest of many numbers, so
    // the outputs grow from layer to layer, and the first steps are so long that learning starts an epoch late.
    create: alexnetSmall,
  },
} as const satisfies Record<string, ModelChoice>;

/** The name of a network. */
export type ModelName = keyof typeof MODELS;

/** What {@linkcode createModel} needs to know of the command line. */
export interface CreateOptions extends ModelOptions {
  readonly model: ModelName;
  readonly augment: boolean;
  readonly seed: number;
}

/**
 * The learning rate, if none is given. Normalised, colour images have larger values and three times as many; the other optimisers
 * divide by the size of the gradient and do not mind.
 */
export function defaultLearningRate(train: Examples, optimizer: OptimizerName): number {
  return optimizer === "sgd" && isColour(train) ? 0.01 : OPTIMIZERS[optimizer].learningRate;
}

/** The most pixels that augmentation shifts an image by: an eighth of a colour image; digits have less room. */
export const SHIFT = { colour: 4, gray: 2 };

/**
 * The network that was asked for, for the examples of a data set.
 *
 * @throws {OptionError} if it cannot take examples of their shape.
 */
export async function createModel(
  options: CreateOptions,
  train: Examples,
  gpu: Gpu,
): Promise<Sequential> {
  const { inputShape, classes } = train;
  const choice: ModelChoice = MODELS[options.model];
  const { hidden, activation, dropout, seed } = options;
  const preprocessing = await preprocessingOf(train, options.augment);
  try {
    return choice.create({
      ...{ hidden, activation, dropout },
      ...{ gpu, inputShape, classes, seed, preprocessing },
    });
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw new OptionError(
      `--model ${options.model} cannot take images of shape ${formatShape(inputShape)}: ` +
        error.message,
    );
  }
}

/**
 * Colour images are normalised, by the moments of the training images. Augmentation comes after it, so that what moves in
 * from outside, 0, is the mean colour.
 */
async function preprocessingOf(train: Examples, augment: boolean): Promise<Layer[]> {
  const layers: Layer[] = [];
  if (isColour(train)) {
    const { mean, deviation } = await channelMoments(train);
    // A channel that never changes tells nothing; it becomes 0.
    layers.push(new Normalize({ mean, deviation: deviation.map((value) => value || 1) }));
  }
  if (augment) {
    if (isColour(train)) layers.push(new RandomFlip());
    layers.push(new RandomShift({ pixels: isColour(train) ? SHIFT.colour : SHIFT.gray }));
  }
  return layers;
}

function isColour(examples: Examples): examples is Dataset {
  const { inputShape } = examples;
  return examples instanceof Dataset && inputShape.length === 3 && inputShape[0] === 3;
}

/** Learning rates that fall from `rate` over `steps` steps, the rest of a training. */
export const SCHEDULES = {
  constant: (rate: number) => constantRate(rate),
  cosine: (rate: number, steps: number) => cosineDecay({ rate, steps }),
  step: (rate: number, steps: number) => stepDecay({ rate, every: steps / 3, factor: 0.1 }),
  exponential: (rate: number, steps: number) =>
    exponentialDecay({ rate, steps: steps / Math.log(100) }),
  "inverse-time": (rate: number, steps: number) => inverseTimeDecay({ rate, steps: steps / 9 }),
} as const satisfies Record<string, (rate: number, steps: number) => Schedule>;

/** The name of a schedule. */
export type ScheduleName = keyof typeof SCHEDULES;

/** The learning rate of each step of a training of `steps` steps, the first `warmUpSteps` of which rise to `rate`. */
export function scheduleOf(
  name: ScheduleName,
  rate: number,
  steps: number,
  warmUpSteps: number,
): Schedule {
  const schedule = SCHEDULES[name](rate, steps - warmUpSteps);
  return warmUpSteps > 0 ? warmUp(warmUpSteps, schedule) : schedule;
}
