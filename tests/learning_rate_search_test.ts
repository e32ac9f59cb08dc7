/**
 * The search for a learning rate: what it finds where the answer is known, and that the model does not notice.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  Adam,
  BatchNorm,
  cosineDecay,
  Dataset,
  Dense,
  Dropout,
  type Gpu,
  learningRateChart,
  learningRateSearch,
  type LearningRateSearchOptions,
  OptionError,
  Sequential,
  Sgd,
} from "../mod.ts";
import { generateDigits } from "../src/data/digits.ts";
import type { Batch } from "../mod.ts";
import { openGpu } from "./gpu.ts";

/**
 * C = (w + b − y)² with x = 1 and y = 1, so that a step of gradient descent multiplies w + b − 1 by 1 − 4α: it ends at a rate of ¼
 * and grows beyond ½.
 *
 * @param noise How far y is from 1, by turns above and below.
 */
function parabola(gpu: Gpu, noise = 0): { model: Sequential; data: Dataset } {
  const model = new Sequential([new Dense({ units: 1 })], { gpu, inputShape: [1] });
  model.compile({ loss: "meanSquaredError", optimizer: new Sgd({ learningRate: 7 }) });
  const x = new Float32Array(64).fill(1);
  const y = x.map((one, i) => one + (i % 2 === 0 ? noise : -noise));
  return { model, data: new Dataset({ x, y, inputShape: [1] }) };
}

Deno.test("trials find the rate that ends at the minimum in one step", async () => {
  const { model, data } = parabola(await openGpu());
  using _ = model;
  const options = { minimum: 0.025, maximum: 2.5, points: 3, steps: 60 };
  const shares: number[] = [];
  const search = await learningRateSearch(model, data, {
    ...options,
    onProgress: (share) => shares.push(share),
  });
  assertEquals(search.points.length, 3);
  assert(Math.abs(search.recommendation! - 0.25) < 1e-9, `${search.recommendation}`);
  const [slow, right, wild] = search.points.map(({ loss }) => loss);
  // 0.9⁻² a step: 60 steps take off nearly all, but less than one at ¼.
  assert(right! < 1e-12 && right! < slow! && slow! < search.startLoss, `${right} ${slow}`);
  assertEquals(wild, Infinity);
  assertEquals(shares, [1 / 3, 2 / 3, 1]);
  assertMatch(search.rule, /lowest mean loss over its last quarter/);
  assertMatch(learningRateChart(search), /recommended: 0\.25</);
});

Deno.test("the range test ends where the loss grows and recommends a tenth of the lowest", async () => {
  const { model, data } = parabola(await openGpu(), 0.25);
  using _ = model;
  const options = { method: "range", minimum: 1e-4, batchSize: 1 } as const;
  const search = await learningRateSearch(model, data, options);
  const rates = search.points.map(({ rate }) => rate);
  const losses = search.points.map(({ loss }) => loss);
  assertEquals(rates, [...rates].sort((a, b) => a - b));
  assertEquals(rates[0], 1e-4);
  assert(rates.length < 100 && rates.at(-1)! < 10, "it ended early");
  const best = rates[losses.indexOf(Math.min(...losses))]!;
  assertEquals(search.recommendation, best / 10);
  // Five steps beyond ½, at 0.89, the distance has grown by 1.2 · 1.5 · 1.8 · 2.2 · 2.6 = 19: no lag of the mean hides that.
  assert(best > 0.01 && best < 0.9, `${best}`);
  const end = losses.slice(losses.indexOf(Math.min(...losses)));
  assert(end.every((loss) => loss <= 4 * Math.min(...losses)), `${end}`);
});

Deno.test("no rate is recommended where none helps", async () => {
  const { model, data } = parabola(await openGpu());
  using _ = model;
  for (const [minimum, maximum] of [[1e-20, 1e-19], [1e3, 1e4]]) {
    const options = { minimum: minimum!, maximum: maximum!, points: 2 };
    const { recommendation } = await learningRateSearch(model, data, options);
    assertEquals(recommendation, undefined);
  }
});

/** A model that has all there is to be put back: running statistics, two moments, a counter of dropout, a schedule. */
function busyModel(gpu: Gpu): Sequential {
  const layers = [
    new Dense({ units: 16 }),
    new BatchNorm(),
    new Dropout({ rate: 0.2 }),
    new Dense({ units: 10 }),
  ];
  const model = new Sequential(layers, { gpu, inputShape: [1, 28, 28], seed: 5 });
  const learningRate = cosineDecay({ rate: 0.01, steps: 40 });
  model.compile({ loss: "softmaxCrossEntropy", optimizer: new Adam({ learningRate }) });
  return model;
}

async function bits(model: Sequential): Promise<Float32Array[]> {
  return await Promise.all(
    [...model.parameters, ...model.buffers].map(({ value }) => value.read()),
  );
}

const digits = generateDigits({ count: 320, seed: 2 });

function* failing(): Generator<Batch> {
  for (let i = 0; i < 5; i++) {
    yield { x: digits.x.subarray(0, 32 * 784), y: digits.y.subarray(0, 32), length: 32 } as Batch;
  }
  throw new RangeError("no more");
}

Deno.test("training goes on after a search as if there had been none", async (t) => {
  const gpu = await openGpu();
  using undisturbed = busyModel(gpu);
  const expected = [await undisturbed.fit(digits), await undisturbed.fit(digits)];
  const expectedBits = await bits(undisturbed);
  const options: LearningRateSearchOptions = { maximum: 1e4, points: 3, steps: 20 };
  const abort = new AbortController();
  const searches: Record<string, (model: Sequential) => Promise<unknown>> = {
    "trials": (model) => learningRateSearch(model, digits, options),
    "range": (model) => learningRateSearch(model, digits, { ...options, method: "range" }),
    "a stream that fails": (model) =>
      assertRejects(() => learningRateSearch(model, failing(), options), RangeError, "no more"),
    "stopped by a signal": (model) =>
      assertRejects(
        () =>
          learningRateSearch(model, digits, {
            ...options,
            signal: abort.signal,
            onProgress: () => abort.abort(new Error("enough")),
          }),
        Error,
        "enough",
      ),
  };
  for (const [name, search] of Object.entries(searches)) {
    await t.step(name, async () => {
      using model = busyModel(gpu);
      assertEquals((await model.fit(digits)).stepLosses, expected[0]!.stepLosses);
      const before = await bits(model);
      await search(model); // intermediate results may take more memory the first time
      const used = gpu.memory.bytes;
      if (!abort.signal.aborted) await search(model);
      assertEquals(gpu.memory.bytes, used);
      assertEquals(await bits(model), before);
      assertEquals((await model.fit(digits)).stepLosses, expected[1]!.stepLosses);
      assertEquals(await bits(model), expectedBits);
    });
  }
});

Deno.test("learningRateSearch refuses wrong options and a model that is not compiled", async () => {
  const gpu = await openGpu();
  const { model, data } = parabola(gpu);
  using _ = model;
  const cases: [options: LearningRateSearchOptions, message: string][] = [
    [{ method: "grid" as never }, 'method: expected one of "trials", "range", got "grid"'],
    [{ minimum: 0 }, "minimum: expected a number above 0, got 0"],
    [{ minimum: 1, maximum: 1 }, "maximum: expected a number above 1, got 1"],
    [{ points: 1 }, "points: expected a whole number of at least 2, got 1"],
    [{ steps: 3 }, "steps: expected a whole number of at least 4, got 3"],
    [{ batchSize: 0 }, "batchSize: expected a whole number of at least 1, got 0"],
    [{ epochs: 1 } as never, 'learningRateSearch: unknown option "epochs"'],
  ];
  for (const [options, message] of cases) {
    await assertRejects(() => learningRateSearch(model, data, options), OptionError, message);
  }
  using bare = new Sequential([new Dense({ units: 1 })], { gpu, inputShape: [1] });
  await assertRejects(
    () => learningRateSearch(bare, data),
    OptionError,
    "Cannot search a learning rate: call compile first",
  );
});
