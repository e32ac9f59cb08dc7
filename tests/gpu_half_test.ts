/**
 * Kernels over 16-bit floats, made from the text of those over 32-bit floats, and tensors that hold them.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStrictEquals, assertThrows } from "@std/assert";
import { GpuError } from "../src/errors.ts";
import { storeHalf } from "../src/gpu/half.ts";
import { Kernel } from "../src/gpu/kernel.ts";
import { Tensor } from "../src/gpu/tensor.ts";
import { cast } from "../src/ops/cast.ts";
import { conv2d, conv2dInputGradient, conv2dWeightGradient } from "../src/ops/convolution.ts";
import { matmul } from "../src/ops/matmul.ts";
import { openGpu, withoutFloat16 } from "./gpu.ts";

const A = "@group(0) @binding(0) var<storage, read> a: array<f32>;\n";
const Y = "@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;\n";

/** What becomes of a statement if a and y hold 16 bits. */
const statement = (text: string): string =>
  storeHalf(A + Y + text, ["a", "y"], "t").split("\n").slice(2).join("\n");

Deno.test("storeHalf: declarations, with aliases and long names of types", () => {
  assertEquals(
    storeHalf(A + Y, ["y"], "t"),
    "enable f16; " + A + Y.replace("vec4f", "vec4<f16>"),
  );
  const alias = "alias Element = vec2<f32>;\n" + A.replace("f32", "Element");
  assertEquals(storeHalf(alias, ["a"], "t").split("array")[1], "<vec2<f16>>;\n");
});

Deno.test("storeHalf: loads are widened, stores rounded, everything else stays", () => {
  assertEquals(statement("let b = a[i + 1u];"), "let b = f32(a[i + 1u]);");
  assertEquals(
    statement("let b = a[j[i]] * a[u32(a[0])];"),
    "let b = f32(a[j[i]]) * f32(a[u32(f32(a[0]))]);",
  );
  assertEquals(statement("y[i] = y[i + 1u];"), "y[i] = vec4<f16>(vec4f(y[i + 1u]));");
  assertEquals(statement("y[i] += x;"), "y[i] = vec4<f16>(vec4f(y[i]) + (x));");
  assertEquals(statement("let b = y[i].x == a[i];"), "let b = vec4f(y[i]).x == f32(a[i]);");
  assertEquals(
    statement("y[i] = vec4f(\n  f(a[0]), // a[1];\n  1.0,\n);"),
    "y[i] = vec4<f16>(vec4f(\n  f(f32(a[0])), // a[1];\n  1.0,\n));",
  );
  for (const same of ["// y[i] = a[i];", "let ya[i] = u.a[i] + aa[i];", "b[i] = a;"]) {
    assertEquals(statement(same), same);
  }
});

Deno.test("storeHalf: refuses what it cannot do", () => {
  const refuse = (text: string, names: string[], message: RegExp) => {
    assertMatch(assertThrows(() => storeHalf(text, names, "t"), GpuError).message, message);
  };
  refuse(A.replace("f32", "u32"), ["a"], /^Kernel t: "a" cannot hold 16-bit floats/);
  refuse(A, ["b"], /^Kernel t: "b" cannot hold/);
  refuse(Y + "y[i].x = 1.0;", ["y"], /^Kernel t: stores a component of "y"/);
  refuse(Y + "y[i][j] += 1.0;", ["y"], /^Kernel t: stores a component of "y"/);
});

Deno.test("Kernel.withHalf: one kernel for each choice, whose lines are where they were", () => {
  const text = `// first\n//# for i in 0..2\n//# end\n${A}${Y}fn main() {}`;
  const kernel = new Kernel("t", [{ name: "t.wgsl", text }]);
  const half = kernel.withHalf(["y"]);
  assertStrictEquals(kernel.withHalf(["y"]), half);
  assertStrictEquals(half.withHalf(["y"]), half);
  assertStrictEquals(kernel.withHalf([]), kernel);
  assertEquals(half.name, "t(half=y)");
  assertEquals(half.bindings.map((binding) => binding.half), [false, true]);
  assertEquals(half.withHalf(["a", "y"]).bindings.map((binding) => binding.half), [true, true]);
  assertEquals(half.origins, kernel.origins);
  assertEquals(half.code.split("\n").length, kernel.code.split("\n").length);
});

Deno.test("tensors of 16 bits: written and read as 32 bits, in half the memory", async () => {
  const gpu = await openGpu();
  for (let length = 0; length <= 9; length++) {
    const values = Float32Array.from([7, ...Array(length).keys(), 9], (value) => value / 3);
    using tensor = gpu.empty([length], "f16").write(values.subarray(1, 1 + length));
    const expected = new Float32Array(new Float16Array(values.subarray(1, 1 + length)));
    assertEquals(tensor.bytes, 2 * length);
    assertEquals(await tensor.read(), expected);
  }
});

Deno.test("results have the type of the first argument, gradients to weights 32 bits", async () => {
  const gpu = await openGpu();
  const types = ["f16", "f32"] as const;
  for (const type of types) {
    using x = gpu.zeros([2, 1, 4, 4], type);
    using weight = gpu.zeros([3, 1, 2, 2], "f32");
    using y = conv2d(gpu, x, weight);
    using dx = conv2dInputGradient(gpu, y, weight, { inputShape: x.shape });
    const { dw, db } = conv2dWeightGradient(gpu, x, y, { weightShape: weight.shape });
    using a = gpu.zeros([2, 3], type);
    using b = gpu.zeros([3, 4]);
    using product = matmul(gpu, a, b);
    assertEquals([y.type, dx.type, dw.type, db.type, product.type], [
      type,
      type,
      "f32",
      "f32",
      type,
    ]);
    for (const tensor of [dw, db]) tensor.dispose();
    assertStrictEquals(cast(gpu, x, type), x, "nothing to do");
  }
});

Deno.test("an adapter without 16-bit floats: the error names the feature", async () => {
  const gpu = await openGpu();
  using x = gpu.zeros([4]);
  const old = withoutFloat16(gpu);
  const error = assertThrows(() => new Tensor(old.device, x.storage, [4], "f16"), GpuError);
  assertMatch(
    error.message,
    /: 16-bit floats need the feature shader-f16, which the adapter "old card" does not have$/,
  );
  assert(new Tensor(old.device, x.storage, [4], "f32").size === 4);
});
