import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { gunzip, isGzip, parseIdx } from "../src/data/idx.ts";
import { FormatError } from "../src/errors.ts";
import { sizeOf } from "../src/shape.ts";
import { checkMutants } from "./mutants.ts";
import { gzip } from "./gzip.ts";

/** An IDX file of unsigned bytes. */
function idx(shape: number[], data: Iterable<number>, type = 8): Uint8Array {
  const dimensions = shape.flatMap((d) => [d >>> 24, d >>> 16 & 255, d >>> 8 & 255, d & 255]);
  return new Uint8Array([0, 0, type, shape.length, ...dimensions, ...data]);
}

function withTrailer(bytes: Uint8Array, length: number): Uint8Array {
  const copy = bytes.slice();
  new DataView(copy.buffer).setUint32(copy.length - 4, length, true);
  return copy;
}

Deno.test("parseIdx reads ranks 1 to 4 and gives a view", () => {
  for (const shape of [[5], [2, 3], [2, 3, 4], [2, 1, 3, 2], [0], [3, 0]]) {
    const values = Array.from({ length: sizeOf(shape) }, (_, i) => i * 7 + 1);
    const bytes = idx(shape, values);
    const file = parseIdx(bytes, "a");
    assertEquals(file.shape, shape);
    assertEquals([...file.data], values);
    assertStrictEquals(file.data.buffer, bytes.buffer);
  }
});

Deno.test("parseIdx reads from the middle of a buffer", () => {
  const bytes = idx([2], [8, 9]);
  const larger = new Uint8Array([1, 2, 3, ...bytes, 4]);
  assertEquals([...parseIdx(larger.subarray(3, 3 + bytes.length), "a").data], [8, 9]);
});

Deno.test("parseIdx names the file, the offset and what it expected", () => {
  const cases: [Uint8Array, string][] = [
    [new Uint8Array(), "f: at byte 0: expected an IDX header of at least 4 bytes, got 0 bytes"],
    [new Uint8Array([0, 1, 8, 1]), "f: at byte 0: expected the IDX magic 00 00, got 00 01"],
    [idx([1], [0], 0x0d), "f: at byte 2: expected IDX type 08 (unsigned bytes), got 0d"],
    [idx([], [0]), "f: at byte 3: expected a rank of 1 to 4, got 0"],
    [idx([1, 1, 1, 1, 1], [0]), "f: at byte 3: expected a rank of 1 to 4, got 5"],
    [idx([1, 1], []).slice(0, 9), "f: at byte 4: expected 2 dimensions of 4 bytes each, got 5"],
    [idx([2, 2], [1, 2, 3]), "f: at byte 12: expected 4 values (2 × 2), got 3 bytes"],
    [idx([2], [1, 2, 3]), "f: at byte 8: expected 2 values (2), got 3 bytes"],
    // The product is 2¹²⁸ − …, far more than a double holds exactly, or 2³² · 2³² ≡ 0 in 64 bits.
    [idx([2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], []), "f: at byte 20: expected 3.4"],
    [idx([2 ** 31, 2 ** 31, 4], []), "f: at byte 16: expected 18446744073709552000 values"],
  ];
  for (const [bytes, message] of cases) {
    assertThrows(() => parseIdx(bytes, "f"), FormatError, message);
  }
});

Deno.test("parseIdx: 10,000 mutants parse or are rejected", async () => {
  const original = idx([3, 4, 5], Array.from({ length: 60 }, (_, i) => i));
  await checkMutants(original, (bytes) => {
    const { shape, data } = parseIdx(bytes, "mutant");
    assertEquals(data.length, sizeOf(shape));
  });
});

Deno.test("gunzip unpacks what gzip packed, of any length", async () => {
  for (const length of [0, 1, 1000, 300_000]) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * i) >>> 3);
    const packed = await gzip(bytes);
    assert(isGzip(packed));
    assertEquals(await gunzip(packed, "a.gz", length), bytes);
  }
  assert(!isGzip(new Uint8Array([0, 0, 8, 3])) && !isGzip(new Uint8Array([0x1f])));
});

Deno.test("gunzip reports damage with the name of the file", async () => {
  const packed = await gzip(Uint8Array.from({ length: 5000 }, (_, i) => (i * i) >>> 3));
  const rejects = async (bytes: Uint8Array, message: string, limit = 10_000): Promise<void> => {
    await assertRejects(() => gunzip(bytes, "a.gz", limit), FormatError, message);
  };
  await rejects(new Uint8Array([1, 2, 3]), "a.gz: at byte 0: expected the gzip magic 1f 8b");
  await rejects(packed.slice(0, 17), "a.gz: at byte 0: expected the gzip magic");
  const middle = packed.slice();
  middle[packed.length >> 1]! ^= 0x10;
  await rejects(middle, "a.gz: at byte 0: expected a whole gzip stream");
  const checksum = packed.slice();
  checksum[packed.length - 8]! ^= 1;
  await rejects(checksum, "a.gz: at byte 0: expected a whole gzip stream");
  await rejects(new Uint8Array([...packed, ...packed]), "a.gz: at byte 0");
  await rejects(packed, "expected an unpacked length of at most 4999, got 5000", 4999);
});

Deno.test("gunzip takes no memory that the file cannot fill", async () => {
  const zeros = await gzip(new Uint8Array(3_000_000));
  // A file that says 2³² − 1 bytes is refused for its own length, whatever the limit.
  const small = await gzip(new Uint8Array(10));
  await assertRejects(
    () => gunzip(withTrailer(small, 2 ** 32 - 1), "a.gz", Infinity),
    FormatError,
    `at byte ${small.length - 4}: expected an unpacked length of at most ${small.length * 1032}`,
  );
  // A file that says less than it holds is stopped on the way.
  await assertRejects(
    () => gunzip(withTrailer(zeros, 100), "a.gz", 1000),
    FormatError,
    "expected 100 unpacked bytes, as stated here, got more",
  );
});

Deno.test("gunzip: 10,000 mutants unpack or are rejected", async () => {
  const original = await gzip(Uint8Array.from({ length: 400 }, (_, i) => (i * i) >>> 5));
  await checkMutants(original, (bytes) => gunzip(bytes, "mutant", 1e6));
});
