/**
 * Which kernel variants a pool and its gradient take, and how they are launched.
 *
 * @module
 */

import disjointText from "../../kernels/pool_gradient_disjoint.wgsl" with { type: "text" };
import { liftDimensions, type WindowGeometry } from "../convolution_shape.ts";
import type { KernelParameters } from "../gpu/expand.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Dispatch } from "../gpu/recorder.ts";
import { type Shape, sizeOf } from "../shape.ts";
import { perAxis, workgroupsFor } from "./launch.ts";

const DISJOINT_GRADIENT = new KernelFamily("poolGradient/disjoint", [
  { name: "pool_gradient_disjoint.wgsl", text: disjointText },
]);

/** Elements of a window that are written out one by one. */
const UNROLLED_ELEMENTS = 16;

/** Parameters of a pool: whether a window is small and always inside the input. */
export function unrolled(geometry: WindowGeometry): KernelParameters {
  const { input, output, kernel, strides, padBefore } = liftDimensions(geometry, 3);
  const inside = output.every((count, i) =>
    padBefore[i] === 0 && (count - 1) * strides[i]! + kernel[i]! <= input[i]!
  );
  const UNROLL = inside && sizeOf(kernel) <= UNROLLED_ELEMENTS;
  const [K_D, K_H, K_W] = UNROLL ? kernel as [number, number, number] : [0, 0, 0];
  return { UNROLL, K_D, K_H, K_W };
}

/** Windows side by side that one invocation takes. */
const WINDOWS_OF_RUN = 2;

/** The launch of a gradient over windows that do not overlap; undefined if they do, or are large, or volumes. */
export function disjointLaunch(
  geometry: WindowGeometry,
  inputShape: Shape,
): Pick<Dispatch, "kernel" | "uniforms" | "workgroups"> | undefined {
  const { input, output, kernel, strides, padBefore } = liftDimensions(geometry, 3);
  const [inD, inH, inW] = input as [number, number, number];
  const [kD, kH, kW] = kernel as [number, number, number];
  const apart = kernel.every((size, i) => size === strides[i] && padBefore[i] === 0);
  if (!apart || inD !== 1 || kD !== 1 || kH * kW > UNROLLED_ELEMENTS) return undefined;
  const strips = Math.ceil(inH / kH);
  const runsOfRow = Math.ceil(inW / kW / WINDOWS_OF_RUN);
  const runs = inputShape[0]! * inputShape[1]! * strips * runsOfRow;
  return {
    kernel: DISJOINT_GRADIENT.variant({
      K_H: kH,
      K_W: kW,
      RUN: WINDOWS_OF_RUN,
      WHOLE: inW % (kW * WINDOWS_OF_RUN) === 0,
    }),
    uniforms: {
      runs,
      runs_w: runsOfRow,
      strips,
      in_h: inH,
      in_w: inW,
      out_h: output[1]!,
      out_w: output[2]!,
    },
    workgroups: workgroupsFor(runs),
  };
}

/** Neighbours of a row whose gradients one invocation computes: dividing for each of them would take longer than its sum. */
const RUN = 4;
/** Windows along the width over one position that are written out one by one. */
const UNROLLED_WINDOWS = 4;

/** The kernel and the launch of a gradient. */
export function gradientLaunch(
  family: KernelFamily,
  mode: KernelParameters,
  geometry: WindowGeometry,
  inputShape: Shape,
): Pick<Dispatch, "kernel" | "uniforms" | "workgroups"> {
  const width = inputShape.at(-1)!;
  const [size, stride] = [geometry.kernel.at(-1)!, geometry.strides.at(-1)!];
  const windows = Math.ceil(size / stride);
  const unroll = windows <= UNROLLED_WINDOWS;
  const run = unroll ? RUN : 1;
  const runsOfRow = Math.ceil(width / run);
  const runs = sizeOf(inputShape.slice(0, -1)) * runsOfRow;
  return {
    kernel: family.variant({
      ...mode,
      RUN: run,
      K_W: size,
      STRIDE_W: stride,
      UNROLL: unroll,
      WINDOWS: unroll ? windows : 0,
    }),
    uniforms: { runs, runs_w: runsOfRow, ...uniformsOf(geometry) },
    workgroups: workgroupsFor(runs),
  };
}

/** The numbers that kernels of pools share. */
export function uniformsOf(geometry: WindowGeometry): Record<string, number> {
  const { input, output, kernel, strides, padBefore, padAfter } = liftDimensions(geometry, 3);
  return {
    ...perAxis("in", input),
    ...perAxis("out", output),
    ...perAxis("k", kernel),
    ...perAxis("stride", strides),
    ...perAxis("pad", padBefore),
    ...perAxis("after", padAfter),
  };
}
