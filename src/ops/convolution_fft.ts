/**
 * Convolution by Fourier transforms: the image in tiles that overlap, and for each frequency a matrix product over the channels.
 *
 * @module
 */

import { type ConvolutionGeometry, liftDimensions } from "../convolution_shape.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { formatShape } from "../shape.ts";
import {
  type ComplexMatrix,
  type FftConvolutionPlan,
  fftConvolutionPlan,
  fftConvolutionWorkspace,
  originOf,
  storedSize,
} from "./convolution_fft_plan.ts";
import {
  type ConvolutionMethod,
  type ConvolutionPass,
  type ConvolutionTask,
  type Epilogue,
  type ImageRange,
  sumOverParts,
} from "./convolution_method.ts";
import { LONGEST_LINE } from "./fft_plan.ts";
import {
  forwardTransform,
  type ImagePlacement,
  inverseTransform,
  type Pair,
  type SpectrumPlacement,
} from "./fft_transform.ts";
import { batchedMatmul } from "./matmul.ts";

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

/** Y[q] = Σ_c X_c[q] · W*_c[q] for every tile of x. */
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

/** The same with dy for x and filters that are turned by 180° and change places with the channels. */
function inputGradient(
  recorder: Recorder,
  task: ConvolutionTask,
  dy: Tensor,
  weight: Tensor,
  dx: Tensor,
): void {
  const epilogue = { bias: undefined, activation: "linear" as const };
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
  const whole = wholeOf(parts);
  const g = liftDimensions(geometry, 2);
  const { channels, filters, groups } = geometry;
  const turned = pass === "inputGradient";
  const [inputs, outputs] = turned ? [filters, channels] : [channels, filters];
  const shared = fftConvolutionPlan(pass, geometry, whole, whole);
  const filterSpectra = emptySpectra(recorder, shared, shared.b);
  forwardTransform(recorder, shared.bSize, {
    ...weightPlacement(weight, geometry, shared),
    flip: turned,
    origin: turned ? [shared.span[0] - 1, shared.span[1] - 1] : [0, 0],
  }, { ...weightSpectra(filterSpectra, shared, shared.b, geometry, turned), conjugate: true });
  for (const { first, count } of parts) {
    const plan = fftConvolutionPlan(pass, geometry, count, whole);
    const spectra = emptySpectra(recorder, plan, plan.a);
    const tiled = { tiles: plan.tiles, step: plan.tile };
    forwardTransform(recorder, plan.aSize, {
      ...tiled,
      tensor: input,
      size: (turned ? g.output : g.input) as unknown as Pair,
      inner: inputs,
      first: first * inputs,
      origin: originOf(pass, geometry, plan),
      extent: plan.size,
    }, imageSpectra(spectra, plan, plan.a, inputs));
    const products = multiply(recorder, plan, spectra, filterSpectra);
    recorder.release(spectra);
    inverseTransform(recorder, plan.cSize, imageSpectra(products, plan, plan.c, outputs), {
      ...tiled,
      tensor: output,
      size: (turned ? g.input : g.output) as unknown as Pair,
      inner: outputs,
      first: first * outputs,
      extent: plan.tile,
    }, epilogue);
    recorder.release(products);
  }
  recorder.release(filterSpectra);
}

/** dW[q] = Σ X[q] · dY*[q] over images and tiles, where dy is cut into tiles and x into the larger ones that they meet. */
function weightGradient(
  recorder: Recorder,
  task: ConvolutionTask,
  x: Tensor,
  dy: Tensor,
  dw: Tensor,
): void {
  const whole = wholeOf(task.parts);
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
  const { channels, filters } = geometry;
  const plan = fftConvolutionPlan("weightGradient", geometry, count, whole);
  const tiled = { tiles: plan.tiles, step: plan.tile };
  const xSpectra = emptySpectra(recorder, plan, plan.a);
  forwardTransform(recorder, plan.aSize, {
    ...tiled,
    tensor: x,
    size: g.input as unknown as Pair,
    inner: channels,
    first: first * channels,
    origin: originOf("weightGradient", geometry, plan),
    extent: plan.size,
  }, imageSpectra(xSpectra, plan, plan.a, channels));
  const dySpectra = emptySpectra(recorder, plan, plan.b);
  forwardTransform(recorder, plan.bSize, {
    ...tiled,
    tensor: dy,
    size: g.output as unknown as Pair,
    inner: filters,
    first: first * filters,
    extent: plan.tile,
  }, { ...imageSpectra(dySpectra, plan, plan.b, filters), conjugate: true });
  const products = multiply(recorder, plan, xSpectra, dySpectra);
  for (const spectra of [xSpectra, dySpectra]) recorder.release(spectra);
  inverseTransform(
    recorder,
    plan.cSize,
    weightSpectra(products, plan, plan.c, geometry, false),
    weightPlacement(dw, geometry, plan),
  );
  recorder.release(products);
}

function wholeOf(parts: readonly ImageRange[]): number {
  return parts.reduce((sum, { count }) => sum + count, 0);
}

function emptySpectra(
  recorder: Recorder,
  { frequencies, groups }: FftConvolutionPlan,
  matrix: ComplexMatrix,
): Tensor {
  return recorder.empty([frequencies * groups, storedSize(matrix)]);
}

/** The complex products of all frequencies and groups, as real ones. */
function multiply(
  recorder: Recorder,
  plan: FftConvolutionPlan,
  a: Tensor,
  b: Tensor,
): Tensor {
  const { frequencies, groups, product: { m, k, n, transposeA } } = plan;
  const batches = frequencies * groups;
  return batchedMatmul(
    recorder,
    a.reshape(transposeA ? [batches, k, m] : [batches, m, k]),
    b.reshape([batches, k, n]),
    { transposeA },
  );
}

/** The weights [filters · channels, kh, kw], their taps spread by the dilation. */
function weightPlacement(
  tensor: Tensor,
  geometry: ConvolutionGeometry,
  { span }: FftConvolutionPlan,
): ImagePlacement {
  const { kernel, dilation } = liftDimensions(geometry, 2);
  return {
    tensor,
    size: kernel as unknown as Pair,
    inner: geometry.channels / geometry.groups,
    extent: span,
    spread: dilation as unknown as Pair,
  };
}

/** Spectra of items [image and tile, plane]: a row for each image and tile, the planes of a group in its columns. */
function imageSpectra(
  tensor: Tensor,
  { groups }: FftConvolutionPlan,
  matrix: ComplexMatrix,
  planes: number,
): SpectrumPlacement {
  const { rowStep, ...steps } = stepsOf(matrix);
  return {
    ...steps,
    tensor,
    inner: planes,
    innerGroup: planes / groups,
    innerGroupStep: storedSize(matrix),
    innerStep: 1,
    outerStep: rowStep,
    frequencyStep: groups * storedSize(matrix),
  };
}

/** Spectra of items [filter, channel of its group]: a row for each channel; turned, for each filter. */
function weightSpectra(
  tensor: Tensor,
  { groups }: FftConvolutionPlan,
  matrix: ComplexMatrix,
  { channels, filters }: ConvolutionGeometry,
  turned: boolean,
): SpectrumPlacement {
  const { rowStep, ...steps } = stepsOf(matrix);
  return {
    ...steps,
    tensor,
    inner: channels / groups,
    innerStep: turned ? 1 : rowStep,
    outerGroup: filters / groups,
    outerGroupStep: storedSize(matrix),
    outerStep: turned ? rowStep : 1,
    frequencyStep: groups * storedSize(matrix),
  };
}

/** Where the parts of a complex number lie in a matrix. */
function stepsOf({ rows, columns, form }: ComplexMatrix) {
  const [right, below] = [columns, rows * 2 * columns];
  const full = (imaginaryStep: number, minusStep: number) => ({
    rowStep: 2 * columns,
    imaginaryStep,
    second: { realStep: right + below, minusStep },
  });
  switch (form) {
    case "stacked":
      return { rowStep: columns, imaginaryStep: rows * columns };
    case "beside":
      return { rowStep: 2 * columns, imaginaryStep: right };
    case "full":
      return full(below, right);
    case "turned":
      return full(right, below);
  }
}

/** The way by Fourier transforms: its cost hardly depends on the size of the filters. */
export const FFT_METHOD: ConvolutionMethod = {
  refusal,
  workspace: fftConvolutionWorkspace,
  forward,
  inputGradient,
  weightGradient,
};
