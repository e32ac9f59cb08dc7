/**
 * Cases of the sums of channels that are the gradient to the bias of a convolution.
 *
 * @module
 */

import { ShapeError } from "../src/errors.ts";
import { channelSums } from "../src/ops/channel_sums.ts";
import { mapValues, type NdArray, ndArray } from "../src/reference/nd_array.ts";
import { sizeOf } from "../src/shape.ts";
import { blank, dimension, floats, makeCase, pick, reference, type Row } from "./case.ts";
import { sums } from "./rows_of_convolution.ts";

/** Σ_n Σ_p x[n, c, p]. */
function expectSums({ shape, data }: NdArray): NdArray {
  const [, channels, ...space] = shape as [number, number, ...number[]];
  const area = sizeOf(space);
  const result = new Float64Array(channels);
  data.forEach((value, i) => result[Math.floor(i / area) % channels]! += value);
  return ndArray([channels], result);
}

/** The rows of this file. */
export const CHANNEL_SUM_ROWS: readonly Row[] = [{
  name: "channel sums",
  kernels: ["channel_sums.wgsl"],
  draws: 100,
  draw: (random, index) => {
    // Batches below and above what the invocations of a workgroup take at once; areas that are read as vec4 and others.
    const images = pick(random, [0, 1, 2, 3, 7, 8, 63, 64, 65, 130]);
    const area = index % 2 === 0 ? 4 * dimension(random, 8) : dimension(random, 65);
    const space = random.integer(2) === 0 ? [area] : [pick(random, [1, 2]), area];
    const shape = [images, pick(random, [1, 2, 3, 5]), ...space];
    return makeCase(
      "",
      { x: floats(random, shape) },
      (recorder, { x }) => ({ y: channelSums(recorder, x) }),
      ({ x }) => {
        const values = reference(x);
        // A chain of at most 9 additions after those of an invocation: of a vec4, and of the tree.
        const terms = images * area + 10;
        return { y: sums(expectSums(values), expectSums(mapValues(values, Math.abs)), terms) };
      },
    );
  },
  refusals: [{
    what: "out of another shape",
    error: ShapeError,
    message: /^channelSums: out: expected shape \[3\], got \[2\]/,
    call: (gpu) => channelSums(gpu, blank(gpu, 2, 3, 4), blank(gpu, 2)),
  }],
}];
