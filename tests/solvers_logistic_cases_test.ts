/**
 * Solvers of logistic regression where something is special: separable data, a singular Hessian, a start near the optimum, streams,
 * seeds, rates that are too large, and what they refuse.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { OptionError, ShapeError } from "../src/errors.ts";
import { stepDecay } from "../src/optimizers/schedules.ts";
import { cholesky, solveCholesky } from "../src/solvers/cholesky.ts";
import { backtrack, wolfeStep } from "../src/solvers/line_search.ts";
import { solveLogistic } from "../src/solvers/logistic.ts";
import type {
  LogisticBatch,
  LogisticOptions,
  LogisticProblem,
} from "../src/solvers/logistic_options.ts";
import { goldenCase, goldenProblem } from "./golden_logistic.ts";
import { openGpu } from "./gpu.ts";

const SOLVERS = ["gradientDescent", "newton", "lbfgs", "coordinateDescent", "sgd", "saga"] as const;

Deno.test("separable data without a penalty has no optimum, and every solver says so", async (t) => {
  const gpu = await openGpu();
  const two = { x: new Float32Array([-2, -1, 1, 2]), y: [0, 0, 1, 1], features: 1 };
  const three = {
    x: new Float32Array([1, 0, 0, 1, -1, -1]),
    y: [0, 1, 2],
    features: 2,
    classes: 3,
  };
  for (const solver of SOLVERS) {
    await t.step(solver, async () => {
      for (const problem of [two, three]) {
        const fit = await solveLogistic(gpu, problem, { solver, maxIterations: 50 });
        assertEquals([fit.reason, fit.converged], ["separable", false]);
        assert(fit.weights.every(Number.isFinite));
        assert(fit.objective < fit.trace[0]!.objective);
        const ridge = await solveLogistic(gpu, { ...problem, l2: 0.1 }, {
          solver,
          maxIterations: 3000,
          tolerance: 1e-3,
        });
        assertEquals(ridge.reason, "tolerance");
      }
    });
  }
});

Deno.test("Newton's method adds a ridge to a singular Hessian, and says so", async (t) => {
  const gpu = await openGpu();
  const golden = goldenCase("binary, no penalty");
  const { x, y, features } = goldenProblem(golden);
  const wide = features + 2;
  const doubled = new Float32Array(y.length * wide); // the first column twice, and one of zeros
  y.forEach((_, i) => {
    doubled.set(x.subarray(i * features, (i + 1) * features), i * wide);
    doubled[i * wide + features] = x[i * features]!;
  });
  for (const products of ["cpu", "gpu"] as const) {
    await t.step(products, async () => {
      const problem = { x: doubled, y, features: wide };
      const fit = await solveLogistic(gpu, problem, { solver: "newton", products });
      assertEquals(fit.reason, "tolerance");
      for (const { note = "" } of fit.trace.slice(1)) assertMatch(note, /ridge of .* singular/);
      // The copies share the weight of the one, and the zeros get none.
      assertAlmostEquals(fit.weights[0]! + fit.weights[features]!, golden.weights[0]!, 1e-4);
      assertEquals(fit.weights[features + 1], 0);
      assertAlmostEquals(fit.objective, golden.objective, 1e-6 * golden.objective);
    });
  }
  await t.step("of a regular one it says nothing", async () => {
    for (const name of ["binary, no penalty", "multinomial"]) {
      const fit = await solveLogistic(gpu, goldenProblem(goldenCase(name)), { solver: "newton" });
      assert(fit.trace.every(({ note }) => note === undefined));
    }
  });
});

Deno.test("from the optimum of a near problem, fewer iterations are needed", async (t) => {
  const gpu = await openGpu();
  for (const name of ["binary", "multinomial"]) {
    const problem = goldenProblem(goldenCase(name));
    const near = await solveLogistic(gpu, { ...problem, l2: 1.01e-2 }, { solver: "newton" });
    for (const solver of SOLVERS.filter((solver) => solver !== "sgd")) {
      await t.step(`${name}: ${solver}`, async () => {
        const options = { solver, tolerance: 1e-5 };
        const cold = await solveLogistic(gpu, problem, options);
        const warm = await solveLogistic(gpu, problem, { ...options, initial: near });
        assertEquals([cold.reason, warm.reason], ["tolerance", "tolerance"]);
        assert(warm.iterations < cold.iterations, `${warm.iterations}, ${cold.iterations}`);
        const again = await solveLogistic(gpu, problem, { ...options, initial: warm });
        assertEquals(again.iterations, 0);
      });
    }
  }
});

/** Batches of a problem, of different sizes. */
function batchesOf({ x, y, features }: LogisticBatch & { features: number }): LogisticBatch[] {
  const batches: LogisticBatch[] = [];
  for (let start = 0, size = 1; start < y.length; start += size, size = 3 * size % 1000 + 100) {
    const end = Math.min(y.length, start + size);
    const labels = Array.from(y).slice(start, end);
    batches.push({ x: x.subarray(start * features, end * features), y: labels });
  }
  return batches;
}

Deno.test("a stream gives what the same examples in memory give", async (t) => {
  const gpu = await openGpu();
  for (const name of ["binary, larger", "multinomial, larger"]) {
    const { x, y, ...rest } = goldenProblem(goldenCase(name));
    const list = batchesOf({ x, y, features: rest.features });
    let passes = 0;
    const streams: Record<string, () => Iterable<LogisticBatch> | AsyncIterable<LogisticBatch>> = {
      sync: () => list,
      async: async function* () {
        passes++;
        for (const batch of list) yield await Promise.resolve(batch);
      },
    };
    for (const [kind, batches] of Object.entries(streams)) {
      for (const products of ["cpu", "gpu"] as const) {
        for (const solver of ["newton", "lbfgs", "gradientDescent"] as const) {
          await t.step(`${name}, ${kind}, ${products}, ${solver}`, async () => {
            passes = 0;
            const options = { solver, products, maxIterations: 4 };
            const memory = await solveLogistic(gpu, { x, y, ...rest }, options);
            const stream = await solveLogistic(gpu, { batches, ...rest }, options);
            const last = stream.trace.at(-1)!;
            if (kind === "async") assertEquals(passes, last.passes);
            assertEquals(last.bytes, 4 * last.passes * x.length);
            assertEquals(last.passes, memory.trace.at(-1)!.passes);
            // Sums in other groups: on the CPU, float64; on the GPU, gradients are off by 272 · 2⁻²⁴ at most.
            const tolerance = products === "cpu" ? 1e-11 : 1e-5;
            assertAlmostEquals(stream.objective, memory.objective, tolerance);
            stream.weights.forEach((w, j) =>
              assertAlmostEquals(w, memory.weights[j]!, 100 * tolerance)
            );
          });
        }
      }
    }
  }
  await t.step("sgd takes a stream in one batch as it takes memory", async () => {
    const { x, y, ...rest } = goldenProblem(goldenCase("binary"));
    const options = { solver: "sgd", maxIterations: 3, seed: 4, batchSize: 7 } as const;
    const memory = await solveLogistic(gpu, { x, y, ...rest }, options);
    const stream = await solveLogistic(gpu, { batches: () => [{ x, y }], ...rest }, options);
    assertEquals(stream.weights, memory.weights);
    const parts = batchesOf({ x, y, features: rest.features });
    const cut = await solveLogistic(gpu, { batches: () => parts, ...rest }, options);
    assert(cut.objective < cut.trace[0]!.objective);
  });
});

Deno.test("the same seed gives the same bits, another seed others", async (t) => {
  const gpu = await openGpu();
  const problem = goldenProblem(goldenCase("multinomial, larger"));
  for (const solver of SOLVERS) {
    for (const products of ["cpu", "gpu"] as const) {
      await t.step(`${solver}, ${products}`, async () => {
        const run = (more: { seed?: number }) =>
          solveLogistic(gpu, problem, { solver, products, maxIterations: 2, ...more });
        const [first, second] = [await run({}), await run({})];
        assertEquals([first.weights, first.bias], [second.weights, second.bias]);
        if (solver !== "sgd" && solver !== "saga") return;
        assertEquals((await run({ seed: 0 })).weights, first.weights);
        assert((await run({ seed: 1 })).weights[0] !== first.weights[0]);
      });
    }
  }
});

Deno.test("a rate that is too large diverges, and is said to", async () => {
  const gpu = await openGpu();
  const { x, y, features } = goldenProblem(goldenCase("binary"));
  const problem = { x, y, features, l2: 1 };
  for (const solver of ["gradientDescent", "sgd"] as const) {
    const fit = await solveLogistic(gpu, problem, { solver, rate: 10 });
    assertEquals([fit.reason, fit.converged], ["diverged", false]);
  }
  const schedule = stepDecay({ rate: 0.1, every: 100, factor: 0.5 });
  const fit = await solveLogistic(gpu, problem, { solver: "sgd", rate: schedule });
  assertEquals(fit.trace[1]!.step, schedule(y.length - 1));
});

Deno.test("what is asked for beyond the precision of float32 ends by precision or tolerance", async () => {
  const gpu = await openGpu();
  const problem = goldenProblem(goldenCase("binary, larger"));
  const fit = await solveLogistic(gpu, problem, {
    solver: "newton",
    products: "gpu",
    tolerance: 0,
  });
  assertEquals([fit.reason, fit.converged], ["precision", false]);
  assert(fit.iterations < 50 && fit.gradientNorm < 1e-7, `${fit.iterations}, ${fit.gradientNorm}`);
});

Deno.test("L-BFGS takes less than half the iterations of gradient descent, and keeps its history", async () => {
  const gpu = await openGpu();
  for (const name of ["binary, larger", "multinomial, larger"]) {
    const problem = goldenProblem(goldenCase(name));
    const gradients = await solveLogistic(gpu, problem, { solver: "gradientDescent" });
    for (const history of [3, 10]) {
      const fit = await solveLogistic(gpu, problem, { solver: "lbfgs", history });
      assertEquals(fit.reason, "tolerance");
      assert(fit.iterations < gradients.iterations / 2, `${fit.iterations}`);
      assert(fit.trace.every(({ note }) => note === undefined));
    }
  }
});

Deno.test("coordinate descent never ascends, also where the curvature within reach is larger", async () => {
  const gpu = await openGpu();
  const problem = { x: new Float32Array([10, 10]), y: [1, 0], features: 1, l2: 1 };
  const initial = { weights: [-0.3], bias: 0 };
  const fit = await solveLogistic(gpu, problem, { solver: "coordinateDescent", initial });
  assertEquals(fit.reason, "tolerance");
  fit.trace.forEach(({ objective }, i) =>
    assert(i === 0 || objective <= fit.trace[i - 1]!.objective + 1e-15, `iteration ${i}`)
  );
  // The optimum: both probabilities are 1/2 without any weight.
  assertAlmostEquals(fit.objective, Math.LN2, 1e-9);
});

Deno.test("weights to start from count with all their digits, also on the GPU", async () => {
  const gpu = await openGpu();
  const problem = { x: new Float32Array([1, 1]), y: [1, 1], features: 1 };
  const initial = { weights: [1 + 2 ** -30], bias: 0 };
  for (const products of ["cpu", "gpu"] as const) {
    const options = { solver: "lbfgs", products, initial, maxIterations: 0 } as const;
    const { objective } = await solveLogistic(gpu, problem, options);
    assertAlmostEquals(objective, Math.log1p(Math.exp(-initial.weights[0]!)), 1e-15);
  }
});

Deno.test("line searches on parabolas", () => {
  const parabola = (minimum: number) => ({
    at: (t: number) => ({ value: (t - minimum) ** 2, slope: 2 * (t - minimum) }),
  });
  assertEquals(backtrack(parabola(1)), 1);
  assertEquals(backtrack(parabola(0.1)), 0.125);
  assertEquals(backtrack(parabola(-1)), undefined);
  assertEquals(wolfeStep(parabola(-1)), undefined);
  for (const minimum of [1e-6, 0.1, 1, 3, 1e6]) {
    const t = wolfeStep(parabola(minimum))!;
    assert(t > 0.1 * minimum && t < 1.9 * minimum, `${t} for ${minimum}`);
  }
});

Deno.test("Cholesky's factors, and matrices that have none", () => {
  const a = Float64Array.of(4, 2, 0, 2, 5, 4, 0, 4, 5);
  const factor = cholesky(a, 3, 0)!;
  assertEquals(factor, Float64Array.of(2, 0, 0, 1, 2, 0, 0, 2, 1));
  assertEquals(solveCholesky(factor, Float64Array.of(8, 24, 23)), Float64Array.of(1, 2, 3));
  assertEquals(cholesky(Float64Array.of(1, 1, 1, 1), 2, 0), undefined);
  assertEquals(cholesky(Float64Array.of(1, 1, 1, 1 + 1e-12), 2, 1e-9), undefined);
  assertEquals(cholesky(Float64Array.of(1, 2, 2, 1), 2, 0), undefined);
  assertEquals(cholesky(Float64Array.of(NaN), 1, 0), undefined);
});

Deno.test("what cannot be solved is refused, with the reason", async (t) => {
  const gpu = await openGpu();
  const x = new Float32Array([1, 2, 3, 4]);
  const good = { x, y: [0, 1], features: 2 };
  const newton = { solver: "newton" };
  const stream = (...list: LogisticBatch[]) => ({ batches: () => list, features: 2 });
  const rows: [string, unknown, unknown, typeof OptionError | typeof ShapeError, string][] = [
    [
      "a label that is no class",
      { ...good, y: [0, 2] },
      newton,
      OptionError,
      "y[1]: expected 0 or 1, got 2",
    ],
    [
      "a label of −1",
      { ...good, y: [-1, 1] },
      newton,
      OptionError,
      "y[0]: expected 0 or 1, got -1",
    ],
    [
      "a label beyond the classes",
      { ...good, y: [0, 3], classes: 3 },
      newton,
      OptionError,
      "y[1]: expected a class index below 3, got 3",
    ],
    ["a label between", { ...good, y: [0.5, 1] }, newton, OptionError, "got 0.5"],
    [
      "NaN",
      { ...good, x: new Float32Array([1, 2, NaN, 4]) },
      newton,
      OptionError,
      "x[2]: expected a finite number, got NaN",
    ],
    [
      "an infinity",
      { ...good, x: new Float32Array([1, 2, 3, -Infinity]) },
      newton,
      OptionError,
      "x[3]: expected a finite number, got -Infinity",
    ],
    [
      "another length",
      { ...good, y: [0, 1, 1] },
      newton,
      ShapeError,
      "x: expected 6 numbers (3 labels in y, 2 features), got 4",
    ],
    [
      "no examples",
      { ...good, x: new Float32Array(0), y: [] },
      newton,
      OptionError,
      "x: expected at least one example, got none",
    ],
    [
      "no batches",
      stream(),
      newton,
      OptionError,
      "batches: expected at least one example, got none",
    ],
    [
      "a bad batch",
      stream(good, { x, y: [1] }),
      newton,
      ShapeError,
      "batch 1: x: expected 2 numbers",
    ],
    [
      "an array of another kind",
      { ...good, x: [1, 2, 3, 4] },
      newton,
      OptionError,
      "x: expected a Float32Array, got Array",
    ],
    [
      "no labels",
      { ...good, y: undefined },
      newton,
      OptionError,
      "y: expected an array of class indices, got undefined",
    ],
    [
      "batches that are no function",
      { batches: [], features: 2 },
      newton,
      OptionError,
      "batches: expected a function",
    ],
    [
      "no features",
      { ...good, features: 0 },
      newton,
      OptionError,
      "features: expected a whole number of at least 1, got 0",
    ],
    [
      "one class",
      { ...good, classes: 1 },
      newton,
      OptionError,
      "classes: expected a whole number of at least 2",
    ],
    [
      "a negative penalty",
      { ...good, l2: -1 },
      newton,
      OptionError,
      "l2: expected a number of at least 0",
    ],
    ["an unknown part", { ...good, lambda: 1 }, newton, OptionError, 'unknown option "lambda"'],
    [
      "an unknown solver",
      good,
      { solver: "adam" },
      OptionError,
      'solver: expected one of "gradientDescent"',
    ],
    [
      "an unknown option",
      good,
      { ...newton, rate: 1 },
      OptionError,
      'solver "newton": unknown option "rate"',
    ],
    [
      "a tolerance",
      good,
      { ...newton, tolerance: -1 },
      OptionError,
      "tolerance: expected a number of at least 0",
    ],
    [
      "iterations",
      good,
      { ...newton, maxIterations: 1.5 },
      OptionError,
      "maxIterations: expected a whole number",
    ],
    ["a place", good, { ...newton, products: "tpu" }, OptionError, "products: expected one of"],
    [
      "a rate's name",
      good,
      { solver: "gradientDescent", rate: "armijo" },
      OptionError,
      'rate: expected one of "lipschitz", "backtracking"',
    ],
    [
      "a rate of 0",
      good,
      { solver: "sgd", rate: 0 },
      OptionError,
      "rate: expected a number above 0",
    ],
    [
      "a schedule for saga",
      good,
      { solver: "saga", rate: () => 1 },
      OptionError,
      "rate: expected a number above 0",
    ],
    [
      "a batch of none",
      good,
      { solver: "sgd", batchSize: 0 },
      OptionError,
      "batchSize: expected a whole number of at least 1",
    ],
    ["a seed", good, { solver: "saga", seed: -1 }, OptionError, "seed: expected a whole number"],
    [
      "a history",
      good,
      { solver: "lbfgs", history: 0 },
      OptionError,
      "history: expected a whole number of at least 1",
    ],
    [
      "weights to start",
      good,
      { ...newton, initial: { weights: [1], bias: 0 } },
      ShapeError,
      "initial.weights: expected 2 finite numbers, got 1",
    ],
    [
      "a bias to start",
      good,
      { ...newton, initial: { weights: [1, 2], bias: NaN } },
      ShapeError,
      "initial.bias: expected 1 finite numbers",
    ],
    [
      "columns of a stream",
      stream(good),
      { solver: "coordinateDescent" },
      OptionError,
      "a stream has only rows",
    ],
    [
      "any example of a stream",
      stream(good),
      { solver: "saga" },
      OptionError,
      "a stream has its own",
    ],
    [
      "too large a Hessian",
      { x: new Float32Array(5000), y: [1], features: 5000 },
      newton,
      OptionError,
      "Hessian of 5001 × 5001",
    ],
  ];
  for (const solver of ["gradientDescent", "newton", "lbfgs", "sgd"]) {
    rows.push([
      `L1 by ${solver}`,
      { ...good, l1: 0.1 },
      { solver },
      OptionError,
      `solver "${solver}" cannot minimise it`,
    ]);
  }
  for (const [name, problem, options, kind, message] of rows) {
    await t.step(name, async () => {
      const { buffers } = gpu.memory;
      await assertRejects(
        () => solveLogistic(gpu, problem as LogisticProblem, options as LogisticOptions),
        kind,
        message,
      );
      assertEquals(gpu.memory.buffers, buffers);
    });
  }
  await t.step("a stream whose passes differ", async () => {
    for (const [first, later] of [[2, 1], [1, 2]]) {
      let pass = 0;
      const batches = () =>
        Array.from({ length: pass++ === 0 ? first! : later! }, (): LogisticBatch => good);
      await assertRejects(
        () => solveLogistic(gpu, { batches, features: 2 }, { solver: "lbfgs" }),
        ShapeError,
        `expected ${2 * first!} examples in every pass, as in the first, got ${
          first === 1 ? "more" : "2"
        }`,
      );
    }
  });
});
