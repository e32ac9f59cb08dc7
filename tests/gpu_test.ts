/**
 * The GPU: opening, tensors, accounting of memory, and errors of every kind.
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
import {
  DeviceLostError,
  GpuError,
  OptionError,
  OutOfMemoryError,
  ShapeError,
} from "../src/errors.ts";
import { Gpu } from "../src/gpu/gpu.ts";
import { Program } from "../src/gpu/program.ts";
import type { DataType, Tensor } from "../src/gpu/tensor.ts";
import { relu } from "../src/ops/activations.ts";
import { add, scale } from "../src/ops/elementwise.ts";
import { matmul } from "../src/ops/matmul.ts";
import { randomUniform } from "../src/ops/random.ts";
import type { Shape } from "../src/shape.ts";
import { openGpu } from "./gpu.ts";

Deno.test("Gpu.open: says what the adapter is, and refuses unknown options", async () => {
  const { adapter } = await openGpu();
  assert(adapter.name.length > 0);
  for (const flag of ["software", "subgroups", "timestamps", "float16"] as const) {
    assertEquals(typeof adapter[flag], "boolean");
  }
  const wrong = { powerPreference: "fast" } as unknown as { powerPreference: "low-power" };
  await assertRejects(() => Gpu.open(wrong), OptionError, 'powerPreference: expected one of "low');
  const misspelt = { power: "low-power" } as object;
  await assertRejects(() => Gpu.open(misspelt), OptionError, 'unknown option "power"');
});

Deno.test("Gpu.open: without an adapter, says what to install", async () => {
  const script = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const gpu = new URL("../src/gpu/gpu.ts", import.meta.url);
    await Deno.writeTextFile(script, `import { Gpu } from "${gpu}";\nawait Gpu.open();\n`);
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--no-lock", "--no-config", script],
      env: {
        VK_DRIVER_FILES: "/nonexistent",
        VK_ICD_FILENAMES: "/nonexistent",
        DENO_WEBGPU_BACKEND: "vulkan", // else OpenGL would be tried
        NO_COLOR: "1",
      },
      stdout: "null",
      stderr: "piped",
    }).output();
    const text = new TextDecoder().decode(stderr);
    assert(code !== 0);
    assertMatch(text, /GpuError: No WebGPU adapter was found/);
    assertMatch(text, /apt-get install libvulkan1 mesa-vulkan-drivers/);
  } finally {
    await Deno.remove(script);
  }
});

Deno.test("tensors: what is written is read, in every type and for every length", async () => {
  const gpu = await openGpu();
  const tensors: Tensor<DataType>[] = [];
  const expected: number[][] = [];
  for (let length = 0; length <= 9; length++) {
    const numbers = Array.from({ length }, (_, i) => 250 + i - length);
    // Parts of a larger array, beginning at odd places.
    const bytes = Uint8Array.from([7, ...numbers, 9]).subarray(1, 1 + length);
    const words = Uint32Array.from([7, ...numbers, 9]).subarray(1, 1 + length);
    const floats = Float32Array.from([7, ...numbers, 9]).subarray(1, 1 + length);
    tensors.push(gpu.tensor(bytes), gpu.tensor(words), gpu.tensor(floats));
    expected.push(numbers, numbers, numbers);
  }
  const read = await Promise.all(tensors.map((tensor) => tensor.read()));
  assertEquals(read.map((values) => [...values]), expected);
  assert(read[3] instanceof Uint8Array && read[4] instanceof Uint32Array);
  assert(read[5] instanceof Float32Array);
  tensors.forEach((tensor) => tensor.dispose());
});

Deno.test("tensors: shape and values must match", async () => {
  const gpu = await openGpu();
  const three = new Float32Array(3);
  const refuse = (shape: Shape, message: string) =>
    assertThrows(() => gpu.tensor(three, shape), ShapeError, message);
  refuse([2, 2], "gpu.tensor: shape [2, 2] needs 4 values, got 3");
  refuse([], "gpu.tensor: shape [] needs 1 values, got 3");
  refuse([-3], "dimensions must be whole numbers, 0 or more, got [-3]");
  refuse([1.5, 2], "dimensions must be whole numbers, 0 or more, got [1.5, 2]");
  refuse(3 as unknown as Shape, "expected an array of dimensions, got 3");
  assertThrows(() => gpu.zeros([2, -1]), ShapeError, "got [2, -1]");
});

Deno.test("tensors: reshape shares the memory and infers one dimension", async () => {
  const gpu = await openGpu();
  using x = gpu.tensor(new Float32Array([1, 2, 3, 4, 5, 6]), [2, 3]);
  const view = x.reshape([3, -1]);
  assertEquals(view.shape, [3, 2]);
  assertStrictEquals(view.storage, x.storage);
  assertEquals(x.reshape([-1]).shape, [6]);
  assertEquals(x.reshape([1, 6, 1]).shape, [1, 6, 1]);
  view.write(new Float32Array([6, 5, 4, 3, 2, 1]));
  assertEquals([...await x.read()], [6, 5, 4, 3, 2, 1]);
  for (const shape of [[4], [-1, -1], [4, -1], [7, -1], [0, -1], [-2, -3]]) {
    const { message } = assertThrows(() => x.reshape(shape), ShapeError);
    assertMatch(message, /Cannot reshape \[2, 3\] \(6 elements\) to \[/);
  }
  view.dispose();
  assert(x.storage.disposed, "views end with the tensor");
});

Deno.test("tensors: write checks type and length", async () => {
  const gpu = await openGpu();
  using x = gpu.zeros([2, 2]);
  const bytes = new Uint8Array(4) as unknown as Float32Array;
  assertThrows(() => x.write(bytes), GpuError, "expected a Float32Array for type f32");
  const { message } = assertThrows(() => x.write(new Float32Array(3)), ShapeError);
  assertMatch(message, /Cannot write 3 values into .* of shape \[2, 2\]: expected 4/);
  assertStrictEquals(x.write(new Float32Array([1, 2, 3, 4])), x);
  assertEquals([...await x.read()], [1, 2, 3, 4]);
});

Deno.test("work and writes happen in the order of the calls", async () => {
  const gpu = await openGpu();
  using x = gpu.tensor(new Float32Array([1]));
  // More launches than the ring of numbers has slots, none waited for.
  const results: Tensor[] = [];
  for (let i = 0; i < 200; i++) {
    x.write(new Float32Array([i]));
    results.push(scale(gpu, x, i + 1));
  }
  const values = await Promise.all(results.map((result) => result.read()));
  assertEquals(values.map((value) => value[0]), results.map((_, i) => i * (i + 1)));
  results.forEach((result) => result.dispose());
});

Deno.test("memory: every buffer is counted until it is disposed", async () => {
  const gpu = await openGpu();
  const before = gpu.memory;
  const x = gpu.zeros([1000]);
  const scalar = gpu.zeros([]);
  const empty = gpu.zeros([0, 5]);
  assertEquals(gpu.memory.buffers - before.buffers, 3);
  assertEquals(gpu.memory.bytes - before.bytes, 4000 + 16 + 16, "whole vectors of 16 bytes");
  const y = relu(gpu, x);
  await y.read();
  assertEquals(gpu.memory.bytes - before.bytes, 8032, "what a read needs is freed");
  assert(gpu.memory.peakBytes >= before.bytes + 8032);
  for (const tensor of [x, scalar, empty, y, x, y]) tensor.dispose(); // twice is harmless
  assertEquals([gpu.memory.buffers, gpu.memory.bytes], [before.buffers, before.bytes]);
});

Deno.test("memory: intermediate results of an operation are freed", async () => {
  const gpu = await openGpu();
  using a = gpu.zeros([2, 3000]);
  using b = gpu.zeros([3000, 2]);
  const before = gpu.memory.buffers;
  const plan = { family: "plain", parts: 3, chunk: 1000 } as const;
  matmul(gpu, a, b, { plan }).dispose();
  assertEquals(gpu.memory.buffers, before);
});

Deno.test("over a limit: refused before the GPU is asked, with bytes and limit; nothing leaks", async () => {
  const gpu = await openGpu();
  const before = gpu.memory;
  const limit = gpu.device.raw.limits.maxBufferSize;
  const length = Math.floor(limit / 4) + 4;
  const { message } = assertThrows(() => gpu.zeros([length]), OutOfMemoryError);
  assertMatch(message, new RegExp(`Cannot allocate \\d+ bytes for tensor \\[${length}\\]`));
  assertMatch(message, new RegExp(`the device allows ${limit} bytes a buffer`));
  assertThrows(
    () =>
      Program.record(gpu.device, "too large", (recorder) => {
        recorder.keep(recorder.empty([16]));
        recorder.keep(recorder.empty([length]));
      }),
    OutOfMemoryError,
    "result of too large",
  );
  assertEquals([gpu.memory.buffers, gpu.memory.bytes], [before.buffers, before.bytes]);
  using x = gpu.tensor(new Float32Array([3]));
  assertEquals([...await x.read()], [3], "the GPU stays usable");
});

Deno.test("a tensor over the limit of one binding is refused", async () => {
  await using gpu = await Gpu.open({ limits: { maxStorageBufferBindingSize: 256 } });
  const { message } = assertThrows(
    () => randomUniform(gpu, [65], { seed: 1 }),
    OutOfMemoryError,
  );
  assertMatch(message, /uniform \[65\]: tensor "y" has 260 bytes; the device binds 256 bytes/);
});

Deno.test("a disposed tensor is refused wherever it is used", async () => {
  const gpu = await openGpu();
  const before = gpu.memory.buffers;
  const x = gpu.tensor(new Float32Array([1, 2]));
  const view = x.reshape([2, 1]);
  x.dispose();
  await assertRejects(() => x.read(), GpuError, "tensor [2]: it was disposed");
  await assertRejects(() => view.read(), GpuError, "it was disposed");
  assertThrows(() => x.write(new Float32Array(2)), GpuError, "it was disposed");
  using y = gpu.zeros([2]);
  const launch = () => add(gpu, y, x).dispose();
  assertThrows(launch, GpuError, 'add [2]: tensor "b" (tensor [2]) was disposed');
  y.dispose();
  await gpu.synchronize();
  assert(gpu.memory.buffers - before <= 1);
});

Deno.test("a tensor of another GPU is refused", async () => {
  const gpu = await openGpu();
  await using other = await Gpu.open();
  using x = gpu.zeros([2]);
  using foreign = other.zeros([2]);
  using y = gpu.zeros([2]);
  const bad = { tensors: { a: x, b: foreign, y } };
  let dispatch: Parameters<Gpu["dispatch"]>[0] | undefined;
  const spy = Object.create(gpu, {
    dispatch: { value: (each: typeof dispatch) => dispatch = each },
  });
  add(spy, x, x).dispose();
  const { message } = assertThrows(() => gpu.dispatch({ ...dispatch!, ...bad }), GpuError);
  assertEquals(message, 'add [2]: tensor "b" belongs to another Gpu');
});

Deno.test("an error that nobody asked about is thrown, typed, by the next wait, and once", async () => {
  const gpu = await openGpu();
  using x = gpu.tensor(new Float32Array([5]));
  for (const wait of [() => x.read(), () => gpu.synchronize()]) {
    const encoder = gpu.device.raw.createCommandEncoder();
    const { buffer } = x.storage;
    encoder.copyBufferToBuffer(buffer, 0, buffer, 1024, 16); // beyond its end
    gpu.device.raw.queue.submit([encoder.finish()]);
    const error = await assertRejects(wait, GpuError);
    assertMatch(error.message, /^GPU: /);
    assertEquals([...await x.read()], [5]);
  }
});

Deno.test("an error reported by the driver as out of memory becomes an OutOfMemoryError", async () => {
  const gpu = await openGpu();
  using x = gpu.tensor(new Float32Array([5]));
  const error = new GPUOutOfMemoryError("no memory is left");
  gpu.device.raw.dispatchEvent(
    new GPUUncapturedErrorEvent("uncapturederror", { error, cancelable: true }),
  );
  await assertRejects(() => x.read(), OutOfMemoryError, "GPU: no memory is left");
  assertEquals([...await x.read()], [5]);
});

/** The promise's error, and how long it took to come. */
async function rejection(promise: Promise<unknown>): Promise<[unknown, number]> {
  const begin = performance.now();
  const error = await promise.then(() => undefined, (reason) => reason);
  return [error, performance.now() - begin];
}

Deno.test("disposing the GPU rejects what is pending within a second, and all calls after", async () => {
  const gpu = await Gpu.open();
  const x = gpu.zeros([1 << 20]);
  let y = x;
  for (let i = 0; i < 50; i++) y = relu(gpu, y);
  const pending = [y.read(), gpu.synchronize(), x.read()].map(rejection);
  gpu.dispose();
  gpu.dispose();
  for (const [error, milliseconds] of await Promise.all(pending)) {
    assert(error instanceof DeviceLostError, `${error}`);
    assertMatch(String(error), /The GPU was disposed; open a new one/);
    assert(milliseconds < 1000, `${milliseconds} ms`);
  }
  await assertRejects(() => x.read(), DeviceLostError);
  await assertRejects(() => gpu.synchronize(), DeviceLostError);
  assertThrows(() => gpu.zeros([1]), DeviceLostError);
  assertThrows(() => relu(gpu, x), DeviceLostError);
  assertThrows(() => x.write(new Float32Array(1 << 20)), DeviceLostError);
  assertThrows(() => Program.record(gpu.device, "late", () => {}), DeviceLostError);
  await gpu.close(); // harmless
});

Deno.test("a GPU that is lost by itself says so, in every call after", async () => {
  const gpu = await Gpu.open();
  const x = gpu.zeros([4]);
  const pending = rejection(x.read());
  gpu.device.raw.destroy(); // not through dispose: as if the driver did it
  await gpu.device.raw.lost;
  const [error, milliseconds] = await pending;
  assert(error === undefined || error instanceof DeviceLostError, `${error}`);
  assert(milliseconds < 1000);
  for (let i = 0; i < 2; i++) {
    await assertRejects(() => x.read(), DeviceLostError, "The GPU was lost (destroyed)");
    assertThrows(() => relu(gpu, x), DeviceLostError, "The GPU was lost");
  }
  gpu.dispose();
});

Deno.test("closing waits for submitted work and is harmless when repeated", async () => {
  const gpu = await Gpu.open();
  const x = gpu.zeros([1 << 16]);
  let y = x;
  for (let i = 0; i < 20; i++) y = relu(gpu, y);
  const pending = y.read();
  await gpu.close();
  await gpu.close();
  const [error] = await rejection(pending);
  assert(error === undefined || error instanceof DeviceLostError);
  await assertRejects(() => y.read(), DeviceLostError);
});
