/**
 * Cases of the direct convolution whose rows are made of whole texels, so that a software adapter reads them from a texture.
 *
 * @module
 */

import type { Random } from "../src/random.ts";
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

const COMMON = {
  name: "convolution from texels",
  algorithm: { algorithm: "direct" },
  draws: 28,
} as const;
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
];
