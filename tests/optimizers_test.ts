/**
 * The optimisers: their options, the numbers of their steps, and that they share no state.
 *
 * @module
 */

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  Adagrad,
  Adam,
  AdamW,
  Dense,
  generateDigits,
  Nadam,
  OptionError,
  RmsProp,
  Sequential,
} from "../mod.ts";
import { openGpu } from "./gpu.ts";

Deno.test("optimisers have PyTorch's defaults", () => {
  const { learningRate, beta1, beta2, epsilon, weightDecay, clipNorm } = new Adam();
  assertEquals([learningRate, beta1, beta2, epsilon, weightDecay], [1e-3, 0.9, 0.999, 1e-8, 0]);
  assertEquals(clipNorm, undefined);
  assertEquals([new AdamW().learningRate, new AdamW().weightDecay], [1e-3, 1e-2]);
  assertEquals([new Nadam().learningRate, new Nadam().momentumDecay], [2e-3, 4e-3]);
  const rmsProp = new RmsProp();
  assertEquals([rmsProp.learningRate, rmsProp.alpha, rmsProp.epsilon], [0.01, 0.99, 1e-8]);
  assertEquals([rmsProp.momentum, rmsProp.centered], [0, false]);
  const adagrad = new Adagrad();
  assertEquals([adagrad.learningRate, adagrad.epsilon], [0.01, 1e-10]);
  assertEquals(adagrad.initialAccumulator, 0);
});

Deno.test("optimisers remember what their options need", () => {
  assertEquals(new Adam().stateNames.length, 2);
  assertEquals(new Adagrad().stateNames.length, 1);
  assertEquals(new RmsProp().stateNames, ["mean square"]);
  assertEquals(
    new RmsProp({ momentum: 0.9, centered: true }).stateNames,
    ["mean square", "mean gradient", "velocity"],
  );
});

Deno.test("optimisers refuse options that are unknown or out of range", async (t) => {
  const cases: [make: () => unknown, message: string][] = [
    [() => new Adam({ betas: [0.9, 0.999] } as never), 'Adam: unknown option "betas"'],
    [() => new Adam({ momentumDecay: 1 } as never), 'Adam: unknown option "momentumDecay"'],
    [() => new Adam({ learningRate: -1 }), "Adam: learningRate: expected a number of at least 0"],
    [() => new AdamW({ beta1: 1 }), "AdamW: beta1: expected a number of at least 0 and at most"],
    [() => new Adam({ beta2: -0.1 }), "Adam: beta2: expected a number of at least 0"],
    [() => new Adam({ epsilon: 0 }), "Adam: epsilon: expected a number of at least 1.17"],
    [() => new Adam({ weightDecay: NaN }), "Adam: weightDecay: expected a number of at least 0"],
    [() => new Nadam({ momentumDecay: -1 }), "Nadam: momentumDecay: expected a number of at least"],
    [() => new Nadam({ clipNorm: 0 }), "Nadam: clipNorm: expected a number above 0, got 0"],
    [() => new RmsProp({ alpha: 1 }), "RmsProp: alpha: expected a number of at least 0"],
    [() => new RmsProp({ momentum: 1 }), "RmsProp: momentum: expected a number of at least 0"],
    [() => new RmsProp({ beta1: 0.9 } as never), 'RmsProp: unknown option "beta1"'],
    [() => new Adagrad({ initialAccumulator: -1 }), "Adagrad: initialAccumulator: expected"],
    [() => new Adagrad({ momentum: 0.9 } as never), 'Adagrad: unknown option "momentum"'],
  ];
  for (const [make, message] of cases) {
    await t.step(message, () => {
      assertThrows(make, OptionError, message);
    });
  }
});

Deno.test("the corrections of a step are those of sums of weights", () => {
  // The weights of the gradients in m after t steps add up to 1 − β₁ᵗ.
  const adam = new Adam({ beta1: 0.5, beta2: 0.75, weightDecay: 0.25 });
  assertEquals(adam.stepNumbers(0.3, 0), { rate: 0.6, rootScale: 2, decay: 0.25 });
  assertAlmostEquals(adam.stepNumbers(0.3, 2).rate, 0.3 / (0.5 + 0.25 + 0.125), 1e-15);
  const late = adam.stepNumbers(0.3, 1e6);
  assertEquals(late, { rate: 0.3, rootScale: 1, decay: 0.25 });
  const adamW = new AdamW({ weightDecay: 0.25 });
  assertEquals(adamW.stepNumbers(0.5, 0).decay, 0.125);
});

Deno.test("the numbers of Nadam depend on the step alone, in whatever order they are asked for", () => {
  const steps = [0, 1, 2, 10, 400, 1000, 100_000];
  const forwards = new Nadam();
  const backwards = new Nadam();
  const expected = steps.map((step) => forwards.stepNumbers(0.1, step));
  const actual = [...steps].reverse().map((step) => backwards.stepNumbers(0.1, step));
  assertEquals(actual.reverse(), expected);
  assertEquals(expected, steps.map((step) => new Nadam().stepNumbers(0.1, step)));
  // In the end the product is nothing and μ is β₁, but for 0.96^400 / 2 = 4e-8 of it.
  const { rate, ahead } = expected.at(-1)!;
  assertAlmostEquals(rate, 0.09, 1e-8);
  assertAlmostEquals(ahead, 0.01, 1e-8);
});

Deno.test("one optimiser serves two models in turn, and compiling starts its steps anew", async () => {
  const gpu = await openGpu();
  const digits = generateDigits({ count: 64, seed: 3 });
  const build = () => new Sequential([new Dense({ units: 10 })], { gpu, inputShape: [1, 28, 28] });
  const optimizer = new Nadam({ learningRate: 0.01 });
  const compile = (model: Sequential) => model.compile({ loss: "softmaxCrossEntropy", optimizer });
  const losses = async (model: Sequential) => (await model.fit(digits)).stepLosses;
  using alone = build();
  compile(alone);
  const expected = [...await losses(alone), ...await losses(alone)];
  using first = build();
  using second = build();
  compile(first);
  compile(second);
  const initial = await Promise.all(first.parameters.map(({ value }) => value.read()));
  const begun = await losses(first);
  assertEquals(await losses(second), begun);
  assertEquals([...begun, ...await losses(first)], expected);
  first.parameters.forEach(({ value }, i) => value.write(initial[i]!));
  compile(first);
  assertEquals(await losses(first), begun);
});
