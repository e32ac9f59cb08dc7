/**
 * Kernels: expansion of their text, what is read from it, compile errors, and folding of workgroups.
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
import { expand, type KernelParameters } from "../src/gpu/expand.ts";
import { foldWorkgroups, Kernel, KernelFamily } from "../src/gpu/kernel.ts";
import { openGpu } from "./gpu.ts";

const expanded = (text: string, parameters: KernelParameters = {}): string =>
  expand([{ name: "t.wgsl", text }], parameters).code;

function assertDirectiveError(text: string, message: RegExp, parameters = {}): void {
  const { message: actual } = assertThrows(() => expanded(text, parameters), GpuError);
  assertMatch(actual, message);
}

Deno.test("expand: for repeats lines, over a range and over words", () => {
  assertEquals(
    expanded("//# for i in 0..3\nx${i} = ${i}u;\n//# end"),
    "x0 = 0u;\nx1 = 1u;\nx2 = 2u;\n",
  );
  assertEquals(expanded("//# for c in x y\nv.${c};\n//# end\nlast"), "v.x;\nv.y;\nlast\n");
  assertEquals(expanded("//# for i in 1..N\n${i}\n//# end", { N: 3 }), "1\n2\n");
  assertEquals(expanded("a\n//# for i in 2..2\n${i}\n//# end\nb"), "a\nb\n");
  assertEquals(expanded("  //#  for  i in 0..1 \n${i}\n //#end"), "0\n", "spaces do not matter");
});

Deno.test("expand: for nests, and its variable is known in inner directives", () => {
  const text = "//# for i in 0..2\n//# for j in i..2\n${i}${j}\n//# end\n//# end";
  assertEquals(expanded(text), "00\n01\n11\n");
  const chosen =
    "//# for M in a b\n//# if VECTOR_${M}\n${M}: vec4f\n//# else\n${M}: f32\n//# end\n//# end";
  assertEquals(expanded(chosen, { VECTOR_a: true, VECTOR_b: false }), "a: vec4f\nb: f32\n");
});

Deno.test("expand: sums of products are computed", () => {
  const text = "//# for i in 0..2\nx[${i*STRIDE+1}] = ${2*i};\n//# end";
  assertEquals(expanded(text, { STRIDE: 8 }), "x[1] = 0;\nx[9] = 2;\n");
  assertEquals(expanded("${A+A*A+3}", { A: 5 }), "33\n");
  assertDirectiveError("${2*A}", /line 1: "A" is not a number but "rows"/, { A: "rows" });
  assertDirectiveError("a\n${B+1}", /line 2: unknown parameter "B"/);
});

Deno.test("expand: if chooses by flag, number, equality, and their opposites", () => {
  const yes = (condition: string, parameters: KernelParameters): boolean =>
    expanded(`//# if ${condition}\nyes\n//# else\nno\n//# end`, parameters) === "yes\n";
  assert(yes("A", { A: true }) && !yes("A", { A: false }));
  assert(yes("A", { A: 2 }) && !yes("A", { A: 0 }));
  assert(!yes("!A", { A: true }) && yes("!A", { A: 0 }));
  assert(yes("A == rows", { A: "rows" }) && !yes("A == rows", { A: "columns" }));
  assert(yes("A != 4", { A: 3 }) && !yes("A != 4", { A: 4 }));
  assertEquals(expanded("//# if A\nx\n//# end\ny", { A: false }), "y\n");
});

Deno.test("expand: what is not chosen is not looked at", () => {
  const text = "//# if A\n${UNKNOWN}\n//# if B\n//# for i in 0..N\n//# end\n//# end\n//# end\nrest";
  assertEquals(expanded(text, { A: false }), "rest\n");
});

Deno.test("expand: every line knows where it was written", () => {
  const { code, origins } = expand([
    { name: "a.wgsl", text: "first\n//# for i in 0..2\nrepeated\n//# end\n" },
    { name: "b.wgsl", text: "\nsecond" },
  ], {});
  assertEquals(code, "first\nrepeated\nrepeated\n\nsecond\n");
  assertEquals(origins.map(({ name, line }) => `${name}:${line}`), [
    "a.wgsl:1",
    "a.wgsl:3",
    "a.wgsl:3",
    "b.wgsl:1",
    "b.wgsl:2",
  ]);
});

Deno.test("expand: errors name the file, the line and what is wrong", () => {
  assertDirectiveError("a\n${N}", /t\.wgsl, line 2: unknown parameter "N"/);
  assertDirectiveError("//# for i in 0..N\n//# end", /line 1: unknown parameter "N"/);
  assertDirectiveError("a\nb\n//# if A\nc", /line 3: has no "\/\/# end"/, { A: true });
  assertDirectiveError("//# for i in 0..2\n//# if A\n//# end", /line 1: has no "\/\/# end"/, {
    A: 1,
  });
  assertDirectiveError("a\n//# end", /line 2: "\/\/# end" closes nothing/);
  assertDirectiveError("//# else", /line 1: "\/\/# else" closes nothing/);
  assertDirectiveError("//# for i in 0..2\n//# else\n//# end", /line 1: has no "\/\/# end"/);
  assertDirectiveError("a\n//# repeat 3\n//# end", /line 2: unknown directive "repeat"/);
  assertDirectiveError("//# for i from 0 to 2\n//# end", /line 1: expected "for NAME in RANGE"/);
  assertDirectiveError("//# if A > 2\n//# end", /line 1: cannot read the condition "A > 2"/);
  assertDirectiveError("//# if A\n//# end", /line 1: unknown parameter "A"/);
});

const TEXT = `struct Uniforms {
  length: u32, // a comment, with a comma
  factor: f32,
  shift: i32,
}
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<uniform> u: Uniforms;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < u.length) { y[id.x] = u.factor * x[id.x] + f32(u.shift); }
}`;

const kernel = (text: string): Kernel => new Kernel("test", [{ name: "test.wgsl", text }]);

Deno.test("Kernel reads its bindings and uniforms from the text", () => {
  const { bindings, uniforms, uniformIndex } = kernel(TEXT);
  assertEquals(bindings, [
    { name: "x", index: 0, access: "read", texture: false, half: false },
    { name: "y", index: 2, access: "read_write", texture: false, half: false },
  ]);
  assertEquals(uniforms, [
    { name: "length", type: "u32" },
    { name: "factor", type: "f32" },
    { name: "shift", type: "i32" },
  ]);
  assertEquals(uniformIndex, 1);
});

Deno.test("Kernel refuses declarations that it cannot read", () => {
  const refuse = (from: string, to: string, message: RegExp) => {
    assert(TEXT.includes(from));
    const { message: actual } = assertThrows(() => kernel(TEXT.replace(from, to)), GpuError);
    assertMatch(actual, message);
  };
  refuse("var<storage, read> x", "var<storage> x", /test: expected "@group\(0\) @binding\(i\)/);
  refuse("@group(0) @binding(0)", "@group(1) @binding(0)", /test: expected "@group\(0\)/);
  refuse("factor: f32", "factor: vec4f", /test: uniform "factor: vec4f" must be "name: u32"/);
  refuse("var<uniform> u: Uniforms", "var<private> u: Uniforms", /must come together/);
  refuse("struct Uniforms", "struct Numbers", /must come together/);
});

Deno.test("KernelFamily makes every variant once, named by its parameters", () => {
  const family = new KernelFamily("family", [{ name: "test.wgsl", text: TEXT }]);
  const first = family.variant({ A: 1, B: "x" }, { SIZE: 4 });
  assertStrictEquals(family.variant({ A: 1, B: "x" }, { SIZE: 4 }), first);
  assert(family.variant({ A: 1, B: "y" }, { SIZE: 4 }) !== first);
  assert(family.variant({ A: 1, B: "x" }, { SIZE: 5 }) !== first);
  assertEquals(first.name, "family(A=1 B=x SIZE=4)");
  assertEquals(family.variant().name, "family");
});

Deno.test("override constants reach the kernel", async () => {
  const gpu = await openGpu();
  const text =
    "override SIZE: u32 = 1u;\n@group(0) @binding(0) var<storage, read_write> y: array<u32>;\n" +
    "@compute @workgroup_size(1) fn main() { y[0] = SIZE; }";
  for (const SIZE of [4, 9]) {
    using y = gpu.zeros([1], "u32");
    const constant = new Kernel("constant", [{ name: "constant.wgsl", text }], {}, { SIZE });
    gpu.dispatch({ label: "constant", kernel: constant, tensors: { y }, workgroups: 1 });
    assertEquals([...await y.read()], [SIZE]);
  }
});

Deno.test("a kernel that does not compile is named with file, line, column and source at the next wait", async () => {
  const gpu = await openGpu();
  const sources = [
    { name: "functions.wgsl", text: "fn twice(x: f32) -> f32 {\n  return 2.0 * x;\n}" },
    {
      name: "broken.wgsl",
      text: "//# for i in 0..3\nconst C${i} = ${i};\n//# end\n" +
        "@group(0) @binding(0) var<storage, read_write> y: array<f32>;\n" +
        "@compute @workgroup_size(1) fn main() {\n  y[0] = twice(unknown_name);\n}",
    },
  ];
  const waits = [() => gpu.synchronize(), (y: { read(): Promise<unknown> }) => y.read()];
  for (const [i, wait] of waits.entries()) {
    using y = gpu.zeros([1]);
    const broken = new Kernel(`broken${i}`, sources);
    gpu.dispatch({ label: "broken", kernel: broken, tensors: { y }, workgroups: 1 });
    const error = await assertRejects(() => wait(y), GpuError);
    assertMatch(error.message, new RegExp(`Cannot compile kernel broken${i}:`));
    assertMatch(error.message, /broken\.wgsl, line 6, column 16: .*unknown_name/);
    assertMatch(error.message, / {2}y\[0\] = twice\(unknown_name\);\n +\^/);
    await gpu.synchronize().catch(() => {}); // what followed from it
    await gpu.synchronize(); // the GPU is usable
  }
});

Deno.test("foldWorkgroups covers the count with the fewest superfluous workgroups", () => {
  const counts = [
    0,
    1,
    2,
    65_535,
    65_536,
    65_537,
    131_070,
    131_071,
    1_000_003,
    65_535 ** 2 - 1,
    65_535 ** 2,
  ];
  for (const count of counts) {
    const [x, y] = foldWorkgroups(count);
    assert(x <= 65_535 && y <= 65_535 && y >= 1, `${count}: ${x}, ${y}`);
    assert(x * y >= count && x * y - count < y, `${count}: ${x} · ${y}`);
  }
  assertEquals(foldWorkgroups(65_535), [65_535, 1]);
  const { message } = assertThrows(() => foldWorkgroups(65_535 ** 2 + 1), GpuError);
  assertMatch(message, /Cannot dispatch 4294836226 workgroups/);
});
