/**
 * The workspace that a plan of Winograd's convolution states is what its intermediate tensors take.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { resolveConvolution } from "../src/convolution_shape.ts";
import { paddedBytes, type Storage, textureBytes } from "../src/gpu/memory.ts";
import type { Gpu } from "../src/gpu/gpu.ts";
import type { Recorder } from "../src/gpu/recorder.ts";
import {
  conv2d,
  conv2dInputGradient,
  convolutionPlan,
  convolveWeightGradient,
} from "../src/ops/convolution.ts";
import type { ConvolutionPass } from "../src/ops/convolution_method.ts";
import { deviceFor, openGpu } from "./gpu.ts";

/** A recorder that counts the bytes of tensors between `empty` and `release`. */
function countingRecorder(gpu: Gpu, card: boolean): { recorder: Recorder; peak: () => number } {
  const bytesOf = new Map<Storage, number>();
  let alive = 0;
  let peak = 0;
  const recorder: Recorder = {
    device: deviceFor(gpu, card),
    recording: false,
    empty: (shape, type) => {
      const tensor = gpu.empty(shape, type);
      const { storage, bytes: used } = tensor;
      const bytes = storage.isTexture ? textureBytes(used) : paddedBytes(used);
      bytesOf.set(storage, bytes);
      alive += bytes;
      peak = Math.max(peak, alive);
      return tensor;
    },
    dispatch: (dispatch) => gpu.dispatch(dispatch),
    release: (tensor) => {
      alive -= bytesOf.get(tensor.storage)!;
      gpu.release(tensor);
    },
  };
  return { recorder, peak: () => peak };
}

const CASES = [
  { x: [3, 5, 9, 7], weight: [6, 5, 3, 3], padding: 1, groups: 1 },
  { x: [5, 6, 5, 4], weight: [9, 2, 3, 3], padding: [[0, 3], [2, 0]] as const, groups: 3 },
  // On a card, the sums over the 512 channels are split.
  { x: [1, 512, 3, 3], weight: [8, 512, 3, 3], padding: 1, groups: 1 },
];

/** A plan, and what a run of it takes besides its result; `inParts` gives it less memory than the batch needs at once. */
function compare(
  gpu: Gpu,
  pass: ConvolutionPass,
  { x: inputShape, weight: weightShape, ...geometry }: typeof CASES[number],
  winogradTile: 2 | 4,
  card: boolean,
  inParts: boolean,
): void {
  const { recorder, peak } = countingRecorder(gpu, card);
  const options = { ...geometry, algorithm: "winograd", winogradTile } as const;
  const given = { ...options, pass, inputShape, weightShape };
  const whole = convolutionPlan(recorder, given);
  const workspaceLimit = whole.workspaceBytes - (inParts ? 1 : 0);
  const plan = convolutionPlan(recorder, { ...given, workspaceLimit });
  assertEquals(plan.imagesPerPart < inputShape[0]!, inParts);
  const filters = weightShape[0]!;
  const { output } = resolveConvolution(inputShape.slice(1), weightShape, geometry);
  using weight = gpu.zeros(weightShape);
  using x = gpu.zeros(inputShape);
  using dy = gpu.zeros([inputShape[0]!, filters, ...output]);
  const limited = { ...options, workspaceLimit };
  using result = pass === "forward"
    ? conv2d(recorder, x, weight, limited)
    : pass === "inputGradient"
    ? conv2dInputGradient(recorder, dy, weight, { ...limited, inputShape })
    : convolveWeightGradient(recorder, 2, x, dy, { ...limited, weightShape });
  const taken = peak() - paddedBytes(result.bytes);
  if (pass !== "weightGradient" || !inParts) return assertEquals(taken, plan.workspaceBytes);
  // Gradients of earlier parts are stated as if the last part were as large as the first.
  assert(taken <= plan.workspaceBytes);
  assert(taken >= plan.workspaceBytes - paddedBytes(weight.bytes));
}

Deno.test("winograd: the plan states the bytes that are alive at once", async () => {
  const gpu = await openGpu();
  for (const each of CASES) {
    for (const pass of ["forward", "inputGradient", "weightGradient"] as const) {
      for (const card of [false, true]) {
        for (const tile of [2, 4] as const) {
          compare(gpu, pass, each, tile, card, false);
          if (each.x[0]! > 1) compare(gpu, pass, each, tile, card, true);
        }
      }
    }
  }
});
