/**
 * The geometry of windows that slide over an input: what the options of a convolution or a pool mean for
 * an input of given shape. The reference, the operations and the layers all ask here, so that they agree.
 *
 * @module
 */

import { ShapeError } from "./errors.ts";
import { checkShape, formatShape, type Shape } from "./shape.ts";
import {
  checkConvolutionOptions,
  checkPoolOptions,
  type ConvolutionOptions,
  type FilterOptions,
  type PoolOptions,
  type SlidingWindow,
} from "./window_options.ts";

/** A window that slides over an input: every list has one entry for each spatial dimension. */
export interface WindowGeometry {
  /** The number of spatial dimensions, 1 to 3. */
  readonly dims: number;
  /** The channels of the input. */
  readonly channels: number;
  /** The size of the input, without the padding. */
  readonly input: readonly number[];
  /** The size of the window in taps. */
  readonly kernel: readonly number[];
  /** The number of windows. */
  readonly output: readonly number[];
  /** The distance of windows. */
  readonly strides: readonly number[];
  /** The distance of taps. */
  readonly dilation: readonly number[];
  /** The padding in front of the input: window 0 begins at −padBefore. */
  readonly padBefore: readonly number[];
  /** The padding behind the input; the last window may end before its end, or with `ceilMode` behind it. */
  readonly padAfter: readonly number[];
}

/** A convolution of an input of known shape; filter f reads the channels of group ⌊f · groups / filters⌋. */
export interface ConvolutionGeometry extends WindowGeometry {
  /** The channels of the output. */
  readonly filters: number;
  /** The number of groups, which divides channels and filters. */
  readonly groups: number;
}

/** What one element of a layer's output sees of the network's input. */
export interface ReceptiveField {
  /** The elements of the input that it depends on, along each spatial dimension. */
  readonly size: readonly number[];
  /** The distance, in elements of the input, between what neighbouring outputs see. */
  readonly jump: readonly number[];
}

/**
 * What the options of a convolution mean for an input.
 *
 * output = ⌊(input + padBefore + padAfter − span) / stride⌋ + 1 with span = (kernel − 1) · dilation + 1; or
 * for padding "same", ⌈input / stride⌉
 *
 * Shape: input [c, …in], weight [f, c / groups, …k] → output [f, …out], without the batch.
 *
 * @param inputShape The channels and the spatial dimensions, 1 to 3.
 * @param weight The shape of the weights, or the number and the size of the filters.
 * @param what Names the operation in errors.
 * @throws {OptionError} if an option is wrong for every input.
 * @throws {ShapeError} if input, weights and options do not fit together.
 */
export function resolveConvolution(
  inputShape: Shape,
  weight: Shape | FilterOptions,
  options: ConvolutionOptions = {},
  what = "convolution",
): ConvolutionGeometry {
  const { dims, channels, input } = splitInput(inputShape, what);
  const given = "filters" in weight ? weight : filtersOf(weight, dims, what);
  const resolved = checkConvolutionOptions(dims, given, options, what);
  const { filters, kernel, groups } = resolved;
  if (channels % groups !== 0) {
    throw new ShapeError(
      `${what}: groups: expected a divisor of the ${channels} channels, got ${groups}`,
    );
  }
  if (!("filters" in weight) && weight[1] !== channels / groups) {
    const expected = formatShape([filters, channels / groups, ...kernel]);
    throw new ShapeError(
      `${what}: weight: expected shape ${expected} for ${channels} channels in ${groups} groups, ` +
        `got ${formatShape(weight)}`,
    );
  }
  return { dims, channels, filters, groups, ...slide(input, resolved, false, what) };
}

/**
 * What the options of a pool mean for an input. Every window has at least one element of the input.
 *
 * output = ⌊(input + padBefore + padAfter − poolSize) / stride⌋ + 1, with `ceilMode` rounded up; or for
 * padding "same", ⌈input / stride⌉
 *
 * Shape: input [c, …in] → output [c, …out], without the batch.
 *
 * @param inputShape The channels and the spatial dimensions, 1 to 3.
 * @param what Names the operation in errors.
 * @throws {OptionError} if an option is wrong for every input.
 * @throws {ShapeError} if input and options do not fit together.
 */
export function poolGeometry(
  inputShape: Shape,
  options: PoolOptions,
  what = "pool",
): WindowGeometry {
  const { dims, channels, input } = splitInput(inputShape, what);
  const window = checkPoolOptions(dims, options, what);
  const geometry = { dims, channels, ...slide(input, window, options.ceilMode ?? false, what) };
  if (geometry.output.some((size, i) => size > 0 && input[i] === 0)) {
    throw new ShapeError(
      `${what}: expected an input with elements, got ${formatShape(inputShape)}`,
    );
  }
  return geometry;
}

/**
 * The receptive field behind a further window.
 *
 * size = size + (kernel − 1) · dilation · jump, jump = jump · stride
 *
 * @param before The field in front of the window; without it, that of the input: size 1, jump 1.
 */
export function growReceptiveField(
  before: ReceptiveField | undefined,
  window: Pick<WindowGeometry, "kernel" | "strides" | "dilation">,
): ReceptiveField {
  const { kernel, strides, dilation } = window;
  const { size, jump } = before ?? { size: kernel.map(() => 1), jump: kernel.map(() => 1) };
  return {
    size: kernel.map((taps, i) => size[i]! + (taps - 1) * dilation[i]! * jump[i]!),
    jump: strides.map((stride, i) => stride * jump[i]!),
  };
}

/** The same geometry in more spatial dimensions: those in front have one element and a window of one. */
export function liftDimensions<G extends WindowGeometry>(geometry: G, dims: number): G {
  const lift = (list: readonly number[], value: number): number[] => [
    ...new Array<number>(dims - geometry.dims).fill(value),
    ...list,
  ];
  return {
    ...geometry,
    dims,
    input: lift(geometry.input, 1),
    kernel: lift(geometry.kernel, 1),
    output: lift(geometry.output, 1),
    strides: lift(geometry.strides, 1),
    dilation: lift(geometry.dilation, 1),
    padBefore: lift(geometry.padBefore, 0),
    padAfter: lift(geometry.padAfter, 0),
  };
}

function splitInput(
  shape: Shape,
  what: string,
): { dims: number; channels: number; input: readonly number[] } {
  checkShape(shape, `${what}: input`);
  const [channels, ...input] = shape;
  if (channels === undefined || input.length < 1 || input.length > 3) {
    throw new ShapeError(
      `${what}: input: expected channels and 1 to 3 spatial dimensions, got ${formatShape(shape)}`,
    );
  }
  return { dims: input.length, channels, input };
}

function filtersOf(weightShape: Shape, dims: number, what: string): FilterOptions {
  checkShape(weightShape, `${what}: weight`);
  const [filters, , ...kernelSize] = weightShape;
  if (filters === undefined || kernelSize.length !== dims || kernelSize.includes(0)) {
    throw new ShapeError(
      `${what}: weight: expected [filters, channels / groups, …kernel] with ${dims} kernel ` +
        `dimensions of at least 1, got ${formatShape(weightShape)}`,
    );
  }
  return { filters, kernelSize };
}

/** Slides a window over an input; `input` and the lists of the window have the same length. */
function slide(
  input: readonly number[],
  { kernel, strides, dilation, padding }: SlidingWindow,
  ceilMode: boolean,
  what: string,
): Omit<WindowGeometry, "dims" | "channels"> {
  const span = kernel.map((taps, i) => (taps - 1) * dilation[i]! + 1);
  if (padding === "same") {
    const output = input.map((size, i) => Math.ceil(size / strides[i]!));
    const total = input.map((size, i) =>
      Math.max(0, (output[i]! - 1) * strides[i]! + span[i]! - size)
    );
    const padBefore = total.map((size) => Math.floor(size / 2));
    const padAfter = total.map((size, i) => size - padBefore[i]!);
    return { input, kernel, output, strides, dilation, padBefore, padAfter };
  }
  const padBefore = padding.map(([before]) => before);
  const padAfter = padding.map(([, after]) => after);
  const padded = input.map((size, i) => padBefore[i]! + size + padAfter[i]!);
  // With ceilMode the first window may already hang over the end, by less than a stride.
  if (padded.some((size, i) => size + (ceilMode ? strides[i]! - 1 : 0) < span[i]!)) {
    throw new ShapeError(
      `${what}: expected a padded input of at least ${formatShape(span)}, which the kernel ` +
        `${formatShape(kernel)} spans with dilation ${formatShape(dilation)}, got ` +
        `${formatShape(padded)} from the input ${formatShape(input)}`,
    );
  }
  const output = padded.map((size, i) => {
    const stride = strides[i]!;
    const steps = (size - span[i]!) / stride;
    if (!ceilMode) return Math.floor(steps) + 1;
    const beginsInside = Math.ceil(steps) * stride < padBefore[i]! + input[i]!;
    return beginsInside ? Math.ceil(steps) + 1 : Math.floor(steps) + 1;
  });
  return { input, kernel, output, strides, dilation, padBefore, padAfter };
}
