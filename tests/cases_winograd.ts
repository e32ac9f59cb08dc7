/**
 * Cases of convolutions by Winograd's filtering, with tiles of 2 × 2 and of 4 × 4 outputs.
 *
 * @module
 */

import { OptionError } from "../src/errors.ts";
import type { Gpu } from "../src/gpu/gpu.ts";
import {
  conv1d,
  conv2d,
  conv2dInputGradient,
  conv2dWeightGradient,
} from "../src/ops/convolution.ts";
import type { Random } from "../src/random.ts";
import type { NdArray } from "../src/reference/nd_array.ts";
import {
  winogradInputGradientMagnitude,
  winogradMagnitude,
  type WinogradTile,
  winogradWeightGradientMagnitude,
} from "../src/reference/winograd.ts";
import { sizeOf } from "../src/shape.ts";
import type { ConvolutionOptions } from "../src/window_options.ts";
import { blank, type Expected, pick, reference, type Refusal, type Row } from "./case.ts";
import {
  completed,
  type DrawnConvolution,
  type MethodRows,
  rowsOfConvolution,
} from "./rows_of_convolution.ts";

const KERNELS = [
  "convolution_winograd_filters.wgsl",
  "convolution_winograd_inputs.wgsl",
  "convolution_winograd_outputs.wgsl",
];
const WEIGHT_KERNELS = ["convolution_winograd_inputs.wgsl", "convolution_winograd_weights.wgsl"];

/** A convolution with filters of 3 × 3: images smaller than a tile, odd ones, asymmetric padding, groups. */
function draw(random: Random): DrawnConvolution {
  for (;;) {
    const side = () => pick(random, [0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 15]);
    const groups = pick(random, [1, 1, 2, 3]);
    const channels = pick(random, [1, 2, 3, 5, 8, 21]);
    const filters = pick(random, [1, 2, 4, 5, 7, 9, 17]);
    const edges = () => [pick(random, [0, 0, 1, 2, 3]), pick(random, [0, 1, 2, 4])] as const;
    const drawn = completed({
      dims: 2,
      x: [pick(random, [0, 1, 2, 3]), channels * groups, side(), side()],
      weight: [filters * groups, channels, 3, 3],
      options: { padding: pick(random, [[edges(), edges()], "same" as const, 1]), groups },
    });
    if (drawn !== undefined) return drawn;
  }
}

/**
 * Roundings along the longest path of the transforms before and after a product, as the header of
 * `convolution_winograd_transforms.wgsl` counts them, in one dimension: G, Bᵀ, Aᵀ, and for the gradient to the weights E, Bᵀ, Cᵀ.
 */
const ROUNDINGS = { 2: 2 + 1 + 2, 4: 4 + 3 + 3 } as const;
const WEIGHT_ROUNDINGS = { 2: 1 + 1 + 2, 4: 4 + 3 + 3 } as const;

/** n · u / (1 − n · u) with u = 2⁻²⁴: what n roundings, one after the other, do to a number of magnitude 1. */
function gamma(n: number): number {
  return n * 2 ** -24 / (1 - n * 2 ** -24);
}

/**
 * A product goes through transforms before and after it, in two dimensions, and through a sum of error (terms + 16) · 2⁻²⁴;
 * then the bias is added.
 *
 * @param direct Σ|x||w| + |bias|, the magnitude of what is left after that.
 * @param roundings Those of the transforms in one dimension.
 */
function bound(
  { shape, data }: NdArray,
  magnitude: NdArray,
  direct: NdArray,
  terms: number,
  roundings: number,
): Expected {
  const factor = gamma(2 * roundings + terms + 16 + 1);
  const bounds = magnitude.data.map((sum, i) => factor * sum + 2 ** -24 * direct.data[i]!);
  return { shape, values: data, bounds };
}

function rowsOfTile(tile: WinogradTile): Row[] {
  const shared = {
    name: `convolution winograd, tiles of ${tile}`,
    algorithm: { algorithm: "winograd", winogradTile: tile },
    draws: 50,
    draw,
  } as const;
  const options = ({ options, x }: DrawnConvolution) => ({
    ...options as Pick<ConvolutionOptions, "padding" | "groups">,
    inputShape: x,
    tile,
  });
  const forward: MethodRows["bound"] = (y, direct, _, drawn, [x, weight]) => {
    const { inputShape: _shape, ...all } = options(drawn);
    const magnitude = winogradMagnitude(reference(x), reference(weight), all);
    return bound(y, magnitude, direct, weight.shape[1]!, ROUNDINGS[tile]);
  };
  const backward: MethodRows["bound"] = (dx, direct, _, drawn, [dy, weight]) => {
    const magnitude = winogradInputGradientMagnitude(
      reference(dy),
      reference(weight),
      options(drawn),
    );
    return bound(dx, magnitude, direct, weight.shape[0]! / drawn.geometry.groups, ROUNDINGS[tile]);
  };
  const toWeights: MethodRows["bound"] = (dw, direct, _, drawn, [x, dy]) => {
    const { inputShape: _shape, ...all } = options(drawn);
    const magnitude = winogradWeightGradientMagnitude(reference(x), reference(dy), {
      ...all,
      weightShape: drawn.weight,
    });
    const [images, , ...output] = drawn.y as [number, ...number[]];
    const tiles = images * sizeOf(output.map((size) => Math.ceil(size / tile)));
    // One addition more for each part of the batch.
    return bound(dw, magnitude, direct, tiles + images, WEIGHT_ROUNDINGS[tile]);
  };
  return [
    ...rowsOfConvolution({ ...shared, forward: KERNELS, bound: forward }),
    ...rowsOfConvolution({ ...shared, inputGradient: KERNELS, bound: backward }),
    ...rowsOfConvolution({ ...shared, weightGradient: WEIGHT_KERNELS, bound: toWeights }),
  ];
}

const winograd = { algorithm: "winograd" } as const;

/** A forward pass that is refused. */
function refused(
  what: string,
  message: RegExp,
  weight: readonly number[],
  options: ConvolutionOptions = {},
): Refusal {
  const call = (gpu: Gpu) =>
    conv2d(gpu, blank(gpu, 1, 4, 12, 12), blank(gpu, ...weight), { ...options, ...winograd });
  return { what, error: OptionError, message, call };
}

const FORWARD_REFUSALS: readonly Refusal[] = [
  refused(
    "strides of 2",
    /^conv2d: algorithm "winograd": expected strides of \[1, 1\], got \[2, 1\]/,
    [4, 4, 3, 3],
    { strides: [2, 1] },
  ),
  refused(
    "filters of 5 × 3",
    /^conv2d: algorithm "winograd": expected a kernel of \[3, 3\], got \[5, 3\]/,
    [4, 4, 5, 3],
  ),
  refused(
    "a dilation of 2",
    /^conv2d: algorithm "winograd": expected a dilation of \[1, 1\], got \[1, 2\]/,
    [4, 4, 3, 3],
    { dilation: [1, 2] },
  ),
  {
    what: "one dimension of space",
    error: OptionError,
    message: /^conv1d: algorithm "winograd": expected two dimensions of space, got 1/,
    call: (gpu) => conv1d(gpu, blank(gpu, 1, 4, 12), blank(gpu, 4, 4, 3), winograd),
  },
  {
    what: "tiles of 3",
    error: OptionError,
    message: /^conv2d: winogradTile: expected 2 or 4, got 3/,
    call: (gpu) =>
      conv2d(gpu, blank(gpu, 1, 4, 8, 8), blank(gpu, 4, 4, 3, 3), {
        ...winograd,
        winogradTile: 3 as never,
      }),
  },
];

const GRADIENT_REFUSALS: readonly Refusal[] = [{
  what: "strides of 2",
  error: OptionError,
  message: /^conv2dInputGradient: algorithm "winograd": expected strides of \[1, 1\], got \[2, 2\]/,
  call: (gpu) =>
    conv2dInputGradient(gpu, blank(gpu, 1, 4, 3, 3), blank(gpu, 4, 4, 3, 3), {
      inputShape: [1, 4, 8, 8],
      strides: 2,
      ...winograd,
    }),
}];

const WEIGHT_GRADIENT_REFUSALS: readonly Refusal[] = [{
  what: "a dilation of 2",
  error: OptionError,
  message:
    /^conv2dWeightGradient: algorithm "winograd": expected a dilation of \[1, 1\], got \[2, 2\]/,
  call: (gpu) =>
    conv2dWeightGradient(gpu, blank(gpu, 1, 4, 8, 8), blank(gpu, 1, 4, 4, 4), {
      weightShape: [4, 4, 3, 3],
      dilation: 2,
      ...winograd,
    }),
}];

/** The rows of this file. */
export const WINOGRAD_ROWS: readonly Row[] = [
  ...rowsOfTile(2).map((row, i) => ({
    ...row,
    refusals: [FORWARD_REFUSALS, GRADIENT_REFUSALS, WEIGHT_GRADIENT_REFUSALS][i]!,
  })),
  ...rowsOfTile(4),
];
