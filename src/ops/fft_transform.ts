/**
 * Fourier transforms of many real images side by side: from an image, or tiles of it, to a half spectrum, and back.
 *
 * @module
 */

import accessText from "../../kernels/fft_access.wgsl" with { type: "text" };
import butterfliesText from "../../kernels/fft_butterflies.wgsl" with { type: "text" };
import loopText from "../../kernels/fft_loop.wgsl" with { type: "text" };
import passText from "../../kernels/fft_pass.wgsl" with { type: "text" };
import sourceText from "../../kernels/fft_source.wgsl" with { type: "text" };
import targetText from "../../kernels/fft_target.wgsl" with { type: "text" };
import turnText from "../../kernels/fft_turn.wgsl" with { type: "text" };
import type { KernelParameters } from "../gpu/expand.ts";
import { type Kernel, KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { sizeOf } from "../shape.ts";
import { type Epilogue, EPILOGUE_SOURCES, epilogueLaunch, NO_EPILOGUE } from "./epilogue.ts";
import {
  type FftSize,
  halfOf,
  type ImagePlacement,
  imageUniforms,
  type Spectra,
  type SpectrumPlacement,
  spectrumUniforms,
} from "./fft_layout.ts";
import { type FftPass, fftPasses } from "./fft_plan.ts";
import { workgroupsFor } from "./launch.ts";

const SHARED = [
  ...EPILOGUE_SOURCES,
  { name: "fft_turn.wgsl", text: turnText },
  { name: "fft_access.wgsl", text: accessText },
  { name: "fft_source.wgsl", text: sourceText },
  { name: "fft_target.wgsl", text: targetText },
];
const PASS = new KernelFamily("fft/pass", [
  ...SHARED,
  { name: "fft_butterflies.wgsl", text: butterfliesText },
  { name: "fft_pass.wgsl", text: passText },
]);
const LOOP = new KernelFamily("fft/loop", [...SHARED, { name: "fft_loop.wgsl", text: loopText }]);

type Source = "image" | "complex" | "pairs" | "spectrum" | "product" | "merged";
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

function stepsOf(
  { height, width, rows }: FftSize,
  inverse: boolean,
  from: Source = "spectrum",
): Step[] {
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
      ...line("columns", height, half, rows, from, "complex"),
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
    step.target === "complex" ? [4 * sizeOf(shapeBetween(step, size.items))] : []
  );
  return bytes.map((own, i) => [...(bytes[i - 1] ?? []), ...own]);
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
  spectra: Spectra,
  image: ImagePlacement,
  epilogue = NO_EPILOGUE,
): void {
  transform(recorder, size, image, spectra, epilogue);
}

/** Runs the passes; an epilogue makes it the inverse. */
function transform(
  recorder: Recorder,
  size: FftSize,
  image: ImagePlacement,
  spectra: Spectra,
  epilogue: Epilogue | undefined,
): void {
  const { height, width, items } = size;
  const inverse = epilogue !== undefined;
  const product = "terms" in spectra;
  const first = product ? spectra.a : spectra;
  let between: Tensor | undefined;
  for (const step of stepsOf(size, inverse, product ? "product" : "spectrum")) {
    const { axis, pass: { radix, factors }, length, lines, source, target } = step;
    const input = source === "image"
      ? image.tensor
      : source === "spectrum" || source === "product"
      ? first.tensor
      : between!;
    const output = target === "image"
      ? image.tensor
      : target === "spectrum"
      ? first.tensor
      : recorder.empty(shapeBetween(step, items));
    const end = epilogueLaunch(target === "image" ? epilogue ?? NO_EPILOGUE : NO_EPILOGUE);
    const invocations = items * lines * (factors === undefined ? length : length / radix);
    recorder.dispatch({
      label: `${inverse ? "inverse fft" : "fft"} of ${items} ${height}×${width}, ${axis}, ${radix}`,
      kernel: kernelOf(step, image, spectra, inverse, end.parameters),
      tensors: {
        source: input,
        result: output,
        ...(source === "product" && product ? { other: spectra.b.tensor } : {}),
        ...end.tensors,
      },
      uniforms: { invocations, ...uniformsOf(step, size, image, spectra) },
      workgroups: workgroupsFor(invocations),
      flops: items * lines * length *
        (factors === undefined ? 8 * radix : Math.round(5 * Math.log2(radix))),
    });
    if (between !== undefined) recorder.release(between);
    between = target === "complex" ? output : undefined;
  }
}

function isImage({ source, target }: Step): boolean {
  return source === "image" || target === "image";
}

function isSpectrum({ source, target }: Step): boolean {
  return source === "spectrum" || source === "product" || target === "spectrum";
}

function kernelOf(
  step: Step,
  image: ImagePlacement,
  spectra: Spectra,
  inverse: boolean,
  end: KernelParameters,
): Kernel {
  const { axis, pass: { radix, factors }, done, source, target } = step;
  const parameters = {
    SIGN: inverse ? 1 : -1,
    AXIS: axis,
    TURN: factors === undefined || done > 1,
    SOURCE: source,
    TARGET: target,
    IMAGE: isImage(step),
    SPECTRUM: isSpectrum(step),
    PLACED: isImage(step) || isSpectrum(step),
    SPECTRA: source === "product" ? "a b" : "a",
    SPREAD: isImage(step) && (image.spread ?? []).some((distance) => distance !== 1),
    DOUBLE: target === "spectrum" && "second" in spectra,
    FLOATS_IN: source !== "complex" && source !== "pairs" && source !== "merged",
    FLOATS_OUT: target !== "complex",
    ...end,
  };
  if (factors === undefined) return LOOP.variant(parameters);
  const [first, second] = factors;
  return PASS.variant({ ...parameters, RADIX: radix, FIRST: first, SECOND: second });
}

function uniformsOf(
  step: Step,
  { height, width, items, rows }: FftSize,
  image: ImagePlacement,
  spectra: Spectra,
): Record<string, number> {
  const { pass: { radix, factors }, done, length, lines, kept, source, target } = step;
  const span = done * radix;
  const turn = factors === undefined || done > 1;
  const written: Partial<SpectrumPlacement> = "terms" in spectra ? {} : spectra;
  return {
    items,
    length,
    lines,
    butterflies: length / radix,
    done,
    kept,
    ...(turn ? { span, inverse_span: 1 / span, unit: Math.PI / (2 * span) } : {}),
    ...(source === "pairs" ? { width, rows } : {}),
    ...(source === "merged" ? { half: halfOf(width), rows } : {}),
    ...(isImage(step) ? imageUniforms(image) : {}),
    ...(isSpectrum(step) ? spectrumUniforms(spectra) : {}),
    ...(target === "spectrum" ? { sign: written.conjugate ? -1 : 1 } : {}),
    ...(target === "spectrum" && written.second !== undefined
      ? { second_real_step: written.second.realStep, minus_step: written.second.minusStep }
      : {}),
    ...(target === "image" ? { scale: 1 / (height * width) } : {}),
  };
}
