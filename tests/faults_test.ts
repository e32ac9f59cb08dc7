/**
 * Negative controls: mistakes in the kernels are noticed by the tests of the operations.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Gpu } from "../src/gpu/gpu.ts";
import { Kernel } from "../src/gpu/kernel.ts";
import { Random } from "../src/random.ts";
import type { Case } from "./case.ts";
import { rowNamed } from "./cases.ts";
import { MANY_WORKGROUPS } from "./cases_large.ts";
import type { Fault } from "./fault.ts";
import { FAULTS } from "./faults.ts";
import { openGpu, withSeed } from "./gpu.ts";
import { drawCases, findFaults, withNaN } from "./oracle.ts";

/** The kernels with an edit in them, each made once. */
function editor(
  { name, from, to }: Pick<Fault, "name" | "from" | "to">,
): (kernel: Kernel) => Kernel {
  const edited = new Map<Kernel, Kernel>();
  return (kernel) => {
    const known = edited.get(kernel);
    if (known !== undefined) return known;
    const text = kernel.code.replaceAll(
      typeof from === "string" ? from : new RegExp(from, "g"),
      to,
    );
    const faulty = text === kernel.code
      ? kernel
      : new Kernel(`${kernel.name}, ${name}`, [{ name: "faulty", text }], {}, kernel.constants);
    edited.set(kernel, faulty);
    return faulty;
  };
}

/** Cases that run before it is looked whether the fault was noticed: compiling every variant of a kernel takes time. */
const AT_ONCE = 6;

/** Whether the cases of a row notice the fault. */
async function isCaught(gpu: Gpu, fault: Fault, seed: number): Promise<boolean> {
  const random = new Random(seed >>> 0, 2);
  const row = rowNamed(fault.row);
  const cases: Case[] = drawCases(row, seed, 32).flatMap((each, i) =>
    i < 16 ? [each, ...[withNaN(each, random) ?? []].flat()] : [each]
  );
  const options = {
    once: true,
    nanSpreads: row.nanSpreads ?? false, // or the unchanged kernels would fail, too
    substitute: editor(fault),
    ...(fault.card ? { card: true } : {}),
  };
  let changes = 0;
  for (let begin = 0; begin < cases.length; begin += AT_ONCE) {
    const some = cases.slice(begin, begin + AT_ONCE);
    const { faults, substitutions } = await findFaults(gpu, some, options);
    if (faults.length > 0) return true;
    changes += substitutions;
  }
  assert(changes > 0, `${fault.row}, ${fault.name}: the edit changes no kernel`);
  return false;
}

Deno.test("at least 95% of the faults are caught", () =>
  withSeed(async (seed) => {
    const gpu = await openGpu();
    const escaped: string[] = [];
    for (const fault of FAULTS) {
      if (!await isCaught(gpu, fault, seed)) escaped.push(`${fault.row}: ${fault.name}`);
    }
    const caught = FAULTS.length - escaped.length;
    console.log(`${caught} of ${FAULTS.length} faults were caught`);
    if (escaped.length > 0) console.log(`escaped:\n  ${escaped.join("\n  ")}`);
    assert(FAULTS.length >= 30);
    assert(caught >= 0.95 * FAULTS.length);
  }));

Deno.test("the unchanged kernels pass the same check", () =>
  withSeed(async (seed) => {
    const gpu = await openGpu();
    for (const row of new Set(FAULTS.map((fault) => fault.row))) {
      // The edit adds a comment: the way through the substitution is the same.
      const substitute = editor({ name: "unchanged", from: /$/, to: "// unchanged\n" });
      const { faults, substitutions } = await findFaults(
        gpu,
        drawCases(rowNamed(row), seed, 8),
        { substitute },
      );
      assertEquals(faults, []);
      assert(substitutions > 0, row);
    }
  }));

Deno.test("a workgroup index that forgets the second dimension is caught", () =>
  withSeed(async (seed) => {
    const substitute = editor({
      name: "not folded",
      from: "workgroup.y * workgroups.x + workgroup.x",
      to: "workgroup.x",
    });
    const cases = [MANY_WORKGROUPS.relu!(new Random(seed >>> 0))];
    const { faults, substitutions } = await findFaults(await openGpu(), cases, {
      substitute,
      once: true,
    });
    assertEquals(substitutions, 1);
    assertEquals(faults.length, 1);
  }));
