/**
 * Cases of random numbers, dropout, and batches gathered in random order.
 *
 * @module
 */

import type { DataType, Tensor } from "../src/gpu/tensor.ts";
import { OptionError, ShapeError } from "../src/errors.ts";
import { gatherExamples, gatherRows } from "../src/ops/gather.ts";
import { dropout, randomNormal, randomUniform } from "../src/ops/random.ts";
import { permute, type Random, threefry } from "../src/random.ts";
import { type Shape, sizeOf } from "../src/shape.ts";
import {
  anyShape,
  blank,
  bytes,
  type Case,
  dimension,
  type Expected,
  float,
  floats,
  type Input,
  makeCase,
  pick,
  type Row,
  wholes,
} from "./case.ts";
import {
  add,
  exact,
  literal,
  log,
  multiply,
  type Rounded,
  sqrt,
  trigonometric,
} from "./rounding.ts";
import { drawSlope, withSlopeOf } from "./rounded_slopes.ts";

/** Elements of a workgroup: two for each of 64 invocations. */
const TILE = 128;

/** What selects random numbers. */
export interface Key {
  readonly seed: number;
  readonly stream: number;
  readonly counter: number;
}

function drawKey(random: Random): Key {
  const small = random.integer(3) > 0;
  const word = () => small ? random.integer(5) : random.word();
  return { seed: word(), stream: word(), counter: word() };
}

/** The i-th number of a key, uniform on [0, 1), as float32 has it exactly. */
export function unit({ seed, stream, counter }: Key, i: number): number {
  return (threefry(seed, stream, i >>> 1, counter)[i & 1]! >>> 8) * 2 ** -24;
}

/** The two normal numbers of block i: the Box–Muller transform. */
function normalPair(key: Key, i: number): [Rounded, Rounded] {
  const [u, v] = [unit(key, 2 * i) + 2 ** -24, unit(key, 2 * i + 1)];
  const radius = sqrt(multiply(exact(-2), log(exact(u))));
  const angle = multiply(literal(2 * Math.PI), exact(v < 0.5 ? v : v - 1));
  return [
    multiply(radius, trigonometric(Math.cos, angle)),
    multiply(radius, trigonometric(Math.sin, angle)),
  ];
}

function fromRounded(shape: Shape, numbers: readonly Rounded[]): Expected {
  return {
    shape,
    values: numbers.map(({ value }) => value),
    bounds: numbers.map(({ error }) => error),
  };
}

/** low + (high − low) · u. */
export function expectUniform(shape: Shape, key: Key, low = 0, high = 1): Expected {
  const numbers = Array.from({ length: sizeOf(shape) }, (_, i) => {
    const number = exact(unit(key, i));
    return low === 0 && high === 1
      ? number
      : add(literal(low), multiply(literal(high - low), number));
  });
  return fromRounded(shape, numbers);
}

/** mean + deviation · n. */
export function expectNormal(shape: Shape, key: Key, mean = 0, deviation = 1): Expected {
  const size = sizeOf(shape);
  const numbers: Rounded[] = [];
  for (let i = 0; 2 * i < size; i++) {
    for (const number of normalPair(key, i)) {
      if (numbers.length < size) {
        numbers.push(add(literal(mean), multiply(literal(deviation), number)));
      }
    }
  }
  return fromRounded(shape, numbers);
}

const describe = (options: object): string => JSON.stringify(options).replaceAll('"', "");

const uniformRow: Row = {
  name: "randomUniform",
  kernels: ["random_fill.wgsl"],
  draws: 50,
  draw: (random) => {
    const shape = anyShape(random, TILE);
    const range = random.integer(2) === 0
      ? {}
      : { low: float(random, -5, 0), high: float(random, 0, 5) };
    const options = { ...drawKey(random), ...range };
    return makeCase(
      `[${shape}] ${describe(options)}`,
      {},
      (recorder) => ({ y: randomUniform(recorder, shape, options) }),
      () => ({ y: expectUniform(shape, options, range.low, range.high) }),
    );
  },
  refusals: [
    ...[-1, 0.5, 2 ** 32].map((seed) => ({
      what: `the seed ${seed}`,
      error: OptionError,
      message: new RegExp(`seed: expected a whole number of at least 0 and at most .*got ${seed}`),
      call: (gpu: Parameters<typeof blank>[0]) => randomUniform(gpu, [2], { seed }),
    })),
    {
      what: "a negative dimension",
      error: ShapeError,
      message: /dimensions must be whole numbers, 0 or more, got \[2, -1\]/,
      call: (gpu) => randomUniform(gpu, [2, -1], { seed: 1 }),
    },
  ],
};

const normalRow: Row = {
  name: "randomNormal",
  kernels: ["random_fill.wgsl"],
  draws: 50,
  draw: (random) => {
    const shape = anyShape(random, TILE);
    const moments = random.integer(2) === 0
      ? {}
      : { mean: float(random, -5, 5), deviation: float(random, 0, 5) };
    const options = { ...drawKey(random), ...moments };
    return makeCase(
      `[${shape}] ${describe(options)}`,
      {},
      (recorder) => ({ y: randomNormal(recorder, shape, options) }),
      () => ({ y: expectNormal(shape, options, moments.mean, moments.deviation) }),
    );
  },
  refusals: [{
    what: "a stream that is no whole number",
    error: OptionError,
    message: /stream: expected a whole number .*got 1.5/,
    call: (gpu) => randomNormal(gpu, [2], { seed: 1, stream: 1.5 }),
  }],
};

/** Dropout in float64 with the mask of the generator; a NaN is never dropped. */
export function expectDropout({ shape, values }: Input, key: Key, rate: number): Expected {
  const scale = literal(1 / (1 - rate));
  const numbers = Array.from(values, (value, i) => {
    const dropped = unit(key, i) < Math.fround(rate) && !Number.isNaN(value);
    return dropped ? exact(0) : multiply(scale, exact(value));
  });
  return fromRounded(shape, numbers);
}

interface DropoutInputs extends Record<string, Input<Float32Array>> {
  dy: Input<Float32Array>;
}

/** Dropout on the way back, with the slope of the activation before it. */
const dropoutGradientRow: Row = {
  name: "dropout on the way back",
  kernels: ["dropout.wgsl"],
  draws: 40,
  draw: (random) => {
    const rate = pick(random, [0.1, 0.5, float(random, 0, 1)]);
    const key = drawKey(random);
    const dy = floats(random, anyShape(random, TILE));
    const slope = drawSlope(random, pick(random, ["relu", "tanh", "gelu"]), dy.shape);
    const inputs: DropoutInputs = { dy, saved: slope.saved };
    return makeCase(
      `rate ${rate}, ${describe(key)}`,
      inputs,
      (recorder, { dy, saved }) => {
        const gradient = { activation: slope.name, saved: saved! };
        return { dz: dropout(recorder, dy, { rate, ...key, gradient }) };
      },
      ({ dy, saved }) => ({ dz: withSlopeOf(slope, saved!, expectDropout(dy, key, rate)) }),
    );
  },
  refusals: [{
    what: "saved values of another shape",
    error: ShapeError,
    message: /^dropout: gradient.saved: expected shape \[2\], got \[3\]/,
    call: (gpu) => {
      const gradient = { activation: "relu", saved: blank(gpu, 3) } as const;
      dropout(gpu, blank(gpu, 2), { rate: 0.5, seed: 1, gradient });
    },
  }],
};

const dropoutRow: Row = {
  name: "dropout",
  kernels: ["dropout.wgsl"],
  draws: 100,
  draw: (random) => {
    const rate = pick(random, [0, 0.1, 0.5, float(random, 0, 1), 1 - 2 ** -24]);
    const key = drawKey(random);
    return makeCase(
      `rate ${rate}, ${describe(key)}`,
      { x: floats(random, anyShape(random, TILE)) },
      (recorder, { x }) => ({ y: dropout(recorder, x, { rate, ...key }) }),
      ({ x }) => ({ y: expectDropout(x, key, rate) }),
    );
  },
  refusals: [-0.1, 1, NaN].map((rate) => ({
    what: `the rate ${rate}`,
    error: OptionError,
    message: new RegExp(`^dropout: rate: expected a number of at least 0 .*got ${rate}`),
    call: (gpu) => dropout(gpu, blank(gpu, 2), { rate, seed: 1 }),
  })),
};

interface Gather {
  readonly rows: number;
  readonly start: number;
  readonly shuffleKey?: number;
  readonly scale?: number;
}

/** The rows in the order of `permute`, scaled. */
export function expectGather({ shape, values }: Input, options: Gather): Expected {
  const { rows, start, shuffleKey } = options;
  const [length, ...rest] = shape as [number, ...number[]];
  const width = sizeOf(rest);
  const scale = literal(options.scale ?? (values instanceof Uint8Array ? 1 / 255 : 1));
  const numbers: Rounded[] = [];
  for (let r = 0; r < rows; r++) {
    const index = shuffleKey === undefined ? start + r : permute(start + r, length, shuffleKey);
    for (let j = 0; j < width; j++) {
      const value = exact(values[index * width + j]!);
      numbers.push(scale.value === 1 ? value : multiply(scale, value));
    }
  }
  return fromRounded([rows, ...rest], numbers);
}

function drawGather(random: Random): Case {
  const length = dimension(random, pick(random, [16, 64]));
  const rest = anyShape(random, pick(random, [4, 64]), 300);
  const rows = random.integer(length + 1);
  const start = random.integer(length - rows + 1);
  const type = pick(random, ["f32", "u32", "u8"] as const);
  const shape = [length, ...rest];
  const x: Input = type === "f32"
    ? floats(random, shape)
    : type === "u32"
    ? wholes(random, shape, 2 ** 24) // compared as float64, where all whole numbers are exact
    : bytes(random, shape);
  const options: Gather = {
    rows,
    start,
    ...(random.integer(2) === 0 ? {} : { shuffleKey: random.word() }),
    ...(type === "u32" || random.integer(2) === 0
      ? {}
      : { scale: pick(random, [1, float(random, -2, 2)]) }),
  };
  const inputs: { x: Input } = { x };
  return makeCase(
    `${type}, ${describe(options)}`,
    inputs,
    (recorder, tensors) => ({ y: gatherRows(recorder, tensors.x, options) }),
    (given) => ({ y: expectGather(given.x, options) }),
  );
}

const gatherRow: Row = {
  name: "gatherRows",
  kernels: ["gather.wgsl"],
  draws: 120,
  draw: drawGather,
  refusals: [
    {
      what: "more rows than there are",
      error: ShapeError,
      message: /^gatherRows: 3 rows from 2 do not fit in \[4, 5\]/,
      call: (gpu) => gatherRows(gpu, blank(gpu, 4, 5), { rows: 3, start: 2 }),
    },
    {
      what: "a scalar",
      error: ShapeError,
      message: /^gatherRows: 0 rows from 0 do not fit in \[\]/,
      call: (gpu) => gatherRows(gpu, blank(gpu), { rows: 0 }),
    },
    {
      what: "a negative start",
      error: ShapeError,
      message: /^gatherRows: 1 rows from -1 do not fit in \[4, 5\]/,
      call: (gpu) => gatherRows(gpu, blank(gpu, 4, 5), { rows: 1, start: -1 }),
    },
  ],
};

function drawExamples(random: Random): Case {
  const length = dimension(random, pick(random, [16, 64]));
  const rows = random.integer(length + 1);
  const options: Gather = {
    rows,
    start: random.integer(length - rows + 1),
    ...(random.integer(2) === 0 ? {} : { shuffleKey: random.word() }),
    ...(random.integer(2) === 0 ? {} : { scale: pick(random, [1, float(random, -2, 2)]) }),
  };
  const xShape = [length, ...anyShape(random, 4, 300)];
  const yShape = [length, ...anyShape(random, 4, 30)];
  const inputs: { x: Input; y: Input } = {
    x: random.integer(2) === 0 ? floats(random, xShape) : bytes(random, xShape),
    y: random.integer(2) === 0 ? floats(random, yShape) : wholes(random, yShape, 2 ** 24),
  };
  return makeCase(
    describe(options),
    inputs,
    (recorder, { x, y }) => ({
      ...gatherExamples(
        recorder,
        x as Tensor<DataType> as Tensor,
        y as Tensor<DataType> as Tensor,
        options,
      ),
    }),
    ({ x, y }) => ({ x: expectGather(x, options), y: expectGather(y, { ...options, scale: 1 }) }),
  );
}

const examplesRow: Row = {
  name: "gatherExamples",
  kernels: ["gather.wgsl"],
  draws: 60,
  draw: drawExamples,
  refusals: [{
    what: "another number of targets",
    error: ShapeError,
    message: /^gatherExamples: expected as many targets as examples, got \[3\] for \[4, 5\]/,
    call: (gpu) => gatherExamples(gpu, blank(gpu, 4, 5), blank(gpu, 3), { rows: 2 }),
  }],
};

/** The rows of this file. */
export const RANDOM_ROWS: readonly Row[] = [
  uniformRow,
  normalRow,
  dropoutRow,
  dropoutGradientRow,
  gatherRow,
  examplesRow,
];
