/**
 * Pegasos: against its text, written out plainly, and against scikit-learn, within its certificate.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { OptionError, ShapeError } from "../src/errors.ts";
import { permute, Random } from "../src/random.ts";
import { pegasos, type PegasosOptions, type PegasosResult } from "../src/solvers/pegasos.ts";
import { smo } from "../src/solvers/smo.ts";
import type { SvmData } from "../src/solvers/svm_data.ts";
import { clouds, dot, golden, rowsOf, sparse } from "./svm.ts";

const goldenData: SvmData = { x: golden.x, y: golden.y, features: golden.features };

/** P, with the constant B of the bias; `w` has b / B as its last element. */
function primal(rows: number[][], y: ArrayLike<number>, lambda: number, w: number[]): number {
  const hinge = rows.reduce((sum, x, i) => sum + Math.max(0, 1 - y[i]! * dot(w, x)), 0);
  return lambda / 2 * dot(w, w) + hinge / rows.length;
}

/** D at α. */
function dual(
  rows: number[][],
  y: ArrayLike<number>,
  lambda: number,
  alphas: readonly number[],
): number {
  const n = rows.length;
  const w = rows[0]!.map((_, k) =>
    rows.reduce((sum, x, i) => sum + alphas[i]! * y[i]! * x[k]!, 0) / (lambda * n)
  );
  return alphas.reduce((sum, alpha) => sum + alpha, 0) / n - lambda / 2 * dot(w, w);
}

/** Pegasos as its formulas say: all of w in every step, every iterate kept, α from the pulls. */
function plainly(
  data: SvmData & { x: ArrayLike<number> },
  options: Required<PegasosOptions> & { bias: number },
): { w: number[]; objective: number; gap: number } {
  const { lambda, epochs, seed, averaging, batchSize, projection, bias } = options;
  const rows = rowsOf(data.x, data.features).map((row) => [...row, bias]);
  const n = rows.length;
  const random = new Random(seed);
  let w = rows[0]!.map(() => 0);
  let alphas = rows.map(() => 0);
  const iterates: [weight: number, w: number[], alphas: number[]][] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    const key = random.word();
    const order = rows.map((_, position) => permute(position, n, key));
    for (let start = 0; start < n; start += batchSize) {
      const batch = order.slice(start, start + batchSize);
      const t = iterates.length + 1;
      const pulling = batch.filter((i) => data.y[i]! * dot(w, rows[i]!) < 1);
      w = w.map((value, k) =>
        (1 - 1 / t) * value +
        pulling.reduce((sum, i) => sum + data.y[i]! * rows[i]![k]!, 0) /
          (lambda * t * batch.length)
      );
      alphas = alphas.map((alpha, i) =>
        (1 - 1 / t) * alpha + (pulling.includes(i) ? n / (t * batch.length) : 0)
      );
      const factor = projection ? Math.min(1, 1 / Math.sqrt(lambda * dot(w, w))) : 1;
      w = w.map((value) => factor * value);
      alphas = alphas.map((alpha) => factor * alpha);
      iterates.push([averaging === "weighted" ? t : 1, w, alphas]);
    }
  }
  const counted = averaging === "none" ? iterates.slice(-1) : iterates;
  const total = counted.reduce((sum, [weight]) => sum + weight, 0);
  const mean = (vectors: (iterate: typeof counted[0]) => number[]) =>
    vectors(counted[0]!).map((_, k) =>
      counted.reduce((sum, iterate) => sum + iterate[0] * vectors(iterate)[k]!, 0) / total
    );
  w = mean(([, w]) => w);
  alphas = mean(([, , alphas]) => alphas).map((alpha) => Math.min(Math.max(alpha, 0), 1));
  const objective = primal(rows, data.y, lambda, w);
  return { w, objective, gap: objective - dual(rows, data.y, lambda, alphas) };
}

Deno.test("pegasos does what its formulas say", async (t) => {
  const clouded = clouds({ samples: 23, features: 4, shift: 0.4, seed: 1, zeros: 0.3 });
  // Here each projection shrinks w by many powers of ten, so that its scale has to be renewed again and again.
  const huge = { ...clouded, x: clouded.x.map((value) => 1e9 * value) };
  for (const averaging of ["weighted", "uniform", "none"] as const) {
    for (const projection of [true, false]) {
      for (const [batchSize, bias, epochs] of [[1, 1, 4], [5, 0, 3], [40, 0.5, 6]] as const) {
        for (const data of projection ? [clouded, huge] : [clouded]) {
          const options = { averaging, projection, batchSize, epochs, lambda: 0.02, seed: 5 };
          const name = `${JSON.stringify(options)}, bias ${bias}${data === huge ? ", huge" : ""}`;
          await t.step(name, async () => {
            const all = { ...options, bias, dualPasses: 0 };
            const svm = await pegasos(data, { ...all, bias: bias || false });
            const { w, objective, gap } = plainly(data, all);
            const length = Math.sqrt(dot(w, w));
            const found = [...svm.weights, bias === 0 ? 0 : svm.bias / bias];
            found.forEach((value, k) => assertAlmostEquals(value, w[k]!, 1e-10 * length));
            assertAlmostEquals(svm.objective, objective, 1e-9 * objective);
            assertAlmostEquals(svm.dualityGap, gap, 1e-9 * (objective + gap));
            assertEquals(svm.steps, epochs * Math.ceil(23 / batchSize));
          });
        }
      }
    }
  }
});

for (const { lambda, bias, objective, weights, intercept } of golden.linearSvc) {
  Deno.test(`pegasos agrees with scikit-learn's LinearSVC: λ = ${lambda}, B = ${bias}`, async () => {
    const svm = await pegasos(goldenData, { lambda, bias: bias || false, epochs: 500, seed: 1 });
    assert(svm.objective >= objective * (1 - 1e-8), "nothing is below the minimum");
    assert(svm.objective - objective <= svm.dualityGap + 1e-8 * objective);
    assert(svm.dualityGap < 0.01 * objective, `${svm.dualityGap} of ${objective}`);
    // λ/2 |w − w*|² ≤ P(w) − P(w*), with b / B among the weights.
    const away = weights.reduce((sum, value, k) => sum + (value - svm.weights[k]!) ** 2, 0) +
      (bias === 0 ? 0 : ((intercept - svm.bias) / bias) ** 2);
    assert(lambda / 2 * away <= svm.dualityGap + 1e-8 * objective);
    assertEquals(svm.decision(golden.points).length, golden.points.length / 3);
    svm.decision(golden.points).forEach((value, i) => {
      const point = golden.points.slice(3 * i, 3 * i + 3);
      assertAlmostEquals(value, dot(svm.weights, point) + svm.bias, 1e-12);
    });
  });
}

Deno.test("pegasos: the gap bounds the distance to the minimum, however early it ends", async () => {
  const { lambda, objective: least } = golden.linearSvc[1]!;
  const rows = rowsOf(golden.x, 3).map((row) => [...row, 1]);
  for (const averaging of ["weighted", "uniform", "none"] as const) {
    for (const epochs of [1, 2, 5]) {
      for (const batchSize of [1, 7, 60]) {
        let wider = Infinity;
        for (const dualPasses of [0, 1, 3, 3000]) {
          const options = { lambda, averaging, epochs, batchSize, dualPasses, seed: epochs };
          const { objective, dualityGap, weights, bias } = await pegasos(goldenData, options);
          const expected = primal(rows, golden.y, lambda, [...weights, bias]);
          assertAlmostEquals(objective, expected, 1e-12 * expected);
          assert(objective - least <= dualityGap + 1e-8);
          assert(dualityGap <= wider + 1e-12, "a pass never widens it");
          wider = dualityGap;
        }
        // The dual has found its maximum by now, so that the bound is the distance itself.
        const { objective } = await pegasos(goldenData, {
          lambda,
          averaging,
          epochs,
          batchSize,
          seed: epochs,
        });
        assertAlmostEquals(wider, objective - least, 1e-6);
      }
    }
  }
});

Deno.test("pegasos and smo find the same boundary", async () => {
  const data = clouds({ samples: 200, features: 3, shift: 0.6, seed: 2 });
  const lambda = 0.05;
  // Without a bias, and with that of smo found on the other way: by a column of ones.
  const x = Float64Array.from(rowsOf(data.x, 3).flatMap((row) => [...row, 1]));
  const svm = await pegasos(data, { lambda, epochs: 300, seed: 1 });
  const same = await pegasos({ ...data, x, features: 4 }, {
    lambda,
    epochs: 300,
    seed: 1,
    bias: false,
  });
  assertEquals([...svm.weights, svm.bias], [...same.weights]);
  const exact = await smo(data, { kernel: { type: "linear" }, c: 1 / (lambda * 200) });
  // The penalty of the bias is all that is different.
  const penalty = lambda / 2 * exact.bias ** 2;
  assert(svm.objective - svm.dualityGap <= lambda * exact.objective + penalty + 1e-4);
  assert(svm.objective >= lambda * exact.objective * (1 - 1e-6));
  assert(svm.dualityGap < 1e-3);
});

Deno.test("pegasos: the order in memory is of no account", async () => {
  const shuffled = clouds({ samples: 400, features: 5, shift: 0.7, seed: 3 });
  const sorted = clouds({ samples: 400, features: 5, shift: 0.7, seed: 3, sorted: true });
  const right = ({ y, x }: typeof sorted, svm: PegasosResult) =>
    svm.decision(x).filter((value, i) => value * y[i]! > 0).length / y.length;
  for (const averaging of ["weighted", "uniform", "none"] as const) {
    for (const data of [shuffled, sorted]) {
      const svm = await pegasos(data, { lambda: 0.01, epochs: 20, seed: 4, averaging });
      assert(right(data, svm) > 0.9, averaging);
      assert(svm.dualityGap < 0.02, averaging);
    }
  }
});

Deno.test("pegasos: the same seed, and sparse samples, give the same bits", async () => {
  const data = clouds({ samples: 90, features: 8, shift: 0.4, seed: 5, zeros: 0.7 });
  const numbers = ({ weights, bias, objective, dualityGap }: PegasosResult) => [
    ...weights,
    bias,
    objective,
    dualityGap,
  ];
  for (const batchSize of [1, 4]) {
    const options = { lambda: 0.01, epochs: 5, seed: 6, batchSize };
    const svm = await pegasos(data, options);
    assertEquals(numbers(await pegasos(data, options)), numbers(svm));
    const rows = await pegasos({ ...data, x: sparse(data.x, 8) }, options);
    assertEquals(numbers(rows), numbers(svm));
    assertEquals(rows.decision(sparse(data.x, 8)), svm.decision(data.x));
    const other = await pegasos(data, { ...options, seed: 7 });
    assert(other.objective !== svm.objective);
  }
});

Deno.test("pegasos: many sparse features", async () => {
  const [samples, features, nonZeros] = [2_000, 1_000_000, 5];
  const random = new Random(8);
  const y = Int8Array.from({ length: samples }, (_, i) => i % 2 === 0 ? 1 : -1);
  const indices = Int32Array.from(
    { length: samples * nonZeros },
    (_, k) => k % nonZeros * 200_000 + random.integer(200_000),
  );
  const values = Float64Array.from(
    indices,
    (_, k) => random.normal() + y[Math.floor(k / nonZeros)]!,
  );
  const starts = Uint32Array.from({ length: samples + 1 }, (_, i) => i * nonZeros);
  // 40,000 steps; were each to touch all of w, this would take minutes.
  const svm = await pegasos(
    { x: { values, indices, starts }, y, features },
    { lambda: 1e-4, epochs: 20, seed: 1 },
  );
  assertEquals(svm.steps, 40_000);
  assert(svm.dualityGap < svm.objective && svm.objective < 0.5);
});

Deno.test("pegasos: problems solved by hand", async (t) => {
  const pair: SvmData = { x: [-1, 1], y: [-1, 1], features: 1 };
  await t.step("λ ≥ 1: every sample pulls in every step, and w = 1 / λ", async () => {
    for (const averaging of ["weighted", "uniform", "none"] as const) {
      const svm = await pegasos(pair, { lambda: 4, epochs: 3, bias: false, averaging });
      assertAlmostEquals(svm.weights[0]!, 0.25, 1e-15);
      // λ/2 w² + 1 − w.
      assertAlmostEquals(svm.objective, 0.875, 1e-15);
      assertAlmostEquals(svm.dualityGap, 0, 1e-15);
      assertEquals(svm.bias, 0);
    }
  });
  await t.step("λ < 1: w = 1, where the margin is 1", async () => {
    const svm = await pegasos(pair, { lambda: 0.5, epochs: 1000, bias: false });
    assertAlmostEquals(svm.weights[0]!, 1, 1e-3);
    assert(svm.objective >= 0.25 && svm.objective - 0.25 <= svm.dualityGap + 1e-15);
    assert(svm.dualityGap < 1e-3);
  });
  await t.step("samples of zeros: nothing to learn, a loss of 1", async () => {
    const svm = await pegasos({ x: [0, 0], y: [-1, 1], features: 1 }, {
      lambda: 1,
      epochs: 2,
      bias: false,
    });
    assertEquals([...svm.weights, svm.objective, svm.dualityGap], [0, 1, 0]);
  });
});

Deno.test("pegasos: what it refuses", async (t) => {
  const data = { x: [0, 1, 2, 3], y: [-1, 1], features: 2 };
  const options = { lambda: 0.1, epochs: 2 };
  // deno-lint-ignore no-explicit-any
  const wrong: [RegExp, any, any?, any?][] = [
    [/pegasos: y: expected labels −1 and 1, got 0 at index 0; map the classes/, { y: [0, 1] }],
    [/pegasos: y: expected both classes, got only -1/, { y: [-1, -1] }],
    [/pegasos: x: expected finite numbers, got NaN at index 0/, { x: [NaN, 1, 2, 3] }],
    [/x has 2 samples, but y has 1 labels/, { y: [1] }, {}, ShapeError],
    [/unknown option "lamda"/, {}, { lamda: 1 }],
    [/lambda: expected a number above 0/, {}, { lambda: 0 }],
    [/epochs: expected a whole number of at least 1/, {}, { epochs: 0 }],
    [/seed: expected a whole number/, {}, { seed: -1 }],
    [/averaging: expected one of "weighted"/, {}, { averaging: "mean" }],
    [/batchSize: expected a whole number/, {}, { batchSize: 0 }],
    [/projection: expected true or false, got 1/, {}, { projection: 1 }],
    [/bias: expected a number above 0/, {}, { bias: 0 }],
    [/dualPasses: expected a whole number/, {}, { dualPasses: -1 }],
    [/sample 1 has the squared length .*scale the samples/, { x: [0, 1, 1e150, 0] }],
  ];
  for (const [message, badData, badOptions = {}, type = OptionError] of wrong) {
    await t.step(String(message), async () => {
      const error = await assertRejects(
        () => pegasos({ ...data, ...badData }, { ...options, ...badOptions }),
        type,
      );
      assert(message.test((error as Error).message), (error as Error).message);
    });
  }
  await t.step("points to decide on", async () => {
    const svm = await pegasos(data, options);
    assertThrows(() => svm.decision([1]), ShapeError, "pegasos: decision: expected a multiple");
  });
});
