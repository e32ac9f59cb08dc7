/**
 * The optimisers that `deno task train` offers, by name.
 *
 * @module
 */

import {
  Adagrad,
  Adam,
  AdamW,
  Nadam,
  type Optimizer,
  type OptimizerOptions,
  RmsProp,
  Sgd,
} from "../mod.ts";

/** What the command line says of an optimiser. */
export interface OptimizerChoiceOptions extends OptimizerOptions {
  readonly momentum: number;
  readonly nesterov: boolean;
}

/** An optimiser, and what it takes where the command line says nothing. */
export interface OptimizerChoice {
  /** For the help. */
  readonly about: string;
  /** The options of the command line that it alone takes; the others are refused. */
  readonly options: readonly ("momentum" | "nesterov")[];
  readonly learningRate: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly create: (options: OptimizerChoiceOptions & { learningRate: Rate }) => Optimizer;
}

type Rate = NonNullable<OptimizerOptions["learningRate"]>;

/** The optimisers. A new one is one more entry. */
export const OPTIMIZERS = {
  sgd: {
    about: "stochastic gradient descent with momentum",
    options: ["momentum", "nesterov"],
    ...{ learningRate: 0.1, momentum: 0.9, weightDecay: 0 },
    create: (options) => new Sgd(options),
  },
  adam: {
    about: "mean gradient over its root mean square",
    options: [],
    ...{ learningRate: 0.001, momentum: 0, weightDecay: 0 },
    create: (options) => new Adam(common(options)),
  },
  adamw: {
    about: "Adam with a decoupled weight decay",
    options: [],
    ...{ learningRate: 0.001, momentum: 0, weightDecay: 0.01 },
    create: (options) => new AdamW(common(options)),
  },
  rmsprop: {
    about: "gradient over its root mean square",
    options: ["momentum"],
    ...{ learningRate: 0.001, momentum: 0, weightDecay: 0 },
    create: ({ momentum, ...options }) => new RmsProp({ ...common(options), momentum }),
  },
  adagrad: {
    about: "gradient over the root of the sum of its squares",
    options: [],
    ...{ learningRate: 0.01, momentum: 0, weightDecay: 0 },
    create: (options) => new Adagrad(common(options)),
  },
  nadam: {
    about: "Adam with Nesterov's look-ahead",
    options: [],
    ...{ learningRate: 0.002, momentum: 0, weightDecay: 0 },
    create: (options) => new Nadam(common(options)),
  },
} as const satisfies Record<string, OptimizerChoice>;

/** The name of an optimiser. */
export type OptimizerName = keyof typeof OPTIMIZERS;

/** Without what only some take. */
function common({ learningRate, weightDecay, clipNorm }: OptimizerOptions): OptimizerOptions {
  return {
    ...(learningRate === undefined ? {} : { learningRate }),
    ...(weightDecay === undefined ? {} : { weightDecay }),
    ...(clipNorm === undefined ? {} : { clipNorm }),
  };
}
