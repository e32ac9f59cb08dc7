/**
 * Learning rates: their values, and what they say of their sums, checked against partial sums.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../src/errors.ts";
import {
  constantRate,
  cosineDecay,
  exponentialDecay,
  inverseTimeDecay,
  type RobbinsMonro,
  type Schedule,
  stepDecay,
  warmUp,
} from "../src/optimizers/schedules.ts";

/** Terms from 2^FIRST to 2^LAST, long after every time constant below. */
const FIRST = 14;
const LAST = 20;

/**
 * Whether partial sums over growing horizons look like those of a divergent series: the terms between a horizon and its double sum
 * up to as much as those before that (or to nothing, and then it converges). By Cauchy's condensation, a series with falling
 * terms converges if and only if the series of these blocks does; the blocks of 1/t are equal, those of 1/t² halve.
 */
function diverges(term: (step: number) => number): boolean {
  const blocks: number[] = [];
  for (let k = FIRST; k < LAST; k++) {
    let sum = 0;
    for (let t = 2 ** k; t < 2 ** (k + 1); t++) sum += term(t);
    blocks.push(sum);
  }
  const ratios = blocks.slice(1).map((block, i) => block === 0 ? 0 : block / blocks[i]!);
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
  assert(least > 0.95 || most < 0.6, `neither: ${ratios}`);
  return least > 0.95;
}

function measured(schedule: Schedule): RobbinsMonro {
  return {
    sumDiverges: diverges((t) => schedule(t)),
    squaresConverge: !diverges((t) => schedule(t) ** 2),
  };
}

Deno.test("partial sums tell divergent from convergent series", () => {
  assertEquals(diverges(() => 1), true);
  assertEquals(diverges((t) => 1 / t), true);
  assertEquals(diverges((t) => t ** -0.5), true);
  assertEquals(diverges((t) => t ** -2), false);
  assertEquals(diverges((t) => t ** -1.8), false);
  assertEquals(diverges((t) => 0.999 ** t), false);
  assertEquals(diverges(() => 0), false);
});

const SCHEDULES: Record<string, [schedule: Schedule, sum: boolean, squares: boolean]> = {
  "constant": [constantRate(0.1), true, false],
  "constant 0": [constantRate(0), false, true],
  "step": [stepDecay({ rate: 1, every: 100, factor: 0.5 }), false, true],
  "step that stays": [stepDecay({ rate: 1, every: 100, factor: 1 }), true, false],
  "exponential": [exponentialDecay({ rate: 0.5, steps: 300 }), false, true],
  "inverse time": [inverseTimeDecay({ rate: 0.1, steps: 100 }), true, true],
  "inverse time of 0": [inverseTimeDecay({ rate: 0, steps: 100 }), false, true],
  "cosine": [cosineDecay({ rate: 0.1, steps: 1000 }), false, true],
  "cosine with a minimum": [cosineDecay({ rate: 0.1, steps: 1000, minimum: 1e-3 }), true, false],
  "warm-up, constant": [warmUp(100, constantRate(0.1)), true, false],
  "warm-up, inverse time": [warmUp(100, inverseTimeDecay({ rate: 1, steps: 50 })), true, true],
  "warm-up, exponential": [
    warmUp(100, exponentialDecay({ rate: 1, steps: 50 })),
    false,
    true,
  ],
};

for (const [name, [schedule, sumDiverges, squaresConverge]] of Object.entries(SCHEDULES)) {
  Deno.test(`Σα and Σα² of a schedule: ${name}`, () => {
    assertEquals(schedule.robbinsMonro, { sumDiverges, squaresConverge });
    assertEquals(measured(schedule), schedule.robbinsMonro);
  });
}

Deno.test("nothing is known of the sums of any other function", () => {
  const own: Schedule = (step) => 1 / (1 + step);
  assertEquals(own.robbinsMonro, undefined);
  assertEquals(warmUp(5, own).robbinsMonro, undefined);
});

Deno.test("schedules: values by hand", () => {
  const step = stepDecay({ rate: 1, every: 2, factor: 0.5 });
  assertEquals([0, 1, 2, 3, 4].map(step), [1, 1, 0.5, 0.5, 0.25]);
  assertAlmostEquals(exponentialDecay({ rate: 2, steps: 3 })(3), 2 / Math.E, 1e-15);
  assertEquals([0, 4, 12].map(inverseTimeDecay({ rate: 1, steps: 4 })), [1, 0.5, 0.25]);
  const cosine = cosineDecay({ rate: 1, steps: 4, minimum: 0.5 });
  assertEquals([0, 4, 99].map(cosine), [1, 0.5, 0.5]);
  assertAlmostEquals(cosine(2), 0.75, 1e-15);
  assertEquals([0, 1, 2, 3, 4].map(warmUp(2, step)), [0.5, 1, 1, 1, 0.5]);
  assertThrows(() => warmUp(0, step), OptionError, "warmUp: steps");
  const never = { rate: 1, steps: Infinity };
  assertThrows(() => exponentialDecay(never), OptionError, "exponentialDecay: steps: expected");
});
