/**
 * The benchmarks: that every workload does the work it says, and leaves nothing behind. Nothing here looks at the clock.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { median } from "../bench/measure.ts";
import { higherPeaks, measureArithmetic, measureTraffic } from "../bench/peaks.ts";
import { formatReport, makeRow, parseReportOptions } from "../bench/report.ts";
import { denseNetwork, stepFlops, trainingWorkload } from "../bench/training_workloads.ts";
import { isSelected, type Workload } from "../bench/workload.ts";
import { listWorkloads, type Sizes } from "../bench/workloads.ts";
import { OptionError } from "../src/errors.ts";
import type { DispatchDescription } from "../src/gpu/program.ts";
import { Conv2d } from "../src/layers/convolution.ts";
import { Dense } from "../src/layers/dense.ts";
import { MaxPool2d } from "../src/layers/pooling.ts";
import { openGpu } from "./gpu.ts";

/** As large a list as that of the report, so small that every operation is one dispatch; convolutions have their own test. */
const TINY: Sizes = {
  cubes: [4, 7],
  transposed: 7,
  products: [[3, 8, 5]],
  convolutions: [],
  elements: [12, 13],
  rows: [[2, 3], [5, 64]],
  matrix: [6, 4],
  dense: [[5, 4, 3], [6, 5, 4, 3]],
  batch: 4,
  examples: 4,
  networks: [],
};

/** A convolutional network on images of 2×6×6. */
const LAYERS = [
  new Conv2d({ filters: 3, kernelSize: 3, padding: 1, activation: "relu" }),
  new MaxPool2d({ poolSize: 2 }),
  new Conv2d({ filters: 4, kernelSize: 2, groups: 1 }),
  new Dense({ units: 5 }),
];

/** The FLOPs of the dispatches that a workload counts: of a training step, the matmuls. */
function countedFlops({ suite }: Workload, dispatches: DispatchDescription[]): number {
  return dispatches
    .filter(({ label }) => suite !== "training" || /^matmul/.test(label))
    .reduce((sum, { flops }) => sum + flops, 0);
}

Deno.test("bench: workloads", async (t) => {
  const gpu = await openGpu();
  for (const workload of listWorkloads(gpu, TINY)) {
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
    const size = denseNetwork([3, 2], { batch: 2, examples: 4 });
    using prepared = trainingWorkload(gpu, size).prepare(gpu);
    prepared.run(1100);
    await prepared.wait();
  });
  await t.step("a convolutional network", async () => {
    const before = gpu.memory;
    const workload = trainingWorkload(gpu, {
      name: "tiny",
      layers: LAYERS,
      inputShape: [2, 6, 6],
      batch: 3,
      batchOnCard: 3,
    });
    assertEquals(workload.name, "step tiny batch 3");
    const weights = [2 * 9 * 3, 3 * 4 * 4, 16 * 5] as const;
    const products = 2 * 36 * weights[0] + 3 * 4 * weights[1] + 3 * weights[2];
    assertEquals(workload.flops, 3 * 2 * products);
    assertEquals(stepFlops(LAYERS, [2, 6, 6]), 2 * products);
    const parameters = weights[0] + 3 + weights[1] + 4 + weights[2] + 5;
    assertEquals(workload.bytes, 3 * (2 * 36 + 4) + 8 * parameters);
    using prepared = workload.prepare(gpu);
    prepared.run(3);
    await prepared.wait();
    assert(prepared.describe().some(({ label }) => label.includes("convolution")));
    prepared.dispose();
    assertEquals([gpu.memory.buffers, gpu.memory.bytes], [before.buffers, before.bytes]);
  });
});

Deno.test("bench: the list has the sizes that are to be compared", async () => {
  const workloads = listWorkloads(await openGpu());
  const find = (text: string) => workloads.find(({ name }) => name === text)!;
  const names = workloads.map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  const step = find("step 784-128-10 batch 128");
  assertEquals(step.flops, 2 * 128 * (2 * 784 * 128 + 3 * 128 * 10));
  assertEquals(step.bytes, 128 * (784 + 4) + 2 * 4 * (784 * 128 + 128 + 128 * 10 + 10));
  const convolutions = [2 * 28 * 28 * 25 * 32, 3 * 14 * 14 * 25 * 32 * 64] as const;
  const products = convolutions[0] + convolutions[1] + 3 * (7 * 7 * 64 * 512 + 512 * 10);
  assertEquals(find("step c32-c64-fc512 batch 64").flops, 2 * 64 * products);
  assertEquals(find("step lenet5 batch 64").group, "step lenet5");
  const giant = workloads.find(({ group }) => group === "step alexnet")!;
  assertEquals([giant.askedBy, isSelected(giant, "step")], ["alexnet", false]);
  const grouped = find("conv2d 8×96×27×27 → 256, 5×5 pad 2 groups 2, dw direct");
  assertEquals(grouped.flops, 2 * (8 * 27 * 27 * 256) * 48 * 25);
  const strided = find("conv2d 8×3×227×227 → 96, 11×11 stride 4, forward direct");
  assertEquals(strided.flops, 2 * (8 * 55 * 55 * 96) * 3 * 121);
  assertEquals(strided.bytes, 4 * (8 * 3 * 227 ** 2 + 96 * 3 * 121 + 8 * 96 * 55 * 55));
});

Deno.test("bench: what has to be asked for is left out otherwise", () => {
  const plain = { suite: "matmul", name: "matmul 4×4×4" } as const;
  const asked = { suite: "training", name: "step giant batch 4", askedBy: "giant" } as const;
  const selected = (filter: string, all = false) =>
    [plain, asked].filter((workload) => isSelected(workload, filter, all)).map(({ name }) => name);
  assertEquals(selected(""), [plain.name]);
  assertEquals(selected("", true), [plain.name, asked.name]);
  assertEquals(selected("step"), []);
  assertEquals(selected("training"), []);
  assertEquals(selected("step giant"), [asked.name]);
  assertEquals(selected("batch", true), [asked.name]);
  assertEquals(selected("4×4"), [plain.name]);
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
      all: false,
      json: undefined,
      help: false,
    });
    const options = parseReportOptions(["--quick", "--filter", "matmul", "--json=a.json"]);
    const rest = { all: false, json: "a.json", help: false };
    assertEquals(options, { quick: true, filter: "matmul", ...rest });
    assertEquals(parseReportOptions(["--all"]).all, true);
  });
  for (
    const [args, message] of [
      [["--fast"], "Unknown option --fast"],
      [["-q"], "Unknown option -q; did you mean --quick?"],
      [["matmul"], 'Expected options only, which begin with --, got "matmul"'],
      [["--json"], "--json: expected a value (FILE), got none"],
      [["--json="], "--json: expected a value (FILE), got none"],
    ] as const
  ) {
    await t.step(`refuses ${args.join(" ")}`, () => {
      assertThrows(() => parseReportOptions(args), OptionError, message);
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
      submits: {
        "a step": {
          together: { repetitions: 16, median: 30, minimum: 25.4 },
          alone: { repetitions: 1, median: 300, minimum: 250.4 },
        },
      },
    });
    assertStringIncludes(text, "GPU     some adapter\n");
    assertMatch(text, /4\.00 GFLOP\/s \(registers\), 1\.00 GB\/s \(triad\)/);
    assertMatch(text, /^4000000\/900000 +2\.00 +1\.00 +2\.00 +0\.450 +50 +FLOP\/s$/m);
    assertMatch(text, /^0\/500000 +2\.00 +1\.00 +0\.250 +25 +B\/s$/m);
    assertStringIncludes(
      text,
      "encode µs per step: 30.0, least 25.4 of 16 together; 300, least 250 alone (a step)",
    );
    assert(!/workspace|error/.test(text));
  });
  await t.step("workspace and error, of those that have them", () => {
    const workload = { name: "conv", flops: 4e6, bytes: 9e5, workspace: 3 * 2 ** 19 };
    const text = formatReport({
      adapter: "some adapter",
      software: true,
      deno: "2",
      date: "2026-01-02",
      quick: false,
      peaks,
      rows: [makeRow(workload, timing, peaks, 2.34e-7), row(0, 5e5)],
      submits: {},
    });
    assertMatch(text, /peak +workspace +error$/m);
    assertMatch(text, /^conv .* FLOP\/s +1\.50 MiB +2\.3e-7$/m);
    assertMatch(text, /^0\/500000 .* 25 +B\/s$/m);
  });
});

Deno.test("bench: median", () => {
  assertEquals([[3, 1, 2], [4, 1, 2, 3], [5]].map(median), [2, 2.5, 5]);
});
