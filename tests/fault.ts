/**
 * A mistake that could be made in a kernel, as an edit of its text.
 *
 * @module
 */

/** One edit. */
export interface Fault {
  /** The row of `cases.ts` that must notice. */
  readonly row: string;
  /** What is wrong. */
  readonly name: string;
  readonly from: string | RegExp;
  readonly to: string;
  /** Whether the kernel variants for graphics cards are to be tried. */
  readonly card?: boolean;
}

/** A fault of a row. */
export const fault = (
  row: string,
  name: string,
  from: string | RegExp,
  to: string,
  card = false,
): Fault => ({ row, name, from, to, card });
