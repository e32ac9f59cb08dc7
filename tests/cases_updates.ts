/**
 * Cases of the updates of parameters.
 *
 * @module
 */

import { ShapeError } from "../src/errors.ts";
import { clipScale, sgdUpdate, updateLossScale } from "../src/ops/updates.ts";
import type { Random } from "../src/random.ts";
import { scale } from "../src/reference/elementwise.ts";
import { clipByNorm, lossScaleStep, sgdStep } from "../src/reference/optimizers.ts";
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
  type Row,
  within,
} from "./case.ts";
import { add, divide, either, exact, multiply, type Rounded, sqrt, subtract } from "./rounding.ts";

interface Sgd {
  readonly rate: number;
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
}

/** The kernel's formula for one parameter. */
function roundedSgd(
  { rate, momentum, nesterov, weightDecay }: Sgd,
  [p, dp, clip, v]: readonly [number, number, number | undefined, number | undefined],
): { p: Rounded; v: Rounded } {
  const clipped = clip === undefined ? exact(dp) : multiply(exact(clip), exact(dp));
  const g = add(clipped, multiply(exact(weightDecay), exact(p)));
  if (v === undefined) {
    return { p: subtract(exact(p), multiply(exact(rate), g)), v: exact(0) };
  }
  const velocity = add(multiply(exact(momentum), exact(v)), g);
  const step = nesterov ? add(g, multiply(exact(momentum), velocity)) : velocity;
  return { p: subtract(exact(p), multiply(exact(rate), step)), v: velocity };
}

interface SgdInputs extends Record<string, Input<Float32Array>> {
  p: Input<Float32Array>;
  dp: Input<Float32Array>;
}

function expectSgd(inputs: SgdInputs, options: Sgd): Record<string, Expected> {
  const { p, dp, v, clip } = inputs;
  const factor = clip?.values[0];
  const gradient = scale(reference(dp), factor ?? 1);
  const velocity = v === undefined ? scale(reference(p), 0) : reference(v);
  const { rate, ...rest } = options;
  const result = sgdStep([reference(p)], [gradient], [velocity], { learningRate: rate, ...rest });
  const rounded = Array.from(
    p.values,
    (value, i) => roundedSgd(options, [value, dp.values[i]!, factor, v?.values[i]]),
  );
  return {
    p: within(result.parameters[0]!, rounded.map((each) => each.p)),
    ...(v === undefined ? {} : { v: within(result.velocity[0]!, rounded.map((each) => each.v)) }),
  };
}

function drawSgd(random: Random): Case {
  const shape = [4 * dimension(random, 64)];
  const withVelocity = random.integer(3) > 0;
  const options: Sgd = {
    rate: float(random, 0, 1),
    momentum: withVelocity ? float(random, 0, 1) : 0,
    nesterov: withVelocity && random.integer(2) === 0,
    weightDecay: random.integer(2) * float(random, 0, 0.1),
  };
  const inputs: SgdInputs = {
    p: floats(random, shape),
    dp: floats(random, shape),
    ...(withVelocity ? { v: floats(random, shape) } : {}),
    ...(random.integer(2) === 0 ? { clip: floats(random, [2]) } : {}),
  };
  return makeCase(
    JSON.stringify(options).replaceAll('"', ""),
    inputs,
    (recorder, { p, dp, v, clip }) => {
      sgdUpdate(recorder, p, dp, {
        ...options,
        ...(v === undefined ? {} : { velocity: v }),
        ...(clip === undefined ? {} : { clip }),
      });
      return v === undefined ? { p } : { p, v };
    },
    (given) => expectSgd(given, options),
  );
}

const sgdRow: Row = {
  name: "sgdUpdate",
  kernels: ["sgd.wgsl"],
  draws: 100,
  draw: drawSgd,
  refusals: [
    {
      what: "a number of parameters that is no multiple of 4",
      error: ShapeError,
      message: /^sgdUpdate: expected a multiple of 4 parameters, got \[6\]/,
      call: (gpu) => sgdUpdate(gpu, blank(gpu, 6), blank(gpu, 6), { rate: 1 }),
    },
    {
      what: "gradients of another shape",
      error: ShapeError,
      message: /^sgdUpdate: gradients: expected shape \[4\], got \[8\]/,
      call: (gpu) => sgdUpdate(gpu, blank(gpu, 4), blank(gpu, 8), { rate: 1 }),
    },
    {
      what: "a velocity of another shape",
      error: ShapeError,
      message: /^sgdUpdate: velocity: expected shape \[4\], got \[8\]/,
      call: (gpu) =>
        sgdUpdate(gpu, blank(gpu, 4), blank(gpu, 4), { rate: 1, velocity: blank(gpu, 8) }),
    },
  ],
};

/** A limit at the norm may be taken for either side of it. */
function expectClip(squares: Input, limit: number): Expected {
  const square = squares.values[0]!;
  const { norm } = clipByNorm([{ shape: [1], data: Float64Array.of(Math.sqrt(square)) }], limit);
  const rounded = sqrt(exact(square));
  const above = divide(exact(limit), rounded);
  const certain = Math.abs(norm - limit) > rounded.error;
  const factor = !certain ? either(exact(1), above) : norm < limit ? exact(1) : above;
  return {
    shape: [2],
    values: [Number.isNaN(norm) ? NaN : Math.min(1, limit / norm), norm],
    bounds: [factor.error, rounded.error],
  };
}

const clipRow: Row = {
  name: "clipScale",
  kernels: ["clip_scale.wgsl"],
  draws: 100,
  draw: (random) => {
    const norm = random.integer(4) === 0 ? 0 : float(random, 0, 10);
    const limit = random.integer(4) === 0 ? Math.max(norm, 1) : float(random, 0.01, 10);
    const squares = { shape: [], values: Float32Array.of(norm * norm) };
    return makeCase(
      `limit ${limit}`,
      { squares },
      (recorder, tensors) => ({ clip: clipScale(recorder, tensors.squares, limit) }),
      (inputs) => ({ clip: expectClip(inputs.squares, limit) }),
    );
  },
};

/** The factor of `updateLossScale` where the norm may be taken for either side of the limit. */
function expectLossScale(
  squares: Input,
  state: Input,
  options: { limit: number; interval: number },
): Record<string, Expected> {
  const [scale, good] = [...state.values] as [number, number];
  const square = squares.values[0]!;
  const result = lossScaleStep({ scale, good }, square, options);
  const norm = divide(sqrt(exact(square)), exact(scale));
  const one = divide(exact(1), exact(scale));
  const above = divide(divide(exact(options.limit), norm), exact(scale));
  const certain = Math.abs(result.norm - options.limit) > norm.error;
  const factor = !certain ? either(one, above) : result.norm < options.limit ? one : above;
  const finite = Number.isFinite(square);
  return {
    clip: {
      shape: [2],
      values: [result.factor, result.norm],
      bounds: finite ? [factor.error, norm.error] : [0, 0],
    },
    state: { shape: [2], values: [result.scale, result.good] },
  };
}

const lossScaleRow: Row = {
  name: "updateLossScale",
  kernels: ["loss_scale.wgsl"],
  draws: 120,
  draw: (random) => {
    const interval = pick(random, [1, 2, 3, 2000, Infinity]);
    const scale = pick(random, [1, 2, 1024, 2 ** 16, 2 ** 23, 2 ** 24]);
    const norm = pick(random, [0, 1e-3, float(random, 0, 10), 1e4, Infinity, NaN]);
    const limit = random.integer(2) === 0 ? undefined : float(random, 0.01, 10);
    const options = { interval, ...(limit === undefined ? {} : { limit }) };
    const inputs = {
      squares: { shape: [], values: Float32Array.of((scale * norm) ** 2) },
      state: { shape: [2], values: Float32Array.of(scale, random.integer(3)) },
    };
    return makeCase(
      `${JSON.stringify(options)}, scale ${scale}, norm ${norm}`,
      inputs,
      (recorder, { squares, state }) => ({
        clip: updateLossScale(recorder, squares, state, options),
        state,
      }),
      (given) =>
        expectLossScale(given.squares, given.state, { interval, limit: limit ?? 2 ** 128 }),
    );
  },
  refusals: [
    {
      what: "a state of another shape",
      error: ShapeError,
      message: /^updateLossScale: state: expected shape \[2\], got \[3\]/,
      call: (gpu) => updateLossScale(gpu, blank(gpu), blank(gpu, 3), { interval: 1 }),
    },
  ],
};

/** Rows of updates with the steps that are skipped: where the factor of the gradients is below 0, nothing changes. */
export function withSkips(rows: readonly Row[]): Row[] {
  return rows.map((row) => ({
    ...row,
    draw: (random, index) => {
      const each = row.draw(random, index);
      return {
        ...each,
        expect: (inputs) => {
          const expected = each.expect(inputs);
          const factor = inputs.clip?.values[0] ?? 1;
          if (!(factor < 0)) return expected;
          return Object.fromEntries(Object.keys(expected).map((name) => [name, inputs[name]!]));
        },
      };
    },
  }));
}

/** The rows of this file. */
export const UPDATE_ROWS: readonly Row[] = [...withSkips([sgdRow]), clipRow, lossScaleRow];
