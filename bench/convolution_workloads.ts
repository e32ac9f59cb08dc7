/**
 * Convolutions by every algorithm that can compute them.
 *
 * @module
 */

import { resolveConvolution } from "../src/convolution_shape.ts";
import { OptionError } from "../src/errors.ts";
import type { Gpu } from "../src/gpu/gpu.ts";
import type { Recorder } from "../src/gpu/recorder.ts";
import type { Tensor } from "../src/gpu/tensor.ts";
import {
  conv2d,
  conv2dInputGradient,
  convolutionPlan,
  convolveWeightGradient,
} from "../src/ops/convolution.ts";
import type { ConvolutionPass } from "../src/ops/convolution_method.ts";
import {
  type AlgorithmOptions,
  CONVOLUTION_ALGORITHMS,
  type ConvolutionPlan,
} from "../src/ops/convolution_plan.ts";
import { type Shape, sizeOf } from "../src/shape.ts";
import type { ConvolutionOptions } from "../src/window_options.ts";
import { sampledError } from "./convolution_samples.ts";
import { normals } from "./inputs.ts";
import { PreparedOperation, type Workload } from "./workload.ts";

/** A convolution in two dimensions. */
export interface ConvolutionSize {
  /** Shape: [n, c, h, w]. */
  readonly inputShape: readonly [images: number, channels: number, height: number, width: number];
  readonly filters: number;
  /** Taps along an edge. */
  readonly kernelSize: number;
  readonly strides?: number;
  /** Default 0. */
  readonly padding?: number | "same";
  readonly groups?: number;
}

/** An algorithm with its options, and what it is called. */
export interface AlgorithmChoice {
  readonly name: string;
  readonly options: AlgorithmOptions;
}

/** A convolution by one algorithm. */
export interface ConvolutionWorkload extends Workload {
  /** Of the algorithm, as in {@linkcode ALGORITHM_CHOICES}. */
  readonly choice: string;
  readonly plan: ConvolutionPlan;
}

/** What the passes compute, as names say it. */
export const PASS_NAMES: Readonly<Record<ConvolutionPass, string>> = {
  forward: "forward",
  inputGradient: "dx",
  weightGradient: "dw",
};

/** Tiles, of algorithms that have them. */
const TILES: Readonly<Record<string, readonly (2 | 4)[]>> = { winograd: [2, 4] };

/** "auto", then every algorithm; one with tiles once for each of them. */
export const ALGORITHM_CHOICES: readonly AlgorithmChoice[] = CONVOLUTION_ALGORITHMS.flatMap(
  (algorithm): AlgorithmChoice[] =>
    TILES[algorithm]?.map((tile) => ({
      name: `${algorithm} ${tile}`,
      options: { algorithm, winogradTile: tile },
    })) ?? [{ name: algorithm, options: { algorithm } }],
);

/** The passes of a convolution, each by "auto" and by every algorithm that can compute it. */
export function convolutionWorkloads(
  gpu: Gpu,
  size: ConvolutionSize,
  passes = Object.keys(PASS_NAMES) as ConvolutionPass[],
): ConvolutionWorkload[] {
  return passes.flatMap((pass) =>
    ALGORITHM_CHOICES
      .map((choice) => convolutionWorkload(gpu, size, pass, choice))
      .filter((workload) => workload !== undefined)
  );
}

/**
 * One pass by one algorithm; undefined if it cannot compute it. FLOPs are those of the direct computation whatever the
 * algorithm, so that the speeds of all can be compared.
 */
function convolutionWorkload(
  gpu: Gpu,
  size: ConvolutionSize,
  pass: ConvolutionPass,
  { name, options: algorithm }: AlgorithmChoice,
): ConvolutionWorkload | undefined {
  const { inputShape, filters, kernelSize, strides = 1, padding = 0, groups = 1 } = size;
  const [images, channels] = inputShape;
  const move = { strides, padding, groups };
  const weightShape = [filters, channels / groups, kernelSize, kernelSize];
  const geometry = resolveConvolution(inputShape.slice(1), weightShape, move);
  const outputShape = [images, filters, ...geometry.output];
  const options = { ...move, ...algorithm };
  const plan = planOrRefusal(() =>
    convolutionPlan(gpu, { ...options, pass, inputShape, weightShape })
  );
  if (plan === undefined) return undefined;
  const inputShapes: Record<ConvolutionPass, readonly [Shape, Shape]> = {
    forward: [inputShape, weightShape],
    inputGradient: [outputShape, weightShape],
    weightGradient: [inputShape, outputShape],
  };
  const shapes = inputShapes[pass];
  const group = `conv2d ${describeSize(size)}, ${PASS_NAMES[pass]}`;
  return {
    name: `${group} ${name === "auto" ? `auto: ${plan.algorithm}` : name}`,
    suite: "convolution",
    group,
    choice: name,
    plan,
    flops: 2 * sizeOf(outputShape) * sizeOf(weightShape) / filters,
    bytes: 4 * (sizeOf(inputShape) + sizeOf(weightShape) + sizeOf(outputShape)),
    workspace: plan.workspaceBytes,
    ...(name === "auto" ? {} : { askedBy: "conv" }),
    prepare: (gpu) => {
      const inputs = [normals(sizeOf(shapes[0]), 1), normals(sizeOf(shapes[1]), 2)] as const;
      const [a, b] = [gpu.tensor(inputs[0], shapes[0]), gpu.tensor(inputs[1], shapes[1])];
      let result: Tensor;
      return new PreparedOperation(
        gpu,
        [a, b],
        (recorder) => {
          const passes = recordPasses(recorder, a, b, options, { inputShape, weightShape });
          result = recorder.keep(passes[pass]());
        },
        async () => sampledError(pass, geometry, images, inputs, await result.read()),
      );
    },
  };
}

/** The three passes on their inputs. */
function recordPasses(
  recorder: Recorder,
  a: Tensor,
  b: Tensor,
  options: ConvolutionOptions & AlgorithmOptions,
  { inputShape, weightShape }: { inputShape: Shape; weightShape: Shape },
): Record<ConvolutionPass, () => Tensor> {
  return {
    forward: () => conv2d(recorder, a, b, options),
    inputGradient: () => conv2dInputGradient(recorder, a, b, { ...options, inputShape }),
    // Without the gradient of the bias, which is the same sum whatever the algorithm.
    weightGradient: () => convolveWeightGradient(recorder, 2, a, b, { ...options, weightShape }),
  };
}

/** `8×3×227×227 → 96, 11×11 stride 4`. */
function describeSize(
  { inputShape, filters, kernelSize, strides = 1, padding = 0, groups = 1 }: ConvolutionSize,
): string {
  return [
    `${inputShape.join("×")} → ${filters}, ${kernelSize}×${kernelSize}`,
    ...(strides === 1 ? [] : [`stride ${strides}`]),
    ...(padding === 0 ? [] : [`pad ${padding}`]),
    ...(groups === 1 ? [] : [`groups ${groups}`]),
  ].join(" ");
}

function planOrRefusal(plan: () => ConvolutionPlan): ConvolutionPlan | undefined {
  try {
    return plan();
  } catch (error) {
    if (error instanceof OptionError) return undefined;
    throw error;
  }
}
