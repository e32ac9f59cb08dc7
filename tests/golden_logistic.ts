/**
 * Problems of logistic regression whose optima scikit-learn and scipy found; tools/golden_logistic.py writes them, and makes their
 * examples by the same integer hash.
 *
 * @module
 */

import fixture from "./fixtures/logistic.json" with { type: "json" };
import { uniform } from "./golden_hash.ts";

/** A problem and its optimum. */
export interface GoldenLogistic {
  readonly name: string;
  readonly seed: number;
  readonly n: number;
  readonly features: number;
  readonly classes: number;
  readonly l2: number;
  readonly l1: number;
  /** How much a feature takes of the one before it. */
  readonly mixing: number;
  /** One digit for each example. */
  readonly labels: string;
  /** The least value of the objective. */
  readonly objective: number;
  /** Where it is. */
  readonly weights: readonly number[];
  readonly bias: readonly number[];
}

/** All problems. */
export const goldenLogistic: readonly GoldenLogistic[] = fixture.cases;

/** A problem by its name. */
export function goldenCase(name: string): GoldenLogistic {
  return goldenLogistic.find((candidate) => candidate.name === name)!;
}

/** The examples of a problem, as `solveLogistic` takes them. */
export function goldenProblem(
  { seed, n, features, classes, l2, l1, mixing, labels }: GoldenLogistic,
): { x: Float32Array; y: number[]; features: number; classes: number; l2: number; l1: number } {
  const u = uniform(1000 * seed, n * features);
  const x = new Float32Array(n * features);
  for (let at = 0; at < x.length; at++) {
    const value = 2 * u[at]! - 1;
    x[at] = at % features === 0 ? value : (1 - mixing) * value + mixing * x[at - 1]!;
  }
  return { x, y: Array.from(labels, Number), features, classes, l2, l1 };
}
