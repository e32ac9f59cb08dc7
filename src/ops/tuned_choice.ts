/**
 * How operations ask for a tuned choice: which sizes share one, and what is measured for it.
 *
 * @module
 */

import type { ChoiceRequest, Tuning } from "../gpu/tuning.ts";
import type { TuningRequest } from "../gpu/tuning_trial.ts";

/** Numbers below which a pass over them has nothing to choose: a dispatch takes longer than the work. */
export const FEWEST_TUNED = 2 ** 16;

/**
 * The bucket of a dimension: the number itself up to 32, where the waste at the edge of a tile decides; beyond, rounded up to three
 * binary digits (40, 48, 56, 64, 80, …), so that the sizes of a bucket differ by less than a quarter. Multiples of 4 are apart from
 * the others, because the kernels load them as vectors.
 */
export function bucketOf(size: number): number {
  if (size <= 32) return size;
  const step = 2 ** (Math.floor(Math.log2(size - 1)) - 2);
  const bucket = Math.ceil(size / step) * step;
  return size % 4 === 0 ? bucket : bucket - 1;
}

/**
 * What was measured for the sizes of a request; undefined where the table holds.
 *
 * @param trial How the choices are tried: given where the operation is about to be recorded, and so is something to be measured.
 */
export function tunedChoice<C extends object>(
  tuning: Tuning | undefined,
  request: () => ChoiceRequest<C>,
  trial?: () => Omit<TuningRequest<C>, keyof ChoiceRequest>,
): C | undefined {
  if (tuning === undefined || tuning.mode === "table") return undefined;
  const wanted = request();
  if (trial !== undefined) tuning.choose({ ...wanted, ...trial() }); // says that it is wanted
  return tuning.known(wanted);
}
