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
import { asRows, expectShape, NAN_SOURCE, ROW_SOURCE, rowLanes, rowWorkgroups } from "./launch.ts";

const FAMILY = new KernelFamily("softmax", [NAN_SOURCE, ROW_SOURCE, {
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
  const lanes = rowLanes(recorder.device, size, name);
  const y = recorder.empty(x.shape, x.type);
  const tensors: readonly Tensor[] = dy === undefined ? [x, y] : [x, y, dy];
  inParts(name, size.rows, tensors, ([x, y, dy]) => {
    const { rows, columns } = asRows(x!, name);
    recorder.dispatch({
      label: `${name} ${formatShape(x!.shape)}`,
      kernel: FAMILY.variant({ LANES: lanes, LOG: log, GRADIENT: dy !== undefined }),
      tensors: { x: x!, y: y!, ...(dy === undefined ? {} : { dy }) },
      uniforms: { rows, columns },
      workgroups: rowWorkgroups(rows, lanes),
      flops: 5 * x!.size,
    });
  });
  return y;
}
