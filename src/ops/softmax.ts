/**
 * Softmax over rows.
 *
 * @module
 */

import text from "../../kernels/softmax.wgsl" with { type: "text" };
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { formatShape } from "../shape.ts";
import { inParts } from "./binding_parts.ts";
import {
  asRows,
  checkRow,
  expectShape,
  NAN_SOURCE,
  ROW_SOURCE,
  ROW_VALUES_SOURCE,
  rowWorkgroups,
} from "./launch.ts";
import { planRows, type RowPlan } from "./softmax_plan.ts";

const FAMILY = new KernelFamily("softmax", [NAN_SOURCE, ROW_SOURCE, ROW_VALUES_SOURCE, {
  name: "softmax.wgsl",
  text,
}]);

/**
 * yⱼ = e^(xⱼ − max x) / Σₖ e^(xₖ − max x) over the last axis. Shape: […, n] → same.
 *
 * @throws {ShapeError} for a scalar, or more than 1,280,000 columns.
 */
export function softmax(recorder: Recorder, x: Tensor): Tensor {
  return launch(recorder, "softmax", false, x);
}

/** yⱼ = xⱼ − max x − log Σₖ e^(xₖ − max x) over the last axis. Shape: […, n] → same. */
export function logSoftmax(recorder: Recorder, x: Tensor): Tensor {
  return launch(recorder, "logSoftmax", true, x);
}

/** dxⱼ = yⱼ (dyⱼ − Σₖ yₖ dyₖ) with y = softmax(x). Shape: […, n] → same. */
export function softmaxGradient(recorder: Recorder, y: Tensor, dy: Tensor): Tensor {
  return launch(recorder, "softmaxGradient", false, y, dy);
}

/** dxⱼ = dyⱼ − e^yⱼ Σₖ dyₖ with y = logSoftmax(x). Shape: […, n] → same. */
export function logSoftmaxGradient(recorder: Recorder, y: Tensor, dy: Tensor): Tensor {
  return launch(recorder, "logSoftmaxGradient", true, y, dy);
}

function launch(recorder: Recorder, name: string, log: boolean, x: Tensor, dy?: Tensor): Tensor {
  const size = asRows(x, name);
  if (dy !== undefined) expectShape(dy, x.shape, `${name}: dy`);
  checkRow(size, name);
  const y = recorder.empty(x.shape, x.type);
  const tensors: readonly Tensor[] = dy === undefined ? [x, y] : [x, y, dy];
  const { adapter: { software }, tuning } = recorder.device;
  inParts(name, size.rows, tensors, ([x, y, dy]) => {
    const size = asRows(x!, name);
    // The others go over their rows as softmax does, and share its plan.
    const plan = planRows({ software, tuning }, size, (recorder, x, y, plan) => {
      dispatch(recorder, "softmax", false, plan, [x, y]);
    });
    dispatch(recorder, name, log, plan, [x!, y!, dy]);
  });
  return y;
}

function dispatch(
  recorder: Recorder,
  name: string,
  log: boolean,
  { vector, lanes }: RowPlan,
  [x, y, dy]: readonly [x: Tensor, y: Tensor, dy?: Tensor | undefined],
): void {
  const { rows, columns } = asRows(x, name);
  recorder.dispatch({
    label: `${name} ${formatShape(x.shape)}`,
    kernel: FAMILY.variant({
      LANES: lanes,
      VALUE: vector ? "vec4f" : "f32",
      LOG: log,
      GRADIENT: dy !== undefined,
    }),
    tensors: { x, y, ...(dy === undefined ? {} : { dy }) },
    uniforms: { rows, columns: vector ? columns / 4 : columns },
    workgroups: rowWorkgroups(rows, lanes),
    flops: 5 * x.size,
  });
}
