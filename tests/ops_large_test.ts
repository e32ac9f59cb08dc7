/**
 * Launches of more than 65,535 workgroups, and sums of more than 65,535 terms.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Random } from "../src/random.ts";
import { MANY_WORKGROUPS } from "./cases_large.ts";
import { LONG, LONG_ON_CARDS } from "./cases_long.ts";
import { openGpu, withSeed } from "./gpu.ts";
import { findFaults } from "./oracle.ts";

for (const [name, draw] of Object.entries(MANY_WORKGROUPS)) {
  Deno.test(`more than 65,535 workgroups: ${name}`, () =>
    withSeed(async (seed) => {
      const { faults } = await findFaults(await openGpu(), [draw(new Random(seed))], {
        once: true,
      });
      assertEquals(faults, []);
    }));
}

for (const [name, draw] of Object.entries(LONG)) {
  Deno.test(`long: ${name}`, () =>
    withSeed(async (seed) => {
      const each = draw(new Random(seed));
      for (const card of LONG_ON_CARDS.includes(name) ? [false, true] : [false]) {
        const { faults } = await findFaults(await openGpu(), [each], { card, once: true });
        assertEquals(faults, [], card ? "variants for cards" : "");
      }
    }));
}
