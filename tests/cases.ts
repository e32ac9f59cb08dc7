/**
 * The table of operations: one row each, from which the oracle, gradient, NaN, determinism, leak and error
 * tests follow. A new operation or layer gets a row here.
 *
 * A row draws inputs of random shape, calls the GPU and the float64 reference, and derives how far each element
 * may be off. Bounds are never tuned: sums follow (K + c) · 2⁻²⁴ · Σ|a||b| with the c of the kernel's header,
 * elementwise functions the headers or the accuracy that WGSL promises (`rounding.ts`).
 *
 * @module
 */

import type { Row } from "./case.ts";
import { AUGMENT_ROWS } from "./cases_augment.ts";
import { BATCH_NORM_ROWS } from "./cases_batch_norm.ts";
import { CHANNEL_SUM_ROWS } from "./cases_channel_sums.ts";
import { CONVOLUTION_ROWS } from "./cases_convolution.ts";
import { CONVOLUTION_TEXEL_ROWS } from "./cases_convolution_texels.ts";
import { DENSE_ROWS } from "./cases_dense.ts";
import { ELEMENTWISE_ROWS } from "./cases_elementwise.ts";
import { FFT_ROWS } from "./cases_fft.ts";
import { HALF_ROWS } from "./cases_half.ts";
import { LAYER_ROWS } from "./cases_layers.ts";
import { FILTER_ROWS } from "./cases_filter.ts";
import { LOSS_ROWS } from "./cases_losses.ts";
import { LOSS_STATISTICS_ROWS } from "./cases_loss_statistics.ts";
import { MATMUL_ROWS } from "./cases_matmul.ts";
import { BATCHED_MATMUL_ROWS } from "./cases_matmul_batched.ts";
import { MATMUL_EPILOGUE_ROWS } from "./cases_matmul_epilogue.ts";
import { NORMALIZATION_ROWS } from "./cases_normalization.ts";
import { DISJOINT_POOL_ROWS } from "./cases_pooling_disjoint.ts";
import { RANDOM_ROWS } from "./cases_random.ts";
import { REDUCTION_ROWS } from "./cases_reductions.ts";
import { SOFTMAX_ROWS } from "./cases_softmax.ts";
import { ADAPTIVE_UPDATE_ROWS } from "./cases_adaptive_updates.ts";
import { UPDATE_ROWS } from "./cases_updates.ts";
import { WINOGRAD_ROWS } from "./cases_winograd.ts";

/** All rows. */
export const ROWS: readonly Row[] = [
  ...ELEMENTWISE_ROWS,
  ...REDUCTION_ROWS,
  ...CHANNEL_SUM_ROWS,
  ...SOFTMAX_ROWS,
  ...LOSS_ROWS,
  ...LOSS_STATISTICS_ROWS,
  ...RANDOM_ROWS,
  ...UPDATE_ROWS,
  ...ADAPTIVE_UPDATE_ROWS,
  ...MATMUL_ROWS,
  ...BATCHED_MATMUL_ROWS,
  ...MATMUL_EPILOGUE_ROWS,
  ...DENSE_ROWS,
  ...CONVOLUTION_ROWS,
  ...CONVOLUTION_TEXEL_ROWS,
  ...DISJOINT_POOL_ROWS,
  ...NORMALIZATION_ROWS,
  ...LAYER_ROWS,
  ...BATCH_NORM_ROWS,
  ...FFT_ROWS,
  ...AUGMENT_ROWS,
  ...WINOGRAD_ROWS,
  ...FILTER_ROWS,
  ...HALF_ROWS,
];

/** The row of a name. */
export function rowNamed(name: string): Row {
  const row = ROWS.find((candidate) => candidate.name === name);
  if (row === undefined) throw new Error(`There is no row "${name}"`);
  return row;
}
