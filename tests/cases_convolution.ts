/**
 * Cases of convolutions and pools in one to three dimensions.
 *
 * @module
 */

import { OptionError, ShapeError } from "../src/errors.ts";
import { conv2d, conv2dInputGradient, conv2dWeightGradient } from "../src/ops/convolution.ts";
import {
  averagePool,
  averagePoolGradient,
  maxPool,
  maxPool2d,
  maxPoolGradient,
} from "../src/ops/pooling.ts";
import type { Random } from "../src/random.ts";
import type { NdArray } from "../src/reference/nd_array.ts";
import * as pools from "../src/reference/pooling.ts";
import { type Shape, sizeOf } from "../src/shape.ts";
import type { PoolOptions } from "../src/window_options.ts";
import {
  blank,
  type Expected,
  floats,
  type Input,
  makeCase,
  pick,
  reference,
  type Refusal,
  type Row,
} from "./case.ts";
import { drawSlope, withSlopeOf } from "./rounded_slopes.ts";
import {
  completed,
  type DrawnConvolution,
  rowsOfConvolution,
  sums,
} from "./rows_of_convolution.ts";

const show = (options: unknown) => JSON.stringify(options);

const CONVOLUTION_KERNELS = [
  "convolution_direct.wgsl",
  "convolution_direct_broadcast.wgsl",
  "convolution_pack.wgsl",
];

const REFUSALS: readonly (readonly Refusal[])[] = [
  [
    {
      what: "an image without a batch",
      error: ShapeError,
      message: /^conv2d: expected x of 4 dimensions .* got \[3, 8, 8\]/,
      call: (gpu) => conv2d(gpu, blank(gpu, 3, 8, 8), blank(gpu, 4, 3, 3, 3)),
    },
    {
      what: "channels that do not fit",
      error: ShapeError,
      message: /^conv2d: weight: expected shape \[4, 3, 3, 3\]/,
      call: (gpu) => conv2d(gpu, blank(gpu, 1, 3, 8, 8), blank(gpu, 4, 2, 3, 3)),
    },
    {
      what: "more channels than a loop can take",
      error: OptionError,
      message: /^conv2d: algorithm "direct": channels .* may be 60000 in a group, got 60001/,
      call: (gpu) =>
        conv2d(gpu, blank(gpu, 1, 60_001, 1, 1), blank(gpu, 1, 60_001, 1, 1), {
          algorithm: "direct",
        }),
    },
    {
      what: "an algorithm that does not exist",
      error: OptionError,
      message: /^conv2d: algorithm: expected one of "auto", "direct".*, got "fast"/,
      call: (gpu) =>
        conv2d(gpu, blank(gpu, 1, 3, 8, 8), blank(gpu, 4, 3, 3, 3), {
          algorithm: "fast" as never,
        }),
    },
    {
      what: "a misspelt option",
      error: OptionError,
      message: /^conv2d: unknown option "stride"/,
      call: (gpu) =>
        conv2d(gpu, blank(gpu, 1, 3, 8, 8), blank(gpu, 4, 3, 3, 3), { stride: 2 } as never),
    },
  ],
  [
    {
      what: "dy of another shape",
      error: ShapeError,
      message: /^conv2dInputGradient: dy: expected shape \[1, 4, 6, 6\], got \[1, 4, 6, 5\]/,
      call: (gpu) =>
        conv2dInputGradient(gpu, blank(gpu, 1, 4, 6, 5), blank(gpu, 4, 3, 3, 3), {
          inputShape: [1, 3, 8, 8],
        }),
    },
    {
      what: "the slope of outputs in place of inputs",
      error: ShapeError,
      message: /^conv2dInputGradient: gradient.saved: expected shape \[1, 3, 8, 8\], got/,
      call: (gpu) =>
        conv2dInputGradient(gpu, blank(gpu, 1, 4, 6, 6), blank(gpu, 4, 3, 3, 3), {
          inputShape: [1, 3, 8, 8],
          gradient: { activation: "relu", saved: blank(gpu, 1, 4, 6, 6) },
        }),
    },
    {
      what: "the slope of a function that does not exist",
      error: OptionError,
      message: /^conv2dInputGradient: gradient.activation: expected one of "linear"/,
      call: (gpu) =>
        conv2dInputGradient(gpu, blank(gpu, 1, 4, 6, 6), blank(gpu, 4, 3, 3, 3), {
          inputShape: [1, 3, 8, 8],
          gradient: { activation: "swish" as never, saved: blank(gpu, 1, 3, 8, 8) },
        }),
    },
  ],
  [{
    what: "weights of another shape",
    error: ShapeError,
    message: /^conv2dWeightGradient: dw: expected shape \[4, 3, 3, 3\], got \[4, 3, 3, 2\]/,
    call: (gpu) =>
      conv2dWeightGradient(gpu, blank(gpu, 1, 3, 8, 8), blank(gpu, 1, 4, 6, 6), {
        weightShape: [4, 3, 3, 3],
        dw: blank(gpu, 4, 3, 3, 2),
      }),
  }],
];

const convolutionRows: Row[] = rowsOfConvolution({
  name: "convolution",
  algorithm: { algorithm: "direct" },
  forward: CONVOLUTION_KERNELS,
  inputGradient: CONVOLUTION_KERNELS,
  weightGradient: [
    "convolution_weight_gradient.wgsl",
    "convolution_weight_gradient_broadcast.wgsl",
    "convolution_channels_last.wgsl",
  ],
  draws: 100,
}).map((row, i) => ({ ...row, refusals: REFUSALS[i]! }));

/** A convolution with several tiles of filters and of lines, in batches that can be cut. */
function drawManyFilters(random: Random): DrawnConvolution {
  for (;;) {
    const groups = pick(random, [1, 1, 2]);
    const channels = pick(random, [3, 8]);
    const [taps, stride] = pick(random, [[3, 1], [2, 2]] as const);
    const drawn = completed({
      dims: 2,
      x: [
        pick(random, [2, 3, 5]),
        channels * groups,
        pick(random, [3, 7, 9]),
        pick(random, [7, 10]),
      ],
      weight: [groups * pick(random, [8, 33]), channels, pick(random, [1, 3, 4]), taps],
      options: { strides: [1, stride], padding: pick(random, [0, 1]), groups },
    });
    if (drawn !== undefined) return drawn;
  }
}

const manyFiltersRows: Row[] = rowsOfConvolution({
  name: "convolution to many filters",
  algorithm: { algorithm: "direct" },
  forward: CONVOLUTION_KERNELS,
  weightGradient: ["convolution_weight_gradient_broadcast.wgsl"],
  draws: 40,
  draw: drawManyFilters,
});

/** A pool of random size, with overlapping windows, padding and windows that hang over the end. */
function drawPool(random: Random, index: number): { x: Shape; options: PoolOptions } {
  for (;;) {
    const dims = 1 + index % 3;
    const each = (values: readonly number[]) =>
      Array.from({ length: dims }, () => pick(random, values));
    const poolSize = each([1, 2, 3, 4]);
    const x = [pick(random, [0, 1, 2]), pick(random, [1, 3]), ...each([1, 4, 5, 7, 9])];
    const padding = poolSize.map((size) => [random.integer(size), random.integer(size)] as const);
    const options = {
      poolSize,
      strides: each([1, 2, 3]),
      padding: pick(random, ["valid" as const, padding]),
      ceilMode: index % 2 === 0,
    };
    try {
      pools.averagePool(reference({ shape: x, values: new Float32Array(sizeOf(x)) }), options);
      return { x, options };
    } catch {
      continue; // the window is larger than the padded input: draw again
    }
  }
}

interface PoolGradientInputs extends Record<string, Input<Float32Array>> {
  dy: Input<Float32Array>;
}

/** Exact values. */
const exact = ({ shape, data }: NdArray): Expected => ({ shape, values: data });

const poolRows: Row[] = [
  {
    name: "max pool",
    kernels: ["pool.wgsl"],
    draws: 36,
    draw: (random, index) => {
      const { x, options } = drawPool(random, index);
      return makeCase(
        show(options),
        { x: floats(random, x) },
        (recorder, { x }) => {
          const { y, winners } = maxPool(recorder, x, options);
          recorder.release(winners);
          return { y };
        },
        (inputs) => ({ y: exact(pools.maxPool(reference(inputs.x), options)) }),
      );
    },
    refusals: [
      {
        what: "an image without a batch",
        error: ShapeError,
        message: /^maxPool2d: expected x of 4 dimensions .* got \[3, 8, 8\]/,
        call: (gpu) => maxPool2d(gpu, blank(gpu, 3, 8, 8), { poolSize: 2 }),
      },
      {
        what: "padding as large as the window",
        error: OptionError,
        message: /^maxPool: padding: expected less than the pool size 2, got 2/,
        call: (gpu) => maxPool(gpu, blank(gpu, 1, 3, 8, 8), { poolSize: 2, padding: 2 }),
      },
    ],
  },
  {
    name: "max pool gradient",
    kernels: ["pool.wgsl", "pool_gradient.wgsl", "pool_gradient_blocks.wgsl"],
    draws: 36,
    draw: (random, index) => {
      const { x, options } = drawPool(random, index);
      const zero = { shape: x, values: new Float32Array(sizeOf(x)) };
      const y = pools.averagePool(reference(zero), options).shape;
      const all = { ...options, inputShape: x };
      return makeCase(
        show(all),
        { x: floats(random, x), dy: floats(random, y) },
        (recorder, { x, dy }) => {
          const { y, winners } = maxPool(recorder, x, options);
          const dx = maxPoolGradient(recorder, dy, winners, all);
          for (const tensor of [y, winners]) recorder.release(tensor);
          return { dx };
        },
        (inputs) => {
          const [x, dy] = [reference(inputs.x), reference(inputs.dy)];
          const dx = pools.maxPoolBackward(x, dy, options);
          const magnitude = pools.maxPoolBackward(
            x,
            { ...dy, data: dy.data.map(Math.abs) },
            options,
          );
          return { dx: sums(dx, magnitude, sizeOf(dy.shape.slice(2))) };
        },
      );
    },
  },
  ...[false, true].flatMap((countPadding): Row[] => [
    {
      name: `average pool, ${countPadding ? "padding" : "elements"} counted`,
      kernels: ["pool.wgsl", "pool_count.wgsl"],
      draws: 28,
      draw: (random, index) => {
        const { x, options } = drawPool(random, index);
        const all = { ...options, countPadding };
        return makeCase(
          show(all),
          { x: floats(random, x) },
          (recorder, { x }) => ({ y: averagePool(recorder, x, all) }),
          (inputs) => {
            const x = reference(inputs.x);
            const y = pools.averagePool(x, all);
            const magnitude = pools.averagePool({ ...x, data: x.data.map(Math.abs) }, all);
            // Besides the sum: one division, exact to 2.5 units in the last place.
            return { y: sums(y, magnitude, 4 ** (x.shape.length - 2) + 3) };
          },
        );
      },
    },
    {
      name: `average pool gradient, ${countPadding ? "padding" : "elements"} counted`,
      kernels: ["pool_gradient.wgsl", "pool_gradient_blocks.wgsl", "pool_count.wgsl"],
      draws: 34,
      draw: (random, index) => {
        const { x, options } = drawPool(random, index);
        const all = { ...options, countPadding, inputShape: x };
        const { inputShape: _, ...forward } = all;
        const zero = { shape: x, values: new Float32Array(sizeOf(x)) };
        const y = pools.averagePool(reference(zero), forward).shape;
        const slope = random.integer(2) === 0 ? undefined : drawSlope(random, "relu", x);
        const inputs: PoolGradientInputs = {
          dy: floats(random, y),
          ...(slope && { saved: slope.saved }),
        };
        return makeCase(
          show(all),
          inputs,
          (recorder, { dy, saved }) => ({
            dx: averagePoolGradient(recorder, dy, {
              ...all,
              ...(saved && { gradient: { activation: "relu", saved } }),
            }),
          }),
          (inputs) => {
            const dy = reference(inputs.dy);
            const dx = pools.averagePoolBackward(dy, all);
            const absolute = { ...dy, data: dy.data.map(Math.abs) };
            const magnitude = pools.averagePoolBackward(absolute, all);
            const expected = sums(dx, magnitude, sizeOf(dy.shape.slice(2)) + 3);
            return { dx: slope ? withSlopeOf(slope, inputs.saved!, expected) : expected };
          },
        );
      },
    },
  ]),
];

const GEMM_KERNELS = [
  "convolution_gemm_register.wgsl",
  "convolution_gemm_block.wgsl",
  "convolution_gemm_positions.wgsl",
  "convolution_channels_last.wgsl",
  "convolution_pack.wgsl",
];

const gemmRows: Row[] = rowsOfConvolution({
  name: "convolution gemm",
  algorithm: { algorithm: "gemm" },
  forward: GEMM_KERNELS,
  inputGradient: GEMM_KERNELS,
  weightGradient: [
    "convolution_gemm_weights_register.wgsl",
    "convolution_gemm_weights_block.wgsl",
    "convolution_channels_last.wgsl",
  ],
  draws: 100,
  // A block adds up to 16 steps of its depth beyond the terms.
  bound: (result, magnitude, terms) => sums(result, magnitude, terms + 16),
});

const im2colRows: Row[] = rowsOfConvolution({
  name: "convolution im2col",
  algorithm: { algorithm: "im2col" },
  forward: ["im2col.wgsl"],
  inputGradient: ["col2im.wgsl"],
  weightGradient: ["im2col.wgsl"],
  draws: 100,
  // A block of matmul adds up to 16 steps of its depth beyond the terms; the sum over the images has its own passes.
  bound: (result, magnitude, terms) => sums(result, magnitude, terms + 24),
});

/** The rows of convolutions and pools. */
export const CONVOLUTION_ROWS: readonly Row[] = [
  ...convolutionRows,
  ...manyFiltersRows,
  ...gemmRows,
  ...im2colRows,
  ...poolRows,
];
