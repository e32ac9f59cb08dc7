/**
 * Losses with their gradients, one kernel each.
 *
 * @module
 */

import elementwiseText from "../../kernels/elementwise_loss.wgsl" with { type: "text" };
import softmaxText from "../../kernels/softmax_cross_entropy.wgsl" with { type: "text" };
import { ShapeError } from "../errors.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder, Scalar } from "../gpu/recorder.ts";
import type { DataType, Tensor } from "../gpu/tensor.ts";
import { formatShape, type Shape, shapesEqual } from "../shape.ts";
import { ACTIVATION_SOURCE } from "./activation_source.ts";
import { fitBindings, inParts } from "./binding_parts.ts";
import {
  checkRow,
  expectShape,
  NAN_SOURCE,
  ROW_SOURCE,
  ROW_VALUES_SOURCE,
  type Rows,
  rowWorkgroups,
} from "./launch.ts";
import { planRows, type RowPlan } from "./softmax_plan.ts";

/** A loss of every example, and the gradient of their mean. */
export interface LossResult {
  /** Shape: [n]. */
  readonly losses: Tensor;
  /** ∂ mean(losses) / ∂ outputs. Shape: that of the outputs. Undefined if it was not asked for. */
  readonly gradient: Tensor | undefined;
  /** Whether {@linkcode LossOptions.statistics} were written. Default: no, then somebody else writes them. */
  readonly recorded?: boolean;
}

/** Options of the losses. */
export interface LossOptions {
  /** Whether the gradient is wanted. Default true. */
  gradient?: boolean;
  /** What a loss may write besides, if it can do so in the same kernel, saying that it did. */
  statistics?: LossStatistics;
}

/** Sums over a batch: record[slot] = [Σ losses], or with `matches` [Σ losses, the number of predictions that are right]. */
export interface LossStatistics {
  /** Shape: [slots, 1], or [slots, 2] with matches. */
  readonly record: Tensor;
  /** The row that is written. */
  readonly slot: number | Scalar;
  /** Whether to count predictions that are right: the first largest output is the label. */
  readonly matches: boolean;
}

/** Loads of a lane in all rows, for which one workgroup is no slower than a further dispatch. */
const LONGEST_RECORD = 256;
/** Loads of a row that an invocation keeps, at most: each stands in the text, and has to be compiled. */
const MOST_KEPT = 12;

const SOFTMAX = new KernelFamily("softmaxCrossEntropy", [
  NAN_SOURCE,
  ROW_SOURCE,
  ROW_VALUES_SOURCE,
  { name: "softmax_cross_entropy.wgsl", text: softmaxText },
]);
const ELEMENTWISE = new KernelFamily("elementwiseLoss", [
  NAN_SOURCE,
  ROW_SOURCE,
  ROW_VALUES_SOURCE,
  ACTIVATION_SOURCE,
  { name: "elementwise_loss.wgsl", text: elementwiseText },
]);

/**
 * Cross-entropy of softmax: lossᵢ = log Σⱼ e^zᵢⱼ − Σⱼ tᵢⱼ zᵢⱼ. Finite for logits of ±10⁴.
 *
 * Shape: logits z [n, c]; targets class indices [n] (u32) or distributions t [n, c].
 *
 * @throws {ShapeError} if the shapes do not fit.
 */
export function softmaxCrossEntropy(
  recorder: Recorder,
  logits: Tensor,
  targets: Tensor<DataType>,
  options: LossOptions = {},
): LossResult {
  return launch(recorder, "softmaxCrossEntropy", SOFTMAX, {}, logits, targets, options);
}

/**
 * Cross-entropy of the sigmoid: lossᵢ = meanⱼ(max(zᵢⱼ, 0) − zᵢⱼ tᵢⱼ + log(1 + e^−|zᵢⱼ|)).
 *
 * Shape: logits z [n, k]; targets t [n, k] in 0 … 1, or for k = 1 labels 0 and 1 [n] (u32).
 *
 * @throws {ShapeError} if the shapes do not fit.
 */
export function sigmoidCrossEntropy(
  recorder: Recorder,
  logits: Tensor,
  targets: Tensor<DataType>,
  options: LossOptions = {},
): LossResult {
  return elementwise(recorder, "sigmoidCrossEntropy", logits, targets, options);
}

/**
 * lossᵢ = meanⱼ (zᵢⱼ − tᵢⱼ)².
 *
 * Shape: outputs z [n, k]; targets t [n, k], or for k = 1 labels [n] (u32).
 *
 * @throws {ShapeError} if the shapes do not fit.
 */
export function meanSquaredError(
  recorder: Recorder,
  outputs: Tensor,
  targets: Tensor<DataType>,
  options: LossOptions = {},
): LossResult {
  return elementwise(recorder, "meanSquaredError", outputs, targets, options);
}

/**
 * lossᵢ = meanⱼ max(0, 1 − tᵢⱼ zᵢⱼ); the gradient at the kink is 0.
 *
 * Shape: outputs z [n, k]; targets t [n, k] of −1 and 1, or for k = 1 labels 0 (read as −1) and 1 [n] (u32).
 *
 * @throws {ShapeError} if the shapes do not fit.
 */
export function hinge(
  recorder: Recorder,
  outputs: Tensor,
  targets: Tensor<DataType>,
  options: LossOptions = {},
): LossResult {
  return elementwise(recorder, "hinge", outputs, targets, options);
}

function elementwise(
  recorder: Recorder,
  name: string,
  outputs: Tensor,
  targets: Tensor<DataType>,
  options: LossOptions,
): LossResult {
  const parameters = { LOSS: name, ACTIVATION: "linear" };
  if (targets.type === "u32" && outputs.shape.length === 2 && outputs.shape[1] !== 1) {
    throw new ShapeError(
      `${name}: labels need outputs of shape [n, 1], got ${formatShape(outputs.shape)}`,
    );
  }
  return launch(recorder, name, ELEMENTWISE, parameters, outputs, targets, options);
}

/** How a loss goes over its rows. */
interface LossPlan extends RowPlan {
  /** Whether the outputs have one column, each number a loss of its own. */
  readonly alone: boolean;
  /** Numbers or vectors of a row. */
  readonly loads: number;
}

function planLoss({ device }: Recorder, softmax: boolean, { rows, columns }: Rows): LossPlan {
  if (!softmax && columns === 1) { // four rows as a vector
    return { alone: true, vector: rows % 4 === 0, lanes: 1, loads: 1 };
  }
  const { adapter: { software }, tuning } = device;
  const plan = planRows({ software, tuning }, { rows, columns });
  return { ...plan, alone: false, loads: plan.vector ? columns / 4 : columns };
}

function launch(
  recorder: Recorder,
  name: string,
  family: KernelFamily,
  parameters: Record<string, string>,
  outputs: Tensor,
  targets: Tensor<DataType>,
  { gradient: wantGradient = true, statistics }: LossOptions,
): LossResult {
  const labels = targets.type === "u32";
  if (outputs.shape.length !== 2) {
    throw new ShapeError(`${name}: expected outputs [n, k], got ${formatShape(outputs.shape)}`);
  }
  const [rows, columns] = outputs.shape as readonly [number, number];
  const expected: Shape = labels ? [rows] : outputs.shape;
  if (!shapesEqual(targets.shape, expected) || targets.type === "u8") {
    throw new ShapeError(
      `${name}: for outputs ${formatShape(outputs.shape)} expected labels [${rows}] (u32) or ` +
        `targets ${formatShape(outputs.shape)} (f32), got ${
          formatShape(targets.shape)
        } (${targets.type})`,
    );
  }
  if (columns === 0) throw new ShapeError(`${name}: outputs have no columns`);
  checkRow({ rows, columns }, name);
  const softmax = family === SOFTMAX;
  const { vector, lanes, alone, loads } = planLoss(recorder, softmax, { rows, columns });
  const kept = lanes === 1 && loads <= MOST_KEPT ? loads : 0;
  // Softmax: the mean is over the rows; elementwise losses: over rows and columns.
  const factor = 1 / (softmax ? rows : rows * columns);
  const matches = statistics?.matches ?? false;
  const rounds = rowWorkgroups(rows, lanes);
  const recorded = statistics !== undefined && softmax && (labels || !matches) &&
    rows > 0 && rounds * Math.ceil(loads / lanes) <= LONGEST_RECORD &&
    fitBindings([outputs, targets]);
  if (recorded) {
    const { record } = statistics;
    expectShape(record, [record.shape[0] ?? 0, matches ? 2 : 1], `${name}: record`);
  }
  const losses = recorder.empty([rows]);
  const gradient = wantGradient ? recorder.empty(outputs.shape) : undefined;
  const kernel = family.variant({
    ...parameters,
    VALUE: vector ? "vec4f" : "f32",
    LANES: lanes,
    LABELS: labels,
    GRADIENT: wantGradient,
    ...(!softmax ? { ALONE: alone } : {
      KEPT: kept,
      COPIES: Math.max(1, kept),
      RECORD: recorded,
      MATCHES: recorded && matches,
      ROUNDS: recorded ? rounds : 0,
    }),
  });
  const tensors = [outputs, targets, losses, ...(gradient === undefined ? [] : [gradient])];
  inParts(name, rows, tensors, ([part, targets, losses, gradient], { count }) => {
    const outputs = part as Tensor;
    const rows = alone && vector ? count / 4 : count;
    recorder.dispatch({
      label: `${name} ${formatShape(outputs.shape)}${recorded ? ", sums" : ""}`,
      kernel,
      tensors: {
        [softmax ? "logits" : "outputs"]: outputs,
        targets: targets!,
        losses: losses!,
        ...(gradient === undefined ? {} : { gradient }),
        ...(recorded ? { record: statistics.record } : {}),
      },
      uniforms: {
        rows,
        columns: loads,
        factor,
        ...(recorded ? { slot: statistics.slot } : {}),
      },
      workgroups: recorded ? 1 : rowWorkgroups(rows, lanes),
      flops: 8 * outputs.size,
    });
  });
  return { losses, gradient, recorded };
}
