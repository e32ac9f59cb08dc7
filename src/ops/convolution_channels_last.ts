/**
 * Images with the channels of a group as the fastest dimension, as matrix products read them.
 *
 * @module
 */

import text from "../../kernels/convolution_channels_last.wgsl" with { type: "text" };
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { formatShape, sizeOf } from "../shape.ts";
import type { ImageRange } from "./convolution_method.ts";
import { perAxis, workgroupsFor } from "./launch.ts";

const FAMILY = new KernelFamily("convolution/channelsLast", [
  { name: "convolution_channels_last.wgsl", text },
]);

/** The zeros around an image: where it begins, and how much there is with them; depth, height, width. */
export interface Frame {
  /** Zeros in front of the image; negative if its first elements are left out. */
  readonly before: readonly number[];
  /** Positions in all; the image may reach beyond. */
  readonly extent: readonly number[];
}

/** An image without zeros around it. */
export function bareFrame(size: readonly number[]): Frame {
  return { before: size.map(() => 0), extent: size };
}

/** Images in groups of channels. */
export interface GroupedImages {
  readonly groups: number;
  /** Of a group. */
  readonly channels: number;
  /** Depth, height, width. */
  readonly size: readonly number[];
}

/** Bytes of {@linkcode channelsLast}. */
export function channelsLastBytes(
  images: number,
  { groups }: GroupedImages,
  { extent }: Frame,
  padded: number,
): number {
  return 4 * images * groups * sizeOf(extent) * padded;
}

/**
 * A part of the batch in frames, channels last. Shape: y [n, groups · channels, …size] → [count · groups, …extent, padded].
 *
 * @param padded Channels of a group with the zeros behind them, a multiple of 4.
 */
export function channelsLast(
  recorder: Recorder,
  y: Tensor,
  { first, count }: ImageRange,
  { groups, channels, size }: GroupedImages,
  { before, extent }: Frame,
  padded: number,
): Tensor {
  const z = recorder.empty([count * groups, ...extent, padded], y.type);
  recorder.dispatch({
    label: `channels last ${formatShape(y.shape)}`,
    kernel: FAMILY.variant(),
    tensors: { y, z },
    uniforms: {
      length: z.size / 4,
      first: first * groups,
      rows: channels,
      padded: padded / 4,
      ...perAxis("in", size),
      ...perAxis("ext", extent),
      ...perAxis("before", before),
    },
    workgroups: workgroupsFor(z.size / 4),
  });
  return z;
}
