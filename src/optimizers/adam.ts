/**
 * Adam and its kin: AdamW, with a decoupled decay, and Nadam, with Nesterov's look-ahead.
 *
 * @module
 */

import type { Recorder, Scalar } from "../gpu/recorder.ts";
import { adamUpdate } from "../ops/adaptive_updates.ts";
import { checkKeys, checkNumber } from "../options.ts";
import {
  checkCommonOptions,
  checkEpsilon,
  checkKept,
  COMMON_OPTIONS,
  type Optimizer,
  type OptimizerOptions,
  type UpdateTensors,
} from "./optimizer.ts";
import type { Schedule } from "./schedules.ts";

/** Options of {@linkcode Adam}. */
export interface AdamOptions extends OptimizerOptions {
  /** α, at least 0, or a function of the step. Default 0.001. */
  learningRate?: number | Schedule;
  /** β₁, the share that the mean of the gradients keeps in a step; 0 ≤ β₁ < 1. Default 0.9. */
  beta1?: number;
  /** β₂, the same for the mean of their squares. Default 0.999. */
  beta2?: number;
  /** ε, at least 2⁻¹²⁶. Default 1e-8. */
  epsilon?: number;
  /** λ, at least 0: the gradient of λ/2 · ‖p‖² is added. Default 0. */
  weightDecay?: number;
}

/** Options of {@linkcode AdamW}. */
export interface AdamWOptions extends AdamOptions {
  /** λ, at least 0: each step takes αλ p off the parameters. Default 0.01. */
  weightDecay?: number;
}

/** Options of {@linkcode Nadam}. */
export interface NadamOptions extends AdamOptions {
  /** α, at least 0, or a function of the step. Default 0.002. */
  learningRate?: number | Schedule;
  /** ψ, at least 0: how fast the momentum rises from β₁/2 to β₁. Default 0.004. */
  momentumDecay?: number;
}

/** What the three of them share: two means for each parameter, and their options. */
export abstract class AdamFamily {
  /** α, or its schedule. */
  readonly learningRate: number | Schedule;
  /** β₁. */
  readonly beta1: number;
  /** β₂. */
  readonly beta2: number;
  /** ε. */
  readonly epsilon: number;
  /** λ. */
  readonly weightDecay: number;
  /** The largest norm of all gradients, or undefined. */
  readonly clipNorm: number | undefined;
  /** The means m of the gradients and v of their squares. */
  readonly stateNames: readonly string[] = ["first moment", "second moment"];

  /** Checks the options. */
  constructor(
    what: string,
    options: AdamOptions,
    defaults: { learningRate: number; weightDecay: number },
    more: readonly string[] = [],
  ) {
    checkKeys(options, what, [...COMMON_OPTIONS, "beta1", "beta2", "epsilon", ...more]);
    const { learningRate, weightDecay, beta1, beta2, epsilon, clipNorm } = {
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      ...defaults,
      ...options,
    };
    checkCommonOptions(what, {
      learningRate,
      weightDecay,
      ...(clipNorm === undefined ? {} : { clipNorm }),
    });
    checkKept(beta1, `${what}: beta1`);
    checkKept(beta2, `${what}: beta2`);
    checkEpsilon(epsilon, what);
    this.learningRate = learningRate;
    this.beta1 = beta1;
    this.beta2 = beta2;
    this.epsilon = epsilon;
    this.weightDecay = weightDecay;
    this.clipNorm = clipNorm;
  }
}

/** The numbers of {@linkcode Adam}: those of its step, with the corrections, and of its decay. */
export type AdamNumbers = "rate" | "rootScale" | "decay";

/**
 * g = ∂C/∂p + λ p; m ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g²; p ← p − α m̂ / (√v̂ + ε), with m̂ = m / (1 − β₁ᵗ) and
 * v̂ = v / (1 − β₂ᵗ) in step t = 1, 2, …
 *
 * @example
 * ```ts
 * import { Adam, Dense, generateDigits, Gpu, Sequential } from "@strata/strata";
 *
 * await using gpu = await Gpu.open();
 * const digits = generateDigits({ count: 500, seed: 1 });
 * using model = new Sequential([new Dense({ units: 10 })], { gpu, inputShape: digits.inputShape });
 * model.compile({ loss: "softmaxCrossEntropy", optimizer: new Adam({ learningRate: 0.01 }) });
 * const { epochs } = await model.fit(digits, { epochs: 2, batchSize: 50 });
 * console.log(epochs[0]!.loss, epochs[1]!.loss);
 * ```
 * @see Kingma, Ba, "Adam: a method for stochastic optimization", ICLR 2015.
 */
export class Adam extends AdamFamily implements Optimizer<AdamNumbers> {
  /**
   * Checks the options.
   *
   * @throws {OptionError} if an option is unknown or out of range.
   */
  constructor(options: AdamOptions = {}) {
    super("Adam", options, { learningRate: 0.001, weightDecay: 0 });
  }

  /** α / (1 − β₁ᵗ), 1 / √(1 − β₂ᵗ) and λ. */
  stepNumbers(rate: number, step: number): Record<AdamNumbers, number> {
    return { ...correctedNumbers(this, rate, step), decay: this.weightDecay };
  }

  /** Records one dispatch. */
  update(
    recorder: Recorder,
    tensors: UpdateTensors,
    numbers: Readonly<Record<AdamNumbers, Scalar>>,
  ): void {
    recordUpdate(recorder, this, tensors, { ...numbers, decoupled: false });
  }
}

/**
 * Adam whose decay is no part of the gradient: m and v as of g = ∂C/∂p; p ← p − αλ p − α m̂ / (√v̂ + ε).
 *
 * In {@linkcode Adam} the decay is divided by √v̂ with the rest, so that parameters with large gradients decay least; here all
 * decay alike.
 *
 * @see Loshchilov, Hutter, "Decoupled weight decay regularization", ICLR 2019.
 */
export class AdamW extends AdamFamily implements Optimizer<AdamNumbers> {
  /**
   * Checks the options.
   *
   * @throws {OptionError} if an option is unknown or out of range.
   */
  constructor(options: AdamWOptions = {}) {
    super("AdamW", options, { learningRate: 0.001, weightDecay: 0.01 });
  }

  /** α / (1 − β₁ᵗ), 1 / √(1 − β₂ᵗ) and αλ. */
  stepNumbers(rate: number, step: number): Record<AdamNumbers, number> {
    return { ...correctedNumbers(this, rate, step), decay: rate * this.weightDecay };
  }

  /** Records one dispatch. */
  update(
    recorder: Recorder,
    tensors: UpdateTensors,
    numbers: Readonly<Record<AdamNumbers, Scalar>>,
  ): void {
    recordUpdate(recorder, this, tensors, { ...numbers, decoupled: true });
  }
}

/** The numbers of {@linkcode Nadam}: of m, of the gradient, of √v and of the decay. */
export type NadamNumbers = AdamNumbers | "ahead";

/** A product of momenta below this is nothing beside 1, from which it is subtracted. */
const NEGLIGIBLE = 2 ** -60;

/**
 * Adam with Nesterov's look-ahead: m and v as in {@linkcode Adam}, μₜ = β₁ (1 − 0.96^(tψ) / 2), Mₜ = μ₁ μ₂ … μₜ;
 * p ← p − α (μₜ₊₁ m / (1 − Mₜ₊₁) + (1 − μₜ) g / (1 − Mₜ)) / (√v̂ + ε).
 *
 * @see Dozat, "Incorporating Nesterov momentum into Adam", ICLR 2016 workshop.
 */
export class Nadam extends AdamFamily implements Optimizer<NadamNumbers> {
  /** ψ. */
  readonly momentumDecay: number;
  /** M₀ = 1, M₁, … as far as they were needed and are not negligible: they depend on the options alone. */
  readonly #products: number[] = [1];

  /**
   * Checks the options.
   *
   * @throws {OptionError} if an option is unknown or out of range.
   */
  constructor(options: NadamOptions = {}) {
    super("Nadam", options, { learningRate: 0.002, weightDecay: 0 }, ["momentumDecay"]);
    const { momentumDecay = 0.004 } = options;
    checkNumber(momentumDecay, "Nadam: momentumDecay", { min: 0 });
    this.momentumDecay = momentumDecay;
  }

  /** α μₜ₊₁ / (1 − Mₜ₊₁), α (1 − μₜ) / (1 − Mₜ), 1 / √(1 − β₂ᵗ) and λ. */
  stepNumbers(rate: number, step: number): Record<NadamNumbers, number> {
    const t = step + 1;
    return {
      rate: rate * this.#momentum(t + 1) / (1 - this.#product(t + 1)),
      ahead: rate * (1 - this.#momentum(t)) / (1 - this.#product(t)),
      rootScale: correctedNumbers(this, rate, step).rootScale,
      decay: this.weightDecay,
    };
  }

  /** Records one dispatch. */
  update(
    recorder: Recorder,
    tensors: UpdateTensors,
    numbers: Readonly<Record<NadamNumbers, Scalar>>,
  ): void {
    recordUpdate(recorder, this, tensors, { ...numbers, decoupled: false });
  }

  #momentum(t: number): number {
    return this.beta1 * (1 - 0.5 * 0.96 ** (t * this.momentumDecay));
  }

  #product(t: number): number {
    const products = this.#products;
    while (products.length <= t && products.at(-1)! > NEGLIGIBLE) {
      products.push(products.at(-1)! * this.#momentum(products.length));
    }
    return products[t] ?? 0;
  }
}

/** The learning rate and the factor of √v with the corrections of means that began as 0. */
function correctedNumbers(
  { beta1, beta2 }: AdamFamily,
  rate: number,
  step: number,
): { rate: number; rootScale: number } {
  const t = step + 1;
  return { rate: rate / (1 - beta1 ** t), rootScale: 1 / Math.sqrt(1 - beta2 ** t) };
}

function recordUpdate(
  recorder: Recorder,
  { beta1, beta2, epsilon }: AdamFamily,
  { parameters, gradients, state, clip }: UpdateTensors,
  numbers: Readonly<Record<AdamNumbers, Scalar>> & { ahead?: Scalar; decoupled: boolean },
): void {
  adamUpdate(recorder, parameters, gradients, {
    ...numbers,
    ...{ beta1, beta2, epsilon },
    first: state[0]!,
    second: state[1]!,
    ...(clip === undefined ? {} : { clip }),
  });
}
