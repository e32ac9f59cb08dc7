/**
 * The products of spectra in the middle of a convolution by Fourier transforms: complex matrices stored as real ones, one for each
 * frequency and group, and where the transforms find and leave their elements.
 *
 * @module
 */

import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import type { Epilogue } from "./epilogue.ts";
import { type ComplexMatrix, type FftConvolutionPlan, storedSize } from "./convolution_fft_plan.ts";
import type { ImagePlacement, SpectrumPlacement } from "./fft_layout.ts";
import { inverseTransform } from "./fft_transform.ts";
import { batchedMatmul } from "./matmul.ts";

/** Items [outer, inner] of transforms: the group of an item follows from one of the two, which runs over all groups. */
export interface SpectralItems {
  readonly inner: number;
  readonly grouped: "inner" | "outer";
  /** How many of that index a group has. */
  readonly perGroup: number;
}

/** Items [image and tile, plane]. */
export function imageItems(planes: number, groups: number): SpectralItems {
  return { inner: planes, grouped: "inner", perGroup: planes / groups };
}

/** Items [filter, channel of its group]. */
export function weightItems(
  { channels, filters, groups }: Readonly<Record<"channels" | "filters" | "groups", number>>,
): SpectralItems {
  return { inner: channels / groups, grouped: "outer", perGroup: filters / groups };
}

/** Which index of a matrix an index of the items is; without an entry it does not matter to the matrix. */
type IndexMap = Readonly<Partial<Record<"outer" | "inner", "row" | "column">>>;

/** A tensor for the matrices of all frequencies and groups. */
export function emptySpectra(
  recorder: Recorder,
  { frequencies, groups }: FftConvolutionPlan,
  matrix: ComplexMatrix,
): Tensor {
  return recorder.empty([frequencies * groups, storedSize(matrix)]);
}

/** Where the spectra of items lie in matrices. */
export function spectraIn(
  tensor: Tensor,
  { groups }: FftConvolutionPlan,
  matrix: ComplexMatrix,
  { inner, grouped, perGroup }: SpectralItems,
  map: IndexMap,
): SpectrumPlacement {
  const { rowStep, ...steps } = stepsOf(matrix);
  const stepOf = (index: IndexMap["outer"]) =>
    index === undefined ? 0 : index === "row" ? rowStep : 1;
  const group = storedSize(matrix);
  return {
    ...steps,
    tensor,
    inner,
    ...(grouped === "inner"
      ? { innerGroup: perGroup, innerGroupStep: group }
      : { outerGroup: perGroup, outerGroupStep: group }),
    outerStep: stepOf(map.outer),
    innerStep: stepOf(map.inner),
    frequencyStep: groups * group,
  };
}

/**
 * image = f(inverse transform of A · B + bias), A and B being the matrices of the plan. Items are those of the result.
 *
 * @param spent What is released as soon as it has been read.
 */
export function invertProduct(
  recorder: Recorder,
  plan: FftConvolutionPlan,
  a: Tensor,
  b: Tensor,
  items: SpectralItems,
  image: ImagePlacement,
  spent: readonly Tensor[],
  epilogue?: Epilogue,
): void {
  const { transposeA } = plan.product;
  // Rows of the result are images and tiles, the outer index, or for the gradient to the weights channels, the inner index.
  const [rows, columns] = transposeA ? ["inner", "outer"] as const : ["outer", "inner"] as const;
  if (plan.fused) {
    const product = {
      a: spectraIn(a, plan, plan.a, items, { [rows]: transposeA ? "column" : "row" }),
      b: spectraIn(b, plan, plan.b, items, { [columns]: "column" }),
      terms: plan.b.rows,
      aTermStep: transposeA ? plan.a.columns : 1,
      bTermStep: plan.b.columns,
    };
    inverseTransform(recorder, plan.cSize, product, image, epilogue);
    for (const tensor of spent) recorder.release(tensor);
    return;
  }
  const c = multiply(recorder, plan, a, b);
  for (const tensor of spent) recorder.release(tensor);
  const placement = spectraIn(c, plan, plan.c, items, { [rows]: "row", [columns]: "column" });
  inverseTransform(recorder, plan.cSize, placement, image, epilogue);
  recorder.release(c);
}

/** The complex products of all frequencies and groups, as real ones. */
function multiply(recorder: Recorder, plan: FftConvolutionPlan, a: Tensor, b: Tensor): Tensor {
  const { frequencies, groups, product: { m, k, n, transposeA } } = plan;
  const batches = frequencies * groups;
  return batchedMatmul(
    recorder,
    a.reshape(transposeA ? [batches, k, m] : [batches, m, k]),
    b.reshape([batches, k, n]),
    { transposeA },
  );
}

/** Where the parts of a complex number lie in a matrix. */
function stepsOf({ rows, columns, form }: ComplexMatrix) {
  const [right, below] = [columns, rows * 2 * columns];
  const full = (imaginaryStep: number, minusStep: number) => ({
    rowStep: 2 * columns,
    imaginaryStep,
    second: { realStep: right + below, minusStep },
  });
  switch (form) {
    case "stacked":
      return { rowStep: columns, imaginaryStep: rows * columns };
    case "beside":
      return { rowStep: 2 * columns, imaginaryStep: right };
    case "full":
      return full(below, right);
    case "turned":
      return full(right, below);
  }
}
