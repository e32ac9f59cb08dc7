/**
 * What a step leaves behind on the GPU: whether predictions match, and sums that are read later.
 *
 * @module
 */

import matchesText from "../../kernels/matches.wgsl" with { type: "text" };
import recordText from "../../kernels/record_sums.wgsl" with { type: "text" };
import { ShapeError } from "../errors.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder, Scalar } from "../gpu/recorder.ts";
import type { DataType, Tensor } from "../gpu/tensor.ts";
import { formatShape } from "../shape.ts";
import { inParts } from "./binding_parts.ts";
import { expectShape, NAN_SOURCE, ROW_SOURCE, workgroupsFor } from "./launch.ts";

const MATCHES = new KernelFamily("matches", [NAN_SOURCE, {
  name: "matches.wgsl",
  text: matchesText,
}]);
const RECORD = new KernelFamily("recordSums", [NAN_SOURCE, ROW_SOURCE, {
  name: "record_sums.wgsl",
  text: recordText,
}]);

/** Values that one workgroup sums, at most. */
const LONGEST_RECORD = 2 ** 20;

/**
 * 1 for every row whose prediction (its first largest column; with one column, whether it is above 0) is its target, else 0.
 *
 * Shape: outputs [n, c], targets [n] (u32) or [n, c] → [n].
 *
 * @throws {ShapeError} if the shapes do not fit.
 */
export function matches(recorder: Recorder, outputs: Tensor, targets: Tensor<DataType>): Tensor {
  const labels = targets.type === "u32";
  const [rows = 0, columns = 0] = outputs.shape;
  if (outputs.shape.length !== 2 || columns === 0 || columns > 65_535) {
    throw new ShapeError(`matches: expected outputs [n, c], got ${formatShape(outputs.shape)}`);
  }
  expectShape(targets, labels ? [rows] : [rows, columns], "matches: targets");
  const result = recorder.empty([rows]);
  const tensors: readonly Tensor<DataType>[] = [outputs, targets, result];
  inParts("matches", rows, tensors, ([outputs, targets, matches], { count }) => {
    recorder.dispatch({
      label: `matches ${formatShape(outputs!.shape)}`,
      kernel: MATCHES.variant({ LABELS: labels }),
      tensors: { outputs: outputs!, targets: targets!, matches: matches! },
      uniforms: { rows: count, columns },
      workgroups: workgroupsFor(count),
      flops: outputs!.size,
    });
  });
  return result;
}

/**
 * Writes the sum of each tensor into a row of a record: record[slot, j] = Σ values[j].
 *
 * Shape: values [n] each, at most 4; record [slots, values.length].
 *
 * @throws {ShapeError} if the shapes do not fit, or n is above 2²⁰.
 */
export function recordSums(
  recorder: Recorder,
  values: readonly Tensor[],
  record: Tensor,
  slot: number | Scalar,
): void {
  const length = values[0]?.size ?? 0;
  if (values.length < 1 || values.length > 4 || length > LONGEST_RECORD) {
    throw new ShapeError(
      `recordSums: expected 1 to 4 tensors of at most ${LONGEST_RECORD} values, ` +
        `got ${values.length} of ${length}`,
    );
  }
  for (const tensor of values) expectShape(tensor, values[0]!.shape, "recordSums: values");
  expectShape(record, [record.shape[0] ?? 0, values.length], "recordSums: record");
  recorder.dispatch({
    label: `record ${values.length} sums of ${length}`,
    kernel: RECORD.variant({ COLUMNS: values.length, LANES: 64 }),
    tensors: {
      record,
      ...Object.fromEntries(values.map((tensor, j) => [`values_${j}`, tensor])),
    },
    uniforms: { length, slot },
    workgroups: 1,
    flops: values.length * length,
  });
}
