/**
 * The float64 reference trains the golden convolutional networks and must agree with PyTorch. This shows both
 * that the reference is right and that tests/golden_cnn.ts makes the same data as tools/golden_cnn.py.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { activation, activationBackward } from "../src/reference/activations.ts";
import {
  convolution,
  convolutionInputGradient,
  convolutionWeightGradient,
} from "../src/reference/convolution.ts";
import { denseBackward, denseForward } from "../src/reference/dense.ts";
import { softmaxCrossEntropy } from "../src/reference/losses.ts";
import { mapValues, type NdArray, ndArray, zeros } from "../src/reference/nd_array.ts";
import {
  batchNorm,
  batchNormBackward,
  type ChannelStatistics,
  channelStatistics,
  localResponseNorm,
  localResponseNormBackward,
  updateRunningStatistics,
} from "../src/reference/normalization.ts";
import { sgdStep } from "../src/reference/optimizers.ts";
import {
  averagePool,
  averagePoolBackward,
  maxPool,
  maxPoolBackward,
} from "../src/reference/pooling.ts";
import {
  goldenCnnBatch,
  goldenCnnParameters,
  type GoldenCnnRun,
  goldenCnnRuns,
  type GoldenLayer,
} from "./golden_cnn.ts";

/** The output of a layer, and the way back: from dy to dx and the gradients of the parameters. */
interface Passed {
  readonly y: NdArray;
  readonly backward: (dy: NdArray) => { dx: NdArray; gradients?: NdArray[] };
}

/** What a layer owns, besides its options. */
interface LayerState {
  readonly parameters: readonly NdArray[];
  /** Only of batch normalisation; replaced at every training step. */
  running?: ChannelStatistics;
}

/** Passes x through a layer; in training, batch normalisation updates its running statistics. */
function pass(layer: GoldenLayer, state: LayerState, x: NdArray, training: boolean): Passed {
  const [weight, bias] = state.parameters as [NdArray, NdArray | undefined];
  switch (layer.type) {
    case "convolution":
      return {
        y: convolution(x, weight, bias === undefined ? layer : { ...layer, bias }),
        backward: (dy) => {
          const weightShape = weight.shape;
          const { dw, db } = convolutionWeightGradient(x, dy, { ...layer, weightShape });
          const dx = convolutionInputGradient(dy, weight, { ...layer, inputShape: x.shape });
          return { dx, gradients: bias === undefined ? [dw] : [dw, db] };
        },
      };
    case "dense": {
      const flat = { shape: [x.shape[0]!, weight.shape[1]!], data: x.data };
      return {
        y: denseForward(flat, weight, bias!),
        backward: (dy) => {
          const { dx, dw, db } = denseBackward(flat, weight, dy);
          return { dx: { shape: x.shape, data: dx.data }, gradients: [dw, db] };
        },
      };
    }
    case "relu":
      return {
        y: activation("relu", x),
        backward: (dy) => ({ dx: activationBackward("relu", x, dy) }),
      };
    case "maxPool":
      return { y: maxPool(x, layer), backward: (dy) => ({ dx: maxPoolBackward(x, dy, layer) }) };
    case "averagePool":
      return {
        y: averagePool(x, layer),
        backward: (dy) => ({ dx: averagePoolBackward(dy, { ...layer, inputShape: x.shape }) }),
      };
    case "localResponseNorm":
      return {
        y: localResponseNorm(x, layer),
        backward: (dy) => ({ dx: localResponseNormBackward(x, dy, layer) }),
      };
    case "batchNorm": {
      const { epsilon, momentum } = layer;
      if (training) {
        const count = x.data.length / weight.data.length;
        const statistics = channelStatistics(x);
        state.running = updateRunningStatistics(state.running!, statistics, count, momentum);
      }
      const options = training ? { epsilon } : { epsilon, statistics: state.running! };
      return {
        y: batchNorm(x, weight, bias!, options),
        backward: (dy) => {
          const { dx, dGamma, dBeta } = batchNormBackward(x, weight, dy, options);
          return { dx, gradients: [dGamma, dBeta] };
        },
      };
    }
  }
}

/** Forward and backward of a network: the loss, and the gradients in the order of the parameters. */
function lossAndGradients(run: GoldenCnnRun, states: LayerState[], step: number, training = true) {
  const batch = goldenCnnBatch(run, step);
  let x = ndArray([run.batchSize, ...run.inputShape], batch.x);
  const backwards = run.layers.map((layer, i) => {
    const { y, backward } = pass(layer, states[i]!, x, training);
    x = y;
    return backward;
  });
  const { loss, gradient } = softmaxCrossEntropy(x, batch.y);
  const gradients: NdArray[] = [];
  let dy = gradient;
  for (const backward of backwards.toReversed()) {
    const { dx, gradients: own = [] } = backward(dy);
    gradients.unshift(...own);
    dy = dx;
  }
  return { loss, gradients };
}

/** The state of every layer, with the parameters that follow one another in the list. */
function distribute(
  run: GoldenCnnRun,
  names: readonly string[],
  parameters: readonly NdArray[],
  before: readonly LayerState[] = [],
): LayerState[] {
  return run.layers.map((_, index) => {
    const own = parameters.filter((_, i) => names[i]!.startsWith(`${index}.`));
    const c = own.length === 0 ? [] : own[0]!.shape.slice(0, 1);
    const initial = { mean: zeros(c), variance: mapValues(zeros(c), () => 1) };
    return { parameters: own, running: before[index]?.running ?? initial };
  });
}

function norm(x: NdArray): number {
  return Math.sqrt(x.data.reduce((sum, value) => sum + value * value, 0));
}

function assertNear(actual: number, expected: number, what: string, scale = Math.abs(expected)) {
  const difference = Math.abs(actual - expected);
  const message = `${what}: expected ${expected}, got ${actual}, off by ${difference / scale}`;
  assert(difference <= 1e-10 * scale, message);
}

for (const run of goldenCnnRuns) {
  Deno.test(`reference agrees with PyTorch: ${run.name}`, () => {
    const initial = goldenCnnParameters(run);
    const names = initial.map(({ name }) => name);
    let parameters = initial.map(({ shape, values }) => ndArray(shape, values));
    let velocity = parameters.map(({ shape }) => zeros(shape));
    let states = distribute(run, names, parameters);
    assertEquals(run.losses.length, 10);

    run.losses.forEach((expected, step) => {
      const { loss, gradients } = lossAndGradients(run, states, step);
      assertNear(loss, expected, `loss of step ${step}`);
      if (step === 0) {
        assertEquals(run.gradients.map(({ name }) => name), names);
        run.gradients.forEach((golden, i) => {
          const { data } = gradients[i]!;
          assertEquals(golden.values.length, Math.ceil(data.length / golden.stride));
          assertNear(norm(gradients[i]!), golden.norm, `norm of the gradient of ${golden.name}`);
          // An element may be tiny next to the terms that cancelled in it: compare to the largest.
          const largest = Math.max(...golden.values.map(Math.abs));
          golden.values.forEach((value, j) => {
            const what = `gradient of ${golden.name}, element ${j * golden.stride}`;
            assertNear(data[j * golden.stride]!, value, what, largest);
          });
        });
      }
      ({ parameters, velocity } = sgdStep(parameters, gradients, velocity, run.optimizer));
      states = distribute(run, names, parameters, states);
    });

    names.forEach((name, i) => {
      assertNear(norm(parameters[i]!), run.finalNorms[name]!, `final norm of ${name}`);
    });
    for (const [name, expected] of Object.entries(run.running)) {
      const { mean, variance } = states[Number.parseInt(name)]!.running!;
      const actual = name.endsWith("mean") ? mean : variance;
      expected.forEach((value, c) => assertNear(actual.data[c]!, value, `${name}[${c}]`));
    }
    const { loss } = lossAndGradients(run, states, 0, false);
    assertNear(loss, run.evaluation, "loss in inference");
  });
}
