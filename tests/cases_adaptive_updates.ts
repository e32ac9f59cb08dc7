/**
 * Cases of the optimisers that give every parameter a step length of its own. They go through the classes, so that the corrections
 * that these compute for a step are compared too.
 *
 * @module
 */

import { ShapeError } from "../src/errors.ts";
import { type Recorder, Scalar } from "../src/gpu/recorder.ts";
import type { Tensor } from "../src/gpu/tensor.ts";
import { adagradUpdate, rmsPropUpdate } from "../src/ops/adaptive_updates.ts";
import { Adagrad } from "../src/optimizers/adagrad.ts";
import { Adam, AdamW, Nadam } from "../src/optimizers/adam.ts";
import type { Optimizer } from "../src/optimizers/optimizer.ts";
import { RmsProp } from "../src/optimizers/rms_prop.ts";
import type { Random } from "../src/random.ts";
import { scale } from "../src/reference/elementwise.ts";
import { type NdArray, zeros } from "../src/reference/nd_array.ts";
import { adagradStep, adamStep, rmsPropStep } from "../src/reference/optimizers.ts";
import {
  blank,
  type Case,
  dimension,
  type Expected,
  float,
  floats,
  type Input,
  makeCase,
  pick,
  reference,
  type Refusal,
  type Row,
  within,
} from "./case.ts";
import { withSkips } from "./cases_updates.ts";
import {
  add,
  clamp,
  divide,
  exact,
  literal,
  multiply,
  type Rounded,
  sqrt,
  subtract,
} from "./rounding.ts";

type Inputs = Readonly<Record<string, Input<Float32Array>>>;
/** The elements at one place of the inputs, and the gradient with the clip factor. */
type Elements = Readonly<Record<string, Rounded>>;

const square = (a: Rounded) => multiply(a, a);

/** Records the update of an optimiser for one step. The state comes in the order of its names. */
function update(
  optimizer: Optimizer,
  step: number,
  recorder: Recorder,
  { p, dp, clip, ...state }: Readonly<Record<string, Tensor>>,
): Readonly<Record<string, Tensor>> {
  const numbers = optimizer.stepNumbers(optimizer.learningRate as number, step);
  const scalars = Object.entries(numbers).map(([name, value]) => [name, new Scalar(value)]);
  optimizer.update(
    recorder,
    { parameters: p!, gradients: dp!, state: Object.values(state), clip },
    Object.fromEntries(scalars),
  );
  return { p: p!, ...state };
}

/** Parameters and gradients, a clip factor in half of the cases, and the state. */
function drawInputs(random: Random, state: (shape: number[]) => Inputs): Inputs {
  const shape = [4 * dimension(random, 64)];
  return {
    p: floats(random, shape),
    dp: floats(random, shape, pick(random, [1, 1e-4])),
    ...state(shape),
    ...(random.integer(2) === 0 ? { clip: floats(random, [2]) } : {}),
  };
}

/** Numbers of at least 0. */
function squares(random: Random, shape: number[]): Input<Float32Array> {
  const { values } = floats(random, shape);
  return { shape, values: values.map((value) => value * value) };
}

/** The gradient with the clip factor. */
function clipped({ dp, clip }: Inputs): NdArray {
  return scale(reference(dp!), clip?.values[0] ?? 1);
}

/** Bounds for every element from the kernel's formula for one of them. */
function bound<Name extends string>(
  inputs: Inputs,
  expected: { readonly [N in Name]: NdArray },
  formula: (elements: Elements) => Readonly<Record<Name, Rounded>>,
): Record<string, Expected> {
  const { clip, ...others } = inputs;
  const results = Array.from(inputs.p!.values, (_, i) => {
    const elements = Object.entries(others).map(([name, { values }]) => [name, exact(values[i]!)]);
    const { dp, ...rest } = Object.fromEntries(elements) as Elements;
    const g = clip === undefined ? dp! : multiply(exact(clip.values[0]!), dp!);
    return formula({ ...rest, g });
  });
  const names = Object.keys(expected) as Name[];
  return Object.fromEntries(
    names.map((name) => [name, within(expected[name], results.map((each) => each[name]))]),
  );
}

const WEIGHT_DECAYS = [0, 0, 0.01, 0.3];
const show = (options: unknown) => JSON.stringify(options).replaceAll('"', "");

/** mean ← kept · mean + (1 − kept) · value. */
function average(kept: number, mean: Rounded, value: Rounded, weight = literal(1 - kept)): Rounded {
  return add(multiply(literal(kept), mean), multiply(weight, value));
}

const ADAMS = { adam: Adam, adamw: AdamW, nadam: Nadam };

function adamRow(name: string, kind: keyof typeof ADAMS): Row {
  return {
    name,
    kernels: ["adam.wgsl"],
    draws: 100,
    draw: (random) => {
      const options = {
        learningRate: float(random, 0, 1),
        beta1: pick(random, [0, 0.5, 0.9, 0.99]),
        beta2: pick(random, [0, 0.9, 0.999, 0.9999]),
        epsilon: pick(random, [1e-8, 1e-3]),
        weightDecay: pick(random, WEIGHT_DECAYS),
        ...(kind === "nadam" ? { momentumDecay: pick(random, [0, 0.004, 0.1]) } : {}),
      };
      const step = pick(random, [0, 0, 1, 2, 9, 100, 5000]);
      const optimizer: Optimizer = new ADAMS[kind](options);
      const inputs = drawInputs(
        random,
        (shape) => ({ m: floats(random, shape), v: squares(random, shape) }),
      );
      return makeCase(
        `step ${step} ${show(options)}`,
        inputs,
        (recorder, tensors) => update(optimizer, step, recorder, tensors),
        (given) => expectAdam(kind, given, optimizer, { ...options, step: step + 1 }),
      );
    },
  };
}

function expectAdam(
  kind: keyof typeof ADAMS,
  inputs: Inputs,
  optimizer: Optimizer,
  options: Parameters<typeof adamStep>[3],
): Record<string, Expected> {
  const { beta1, beta2, epsilon, learningRate, step } = options;
  const state = {
    p: reference(inputs.p!),
    m: reference(inputs.m!),
    v: reference(inputs.v!),
  };
  const expected = adamStep(kind, state, clipped(inputs), options);
  const numbers = optimizer.stepNumbers(learningRate, step - 1);
  const [rate, rootScale, decay] = ["rate", "rootScale", "decay"]
    .map((name) => literal(numbers[name]!)) as [Rounded, Rounded, Rounded];
  return bound(inputs, expected, ({ p, m, v, g }) => {
    const pull = multiply(decay, p!);
    const slope = kind === "adamw" ? g! : add(g!, pull);
    const first = average(beta1, m!, slope);
    // (1 − β₂) g g has one more rounding than (1 − β₂) g².
    const second = add(
      multiply(literal(beta2), v!),
      multiply(multiply(literal(1 - beta2), slope), slope),
    );
    let change = multiply(rate, first);
    if (kind === "nadam") change = add(change, multiply(literal(numbers["ahead"]!), slope));
    change = divide(change, add(multiply(rootScale, sqrt(second)), literal(epsilon)));
    if (kind === "adamw") change = add(change, pull);
    return { p: subtract(p!, change), m: first, v: second };
  });
}

/** Options, and a mean gradient whose square the mean of the squares exceeds, as it does in a run. */
function drawRmsProp(random: Random): Case {
  const options = {
    learningRate: float(random, 0, 1),
    alpha: pick(random, [0.5, 0.9, 0.99, 0.999]),
    epsilon: pick(random, [1e-8, 1e-3]),
    weightDecay: pick(random, WEIGHT_DECAYS),
    momentum: pick(random, [0, 0.5, 0.9]),
    centered: random.integer(2) === 0,
  };
  const { centered, momentum } = options;
  const inputs = drawInputs(random, (shape) => {
    const a = floats(random, shape);
    const v = squares(random, shape).values;
    const above = v.map((value, i) => centered ? a.values[i]! ** 2 + value + 0.01 : value);
    return {
      v: { shape, values: above },
      ...(centered ? { a } : {}),
      ...(momentum > 0 ? { b: floats(random, shape) } : {}),
    };
  });
  return makeCase(
    show(options),
    inputs,
    (recorder, tensors) => update(new RmsProp(options), 0, recorder, tensors),
    (given) => expectRmsProp(given, options),
  );
}

function expectRmsProp(
  inputs: Inputs,
  options: Parameters<typeof rmsPropStep>[2],
): Record<string, Expected> {
  const { learningRate, alpha, epsilon, weightDecay, momentum, centered } = options;
  const none = zeros(inputs.p!.shape);
  const state = {
    p: reference(inputs.p!),
    v: reference(inputs.v!),
    a: inputs.a === undefined ? none : reference(inputs.a),
    b: inputs.b === undefined ? none : reference(inputs.b),
  };
  const { p, v, a, b } = rmsPropStep(state, clipped(inputs), options);
  const expected = { p, v, ...(centered ? { a } : {}), ...(momentum > 0 ? { b } : {}) };
  return bound(inputs, expected as Record<string, NdArray>, ({ p, v, a, b, g }) => {
    const slope = add(g!, multiply(literal(weightDecay), p!));
    const weight = literal(1 - alpha);
    const mean = add(multiply(literal(alpha), v!), multiply(multiply(weight, slope), slope));
    const middle = centered ? average(alpha, a!, slope) : exact(0);
    const spread = centered ? clamp(subtract(mean, square(middle))) : mean;
    let step = divide(slope, add(sqrt(spread), literal(epsilon)));
    if (momentum > 0) step = add(step, multiply(literal(momentum), b!));
    return {
      p: subtract(p!, multiply(literal(learningRate), step)),
      v: mean,
      a: middle,
      b: step,
    };
  });
}

function drawAdagrad(random: Random): Case {
  const options = {
    learningRate: float(random, 0, 1),
    epsilon: pick(random, [1e-10, 1e-3]),
    weightDecay: pick(random, WEIGHT_DECAYS),
    initialAccumulator: pick(random, [0, 0.1, 2]),
  };
  return makeCase(
    show(options),
    drawInputs(random, (shape) => ({ s: squares(random, shape) })),
    (recorder, tensors) => update(new Adagrad(options), 0, recorder, tensors),
    (inputs) => {
      const { learningRate, epsilon, weightDecay, initialAccumulator } = options;
      const state = { p: reference(inputs.p!), s: reference(inputs.s!) };
      const expected = adagradStep(state, clipped(inputs), options);
      return bound(inputs, expected, ({ p, s, g }) => {
        const slope = add(g!, multiply(literal(weightDecay), p!));
        const sum = add(s!, square(slope));
        const root = sqrt(add(sum, literal(initialAccumulator)));
        const change = divide(
          multiply(literal(learningRate), slope),
          add(root, literal(epsilon)),
        );
        return { p: subtract(p!, change), s: sum };
      });
    },
  );
}

/** What the updates refuse. */
const REFUSALS: readonly Refusal[] = [
  {
    what: "a number of parameters that is no multiple of 4",
    error: ShapeError,
    message: /^adagradUpdate: expected a multiple of 4 parameters, got \[6\]/,
    call: (gpu) =>
      adagradUpdate(gpu, blank(gpu, 6), blank(gpu, 6), {
        ...{ rate: 1, initialAccumulator: 0, epsilon: 1, weightDecay: 0 },
        sum: blank(gpu, 6),
      }),
  },
  {
    what: "a state of another shape",
    error: ShapeError,
    message: /^rmsPropUpdate: square: expected shape \[4\], got \[8\]/,
    call: (gpu) =>
      rmsPropUpdate(gpu, blank(gpu, 4), blank(gpu, 4), {
        ...{ rate: 1, alpha: 0.9, epsilon: 1, weightDecay: 0 },
        square: blank(gpu, 8),
      }),
  },
];

/** The rows of this file. */
export const ADAPTIVE_UPDATE_ROWS: readonly Row[] = withSkips([
  adamRow("Adam", "adam"),
  adamRow("AdamW", "adamw"),
  adamRow("Nadam", "nadam"),
  { name: "RmsProp", kernels: ["rms_prop.wgsl"], draws: 120, draw: drawRmsProp },
  {
    name: "Adagrad",
    kernels: ["adagrad.wgsl"],
    draws: 100,
    draw: drawAdagrad,
    refusals: REFUSALS,
  },
]);
