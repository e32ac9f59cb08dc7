/**
 * Matrix products as something to be tuned: which sizes share a choice, and how a choice is tried.
 *
 * @module
 */

import type { Device } from "../gpu/device.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { textureBytes } from "../gpu/memory.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import type { ChoiceRequest, Tuning } from "../gpu/tuning.ts";
import {
  exactMagnitude,
  type Trial,
  type TuningRequest,
  wholeNumbers,
} from "../gpu/tuning_trial.ts";
import {
  chooseMatmul,
  type MatmulAdapter,
  matmulCandidates,
  type MatmulPlan,
  type MatmulSize,
  splitSum,
} from "./matmul_plan.ts";
import { bucketOf, tunedChoice } from "./tuned_choice.ts";

/** Where products run. */
export interface MatmulPlace extends MatmulAdapter {
  /** What was measured there. Default: nothing. */
  readonly tuning?: Tuning | undefined;
}

/** The place that a device is. */
export function placeOf({ adapter, tuning }: Device): MatmulPlace {
  const { software, subgroupSize, readableTextures } = adapter;
  return { software, subgroupSize, readableTextures, tuning };
}

/** Products that run together. */
export interface ProductStack extends MatmulSize {
  /** How many. */
  readonly batches: number;
  /** Matrices of each operand, which are used in turn. */
  readonly countA: number;
  readonly countB: number;
}

/** A plan without the length of its parts, which follows from their number. */
export type MatmulChoice = MatmulPlan extends infer P
  ? P extends MatmulPlan ? Omit<P, "chunk"> : never
  : never;

/** Computes products in the way given; `out` is written. */
export type Multiply = (
  recorder: Recorder,
  stack: ProductStack,
  a: Tensor,
  b: Tensor,
  out: Tensor,
  plan: MatmulPlan,
) => void;

/** NN, TN, NT or TT. */
export function orientationOf({ transposeA, transposeB }: MatmulSize): string {
  return `${transposeA ? "T" : "N"}${transposeB ? "T" : "N"}`;
}

/**
 * The variant for products: what was measured, or else what the table says.
 *
 * @param multiply Given where the products are about to be recorded, and so are something to be measured.
 */
export function planMatmul(
  place: MatmulPlace,
  size: MatmulSize & Partial<ProductStack>,
  batches: number,
  multiply?: Multiply,
): MatmulPlan {
  const { countA = batches, countB = batches } = size;
  const known = tunedChoice(
    place.tuning,
    () => choiceRequest(place, size, batches),
    multiply && (() => trialOf({ ...size, batches, countA, countB }, multiply)),
  );
  return known === undefined ? chooseMatmul(place, size, batches) : planOf(known, size.k);
}

/** Bytes of each intermediate tensor of products that are computed as {@linkcode planMatmul} says. */
export function matmulWorkspace(
  place: MatmulPlace,
  size: MatmulSize & Partial<ProductStack>,
  batches: number,
): number[] {
  const plan = planMatmul(place, size, batches);
  const { countA = batches, countB = batches } = size;
  const { m, n, k } = size;
  const numbers = { a: countA * m * k, b: countB * k * n };
  const copies = (["a", "b"] as const)
    .filter((name) => plan.family === "broadcast" && plan.textures.includes(name))
    .map((name) => textureBytes(4 * numbers[name]));
  return plan.parts > 1 ? [4 * plan.parts * batches * m * n, ...copies] : copies;
}

/** The choice for all sizes of a bucket: its candidates are those of the largest. */
function choiceRequest(
  place: MatmulPlace,
  size: MatmulSize,
  batches: number,
): ChoiceRequest<MatmulChoice> {
  const { transposeA, transposeB } = size;
  const [m, n, k] = [bucketOf(size.m), bucketOf(size.n), bucketOf(size.k)];
  const largest = { m, n, k, transposeA, transposeB };
  const count = bucketOf(batches);
  return {
    key: `matmul ${orientationOf(size)} ${count} of ${m}×${k}×${n}`,
    builtIn: () => choiceOf(chooseMatmul(place, largest, count)),
    candidates() {
      const choices = matmulCandidates(place, largest, count).map(choiceOf);
      return [...new Map(choices.map((choice) => [JSON.stringify(choice), choice])).values()];
    },
  };
}

/** How the choices are tried on products: with whole numbers so small that every sum is exact in any order. */
function trialOf(
  stack: ProductStack,
  multiply: Multiply,
): Omit<TuningRequest<MatmulChoice>, keyof ChoiceRequest> {
  const { m, n, k, transposeA, transposeB, batches, countA, countB } = stack;
  const stacked = batches === 1 ? "" : `${batches} of `;
  return {
    label: `matmul ${orientationOf(stack)} ${stacked}${m}×${k}×${n}`,
    flops: 2 * batches * m * n * k,
    describe: describeChoice,
    trial(gpu: Gpu): Trial<MatmulChoice> {
      const magnitude = exactMagnitude(k);
      const a = wholeNumbers(gpu, [countA, ...(transposeA ? [k, m] : [m, k])], magnitude, 1);
      const b = wholeNumbers(gpu, [countB, ...(transposeB ? [n, k] : [k, n])], magnitude, 2);
      const run = (recorder: Recorder, choice: MatmulChoice) => {
        const out = recorder.empty([batches, m, n]);
        multiply(recorder, stack, a, b, out, planOf(choice, k));
        return out;
      };
      return {
        run,
        reference: (recorder) =>
          run(recorder, { family: "plain", parts: splitSum(k, 1, 1, 4).parts }),
        tolerance: () => magnitude >= 1 ? 0 : undefined,
        [Symbol.dispose]() {
          a.dispose();
          b.dispose();
        },
      };
    },
  };
}

function choiceOf({ chunk: _, ...choice }: MatmulPlan): MatmulChoice {
  return choice as MatmulChoice;
}

/** The plan of a choice for a sum of `k` terms. */
function planOf(choice: MatmulChoice, k: number): MatmulPlan {
  if (choice.parts === 1) return { ...choice, chunk: k };
  const unit = choice.family === "block" ? choice.depth : 4;
  const chunk = Math.max(unit, Math.ceil(k / choice.parts / unit) * unit);
  return { ...choice, parts: Math.max(1, Math.ceil(k / chunk)), chunk };
}

/** `register 16×8 in 1×8, 2 parts`: the tile of an invocation, and the invocations of a workgroup. */
function describeChoice(choice: MatmulChoice): string {
  const parts = choice.parts > 1 ? `, ${choice.parts} parts` : "";
  if (choice.family === "plain") return `plain${parts}`;
  const { rowGroups, columnGroups, lanesM, lanesN } = choice;
  const textures = choice.family === "broadcast" && choice.textures !== ""
    ? `, ${[...choice.textures].join(" and ")} from textures`
    : "";
  return `${choice.family} ${4 * rowGroups}×${
    4 * columnGroups
  } in ${lanesM}×${lanesN}${textures}${parts}`;
}
