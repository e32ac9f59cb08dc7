/**
 * Cases of elementwise arithmetic and of the activation functions.
 *
 * @module
 */

import { OptionError, ShapeError } from "../src/errors.ts";
import {
  ACTIVATION_NAMES,
  type ActivationName,
  gradientNeedsInput,
} from "../src/ops/activation_source.ts";
import { activation, activationGradient } from "../src/ops/activations.ts";
import { add, multiply, scale, subtract } from "../src/ops/elementwise.ts";
import type { Random } from "../src/random.ts";
import * as activations from "../src/reference/activations.ts";
import * as elementwise from "../src/reference/elementwise.ts";
import { mapValues, type NdArray, ndArray } from "../src/reference/nd_array.ts";
import {
  anyShape,
  blank,
  type Case,
  type Expected,
  float,
  floats,
  makeCase,
  pick,
  reference,
  type Refusal,
  type Row,
} from "./case.ts";
import { roundedActivation, roundedActivationGradient } from "./rounded_activations.ts";
import { exact, type Rounded, TINY, UNIT } from "./rounding.ts";

/** Elements of a workgroup that takes them one by one; a quarter of those that it takes as vec4. */
const TILE = 64;

const BINARY = {
  add: [add, elementwise.add],
  subtract: [subtract, elementwise.subtract],
  multiply: [multiply, elementwise.multiply],
} as const;

/** One rounding of every element. */
function rounded(array: NdArray): Expected {
  const bounds = array.data.map((value) => UNIT * Math.abs(value) + TINY);
  return { shape: array.shape, values: array.data, bounds };
}

function drawBinary(name: keyof typeof BINARY, random: Random): Case {
  const [compute, oracle] = BINARY[name];
  const shape = anyShape(random, random.integer(2) === 0 ? TILE : 4 * TILE);
  const first = random.integer(2) === 0 ? 0 : random.integer(shape.length + 1);
  const a = floats(random, shape, 10);
  const b = floats(random, shape.slice(first), 10);
  return makeCase(
    "",
    { a, b },
    (recorder, tensors) => ({ y: compute(recorder, tensors.a, tensors.b) }),
    (inputs) => ({ y: rounded(oracle(reference(inputs.a), reference(inputs.b))) }),
  );
}

function binaryRefusals(name: keyof typeof BINARY): Refusal[] {
  const [compute] = BINARY[name];
  return [[[2, 3], [2]], [[3], [3, 1]], [[2, 0], [2]], [[4], [2, 2]]].map(([a, b]) => ({
    what: `b of shape [${b}]`,
    error: ShapeError,
    message: new RegExp(`^${name}: expected b of shape \\[${a!.join(", ")}\\] .*got \\[`),
    call: (gpu) => compute(gpu, blank(gpu, ...a!), blank(gpu, ...b!)),
  }));
}

const arithmetic: Row[] = (Object.keys(BINARY) as (keyof typeof BINARY)[]).map((name) => ({
  name,
  kernels: ["elementwise.wgsl"],
  draws: 36,
  draw: (random) => drawBinary(name, random),
  refusals: binaryRefusals(name),
}));

const scaling: Row = {
  name: "scale",
  kernels: ["elementwise.wgsl"],
  draws: 24,
  draw: (random) => {
    const factor = float(random, -3, 3);
    return makeCase(
      `factor ${factor}`,
      { x: floats(random, anyShape(random, TILE)) },
      (recorder, { x }) => ({ y: scale(recorder, x, factor) }),
      ({ x }) => ({ y: rounded(elementwise.scale(reference(x), factor)) }),
    );
  },
  refusals: [{
    what: "a factor that is no number",
    error: OptionError,
    message: /scale: factor.* got NaN/,
    call: (gpu) => scale(gpu, blank(gpu, 2), NaN),
  }],
};

/** Bounds in units of the last place, as `activation.wgsl` states them; gelu has none of this kind. */
const STATED: Partial<Record<ActivationName, (x: number) => number>> = {
  linear: () => 0,
  relu: () => 0,
  step: () => 0,
  leakyRelu: () => 1,
  sigmoid: (x) => 6 + 2 * Math.abs(x),
  tanh: () => 8,
  softplus: (x) => 8 + 2 * Math.abs(x),
};

/** The distance of neighbouring float32 numbers at y. */
function lastPlace(y: number): number {
  return 2 ** Math.max(Math.floor(Math.log2(Math.abs(y))) - 23, -149);
}

function activationBound(name: ActivationName, x: number, y: number): number {
  const stated = STATED[name]?.(x);
  if (stated === undefined) return roundedActivation(name, exact(x)).error;
  return stated === 0 || y === 0 && stated === 1 ? 0 : stated * lastPlace(y) + TINY;
}

function drawActivation(name: ActivationName, random: Random): Case {
  const shape = anyShape(random, random.integer(2) === 0 ? TILE : 4 * TILE);
  const x = floats(random, shape, pick(random, [0.1, 1, 10, 60]));
  return makeCase(
    "",
    { x },
    (recorder, tensors) => ({ y: activation(recorder, name, tensors.x) }),
    (inputs) => {
      const y = activations.activation(name, reference(inputs.x));
      const bounds = y.data.map((value, i) => activationBound(name, inputs.x.values[i]!, value));
      return { y: { shape, values: y.data, bounds } };
    },
  );
}

/** What the gradient kernel is given for f(x): rounded to float32, by an error that is known. */
export function roundedSaved(name: ActivationName, x: number, kept: number): Rounded {
  if (gradientNeedsInput(name)) return exact(kept);
  const [y] = activations.activation(name, ndArray([1], [x])).data as unknown as [number];
  return { value: y, error: Math.abs(kept - y) + 2 ** -50 };
}

function drawGradient(name: ActivationName, random: Random): Case {
  const shape = anyShape(random, random.integer(2) === 0 ? TILE : 4 * TILE);
  const x = floats(random, shape, pick(random, [0.1, 1, 10, 60]));
  const y = activations.activation(name, reference(x));
  const kept = gradientNeedsInput(name) ? x : { shape, values: Float32Array.from(y.data) };
  return makeCase(
    "",
    { saved: kept, dy: floats(random, shape, 3) },
    (recorder, tensors) => ({ dx: activationGradient(recorder, name, tensors.saved, tensors.dy) }),
    (inputs) => {
      // A NaN in what was kept stands for a NaN in x.
      const source = mapValues(
        reference(x),
        (value, i) => Number.isNaN(inputs.saved.values[i]) ? NaN : value,
      );
      const dy = reference(inputs.dy);
      const dx = activations.activationBackward(name, source, dy);
      const bounds = dx.data.map((_, i) =>
        roundedActivationGradient(
          name,
          roundedSaved(name, x.values[i]!, kept.values[i]!),
          exact(dy.data[i]!),
        ).error
      );
      return { dx: { shape, values: dx.data, bounds } };
    },
  );
}

const forward: Row[] = ACTIVATION_NAMES.map((name) => ({
  name,
  kernels: ["activate.wgsl"],
  draws: 16,
  draw: (random) => drawActivation(name, random),
  refusals: name === "linear"
    ? [{
      what: "an unknown name",
      error: OptionError,
      message: /activation: expected one of "linear", .*, got "swish"/,
      call: (gpu) => activation(gpu, "swish" as ActivationName, blank(gpu, 2)),
    }]
    : [],
}));

const backward: Row[] = ACTIVATION_NAMES.map((name) => ({
  name: `${name} gradient`,
  kernels: ["activate.wgsl"],
  draws: 16,
  draw: (random) => drawGradient(name, random),
  refusals: [
    {
      what: "dy of another shape",
      error: ShapeError,
      message: new RegExp(`${name}\\): dy: expected shape \\[2, 3\\], got \\[3, 2\\]`),
      call: (gpu) => activationGradient(gpu, name, blank(gpu, 2, 3), blank(gpu, 3, 2)),
    },
  ],
}));

/** The rows of this file. */
export const ELEMENTWISE_ROWS: readonly Row[] = [...arithmetic, scaling, ...forward, ...backward];
