/**
 * The expansion that kernels are written in: WGSL plus comment lines that repeat or choose lines, so that
 * register tiles can be fully unrolled and one file can hold the variants of one algorithm.
 *
 * ```wgsl
 * //# for i in 0..ROWS       repeats the lines to its end with ${i} = 0, 1, … ROWS − 1
 * //# for c in x y z w       repeats them with ${c} = x, y, z, w
 * //# if BIAS                keeps them if the parameter BIAS is true (or not 0)
 * //# if LAYOUT == rows      or equal to a word (also !=)
 * //# if BIAS || SCALE       or if one of several conditions holds
 * //# else
 * //# end
 * ```
 *
 * `${NAME}` is replaced by a loop variable or a parameter, in expansion lines too, and `${c*STRIDE+k}`, a sum of products
 * of them, by its value. Nothing else is done.
 *
 * @module
 */

import { GpuError } from "../errors.ts";

/** Values of the parameters of a kernel's text. */
export type KernelParameters = Readonly<Record<string, number | string | boolean>>;

/** A piece of kernel text and the name it has in error messages. */
export interface SourceText {
  /** The file name without its folder. */
  readonly name: string;
  /** The text, WGSL with expansion lines. */
  readonly text: string;
}

/** Where a line of expanded code came from. */
export interface LineOrigin {
  /** The source's name. */
  readonly name: string;
  /** The line in it, from 1. */
  readonly line: number;
}

/** Expanded WGSL and, for each of its lines, the origin. */
export interface ExpandedCode {
  readonly code: string;
  readonly origins: readonly LineOrigin[];
}

interface Output {
  lines: string[];
  origins: LineOrigin[];
}

const DIRECTIVE = /^\s*\/\/#\s*(\S*)\s*(.*?)\s*$/;

/**
 * Expands the texts one after another.
 *
 * @throws {GpuError} naming file and line if a directive is malformed or a name is unknown.
 */
export function expand(sources: readonly SourceText[], parameters: KernelParameters): ExpandedCode {
  const output: Output = { lines: [], origins: [] };
  for (const source of sources) {
    const lines = source.text.trimEnd().split("\n");
    const next = expandBlock(source.name, lines, 0, parameters, output);
    if (next < lines.length) {
      throw directiveError(source.name, next, `"${lines[next]!.trim()}" closes nothing`);
    }
  }
  return { code: output.lines.join("\n") + "\n", origins: output.origins };
}

/** Expands lines from `start` to the `else` or `end` that closes the block; returns its index. */
function expandBlock(
  name: string,
  lines: readonly string[],
  start: number,
  values: KernelParameters,
  output: Output | undefined,
): number {
  let at = start;
  while (at < lines.length) {
    const line = lines[at]!;
    const directive = DIRECTIVE.exec(line);
    if (directive === null) {
      if (output !== undefined) {
        output.lines.push(substitute(line, values, name, at));
        output.origins.push({ name, line: at + 1 });
      }
      at++;
      continue;
    }
    const word = directive[1]!;
    const rest = output === undefined ? "" : substitute(directive[2]!, values, name, at);
    if (word === "end" || word === "else") return at;
    if (word === "for") at = expandFor(name, lines, at, rest, values, output);
    else if (word === "if") at = expandIf(name, lines, at, rest, values, output);
    else throw directiveError(name, at, `unknown directive "${word}"`);
  }
  return at;
}

function expandFor(
  name: string,
  lines: readonly string[],
  at: number,
  rest: string,
  values: KernelParameters,
  output: Output | undefined,
): number {
  if (output !== undefined) {
    const header = /^(\w+) in (.+)$/.exec(rest);
    if (header === null) throw directiveError(name, at, `expected "for NAME in RANGE"`);
    const [, variable, range] = header as unknown as [string, string, string];
    for (const item of rangeItems(range, values, name, at)) {
      expandBlock(name, lines, at + 1, { ...values, [variable]: item }, output);
    }
  }
  const close = expandBlock(name, lines, at + 1, values, undefined);
  return closing(name, lines, at, close, "end") + 1;
}

function expandIf(
  name: string,
  lines: readonly string[],
  at: number,
  rest: string,
  values: KernelParameters,
  output: Output | undefined,
): number {
  const chosen = output !== undefined && holds(rest, values, name, at);
  let close = expandBlock(name, lines, at + 1, values, chosen ? output : undefined);
  if (DIRECTIVE.exec(lines[close] ?? "")?.[1] === "else") {
    close = expandBlock(name, lines, close + 1, values, chosen ? undefined : output);
  }
  return closing(name, lines, at, close, "end") + 1;
}

function closing(
  name: string,
  lines: readonly string[],
  opened: number,
  close: number,
  word: string,
): number {
  if (DIRECTIVE.exec(lines[close] ?? "")?.[1] !== word) {
    throw directiveError(name, opened, `has no "//# ${word}"`);
  }
  return close;
}

function rangeItems(
  range: string,
  values: KernelParameters,
  name: string,
  at: number,
): (number | string)[] {
  const bounds = /^(\w+)\.\.(\w+)$/.exec(range);
  if (bounds === null) return range.split(/\s+/);
  const from = wholeNumber(bounds[1]!, values, name, at);
  const to = wholeNumber(bounds[2]!, values, name, at);
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
}

function holds(condition: string, values: KernelParameters, name: string, at: number): boolean {
  if (condition.includes("||")) {
    return condition.split("||").some((part) => holds(part.trim(), values, name, at));
  }
  const comparison = /^(\w+)\s*(==|!=)\s*(\w+)$/.exec(condition);
  if (comparison !== null) {
    const equal = String(lookUp(comparison[1]!, values, name, at)) === comparison[3];
    return equal === (comparison[2] === "==");
  }
  const flag = /^(!?)(\w+)$/.exec(condition);
  if (flag === null) throw directiveError(name, at, `cannot read the condition "${condition}"`);
  return Boolean(lookUp(flag[2]!, values, name, at)) !== (flag[1] === "!");
}

function substitute(line: string, values: KernelParameters, name: string, at: number): string {
  return line.replaceAll(/\$\{([\w+*]+)\}/g, (_, expression: string) => {
    if (/^\w+$/.test(expression)) return String(lookUp(expression, values, name, at));
    const terms = expression.split("+").map((term) =>
      term.split("*").map((factor) => wholeNumber(factor, values, name, at))
        .reduce((product, factor) => product * factor)
    );
    return String(terms.reduce((sum, term) => sum + term));
  });
}

function wholeNumber(word: string, values: KernelParameters, name: string, at: number): number {
  const value = /^\d+$/.test(word) ? Number(word) : lookUp(word, values, name, at);
  if (typeof value === "number") return value;
  throw directiveError(name, at, `"${word}" is not a number but "${value}"`);
}

function lookUp(
  word: string,
  values: KernelParameters,
  name: string,
  at: number,
): number | string | boolean {
  const value = values[word];
  if (value === undefined) throw directiveError(name, at, `unknown parameter "${word}"`);
  return value;
}

function directiveError(name: string, at: number, text: string): GpuError {
  return new GpuError(`Cannot expand kernel text ${name}, line ${at + 1}: ${text}`);
}
