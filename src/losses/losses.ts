/**
 * The losses that a model can be compiled with.
 *
 * @module
 */

import { ShapeError } from "../errors.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { DataType, Tensor } from "../gpu/tensor.ts";
import {
  hinge,
  type LossOptions,
  type LossResult,
  meanSquaredError,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
} from "../ops/losses.ts";
import { checkOneOf } from "../options.ts";
import { formatShape, type Shape, sizeOf } from "../shape.ts";

/** Records the losses of a batch and the gradient of their mean. Shape: outputs [n, k]. */
export type LossFunction = (
  recorder: Recorder,
  outputs: Tensor,
  targets: Tensor<DataType>,
  options: LossOptions,
) => LossResult;

/** The losses that have a name; all take logits, not probabilities. */
export type LossName =
  | "softmaxCrossEntropy"
  | "sigmoidCrossEntropy"
  | "meanSquaredError"
  | "hinge";

const LOSSES: Readonly<Record<LossName, LossFunction>> = {
  softmaxCrossEntropy,
  sigmoidCrossEntropy,
  meanSquaredError,
  hinge,
};

/**
 * The loss of this name, or the given function.
 *
 * @throws {OptionError} if there is no loss of this name.
 */
export function resolveLoss(loss: LossName | LossFunction): LossFunction {
  if (typeof loss === "function") return loss;
  checkOneOf(loss, "compile: loss", Object.keys(LOSSES) as LossName[]);
  return LOSSES[loss];
}

/** Whether a loss usually compares outputs with class indices; the others compare them with targets. */
export function takesLabels(loss: LossName | LossFunction): boolean {
  return typeof loss === "function" || loss === "softmaxCrossEntropy";
}

/** What a data set offers as targets. */
export interface Targets {
  /** The number of classes; 0 if targets are numbers. */
  readonly classes: number;
  /** The shape of one target; `[]` for class indices. */
  readonly targetShape: Shape;
}

/**
 * Checks before any GPU work that a loss can compare a model's outputs with these targets.
 *
 * @throws {ShapeError} saying how many outputs the last layer should have.
 */
export function checkTargets(
  loss: LossName | LossFunction,
  outputShape: Shape,
  { classes, targetShape }: Targets,
): void {
  if (typeof loss === "function") return;
  const outputs = sizeOf(outputShape);
  const got = `the model's output has shape ${formatShape(outputShape)}`;
  if (classes === 0) {
    if (sizeOf(targetShape) !== outputs) {
      throw new ShapeError(`${loss}: targets have shape ${formatShape(targetShape)}, but ${got}`);
    }
  } else if (loss === "softmaxCrossEntropy") {
    if (outputs < classes) {
      throw new ShapeError(`${loss}: ${classes} classes need ${classes} outputs, but ${got}`);
    }
  } else if (outputs !== 1 || classes > 2) {
    throw new ShapeError(
      `${loss}: class indices need two classes and one output, but there are ${classes} classes and ${got}`,
    );
  }
}
