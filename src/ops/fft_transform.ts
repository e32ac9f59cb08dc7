/**
 * Fourier transforms of many real images side by side: from an image, or tiles of it, to a half spectrum, and back.
 *
 * @module
 */

import accessText from "../../kernels/fft_access.wgsl" with { type: "text" };
import butterfliesText from "../../kernels/fft_butterflies.wgsl" with { type: "text" };
import loopText from "../../kernels/fft_loop.wgsl" with { type: "text" };
import passText from "../../kernels/fft_pass.wgsl" with { type: "text" };
import turnText from "../../kernels/fft_turn.wgsl" with { type: "text" };
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { ACTIVATION_SOURCE } from "./activation_source.ts";
import type { Epilogue } from "./convolution_method.ts";
import { type FftPass, fftPasses } from "./fft_plan.ts";
import { NAN_SOURCE, workgroupsFor } from "./launch.ts";

const SHARED = [
  NAN_SOURCE,
  ACTIVATION_SOURCE,
  { name: "fft_turn.wgsl", text: turnText },
  { name: "fft_access.wgsl", text: accessText },
];
const PASS = new KernelFamily("fft/pass", [
  ...SHARED,
  { name: "fft_butterflies.wgsl", text: butterfliesText },
  { name: "fft_pass.wgsl", text: passText },
]);
const LOOP = new KernelFamily("fft/loop", [...SHARED, { name: "fft_loop.wgsl", text: loopText }]);

/** Height and width. */
export type Pair = readonly [height: number, width: number];

/** Transforms of the same size. */
export interface FftSize {
  readonly height: number;
  readonly width: number;
  /** Images that are transformed. */
  readonly items: number;
  /** Rows that are not 0, or forward; that are wanted, inverse. */
  readonly rows: number;
}

/** Which element of a real tensor [planes, h, w] a position of a transform is; outside of it there is 0. */
export interface ImagePlacement {
  readonly tensor: Tensor;
  /** Height and width of a plane. */
  readonly size: Pair;
  /** Items are [image, tile, inner], planes [image, inner]. */
  readonly inner: number;
  /** The plane of the first item. Default 0. */
  readonly first?: number;
  /** Tiles of a plane, and the distance between them. Default: one. */
  readonly tiles?: Pair;
  readonly step?: Pair;
  /** The place of position 0 of tile 0. Default: 0, 0. */
  readonly origin?: Pair;
  /** Whether places run against positions. Default false. */
  readonly flip?: boolean;
  /** Positions that have to do with the image. */
  readonly extent: Pair;
  /** Places from an element to the next. Default 1, 1. */
  readonly spread?: Pair;
}

/** Where the spectrum of item [outer, inner] lies in a real tensor, in floats. */
export interface SpectrumPlacement {
  readonly tensor: Tensor;
  readonly inner: number;
  /** Item [p · outerGroup + q, r · innerGroup + s] begins at p, q, r, s times these. Groups default to one that holds all. */
  readonly outerGroup?: number;
  readonly outerGroupStep?: number;
  readonly outerStep?: number;
  readonly innerGroup?: number;
  readonly innerGroupStep?: number;
  readonly innerStep: number;
  /** From a frequency to the next, [y, v] with v ≤ width / 2. */
  readonly frequencyStep: number;
  /** From the real part to the imaginary part. */
  readonly imaginaryStep: number;
  /** Whether the conjugate is written. Default false. */
  readonly conjugate?: boolean;
  /** Where the real part is written again, and the imaginary part with the other sign. */
  readonly second?: { readonly realStep: number; readonly minusStep: number };
}

type Source = "image" | "complex" | "pairs" | "spectrum" | "merged";
type Target = "image" | "complex" | "spectrum";

/** One dispatch of a transform. */
interface Step {
  readonly axis: "rows" | "columns";
  readonly pass: FftPass;
  /** Product of the radices before. */
  readonly done: number;
  readonly length: number;
  readonly lines: number;
  /** Positions of a line that are stored. */
  readonly kept: number;
  readonly source: Source;
  readonly target: Target;
}

/** Columns of the half spectrum of rows of this width. */
export function halfOf(width: number): number {
  return Math.floor(width / 2) + 1;
}

function stepsOf({ height, width, rows }: FftSize, inverse: boolean): Step[] {
  const line = (
    axis: Step["axis"],
    length: number,
    lines: number,
    kept: number,
    source: Source,
    target: Target,
  ): Step[] => {
    const passes = fftPasses(length);
    let done = 1;
    return passes.map((pass, i) => {
      const last = i === passes.length - 1;
      const step: Step = {
        axis,
        pass,
        done,
        length,
        lines,
        kept: last ? kept : length,
        source: i === 0 ? source : "complex",
        target: last ? target : "complex",
      };
      done *= pass.radix;
      return step;
    });
  };
  const pairs = Math.ceil(rows / 2);
  const half = halfOf(width);
  return inverse
    ? [
      ...line("columns", height, half, rows, "spectrum", "complex"),
      ...line("rows", width, pairs, width, "merged", "image"),
    ]
    : [
      ...line("rows", width, pairs, width, "image", "complex"),
      ...line("columns", height, half, height, "pairs", "spectrum"),
    ];
}

/** The shape of what a step leaves for the next. */
function shapeBetween({ axis, kept, lines }: Step, items: number): number[] {
  return axis === "rows" ? [lines, kept, items, 2] : [kept, lines, items, 2];
}

/** Bytes of the intermediate results of a transform that are alive at once, for each of its passes. */
export function fftWorkspace(size: FftSize, inverse: boolean): number[][] {
  const bytes = stepsOf(size, inverse).map((step) =>
    step.target === "complex" ? 4 * shapeBetween(step, size.items).reduce((a, b) => a * b) : 0
  );
  return bytes.map((own, i) => [...(i === 0 ? [] : [bytes[i - 1]!]), own].filter((b) => b > 0));
}

/** Complex numbers that the passes of a transform write, in all: a measure of its time. */
export function fftTraffic(size: FftSize, inverse: boolean): number {
  return stepsOf(size, inverse).reduce((sum, { length, lines }) => sum + length * lines, 0) *
    size.items;
}

/**
 * X[y, v] = Σ x[j, l] · e^(−2πi (y·j / height + v·l / width)) for v ≤ width / 2, of every item; relative error in the L2 norm
 * `fftError(height, width)`. `spectrum.tensor` is written.
 */
export function forwardTransform(
  recorder: Recorder,
  size: FftSize,
  image: ImagePlacement,
  spectrum: SpectrumPlacement,
): void {
  transform(recorder, size, image, spectrum, undefined);
}

/**
 * The inverse of {@linkcode forwardTransform}: image = f(x + bias) at the places of its positions. Elements of `image.tensor` that
 * have no position are left as they are.
 */
export function inverseTransform(
  recorder: Recorder,
  size: FftSize,
  spectrum: SpectrumPlacement,
  image: ImagePlacement,
  epilogue: Epilogue = { bias: undefined, activation: "linear" },
): void {
  transform(recorder, size, image, spectrum, epilogue);
}

/** Runs the passes; an epilogue makes it the inverse. */
function transform(
  recorder: Recorder,
  size: FftSize,
  image: ImagePlacement,
  spectrum: SpectrumPlacement,
  epilogue: Epilogue | undefined,
): void {
  const { height, width, items } = size;
  const inverse = epilogue !== undefined;
  let between: Tensor | undefined;
  for (const step of stepsOf(size, inverse)) {
    const { axis, pass: { radix, factors }, done, length, lines, kept, source, target } = step;
    const input = source === "image"
      ? image.tensor
      : source === "spectrum"
      ? spectrum.tensor
      : between!;
    const output = target === "image"
      ? image.tensor
      : target === "spectrum"
      ? spectrum.tensor
      : recorder.empty(shapeBetween(step, items));
    const span = done * radix;
    const turn = factors === undefined || done > 1;
    const withImage = source === "image" || target === "image";
    const withSpectrum = source === "spectrum" || target === "spectrum";
    const double = target === "spectrum" && spectrum.second !== undefined;
    const bias = target === "image" ? epilogue?.bias : undefined;
    const parameters = {
      SIGN: inverse ? 1 : -1,
      AXIS: axis,
      TURN: turn,
      SOURCE: source,
      TARGET: target,
      PLACED: withImage || withSpectrum,
      IMAGE: withImage,
      SPECTRUM: withSpectrum,
      SPREAD: withImage && (image.spread ?? []).some((distance) => distance !== 1),
      DOUBLE: double,
      FLOATS_IN: source === "image" || source === "spectrum",
      FLOATS_OUT: target === "image" || target === "spectrum",
      BIAS: bias !== undefined,
      ACTIVATION: target === "image" ? epilogue!.activation : "linear",
    };
    const invocations = items * lines * (factors === undefined ? length : length / radix);
    recorder.dispatch({
      label: `${inverse ? "inverse fft" : "fft"} of ${items} ${height}×${width}, ${axis}, ${radix}`,
      kernel: factors === undefined ? LOOP.variant(parameters) : PASS.variant({
        ...parameters,
        RADIX: radix,
        FIRST: factors[0],
        SECOND: factors[1],
      }),
      tensors: { source: input, result: output, ...(bias === undefined ? {} : { bias }) },
      uniforms: {
        invocations,
        items,
        length,
        lines,
        butterflies: length / radix,
        done,
        kept,
        ...(turn ? { span, inverse_span: 1 / span, unit: Math.PI / (2 * span) } : {}),
        ...(source === "pairs" ? { width, rows: size.rows } : {}),
        ...(source === "merged" ? { half: halfOf(width), rows: size.rows } : {}),
        ...(withImage ? imageUniforms(image) : {}),
        ...(withSpectrum ? spectrumUniforms(spectrum) : {}),
        ...(target === "spectrum" ? { sign: spectrum.conjugate ? -1 : 1 } : {}),
        ...(double
          ? {
            second_real_step: spectrum.second!.realStep,
            minus_step: spectrum.second!.minusStep,
          }
          : {}),
        ...(target === "image" ? { scale: 1 / (height * width) } : {}),
      },
      workgroups: workgroupsFor(invocations),
      flops: items * lines * length *
        (factors === undefined ? 8 * radix : Math.round(5 * Math.log2(radix))),
    });
    if (between !== undefined) recorder.release(between);
    between = target === "complex" ? output : undefined;
  }
}

function imageUniforms(image: ImagePlacement): Record<string, number> {
  const { size, inner, first = 0, tiles = [1, 1], step = [0, 0], origin = [0, 0] } = image;
  const { flip = false, extent, spread = [1, 1] } = image;
  return {
    inner,
    first,
    tiles: tiles[0] * tiles[1],
    tiles_w: tiles[1],
    direction: flip ? -1 : 1,
    ...pair("step", step),
    ...pair("origin", origin),
    ...pair("extent", extent),
    ...pair("spread", spread),
    ...pair("size", size),
  };
}

function spectrumUniforms(spectrum: SpectrumPlacement): Record<string, number> {
  const { inner, innerGroup = inner, innerGroupStep = 0, innerStep } = spectrum;
  const { outerGroup = 2 ** 31, outerGroupStep = 0, outerStep = 0 } = spectrum;
  return {
    inner,
    inner_group: innerGroup,
    inner_group_step: innerGroupStep,
    inner_step: innerStep,
    outer_group: outerGroup,
    outer_group_step: outerGroupStep,
    outer_step: outerStep,
    frequency_step: spectrum.frequencyStep,
    imaginary_step: spectrum.imaginaryStep,
  };
}

function pair(name: string, [h, w]: Pair): Record<string, number> {
  return { [`${name}_h`]: h, [`${name}_w`]: w };
}
