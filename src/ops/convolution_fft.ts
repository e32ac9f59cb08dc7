/**
 * Convolution by Fourier transforms: the image in tiles that overlap, and for each frequency a matrix product over the channels.
 *
 * Filter and tile are transformed with N elements along an axis, so that their circular correlation
 * Y[i] = Σ_t tile[(i + t) mod N] · w[t], whose transform is X · W*, has N − span + 1 outputs that do not wrap around.
 *
 * @module
 */

import { type ConvolutionGeometry, liftDimensions } from "../convolution_shape.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { formatShape } from "../shape.ts";
import {
  type FftConvolutionPlan,
  fftConvolutionPlan,
  fftConvolutionWorkspace,
  originOf,
} from "./convolution_fft_plan.ts";
import {
  type ConvolutionMethod,
  type ConvolutionPass,
  type ConvolutionTask,
  type ImageRange,
  sumOverParts,
} from "./convolution_method.ts";
import {
  emptySpectra,
  imageItems,
  invertProduct,
  spectraIn,
  weightItems,
} from "./convolution_spectra.ts";
import type { Epilogue } from "./epilogue.ts";
import { type ImagePlacement, pairOf } from "./fft_layout.ts";
import { LONGEST_LINE } from "./fft_plan.ts";
import { forwardTransform } from "./fft_transform.ts";

function refusal(
  _pass: ConvolutionPass,
  { dims, strides, kernel, dilation }: ConvolutionGeometry,
): string | undefined {
  if (dims > 2) return `expected one or two dimensions of space, got ${dims}`;
  if (strides.some((stride) => stride !== 1)) {
    return `expected strides of 1, got ${formatShape(strides)}`;
  }
  const span = Math.max(...kernel.map((taps, i) => (taps - 1) * dilation[i]! + 1));
  if (2 * span > LONGEST_LINE) {
    return `a filter may span ${LONGEST_LINE / 2} elements of a line, got ${span}`;
  }
  return undefined;
}

/** y = f(x ⋆ w + b): the sum over channels of X[q] · W*[q], for every tile of x. */
function forward(
  recorder: Recorder,
  task: ConvolutionTask,
  x: Tensor,
  weight: Tensor,
  epilogue: Epilogue,
  y: Tensor,
): void {
  throughFilters(recorder, "forward", task, x, weight, epilogue, y);
}

/** dx = dy ∗ w: the same with dy for x, and filters turned by 180° that change places with the channels. */
function inputGradient(
  recorder: Recorder,
  task: ConvolutionTask,
  dy: Tensor,
  weight: Tensor,
  epilogue: Epilogue,
  dx: Tensor,
): void {
  throughFilters(recorder, "inputGradient", task, dy, weight, epilogue, dx);
}

function throughFilters(
  recorder: Recorder,
  pass: "forward" | "inputGradient",
  { geometry, parts }: ConvolutionTask,
  input: Tensor,
  weight: Tensor,
  epilogue: Epilogue,
  output: Tensor,
): void {
  const g = liftDimensions(geometry, 2);
  const { channels, filters, groups } = geometry;
  const turned = pass === "inputGradient";
  const [inputs, outputs] = turned ? [filters, channels] : [channels, filters];
  const [inputSize, outputSize] = turned ? [g.output, g.input] : [g.input, g.output];
  const whole = imagesOf(parts);
  const all = fftConvolutionPlan(pass, geometry, whole, whole);
  const filterSpectra = emptySpectra(recorder, all, all.b);
  const map = turned
    ? { outer: "row", inner: "column" } as const
    : { inner: "row", outer: "column" } as const;
  forwardTransform(
    recorder,
    all.bSize,
    {
      ...weightPlacement(weight, geometry, all),
      flip: turned,
      origin: turned ? [all.span[0] - 1, all.span[1] - 1] : [0, 0],
    },
    { ...spectraIn(filterSpectra, all, all.b, weightItems(geometry), map), conjugate: true },
  );
  for (const { first, count } of parts) {
    const plan = fftConvolutionPlan(pass, geometry, count, whole);
    const spectra = emptySpectra(recorder, plan, plan.a);
    forwardTransform(
      recorder,
      plan.aSize,
      {
        ...tilePlacement(input, plan, inputSize, inputs, first),
        origin: originOf(pass, geometry, plan),
        extent: plan.size,
      },
      spectraIn(spectra, plan, plan.a, imageItems(inputs, groups), {
        outer: "row",
        inner: "column",
      }),
    );
    invertProduct(
      recorder,
      plan,
      spectra,
      filterSpectra,
      imageItems(outputs, groups),
      tilePlacement(output, plan, outputSize, outputs, first),
      [spectra],
      epilogue,
    );
  }
  recorder.release(filterSpectra);
}

/**
 * dw = x ⋆ dy: the sum over images and tiles of X[q] · dY*[q], where dy is cut into tiles and x into the larger ones that these
 * meet.
 */
function weightGradient(
  recorder: Recorder,
  task: ConvolutionTask,
  x: Tensor,
  dy: Tensor,
  dw: Tensor,
): void {
  const whole = imagesOf(task.parts);
  sumOverParts(recorder, task, dw, (range, piece) => {
    gradientOfRange(recorder, task.geometry, range, whole, x, dy, piece);
  });
}

function gradientOfRange(
  recorder: Recorder,
  geometry: ConvolutionGeometry,
  { first, count }: ImageRange,
  whole: number,
  x: Tensor,
  dy: Tensor,
  dw: Tensor,
): void {
  const g = liftDimensions(geometry, 2);
  const { channels, filters, groups } = geometry;
  const plan = fftConvolutionPlan("weightGradient", geometry, count, whole);
  const map = { outer: "row", inner: "column" } as const;
  const xSpectra = emptySpectra(recorder, plan, plan.a);
  forwardTransform(
    recorder,
    plan.aSize,
    {
      ...tilePlacement(x, plan, g.input, channels, first),
      origin: originOf("weightGradient", geometry, plan),
      extent: plan.size,
    },
    spectraIn(xSpectra, plan, plan.a, imageItems(channels, groups), map),
  );
  const dySpectra = emptySpectra(recorder, plan, plan.b);
  forwardTransform(
    recorder,
    plan.bSize,
    tilePlacement(dy, plan, g.output, filters, first),
    {
      ...spectraIn(dySpectra, plan, plan.b, imageItems(filters, groups), map),
      conjugate: true,
    },
  );
  invertProduct(
    recorder,
    plan,
    xSpectra,
    dySpectra,
    weightItems(geometry),
    weightPlacement(dw, geometry, plan),
    [xSpectra, dySpectra],
  );
}

function imagesOf(parts: readonly ImageRange[]): number {
  return parts.reduce((sum, { count }) => sum + count, 0);
}

/** The weights [filters · channels of a group, kh, kw], their taps spread by the dilation. */
function weightPlacement(
  tensor: Tensor,
  geometry: ConvolutionGeometry,
  { span }: FftConvolutionPlan,
): ImagePlacement {
  const { kernel, dilation } = liftDimensions(geometry, 2);
  return {
    tensor,
    size: pairOf(kernel),
    inner: geometry.channels / geometry.groups,
    extent: span,
    spread: pairOf(dilation),
  };
}

/** Tiles of the images from `first` on, beside one another. */
function tilePlacement(
  tensor: Tensor,
  { tiles, tile }: FftConvolutionPlan,
  size: readonly number[],
  planes: number,
  first: number,
): ImagePlacement {
  return {
    tensor,
    size: pairOf(size),
    inner: planes,
    first: first * planes,
    tiles,
    step: tile,
    extent: tile,
  };
}

/** The way by Fourier transforms: what it costs hardly depends on the size of the filters. */
export const FFT_METHOD: ConvolutionMethod = {
  refusal,
  workspace: fftConvolutionWorkspace,
  forward,
  inputGradient,
  weightGradient,
};
