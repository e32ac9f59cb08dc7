/**
 * The solvers of logistic regression against optima that scikit-learn and scipy found.
 *
 * The objective is convex, so f(w) − f* ≤ g·(w − w*) ≤ |g|∞ · |w − w*|₁ for any subgradient g at w. No example here has a number above 1, so
 * `gradientNorm` is |g|∞, and a solver that reached its tolerance is within tolerance · |w − w*|₁ of the optimum.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { ndArray } from "../src/reference/nd_array.ts";
import { logisticRegression } from "../src/reference/logistic.ts";
import { singularValues } from "../src/singular_values.ts";
import { solveLogistic } from "../src/solvers/logistic.ts";
import type { LogisticFit, LogisticOptions } from "../src/solvers/logistic_options.ts";
import {
  goldenCase,
  type GoldenLogistic,
  goldenLogistic,
  goldenProblem,
} from "./golden_logistic.ts";
import { openGpu } from "./gpu.ts";

/** Summing the loss of at most 2,000 examples in float64, relative. */
const ROUNDING = 2000 * 2 ** -53;

/** Σ|w − w*| over weights and biases. */
function distance({ weights, bias }: LogisticFit, golden: GoldenLogistic): number {
  const biases = typeof bias === "number" ? [bias] : Array.from(bias);
  // The biases of several classes may all be moved alike; so may their weights without l2.
  const shift = (values: number[], wanted: readonly number[]) => {
    const mean = values.reduce((sum, value, i) => sum + value - wanted[i]!, 0) / values.length;
    return values.map((value) => golden.classes > 2 ? value - mean : value);
  };
  return [...weights].reduce((sum, w, j) => sum + Math.abs(w - golden.weights[j]!), 0) +
    shift(biases, golden.bias).reduce((sum, b, k) => sum + Math.abs(b - golden.bias[k]!), 0);
}

/** f at the weights found, by the reference. */
function valueOf({ weights, bias }: LogisticFit, golden: GoldenLogistic): number {
  const { x, y, l2, l1, features } = goldenProblem(golden);
  const biases = typeof bias === "number" ? [bias] : Array.from(bias);
  const parameters = [...weights, ...biases];
  const { objective } = logisticRegression(ndArray([y.length, features], x), y, parameters, {
    outputs: biases.length,
    l2,
  });
  return objective + l1 * weights.reduce((sum, w) => sum + Math.abs(w), 0);
}

/** The solvers that reach a tolerance, with the tolerance asked for. */
const EXACT: LogisticOptions[] = [
  // More than its 10,000 by default, for the features that are nearly alike.
  { solver: "gradientDescent", rate: "lipschitz", maxIterations: 20_000 },
  { solver: "gradientDescent", rate: "backtracking" },
  { solver: "newton" },
  { solver: "lbfgs" },
  { solver: "coordinateDescent" },
  { solver: "saga" },
];

for (const golden of goldenLogistic) {
  Deno.test(`${golden.name}: every solver finds the optimum`, async (t) => {
    const gpu = await openGpu();
    for (const options of EXACT) {
      const takesL1 = ["coordinateDescent", "saga"].includes(options.solver);
      if (golden.l1 > 0 && !takesL1) continue;
      const rate = options.solver === "gradientDescent" ? ` (${options.rate})` : "";
      await t.step(`${options.solver}${rate}`, async () => {
        const tolerance = 1e-8;
        const fit = await solveLogistic(gpu, goldenProblem(golden), { ...options, tolerance });
        assertEquals([fit.reason, fit.converged], ["tolerance", true]);
        assert(fit.gradientNorm <= tolerance);
        const optimum = golden.objective;
        const bound = tolerance * distance(fit, golden) + ROUNDING * optimum;
        const value = valueOf(fit, golden);
        assert(value - optimum <= bound, `off by ${value - optimum}, expected ${bound}`);
        assert(optimum - value <= ROUNDING * optimum, "below the optimum");
        assert(Math.abs(fit.objective - value) <= ROUNDING * value, "the objective reported");
        assert(bound < 1e-6 * optimum, "the bound says little");
        assertEquals(fit.trace.length, fit.iterations + 1);
        assertEquals(fit.trace.at(-1)!.objective, fit.objective);
      });
    }
  });
}

for (const name of ["binary, larger", "multinomial, larger"]) {
  Deno.test(`${name}: products on the GPU leave what float32 logits leave`, async (t) => {
    const gpu = await openGpu();
    const golden = goldenCase(name);
    for (const solver of ["newton", "lbfgs"] as const) {
      await t.step(solver, async () => {
        const tolerance = 1e-7;
        const { buffers, bytes } = gpu.memory;
        const fit = await solveLogistic(gpu, goldenProblem(golden), {
          solver,
          tolerance,
          products: "gpu",
        });
        assertEquals([gpu.memory.buffers, gpu.memory.bytes], [buffers, bytes], "memory is freed");
        assertEquals(fit.reason, "tolerance");
        const sizes = fit.weights.reduce((sum, w) => sum + Math.abs(w), 0);
        // |x| ≤ 1, and the steps together are taken to be at most four times as long as w. A loss changes by no more than the
        // largest change of a logit, that of a softmax by twice as much.
        const floor = 4 * 2 * (golden.features + 16) * 2 ** -24 * sizes;
        const value = valueOf(fit, golden);
        assert(Math.abs(fit.objective - value) <= floor, `${fit.objective - value} > ${floor}`);
        // The gradient changes by at most the error of a logit, and by float32 sums of 256 terms.
        const gradientError = floor + (256 + 16) * 2 ** -24;
        const bound = (tolerance + gradientError) * distance(fit, golden);
        assert(value - golden.objective <= bound, `${value - golden.objective} > ${bound}`);
        assert(bound < 1e-6 * golden.objective, "the bound says little");
      });
    }
  });
}

Deno.test("sgd of a constant rate ends in its noise, of a falling rate below it", async () => {
  const gpu = await openGpu();
  const golden = goldenCase("binary");
  const { x, y, features, l2 } = goldenProblem(golden);
  const parameters = [...golden.weights, ...golden.bias];
  // At the optimum: the mean |∇fᵢ|², and the curvatures.
  let variance = 0;
  y.forEach((label, i) => {
    const row = ndArray([1, features], x.subarray(i * features, (i + 1) * features));
    const { gradient } = logisticRegression(row, [label], parameters, { outputs: 1, l2 });
    variance += gradient.reduce((sum, value) => sum + value * value, 0) / y.length;
  });
  const all = logisticRegression(ndArray([y.length, features], x), y, parameters, {
    outputs: 1,
    l2,
  });
  const { values } = singularValues(
    parameters.map((_, i) =>
      all.hessian.data.subarray(i * parameters.length, (i + 1) * parameters.length)
    ),
  );
  const [largest, smallest] = [values[0]!, values.at(-1)!];
  const gapOf = async (options: Partial<LogisticOptions>) => {
    let gap = 0;
    for (let seed = 0; seed < 4; seed++) {
      const fit = await solveLogistic(gpu, { x, y, features, l2 }, {
        solver: "sgd",
        maxIterations: 60,
        seed,
        ...options,
      } as LogisticOptions);
      gap += (fit.objective - golden.objective) / 4;
    }
    return gap;
  };
  // E|w − w*|² ≤ rate · σ² / (μ (1 − rate · L)), the start being forgotten after 60 passes, with L ≤ 9 / 4 + l2 of any example; and
  // f − f* ≤ largest curvature / 2 · |w − w*|². Needell, Srebro and Ward, "Stochastic gradient descent, weighted sampling, and the
  // randomized Kaczmarz algorithm", 2016, theorem 2.1; the curvatures are those at the optimum, hence the factor of 2.
  const floor = (rate: number) =>
    2 * largest / 2 * rate * variance / (smallest * (1 - rate * (9 / 4 + l2)));
  const [coarse, fine] = [await gapOf({ rate: 0.1 }), await gapOf({ rate: 0.01 })];
  assert(coarse > 0 && coarse <= floor(0.1), `${coarse} > ${floor(0.1)}`);
  assert(fine > 0 && fine <= floor(0.01), `${fine} > ${floor(0.01)}`);
  assert(fine < coarse / 3, "the noise is in proportion to the rate");
  const falling = await gapOf({});
  assert(falling > 0 && falling < fine, `${falling}, ${fine}`);
  const averaged = await gapOf({ rate: 0.1, average: true });
  assert(averaged > 0 && averaged < coarse / 10, `${averaged}, ${coarse}`);
  const batches = await gapOf({ rate: 0.1, batchSize: 10 });
  assert(batches < coarse / 3, `${batches}, ${coarse}`);
});
