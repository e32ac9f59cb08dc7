/**
 * Checks of options, done in constructors so that a mistake is reported where it was made.
 *
 * @module
 */

import { OptionError } from "./errors.ts";

/**
 * Checks a numeric option.
 *
 * @param what Names the option in the error, as in `Dense: units`.
 * @throws {OptionError} if the value is no number, outside [min, max], or not whole when it must be.
 */
export function checkNumber(
  value: unknown,
  what: string,
  range: { min?: number; max?: number; integer?: boolean; exclusiveMin?: boolean } = {},
): asserts value is number {
  const { min = -Infinity, max = Infinity, integer = false, exclusiveMin = false } = range;
  const valid = typeof value === "number" && !Number.isNaN(value) &&
    (exclusiveMin ? value > min : value >= min) && value <= max &&
    (!integer || Number.isSafeInteger(value));
  if (valid) return;
  const kind = integer ? "a whole number" : "a number";
  const lower = min === -Infinity ? "" : exclusiveMin ? ` above ${min}` : ` of at least ${min}`;
  const upper = max === Infinity ? "" : `${lower === "" ? "" : " and"} at most ${max}`;
  throw new OptionError(`${what}: expected ${kind}${lower}${upper}, got ${show(value)}`);
}

/**
 * Checks that an option is one of a list of names.
 *
 * @throws {OptionError} naming the option and the accepted names.
 */
export function checkOneOf<T extends string>(
  value: unknown,
  what: string,
  names: readonly T[],
): asserts value is T {
  if ((names as readonly unknown[]).includes(value)) return;
  const list = names.map((name) => `"${name}"`).join(", ");
  throw new OptionError(`${what}: expected one of ${list}, got ${show(value)}`);
}

/**
 * Checks that an options object has only known keys, so that a misspelt option is not ignored.
 *
 * @throws {OptionError} naming the unknown key and the accepted ones.
 */
export function checkKeys(options: object, what: string, known: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      throw new OptionError(
        `${what}: unknown option "${key}"; the options are ${known.join(", ") || "none"}`,
      );
    }
  }
}

/** The options that are given: those that are not undefined. */
export function definedOptions<T extends object>(
  options: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

function show(value: unknown): string {
  return typeof value === "string" ? `"${value}"` : String(value);
}
