/**
 * Plans of convolutions: what they say of the memory is what the run takes, for every algorithm.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { resolveConvolution } from "../src/convolution_shape.ts";
import { OptionError } from "../src/errors.ts";
import type { Gpu } from "../src/gpu/gpu.ts";
import { paddedBytes } from "../src/gpu/memory.ts";
import { Program } from "../src/gpu/program.ts";
import type { Dispatch, Recorder } from "../src/gpu/recorder.ts";
import type { DataType, Tensor } from "../src/gpu/tensor.ts";
import {
  convolutionPlan,
  convolve,
  convolveInputGradient,
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
import { openGpu } from "./gpu.ts";

/** Runs dispatches at once and keeps in mind the most that intermediate tensors and results have held. */
class MeasuringRecorder implements Recorder {
  readonly recording = false;
  readonly device;
  /** Bytes above those at the beginning. */
  peak = 0;
  readonly #gpu: Gpu;
  readonly #before: number;

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
    this.device = gpu.device;
    this.#before = gpu.memory.bytes;
  }

  empty<T extends DataType = "f32">(shape: Shape, type?: T): Tensor<T> {
    const tensor = this.#gpu.empty(shape, type);
    this.peak = Math.max(this.peak, this.#gpu.memory.bytes - this.#before);
    return tensor;
  }

  dispatch(dispatch: Dispatch): void {
    this.#gpu.dispatch(dispatch);
  }

  release(tensor: Tensor<DataType>): void {
    this.#gpu.release(tensor);
  }
}

interface Geometry {
  readonly x: Shape;
  readonly weight: Shape;
  readonly options?: ConvolutionOptions;
}

/** One channel and many, groups, depthwise, tiles, strides, dilation; batches that can be cut. */
const GEOMETRIES: readonly Geometry[] = [
  { x: [6, 1, 28, 28], weight: [8, 1, 5, 5] },
  { x: [5, 12, 14, 14], weight: [16, 12, 3, 3], options: { padding: 1 } },
  { x: [7, 16, 9, 11], weight: [24, 8, 3, 3], options: { padding: "same", groups: 2 } },
  { x: [4, 8, 20, 20], weight: [8, 1, 7, 7], options: { padding: 3, groups: 8 } },
  { x: [3, 2, 90, 70], weight: [3, 2, 5, 9], options: { padding: [[2, 1], 0] } },
  { x: [4, 6, 15, 15], weight: [10, 6, 3, 3], options: { strides: 2, padding: 1 } },
  { x: [4, 6, 15, 15], weight: [10, 6, 3, 3], options: { dilation: [2, 3] } },
  { x: [4, 8, 36, 32], weight: [16, 8, 3, 3], options: { padding: 1 } },
  { x: [4, 48, 5, 14], weight: [80, 48, 3, 5], options: { padding: [1, 2] } },
  { x: [9, 8, 200], weight: [12, 8, 9], options: { padding: 4 } },
  { x: [3, 4, 5, 6, 7], weight: [6, 4, 3, 3, 3], options: { padding: 1 } },
];

const PASSES: readonly ConvolutionPass[] = ["forward", "inputGradient", "weightGradient"];

/** The plan, or undefined where the algorithm does not apply. */
function planOrNone(
  gpu: Gpu,
  pass: ConvolutionPass,
  { x, weight, options = {} }: Geometry,
  algorithm: AlgorithmOptions,
): ConvolutionPlan | undefined {
  try {
    return convolutionPlan(gpu, {
      ...options,
      ...algorithm,
      pass,
      inputShape: x,
      weightShape: weight,
    });
  } catch (error) {
    if (error instanceof OptionError) return undefined;
    throw error;
  }
}

/** The most bytes of intermediate tensors that a pass holds, and its result. */
function measure(
  gpu: Gpu,
  pass: ConvolutionPass,
  { x, weight, options = {} }: Geometry,
  algorithm: AlgorithmOptions,
): number {
  const dims = x.length - 2;
  const { output } = resolveConvolution(x.slice(1), weight, options);
  using input = gpu.zeros(x);
  using filters = gpu.zeros(weight);
  using dy = gpu.zeros([x[0]!, weight[0]!, ...output]);
  const recorder = new MeasuringRecorder(gpu);
  const all = { ...options, ...algorithm };
  using result = pass === "forward"
    ? convolve(recorder, dims, input, filters, all)
    : pass === "inputGradient"
    ? convolveInputGradient(recorder, dims, dy, filters, { ...all, inputShape: x })
    : convolveWeightGradient(recorder, dims, input, dy, { ...all, weightShape: weight });
  return recorder.peak - paddedBytes(result.bytes);
}

for (const algorithm of CONVOLUTION_ALGORITHMS) {
  Deno.test(`${algorithm}: the workspace is what the plan says`, async () => {
    const gpu = await openGpu();
    let measured = 0;
    for (const pass of PASSES) {
      for (const geometry of GEOMETRIES) {
        const whole = planOrNone(gpu, pass, geometry, { algorithm });
        if (whole === undefined) continue;
        assertEquals(whole.imagesPerPart, geometry.x[0]);
        // At once, in two parts, and in as many as a third of the memory leaves.
        const { workspaceBytes } = whole;
        for (const limit of [undefined, workspaceBytes - 1, Math.ceil(workspaceBytes / 3)]) {
          const options = { algorithm, ...(limit === undefined ? {} : { workspaceLimit: limit }) };
          const plan = planOrNone(gpu, pass, geometry, options);
          if (plan === undefined) break;
          const what = `${pass} ${JSON.stringify({ ...geometry, ...options })}`;
          const peak = measure(gpu, pass, geometry, options);
          assert(plan.workspaceBytes <= (limit ?? Infinity), what);
          assert(peak <= plan.workspaceBytes, `${what}: ${peak} of ${plan.workspaceBytes} bytes`);
          assert(
            peak >= 0.9 * plan.workspaceBytes,
            `${what}: only ${peak} of ${plan.workspaceBytes} bytes`,
          );
          measured++;
        }
      }
    }
    assert(measured >= 10, `only ${measured} runs`);
  });
}

Deno.test("images are read from a texture, if it has room and they are no halves; rows are filled up where that repays", async () => {
  const gpu = await openGpu();
  const { software, readableTextures, subgroupSize } = gpu.device.adapter;
  const able = software && readableTextures && subgroupSize % 8 === 0 && subgroupSize > 0;
  const weight = [4, 3, 3, 3];
  const kernels = (
    x: Shape,
    options: AlgorithmOptions = {},
    type: "f32" | "f16" = "f32",
    filled: Shape = weight,
  ) => {
    using images = gpu.empty(x, type);
    using filters = gpu.zeros(filled);
    using program = Program.record(gpu.device, "test", (recorder) => {
      const all = { ...options, algorithm: "direct" } as const;
      recorder.keep(convolve(recorder, 2, images, filters, all));
    });
    return program.describe().map(({ kernel }) => kernel);
  };
  const copies = (...all: Parameters<typeof kernels>) =>
    kernels(...all).filter((kernel) => kernel === "textureCopy").length;
  const fillings = (weight: Shape) =>
    kernels([2, 3, 9, 14], {}, "f32", weight).filter((kernel) => kernel === "wholeRows").length;
  const x = [2, 3, 9, 12];
  const plan = (workspaceLimit: number) =>
    convolutionPlan(gpu, {
      ...{ pass: "forward", inputShape: x, weightShape: weight },
      ...{ algorithm: "direct", workspaceLimit },
    }).workspaceBytes;
  const [texture, packed] = [2 ** 13, 4 * sizeOf(weight)];
  assertEquals(copies(x), able ? 1 : 0);
  if (!able) return;
  assertEquals(fillings(weight), 1);
  assertEquals(fillings([16, 3, 3, 3]), 0);
  assertEquals(fillings([64, 3, 3, 3]), 1);
  assertEquals(plan(texture + packed), texture + packed);
  assertEquals(plan(texture + packed - 1), packed);
  assertEquals(copies(x, { workspaceLimit: texture + packed }), 1);
  assertEquals(copies(x, { workspaceLimit: texture + packed - 1 }), 0);
  if (gpu.device.adapter.float16) assertEquals(copies(x, {}, "f16"), 0);
});
