/**
 * The networks and the learning rates that `deno task train` offers, by name.
 *
 * @module
 */

import {
  type ActivationName,
  constantRate,
  cosineDecay,
  exponentialDecay,
  inverseTimeDecay,
  lenet5,
  logisticRegression,
  mlp,
  type NetworkOptions,
  type Schedule,
  type Sequential,
  stepDecay,
  warmUp,
} from "../mod.ts";

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
  readonly create: (options: NetworkOptions & ModelOptions) => Sequential;
}

/** The networks. A new one is one more line. */
export const MODELS = {
  mlp: { about: "hidden layers", options: ["hidden", "activation", "dropout"], create: mlp },
  logistic: { about: "none", options: [], create: logisticRegression },
  lenet5: { about: "two convolutions", options: [], create: lenet5 },
} as const satisfies Record<string, ModelChoice>;

/** The name of a network. */
export type ModelName = keyof typeof MODELS;

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
