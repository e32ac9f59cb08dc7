/**
 * Programs: planning of memory, replay, sections, numbers that change, listings, errors.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { GpuError } from "../src/errors.ts";
import type { Gpu } from "../src/gpu/gpu.ts";
import { type Lifetime, planLifetimes } from "../src/gpu/plan.ts";
import {
  type DispatchDescription,
  type DispatchProfile,
  Program,
  type ProgramRecorder,
} from "../src/gpu/program.ts";
import { Scalar } from "../src/gpu/recorder.ts";
import { ScratchPool } from "../src/gpu/scratch_pool.ts";
import { Tensor } from "../src/gpu/tensor.ts";
import { relu } from "../src/ops/activations.ts";
import { updateRunningStatistics } from "../src/ops/channel_statistics.ts";
import { add, multiply, scale } from "../src/ops/elementwise.ts";
import { gatherRows } from "../src/ops/gather.ts";
import { matmul } from "../src/ops/matmul.ts";
import type { MatmulPlan } from "../src/ops/matmul_plan.ts";
import { sum } from "../src/ops/reductions.ts";
import { sgdUpdate } from "../src/ops/updates.ts";
import { Random } from "../src/random.ts";
import { openGpu, withSeed } from "./gpu.ts";

function drawLifetimes(random: Random): Lifetime[] {
  const dispatches = 1 + random.integer(40);
  const sizes = random.integer(2) === 0 ? [16, 64, 1024, 65_536] : undefined;
  return Array.from({ length: random.integer(60) }, () => {
    const first = random.integer(dispatches);
    const last = Math.min(dispatches - 1, first + random.integer(random.integer(4) === 0 ? 30 : 4));
    const bytes = sizes?.[random.integer(4)] ?? 16 * (1 + random.integer(1000));
    return { bytes, first, last };
  });
}

/** The most bytes alive at one dispatch: no plan needs less. */
function leastBytes(lifetimes: readonly Lifetime[]): number {
  const alive = lifetimes.map(({ first }) =>
    lifetimes.reduce(
      (total, other) => other.first <= first && first <= other.last ? total + other.bytes : total,
      0,
    )
  );
  return Math.max(0, ...alive);
}

const total = (bytes: readonly number[]): number => bytes.reduce((sum, each) => sum + each, 0);

Deno.test("planLifetimes: slots are large enough, never used twice at once, and near the least", () =>
  withSeed((seed) => {
    const random = new Random(seed >>> 0, 3);
    const ratios: number[] = [];
    for (let i = 0; i < 300; i++) {
      const lifetimes = drawLifetimes(random);
      const { slots, slotBytes } = planLifetimes(lifetimes, []);
      assertEquals(slots.length, lifetimes.length);
      lifetimes.forEach((a, j) => {
        assert(slotBytes[slots[j]!]! >= a.bytes);
        lifetimes.slice(0, j).forEach((b, l) => {
          if (slots[l] === slots[j]) assert(a.last < b.first || b.last < a.first);
        });
      });
      const bytes = total(slotBytes);
      assert(bytes <= total(lifetimes.map((lifetime) => lifetime.bytes)));
      const least = leastBytes(lifetimes);
      assert(bytes >= least);
      if (least > 0) ratios.push(bytes / least);
    }
    const mean = total(ratios) / ratios.length;
    assert(mean <= 1.3, `on average ${mean} times the least`);
  }));

Deno.test("planLifetimes: existing slots are used before new ones, and stay as they are", () =>
  withSeed((seed) => {
    const one = { bytes: 64, first: 0, last: 3 };
    assertEquals(planLifetimes([one], [32, 128, 64, 256]).slots, [2]);
    assertEquals(planLifetimes([one, one], [32, 128]), { slots: [1, 2], slotBytes: [32, 128, 64] });
    const random = new Random(seed >>> 0, 4);
    let [alone, added] = [0, 0];
    for (let i = 0; i < 100; i++) {
      const lifetimes = drawLifetimes(random);
      const { slotBytes: existing } = planLifetimes(lifetimes, []);
      const { slots, slotBytes } = planLifetimes(lifetimes, existing);
      assertEquals(slotBytes.slice(0, existing.length), existing);
      lifetimes.forEach(({ bytes }, j) => assert(slotBytes[slots[j]!]! >= bytes));
      alone += total(existing);
      added += total(slotBytes) - total(existing);
    }
    assert(added < 0.1 * alone, `the same programs again need ${added / alone} of their memory`);
  }));

/** Records y = relu(factor · x) + x and hands out y. */
function recordExample(gpu: Gpu, x: Tensor, pool?: ScratchPool): [Program, Tensor] {
  let y: Tensor | undefined;
  const program = Program.record(gpu.device, "example", (recorder) => {
    y = recorder.keep(add(recorder, relu(recorder, scale(recorder, x, -2)), x));
  }, pool === undefined ? {} : { pool });
  return [program, y!];
}

Deno.test("Program: replays what was recorded on what the tensors now hold", async () => {
  const gpu = await openGpu();
  using x = gpu.tensor(new Float32Array([1, -2, 3]));
  const [program, y] = recordExample(gpu, x);
  program.run();
  assertEquals([...await y.read()], [1, 2, 3]);
  x.write(new Float32Array([-5, 0, 4]));
  program.run();
  assertEquals([...await y.read()], [5, 0, 4]);
  program.dispose();
});

Deno.test("Program: recording runs nothing, and results cannot be read before", async () => {
  const gpu = await openGpu();
  using x = gpu.tensor(new Float32Array([1]));
  let reading: Promise<unknown> | undefined;
  using program = Program.record(gpu.device, "early", (recorder) => {
    const y = scale(recorder, x, 2);
    reading = assertRejects(() => y.read(), GpuError, "its program is still being recorded");
    recorder.keep(y);
  });
  await reading;
  program.run();
});

Deno.test("Program: sections run by name, in the order that is asked for", async () => {
  const gpu = await openGpu();
  using p = gpu.tensor(new Float32Array([0, 0, 0, 0]));
  using one = gpu.tensor(new Float32Array([1, 1, 1, 1]));
  const step = (recorder: ProgramRecorder, rate: number) => sgdUpdate(recorder, p, one, { rate });
  using program = Program.record(gpu.device, "sections", (recorder) => {
    step(recorder, -1);
    recorder.section("ten");
    step(recorder, -10);
    recorder.section("hundred");
    step(recorder, -100);
    step(recorder, -100);
  });
  const expected = async (value: number) => assertEquals((await p.read())[0], value);
  program.run("ten");
  await expected(10);
  program.run("hundred");
  await expected(210);
  program.run("hundred", "ten", "");
  await expected(421);
  program.run();
  await expected(632);
  const { message } = assertThrows(() => program.run("thousand"), GpuError);
  assertMatch(message, /Program sections has no section "thousand"/);
  await expected(632);
  assertEquals(program.describe().map(({ section }) => section), ["", "ten", "hundred", "hundred"]);
});

Deno.test("Program: intermediate results share memory, kept ones have their own", async () => {
  const gpu = await openGpu();
  const before = gpu.memory.bytes;
  const size = 1000;
  using x = gpu.tensor(new Float32Array(size).fill(1));
  let early: Tensor | undefined;
  let late: Tensor | undefined;
  using program = Program.record(gpu.device, "chain", (recorder) => {
    let y = scale(recorder, x, 2);
    early = recorder.keep(y);
    for (let i = 0; i < 20; i++) y = scale(recorder, y, 2);
    late = recorder.keep(y);
  });
  const uniforms = 21 * 256;
  const tensors = 5; // x, two kept ones, and two that are used in turn
  assertEquals(gpu.memory.bytes - before, uniforms + tensors * 4 * size);
  program.run();
  assertEquals([(await early!.read())[7], (await late!.read())[7]], [2, 2 ** 21]);
});

Deno.test("Program: replays that wait keep their numbers, and run together", async () => {
  const gpu = await openGpu();
  using p = gpu.tensor(new Float32Array(4));
  using one = gpu.tensor(new Float32Array([1, 1, 1, 1]));
  const rate = new Scalar(0);
  const record = (recorder: ProgramRecorder) => {
    sgdUpdate(recorder, p, one, { rate });
    recorder.section("again");
    sgdUpdate(recorder, p, one, { rate });
    sgdUpdate(recorder, p, one, { rate: 1000 });
  };
  using program = Program.record(gpu.device, "together", record, { replays: 3 });
  const expected = async (value: number) => assertEquals((await p.read())[0], value);
  program.submit();
  await expected(0);
  for (const value of [-1, -10]) {
    rate.value = value;
    program.queue("again");
  }
  rate.value = -7;
  await expected(0);
  program.submit();
  await expected(11 - 2000);
  program.submit();
  await expected(11 - 2000);
  for (const value of [-100, -200, -300]) {
    rate.value = value;
    program.queue("");
  }
  await expected(611 - 2000); // as many as it takes do not wait
  rate.value = -4;
  program.queue("");
  rate.value = -5;
  program.run();
  await expected(625 - 3000);
});

Deno.test("Program: numbers that change are looked up at every replay", async () => {
  const gpu = await openGpu();
  using examples = gpu.tensor(new Float32Array([10, 20, 30, 40]));
  using p = gpu.tensor(new Float32Array(4));
  using one = gpu.tensor(new Float32Array([1, 1, 1, 1]));
  const start = new Scalar(1);
  const rate = new Scalar(1);
  let batch: Tensor | undefined;
  using program = Program.record(gpu.device, "scalars", (recorder) => {
    sgdUpdate(recorder, p, one, { rate: 0.25 }); // fixed numbers between those that change
    batch = recorder.keep(gatherRows(recorder, examples, { rows: 2, start }));
    sgdUpdate(recorder, p, one, { rate });
  });
  program.run();
  assertEquals([...await batch!.read()], [20, 30]);
  assertEquals((await p.read())[0], -1.25);
  start.value = 2;
  rate.value = -0.5;
  program.run();
  program.run(); // each replay uses the values of its time, though none is waited for
  rate.value = 1000;
  start.value = 0;
  assertEquals([...await batch!.read()], [30, 40]);
  assertEquals((await p.read())[0], -1.25 + 2 * 0.25);
});

/** The rows as described, each with a time, one after the other. */
function checkTimes(rows: DispatchDescription[], timed: DispatchProfile[]): void {
  assertEquals(timed.map(({ milliseconds: _, begin: _b, end: _e, ...row }) => row), rows);
  let at = 0;
  for (const { milliseconds, begin, end } of timed) {
    assert(milliseconds >= 0 && milliseconds < 1000);
    assert(at <= begin && begin <= end && end < 10_000, `${at}, ${begin}, ${end}`);
    at = end;
  }
}

Deno.test("Program: describe lists dispatches, profile times them", async () => {
  const gpu = await openGpu();
  using x = gpu.tensor(new Float32Array(100));
  using program = Program.record(gpu.device, "listing", (recorder) => {
    const y = multiply(recorder, x, scale(recorder, x, 2));
    recorder.section("sum");
    recorder.keep(sum(recorder, y, { axis: 0 }));
  });
  const rows = program.describe();
  assertEquals(rows.map(({ label }) => label).slice(0, 2), ["scale [100]", "multiply [100]"]);
  const [scaling] = rows;
  assertMatch(scaling!.kernel, /^elementwise\(OPERATION=scale VECTOR=true BROADCAST=false\)$/);
  assertEquals([scaling!.section, scaling!.workgroups], ["", 1]);
  assertEquals([scaling!.flops, scaling!.bytes], [100, 800]);
  assertEquals(new Set(rows.slice(2).map(({ section }) => section)), new Set(["sum"]));
  if (gpu.adapter.timestamps) {
    const before = gpu.memory;
    checkTimes(rows, await program.profile(3));
    assertEquals([gpu.memory.buffers, gpu.memory.bytes], [before.buffers, before.bytes]);
  } else {
    await assertRejects(() => program.profile(), GpuError, "has no timestamp queries");
  }
  checkTimes(rows, await program.profile(1, "wall"));
});

Deno.test("Program: reading what nothing wrote is refused, and nothing leaks", async () => {
  const gpu = await openGpu();
  const before = gpu.memory;
  using x = gpu.tensor(new Float32Array([1, 2]));
  const { message } = assertThrows(
    () =>
      Program.record(gpu.device, "careless", (recorder) => {
        scale(recorder, x, 2);
        relu(recorder, recorder.empty([2]));
      }),
    GpuError,
  );
  assertMatch(message, /Program careless: relu \[2\] reads "x" before anything wrote it/);
  assertThrows(() =>
    Program.record(gpu.device, "failing", () => {
      throw new RangeError("a mistake of the caller");
    }), RangeError);
  x.dispose();
  assertEquals([gpu.memory.buffers, gpu.memory.bytes], [before.buffers, before.bytes]);
});

Deno.test("dispatches that write what they read are refused", async () => {
  const gpu = await openGpu();
  using x = gpu.tensor(new Float32Array([1, 2, 3, 4]));
  const { message } = assertThrows(() => sgdUpdate(gpu, x, x, { rate: 1 }), GpuError);
  assertMatch(message, /sgd 4: "p" is written and shares memory with "dp"/);
  const view = x.reshape([2, 2]).reshape([4]);
  assertThrows(() => sgdUpdate(gpu, x, view, { rate: 1 }), GpuError, "shares memory");
  Program.record(gpu.device, "aliasing", (recorder) => {
    assertThrows(() => sgdUpdate(recorder, view, x, { rate: 1 }), GpuError, "shares memory");
  }).dispose();
  assertEquals([...await x.read()], [1, 2, 3, 4]);
});

Deno.test("a dispatch may write two places of one storage, but not one twice", async () => {
  const gpu = await openGpu();
  using flat = gpu.zeros([192]);
  using ones = gpu.tensor(new Float32Array(2).fill(1));
  using threes = gpu.tensor(new Float32Array(2).fill(3));
  const view = (size: number, offset: number) =>
    new Tensor(flat.device, flat.storage, [size], "f32", offset);
  const batch = { mean: ones, variance: threes };
  const update = (mean: Tensor, variance: Tensor) =>
    updateRunningStatistics(gpu, { mean, variance }, batch, 1, 1);
  update(view(2, 512), view(2, 256));
  const values = await flat.read();
  assertEquals([...values].map((value, i) => [i, value]).filter(([, value]) => value !== 0), [
    [64, 3],
    [65, 3],
    [128, 1],
    [129, 1],
  ]);
  for (const [mean, variance] of [[256, 256], [0, 0]] as const) {
    assertThrows(() => update(view(2, mean), view(2, variance)), GpuError, "shares memory");
  }
  using long = gpu.zeros([65]);
  const overlapping = { mean: view(65, 0), variance: view(65, 256) };
  assertThrows(
    () => updateRunningStatistics(gpu, overlapping, { mean: long, variance: long }, 1),
    GpuError,
    `"mean" is written and shares memory with "variance"`,
  );
});

Deno.test("dispatches with missing or unknown names are refused", async () => {
  const gpu = await openGpu();
  using x = gpu.tensor(new Float32Array([1]));
  using y = gpu.zeros([1]);
  let kernel: Parameters<Gpu["dispatch"]>[0] | undefined;
  const spy = Object.create(gpu, { dispatch: { value: (each: typeof kernel) => kernel = each } });
  scale(spy, x, 2).dispose();
  const complete = { ...kernel!, tensors: { a: x, y } };
  const refuse = (changes: object, message: RegExp) => {
    const error = assertThrows(() => gpu.dispatch({ ...complete, ...changes }), GpuError);
    assertMatch(error.message, message);
  };
  refuse({ tensors: { a: x } }, /scale \[1\]: kernel elementwise\(.*\) needs "y"/);
  refuse({ uniforms: { length: 1, period: 1 } }, /needs the number "factor"/);
  refuse({ tensors: { a: x, y, z: x } }, /takes 5 names, got a,y,z/);
  gpu.dispatch(complete);
  assertEquals([...await y.read()], [2]);
});

Deno.test("ScratchPool: programs that share one share its memory, and stay right", async () => {
  const gpu = await openGpu();
  const before = gpu.memory;
  const pool = new ScratchPool(gpu.device);
  using x = gpu.tensor(new Float32Array([1, -2, 3]));
  const [first, y] = recordExample(gpu, x, pool);
  const held = gpu.memory.bytes;
  const poolBytes = pool.bytes;
  assert(poolBytes >= 12);
  const [second, z] = recordExample(gpu, x, pool);
  assertEquals(pool.bytes, poolBytes, "the second program needs no memory of its own");
  assertEquals(gpu.memory.bytes - held, 16 + 3 * 256, "but for its result and its numbers");
  first.run();
  second.run();
  first.run();
  assertEquals([[...await y.read()], [...await z.read()]], [[1, 2, 3], [1, 2, 3]]);
  first.dispose();
  second.run();
  assertEquals([...await z.read()], [1, 2, 3]);
  second.dispose();
  assertEquals(pool.bytes, poolBytes);
  pool.dispose();
  assertEquals(pool.bytes, 0);
  x.dispose();
  assertEquals([gpu.memory.buffers, gpu.memory.bytes], [before.buffers, before.bytes]);
});

Deno.test("ScratchPool: a program that needs more adds to it", async () => {
  const gpu = await openGpu();
  const pool = new ScratchPool(gpu.device);
  using small = gpu.tensor(new Float32Array([1, -2, 3]));
  using large = gpu.tensor(new Float32Array(1000).fill(-2));
  const [first, y] = recordExample(gpu, small, pool);
  const [second, z] = recordExample(gpu, large, pool);
  second.run();
  first.run();
  assertEquals([...await y.read()], [1, 2, 3]);
  assertEquals(await z.read(), new Float32Array(1000).fill(2));
  for (const each of [first, second, pool]) each.dispose();
});

Deno.test("Program: dispose frees everything once; running or reading it after is refused", async () => {
  const gpu = await openGpu();
  const before = gpu.memory;
  using x = gpu.tensor(new Float32Array([1, -2, 3]));
  const [program, y] = recordExample(gpu, x);
  program.run();
  program.dispose();
  program.dispose();
  const { message } = assertThrows(() => program.run(), GpuError);
  assertMatch(message, /Cannot run program example: it was disposed/);
  await assertRejects(() => program.profile(), GpuError, "it was disposed");
  await assertRejects(() => y.read(), GpuError, "disposed");
  x.dispose();
  assertEquals([gpu.memory.buffers, gpu.memory.bytes], [before.buffers, before.bytes]);
});

Deno.test("Program: an empty one runs, and keep leaves other tensors alone", async () => {
  const gpu = await openGpu();
  using x = gpu.tensor(new Float32Array([1]));
  using program = Program.record(gpu.device, "empty", (recorder) => {
    assertStrictEquals(recorder.keep(x), x);
    relu(recorder, recorder.empty([0]));
  });
  program.run();
  program.run("");
  assertEquals(program.describe(), []);
  assertEquals([...await x.read()], [1]);
});

Deno.test("ScratchPool: buffers and textures both count as intermediate results", async () => {
  const gpu = await openGpu();
  const { memory } = gpu.device;
  const held = () => {
    memory.restartPeak();
    const { intermediateResults = 0, other = 0 } = memory.use.peak;
    return [intermediateResults, other];
  };
  const pool = new ScratchPool(gpu.device);
  const [results, other] = held() as [number, number];
  const once = { first: 0, last: 0 };
  pool.assign([{ bytes: 256, ...once }]);
  pool.assignTextures([{ bytes: 2 ** 16, ...once }, { bytes: 2 ** 17, first: 1, last: 1 }]);
  assertEquals(pool.bytes, 256 + 2 ** 17, "the smaller texture lies in the larger one");
  assertEquals(held(), [results + pool.bytes, other]);
  pool.dispose();
  assertEquals(held(), [results, other]);
});

Deno.test("a program copies an operand into a texture once, and again when it was written", async () => {
  const gpu = await openGpu();
  if (!gpu.adapter.readableTextures || gpu.adapter.subgroupSize < 8) return;
  const matrix = (from: number) =>
    gpu.tensor(Float32Array.from({ length: 16 }, (_, i) => (from + i) % 7), [4, 4]);
  using a = matrix(0);
  using b = matrix(3);
  using step = matrix(5);
  const plan: MatmulPlan = {
    family: "broadcast",
    ...{ rowGroups: 2, columnGroups: 1, lanesM: 1, lanesN: 8, textures: "ab" },
    ...{ parts: 1, chunk: 4 },
  };
  let results: Tensor[] = [];
  using program = Program.record(gpu.device, "products", (recorder) => {
    const product = (transposeB: boolean) =>
      recorder.keep(matmul(recorder, a, b, { transposeB, plan }));
    const before = [product(false), product(true)];
    sgdUpdate(recorder, b, step, { rate: 1 });
    results = [...before, product(false)];
  });
  const copies = program.describe().filter(({ kernel }) => kernel === "textureCopy");
  assertEquals(copies.map(({ label }) => label), [
    "matmul NN 4×4×4, copy of a",
    "matmul NN 4×4×4, copy of b",
    "matmul NN 4×4×4, copy of b",
  ]);
  for (let replay = 0; replay < 2; replay++) {
    using old = matmul(gpu, a, b);
    using transposed = matmul(gpu, a, b, { transposeB: true });
    program.run();
    using updated = matmul(gpu, a, b);
    for (const [i, expected] of [old, transposed, updated].entries()) {
      assertEquals(await results[i]!.read(), await expected.read());
    }
  }
});
