/**
 * The comparison of solvers of logistic regression, and its table.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { OptionError } from "../src/errors.ts";
import { compareSolvers, type SolverComparison } from "../src/solvers/logistic_comparison.ts";
import { formatLogistic } from "../tools/comparison_text.ts";
import { goldenCase, goldenProblem } from "./golden_logistic.ts";
import { openGpu } from "./gpu.ts";

Deno.test("a comparison measures every solver against the optimum", async () => {
  const gpu = await openGpu();
  const golden = goldenCase("binary");
  const { l1: _, ...problem } = goldenProblem(golden);
  const { optimum, rows } = await compareSolvers(gpu, problem, { passes: 20 });
  assert(Math.abs(optimum - golden.objective) < 1e-12);
  assertEquals(
    rows.map(({ options }) => options.solver),
    ["gradientDescent", "newton", "coordinateDescent", "lbfgs", "sgd"],
  );
  for (const { options, curve, reached, gap, stateBytes, rates } of rows) {
    const { solver } = options;
    assert(curve.every((point) => point.gap >= 0 && Number.isFinite(point.gap)));
    curve.slice(1).forEach(({ iterations, passes, milliseconds, bytes }, i) => {
      assertEquals(iterations, curve[i]!.iterations + 1);
      for (const [now, before] of [[passes, curve[i]!.passes], [bytes, curve[i]!.bytes]]) {
        assert(now! > before!);
      }
      assert(milliseconds >= curve[i]!.milliseconds);
    });
    assertEquals(reached.map(({ accuracy }) => accuracy), [1e-2, 1e-4, 1e-6]);
    assert(stateBytes > 0);
    const numbers = reached.map(({ passes }) => passes ?? Infinity);
    assert(numbers[0]! <= numbers[1]! && numbers[1]! <= numbers[2]!);
    for (const { passes, bytes } of reached) {
      if (passes !== undefined) assertEquals(bytes, 4 * (passes + 1) * problem.x.length);
    }
    assertEquals(gap <= 1e-6, reached[2]!.passes !== undefined);
    assertEquals(gap <= 1e-6, solver !== "sgd");
    assertEquals(rates.length, ["gradientDescent", "sgd"].includes(solver) ? 5 : 0);
    // A hundredth of 1 / L is slower.
    if (solver === "gradientDescent") assert((rates[0]!.passes ?? Infinity) > rates[2]!.passes!);
    // Its own schedule, times one, is the method again.
    if (solver === "sgd") assertEquals(rates[2]!.passes, reached[0]!.passes);
  }
  const iterations = (i: number) => rows[i]!.reached[2]!.iterations!;
  assert(iterations(1) < iterations(3) && iterations(3) < iterations(0));
});

Deno.test("a comparison refuses what not all can do, and leaves out who cannot", async () => {
  const gpu = await openGpu();
  const { x, y, features } = goldenProblem(goldenCase("binary"));
  const stream = { batches: () => [{ x, y }], features, l2: 0.1 };
  const { rows } = await compareSolvers(gpu, stream, { passes: 1, maxIterations: 3 });
  assertEquals(
    rows.map(({ options }) => options.solver),
    ["gradientDescent", "newton", "lbfgs", "sgd"],
  );
  const refuse = (problem: object, options: object, message: string) =>
    assertRejects(
      () => compareSolvers(gpu, { x, y, features, ...problem }, options),
      OptionError,
      message,
    );
  await refuse({ l1: 1 }, {}, "compareSolvers: l1: expected 0");
  await refuse({}, { epochs: 1 }, 'compareSolvers: unknown option "epochs"');
  await refuse({}, { passes: 0 }, "compareSolvers: passes: expected a whole number of at least 1");
  const separable = { x: new Float32Array([-1, 1]), y: [0, 1], features: 1 };
  await refuse(separable, {}, "no optimum to compare with: separable");
});

Deno.test("the words of the table follow from its numbers", () => {
  const reached = (...iterations: number[]) =>
    [1e-2, 1e-4, 1e-6].map((accuracy, i) => {
      const at = iterations[i];
      if (at === undefined) return { accuracy };
      return { accuracy, iterations: at, passes: at, milliseconds: at, bytes: 1e6, gap: 0 };
    });
  const trial = (factor: number, passes?: number) => ({ factor, gap: 0, passes });
  const rows: SolverComparison[] = [
    {
      options: { solver: "newton" },
      curve: [],
      reached: reached(3, 4, 4),
      gap: 0,
      stateBytes: 5e6,
      rates: [],
    },
    {
      options: { solver: "gradientDescent" },
      curve: [],
      reached: reached(10, 20, 30),
      gap: 0,
      stateBytes: 5e3,
      rates: [trial(0.1, 101), trial(1, 10), trial(10)],
    },
    {
      options: { solver: "sgd" },
      curve: [],
      reached: reached(10),
      gap: 2e-3,
      stateBytes: 5e4,
      rates: [trial(0.1, 90), trial(1, 10), trial(10)],
    },
  ];
  const text = formatLogistic({ optimum: 0.5, rows }, 1e6);
  const lines = text.split("\n").map((line) => line.split(/ {2,}/).join(" | "));
  assertEquals(lines[0], "f* = 0.5");
  for (
    const line of [
      "Newton | reached | 5.0 MB, 500% | fast, × 0.00010 | needs none",
      "Gradient descent | reached | 5.0 kB, 0.5% | steady, × 0.63 | × 1",
      "SGD | within 2e-3 | 50 kB, 5% | above 1e-4 | × 0.1, 1",
    ]
  ) assert(lines.includes(line), `${line}\n${text}`);
  assertStringIncludes(text, "–");
  assert(text.split("\n").every((line) => [...line].length <= 80));
});
