/**
 * The direct convolution: outputs in registers, no workspace but the packed weights, and where it pays a copy of the images in a
 * texture.
 *
 * @module
 */

import type { ConvolutionGeometry } from "../convolution_shape.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { copyRowsToTexture } from "../gpu/texture.ts";
import { formatShape, sizeOf } from "../shape.ts";
import {
  type ConvolutionMethod,
  type ConvolutionPass,
  type ConvolutionTask,
  MAX_TRIPS,
  type MethodOptions,
} from "./convolution_method.ts";
import { type DirectLaunch, planDirect } from "./convolution_direct_tiles.ts";
import {
  forwardPass,
  inputGradientPasses,
  packWeights,
  type Pass,
  passesOf,
  tapsOf,
} from "./convolution_passes.ts";
import { directWeightGradient, planDirectWeightGradient } from "./convolution_weight_gradient.ts";
import { type Epilogue, epilogueLaunch } from "./epilogue.ts";
import { perAxis } from "./launch.ts";

/** Why the direct kernels cannot take a convolution: an invocation would loop for too long. */
function directRefusal(
  _pass: ConvolutionPass,
  { channels, filters, groups, kernel }: ConvolutionGeometry,
): string | undefined {
  const trips = Math.max(channels, filters) / groups * sizeOf(kernel.slice(0, -1));
  if (trips <= MAX_TRIPS) return undefined;
  return `channels (or filters) · kernel without its width may be ${MAX_TRIPS} in a group, got ${trips}`;
}

/** y = f(x ⋆ w + b). Shapes as in `conv2d`; `out` is written. */
function forward(
  recorder: Recorder,
  { geometry }: ConvolutionTask,
  x: Tensor,
  weight: Tensor,
  epilogue: Epilogue,
  out: Tensor,
  options: MethodOptions,
): void {
  const passes = [forwardPass(geometry)];
  computePasses(recorder, "convolution", x, weight, passes, epilogue, out, options);
}

/** dx = dy ∗ w, one dispatch for each residue of the strides. */
function inputGradient(
  recorder: Recorder,
  { geometry }: ConvolutionTask,
  dy: Tensor,
  weight: Tensor,
  epilogue: Epilogue,
  out: Tensor,
  options: MethodOptions,
): void {
  const what = "convolution input gradient";
  const passes = inputGradientPasses(geometry);
  computePasses(recorder, what, dy, weight, passes, epilogue, out, options);
}

function computePasses(
  recorder: Recorder,
  what: string,
  x: Tensor,
  weight: Tensor,
  passes: readonly Pass[],
  epilogue: Epilogue,
  y: Tensor,
  options: MethodOptions,
): void {
  const plan = planDirect(passes, x.shape[0]!, options);
  const label = `${what} ${formatShape(x.shape)} ${formatShape(weight.shape)}`;
  const source = plan.textures ? copyRowsToTexture(recorder, `${label}, copy`, x, 0, x.shape) : x;
  passes.forEach((pass, i) => {
    computePass(recorder, label, source, weight, pass, plan.launches[i]!, epilogue, y);
  });
  if (source !== x) recorder.release(source);
}

function computePass(
  recorder: Recorder,
  label: string,
  x: Tensor | Tensor<"texture">,
  weight: Tensor,
  pass: Pass,
  { family, parameters, uniforms, workgroups, padded }: DirectLaunch,
  epilogue: Epilogue,
  y: Tensor,
): void {
  const { axes: [d, h, w], groups, summed, produced } = pass;
  const batch = x.shape[0]!;
  const { taps, none } = tapsOf(pass);
  const packed = packWeights(recorder, weight, pass, "channelsFirst", summed, padded);
  const end = epilogueLaunch(epilogue);
  recorder.dispatch({
    label,
    kernel: family.variant({ ...end.parameters, ...parameters }),
    tensors: { x, weight: packed, y, ...end.tensors },
    uniforms: {
      ...uniforms,
      groups,
      channels: none ? 0 : summed,
      filters: produced,
      in_d: d.input,
      in_h: h.input,
      ...perAxis("grid", [d.grid, h.grid, w.grid]),
      ...perAxis("out", [d.output, h.output, w.output]),
      k_d: taps[0]!,
      stride_d: d.stride,
      stride_h: h.stride,
      dilation_d: d.dilation,
      dilation_h: h.dilation,
      ...perAxis("pad", [d.pad, h.pad, w.pad]),
      ...perAxis("out_step", [d.outStep, h.outStep, w.outStep]),
      ...perAxis("out_first", [d.outFirst, h.outFirst, w.outFirst]),
    },
    workgroups,
    flops: none ? 0 : 2 * batch * groups * produced * summed * d.grid * h.grid * w.grid *
      taps[0]! * taps[1]! * taps[2]!,
  });
  recorder.release(packed);
}

/** The packed weights and the copy of the images; of the gradient to the weights, what its own file says. */
function workspace(
  pass: ConvolutionPass,
  geometry: ConvolutionGeometry,
  count: number,
  options: MethodOptions,
  whole: number,
): readonly number[] {
  if (pass === "weightGradient") {
    return planDirectWeightGradient(geometry, count, options, whole).workspace;
  }
  return planDirect(passesOf(pass, geometry), count, options).workspace;
}

/** Whether images would be copied into textures. */
export function readsTextures(
  pass: ConvolutionPass,
  geometry: ConvolutionGeometry,
  images: number,
  options: MethodOptions,
): boolean {
  return pass === "weightGradient"
    ? planDirectWeightGradient(geometry, images, options, images).plan.textures
    : planDirect(passesOf(pass, geometry), images, options).textures;
}

/** The direct method: least memory, and for few input channels the fastest. */
export const DIRECT_METHOD: ConvolutionMethod = {
  refusal: directRefusal,
  workspace,
  forward,
  inputGradient,
  weightGradient: directWeightGradient,
};
