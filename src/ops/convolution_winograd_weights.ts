/**
 * The gradient to the weights by Winograd's filtering: for every tile, a filter of outputs slides over the inputs, and gives 3 × 3
 * weights. The sum over tiles and images comes before the transform back.
 *
 * @module
 */

import text from "../../kernels/convolution_winograd_weights.wgsl" with { type: "text" };
import type { ConvolutionGeometry } from "../convolution_shape.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { formatShape } from "../shape.ts";
import {
  type ConvolutionTask,
  type ImageRange,
  type MethodOptions,
  partsWorkspace,
  sumOverParts,
} from "./convolution_method.ts";
import { forwardPass } from "./convolution_passes.ts";
import {
  gradientsOf,
  inputsOf,
  tilingOf,
  TRANSFORMS_SOURCE,
  transformTiles,
} from "./convolution_winograd_tiles.ts";
import { workgroupsFor } from "./launch.ts";
import { batchedMatmul } from "./matmul.ts";
import { matmulWorkspace } from "./matmul_tuning.ts";

const WEIGHTS = new KernelFamily("convolution/winogradWeights", [
  TRANSFORMS_SOURCE,
  { name: "convolution_winograd_weights.wgsl", text },
]);

/** Transformed inputs and gradients, the products, what these take where their sums are split, and gradients of parts. */
export function winogradWeightGradientWorkspace(
  geometry: ConvolutionGeometry,
  count: number,
  options: MethodOptions,
  whole: number,
): readonly number[] {
  const pass = forwardPass(geometry);
  const { batches, columns } = tilingOf(pass, count, options.winogradTile);
  const { summed, produced } = pass;
  const size = { m: produced, n: summed, k: columns, transposeA: false, transposeB: true };
  const tensors = [summed * columns, produced * columns, produced * summed];
  const bytes = [
    ...tensors.map((length) => 4 * batches * length),
    ...matmulWorkspace(options, size, batches),
  ];
  return partsWorkspace(geometry, count, whole, bytes);
}

/** dw = x ⋆ dy. Shapes as in `conv2dWeightGradient`; `out` is written. */
export function winogradWeightGradient(
  recorder: Recorder,
  task: ConvolutionTask,
  x: Tensor,
  dy: Tensor,
  out: Tensor,
  { winogradTile }: MethodOptions,
): void {
  if (out.size === 0) return;
  sumOverParts(recorder, task, out, (range, dw) => {
    gradientOfRange(recorder, task.geometry, range, x, dy, dw, winogradTile);
  });
}

function gradientOfRange(
  recorder: Recorder,
  geometry: ConvolutionGeometry,
  range: ImageRange,
  x: Tensor,
  dy: Tensor,
  dw: Tensor,
  tile: number,
): void {
  const what = "convolution weight gradient";
  const pass = forwardPass(geometry);
  const tiling = tilingOf(pass, range.count, tile);
  const inputs = transformTiles(recorder, what, tiling, range, x, inputsOf(pass));
  const gradients = transformTiles(recorder, what, tiling, range, dy, gradientsOf(pass));
  const products = batchedMatmul(recorder, gradients, inputs, { transposeB: true });
  recorder.release(inputs);
  recorder.release(gradients);
  recorder.dispatch({
    label: `${what} winograd weights ${formatShape(dw.shape)}`,
    kernel: WEIGHTS.variant({ VALUE: "f32", TILE: tile, SIDE: tiling.side }),
    tensors: { products, dw },
    uniforms: { length: dw.size / 9 },
    workgroups: workgroupsFor(dw.size / 9),
  });
  recorder.release(products);
}
