import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { OptionError } from "../src/errors.ts";
import { permutationHalfBits, permute, Random, threefry } from "../src/random.ts";

Deno.test("threefry gives the known answers of Random123", () => {
  const ones = 0xffffffff;
  assertEquals(threefry(0, 0, 0, 0), [0x6b200159, 0x99ba4efe]);
  assertEquals(threefry(ones, ones, ones, ones), [0x1cb996fc, 0xbb002be7]);
  assertEquals(
    threefry(0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3),
    [0xc4923a9c, 0x483df7a0],
  );
});

Deno.test("Random gives the words of its stream in order", () => {
  const random = new Random(5, 9);
  const words = Array.from({ length: 6 }, () => random.word());
  assertEquals(words, [...threefry(5, 9, 0, 0), ...threefry(5, 9, 1, 0), ...threefry(5, 9, 2, 0)]);
  assertNotEquals(new Random(5, 10).word(), words[0]);
  assertNotEquals(new Random(6, 9).word(), words[0]);
  for (const seed of [-1, 0.5, 2 ** 32, NaN]) assertThrows(() => new Random(seed), OptionError);
});

/** Mean, variance, and third and fourth central moments. */
function moments(values: number[]): [number, number, number, number] {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const central = (power: number): number =>
    values.reduce((sum, x) => sum + (x - mean) ** power, 0) / values.length;
  return [mean, central(2), central(3), central(4)];
}

Deno.test("uniform and normal have the moments they should", () => {
  // Bounds are 5 standard errors: the deviation of each estimate is √(variance of the power / n).
  const n = 100_000;
  const random = new Random(11);
  const uniform = Array.from({ length: n }, () => random.uniform());
  assert(uniform.every((x) => x >= 0 && x < 1));
  const [mean, variance, third] = moments(uniform);
  assert(Math.abs(mean - 1 / 2) < 5 * Math.sqrt(1 / 12 / n), `mean ${mean}`);
  assert(Math.abs(variance - 1 / 12) < 5 * Math.sqrt(1 / 180 / n), `variance ${variance}`);
  assert(Math.abs(third) < 5 * Math.sqrt(1 / 448 / n), `third moment ${third}`);

  const normal = Array.from({ length: n }, () => random.normal());
  const [mean1, variance1, third1, fourth1] = moments(normal);
  assert(Math.abs(mean1) < 5 * Math.sqrt(1 / n), `mean ${mean1}`);
  assert(Math.abs(variance1 - 1) < 5 * Math.sqrt(2 / n), `variance ${variance1}`);
  assert(Math.abs(third1) < 5 * Math.sqrt(15 / n), `third moment ${third1}`);
  assert(Math.abs(fourth1 - 3) < 5 * Math.sqrt(96 / n), `fourth moment ${fourth1}`);
  const lag = normal.slice(1).reduce((sum, x, i) => sum + x * normal[i]!, 0) / (n - 1);
  assert(Math.abs(lag) < 5 / Math.sqrt(n), `correlation of neighbours ${lag}`);
});

/** The χ² statistic of counts against equal expectations; its mean is the number of counts less 1. */
function chiSquare(counts: ArrayLike<number>): number {
  const values = Array.from(counts);
  const expected = values.reduce((sum, x) => sum + x, 0) / values.length;
  return values.reduce((sum, x) => sum + (x - expected) ** 2 / expected, 0);
}

/** Five standard deviations above the mean of χ² with this many degrees of freedom. */
const chiSquareBound = (degrees: number): number => degrees + 5 * Math.sqrt(2 * degrees);

Deno.test("integer is uniform below its limit", () => {
  const random = new Random(3);
  const counts = new Uint32Array(37);
  for (let i = 0; i < 37_000; i++) counts[random.integer(37)]!++;
  const statistic = chiSquare(counts);
  assert(statistic < chiSquareBound(36), `χ² ${statistic}`);
  assert(statistic > 36 - 5 * Math.sqrt(72), `χ² ${statistic}: more even than chance allows`);
});

Deno.test("permute is a bijection for many lengths and keys", () => {
  const lengths = [
    ...Array.from({ length: 130 }, (_, i) => i + 1),
    255,
    256,
    257,
    1023,
    4097,
    60000,
  ];
  for (const length of lengths) {
    for (const key of [0, 1, 0xffffffff]) {
      const seen = new Uint8Array(length);
      for (let i = 0; i < length; i++) seen[permute(i, length, key)]!++;
      assert(seen.every((count) => count === 1), `length ${length}, key ${key}`);
    }
  }
  for (const [length, half] of [[1, 1], [4, 1], [5, 2], [16, 2], [17, 3], [2 ** 32, 16]] as const) {
    assertEquals(permutationHalfBits(length), half);
  }
  for (const position of [0, 1, 2 ** 31, 2 ** 32 - 1]) {
    const index = permute(position, 2 ** 32, 5);
    assert(Number.isInteger(index) && index >= 0 && index < 2 ** 32);
  }
});

Deno.test("permute looks random: where one position goes, and where pairs go", () => {
  for (const length of [10, 60, 1000]) {
    // Over many keys, a position must go to every place equally often …
    const keys = length * 100;
    const first = new Uint32Array(length);
    // … and the next one must go to every distance from it equally often.
    const distance = new Uint32Array(length - 1);
    for (let key = 0; key < keys; key++) {
      const [a, b] = [permute(3, length, key), permute(4, length, key)];
      first[a]!++;
      distance[(b - a + length) % length - 1]!++;
    }
    for (const counts of [first, distance]) {
      const statistic = chiSquare(counts);
      const degrees = counts.length - 1;
      assert(statistic < chiSquareBound(degrees), `length ${length}: χ² ${statistic}`);
    }
  }
});

Deno.test("permute of one key mixes the order of a large set", () => {
  const length = 60_000;
  const order = Float64Array.from({ length }, (_, i) => permute(i, length, 7));
  const middle = (length - 1) / 2;
  const variance = (length ** 2 - 1) / 12;
  for (const lag of [1, 2, 16, 256]) {
    let sum = 0;
    for (let i = lag; i < length; i++) sum += (order[i]! - middle) * (order[i - lag]! - middle);
    const correlation = sum / variance / (length - lag);
    assert(Math.abs(correlation) < 5 / Math.sqrt(length), `lag ${lag}: correlation ${correlation}`);
  }
  const fixed = order.filter((place, i) => place === i).length;
  assert(fixed < 8, `${fixed} fixed points, where chance leaves 1`);
});
