/**
 * Convolution as the matrix product that the textbook draws: the windows are written down as the columns of a matrix. Kept for
 * comparison: the implicit product of `convolution_gemm.ts` does the same without the matrix.
 *
 * @module
 */

import col2imText from "../../kernels/col2im.wgsl" with { type: "text" };
import im2colText from "../../kernels/im2col.wgsl" with { type: "text" };
import { type ConvolutionGeometry, liftDimensions } from "../convolution_shape.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { formatShape, sizeOf } from "../shape.ts";
import {
  type ConvolutionMethod,
  type ConvolutionPass,
  type ImageRange,
  largestPhase,
  MAX_TRIPS,
  type MethodOptions,
  partsWorkspace,
  sumOverParts,
  sumOverSplits,
  weightShapeOf,
} from "./convolution_method.ts";
import { type Epilogue, EPILOGUE_SOURCES, epilogueLaunch, NO_EPILOGUE } from "./epilogue.ts";
import { perAxis, workgroupsFor } from "./launch.ts";
import { multiplyStacks, type Products } from "./matmul_launch.ts";
import { matmulWorkspace } from "./matmul_tuning.ts";
import { sumWorkspace } from "./reductions.ts";

const IM2COL = new KernelFamily("convolution/im2col", [{ name: "im2col.wgsl", text: im2colText }]);
const COL2IM = new KernelFamily("convolution/col2im", [
  ...EPILOGUE_SOURCES,
  { name: "col2im.wgsl", text: col2imText },
]);

/** Neighbours of an output row that one invocation copies. */
const RUN = 8;

/** The product of every image and group: filters × products times products × outputs; each pass transposes what it needs. */
function productsOf(
  pass: ConvolutionPass,
  { channels, filters, groups, kernel, output }: ConvolutionGeometry,
  images: number,
): Products {
  const [f, k, o] = [filters / groups, channels / groups * sizeOf(kernel), sizeOf(output)];
  const batches = images * groups;
  switch (pass) {
    case "forward": // w · columns
      return {
        ...{ m: f, k, n: o, transposeA: false, transposeB: false },
        ...{ batches, countA: groups, countB: batches },
      };
    case "inputGradient": // wᵀ · dy
      return {
        ...{ m: k, k: f, n: o, transposeA: true, transposeB: false },
        ...{ batches, countA: groups, countB: batches },
      };
    case "weightGradient": // dy · columnsᵀ
      return {
        ...{ m: f, k: o, n: k, transposeA: false, transposeB: true },
        ...{ batches, countA: batches, countB: batches },
      };
  }
}

function refusal(pass: ConvolutionPass, { kernel }: ConvolutionGeometry): string | undefined {
  const trips = sizeOf(kernel.slice(0, -1)) * (kernel.at(-1)! + 2);
  if (pass !== "inputGradient" || trips <= MAX_TRIPS) return undefined;
  return `expected a kernel of at most ${MAX_TRIPS} rows · (width + 2), got ${trips}`;
}

function workspace(
  pass: ConvolutionPass,
  geometry: ConvolutionGeometry,
  count: number,
  options: MethodOptions,
  whole: number,
): readonly number[] {
  const products = productsOf(pass, geometry, count);
  const columns = 4 * columnsShape(geometry, count).reduce((size, length) => size * length);
  const split = matmulWorkspace(options, products, products.batches);
  if (pass !== "weightGradient") return [columns, ...split];
  const weights = sizeOf(weightShapeOf(geometry));
  const ofImages = count > 1 ? [4 * count * weights] : [];
  const tensors = largestPhase(
    [columns, ...ofImages, ...split],
    [...ofImages, ...sumWorkspace(options, [count, weights])],
  );
  return partsWorkspace(geometry, count, whole, tensors);
}

/** [images · groups, products, outputs]. */
function columnsShape(
  { channels, groups, kernel, output }: ConvolutionGeometry,
  images: number,
): number[] {
  return [images * groups, channels / groups * sizeOf(kernel), sizeOf(output)];
}

/** The numbers that both kernels need. */
function uniformsOf(geometry: ConvolutionGeometry, first: number) {
  const g = liftDimensions(geometry, 3);
  return {
    first: first * g.groups,
    channels: g.channels / g.groups,
    ...perAxis("in", g.input),
    ...perAxis("out", g.output),
    ...perAxis("k", g.kernel),
    ...perAxis("stride", g.strides),
    ...perAxis("dilation", g.dilation),
    ...perAxis("pad", g.padBefore),
  };
}

/** The windows of a part of the batch as columns. */
function im2col(
  recorder: Recorder,
  x: Tensor,
  geometry: ConvolutionGeometry,
  { first, count }: ImageRange,
): Tensor {
  const columns = recorder.empty(columnsShape(geometry, count), x.type);
  const width = geometry.output.at(-1)!;
  const runsOfRow = Math.ceil(width / RUN);
  const runs = width === 0 ? 0 : columns.size / width * runsOfRow;
  recorder.dispatch({
    label: `im2col ${formatShape(x.shape)}`,
    kernel: IM2COL.variant({ RUN }),
    tensors: { x, columns },
    uniforms: { runs, runs_w: runsOfRow, ...uniformsOf(geometry, first) },
    workgroups: workgroupsFor(runs),
  });
  return columns;
}

/** The method. */
export const IM2COL_METHOD: ConvolutionMethod = {
  refusal,
  workspace,

  forward(recorder, { geometry, parts }, x, weight, epilogue: Epilogue, y) {
    for (const range of parts) {
      const columns = im2col(recorder, x, geometry, range);
      const firstOut = range.first * geometry.groups;
      const products = { ...productsOf("forward", geometry, range.count), firstOut };
      multiplyStacks(recorder, products, weight, columns, y, epilogue);
      recorder.release(columns);
    }
  },

  inputGradient(recorder, { geometry, parts }, dy, weight, epilogue: Epilogue, dx) {
    const end = epilogueLaunch(epilogue);
    for (const range of parts) {
      const columns = recorder.empty(columnsShape(geometry, range.count));
      const firstB = range.first * geometry.groups;
      const products = { ...productsOf("inputGradient", geometry, range.count), firstB };
      multiplyStacks(recorder, products, weight, dy, columns, NO_EPILOGUE);
      const length = range.count * geometry.channels * sizeOf(geometry.input);
      recorder.dispatch({
        label: `col2im ${formatShape(dx.shape)}`,
        kernel: COL2IM.variant(end.parameters),
        tensors: { columns, dx, ...end.tensors },
        uniforms: { length, ...uniformsOf(geometry, range.first) },
        workgroups: workgroupsFor(length),
        flops: columns.size,
      });
      recorder.release(columns);
    }
  },

  weightGradient(recorder, task, x, dy, dw) {
    const { geometry } = task;
    sumOverParts(recorder, task, dw, (range, out) => {
      const columns = im2col(recorder, x, geometry, range);
      const firstA = range.first * geometry.groups;
      const products = { ...productsOf("weightGradient", geometry, range.count), firstA };
      sumOverSplits(recorder, range.count, out, (ofImages) => {
        multiplyStacks(recorder, products, dy, columns, ofImages, NO_EPILOGUE);
        recorder.release(columns);
      });
    });
  },
};
