/**
 * The objective of logistic regression at a point that moves: its value and gradient, and its values along a line.
 *
 * The logits of all examples are kept in float64 and moved along with the weights, z ← z + t·X·p. A product X·p of float32 so
 * adds an error relative to the length of the step, not to that of the weights, and a line search needs no pass over the data.
 *
 * @module
 */

import { ShapeError } from "../errors.ts";
import type { Examples } from "./logistic_examples.ts";
import type { LogisticCommonOptions } from "./logistic_options.ts";
import type { Products } from "./logistic_products.ts";

/** Weights and biases, or a direction or gradient of them. */
export interface Point {
  /** Shape: [outputs, features]. */
  readonly weights: Float64Array;
  /** Shape: [outputs]. */
  readonly bias: Float64Array;
}

/** The objective along w + t·p. */
export interface Line {
  /** The value at t and the derivative by t. */
  at(t: number): { value: number; slope: number };
  /** Moves the objective's point to t. */
  move(t: number): void;
}

/** f(w, b) = 1/n · Σ −log p(yᵢ | xᵢ) + l2 / 2 · |w|² + l1 · Σ|w| at a point. */
export class LogisticObjective {
  readonly examples: Examples;
  readonly products: Products;
  readonly l2: number;
  readonly l1: number;
  /** The point. Changed by those who keep the logits right. */
  readonly point: { weights: Float64Array; bias: Float64Array };
  /** X·wᵀ + b. Shape: [outputs, n]. */
  logits: Float64Array;

  private constructor(
    examples: Examples,
    products: Products,
    { l2 = 0, l1 = 0 }: { l2?: number; l1?: number },
  ) {
    this.examples = examples;
    this.products = products;
    this.l2 = l2;
    this.l1 = l1;
    const { outputs, features, length } = examples;
    this.point = {
      weights: new Float64Array(outputs * features),
      bias: new Float64Array(outputs),
    };
    this.logits = new Float64Array(outputs * length);
  }

  /** The objective at the initial point. @throws {ShapeError} if that does not fit. */
  static async begin(
    examples: Examples,
    products: Products,
    penalties: { l2?: number; l1?: number },
    initial: LogisticCommonOptions["initial"],
  ): Promise<LogisticObjective> {
    const objective = new LogisticObjective(examples, products, penalties);
    if (initial !== undefined) {
      await objective.moveTo(checkInitial(initial, objective.point));
    }
    return objective;
  }

  /** Moves to any point, with one pass, or two where weights are rounded to float32: those, and what rounding left. */
  async moveTo({ weights, bias }: Point): Promise<void> {
    const { length: n, outputs } = this.examples;
    const high = this.products.rounds ? weights.map(Math.fround) : weights;
    const low = weights.map((value, i) => value - high[i]!);
    const z = await this.products.forward(high);
    if (low.some((value) => value !== 0)) {
      const rest = await this.products.forward(low);
      for (let i = 0; i < z.length; i++) z[i]! += rest[i]!;
    }
    for (let k = 0; k < outputs; k++) {
      for (let i = k * n; i < (k + 1) * n; i++) z[i]! += bias[k]!;
    }
    this.point.weights.set(weights);
    this.point.bias.set(bias);
    this.logits = z;
  }

  /** f at the point. */
  value(): number {
    const { weights } = this.point;
    return meanLoss(this.examples, this.logits) + this.l2 / 2 * dot(weights, weights) +
      this.l1 * weights.reduce((sum, value) => sum + Math.abs(value), 0);
  }

  /** (p − t) / n for each output and example, p the probabilities and t 1 at the label. */
  residuals(): Float64Array {
    return residuals(this.examples, this.logits);
  }

  /** The gradient of f without its l1 term, with one pass. */
  async gradient(): Promise<Point> {
    const { length: n, outputs } = this.examples;
    const r = this.residuals();
    const weights = await this.products.backward(r);
    for (let j = 0; j < weights.length; j++) weights[j]! += this.l2 * this.point.weights[j]!;
    const bias = new Float64Array(outputs);
    for (let k = 0; k < outputs; k++) bias[k] = sumOf(r.subarray(k * n, (k + 1) * n));
    return { weights, bias };
  }

  /** The size of a gradient, as `LogisticFit.gradientNorm` explains it. */
  gradientNorm(gradient: Point): number {
    const { features: d, meanSizes } = this.examples;
    let largest = 0;
    const see = (value: number) => {
      if (!(value <= largest)) largest = value; // so that NaN stays
    };
    gradient.bias.forEach((value) => see(Math.abs(value)));
    gradient.weights.forEach((value, at) => {
      const w = this.point.weights[at]!;
      const distance = w !== 0
        ? Math.abs(value + this.l1 * Math.sign(w))
        : Math.max(0, Math.abs(value) - this.l1);
      see((Number.isNaN(value) ? NaN : distance) / Math.max(1, meanSizes[at % d]!));
    });
    return largest;
  }

  /** The objective, without l1, along a direction, with one pass; the weights of the direction are rounded to float32. */
  async line({ weights, bias }: Point): Promise<Line> {
    const { length: n, outputs } = this.examples;
    const p = weights.map(Math.fround);
    const dz = await this.products.forward(p);
    for (let k = 0; k < outputs; k++) {
      for (let i = k * n; i < (k + 1) * n; i++) dz[i]! += bias[k]!;
    }
    const w = this.point.weights;
    const [ww, wp, pp] = [dot(w, w), dot(w, p), dot(p, p)];
    const z = this.logits;
    const moved = new Float64Array(z.length);
    return {
      at: (t) => {
        for (let i = 0; i < z.length; i++) moved[i] = z[i]! + t * dz[i]!;
        const penalty = this.l2 / 2 * (ww + 2 * t * wp + t * t * pp);
        return {
          value: meanLoss(this.examples, moved) + penalty,
          slope: dot(residuals(this.examples, moved), dz) + this.l2 * (wp + t * pp),
        };
      },
      move: (t) => {
        for (let i = 0; i < z.length; i++) z[i]! += t * dz[i]!;
        for (let j = 0; j < w.length; j++) w[j]! += t * p[j]!;
        for (let k = 0; k < outputs; k++) this.point.bias[k]! += t * bias[k]!;
      },
    };
  }

  /** Whether every example has the largest logit at its label, so that larger weights are always better. */
  separates(): boolean {
    const { length: n, outputs, labels } = this.examples;
    const z = this.logits;
    for (let i = 0; i < n; i++) {
      const label = labels[i]!;
      if (outputs === 1) {
        if (!((label === 1 ? z[i]! : -z[i]!) > 0)) return false;
        continue;
      }
      for (let k = 0; k < outputs; k++) {
        if (k !== label && !(z[label * n + i]! > z[k * n + i]!)) return false;
      }
    }
    return true;
  }
}

function checkInitial(
  { weights, bias }: NonNullable<LogisticCommonOptions["initial"]>,
  point: Point,
): Point {
  const biases = typeof bias === "number" ? [bias] : bias;
  for (
    const [name, given, like] of [["weights", weights, point.weights], [
      "bias",
      biases,
      point.bias,
    ]] as const
  ) {
    if (given?.length !== like.length || !Array.from(given).every(Number.isFinite)) {
      throw new ShapeError(
        `solveLogistic: initial.${name}: expected ${like.length} finite numbers, got ${
          given?.length !== like.length ? given?.length : "some that are not finite"
        }`,
      );
    }
  }
  return { weights: Float64Array.from(weights), bias: Float64Array.from(biases) };
}

/** 1/n · Σ log Σₖ exp(zₖ) − z_label; of one output, log(1 + exp(z)) − label · z. */
export function meanLoss({ length: n, outputs, labels }: Examples, z: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < n; i++) {
    if (outputs === 1) {
      const margin = labels[i] === 1 ? -z[i]! : z[i]!;
      sum += (margin > 0 ? margin : 0) + Math.log1p(Math.exp(-Math.abs(margin)));
      if (margin !== margin) return NaN;
      continue;
    }
    const largest = largestLogit(z, i, n);
    let exponentials = 0;
    for (let at = i; at < z.length; at += n) exponentials += Math.exp(z[at]! - largest);
    sum += Math.log(exponentials) + largest - z[labels[i]! * n + i]!;
  }
  return sum / n;
}

/** The probabilities. Shape: z [outputs, n] → same. */
export function probabilities({ length: n, outputs }: Examples, z: Float64Array): Float64Array {
  if (outputs === 1) return z.map(sigmoid);
  const p = new Float64Array(z.length);
  for (let i = 0; i < n; i++) {
    const largest = largestLogit(z, i, n);
    let sum = 0;
    for (let at = i; at < z.length; at += n) sum += p[at] = Math.exp(z[at]! - largest);
    for (let at = i; at < z.length; at += n) p[at]! /= sum;
  }
  return p;
}

function residuals(examples: Examples, z: Float64Array): Float64Array {
  const { length: n, outputs, labels } = examples;
  const r = probabilities(examples, z);
  for (let i = 0; i < n; i++) {
    if (outputs > 1) r[labels[i]! * n + i]! -= 1;
    else if (labels[i] === 1) r[i] = -sigmoid(-z[i]!); // not p − 1, which loses its digits near 1
  }
  for (let at = 0; at < r.length; at++) r[at]! /= n;
  return r;
}

/** 1 / (1 + exp(−z)); exp may overflow to ∞, which gives the right 0. */
export function sigmoid(z: number): number {
  return 1 / (1 + Math.exp(-z));
}

function largestLogit(z: Float64Array, i: number, n: number): number {
  let largest = z[i]!;
  for (let at = i + n; at < z.length; at += n) if (z[at]! > largest) largest = z[at]!;
  return largest;
}

/** Σ aᵢ · bᵢ. */
export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function sumOf(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum;
}
