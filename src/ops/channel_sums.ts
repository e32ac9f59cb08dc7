/**
 * Sums of channels over the batch and all positions: the gradient to the bias of a convolution.
 *
 * @module
 */

import text from "../../kernels/channel_sums.wgsl" with { type: "text" };
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { formatShape, sizeOf } from "../shape.ts";
import { fitBindings } from "./binding_parts.ts";
import { expectShape, vectorLength } from "./launch.ts";
import { sum } from "./reductions.ts";

const FAMILY = new KernelFamily("channelSums", [{ name: "channel_sums.wgsl", text }]);

/** Invocations of a workgroup, which sums one channel. */
const THREADS = { card: 256, software: 64 };
/** Trips of an invocation, at most. */
const MAX_TRIPS = 60_000;

/**
 * y[c] = Σ_n Σ_p x[n, c, p]. Shape: x [n, c, …] → [c]. Error: less than (n · p + 10) · 2⁻²⁴ · Σ|x|.
 *
 * @param out Where to write y. Default: a new tensor.
 * @throws {ShapeError} if `out` has another shape.
 */
export function channelSums(
  recorder: Recorder,
  x: Tensor,
  out: Tensor = recorder.empty([x.shape[1]!]),
): Tensor {
  const [images, channels, ...space] = x.shape as [number, number, ...number[]];
  expectShape(out, [channels], "channelSums: out");
  const { software } = recorder.device.adapter;
  const threads = software ? THREADS.software : THREADS.card;
  const { vector, length } = vectorLength(sizeOf(space));
  // On cards neighbours read neighbouring numbers; where loads are made one by one, each invocation has images to itself.
  const lanes = software
    ? threads / powerOfTwo(Math.min(threads, images))
    : powerOfTwo(Math.min(threads, length));
  const trips = Math.ceil(images * lanes / threads) * (Math.ceil(length / lanes) + 1);
  if (!fitBindings([x]) || trips > MAX_TRIPS) return sumTwice(recorder, x, out);
  recorder.dispatch({
    label: `channel sums ${formatShape(x.shape)}`,
    kernel: FAMILY.variant({
      VECTOR: vector,
      THREADS: threads,
      LANES: lanes,
      HALVES: Array.from({ length: Math.log2(threads) }, (_, i) => threads >> i + 1).join(" "),
    }),
    tensors: { x, y: out },
    uniforms: { images, channels, area: length },
    workgroups: channels,
    flops: x.size,
  });
  return out;
}

/** First the positions of each image, then the images. */
function sumTwice(recorder: Recorder, x: Tensor, out: Tensor): Tensor {
  const [images, channels, ...space] = x.shape as [number, number, ...number[]];
  const ofImages = sum(recorder, x.reshape([images, channels, sizeOf(space)]), { axis: 2 });
  sum(recorder, ofImages, { axis: 0, out });
  recorder.release(ofImages);
  return out;
}

/** The largest power of two that is not larger; 1 for 0. */
function powerOfTwo(value: number): number {
  return 2 ** Math.floor(Math.log2(Math.max(1, value)));
}
