/**
 * The gradient of a convolution to its weights as an implicit matrix product: filters × outputs times outputs × (channels · taps),
 * the sum over the outputs of the batch split into parts.
 *
 * @module
 */

import registerText from "../../kernels/convolution_gemm_weights_register.wgsl" with {
  type: "text",
};
import { type ConvolutionGeometry, liftDimensions } from "../convolution_shape.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { formatShape, sizeOf } from "../shape.ts";
import {
  bareFrame,
  channelsLast,
  channelsLastBytes,
  type Frame,
} from "./convolution_channels_last.ts";
import {
  type ConvolutionTask,
  type ImageRange,
  type MethodOptions,
  partsWorkspace,
  sumOverParts,
  weightShapeOf,
} from "./convolution_method.ts";
import { perAxis } from "./launch.ts";
import { sum, sumWorkspace } from "./reductions.ts";

const REGISTER = new KernelFamily("convolution/gemmWeightsRegister", [
  { name: "convolution_gemm_weights_register.wgsl", text: registerText },
]);

/** Trips of an invocation's loops: fewer than the 65,535 at which lavapipe stops. */
const MAX_TRIPS = 60_000;
/** Bytes of partial sums that are worth their parallelism. */
const PARTIAL_BYTES = 2 ** 25;
/** Invocations that keep an adapter busy. */
const BUSY = { software: 256, card: 16_384 };

/** vec4s of a side of an invocation's tile, for a number of channels or filters. */
function tileOf(channels: number): { groups: number; tiles: number; padded: number } {
  const groups = channels > 8 ? 4 : channels > 4 ? 2 : 1;
  const tiles = Math.ceil(channels / (4 * groups));
  return { groups, tiles, padded: 4 * groups * tiles };
}

/** Why the kernel cannot take a convolution: an invocation would loop for too long. */
export function gemmWeightGradientRefusal({ output }: ConvolutionGeometry): string | undefined {
  const trips = output.at(-1)! + 1;
  if (trips <= MAX_TRIPS) return undefined;
  return `expected output rows of at most ${MAX_TRIPS - 1}, got ${output.at(-1)}`;
}

function planOf(geometry: ConvolutionGeometry, images: number, { software }: MethodOptions) {
  const g = liftDimensions(geometry, 3);
  const { groups } = g;
  const rows = tileOf(g.filters / groups);
  const columns = tileOf(g.channels / groups);
  const [outD, outH, outW] = g.output as [number, number, number];
  const frame: Frame = {
    before: g.padBefore,
    extent: g.output.map((size, i) =>
      size === 0 ? 0 : (size - 1) * g.strides[i]! + (g.kernel[i]! - 1) * g.dilation[i]! + 1
    ),
  };
  const outputRows = images * outD * outH;
  const itemsOfPart = columns.tiles * sizeOf(g.kernel);
  const busy = software ? BUSY.software : BUSY.card;
  const wanted = Math.ceil(busy / Math.max(1, itemsOfPart * rows.tiles * groups));
  const outputBytes = 4 * sizeOf(weightShapeOf(geometry));
  const affordable = Math.max(1, Math.floor(PARTIAL_BYTES / Math.max(1, outputBytes)));
  const atLeast = Math.ceil(outputRows * (outW + 1) / (MAX_TRIPS / 2));
  const aim = Math.max(1, atLeast, Math.min(wanted, affordable, outputRows));
  const partRows = Math.max(1, Math.ceil(outputRows / aim));
  const parts = Math.max(1, Math.ceil(outputRows / partRows));
  return { g, rows, columns, frame, outputRows, partRows, parts, items: parts * itemsOfPart };
}

/** The framed x and dy, and partial sums. */
export function gemmWeightGradientWorkspace(
  geometry: ConvolutionGeometry,
  count: number,
  options: MethodOptions,
  whole: number,
): readonly number[] {
  const { g, rows, columns, frame, parts } = planOf(geometry, count, options);
  const size = sizeOf(weightShapeOf(geometry));
  const [x, dy] = imagesOf(g);
  return [
    channelsLastBytes(count, x, frame, columns.padded),
    channelsLastBytes(count, dy, bareFrame(g.output), rows.padded),
    ...(parts > 1 ? [4 * parts * size, ...sumWorkspace(options, [parts, size])] : []),
    ...partsWorkspace(geometry, count, whole),
  ];
}

function imagesOf({ groups, channels, filters, input, output }: ConvolutionGeometry) {
  return [
    { groups, channels: channels / groups, size: input },
    { groups, channels: filters / groups, size: output },
  ] as const;
}

/** dw = x ⋆ dy. Shapes as in `conv2dWeightGradient`; `out` is written. */
export function gemmWeightGradient(
  recorder: Recorder,
  task: ConvolutionTask,
  x: Tensor,
  dy: Tensor,
  out: Tensor,
  options: MethodOptions,
): void {
  sumOverParts(recorder, task, out, (range, dw) => {
    gradientOfRange(recorder, task.geometry, range, x, dy, dw, options);
  });
}

function gradientOfRange(
  recorder: Recorder,
  geometry: ConvolutionGeometry,
  range: ImageRange,
  x: Tensor,
  dy: Tensor,
  out: Tensor,
  options: MethodOptions,
): void {
  const plan = planOf(geometry, range.count, options);
  const { g, rows, columns, frame, parts } = plan;
  const [xImages, dyImages] = imagesOf(g);
  const framed = channelsLast(recorder, x, range, xImages, frame, columns.padded);
  const bare = channelsLast(recorder, dy, range, dyImages, bareFrame(g.output), rows.padded);
  const partial = parts === 1 ? out : recorder.empty([parts, ...out.shape]);
  const lanes = options.software ? 8 : 64;
  recorder.dispatch({
    label: `convolution weight gradient gemm ${formatShape(x.shape)} ${formatShape(out.shape)}`,
    kernel: REGISTER.variant({
      LANES: lanes,
      ROW_GROUPS: rows.groups,
      COLUMN_GROUPS: columns.groups,
    }),
    tensors: { x: framed, dy: bare, dw: partial },
    uniforms: {
      items: plan.items,
      part_rows: plan.partRows,
      rows: plan.outputRows,
      row_tiles: rows.tiles,
      column_tiles: columns.tiles,
      groups: g.groups,
      channels: xImages.channels,
      filters: dyImages.channels,
      ...perAxis("ext", frame.extent),
      ...perAxis("out", g.output),
      ...perAxis("k", g.kernel),
      ...perAxis("stride", g.strides),
      ...perAxis("dilation", g.dilation),
    },
    workgroups: rows.tiles * g.groups * Math.ceil(plan.items / lanes),
    flops: 2 * range.count * sizeOf(g.output) * out.size,
  });
  recorder.release(framed);
  recorder.release(bare);
  if (parts > 1) {
    sum(recorder, partial, { axis: 0, out });
    recorder.release(partial);
  }
}
