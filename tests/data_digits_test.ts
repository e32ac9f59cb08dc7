import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import type { Dataset } from "../src/data/dataset.ts";
import { generateDigits } from "../src/data/digits.ts";
import { OptionError } from "../src/errors.ts";

const PIXELS = 28 * 28;

Deno.test("generateDigits gives a data set like MNIST", () => {
  const set = generateDigits({ count: 200, seed: 1 });
  assertEquals([set.length, set.classes, set.inputShape], [200, 10, [1, 28, 28]]);
  assert(set.x instanceof Uint8Array && set.x.length === 200 * PIXELS);
  assertEquals(generateDigits({ count: 0, seed: 1 }).length, 0);
  assertEquals(generateDigits({ count: 3, seed: 1, size: 12 }).inputShape, [1, 12, 12]);
});

Deno.test("generateDigits: an image depends on seed and number alone", () => {
  const long = generateDigits({ count: 60, seed: 5 });
  const short = generateDigits({ count: 47, seed: 5 });
  assertEquals(short.x, long.x.slice(0, 47 * PIXELS));
  assertEquals(short.y, long.y.slice(0, 47));
  const other = generateDigits({ count: 47, seed: 6 });
  assertNotEquals(other.x, short.x);
  assertNotEquals(other.y, short.y);
});

Deno.test("generateDigits: classes are balanced and their order is random", () => {
  const { y } = generateDigits({ count: 5000, seed: 2, size: 8 });
  for (let block = 0; block < y.length; block += 10) {
    assertEquals([...y.slice(block, block + 10)].toSorted(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  }
  // Each place of a block has each class equally often: χ² of 9 × 9 degrees of freedom.
  const counts = new Float64Array(100);
  y.forEach((label, i) => counts[(i % 10) * 10 + label]!++);
  const statistic = counts.reduce((sum, count) => sum + (count - 50) ** 2 / 50, 0);
  assert(statistic < 81 + 5 * Math.sqrt(162), `χ² ${statistic}`);
});

Deno.test("generateDigits: no two images are the same, and each has ink inside its border", () => {
  const { x, length } = generateDigits({ count: 2000, seed: 3, noise: 0 });
  const seen = new Set<string>();
  let atBorder = 0;
  for (let i = 0; i < length; i++) {
    const image = Array.from(x.subarray(i * PIXELS, (i + 1) * PIXELS));
    seen.add(image.join());
    const ink = image.reduce((sum, value) => sum + value, 0) / 255;
    assert(ink > 12 && ink < 250, `image ${i} has ink for ${ink} pixels`);
    if (image.some((value, p) => value > 0 && (p % 28 % 27 === 0 || p < 28 || p >= 27 * 28))) {
      atBorder++;
    }
  }
  assertEquals(seen.size, length);
  assert(atBorder < length / 20, `${atBorder} images touch the border`);
});

Deno.test("generateDigits: noise has the deviation asked for", () => {
  const clean = generateDigits({ count: 100, seed: 4, noise: 0 });
  const noisy = generateDigits({ count: 100, seed: 4, noise: 0.1 });
  // Values near the ends are clipped, so grey pixels of the clean image show it.
  const differences: number[] = [];
  clean.x.forEach((value, i) => {
    if (value > 110 && value < 145) differences.push(noisy.x[i]! - value);
  });
  assert(differences.length > 500);
  const mean = differences.reduce((sum, d) => sum + d, 0) / differences.length;
  const variance = differences.reduce((sum, d) => sum + (d - mean) ** 2, 0) / differences.length;
  assertAlmostEquals(mean, 0, 5);
  assertAlmostEquals(Math.sqrt(variance), 25.5, 4);
});

/** Trains softmax regression for some epochs and returns its accuracy on another set. */
function linearAccuracy(train: Dataset, test: Dataset, epochs: number): number {
  const weights = new Float32Array(10 * PIXELS);
  const scores = new Float64Array(10);
  const score = (x: ArrayLike<number>, start: number): void => {
    for (let c = 0; c < 10; c++) {
      let sum = 0;
      for (let p = 0; p < PIXELS; p++) sum += weights[c * PIXELS + p]! * x[start + p]!;
      scores[c] = sum / 255;
    }
  };
  for (let step = 0; step < epochs * train.length; step++) {
    const i = step % train.length;
    score(train.x, i * PIXELS);
    const greatest = Math.max(...scores);
    const total = scores.reduce((sum, s) => sum + Math.exp(s - greatest), 0);
    for (let c = 0; c < 10; c++) {
      const delta = Math.exp(scores[c]! - greatest) / total - (train.y[i] === c ? 1 : 0);
      const rate = 0.01 * delta / 255;
      for (let p = 0; p < PIXELS; p++) weights[c * PIXELS + p]! -= rate * train.x[i * PIXELS + p]!;
    }
  }
  let right = 0;
  for (let i = 0; i < test.length; i++) {
    score(test.x, i * PIXELS);
    if (scores.indexOf(Math.max(...scores)) === test.y[i]) right++;
  }
  return right / test.length;
}

Deno.test("generateDigits: a linear classifier learns it, but not all of it", () => {
  const set = generateDigits({ count: 4000, seed: 8 });
  const accuracy = linearAccuracy(set.slice(0, 3000), set.slice(3000), 5);
  assert(accuracy > 0.75 && accuracy < 0.97, `accuracy ${accuracy}`);
});

Deno.test("generateDigits draws thousands of images a second", () => {
  generateDigits({ count: 500, seed: 1 });
  const start = performance.now();
  generateDigits({ count: 2000, seed: 9 });
  const perSecond = 2000 / (performance.now() - start) * 1000;
  // An idle core draws over 15,000; the bound leaves room for a machine that is shared.
  assert(perSecond > 2000, `${perSecond} images a second`);
});

Deno.test("generateDigits checks its options", () => {
  for (
    const options of [
      { count: -1, seed: 1 },
      { count: 1.5, seed: 1 },
      { count: 1, seed: -1 },
      { count: 1, seed: 1, noise: 2 },
      { count: 1, seed: 1, size: 4 },
      { count: 1, seed: 1, nose: 0 },
    ]
  ) {
    assertThrows(() => generateDigits(options), OptionError, "generateDigits");
  }
});
