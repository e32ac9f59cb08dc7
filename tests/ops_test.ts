/**
 * Every operation of the table `cases.ts`: against the float64 reference, twice with the same bits, with a NaN that
 * must not disappear, recorded in a program with the same bits, without leaks, and refusing what it cannot do.
 *
 * All of a row runs in this file, on one GPU, since what takes the time are its kernels, which every GPU compiles anew.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import type { Gpu } from "../src/gpu/gpu.ts";
import { Program } from "../src/gpu/program.ts";
import { Random } from "../src/random.ts";
import { type Case, disposeBlanks, type Tensors, type Values } from "./case.ts";
import { ROWS } from "./cases.ts";
import { openGpu, withSeed } from "./gpu.ts";
import { drawCases, findFaults, type RunOptions, withNaN } from "./oracle.ts";

/** Cases of each row that get a NaN: the first of those that are compared with the reference, whose kernels are there. */
const WITH_NAN = 24;

Deno.test("every kernel has rows that draw at least 100 cases", async () => {
  const draws = new Map<string, number>();
  for (const row of ROWS) {
    for (const kernel of row.kernels) draws.set(kernel, (draws.get(kernel) ?? 0) + row.draws);
  }
  const folder = new URL("../kernels/", import.meta.url);
  for await (const { name } of Deno.readDir(folder)) {
    if (!(await Deno.readTextFile(new URL(name, folder))).includes("@compute")) continue;
    assert((draws.get(name) ?? 0) >= 100, `${name}: ${draws.get(name) ?? 0} cases in cases.ts`);
  }
  assertEquals(new Set(ROWS.map(({ name }) => name)).size, ROWS.length, "names are unique");
});

for (const row of ROWS) {
  Deno.test(`${row.name}: agrees with the reference`, () =>
    withSeed(async (seed) => {
      const gpu = await openGpu();
      assertEquals(await faultsOfBothKinds(gpu, drawCases(row, seed)), []);
    }));

  Deno.test(`${row.name}: a NaN reaches the outputs that it should`, (t) =>
    withSeed(async (seed) => {
      const random = new Random(seed >>> 0, 1);
      const cases = drawCases(row, seed, WITH_NAN).flatMap((each) => withNaN(each, random) ?? []);
      if (row.name.startsWith("random")) return assertEquals(cases.length, 0, t.name);
      assert(cases.length > 0);
      const { nanSpreads = false } = row;
      assertEquals(await faultsOfBothKinds(await openGpu(), cases, { nanSpreads }), []);
    }));

  Deno.test(`${row.name}: the same in a program, and nothing leaks`, () =>
    withSeed(async (seed) => {
      const gpu = await openGpu();
      const before = gpu.memory;
      for (const each of drawCases(row, seed, 4)) await compareWithProgram(gpu, each);
      const { buffers, bytes } = gpu.memory;
      assertEquals([buffers, bytes], [before.buffers, before.bytes]);
    }));

  if (row.refusals === undefined) continue;
  Deno.test(`${row.name}: refuses what it cannot do, and nothing leaks`, async () => {
    const gpu = await openGpu();
    const before = gpu.memory.buffers;
    for (const { what, error, message, call } of row.refusals!) {
      const thrown = assertThrows(() => call(gpu), error, undefined, what);
      assertMatch(thrown.message, message, what);
    }
    disposeBlanks();
    assertEquals(gpu.memory.buffers, before);
  });
}

/** What is wrong with the cases, half of which run with the kernel variants that a graphics card would get. */
async function faultsOfBothKinds(
  gpu: Gpu,
  cases: readonly Case[],
  options: RunOptions = {},
): Promise<string[]> {
  const half = (parity: number) => cases.filter((_, i) => i % 2 === parity);
  const software = await findFaults(gpu, half(0), options);
  const card = await findFaults(gpu, half(1), { ...options, card: true });
  return [...software.faults, ...card.faults].slice(0, 10);
}

/** Runs a case at once and as a program, twice where it does not change its inputs. */
async function compareWithProgram(gpu: Gpu, each: Case): Promise<void> {
  const upload = (): Tensors =>
    Object.fromEntries(
      Object.entries(each.inputs).map((
        [name, { shape, values }],
      ) => [name, gpu.tensor(values, shape)]),
    );
  const [inputs, programInputs] = [upload(), upload()];
  const outputs = each.run(gpu, inputs);
  let programOutputs: Tensors = {};
  using program = Program.record(gpu.device, each.what, (recorder) => {
    programOutputs = each.run(recorder, programInputs);
    for (const tensor of Object.values(programOutputs)) recorder.keep(tensor);
  });
  const inPlace = Object.values(outputs).some((tensor) => Object.values(inputs).includes(tensor));
  const direct = readAll(outputs);
  program.run();
  const first = readAll(programOutputs);
  if (!inPlace) program.run();
  const second = readAll(programOutputs);
  const bits = await direct;
  assertEquals(await first, bits, each.what);
  assertEquals(await second, bits, each.what);
  for (const tensors of [inputs, programInputs, outputs]) {
    for (const tensor of Object.values(tensors)) tensor.dispose();
  }
}

/** The bits of all tensors, by name. */
async function readAll(tensors: Tensors): Promise<Record<string, Uint8Array>> {
  const entries = Object.entries(tensors).map(async ([name, tensor]) => {
    const values: Values = await tensor.read();
    return [name, new Uint8Array(values.buffer)] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}
