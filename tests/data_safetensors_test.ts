import { assert, assertEquals, assertNotStrictEquals, assertThrows } from "@std/assert";
import { encodeSafetensors, parseSafetensors } from "../src/data/safetensors.ts";
import { FormatError, OptionError, ShapeError } from "../src/errors.ts";
import { sizeOf } from "../src/shape.ts";
import { checkMutants } from "./mutants.ts";

/** A file with this header, as text, and these data. */
function file(header: string, data: ArrayLike<number> = []): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

const entry = (dtype: string, shape: string, begin: number, end: number): string =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`;

Deno.test("encodeSafetensors writes exactly the format", () => {
  const bytes = encodeSafetensors(
    new Map([["b", { shape: [2], data: new Float32Array([1, -2]) }]]),
    { k: "v" },
  );
  const header = '{"__metadata__":{"k":"v"},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    .padEnd(80);
  assertEquals(bytes, file(header, [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]));
});

Deno.test("safetensors round trip: bits, order, names, empty and scalar tensors", () => {
  const odd = new Float32Array([NaN, -0, Infinity, 2 ** -149, 3.4e38, 1]);
  new Uint32Array(odd.buffer)[0] = 0x7fc12345; // a NaN with a payload
  const tensors = new Map([
    ["10.weight", { shape: [2, 3], data: odd }],
    ["2", { shape: [], data: new Float32Array([7]) }],
    ["__proto__", { shape: [0, 4], data: new Float32Array() }],
    ['ä"\\\n', { shape: [1, 1, 1], data: odd.subarray(5) }],
    ["1", { shape: [3], data: odd.subarray(1, 4) }],
  ]);
  const metadata = JSON.parse('{"__proto__":"x","":"ü","2":"two"}');
  const bytes = encodeSafetensors(tensors, metadata);
  assertEquals(new DataView(bytes.buffer).getUint32(0, true) % 8, 0);
  const parsed = parseSafetensors(bytes, "a");
  assertEquals([...parsed.tensors.keys()].toSorted(), [...tensors.keys()].toSorted());
  const filled = [...parsed.tensors.keys()].filter((name) => name !== "__proto__");
  assertEquals(filled, ["10.weight", "2", 'ä"\\\n', "1"]);
  for (const [name, { shape, data }] of tensors) {
    const tensor = parsed.tensors.get(name)!;
    assertEquals([tensor.dtype, tensor.shape], ["F32", shape]);
    assertEquals(bytesOf(tensor.data), bytesOf(data));
    assertNotStrictEquals(tensor.data.buffer, bytes.buffer);
  }
  assertEquals(Object.entries(parsed.metadata), Object.entries(metadata));
  assertEquals(encodeSafetensors(new Map()).length, 16);
  assertEquals(parseSafetensors(encodeSafetensors(new Map()), "a"), {
    tensors: new Map(),
    metadata: {},
  });
});

Deno.test("parseSafetensors converts F64, F16 and BF16", () => {
  const halves = [
    0,
    0x8000,
    0x3c00,
    0xc000,
    0x7bff,
    0x0400,
    0x0001,
    0x03ff,
    0x7c00,
    0xfc00,
    0x7e00,
  ];
  const ofHalves = [
    0,
    -0,
    1,
    -2,
    65504,
    2 ** -14,
    2 ** -24,
    1023 * 2 ** -24,
    Infinity,
    -Infinity,
    NaN,
  ];
  const brains = [0x3f80, 0xbfc0, 0x0001, 0x7f80, 0x7fc0];
  const ofBrains = [1, -1.5, 2 ** -133, Infinity, NaN];
  const doubles = [1 / 3, -1e300, 2 ** -150 * 1.5, 5];
  const ofDoubles = doubles.map(Math.fround);
  const data = new Uint8Array([
    ...bytesOf(new Uint16Array(halves)),
    ...bytesOf(new Uint16Array(brains)),
    ...bytesOf(new Float64Array(doubles)),
  ]);
  const [a, b, c] = [22, 32, 64];
  const header = `{"c":${entry("F64", "[2,2]", b, c)},"a":${entry("F16", "[11]", 0, a)},` +
    `"b":${entry("BF16", "[5]", a, b)}}`;
  const { tensors } = parseSafetensors(file(header, data), "a");
  assertEquals([...tensors.keys()], ["a", "b", "c"]);
  assertEquals([...tensors.get("a")!.data], ofHalves);
  assertEquals([...tensors.get("b")!.data], ofBrains);
  assertEquals([...tensors.get("c")!.data], ofDoubles);
});

Deno.test("parseSafetensors reads the counters that PyTorch saves", () => {
  const counts = bytesOf(new BigInt64Array([1000n, -7n, 0n]));
  const header = `{"3.num_batches_tracked":${entry("I64", "[]", 0, 8)},"b":${
    entry("I64", "[2]", 8, 24)
  }}`;
  const { tensors } = parseSafetensors(file(header, counts), "a");
  assertEquals([...tensors].map(([name, { shape, data }]) => [name, shape, [...data]]), [
    ["3.num_batches_tracked", [], [1000]],
    ["b", [2], [-7, 0]],
  ]);
});

Deno.test("parseSafetensors widens every F16 as the platform does", () => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const bytes = file(`{"a":${entry("F16", "[65536]", 0, 131072)}}`, bytesOf(all));
  assertEquals(
    parseSafetensors(bytes, "a").tensors.get("a")!.data,
    Float32Array.from(new Float16Array(all.buffer)),
  );
});

Deno.test("parseSafetensors says what is wrong, and where", () => {
  const f32 = (shape: string, begin: number, end: number): string =>
    entry("F32", shape, begin, end);
  const four = [1, 2, 3, 4];
  const huge = file("{}");
  new DataView(huge.buffer).setBigUint64(0, 2n ** 64n - 1n, true);
  const beyond = file("{}");
  beyond[0] = 3;
  const cases: [Uint8Array, string][] = [
    [new Uint8Array(7), "f: at byte 0: expected the header's length in 8 bytes, got 7 bytes"],
    [huge, "f: at byte 0: expected a header of at most the file's other 2 bytes, got 1844674407"],
    [beyond, "f: at byte 0: expected a header of at most the file's other 2 bytes, got 3"],
    [file(""), "f: at byte 8: expected a header that begins with {, got an empty header"],
    [file(" {}"), "f: at byte 8: expected a header that begins with {, got byte 32"],
    [file("{"), "f: at byte 8: expected a header of JSON in UTF-8, got "],
    [file("{}x"), "f: at byte 8: expected a header of JSON in UTF-8, got "],
    [
      new Uint8Array([...file('{"é":1}').subarray(0, 10), 0xff, 0x22, 0x3a, 0x31, 0x7d, 0x20]),
      "UTF",
    ],
    [file('{"é":1,"a":1,"a":2}'), 'f: at byte 22: expected each name once, got "a" again'],
    [file(String.raw`{"a":1,"\u0061":2}`), 'expected each name once, got "a" again'],
    [file('{"a":{"dtype":"F32","dtype":"F16"}}'), 'expected each name once, got "dtype" again'],
    [file('{"__metadata__":[]}'), "expected __metadata__ of texts by key, got a list of 0"],
    [file('{"__metadata__":{"a":1}}'), "expected __metadata__ of texts by key, got a value that"],
    [file('{"a":null}'), 'expected the entry of tensor "a" to be an object, got null'],
    [file('{"a":{}}'), 'dtype of tensor "a" to be one of F32, F64, F16, BF16, I64, got undefined'],
    [file(`{"a":${entry("I32", "[]", 0, 4)}}`, four), 'I64, got "I32"'],
    [file(`{"a":${entry("toString", "[]", 0, 4)}}`, four), 'I64, got "toString"'],
    [
      file(`{"a":${f32("[1.5]", 0, 4)}}`, four),
      'shape of tensor "a" to be a list of whole numbers',
    ],
    [file(`{"a":${f32("[-1]", 0, 4)}}`, four), 'shape of tensor "a" to be a list of whole numbers'],
    [file(`{"a":${f32("[1e300]", 0, 4)}}`, four), 'shape of tensor "a" to be a list of whole'],
    [file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}'), "to be two whole numbers"],
    [
      file(`{"a":${f32("[1]", 4, 0)}}`, four),
      "in order and at most 4, the bytes of data, got [4, 0]",
    ],
    [
      file(`{"a":${f32("[2]", 0, 8)}}`, four),
      "in order and at most 4, the bytes of data, got [0, 8]",
    ],
    [file(`{"a":${f32("[2]", 0, 4)}}`, four), "8 bytes apart, as dtype and shape say, got [0, 4]"],
    // 2³² · 2³² · 4 wraps to 0 in 64 bits, and 2⁶² · 4 does too.
    [
      file(`{"a":${f32("[4294967296,4294967296]", 0, 0)}}`),
      "to be 73786976294838210000 bytes apart",
    ],
    [
      file(`{"a":${f32("[1]", 0, 4)},"b":${f32("[1]", 8, 12)}}`, new Uint8Array(12)),
      'at byte 120: expected tensors without gaps or overlaps, "b" to begin at data offset 4, got 8',
    ],
    [
      file(`{"a":${f32("[2]", 0, 8)},"b":${f32("[1]", 4, 8)}}`, new Uint8Array(8)),
      'tensors without gaps or overlaps, "b" to begin at data offset 8, got 4',
    ],
    [
      file(`{"a":${f32("[1]", 0, 4)}}`, [...four, 9]),
      "expected the end of the file, got 1 more bytes",
    ],
    [file("{}", [1]), "f: at byte 10: expected the end of the file, got 1 more bytes"],
  ];
  for (const [bytes, message] of cases) {
    const error = assertThrows(() => parseSafetensors(bytes, "f"), FormatError);
    assert(error.message.includes(message), `${error.message}\n  should include\n${message}`);
  }
});

Deno.test("parseSafetensors takes tensors in any order, and empty ones between them", () => {
  const header = `{"d":${entry("F32", "[0]", 8, 8)},"c":${entry("F32", "[1]", 4, 8)},` +
    `"b":${entry("F32", "[2,0]", 4, 4)},"a":${entry("F32", "[]", 0, 4)}}`;
  const { tensors } = parseSafetensors(file(header, [0, 0, 0x80, 0x3f, 0, 0, 0, 0x40]), "f");
  assertEquals([...tensors].map(([name, { data }]) => [name, ...data]), [
    ["a", 1],
    ["b"],
    ["c", 2],
    ["d"],
  ]);
});

Deno.test("parseSafetensors survives deep nesting and long names", () => {
  const depth = 200_000;
  const nested = file(`{"a":{"dtype":${"[".repeat(depth)}${"]".repeat(depth)}}}`);
  assertThrows(() => parseSafetensors(nested, "f"), FormatError, "got a list of 1");
  const name = "x".repeat(3_000_000);
  const error = assertThrows(() => parseSafetensors(file(`{"${name}":1}`), "f"), FormatError);
  assert(error.message.length < 300);
});

Deno.test("encodeSafetensors refuses what it could not read back", () => {
  const data = new Float32Array(3);
  assertThrows(
    () => encodeSafetensors(new Map([["a", { shape: [2, 2], data }]])),
    ShapeError,
    'Cannot save tensor "a": shape [2, 2] has 4 values, but there are 3',
  );
  assertThrows(() => encodeSafetensors(new Map([["a", { shape: [-1, -3], data }]])), ShapeError);
  assertThrows(
    () => encodeSafetensors(new Map([["__metadata__", { shape: [3], data }]])),
    OptionError,
    "__metadata__",
  );
  const metadata = { step: 3 } as unknown as Record<string, string>;
  assertThrows(() => encodeSafetensors(new Map(), metadata), OptionError, '"step"');
});

Deno.test("parseSafetensors: 10,000 mutants parse or are rejected", async () => {
  const original = encodeSafetensors(
    new Map([
      ["0.weight", { shape: [3, 2], data: new Float32Array([1, 2, 3, 4, 5, 6]) }],
      ["0.bias", { shape: [3], data: new Float32Array(3) }],
      ["scale", { shape: [], data: new Float32Array(1) }],
    ]),
    { format: "pt", step: "12" },
  );
  await checkMutants(original, (bytes) => {
    const { tensors, metadata } = parseSafetensors(bytes, "mutant");
    for (const { shape, data } of tensors.values()) assertEquals(data.length, sizeOf(shape));
    for (const text of Object.values(metadata)) assertEquals(typeof text, "string");
  });
});
