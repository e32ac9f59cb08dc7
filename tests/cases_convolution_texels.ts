/**
 * Cases of the direct convolution whose rows are made of whole texels, or filled up to them where that repays, so that a software
 * adapter reads them from a texture.
 *
 * @module
 */

import { FILLING_PRODUCTS } from "../src/ops/convolution_method.ts";
import type { Random } from "../src/random.ts";
import { sizeOf } from "../src/shape.ts";
import { pick, type Row } from "./case.ts";
import { completed, type DrawnConvolution, rowsOfConvolution } from "./rows_of_convolution.ts";

/** Taps, stride and dilation along the width. */
const WIDTHS = [[3, 1, 1], [5, 1, 1], [1, 1, 1], [2, 1, 3], [3, 2, 1], [5, 4, 1]] as const;
const NARROW = [1, 2];
const WIDE = [8, 17];

/**
 * A convolution that reads rows of a multiple of 4: one block of a row or several, paddings of every remainder before it, few
 * filters and many, groups, one to three dimensions.
 *
 * @param isOutput Whether the rows that are read are those of y, for the gradient to the input.
 */
function drawTexels(random: Random, index: number, isOutput: boolean): DrawnConvolution {
  for (;;) {
    const dims = [2, 2, 1, 2, 3, 2][index % 6]!;
    const [taps, stride, dilation] = pick(random, WIDTHS);
    const before = pick(random, [0, 1, 2, 3, 4, 5]);
    const after = pick(random, [0, 0, 1, 2, 5]);
    const length = pick(random, [4, 8, 8, 12, 12, 36]);
    const reach = (taps - 1) * dilation + 1;
    const width = isOutput
      ? (length - 1) * stride + reach - before - after + random.integer(stride)
      : length;
    if (width < 1) continue;
    const others = [[], [pick(random, [1, 7, 9])], [2, pick(random, [2, 3])]][dims - 1]!;
    const groups = pick(random, [1, 1, 2]);
    const [read, made] = [
      pick(random, [1, 2, 5]),
      pick(random, pick(random, [NARROW, WIDE])),
    ];
    const [channels, filters] = isOutput ? [made, read] : [read, made];
    const drawn = completed({
      dims,
      x: [pick(random, [1, 2, 3]), groups * channels, ...others, width],
      weight: [groups * filters, channels, ...others.map(() => pick(random, [1, 2, 3])), taps],
      options: {
        strides: [...others.map(() => pick(random, [1, 1, 1, 2])), stride],
        dilation: [...others.map(() => pick(random, [1, 1, 1, 2])), dilation],
        padding: [...others.map(() => [pick(random, [0, 1, 2]), 1] as const), [before, after]],
        groups,
      },
    });
    const rows = isOutput ? drawn?.y : drawn?.x;
    if (drawn !== undefined && rows!.at(-1)! % 4 === 0) return drawn;
  }
}

/** A convolution with rows of whole texels on both sides and at least 8 filters, for the gradient to the weights. */
function drawTexelsOfBoth(random: Random, index: number): DrawnConvolution {
  for (;;) {
    const dims = [2, 2, 1, 3][index % 4]!;
    const [taps, stride, dilation] = pick(random, WIDTHS);
    const others = [[], [pick(random, [1, 5])], [2, 3]][dims - 1]!;
    const groups = pick(random, [1, 1, 2]);
    const channels = pick(random, [1, 3]);
    const before = pick(random, [0, 1, 2, 3, 4, 5]);
    const drawn = completed({
      dims,
      x: [
        pick(random, [1, 2, 3]),
        groups * channels,
        ...others,
        pick(random, [4, 8, 12, 20]),
      ],
      weight: [groups * pick(random, [8, 19]), channels, ...others.map(() => 2), taps],
      options: {
        strides: [...others.map(() => pick(random, [1, 2])), stride],
        dilation: [...others.map(() => 1), dilation],
        padding: [...others.map(() => [1, 1] as const), [before, random.integer(6)]],
        groups,
      },
    });
    if (drawn !== undefined && drawn.y.at(-1)! % 4 === 0) return drawn;
  }
}

/** Rows that are no whole texels, with so many filters, or so few, that they are filled up. */
const RAGGED = [5, 7, 14, 35] as const;
/** Taps, stride and dilation along the width, and the padding before it: few, as large kernels take a second to compile. */
const RAGGED_WIDTHS = [[5, 1, 1, 2], [5, 1, 1, 2], [5, 2, 1, 0], [3, 1, 2, 5]] as const;

/** The options along the width, all else plain. */
function alongWidth(dims: number, stride: number, dilation: number, padding: [number, number]) {
  const ones = new Array<number>(dims - 1).fill(1);
  return {
    strides: [...ones, stride],
    dilation: [...ones, dilation],
    padding: [...ones, padding],
  };
}

/** A convolution that reads rows which are filled up: its filters are few, or many. */
function drawRagged(random: Random, index: number, isOutput: boolean): DrawnConvolution {
  for (;;) {
    const dims = [2, 2, 1, 3][index % 4]!;
    const [taps, stride, dilation, before] = pick(random, RAGGED_WIDTHS);
    const made = pick(random, [1, 2, 40, 72]);
    const read = pick(random, [1, 2, 3]);
    const [channels, filters] = isOutput ? [made, read] : [read, made];
    const groups = made < 8 ? pick(random, [1, 2]) : 1;
    const drawn = completed({
      dims,
      x: [
        pick(random, [1, 2]),
        groups * channels,
        ...[[], [pick(random, [3, 8])], [2, 3]][dims - 1]!,
        pick(random, RAGGED) * (isOutput ? stride : 1),
      ],
      weight: [groups * filters, channels, ...[[], [3], [2, 2]][dims - 1]!, taps],
      options: { ...alongWidth(dims, stride, dilation, [before, random.integer(4)]), groups },
    });
    if (drawn === undefined) continue;
    const { x, y, weight } = drawn;
    // A number of dy meets all taps; one of x fewer, if there are fewer outputs than inputs.
    const outputsOfOne = isOutput ? 1 : sizeOf(y.slice(2)) / sizeOf(x.slice(2));
    const products = made * sizeOf(weight.slice(2)) * outputsOfOne;
    const ragged = (isOutput ? y : x).at(-1)! % 4 !== 0;
    if (ragged && (made < 8 || products >= FILLING_PRODUCTS)) return drawn;
  }
}

/** The same for the gradient to the weights, which reads both x and dy. */
function drawRaggedOfBoth(random: Random, index: number): DrawnConvolution {
  for (;;) {
    const dims = [2, 2, 3][index % 3]!;
    const [taps, stride, dilation, before] = pick(random, RAGGED_WIDTHS);
    const channels = 48;
    const drawn = completed({
      dims,
      x: [
        pick(random, [1, 2]),
        channels,
        ...[[pick(random, [3, 5])], [2, 3]][dims - 2]!,
        pick(random, [...RAGGED, 8]),
      ],
      weight: [
        pick(random, [75, 80]),
        channels,
        ...[[3], [2, 2]][dims - 2]!,
        taps,
      ],
      options: alongWidth(dims, stride, dilation, [before, random.integer(4)]),
    });
    if (drawn === undefined) continue;
    const { x, y, weight } = drawn;
    const numbers = channels * sizeOf(x.slice(2)) + weight[0]! * sizeOf(y.slice(2));
    const products = sizeOf(weight) * sizeOf(y.slice(2));
    const ragged = [x, y].some((shape) => shape.at(-1)! % 4 !== 0);
    if (ragged && products >= FILLING_PRODUCTS * numbers) return drawn;
  }
}

const COMMON = {
  name: "convolution from texels",
  algorithm: { algorithm: "direct" },
  draws: 28,
} as const;
const FILLED = { ...COMMON, name: "convolution from filled rows", draws: 34 } as const;
const WEIGHT_GRADIENT = ["convolution_weight_gradient_broadcast.wgsl"];
const KERNELS = ["convolution_direct_broadcast.wgsl", "convolution_pack.wgsl"];

/** The rows of convolutions that read texels. */
export const CONVOLUTION_TEXEL_ROWS: readonly Row[] = [
  ...rowsOfConvolution({
    ...COMMON,
    forward: KERNELS,
    draw: (random, index) => drawTexels(random, index, false),
  }),
  ...rowsOfConvolution({
    ...COMMON,
    inputGradient: KERNELS,
    draw: (random, index) => drawTexels(random, index, true),
  }),
  ...rowsOfConvolution({
    ...COMMON,
    weightGradient: WEIGHT_GRADIENT,
    draws: 28,
    draw: drawTexelsOfBoth,
  }),
  ...rowsOfConvolution({
    ...FILLED,
    forward: [...KERNELS, "whole_rows.wgsl"],
    draw: (random, index) => drawRagged(random, index, false),
  }),
  ...rowsOfConvolution({
    ...FILLED,
    inputGradient: [...KERNELS, "whole_rows.wgsl"],
    draw: (random, index) => drawRagged(random, index, true),
  }),
  ...rowsOfConvolution({
    ...FILLED,
    weightGradient: [...WEIGHT_GRADIENT, "whole_rows.wgsl"],
    draw: drawRaggedOfBoth,
  }),
];
