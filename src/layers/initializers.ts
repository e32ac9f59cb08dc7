/**
 * Initial values of parameters. They are computed on the CPU, so that a seed gives the same bits on every device.
 *
 * @module
 */

import { checkNumber, checkOneOf } from "../options.ts";
import type { Random } from "../random.ts";

/** Connections of one unit: inputs that reach it, outputs that it reaches. */
export interface Fans {
  /** Inputs that reach a unit. */
  readonly in: number;
  /** Units that an input reaches. */
  readonly out: number;
}

/** Fills an array with initial values. */
export type Initializer = (values: Float32Array, fans: Fans, random: Random) => void;

/** The initialisers that have a name. */
export type InitializerName =
  | "zeros"
  | "glorotUniform"
  | "glorotNormal"
  | "heUniform"
  | "heNormal"
  | "lecunUniform"
  | "lecunNormal";

/** All 0. */
export function zeros(): Initializer {
  return (values) => {
    values.fill(0);
  };
}

/**
 * Normal with the given deviation, mean 0.
 *
 * @param deviation Above 0.
 * @throws {OptionError} if it is not.
 */
export function normal(deviation: number): Initializer {
  checkNumber(deviation, "normal: deviation", { min: 0, exclusiveMin: true });
  return fillNormal(() => deviation ** 2);
}

/**
 * Uniform on ±√(6 / (in + out)): variance 2 / (in + out), for sigmoid and tanh.
 *
 * @see Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.
 */
export function glorotUniform(): Initializer {
  return fillUniform((fans) => 2 / (fans.in + fans.out));
}

/** Normal with variance 2 / (in + out); see {@linkcode glorotUniform}. */
export function glorotNormal(): Initializer {
  return fillNormal((fans) => 2 / (fans.in + fans.out));
}

/**
 * Uniform on ±√(6 / in): variance 2 / in, for relu.
 *
 * @see He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV 2015.
 */
export function heUniform(): Initializer {
  return fillUniform((fans) => 2 / fans.in);
}

/** Normal with variance 2 / in; see {@linkcode heUniform}. */
export function heNormal(): Initializer {
  return fillNormal((fans) => 2 / fans.in);
}

/**
 * Uniform on ±√(3 / in): variance 1 / in.
 *
 * @see LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998.
 */
export function lecunUniform(): Initializer {
  return fillUniform((fans) => 1 / fans.in);
}

/** Normal with variance 1 / in; see {@linkcode lecunUniform}. */
export function lecunNormal(): Initializer {
  return fillNormal((fans) => 1 / fans.in);
}

const NAMED: Readonly<Record<InitializerName, () => Initializer>> = {
  zeros,
  glorotUniform,
  glorotNormal,
  heUniform,
  heNormal,
  lecunUniform,
  lecunNormal,
};

/**
 * The initialiser of this name, or the given one.
 *
 * @throws {OptionError} if there is no initialiser of this name.
 */
export function resolveInitializer(
  initializer: InitializerName | Initializer,
  what: string,
): Initializer {
  if (typeof initializer === "function") return initializer;
  checkOneOf(initializer, what, Object.keys(NAMED) as InitializerName[]);
  return NAMED[initializer]();
}

function fillUniform(variance: (fans: Fans) => number): Initializer {
  return (values, fans, random) => {
    const limit = Math.sqrt(3 * variance(fans));
    for (let i = 0; i < values.length; i++) values[i] = limit * (2 * random.uniform() - 1);
  };
}

function fillNormal(variance: (fans: Fans) => number): Initializer {
  return (values, fans, random) => {
    const deviation = Math.sqrt(variance(fans));
    for (let i = 0; i < values.length; i++) values[i] = deviation * random.normal();
  };
}
