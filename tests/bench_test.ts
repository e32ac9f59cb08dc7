/**
 * The benchmarks: that every workload does the work it says, and leaves nothing behind. Nothing here looks at the clock.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { median } from "../bench/measure.ts";
import { higherPeaks, measureArithmetic, measureTraffic } from "../bench/peaks.ts";
import { formatReport, makeRow, parseReportOptions } from "../bench/report.ts";
import type { Workload } from "../bench/workload.ts";
import { listWorkloads, SIZES, type Sizes, trainingWorkload } from "../bench/workloads.ts";
import type { DispatchDescription } from "../src/gpu/program.ts";
import { openGpu } from "./gpu.ts";

/** As large a list as that of the report, so small that every operation is one dispatch. */
const TINY: Sizes = {
  cubes: [4, 7],
  transposed: 7,
  products: [[3, 8, 5]],
  elements: [12, 13],
  rows: [[2, 3], [5, 64]],
  matrix: [6, 4],
  networks: [[5, 4, 3], [6, 5, 4, 3]],
  batch: 4,
  examples: 4,
};

/** The FLOPs of the dispatches that a workload counts: of a training step, the matmuls. */
function countedFlops({ suite }: Workload, dispatches: DispatchDescription[]): number {
  return dispatches
    .filter(({ label }) => suite !== "training" || /^matmul/.test(label))
    .reduce((sum, { flops }) => sum + flops, 0);
}

Deno.test("bench: workloads", async (t) => {
  const gpu = await openGpu();
  for (const workload of listWorkloads(TINY)) {
    await t.step(workload.name, async () => {
      const before = gpu.memory;
      const prepared = workload.prepare(gpu);
      try {
        prepared.run(3);
        await prepared.wait();
        const dispatches = prepared.describe();
        assertEquals(countedFlops(workload, dispatches), workload.flops);
        const bytes = dispatches.reduce((sum, dispatch) => sum + dispatch.bytes, 0);
        if (workload.suite === "training") assert(workload.bytes < bytes);
        else assertEquals([dispatches.length, bytes], [1, workload.bytes]);
        if (gpu.adapter.timestamps) {
          assertEquals((await prepared.profile(1)).length, dispatches.length);
        }
      } finally {
        prepared.dispose();
      }
      assertEquals([gpu.memory.buffers, gpu.memory.bytes], [before.buffers, before.bytes]);
    });
  }
  await t.step("more training steps than the table of losses has rows", async () => {
    using prepared = trainingWorkload([3, 2], 2, 4).prepare(gpu);
    prepared.run(1100);
    await prepared.wait();
  });
});

Deno.test("bench: the list has the sizes that are to be compared", () => {
  const workloads = listWorkloads(SIZES);
  const names = workloads.map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  const step = workloads.find(({ name }) => name === "step 784-128-10 batch 128")!;
  assertEquals(step.flops, 2 * 128 * (2 * 784 * 128 + 3 * 128 * 10));
  assertEquals(step.bytes, 128 * (784 + 4) + 2 * 4 * (784 * 128 + 128 + 128 * 10 + 10));
});

Deno.test("bench: kernels of the peaks give the right results", async (t) => {
  const gpu = await openGpu();
  const before = gpu.memory;
  const effort = { milliseconds: 1, batches: 1 };
  const sizes = { invocations: 100, trips: 9, bytes: 16 * 800 };
  for (const chains of [1, 3]) {
    await t.step(`${chains} chains`, async () => {
      const { perSecond } = await measureArithmetic(gpu, chains, effort, sizes);
      assert(perSecond > 0);
    });
  }
  for (const kind of ["copy", "triad", "read"] as const) {
    await t.step(kind, async () => {
      const { perSecond } = await measureTraffic(gpu, kind, 4, effort, sizes);
      assert(perSecond > 0);
    });
  }
  assertEquals(gpu.memory.bytes, before.bytes);
});

Deno.test("bench: the report's command line", async (t) => {
  await t.step("options", () => {
    assertEquals(parseReportOptions([]), {
      quick: false,
      filter: "",
      json: undefined,
      help: false,
    });
    const options = parseReportOptions(["--quick", "--filter", "matmul", "--json=a.json"]);
    assertEquals(options, { quick: true, filter: "matmul", json: "a.json", help: false });
  });
  for (const args of [["--fast"], ["-q"], ["matmul"], ["--json"], ["--json", ""]]) {
    await t.step(`refuses ${args.join(" ")}`, () => {
      assertThrows(() => parseReportOptions(args), Error, "Usage: deno task bench:report");
    });
  }
});

Deno.test("bench: shares of the peaks", async (t) => {
  const peaks = {
    flops: { kernel: "registers", perSecond: 4e9 },
    bytes: { kernel: "triad", perSecond: 1e9 },
  };
  const timing = { repetitions: 1, batches: 1, median: 2, minimum: 1, gpu: undefined };
  const row = (flops: number, bytes: number) =>
    makeRow({ name: `${flops}/${bytes}`, flops, bytes }, timing, peaks);
  await t.step("the slower of arithmetic and traffic is the bound", () => {
    const arithmetic = row(4e6, 9e5);
    assertEquals([arithmetic.bound, arithmetic.share], ["FLOP/s", 0.5]);
    const traffic = row(4e5, 5e5);
    assertEquals([traffic.bound, traffic.share], ["B/s", 0.25]);
  });
  await t.step("the higher of two measurements counts", () => {
    const other = {
      flops: { kernel: "busy", perSecond: 3e9 },
      bytes: { kernel: "copy", perSecond: 2e9 },
    };
    assertEquals(higherPeaks(peaks, other), { flops: peaks.flops, bytes: other.bytes });
  });
  await t.step("the text", () => {
    const text = formatReport({
      adapter: "some adapter",
      software: true,
      deno: "2",
      date: "2026-01-02",
      quick: true,
      peaks,
      rows: [row(4e6, 9e5), row(0, 5e5)],
      submits: { "a step": { median: 300, minimum: 250.4 } },
    });
    assertStringIncludes(text, "GPU     some adapter\n");
    assertMatch(text, /4\.00 GFLOP\/s \(registers\), 1\.00 GB\/s \(triad\)/);
    assertMatch(text, /^4000000\/900000 +2\.00 +1\.00 +2\.00 +0\.450 +50 +FLOP\/s$/m);
    assertMatch(text, /^0\/500000 +2\.00 +1\.00 +0\.250 +25 +B\/s$/m);
    assertStringIncludes(text, "encode µs per step: 300, least 250 (a step)");
  });
});

Deno.test("bench: median", () => {
  assertEquals([[3, 1, 2], [4, 1, 2, 3], [5]].map(median), [2, 2.5, 5]);
});
