/**
 * Rows for the three passes of a method of convolution: random sizes with strides, asymmetric padding, dilation and groups.
 *
 * @module
 */

import { type ConvolutionGeometry, resolveConvolution } from "../src/convolution_shape.ts";
import type { Recorder } from "../src/gpu/recorder.ts";
import {
  conv1dWeightGradient,
  conv2dWeightGradient,
  conv3dWeightGradient,
  convolutionPlan,
  convolve,
  convolveInputGradient,
} from "../src/ops/convolution.ts";
import type { ConvolutionPass } from "../src/ops/convolution_method.ts";
import type { AlgorithmOptions } from "../src/ops/convolution_plan.ts";
import type { Random } from "../src/random.ts";
import * as oracle from "../src/reference/convolution.ts";
import type { NdArray } from "../src/reference/nd_array.ts";
import { type Shape, sizeOf } from "../src/shape.ts";
import type { ConvolutionOptions } from "../src/window_options.ts";
import { type Expected, floats, type Input, makeCase, pick, reference, type Row } from "./case.ts";
import { drawSlope, withSlopeOf } from "./rounded_slopes.ts";

/** A convolution of random size. */
export interface DrawnConvolution {
  readonly dims: number;
  readonly x: Shape;
  readonly weight: Shape;
  readonly y: Shape;
  readonly options: ConvolutionOptions;
  readonly geometry: ConvolutionGeometry;
}

/** Taps, stride and dilation along the width: they make kernel variants, which take time to compile. */
const WIDTHS = [[1, 1, 1], [3, 1, 1], [3, 2, 1], [5, 1, 1], [2, 1, 2], [3, 3, 1], [
  3,
  2,
  2,
]] as const;

/** A convolution of random size with strides, asymmetric padding, dilation and groups, depthwise included. */
export function drawConvolution(random: Random, index: number): DrawnConvolution {
  for (;;) {
    const dims = 1 + index % 3;
    const each = (values: readonly number[]) =>
      Array.from({ length: dims }, () => pick(random, values));
    const groups = pick(random, [1, 1, 2, 3]);
    const channels = pick(random, [1, 2, 3, 5]);
    const filters = pick(random, dims === 3 ? [1, 3, 5] : [1, 2, 5, 7, 9, 17]);
    const input = each(
      dims === 3 ? [1, 2, 4, 5] : dims === 2 ? [1, 3, 7, 8, 9, 13] : [1, 8, 17, 40],
    );
    const x = [pick(random, [0, 1, 2, 3]), channels * groups, ...input];
    const [taps, stride, dilation] = pick(random, WIDTHS);
    const weight = [filters * groups, channels, ...each([1, 2, 3, 3, 5]).with(-1, taps)];
    const padding = each([0, 0, 1, 2, 3]).map((before) =>
      [before, pick(random, [0, 1, 2])] as const
    );
    const options = {
      strides: each([1, 1, 2, 3]).with(-1, stride),
      dilation: each([1, 1, 1, 2, 3]).with(-1, dilation),
      padding: pick(random, [padding, padding, "same" as const, 1]),
      groups,
    };
    const drawn = completed({ dims, x, weight, options });
    if (drawn !== undefined) return drawn;
  }
}

/** The drawn shapes with those that follow, or undefined if the kernel is larger than the padded input. */
export function completed(
  given: Pick<DrawnConvolution, "dims" | "x" | "weight" | "options">,
): DrawnConvolution | undefined {
  const { x, weight, options } = given;
  try {
    const geometry = resolveConvolution(x.slice(1), weight, options);
    return { ...given, geometry, y: [x[0]!, weight[0]!, ...geometry.output] };
  } catch {
    return undefined;
  }
}

/** (terms + 4) · 2⁻²⁴ · Σ|a||b|, as the kernels' headers state it. */
export function sums({ shape, data }: NdArray, magnitude: NdArray, terms: number): Expected {
  const bounds = magnitude.data.map((sum) => (terms + 4) * 2 ** -24 * sum);
  return { shape, values: data, bounds };
}

/** What a method's tests need to know of it. */
export interface MethodRows {
  /** Of the rows' names: "convolution gemm". */
  readonly name: string;
  readonly algorithm: AlgorithmOptions;
  /** The kernel files of each pass; a pass that is left out gets no row. */
  readonly forward?: readonly string[];
  readonly inputGradient?: readonly string[];
  readonly weightGradient?: readonly string[];
  /** Cases of each row, at least. */
  readonly draws: number;
  /** Draws a convolution that the method can compute. Default: {@linkcode drawConvolution}. */
  readonly draw?: (random: Random, index: number) => DrawnConvolution;
  /**
   * How far elements may be off. Default: sums in any order, (terms + 4) · 2⁻²⁴ · Σ|a||b|.
   *
   * @param magnitude The same sum of absolute values.
   * @param terms Products that are summed for each element.
   */
  readonly bound?: (
    result: NdArray,
    magnitude: NdArray,
    terms: number,
    drawn: DrawnConvolution,
    inputs: readonly [Input<Float32Array>, Input<Float32Array>],
  ) => Expected;
}

interface GradientInputs extends Record<string, Input<Float32Array>> {
  dy: Input<Float32Array>;
  weight: Input<Float32Array>;
}

const show = (options: unknown) => JSON.stringify(options);

/** The options of a case: every third computes the batch in parts, if the method can. */
function choice(
  recorder: Recorder,
  pass: ConvolutionPass,
  { x, weight, options }: DrawnConvolution,
  algorithm: AlgorithmOptions,
  index: number,
): AlgorithmOptions {
  if (index % 3 !== 2) return algorithm;
  const all = { ...options, ...algorithm, pass, inputShape: x, weightShape: weight };
  const limited = {
    ...algorithm,
    workspaceLimit: convolutionPlan(recorder, all).workspaceBytes - 1,
  };
  try {
    convolutionPlan(recorder, { ...all, ...limited });
    return limited;
  } catch {
    return algorithm; // its workspace does not depend on the batch
  }
}

/** The rows of a method: forward, input gradient, weight gradient. */
export function rowsOfConvolution(method: MethodRows): Row[] {
  const { name, draws, draw = drawConvolution, bound = sums } = method;
  const rows: Row[] = [];
  if (method.forward !== undefined) {
    rows.push({
      name,
      nanSpreads: true, // the zeros of the padding are multiplied like any input
      kernels: method.forward,
      draws,
      draw: (random, index) => {
        const drawn = draw(random, index);
        const { dims, options } = drawn;
        const withBias = index % 2 === 0;
        const activation = pick(random, ["linear", "linear", "relu"] as const);
        return makeCase(
          show({ ...options, withBias, activation }),
          {
            x: floats(random, drawn.x),
            weight: floats(random, drawn.weight),
            bias: floats(random, [drawn.weight[0]!]),
          },
          (recorder, { x, weight, bias }) => ({
            y: convolve(recorder, dims, x, weight, {
              ...options,
              ...choice(recorder, "forward", drawn, method.algorithm, index),
              activation,
              ...(withBias ? { bias } : {}),
            }),
          }),
          (inputs) => {
            const [x, weight] = [reference(inputs.x), reference(inputs.weight)];
            const all = { ...options, ...(withBias ? { bias: reference(inputs.bias) } : {}) };
            const terms = sizeOf(weight.shape.slice(1)) + 1;
            const z = oracle.convolution(x, weight, all);
            const magnitude = oracle.convolutionMagnitude(x, weight, all);
            const expected = bound(z, magnitude, terms, drawn, [inputs.x, inputs.weight]);
            if (activation === "linear") return { y: expected };
            return { y: { ...expected, values: z.data.map((v) => v < 0 ? 0 : v) } };
          },
        );
      },
    });
  }
  if (method.inputGradient !== undefined) {
    rows.push({
      name: `${name} input gradient`,
      nanSpreads: true,
      kernels: method.inputGradient,
      draws,
      draw: (random, index) => {
        const drawn = draw(random, index);
        const { dims } = drawn;
        const options = { ...drawn.options, inputShape: drawn.x };
        // Some are multiplied with a slope; few functions, since compiling takes time.
        const activation = index % 3 === 1 ? "relu" : index % 12 === 5 ? "sigmoid" : undefined;
        const slope = activation && drawSlope(random, activation, drawn.x);
        const inputs: GradientInputs = {
          dy: floats(random, drawn.y),
          weight: floats(random, drawn.weight),
          ...(slope && { saved: slope.saved }),
        };
        return makeCase(
          show({ ...options, activation }),
          inputs,
          (recorder, { dy, weight, saved }) => ({
            dx: convolveInputGradient(recorder, dims, dy, weight, {
              ...options,
              ...choice(recorder, "inputGradient", drawn, method.algorithm, index),
              ...(activation && saved && { gradient: { activation, saved } }),
            }),
          }),
          (inputs) => {
            const [dy, weight] = [reference(inputs.dy), reference(inputs.weight)];
            const terms = weight.data.length / weight.shape[1]!;
            const dx = oracle.convolutionInputGradient(dy, weight, options);
            const magnitude = oracle.convolutionInputGradientMagnitude(dy, weight, options);
            const expected = bound(dx, magnitude, terms, drawn, [inputs.dy, inputs.weight]);
            return { dx: slope ? withSlopeOf(slope, inputs.saved!, expected) : expected };
          },
        );
      },
    });
  }
  if (method.weightGradient !== undefined) {
    rows.push({
      name: `${name} weight gradient`,
      nanSpreads: true,
      kernels: method.weightGradient,
      draws,
      draw: (random, index) => {
        const drawn = draw(random, index);
        const { dims } = drawn;
        const options = { ...drawn.options, weightShape: drawn.weight };
        return makeCase(
          show(options),
          { x: floats(random, drawn.x), dy: floats(random, drawn.y) },
          (recorder, { x, dy }) => {
            const gradients = [conv1dWeightGradient, conv2dWeightGradient, conv3dWeightGradient];
            const { dw, db } = gradients[dims - 1]!(recorder, x, dy, {
              ...options,
              ...choice(recorder, "weightGradient", drawn, method.algorithm, index),
            });
            return { dw, db };
          },
          (inputs) => {
            const [x, dy] = [reference(inputs.x), reference(inputs.dy)];
            const terms = drawn.y[0]! * sizeOf(drawn.y.slice(2));
            const { dw, db } = oracle.convolutionWeightGradient(x, dy, options);
            const magnitude = oracle.convolutionWeightGradientMagnitude(x, dy, options);
            return {
              dw: bound(dw, magnitude.dw, terms, drawn, [inputs.x, inputs.dy]),
              db: sums(db, magnitude.db, terms + 4),
            };
          },
        );
      },
    });
  }
  return rows;
}
