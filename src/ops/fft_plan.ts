/**
 * How a Fourier transform is cut into passes, which lengths are fast, and how exact the passes are.
 *
 * @module
 */

/** A pass over a line: a butterfly of `radix` = product of the factors in registers, or without factors a sum in a loop. */
export interface FftPass {
  readonly radix: number;
  readonly factors?: readonly [first: number, second: number];
}

/** Butterflies that are written out, of which larger ones are composed. */
const BASES = [1, 2, 3, 4, 5, 8] as const;
/** Complex numbers that an invocation keeps in registers, at most. */
const LARGEST_RADIX = 32;
/** Trips of a loop over a prime radix, at most: fewer than the 65,535 at which lavapipe stops. */
export const LARGEST_PRIME = 60_000;
/** Lengths for which the angles of the roots are exact in float32. */
export const LONGEST_LINE = 2 ** 22;

/** The radices that butterflies have, with the factors whose first is largest. */
const RADICES: ReadonlyMap<number, readonly [number, number]> = new Map(
  BASES.flatMap((first) =>
    BASES.filter((second) => second <= first && first * second <= LARGEST_RADIX)
      .map((second) => [first * second, [first, second] as const] as const)
  ),
);

const plans = new Map<number, readonly FftPass[]>();

/** The passes for a length of 1 or more, in their order: as few as can be, primes beyond 5 last. */
export function fftPasses(length: number): readonly FftPass[] {
  let plan = plans.get(length);
  if (plan === undefined) {
    const { smooth, primes } = factorize(length);
    const radices = smooth === 1 && primes.length > 0 ? [] : fewestRadices(smooth);
    plan = [
      ...radices.map((radix) => ({ radix, factors: RADICES.get(radix)! })),
      ...primes.map((radix) => ({ radix })),
    ];
    plans.set(length, plan);
  }
  return plan;
}

/** A number as the product of one with the primes 2, 3 and 5, and of other primes. */
function factorize(length: number): { smooth: number; primes: number[] } {
  let rest = length;
  for (const prime of [2, 3, 5]) {
    while (rest % prime === 0) rest /= prime;
  }
  const smooth = length / rest;
  const primes: number[] = [];
  for (let prime = 7; prime * prime <= rest; prime += 2) {
    for (; rest % prime === 0; rest /= prime) primes.push(prime);
  }
  return { smooth, primes: rest > 1 ? [...primes, rest] : primes };
}

/** The fewest radices with this product, of those the ones whose largest is smallest. A line of one has the radix 1. */
function fewestRadices(length: number, most: number = LARGEST_RADIX): number[] {
  if (length <= 1) return most === LARGEST_RADIX ? [1] : [];
  let best: number[] | undefined;
  for (const radix of [...RADICES.keys()].sort((a, b) => a - b)) {
    if (radix === 1 || radix > most || length % radix !== 0) continue;
    const rest = length === radix ? [] : fewestRadices(length / radix, radix);
    if (rest.reduce((product, r) => product * r, radix) !== length) continue;
    if (best === undefined || rest.length + 1 < best.length) best = [radix, ...rest];
  }
  return best ?? [];
}

/** All lengths with the prime factors 2, 3 and 5, from `least` to the first that is `most` or more, in their order. */
export function smoothLengths(least: number, most: number): number[] {
  const lengths: number[] = [];
  const limit = 2 * Math.max(least, most, 1); // a power of 2 lies below it
  for (let fives = 1; fives <= limit; fives *= 5) {
    for (let threes = fives; threes <= limit; threes *= 3) {
      for (let length = threes; length <= limit; length *= 2) lengths.push(length);
    }
  }
  lengths.sort((a, b) => a - b);
  const last = lengths.find((length) => length >= Math.max(least, most))!;
  return lengths.filter((length) => length >= least && length <= last);
}

/** Relative errors of the butterflies that are written out, in units of 2⁻²⁴; see `fft_butterflies.wgsl`. */
const BUTTERFLY_ERRORS: Readonly<Record<number, number>> = { 1: 0, 2: 1, 3: 7, 4: 2, 5: 14, 8: 6 };
/** A product with a root that is computed, and with a constant one: √5 for the product, and the root's own error. */
const ROOT_ERROR = 4 + Math.sqrt(5);
const CONSTANT_ERROR = 1 + Math.sqrt(5);

/**
 * The error of a transform of two dimensions, in the L2 norm of all its numbers and relative to that of the result.
 *
 * Every pass is a unitary map times a number, so relative errors add up: Σ over the passes, one addition more where rows that went
 * in pairs come apart, and two roundings for the factor of the inverse. What lies beyond the first order is below a thousandth of
 * it as long as the error is below 2⁻¹⁰.
 */
export function fftError(height: number, width: number): number {
  let units = 3;
  for (const length of [height, width]) {
    fftPasses(length).forEach(({ radix, factors }, i) => {
      if (factors === undefined) {
        units += (radix + 8) * Math.sqrt(radix);
        return;
      }
      const [first, second] = factors;
      units += (i === 0 ? 0 : ROOT_ERROR) + BUTTERFLY_ERRORS[first]! + BUTTERFLY_ERRORS[second]! +
        (second === 1 ? 0 : CONSTANT_ERROR);
    });
  }
  return 1.001 * units * 2 ** -24;
}
