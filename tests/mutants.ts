/**
 * Damaged copies of well-formed files, for the tests of parsers.
 *
 * @module
 */

import { assert, assertInstanceOf, assertMatch } from "@std/assert";
import { FormatError } from "../src/errors.ts";
import { Random } from "../src/random.ts";

const INTERESTING = [0, 1, 0x7f, 0x80, 0xff];
const JSON_BYTES = new TextEncoder().encode('{}[]":,0123456789.-eEtrufalsn \\');

/** One to three random faults in a copy of the bytes; the first 64 bytes are hit most often. */
export function mutant(original: Uint8Array, random: Random): Uint8Array {
  let bytes: Uint8Array = original.slice();
  const faults = 1 + random.integer(3);
  for (let i = 0; i < faults; i++) bytes = fault(bytes, random);
  return bytes;
}

function fault(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length === 0) return new Uint8Array([random.integer(256)]);
  const place = random.integer(random.integer(2) === 0 ? bytes.length : Math.min(64, bytes.length));
  const pick = (list: ArrayLike<number>): number => list[random.integer(list.length)]!;
  switch (random.integer(8)) {
    case 0: // a flipped bit
      bytes[place]! ^= 1 << random.integer(8);
      return bytes;
    case 1: // another byte
      bytes[place] = pick(INTERESTING);
      return bytes;
    case 2: // another character of JSON
      bytes[place] = pick(JSON_BYTES);
      return bytes;
    case 3: { // a field of four bytes
      const field = pick([0, 1, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, bytes.length]);
      const start = Math.min(place & ~3, Math.max(0, bytes.length - 4));
      for (let i = 0; i < 4 && start + i < bytes.length; i++) bytes[start + i] = field >>> (8 * i);
      return bytes;
    }
    case 4: // the end missing
      return bytes.slice(0, place);
    case 5: { // bytes put in
      const added = Uint8Array.from({ length: 1 + random.integer(9) }, () => random.integer(256));
      return new Uint8Array([...bytes.subarray(0, place), ...added, ...bytes.subarray(place)]);
    }
    case 6: { // bytes taken out
      const end = Math.min(bytes.length, place + 1 + random.integer(9));
      return new Uint8Array([...bytes.subarray(0, place), ...bytes.subarray(end)]);
    }
    default: // longer than it should be
      return new Uint8Array([...bytes, ...bytes.subarray(0, 1 + random.integer(9))]);
  }
}

/**
 * Parses many mutants: each must parse or throw a FormatError that names the file and the place. Both
 * must happen, or the test has tested nothing.
 *
 * @param parse Parses the bytes under the name "mutant", and checks what came out.
 */
export async function checkMutants(
  original: Uint8Array,
  parse: (bytes: Uint8Array) => unknown,
  { count = 10_000, seed = 1, place = "at byte \\d+", leastRejected = 0.5 }: {
    count?: number;
    seed?: number;
    /** What the message says of the place, as a regular expression. */
    place?: string;
    /** The share that must be refused, where a fault may leave a file well-formed. */
    leastRejected?: number;
  } = {},
): Promise<{ parsed: number; rejected: number }> {
  const random = new Random(seed);
  const pattern = new RegExp(`^mutant[^:]*: ${place}: expected .+, got .`, "s");
  const outcome = { parsed: 0, rejected: 0 };
  for (let i = 0; i < count; i++) {
    const bytes = mutant(original, random);
    try {
      await parse(bytes);
      outcome.parsed++;
    } catch (error) {
      const at = `seed ${seed}, mutant ${i}`;
      assertInstanceOf(error, FormatError, `${at}: ${error}`);
      const { message } = error as FormatError;
      assertMatch(message, pattern);
      assert(message.length < 1000, `${at}: ${message}`);
      outcome.rejected++;
    }
  }
  assert(outcome.parsed > 0 && outcome.rejected > count * leastRejected, JSON.stringify(outcome));
  return outcome;
}
