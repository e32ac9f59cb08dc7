/**
 * The options of convolutions and pools: their types, their checks, and the lists that they stand for.
 * What they mean for an input of given shape is the matter of `convolution_shape.ts`.
 *
 * @module
 */

import { OptionError } from "./errors.ts";
import { checkNumber } from "./options.ts";

/** One number for all spatial dimensions, or a list of one for each. */
export type PerDimension = number | readonly number[];

/**
 * How many zeros are put around the input.
 *
 * - a number: as many on every side
 * - a list, one entry for each spatial dimension: a number for both its sides, or a pair [before, after]
 * - "valid": none
 * - "same": so many that the output has ⌈input / stride⌉ elements, the odd one after (TensorFlow's rule)
 */
export type Padding =
  | number
  | "valid"
  | "same"
  | readonly (number | readonly [before: number, after: number])[];

/** How a filter moves over the input. */
export interface ConvolutionOptions {
  /** The distance between neighbouring outputs, 1 or more, in elements of the input. Default: 1. */
  readonly strides?: PerDimension;
  /** The zeros around the input. Default: "valid". */
  readonly padding?: Padding;
  /** The distance between neighbouring weights, 1 or more, in elements of the input. Default: 1. */
  readonly dilation?: PerDimension;
  /** Channels and filters fall into this many groups that know nothing of each other. Default: 1. */
  readonly groups?: number;
}

/** How many filters there are, and their size. */
export interface FilterOptions {
  /** The number of filters, which is that of the output's channels. */
  readonly filters: number;
  /** The number of weights along each spatial dimension, 1 or more. */
  readonly kernelSize: PerDimension;
}

/** How a pool moves over the input. */
export interface PoolOptions {
  /** The size of the window, 1 or more. */
  readonly poolSize: PerDimension;
  /** The distance between neighbouring windows, 1 or more. Default: `poolSize`. */
  readonly strides?: PerDimension;
  /** What surrounds the input, on each side less than `poolSize`. Default: "valid". */
  readonly padding?: Padding;
  /**
   * Whether a last window that hangs over the end counts, so that the size of the output is rounded up
   * instead of down. A window that would begin behind the input is left out all the same. Default: false.
   */
  readonly ceilMode?: boolean;
}

/** The options of a window as lists, before the input is known. */
export interface SlidingWindow {
  /** The size of the window in taps. */
  readonly kernel: readonly number[];
  /** The distance of windows. */
  readonly strides: readonly number[];
  /** The distance of taps. */
  readonly dilation: readonly number[];
  /** The padding of every dimension, or "same", which depends on the input. */
  readonly padding: "same" | readonly (readonly [before: number, after: number])[];
}

/**
 * Checks the options of a convolution as far as they are wrong or right for every input, for the
 * constructors of layers.
 *
 * @param dims The number of spatial dimensions, 1 to 3.
 * @param what Names the layer in errors.
 * @returns The options as lists.
 * @throws {OptionError} naming the option, what was expected and what came.
 */
export function checkConvolutionOptions(
  dims: number,
  { filters, kernelSize }: FilterOptions,
  options: ConvolutionOptions,
  what: string,
): SlidingWindow & { readonly filters: number; readonly groups: number } {
  const { strides = 1, padding = "valid", dilation = 1, groups = 1 } = options;
  checkNumber(filters, `${what}: filters`, { min: 0, integer: true });
  checkNumber(groups, `${what}: groups`, { min: 1, integer: true });
  if (filters % groups !== 0) {
    throw new OptionError(
      `${what}: groups: expected a divisor of the ${filters} filters, got ${groups}`,
    );
  }
  return {
    filters,
    groups,
    kernel: perDimension(kernelSize, dims, `${what}: kernelSize`),
    strides: perDimension(strides, dims, `${what}: strides`),
    dilation: perDimension(dilation, dims, `${what}: dilation`),
    padding: paddingPairs(padding, dims, `${what}: padding`),
  };
}

/**
 * Checks the options of a pool as far as they are wrong or right for every input, for the constructors
 * of layers.
 *
 * @param dims The number of spatial dimensions, 1 to 3.
 * @param what Names the layer in errors.
 * @returns The options as lists.
 * @throws {OptionError} naming the option, what was expected and what came.
 */
export function checkPoolOptions(dims: number, options: PoolOptions, what: string): SlidingWindow {
  const { poolSize, strides = poolSize, padding = "valid", ceilMode = false } = options;
  const kernel = perDimension(poolSize, dims, `${what}: poolSize`);
  const pairs = paddingPairs(padding, dims, `${what}: padding`);
  if (pairs !== "same") {
    pairs.forEach((pair, i) => {
      const wrong = pair.find((size) => size >= kernel[i]!);
      if (wrong === undefined) return;
      throw new OptionError(
        `${what}: padding: expected less than the pool size ${kernel[i]}, got ${wrong}`,
      );
    });
  }
  if (typeof ceilMode !== "boolean") {
    throw new OptionError(`${what}: ceilMode: expected true or false, got ${ceilMode}`);
  }
  return {
    kernel,
    strides: perDimension(strides, dims, `${what}: strides`),
    dilation: kernel.map(() => 1),
    padding: pairs,
  };
}

/** One number of at least 1 for each dimension. */
function perDimension(value: PerDimension, dims: number, what: string): readonly number[] {
  if (typeof value === "number") {
    checkNumber(value, what, { min: 1, integer: true });
    return new Array<number>(dims).fill(value);
  }
  checkList(value, dims, what);
  value.forEach((entry, i) => checkNumber(entry, `${what}[${i}]`, { min: 1, integer: true }));
  return [...value];
}

function paddingPairs(padding: Padding, dims: number, what: string): SlidingWindow["padding"] {
  if (padding === "same") return "same";
  const list = padding === "valid" ? 0 : padding;
  if (typeof list === "number") {
    checkNumber(list, what, { min: 0, integer: true });
    return Array.from({ length: dims }, () => [list, list] as const);
  }
  checkList(list, dims, what, ' of numbers and [before, after] pairs, "valid" or "same"');
  return list.map((entry, i) => {
    const pair: readonly number[] = typeof entry === "number" ? [entry, entry] : entry;
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw new OptionError(
        `${what}[${i}]: expected a number or a pair [before, after], got ${show(entry)}`,
      );
    }
    pair.forEach((size) => checkNumber(size, `${what}[${i}]`, { min: 0, integer: true }));
    return [pair[0]!, pair[1]!] as const;
  });
}

function checkList(value: unknown, dims: number, what: string, alternatives = ""): void {
  if (Array.isArray(value) && value.length === dims) return;
  throw new OptionError(
    `${what}: expected a number or a list of length ${dims}${alternatives}, got ${show(value)}`,
  );
}

/** A value as an error shows it: lists in brackets. */
function show(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`;
  return typeof value === "string" ? `"${value}"` : String(value);
}
