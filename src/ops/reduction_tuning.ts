/**
 * Reductions as something to be tuned: which sizes share a plan, and how a plan is tried.
 *
 * @module
 */

import type { Gpu } from "../gpu/gpu.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { DataType, Tensor } from "../gpu/tensor.ts";
import type { ChoiceRequest, Tuning } from "../gpu/tuning.ts";
import { exactMagnitude, type TuningRequest, wholeNumbers } from "../gpu/tuning_trial.ts";
import {
  chooseReduction,
  type ReductionAdapter,
  reductionCandidates,
  type ReductionPlan,
  type ReductionSize,
} from "./reduction_plan.ts";
import { bucketOf, FEWEST_TUNED, tunedChoice } from "./tuned_choice.ts";

/** Where reductions run. */
export interface ReductionPlace extends ReductionAdapter {
  /** What was measured there. Default: nothing. */
  readonly tuning?: Tuning | undefined;
}

/** Reductions whose kernels differ in more than the arithmetic of an element. */
export type ReductionKind = "sum" | "max" | "argmax";

/** Reduces x [outer, length, inner] as planned; `out` is written. */
export type Reduce = (
  recorder: Recorder,
  x: Tensor,
  out: Tensor<DataType>,
  plan: ReductionPlan,
) => void;

/** What plans are compared with. */
const PLAINEST: ReductionPlan = { vector: false, loads: 1, lanes: 1, turns: false, parts: 1 };

/**
 * The plan of a reduction: what was measured, or else what the table says.
 *
 * @param reduce Given where the reduction is about to be recorded, and so is something to be measured.
 */
export function planReduction(
  place: ReductionPlace,
  kind: ReductionKind,
  size: ReductionSize,
  reduce?: Reduce,
): ReductionPlan {
  const known = elementsOf(size) < FEWEST_TUNED ? undefined : tunedChoice(
    place.tuning,
    () => requestOf(place, kind, size),
    reduce && (() => trialOf(kind, size, reduce)),
  );
  return known ?? chooseReduction(place, size);
}

/** The choice for all sizes of a bucket: its candidates are those of the largest. */
function requestOf(
  place: ReductionPlace,
  kind: ReductionKind,
  size: ReductionSize,
): ChoiceRequest<ReductionPlan> {
  const [outer, length, inner] = shapeOf(size).map(bucketOf) as [number, number, number];
  const largest = { outer, length, inner };
  return {
    key: `reduce ${kind} ${outer}×${length}×${inner}`,
    builtIn: () => chooseReduction(place, largest),
    candidates: () => reductionCandidates(place, largest),
  };
}

/** How plans are tried: on whole numbers so small that every sum of them is exact in any order. */
function trialOf(
  kind: ReductionKind,
  size: ReductionSize,
  reduce: Reduce,
): Omit<TuningRequest<ReductionPlan>, keyof ChoiceRequest> {
  const { outer, length, inner } = size;
  return {
    label: `${kind} of ${outer}×${length}×${inner} over the second`,
    flops: elementsOf(size),
    describe: describePlan,
    trial(gpu: Gpu) {
      const magnitude = kind === "sum" ? exactMagnitude(length) : 127;
      const x = wholeNumbers(gpu, shapeOf(size), magnitude, 1);
      const run = (recorder: Recorder, plan: ReductionPlan) => {
        const out = recorder.empty([outer, inner], kind === "argmax" ? "u32" : "f32");
        reduce(recorder, x, out, plan);
        return out;
      };
      return {
        run,
        reference: (recorder) => run(recorder, PLAINEST),
        tolerance: () => magnitude >= 1 ? 0 : undefined,
        [Symbol.dispose]: () => x.dispose(),
      };
    },
  };
}

/** `vec4 × 4, 64 lanes, in turns, 256 parts`: what an invocation loads at once, and how the axis is shared out. */
function describePlan({ vector, loads, lanes, turns, parts }: ReductionPlan): string {
  return `${vector ? "vec4" : "f32"} × ${loads}` + (lanes > 1 ? `, ${lanes} lanes` : "") +
    (turns && lanes === 1 ? ", in turns" : "") + (parts > 1 ? `, ${parts} parts` : "");
}

function shapeOf({ outer, length, inner }: ReductionSize): readonly [number, number, number] {
  return [outer, length, inner];
}

function elementsOf({ outer, length, inner }: ReductionSize): number {
  return outer * length * inner;
}
