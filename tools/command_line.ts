/**
 * Command lines of tasks: a table of options makes the parser, the checks, the help and the suggestions.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { OptionError, StrataError } from "../mod.ts";
import { checkNumber, checkOneOf } from "../src/options.ts";

/** An option: how its text becomes a value, and what the help says. */
export interface Option<T> {
  /** What stands for the value in the help; empty for a switch. */
  readonly value: string;
  readonly help: string;
  /** The text that stands for the value when the option is not given. */
  readonly default?: string;
  /** @throws {OptionError} naming the option and what is expected. */
  readonly parse: (text: string, option: string) => T;
}

/** Options by their names on the command line. */
export type OptionTable = Record<string, Option<unknown>>;

/** The values of a table of options. */
export type OptionValues<T extends OptionTable> = {
  readonly [N in keyof T]: ReturnType<T[N]["parse"]>;
};

/** What a command line says. */
export interface CommandLine<T extends OptionTable> {
  readonly options: OptionValues<T>;
  /** Whether an option was given, and not only has its default. */
  readonly isGiven: (name: keyof T) => boolean;
}

/**
 * Reads a command line.
 *
 * @throws {OptionError} naming the option that is unknown or has a wrong value.
 */
export function readCommandLine<T extends OptionTable>(
  table: T,
  args: readonly string[],
): CommandLine<T> {
  const names = Object.keys(table);
  const isFlag = (name: string) => table[name]!.value === "";
  const unknown: string[] = [];
  const given: Record<string, unknown> = parseArgs(joinNegative(args), {
    string: names.filter((name) => !isFlag(name)),
    boolean: names.filter(isFlag),
    alias: { help: "h" },
    unknown: (arg: string) => unknown.push(arg) < 0,
  });
  if (given["help"] !== true) {
    rejectUnknown([...unknown, ...(given["_"] as unknown[])].map(String), names);
  }
  for (const arg of args) {
    const [, name, value] = /^--([^=]+)=(.*)$/s.exec(arg) ?? [];
    if (name !== undefined && name in table && isFlag(name)) {
      throw new OptionError(`--${name}: expected no value, got "${value}"`);
    }
  }
  const options = Object.fromEntries(names.map((name) => {
    const { default: fallback, parse, value } = table[name]!;
    const text = given[name] === undefined ? fallback : String(given[name]);
    if (text === "") throw new OptionError(`--${name}: expected a value (${value}), got none`);
    return [name, text === undefined ? undefined : parse(text, `--${name}`)];
  })) as unknown as OptionValues<T>;
  return {
    options,
    isGiven: (name) => given[name as string] !== undefined && given[name as string] !== false,
  };
}

/** Exit codes: of a failure, and of a wrong command line. */
const FAILED = 1;
const WRONG_USE = 2;

/**
 * Tells an error that its message explains: what the module or the system refuses. A bug goes on, since its stack is wanted.
 *
 * @param task Whose `--help` lists the options.
 * @returns The exit code.
 */
export function reportError(error: unknown, task: string): number {
  const isExpected = error instanceof StrataError ||
    Object.values(Deno.errors).some((type) => error instanceof type);
  if (!isExpected) throw error;
  console.error((error as Error).message);
  if (!(error instanceof OptionError)) return FAILED;
  console.error(`deno task ${task} --help lists the options.`);
  return WRONG_USE;
}

/** A line of the help for each of the options named. */
export function helpLines(table: OptionTable, names: readonly string[]): string[] {
  return names.map((name) => {
    const { value, help, default: fallback } = table[name]!;
    const left = `  ${name === "help" ? "-h, " : ""}--${name}${value && ` ${value}`}`;
    return left.padEnd(26) + help +
      (value === "" || fallback === undefined ? "" : `; default ${fallback}`);
  });
}

function rejectUnknown(unknown: readonly string[], names: readonly string[]): void {
  const first = unknown[0];
  if (first === undefined) return;
  if (!first.startsWith("-")) {
    throw new OptionError(`Expected options only, which begin with --, got "${first}"`);
  }
  const name = first.replace(/^-+/, "").replace(/=.*$/s, "");
  const nearest = names
    .map((known) => ({ known, distance: distance(name, known) }))
    .sort((a, b) => a.distance - b.distance)[0]!;
  const suggestion = nearest.distance <= Math.max(2, name.length / 2)
    ? `; did you mean --${nearest.known}?`
    : "";
  throw new OptionError(`Unknown option ${first.replace(/=.*$/s, "")}${suggestion}`);
}

/** `--epochs -1` as `--epochs=-1`, so that the number is seen as the value that it is meant to be. */
function joinNegative(args: readonly string[]): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    if (/^-[\d.]/.test(arg) && /^--[^=]+$/.test(joined.at(-1) ?? "")) {
      joined.push(`${joined.pop()}=${arg}`);
    } else joined.push(arg);
  }
  return joined;
}

/** How far a name is from an option's, whose beginning (`batch`) or initials (`lr`) are close to it. */
function distance(name: string, known: string): number {
  const initials = known.split("-").map((word) => word[0]).join("");
  return known.startsWith(name) || initials === name ? 1 : editDistance(name, known);
}

/** Insertions, deletions and replacements that turn one text into the other (Levenshtein, 1965). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, replace));
    }
    row = next;
  }
  return row[b.length]!;
}

/** One of some names. */
export function choice<T extends string>(
  names: readonly T[],
  fallback: T,
  help: string,
): Option<T> {
  const parse = (text: string, option: string) => {
    checkOneOf(text, option, names);
    return text;
  };
  return { value: "NAME", default: fallback, help, parse };
}

/** A number in a range; undefined if not given and without a default. */
export function number<D extends string | undefined>(
  value: string,
  fallback: D,
  range: { min?: number; max?: number; integer?: boolean; exclusiveMin?: boolean },
  help: string,
): Option<number | (D extends string ? never : undefined)> {
  const parse = (text: string, option: string) => parseNumber(text, option, range);
  return { value, help, parse, ...(fallback === undefined ? {} : { default: fallback }) };
}

/** A whole number. */
export function whole<D extends string | undefined>(
  value: string,
  fallback: D,
  min: number,
  help: string,
  max: number = Infinity,
): Option<number | (D extends string ? never : undefined)> {
  return number(value, fallback, { min, max, integer: true }, help);
}

/** A path. */
export function path(help: string, value = "DIR"): Option<string | undefined> {
  return text(value, help);
}

/** Any text. */
export function text(value: string, help: string): Option<string | undefined> {
  return { value, help, parse: (text) => text };
}

/** Names with commas between them. */
export function names(help: string): Option<readonly string[] | undefined> {
  return { value: "NAME,…", help, parse: (text) => text.split(",") };
}

/** A switch. */
export function flag(help: string): Option<boolean> {
  return { value: "", default: "false", help, parse: (text) => text === "true" };
}

/** Reads a number. @throws {OptionError} if it is none, or out of range. */
export function parseNumber(
  text: string,
  option: string,
  range: { min?: number; max?: number; integer?: boolean; exclusiveMin?: boolean },
): number {
  const value = text.trim() === "" ? NaN : Number(text);
  checkNumber(Number.isNaN(value) ? text : value, option, range);
  return value;
}
