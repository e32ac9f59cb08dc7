/**
 * The float64 reference trains the golden runs and must agree with PyTorch. This shows both that the
 * reference is right and that tests/golden.ts makes the same data as tools/golden_mlp.py.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { activation, activationBackward } from "../src/reference/activations.ts";
import { denseBackward, denseForward } from "../src/reference/dense.ts";
import {
  type LossResult,
  meanSquaredError,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
} from "../src/reference/losses.ts";
import { type NdArray, ndArray, zeros } from "../src/reference/nd_array.ts";
import {
  adagradStep,
  adamStep,
  clipByNorm,
  rmsPropStep,
  sgdStep,
} from "../src/reference/optimizers.ts";
import {
  goldenBatch,
  type GoldenNetwork,
  type GoldenOptimizerRun,
  goldenOptimizerRuns,
  goldenParameters,
  goldenRuns,
} from "./golden.ts";

/** Forward and backward of a run's network: the loss, and the gradients in the order of the parameters. */
function lossAndGradients(run: GoldenNetwork, parameters: readonly NdArray[], step: number) {
  const layers = parameters.length / 2;
  const batch = goldenBatch(run, step);
  const inputs: NdArray[] = [];
  const sums: NdArray[] = [];
  let x = ndArray([run.batchSize, run.sizes[0]!], batch.x);
  for (let layer = 0; layer < layers; layer++) {
    inputs.push(x);
    sums.push(denseForward(x, parameters[2 * layer]!, parameters[2 * layer + 1]!));
    x = layer < layers - 1 ? activation(run.activation, sums[layer]!) : sums[layer]!;
  }

  const { loss, gradient } = lossOf(run, x, batch.y);
  const gradients: NdArray[] = [];
  let dy = gradient;
  for (let layer = layers - 1; layer >= 0; layer--) {
    if (layer < layers - 1) dy = activationBackward(run.activation, sums[layer]!, dy);
    const { dx, dw, db } = denseBackward(inputs[layer]!, parameters[2 * layer]!, dy);
    gradients.unshift(dw, db);
    dy = dx;
  }
  return { loss, gradients };
}

function lossOf(run: GoldenNetwork, outputs: NdArray, y: Uint32Array | Float32Array): LossResult {
  if (run.loss === "softmaxCrossEntropy") return softmaxCrossEntropy(outputs, y);
  const loss = run.loss === "sigmoidCrossEntropy" ? sigmoidCrossEntropy : meanSquaredError;
  return loss(outputs, ndArray(outputs.shape, y));
}

function norm(x: NdArray): number {
  return Math.sqrt(x.data.reduce((sum, value) => sum + value * value, 0));
}

/** The difference must be at most `tolerance` times `scale`. */
function assertNear(
  actual: number,
  expected: number,
  tolerance: number,
  what: string,
  scale = Math.abs(expected),
) {
  const difference = Math.abs(actual - expected);
  assert(
    difference <= tolerance * scale,
    `${what}: expected ${expected}, got ${actual} (off by ${difference / scale}, relative)`,
  );
}

for (const run of goldenRuns) {
  Deno.test(`reference agrees with PyTorch: ${run.name}`, () => {
    const initial = goldenParameters(run);
    let parameters = initial.map(({ shape, values }) => ndArray(shape, values));
    let velocity = parameters.map(({ shape }) => zeros(shape));
    assertEquals(run.losses.length, 10);

    run.losses.forEach((expected, step) => {
      const { loss, gradients } = lossAndGradients(run, parameters, step);
      assertNear(loss, expected, 1e-10, `loss of step ${step}`);
      if (step === 0) {
        assertEquals(run.gradients.map(({ name }) => name), initial.map(({ name }) => name));
        run.gradients.forEach((golden, i) => {
          const actual = gradients[i]!;
          assertEquals(golden.values.length, Math.ceil(actual.data.length / golden.stride));
          // An element may be tiny next to the terms that cancelled in it: compare to the largest.
          const largest = Math.max(...golden.values.map(Math.abs));
          golden.values.forEach((value, j) => {
            const what = `gradient of ${golden.name}, element ${j * golden.stride}`;
            assertNear(actual.data[j * golden.stride]!, value, 1e-9, what, largest);
          });
          assertNear(norm(actual), golden.norm, 1e-9, `norm of the gradient of ${golden.name}`);
        });
      }
      let updates = gradients;
      if (run.clipNorm !== undefined) {
        const clipped = clipByNorm(gradients, run.clipNorm);
        assertNear(clipped.norm, run.gradientNorms![step]!, 1e-10, `gradient norm of step ${step}`);
        updates = clipped.gradients;
      }
      ({ parameters, velocity } = sgdStep(parameters, updates, velocity, run.optimizer));
    });

    initial.forEach(({ name }, i) => {
      assertNear(norm(parameters[i]!), run.finalNorms[name]!, 1e-10, `final norm of ${name}`);
    });
  });
}

/** A parameter with whatever any optimiser remembers for it. */
type State = { readonly [Name in "p" | "m" | "v" | "a" | "b" | "s"]: NdArray };

/** The reference's step of a run's optimiser; options that the run leaves out have PyTorch's defaults. */
function optimizerStep(run: GoldenOptimizerRun, state: State, g: NdArray, step: number): State {
  const options = { epsilon: 1e-8, weightDecay: 0, ...run.options };
  if (run.optimizer === "adagrad") {
    const defaults = { initialAccumulator: 0, ...options, epsilon: 1e-10 };
    return { ...state, ...adagradStep(state, g, defaults) };
  }
  if (run.optimizer === "rmsprop") {
    const defaults = { alpha: 0.99, momentum: 0, centered: false, ...options };
    return { ...state, ...rmsPropStep(state, g, defaults) };
  }
  const defaults = { beta1: 0.9, beta2: 0.999, momentumDecay: 0.004, ...options };
  return { ...state, ...adamStep(run.optimizer, state, g, { ...defaults, step: step + 1 }) };
}

for (const run of goldenOptimizerRuns) {
  Deno.test(`reference agrees with PyTorch, optimisers: ${run.name}`, () => {
    const initial = goldenParameters(run);
    let states = initial.map(({ shape, values }): State => {
      const [m, v, a, b, s] = Array.from({ length: 5 }, () => zeros(shape));
      return { p: ndArray(shape, values), m: m!, v: v!, a: a!, b: b!, s: s! };
    });
    assertEquals(run.losses.length, 10);
    run.losses.forEach((expected, step) => {
      const { loss, gradients } = lossAndGradients(run, states.map(({ p }) => p), step);
      assertNear(loss, expected, 1e-10, `loss of step ${step}`);
      states = states.map((state, i) => optimizerStep(run, state, gradients[i]!, step));
    });
    initial.forEach(({ name }, i) => {
      assertNear(norm(states[i]!.p), run.finalNorms[name]!, 1e-10, `final norm of ${name}`);
    });
  });
}
