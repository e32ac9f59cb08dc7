/**
 * Prints the lecture's table of solvers for logistic regression, filled in by measuring: `deno task compare`.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { compareSolvers, generateDigits, Gpu, StrataError } from "../mod.ts";
import { formatComparison } from "./comparison_text.ts";

const HELP = `Compares solvers on logistic regression: one digit against another, of drawn digits.

  --examples N    how many (default 500)
  --l2 VALUE      weight of |w|² / 2 (default 0.01)
  --passes N      most passes of SGD (default 50)
  --seed N        draws the digits and orders them (default 0)`;

/** Takes from each feature its mean, without which all features are alike to the intercept and gradients are slow. */
function centre(x: Float32Array, features: number): void {
  for (let j = 0; j < features; j++) {
    let sum = 0;
    for (let at = j; at < x.length; at += features) sum += x[at]!;
    const mean = sum / (x.length / features);
    for (let at = j; at < x.length; at += features) x[at]! -= mean;
  }
}

/** The examples of two classes, as zeros and ones. */
function twoDigits(
  count: number,
  seed: number,
): { x: Float32Array; y: number[]; features: number } {
  // A fifth of all digits is one of the two.
  const digits = generateDigits({ count: 5 * count, seed });
  const features = digits.x.length / digits.length;
  const rows = Array.from({ length: digits.length }, (_, i) => i)
    .filter((i) => digits.y[i] === 3 || digits.y[i] === 8);
  const scale = digits.x instanceof Uint8Array ? 1 / 255 : 1;
  const x = new Float32Array(rows.length * features);
  rows.forEach((row, i) => {
    for (let j = 0; j < features; j++) x[i * features + j] = scale * digits.x[row * features + j]!;
  });
  centre(x, features);
  return { x, y: rows.map((row) => digits.y[row] === 8 ? 1 : 0), features };
}

/** Measures and prints. @throws {StrataError} if an option is out of range. */
async function compare(options: { count: number; l2: number; passes: number; seed: number }) {
  const { count, l2, passes, seed } = options;
  const data = twoDigits(count, seed);
  await using gpu = await Gpu.open();
  const { name } = gpu.adapter;
  console.log(
    `3 or 8: ${data.y.length} examples of ${data.features} numbers, l2 = ${l2}; ${name}\n`,
  );
  const found = await compareSolvers(gpu, { ...data, l2 }, { passes, seed });
  console.log(formatComparison(found, data.x.byteLength));
}

if (import.meta.main) {
  const unknown: string[] = [];
  const { help, examples, l2, passes, seed } = parseArgs(Deno.args, {
    boolean: ["help"],
    string: ["examples", "l2", "passes", "seed"],
    default: { examples: "500", l2: "0.01", passes: "50", seed: "0" },
    unknown: (argument: string) => {
      unknown.push(argument);
      return false;
    },
  });
  if (help) {
    console.log(HELP);
  } else if (unknown.length > 0) {
    console.error(`Unknown: ${unknown.join(" ")}\n\n${HELP}`);
    Deno.exitCode = 1;
  } else {
    const numbers = { l2: Number(l2), passes: Number(passes), seed: Number(seed) };
    try {
      await compare({ count: Number(examples), ...numbers });
    } catch (error) {
      if (!(error instanceof StrataError)) throw error;
      console.error(error.message);
      Deno.exitCode = 1;
    }
  }
}
