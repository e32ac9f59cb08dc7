/**
 * `deno task profile`: the figures of a step, their sums, the text, the trace, and the command line.
 *
 * @module
 */

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { fromFileUrl } from "@std/path";
import { parseProfileOptions } from "../bench/profile.ts";
import { PROFILE_MODELS } from "../bench/profile_models.ts";
import { formatProfile, shorten, shortLabel } from "../bench/profile_text.ts";
import { type Trace, type TraceEvent, traceOf } from "../bench/profile_trace.ts";
import {
  type Clock,
  type ProfiledDispatch,
  profileStep,
  type StepProfile,
  sumBy,
  sumOf,
} from "../bench/step_profile.ts";
import { denseNetwork, trainingWorkload } from "../bench/training_workloads.ts";
import { OptionError } from "../src/errors.ts";
import { withFolder } from "./folder.ts";
import { openGpu } from "./gpu.ts";
import { DENO_DIR, ROOT, taskCommand } from "./task.ts";

const SHORT = { milliseconds: 1, batches: 1 };
const SIZE = denseNetwork([6, 5, 3], { batch: 4, examples: 8, metrics: ["accuracy"] });

/** A step so small that nothing of it takes long. */
async function profileTiny(clock: Clock): Promise<StepProfile> {
  return await profileStep(await openGpu(), {
    size: SIZE,
    optimizer: "sgd",
    clock,
    repetitions: 2,
    efforts: { step: SHORT, peaks: SHORT, peaksTwice: true },
    peakSizes: { invocations: 100, trips: 9, bytes: 16 * 800 },
  });
}

/** A dispatch of a profile that nobody measured. */
function dispatch(given: Partial<ProfiledDispatch>): ProfiledDispatch {
  const family = given.family ?? "kernel";
  return {
    section: "",
    label: "work",
    kernel: `${family}(LANES=8)`,
    family,
    workgroups: 1,
    flops: 0,
    bytes: 0,
    milliseconds: 1,
    begin: 0,
    end: 1,
    share: 0.5,
    bound: "B/s",
    ...given,
  };
}

const DRAWN: StepProfile = {
  model: "drawn",
  batchSize: 4,
  optimizer: "sgd",
  adapter: "some adapter, a card",
  software: false,
  deno: "2",
  date: "2026-01-02",
  clock: "gpu",
  repetitions: 5,
  peaks: {
    flops: { kernel: "registers", perSecond: 4e9 },
    bytes: { kernel: "triad", perSecond: 1e9 },
  },
  dispatches: [
    dispatch({ section: "gather", family: "gather", label: "gather [4, 6]", bytes: 5e5 }),
    dispatch({
      section: "backward",
      family: "convolution/gemmWeightsRegister",
      label: "convolution weight gradient gemm [128, 256, 150, 150] [480, 256, 13, 13]",
      flops: 6e6,
      bytes: 1e3,
      milliseconds: 3,
      begin: 1.5,
      end: 4.5,
      bound: "FLOP/s",
    }),
    dispatch({ section: "backward", family: "gather", label: "again", begin: 4.5, end: 5.5 }),
    dispatch({ section: "update", label: "too short", milliseconds: 0, begin: 5.5, end: 5.5 }),
  ],
  step: { repetitions: 80, batches: 5, median: 6, minimum: 5.5, gpu: undefined },
  submission: {
    median: 100,
    minimum: 90,
    spans: [
      { phase: "encode", begin: 0, end: 10 },
      { phase: "write", begin: 10, end: 30 },
      { phase: "encode", begin: 30, end: 70 },
      { phase: "submit", begin: 70, end: 98 },
      { phase: "encode", begin: 98, end: 100 },
    ],
  },
  together: { repetitions: 16, median: 30, minimum: 20 },
};

Deno.test("profile: a step is that of training, and its sums are complete", async (t) => {
  const gpu = await openGpu();
  using prepared = trainingWorkload(gpu, SIZE).prepare(gpu);
  const described = prepared.describe();
  await prepared.wait();
  const clocks: Clock[] = gpu.adapter.timestamps ? ["gpu", "wall"] : ["wall"];
  for (const clock of clocks) {
    await t.step(clock, async () => {
      const before = gpu.memory;
      const { dispatches, step, submission } = await profileTiny(clock);
      assertEquals([gpu.memory.buffers, gpu.memory.bytes], [before.buffers, before.bytes]);
      const { submit, writeBuffer } = gpu.device.raw.queue;
      assert(submit === GPUQueue.prototype.submit, "the queue is watched no longer");
      assert(writeBuffer === GPUQueue.prototype.writeBuffer);

      const facts = dispatches.map(({ section, label, kernel, flops, bytes, workgroups }) => ({
        ...{ section, label, kernel, workgroups, flops, bytes },
      }));
      assertEquals(facts, described);
      // A gather touches the rows of the batch, not the whole data set.
      assertEquals(dispatches[0]!.bytes, 4 * 6 + 4 * (4 * 6));
      const sections = sumBy(dispatches, ({ section }) => section);
      assertEquals(sections.map(({ name }) => name), ["gather", "forward", "backward", "update"]);
      for (const { kernel, family } of dispatches) assert(kernel.startsWith(family));
      const total = sumOf("total", dispatches);
      assertEquals(total.dispatches, described.length);
      for (const sums of [sections, sumBy(dispatches, ({ family }) => family)]) {
        for (const key of ["dispatches", "milliseconds", "flops", "bytes"] as const) {
          const sum = sums.reduce((sum, part) => sum + part[key], 0);
          assertAlmostEquals(sum, total[key], 1e-9 * total[key]);
        }
      }
      assert(step.median > 0 && total.milliseconds > 0);

      const { spans, median, minimum } = submission;
      assert(0 < minimum && minimum <= median);
      const count = (phase: string) => spans.filter((span) => span.phase === phase).length;
      assertEquals(count("submit"), 1);
      assert(count("write") >= 1, "the numbers of a step are written");
      let at = 0;
      for (const { begin, end } of spans) {
        assert(begin === at && end >= begin);
        at = end;
      }
    });
  }
});

Deno.test("profile: sums", () => {
  const [gather, backward, update] = sumBy(DRAWN.dispatches, ({ section }) => section);
  assertEquals(gather!.share, 0.5);
  assertEquals(backward, {
    ...{ name: "backward", dispatches: 2, milliseconds: 4, flops: 6e6, bytes: 1e3, share: 0.5 },
  });
  assertEquals([update!.milliseconds, update!.share], [0, 0]);
  const families = sumBy(DRAWN.dispatches, ({ family }) => family).map(({ name }) => name);
  assertEquals(families, ["gather", "convolution/gemmWeightsRegister", "kernel"]);
});

Deno.test("profile: the text", async (t) => {
  await t.step("fits terminals of 100 and of 120 columns, and cuts no more than it must", () => {
    for (const width of [100, 120]) {
      const lines = formatProfile(DRAWN, width).split("\n");
      for (const line of lines) assert([...line].length <= width, `${width}: ${line}`);
    }
    assertMatch(formatProfile(DRAWN, 100), /^2 +conv dw gemm 1….*×13×13 +gemmWei…egister +3\.00/m);
    assertStringIncludes(formatProfile(DRAWN, 140), "gemm 128×256×150×150 480×256×13×13  gemm");
  });
  const text = formatProfile(DRAWN, 120);
  await t.step("rows", () => {
    assertStringIncludes(text, "GPU     some adapter, a card\n");
    assertMatch(text, /4\.00 GFLOP\/s \(registers\), 1\.00 GB\/s \(triad\)/);
    assertMatch(text, /^ +gather\n1 +gather 4×6 +gather +1\.00 +20% +0\.50 +50% +B\/s$/m);
    assertMatch(text, /^2 +conv dw gemm .* 3\.00 +60% +2\.00 +0\.00 +50% +FLOP\/s$/m);
    assertMatch(text, /^4 +too short +kernel +0$/m);
    assertMatch(text, /^ +4 dispatches +5\.00 +100% +1\.20 +0\.10 +50%$/m);
  });
  await t.step("sums", () => {
    assertMatch(text, /^backward +2 +4\.00 +80% +1\.50 +0\.00 +50%$/m);
    const kernels = text.slice(text.indexOf("Kernel   ", text.indexOf("Section")));
    assertMatch(kernels, /gemmWeightsRegister +1 .*\ngather +2 .*\nkernel +1 +0$/m);
  });
  await t.step("the clock and the CPU", () => {
    assertMatch(text, /^Wall +6\.00 ms a step, least 5\.50: 1\.00 GFLOP\/s/m);
    assertMatch(
      text,
      /^CPU .* µs:\n +30\.0, least 20\.0, of 16 .*\n +100, least 90\.0, alone: 52\.0 encoding, 20\.0 writing .* 28\.0 sub/m,
    );
    assertMatch(text, /^Clock +.*timestamps/m);
    assertMatch(formatProfile({ ...DRAWN, clock: "wall" }, 120), /^Clock +.*wall clock/m);
  });
  await t.step("short labels", () => {
    const short = (label: string) => shorten(shortLabel(label), 22);
    assertEquals(short("convolution [8, 3, 9, 9] [4, 3, 5, 5]"), "conv 8×3×9×9 4×3×5×5");
    assertEquals(short("convolution input gradient [8, 3]"), "conv dx 8×3");
    assertEquals(short("max pool gradient [64, 48, 15, 15]"), "max pool gr…4×48×15×15");
    assertEquals(short("sum [1, 128, 10] → 7"), "sum 1×128×10 → 7");
  });
});

/** The events of a thread, by its name. */
function onThread({ traceEvents }: Trace, name: string): TraceEvent[] {
  const thread = traceEvents.find((event) => event.ph === "M" && event.args?.["name"] === name)!;
  return traceEvents.filter(({ ph, tid }) => ph === "X" && tid === thread.tid);
}

Deno.test("profile: the trace", () => {
  const trace: Trace = JSON.parse(JSON.stringify(traceOf(DRAWN)));
  assertEquals(new Set(trace.traceEvents.map(({ pid }) => pid)).size, 1);
  const cpu = onThread(trace, "CPU").map(({ name, ts, dur }) => [name, ts, dur]);
  assertEquals(cpu, [
    ["step of drawn, batch 4", 0, 100],
    ["encode", 0, 10],
    ["write", 10, 20],
    ["encode", 30, 40],
    ["submit", 70, 28],
    ["encode", 98, 2],
  ]);
  // The GPU begins where the submission ends, at 98 µs.
  const gpu = onThread(trace, "GPU").map(({ name, ts, dur }) => [name, ts, dur]);
  assertEquals(gpu.slice(0, 3), [
    ["gather", 98, 1000],
    ["backward", 1598, 4000],
    ["update", 5598, 0],
  ]);
  assertEquals(
    gpu.slice(3),
    DRAWN.dispatches.map(({ label, begin, end }) => [
      ...[label, 98 + 1000 * begin, 1000 * (end - begin)],
    ]),
  );
  const { args } = onThread(trace, "GPU")[4]!;
  assertEquals([args!["number"], args!["flops"], args!["median ms"]], [2, 6e6, 3]);
  assertMatch(`${trace.otherData["note"]}`, /without a common zero/);
});

Deno.test("profile: options", async (t) => {
  await t.step("defaults", () => {
    const { size, batchSize, repetitions, optimizer, trace, json, wallClock, quick } =
      parseProfileOptions([]);
    assertEquals([size.name, batchSize, repetitions, optimizer], ["mlp", undefined, 5, "sgd"]);
    assertEquals([trace, json, wallClock, quick], [undefined, undefined, false, false]);
  });
  await t.step("networks", () => {
    for (const { name } of PROFILE_MODELS) {
      assertEquals(parseProfileOptions(["--model", name]).size.name, name);
    }
    const { size } = parseProfileOptions(["--model=7-5-3", "--batch-size", "2"]);
    assertEquals([size.inputShape, size.layers.length], [[7], 2]);
  });
  for (
    const [args, message] of [
      [["--models"], "Unknown option --models; did you mean --model?"],
      [["mlp"], 'Expected options only, which begin with --, got "mlp"'],
      [["--model", "resnet"], "--model: expected mlp, logistic, "],
      [["--model", "784"], "--model: expected mlp, "],
      [["--model="], "--model: expected a value (NAME), got none"],
      [["--batch-size", "0"], "--batch-size: expected "],
      [["--batch-size", "1.5"], "--batch-size: expected "],
      [["--batch-size="], "--batch-size: expected "],
      [["--repetitions", "few"], "--repetitions: expected "],
      [["--optimizer", "newton"], "--optimizer: expected one of "],
      [["--trace"], "--trace: expected a value (FILE), got none"],
      [["--json="], "--json: expected a value (FILE), got none"],
    ] as const
  ) {
    await t.step(`refuses ${args.join(" ")}`, () => {
      assertThrows(() => parseProfileOptions(args), OptionError, message);
    });
  }
});

/** Runs the task in a folder that it may write into. */
async function runTask(
  folder: string,
  args: readonly string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  const root = fromFileUrl(ROOT);
  const command = (await taskCommand("profile")).map((word) =>
    word === "bench/profile.ts"
      ? `${root}${word}`
      : word.replace(/^--import-map=(?!\/)/, `--import-map=${root}`)
  );
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...command, ...args],
    cwd: folder,
    env: { DENO_DIR },
    signal: AbortSignal.timeout(90_000),
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: decode(stdout), stderr: decode(stderr) };
}

Deno.test("profile: the task", async (t) => {
  await withFolder(async (folder) => {
    const files = () => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    await t.step("help", async () => {
      const { code, stdout } = await runTask(folder, ["--help"]);
      assertEquals(code, 0);
      assertMatch(stdout, /^ {2}deno task profile /m);
      for (const line of stdout.split("\n")) assert(line.length <= 110, line);
    });
    await t.step("a wrong option", async () => {
      const { code, stdout, stderr } = await runTask(folder, ["--json", "a.json", "--model", "x"]);
      assertEquals([code, stdout], [2, ""]);
      assertMatch(stderr, /^--model: expected .*got "x"\ndeno task profile --help lists/);
    });
    await t.step("too large a batch", async () => {
      const args = ["--json", "a.json", "--batch-size", "999999999"];
      const { code, stderr } = await runTask(folder, args);
      assertEquals(code, 2);
      assertMatch(stderr, /--batch-size: expected at most \d+ with --model mlp on this adapter/);
    });
    await t.step("files that cannot be written", async () => {
      const outside = await runTask(folder, ["--trace", "../trace.json"]);
      assertEquals(outside.code, 1);
      assertMatch(outside.stderr, /write access/);
      const missing = await runTask(folder, ["--json", "missing/a.json"]);
      assertEquals(missing.code, 1);
      assertMatch(missing.stderr, /missing\/a\.json/);
      assertEquals((await runTask(folder, ["--trace", "."])).code, 2);
    });
    assertEquals(files(), [], "nothing was written");
    await t.step("a step", async () => {
      const args = ["--model", "12-8-4", "--batch-size", "4", "--quick", "--optimizer", "adam"];
      const written = ["--trace", "t.json", "--json", "a.json"];
      const { code, stdout, stderr } = await runTask(folder, [...args, ...written]);
      assertEquals(code, 0, stderr);
      assertEquals(files(), ["a.json", "t.json"]);
      assertMatch(stdout, /^Step +12-8-4, batch 4, adam$/m);
      const profile: StepProfile = JSON.parse(Deno.readTextFileSync(`${folder}/a.json`));
      assertMatch(profile.dispatches.at(-1)!.label, /^adam/);
      assertMatch(stdout, new RegExp(`^ +${profile.dispatches.length} dispatches`, "m"));
      const trace: Trace = JSON.parse(Deno.readTextFileSync(`${folder}/t.json`));
      assertEquals(trace, JSON.parse(JSON.stringify(traceOf(profile))));
    });
  });
});
