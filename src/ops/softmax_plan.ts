/**
 * How rows are shared out among invocations by softmax and the losses: the table's choice, and choices to be tuned.
 *
 * @module
 */

import type { Gpu } from "../gpu/gpu.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import type { ChoiceRequest } from "../gpu/tuning.ts";
import { type TuningRequest, wholeNumbers } from "../gpu/tuning_trial.ts";
import { LONGEST_LANE, rowLanes, type Rows } from "./launch.ts";
import type { ReductionPlace } from "./reduction_tuning.ts";
import { bucketOf, FEWEST_TUNED, tunedChoice } from "./tuned_choice.ts";

/** How rows are shared out. */
export interface RowPlan {
  /** Whether loads and stores take four neighbours. */
  readonly vector: boolean;
  /** Invocations that share a row: a power of two, 64 at most. */
  readonly lanes: number;
}

/** Computes the softmax of rows as planned; y is written. */
export type Softmax = (recorder: Recorder, x: Tensor, y: Tensor, plan: RowPlan) => void;

/** Rounding of float32. */
const UNIT = 2 ** -24;

/** The table: vectors where they fit, and as many lanes as {@linkcode rowLanes} says. */
export function chooseRows({ software }: ReductionPlace, { columns }: Rows): RowPlan {
  const vector = columns % 4 === 0;
  return { vector, lanes: rowLanes(software, columns, vector ? columns / 4 : columns) };
}

/** The table's plan first. */
export function rowCandidates(place: ReductionPlace, rows: Rows): RowPlan[] {
  const table = chooseRows(place, rows);
  const others = [true, false].filter((vector) => !vector || rows.columns % 4 === 0)
    .flatMap((vector) => [1, 8, 64].map((lanes) => ({ vector, lanes })))
    .filter(({ vector, lanes }) =>
      lanes === 64 || rows.columns / (vector ? 4 : 1) <= lanes * LONGEST_LANE
    );
  return [table, ...others.filter((plan) => JSON.stringify(plan) !== JSON.stringify(table))];
}

/**
 * The plan for rows: what was measured for softmax, or else what the table says.
 *
 * @param softmax Given where it is about to be recorded, and so is something to be measured.
 */
export function planRows(place: ReductionPlace, size: Rows, softmax?: Softmax): RowPlan {
  const known = size.rows * size.columns < FEWEST_TUNED ? undefined : tunedChoice(
    place.tuning,
    () => requestOf(place, size),
    softmax && (() => trialOf(size, softmax)),
  );
  return known ?? chooseRows(place, size);
}

/** The choice for all sizes of a bucket: its candidates are those of the largest. */
function requestOf(place: ReductionPlace, { rows, columns }: Rows): ChoiceRequest<RowPlan> {
  const largest = { rows: bucketOf(rows), columns: bucketOf(columns) };
  return {
    key: `softmax ${largest.rows}×${largest.columns}`,
    builtIn: () => chooseRows(place, largest),
    candidates: () => rowCandidates(place, largest),
  };
}

function trialOf(
  { rows, columns }: Rows,
  softmax: Softmax,
): Omit<TuningRequest<RowPlan>, keyof ChoiceRequest> {
  return {
    label: `softmax ${rows}×${columns}`,
    flops: 5 * rows * columns,
    describe: ({ vector, lanes }) => `${vector ? "vec4" : "f32"}, ${lanes} lanes`,
    trial(gpu: Gpu) {
      const x = wholeNumbers(gpu, [rows, columns], 1, 1);
      const run = (recorder: Recorder, plan: RowPlan) => {
        const y = recorder.empty([rows, columns]);
        softmax(recorder, x, y, plan);
        return y;
      };
      return {
        run,
        reference: (recorder) => run(recorder, { vector: false, lanes: 64 }),
        tolerance: () => tolerance(columns),
        [Symbol.dispose]: () => x.dispose(),
      };
    },
  };
}

/**
 * How far two results for numbers of −1, 0 and 1 may be apart. Exponentials of 0 to −2 have 3 + 2 · 2 units in the last place, 2⁻²³,
 * in the numerator and in every term of the sum; additions and the tree come to 512 + 16, or columns / 64 + 16; a quotient has 2.5
 * units. Results are at most e² / columns.
 */
function tolerance(columns: number): number {
  const additions = Math.max(LONGEST_LANE, columns / 64) + 16;
  const relative = (2 * 2 * 7 + additions + 2 * 2.5) * UNIT;
  return 2 * 1.01 * relative * Math.exp(2) / columns;
}
