/**
 * Cases of what layers are made of besides sums: putting side by side, cutting apart, looking up rows.
 *
 * @module
 */

import { OptionError, ShapeError } from "../src/errors.ts";
import { concatenate, split } from "../src/ops/concatenate.ts";
import { embedding, embeddingGradient } from "../src/ops/embedding.ts";
import type { Random } from "../src/random.ts";
import * as pieces from "../src/reference/concatenate.ts";
import * as table from "../src/reference/embedding.ts";
import { mapValues, type NdArray } from "../src/reference/nd_array.ts";
import type { Shape } from "../src/shape.ts";
import {
  blank,
  type Case,
  dimension,
  type Expected,
  floats,
  type Input,
  makeCase,
  pick,
  reference,
  type Row,
} from "./case.ts";

const exact = ({ shape, data }: NdArray): Expected => ({ shape, values: data });

/** Results by place: `y0`, `y1`, … */
const numbered = <T>(values: readonly T[]): Record<string, T> =>
  Object.fromEntries(values.map((value, i) => [`y${i}`, value]));

/** A shape without the axis, the axis, and the lengths along it; every second has rows of whole vec4s. */
function drawPieces(random: Random, index: number) {
  const axis = random.integer(3);
  const outer = Array.from({ length: axis }, () => pick(random, [0, 1, 2, 3, 5]));
  const inner = Array.from({ length: random.integer(3) }, () => pick(random, [1, 2, 3, 4, 7]));
  const unit = index % 2 === 0 ? 4 : 1;
  const lengths = Array.from(
    { length: 1 + random.integer(4) },
    () => unit * dimension(random, 8),
  );
  return { axis, lengths, shapeOf: (length: number): Shape => [...outer, length, ...inner] };
}

const concatenateRows: readonly Row[] = [
  {
    name: "concatenate",
    kernels: ["concatenate.wgsl"],
    draws: 60,
    draw: (random, index) => {
      const { axis, lengths, shapeOf } = drawPieces(random, index);
      const inputs = numbered(lengths.map((length) => floats(random, shapeOf(length))));
      return makeCase(
        `axis ${axis}`,
        inputs,
        (recorder, tensors) => ({
          y: concatenate(recorder, Object.values(tensors), { axis }),
        }),
        (given) => ({
          y: exact(pieces.concatenate(Object.values(given).map(reference), axis)),
        }),
      );
    },
    refusals: [
      {
        what: "nothing",
        error: ShapeError,
        message: /^concatenate: expected at least one tensor/,
        call: (gpu) => concatenate(gpu, []),
      },
      {
        what: "images of different sizes",
        error: ShapeError,
        message:
          /^concatenate: expected tensors that differ in dimension 1 only, got \[2, 3, 4\] and, at place 1, \[2, 3, 5\]/,
        call: (gpu) => concatenate(gpu, [blank(gpu, 2, 3, 4), blank(gpu, 2, 3, 5)]),
      },
      {
        what: "an axis that does not exist",
        error: ShapeError,
        message: /^concatenate: axis 2 does not exist in shape \[2, 3\]/,
        call: (gpu) => concatenate(gpu, [blank(gpu, 2, 3)], { axis: 2 }),
      },
    ],
  },
  {
    name: "split",
    kernels: ["concatenate.wgsl"],
    draws: 60,
    draw: (random, index) => {
      const { axis, lengths, shapeOf } = drawPieces(random, index);
      const total = lengths.reduce((sum, length) => sum + length, 0);
      return makeCase(
        `axis ${axis}, lengths ${lengths}`,
        { x: floats(random, shapeOf(total)) },
        (recorder, { x }) => numbered(split(recorder, x, lengths, { axis })),
        ({ x }) => numbered(pieces.split(reference(x), lengths, axis).map(exact)),
      );
    },
    refusals: [
      {
        what: "lengths that do not add up",
        error: ShapeError,
        message: /^split: expected lengths that add up to 5, dimension 1 of \[2, 5\], got \[2, 2\]/,
        call: (gpu) => split(gpu, blank(gpu, 2, 5), [2, 2]),
      },
      {
        what: "a negative length",
        error: OptionError,
        message: /^split: length: expected a whole number of at least 0, got -1/,
        call: (gpu) => split(gpu, blank(gpu, 2, 5), [6, -1]),
      },
    ],
  },
];

interface EmbeddingShape {
  readonly examples: number;
  readonly length: number;
  readonly vocabulary: number;
  readonly width: number;
}

/** Every tenth has more places than are chained together, 2,048; the others few ids for many places, or the other way round. */
function drawShape(random: Random, index: number): EmbeddingShape {
  if (index % 10 === 9) return { examples: 5, length: 823, vocabulary: 67, width: 3 };
  return {
    examples: pick(random, [0, 1, 2, 3]),
    length: dimension(random, 64),
    vocabulary: pick(random, [1, 2, 7, 64, 131]),
    width: pick(random, [1, 2, 3, 4, 16, 17]),
  };
}

/** Ids below the vocabulary; one in sixteen is none: too large, negative, not whole, NaN, not finite. */
function drawIds(random: Random, { examples, length, vocabulary }: EmbeddingShape) {
  const none = [
    vocabulary,
    vocabulary + 1,
    2 ** 20,
    -1,
    0.5,
    NaN,
    vocabulary - 0.5,
    2 ** 32,
    -Infinity,
    Infinity,
  ];
  const values = Float32Array.from(
    { length: examples * length },
    () => random.integer(16) === 0 ? pick(random, none) : random.integer(vocabulary),
  );
  return { shape: [examples, length], values };
}

/** The gradient of a table, with the bound of its kernel's header: (places + parts) · 2⁻²⁴ · Σ|dy|, the places those of a row. */
export function embeddingGradientCase(
  ids: Input<Float32Array>,
  dy: Input<Float32Array>,
  weightShape: Shape,
): Case {
  const vocabulary = weightShape[0]!;
  return makeCase(
    `table [${weightShape}]`,
    { ids, dy },
    (recorder, tensors) => ({
      dw: embeddingGradient(recorder, tensors.ids, tensors.dy, { weightShape }),
    }),
    (given) => {
      const [numbers, gradient] = [reference(given.ids), reference(given.dy)];
      const dw = table.embeddingGradient(numbers, gradient, vocabulary);
      const sumOf = (f: (value: number) => number) =>
        table.embeddingGradient(numbers, mapValues(gradient, f), vocabulary).data;
      const places = sumOf(() => 1);
      const parts = Math.ceil(numbers.data.length / 2048);
      const bounds = sumOf(Math.abs).map((sum, i) => (places[i]! + parts) * 2 ** -24 * sum);
      return { dw: { shape: dw.shape, values: dw.data, bounds } };
    },
  );
}

const embeddingRows: readonly Row[] = [
  {
    name: "embedding",
    kernels: ["embedding.wgsl"],
    draws: 100,
    draw: (random, index) => {
      const shape = drawShape(random, index);
      return makeCase(
        "",
        {
          ids: drawIds(random, shape),
          weight: floats(random, [shape.vocabulary, shape.width]),
        },
        (recorder, { ids, weight }) => ({ y: embedding(recorder, ids, weight) }),
        ({ ids, weight }) => ({ y: exact(table.embedding(reference(ids), reference(weight))) }),
      );
    },
    refusals: [
      {
        what: "ids without a batch",
        error: ShapeError,
        message: /^embedding: expected ids of shape \[n, length\], got \[7\]/,
        call: (gpu) => embedding(gpu, blank(gpu, 7), blank(gpu, 4, 2)),
      },
      {
        what: "a table of three dimensions",
        error: ShapeError,
        message: /^embedding: weight: expected shape \[vocabulary, dimension\] .*, got \[4, 2, 1\]/,
        call: (gpu) => embedding(gpu, blank(gpu, 1, 7), blank(gpu, 4, 2, 1)),
      },
    ],
  },
  {
    name: "embedding gradient",
    kernels: ["embedding_links.wgsl", "embedding_gradient.wgsl"],
    draws: 100,
    draw: (random, index) => {
      const shape = drawShape(random, index);
      const { examples, length, vocabulary, width } = shape;
      const dy = floats(random, [examples, width, length]);
      return embeddingGradientCase(drawIds(random, shape), dy, [vocabulary, width]);
    },
    refusals: [
      {
        what: "dy of another shape",
        error: ShapeError,
        message: /^embeddingGradient: dy: expected shape \[2, 3, 7\], got \[2, 7, 3\]/,
        call: (gpu) =>
          embeddingGradient(gpu, blank(gpu, 2, 7), blank(gpu, 2, 7, 3), { weightShape: [5, 3] }),
      },
      {
        what: "more rows than f32 can name",
        error: ShapeError,
        message: /a vocabulary of at most 16777216, got \[16777217, 3\]/,
        call: (gpu) =>
          embeddingGradient(gpu, blank(gpu, 2, 7), blank(gpu, 2, 3, 7), {
            weightShape: [2 ** 24 + 1, 3],
          }),
      },
    ],
  },
];

/** Elements that need more than 65,535 workgroups, the last one not full. */
const LENGTH = 64 * 65_537 - 3;

/** As many whole numbers below a limit, quickly made. */
function numbersBelow(limit: number): Float32Array {
  const values = new Float32Array(LENGTH);
  for (let i = 0; i < LENGTH; i++) values[i] = (Math.imul(i, 0x9e3779b1) >>> 8) % limit;
  return values;
}

/** Launches of more than 65,535 workgroups. */
export const MANY_WORKGROUPS_OF_LAYERS: Record<string, (random: Random) => Case> = {
  "concatenate, split": (random) =>
    makeCase(
      "",
      { x: { shape: [1, LENGTH], values: numbersBelow(67) }, z: floats(random, [1, 2]) },
      (recorder, { x, z }) => {
        const y = concatenate(recorder, [z, x]);
        return { y, ...numbered(split(recorder, y, [1, LENGTH + 1])) };
      },
      ({ x, z }) => {
        const y = new Float32Array(LENGTH + 2);
        y.set(z.values);
        y.set(x.values, 2);
        return {
          y: { shape: [1, LENGTH + 2], values: y },
          y0: { shape: [1, 1], values: y.subarray(0, 1) },
          y1: { shape: [1, LENGTH + 1], values: y.subarray(1) },
        };
      },
    ),
  embedding: (random) => {
    const ids = numbersBelow(67);
    return makeCase(
      "",
      { ids: { shape: [1, LENGTH], values: ids }, weight: floats(random, [67, 1]) },
      (recorder, tensors) => ({ y: embedding(recorder, tensors.ids, tensors.weight) }),
      ({ weight }) => ({
        y: { shape: [1, 1, LENGTH], values: ids.map((id) => weight.values[id]!) },
      }),
    );
  },
  "embedding gradient, no rounding": () => {
    const ids = numbersBelow(67);
    const counts = new Float64Array(67);
    for (const id of ids) counts[id]!++;
    return makeCase(
      "",
      {
        ids: { shape: [1, LENGTH], values: ids },
        dy: { shape: [1, 1, LENGTH], values: new Float32Array(LENGTH).fill(1) },
      },
      (recorder, tensors) => ({
        dw: embeddingGradient(recorder, tensors.ids, tensors.dy, { weightShape: [67, 1] }),
      }),
      () => ({ dw: { shape: [67, 1], values: counts } }),
    );
  },
};

/** The rows of this file. */
export const LAYER_ROWS: readonly Row[] = [...concatenateRows, ...embeddingRows];
