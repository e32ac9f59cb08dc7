/**
 * Kernels over 16-bit floats, from the text of those over 32-bit floats: the buffers that are named hold f16, every load of them is
 * widened and every store rounded to the nearest. All arithmetic, sums above all, stays in f32, and no kernel file knows of it.
 *
 * ```wgsl
 * var<storage, read> a: array<vec4f>;    →    var<storage, read> a: array<vec4<f16>>;
 * sum += a[i] * b[j];                    →    sum += vec4f(a[i]) * b[j];
 * y[i] = a[i];                           →    y[i] = vec4<f16>(vec4f(a[i]));
 * ```
 *
 * Rounding: 2⁻¹¹ of the value, or 2⁻²⁵ where it is subnormal (below 2⁻¹⁴); 65,520 and more become infinite; NaN stays NaN.
 *
 * @module
 */

import { GpuError } from "../errors.ts";

/** How the elements of a buffer are declared: in 32 bits, in 16 bits. */
const ELEMENTS: Readonly<Record<string, string>> = {
  f32: "f16",
  vec2f: "vec2<f16>",
  vec4f: "vec4<f16>",
};

/** The wide element type of each buffer that is to hold f16, by name. */
type Buffers = ReadonlyMap<string, string>;

/**
 * The WGSL with the named buffers in f16. Lines stay where they are.
 *
 * @param what The kernel, for errors.
 * @throws {GpuError} if a buffer does not hold floats, or a component of one of its vectors is stored.
 */
export function storeHalf(code: string, names: readonly string[], what: string): string {
  const aliases = new Map(
    [...code.matchAll(/\balias\s+(\w+)\s*=\s*([\w<>]+)\s*;/g)].map((match) => [match[1], match[2]]),
  );
  const buffers = new Map<string, string>();
  let declared = code;
  for (const name of names) {
    const pattern = new RegExp(`(var<storage,\\s*\\w+>\\s*${name}\\s*:\\s*array<)([\\w<>]+)(?=>)`);
    declared = declared.replace(pattern, (_, head: string, written: string) => {
      const element = (aliases.get(written) ?? written).replace(/^(vec\d)<f32>$/, "$1f");
      buffers.set(name, element);
      return head + (ELEMENTS[element] ?? element);
    });
    if (ELEMENTS[buffers.get(name) ?? ""] === undefined) {
      throw new GpuError(`Kernel ${what}: "${name}" cannot hold 16-bit floats`);
    }
  }
  // On the first line, so that all lines keep their numbers.
  return "enable f16; " + convert(declared, buffers, what);
}

/** Converts every access to the buffers. */
function convert(text: string, buffers: Buffers, what: string): string {
  const names = [...buffers.keys()].join("|");
  const access = new RegExp(`//[^\\n]*|(?<![\\w.])(${names})\\s*\\[`, "g");
  let result = "";
  let at = 0;
  for (;;) {
    access.lastIndex = at;
    const match = access.exec(text);
    if (match === null) return result + text.slice(at);
    const name = match[1];
    if (name === undefined) { // a comment
      result += text.slice(at, access.lastIndex);
      at = access.lastIndex;
      continue;
    }
    const open = access.lastIndex;
    const close = endOf(text, open, "]");
    const wide = buffers.get(name)!;
    const place = `${name}[${convert(text.slice(open, close), buffers, what)}]`;
    result += text.slice(at, match.index);
    at = close + 1;
    const next = /^\s*(\.\w+\s*|\[[^\]]*\]\s*)?([-+*/]?)=(?!=)/.exec(text.slice(at));
    if (next === null) {
      result += `${wide}(${place})`;
      continue;
    }
    if (next[1] !== undefined) {
      throw new GpuError(`Kernel ${what}: stores a component of "${name}", so it cannot hold f16`);
    }
    const begin = at + next[0].length;
    const end = endOf(text, begin, ";");
    const value = convert(text.slice(begin, end), buffers, what).replace(/^ +/, "");
    const sum = next[2] === "" ? value : `${wide}(${place}) ${next[2]} (${value})`;
    result += `${place} = ${ELEMENTS[wide]}(${sum})`;
    at = end;
  }
}

/** Where the bracket or statement that is open at `from` ends. */
function endOf(text: string, from: number, end: "]" | ";"): number {
  let depth = 0;
  for (let i = from; i < text.length; i++) {
    const letter = text[i]!;
    if (letter === "/" && text[i + 1] === "/") i = text.indexOf("\n", i);
    else if (depth === 0 && letter === end) return i;
    else if ("([{".includes(letter)) depth++;
    else if (")]}".includes(letter)) depth--;
  }
  return text.length;
}
