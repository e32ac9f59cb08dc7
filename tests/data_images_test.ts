import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { loadImage, saveImage } from "../src/data/image_files.ts";
import type { Image } from "../src/data/image_planes.ts";
import { encodePng, isPng, parsePng } from "../src/data/png.ts";
import { encodePpm, isPpm, parsePpm } from "../src/data/ppm.ts";
import { FormatError, OptionError, ShapeError } from "../src/errors.ts";
import { Random } from "../src/random.ts";
import { sizeOf } from "../src/shape.ts";
import FIXTURES from "./fixtures/png.json" with { type: "json" };
import { withFolder } from "./folder.ts";
import { checkMutants } from "./mutants.ts";

/** An image of random bytes, some of its rows smooth. */
function noise(shape: Image["shape"], seed = 1): Image {
  const random = new Random(seed);
  const data = Uint8Array.from(
    { length: sizeOf(shape) },
    (_, i) => random.integer(2) === 0 ? i : random.integer(256),
  );
  return { shape, data };
}

/** The image of tools/golden_png.py. */
function golden(channels: number): Image {
  const data = Uint8Array.from({ length: channels * 63 }, (_, at) => {
    const [c, i, j] = [Math.floor(at / 63), Math.floor(at / 9) % 7, at % 9];
    return 90 * c + 23 * i + 7 * j * j + i * j;
  });
  return { shape: [channels, 7, 9], data };
}

const fixture = (channels: number): Uint8Array =>
  Uint8Array.fromBase64(FIXTURES[`${channels}` as keyof typeof FIXTURES]);

/** CRC-32, bit by bit. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  }
  return ~crc >>> 0;
}

/** A chunk with the right checksum. */
function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set([...new TextEncoder().encode(type), ...data], 4);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

/** A file of these chunks. */
function png(...chunks: [type: string, data: Uint8Array][]): Uint8Array {
  const parts = chunks.map(([type, data]) => [...chunk(type, data)]);
  return Uint8Array.from([...fixture(1).subarray(0, 8), ...parts.flat()]);
}

async function deflate(bytes: Iterable<number>): Promise<Uint8Array> {
  const stream = new Blob([Uint8Array.from(bytes)]).stream()
    .pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Width, height, depth, colour type, compression, filter, interlace. */
function header(width: number, height: number, ...rest: number[]): Uint8Array {
  const bytes = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0]);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  bytes.set(rest, 8);
  return bytes;
}

Deno.test("parsePng reads what Python's zlib packed: every colour type, every filter, two parts", async () => {
  for (const channels of [1, 2, 3, 4]) {
    assertEquals(await parsePng(fixture(channels), "a.png"), golden(channels));
  }
});

Deno.test("encodePng and parsePng: there and back, from one pixel to many", async () => {
  for (const channels of [1, 2, 3, 4]) {
    for (const [height, width] of [[1, 1], [1, 50], [37, 1], [64, 65]] as const) {
      const image = noise([channels, height, width]);
      const before = image.data.slice();
      const bytes = await encodePng(image);
      assert(isPng(bytes) && !isPpm(bytes));
      const larger = new Uint8Array([1, 2, 3, ...bytes, 4]);
      assertEquals(await parsePng(larger.subarray(3, 3 + bytes.length), "a.png"), image);
      assertEquals(image.data, before);
    }
  }
  const smooth = {
    shape: [1, 100, 100] as const,
    data: new Uint8Array(10_000).map((_, i) => i % 100),
  };
  assert((await encodePng(smooth)).length < 500, "rows are filtered before they are packed");
});

Deno.test("floats are scaled and cut; NaN and wrong shapes are refused", async () => {
  const data = new Float32Array([0, 1, 0.5, -3, 7, 1 / 255]);
  const image = { shape: [1, 2, 3], data };
  const expected = [0, 255, 128, 0, 255, 1];
  assertEquals([...(await parsePng(await encodePng(image), "a")).data], expected);
  assertEquals([...parsePpm(encodePpm(image), "a").data], expected);
  for (
    const encode of [encodePng, (source: typeof image) => Promise.resolve(source).then(encodePpm)]
  ) {
    const wrong = (shape: number[], message: string) =>
      assertRejects(() => encode({ shape, data }), ShapeError, message);
    await wrong([2, 3], "shape: expected [c, h, w] with 1, ");
    await wrong([5, 1, 1], "channels, got [5, 1, 1]");
    await wrong([1, 0, 3], "got [1, 0, 3]");
    await wrong([1, 2, 4], "data: expected 8 values for shape [1, 2, 4], got 6");
    const broken = { ...image, data: new Float32Array([0, 0, NaN, 0, 0, 0]) };
    await assertRejects(() => encode(broken), OptionError, "data[2]: expected a number, got NaN");
  }
  assertThrows(() => encodePpm({ shape: [4, 1, 1], data: new Uint8Array(4) }), ShapeError, "1, 3");
});

Deno.test("parsePng names the file, the offset and what was expected", async () => {
  const pixels = await deflate([0, 1, 2, 0, 3, 4]); // 2 × 2
  const good = [["IHDR", header(2, 2)], ["IDAT", pixels], ["IEND", new Uint8Array()]] as [
    string,
    Uint8Array,
  ][];
  assertEquals([...(await parsePng(png(...good), "a")).data], [1, 2, 3, 4]);
  const [ihdr, idat, iend] = good as [typeof good[0], typeof good[0], typeof good[0]];
  const text: typeof ihdr = ["tEXt", new Uint8Array(3)];
  const damaged = png(...good);
  damaged[16]! ^= 1; // the width: its checksum is wrong now
  const cases: [Uint8Array, string][] = [
    [new Uint8Array(), "a: at byte 0: expected the signature of PNG, got something else"],
    [fixture(1).subarray(0, 8), "a: at byte 8: expected a chunk of at least 12 bytes, got 0 bytes"],
    [fixture(1).subarray(0, 30), "a: at byte 8: expected a chunk of at most 10 bytes, got 13"],
    [damaged, "a: at byte 29: expected the checksum "],
    [png(["IH#R", header(1, 1)]), 'a: at byte 12: expected four letters, got "IH#R"'],
    [png(idat), "a: at byte 8: expected IHDR first, got IDAT"],
    [png(ihdr, ihdr), "a: at byte 33: expected one IHDR, got IHDR"],
    [png(["IHDR", new Uint8Array(12)]), "a: at byte 16: expected IHDR of 13 bytes, got 12"],
    [png(["IHDR", header(0, 1)]), "a: at byte 16: expected a width of 1 to 2147483647, got 0"],
    [png(["IHDR", header(1, 2 ** 31)]), "a: at byte 20: expected a height of 1 to 2147483647"],
    [png(["IHDR", header(1, 1, 16)]), "a: at byte 24: expected 8 bits a channel, got 16"],
    [png(["IHDR", header(1, 1, 8, 3)]), "a: at byte 25: expected colour type 0, 2, 4 or 6 (no pal"],
    [png(["IHDR", header(1, 1, 8, 0, 1)]), "a: at byte 26: expected compression method 0, got 1"],
    [png(["IHDR", header(1, 1, 8, 0, 0, 1)]), "a: at byte 27: expected filter method 0, got 1"],
    [
      png(["IHDR", header(1, 1, 8, 0, 0, 0, 1)]),
      "a: at byte 28: expected no interlacing (0), got 1",
    ],
    [png(ihdr, iend), "a: at byte 33: expected IDAT before IEND, got none"],
    [png(ihdr, idat, text, idat), "expected all IDAT together, got another chunk between"],
    [
      png(ihdr, ["FOOD", pixels]),
      "a: at byte 37: expected a chunk that is known or may be ignored",
    ],
    [png(ihdr, idat, iend, text), "expected the end of the file, got 15 more bytes"],
    [png(["IHDR", header(2, 3)], idat, iend), "a: at byte 41: expected 9 unpacked bytes, got 6"],
    [png(["IHDR", header(2, 1)], idat, iend), "a: at byte 41: expected 3 unpacked bytes, got more"],
    [
      png(ihdr, ["IDAT", pixels.slice(0, 5)], iend),
      "a: at byte 41: expected 6 unpacked bytes, got 2",
    ],
    [
      png(ihdr, ["IDAT", await deflate([0, 1, 2, 5, 3, 4])], iend),
      "a: at byte 41: expected a filter of 0 to 4 for row 1, got 5",
    ],
    [png(ihdr, ["IDAT", pixels.slice(0, -4)], iend), "expected pixels that end with the checksum "],
    [
      png(ihdr, ["IDAT", Uint8Array.from([...pixels, 0])], iend),
      "a: at byte 41: expected a whole zlib stream, got",
    ],
    // 4 EiB of pixels: refused before memory is taken.
    [
      png(["IHDR", header(2 ** 31 - 1, 2 ** 31 - 1)], idat, iend),
      "expected pixels that unpack to 4611686016279904000 bytes (1 × 2147483647 × 2147483647)",
    ],
  ];
  for (const [bytes, message] of cases) {
    await assertRejects(() => parsePng(bytes, "a"), FormatError, message);
  }
  assertEquals((await parsePng(png(ihdr, text, idat, text, iend), "a")).shape, [1, 2, 2]);
});

Deno.test("parsePng: 10,000 mutants parse or are rejected", async () => {
  await checkMutants(fixture(3), async (bytes) => {
    const { shape, data } = await parsePng(bytes, "mutant");
    assertEquals(data.length, sizeOf(shape));
  }, { seed: 41 });
});

/** A damaged file gets its checksums right again, so that what lies behind them is reached. */
function withChecksums(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; at + 12 <= bytes.length;) {
    const end = at + 8 + view.getUint32(at);
    if (end + 4 > bytes.length) break;
    view.setUint32(end, crc32(bytes.subarray(at + 4, end)));
    at = end + 4;
  }
  return bytes;
}

Deno.test("parsePng: 10,000 mutants with right checksums parse or are rejected", async () => {
  const { parsed } = await checkMutants(fixture(2), async (bytes) => {
    const { shape, data } = await parsePng(withChecksums(bytes), "mutant");
    assertEquals(data.length, sizeOf(shape));
  }, { seed: 42 });
  assert(parsed > 100, `${parsed}: the checksum of zlib still guards the pixels`);
});

const ascii = (text: string, ...rest: number[]): Uint8Array =>
  new Uint8Array([...new TextEncoder().encode(text), ...rest]);

Deno.test("encodePpm and parsePpm: there and back, gray and coloured", () => {
  for (const channels of [1, 3]) {
    for (const [height, width] of [[1, 1], [3, 50], [37, 1]] as const) {
      const image = noise([channels, height, width], 2);
      const bytes = encodePpm(image);
      assert(isPpm(bytes) && !isPng(bytes));
      const larger = new Uint8Array([1, ...bytes, 4]);
      assertEquals(parsePpm(larger.subarray(1, 1 + bytes.length), "a.ppm"), image);
    }
  }
  const two = encodePpm({ shape: [3, 1, 2], data: new Uint8Array([1, 4, 2, 5, 3, 6]) });
  assertEquals(two, ascii("P6\n2 1\n255\n", 1, 2, 3, 4, 5, 6));
});

Deno.test("parsePpm reads comments, any white space and a smaller greatest value", () => {
  const bytes = ascii("P5# by hand\n# twice\n\t2\r\n#\n 1\v15 ", 0, 15);
  assertEquals(parsePpm(bytes, "a"), { shape: [1, 1, 2], data: new Uint8Array([0, 255]) });
  // The first pixel looks like white space.
  assertEquals([...parsePpm(ascii("P5 1 1 255\n", 0x20), "a").data], [0x20]);
});

Deno.test("parsePpm names the file, the offset and what was expected", () => {
  const cases: [Uint8Array, string][] = [
    [new Uint8Array(), 'a: at byte 0: expected P5 or P6, got ""'],
    [ascii("P3 1 1 255 0 0 0"), 'a: at byte 0: expected P5 or P6, got "P3"'],
    [ascii("P6"), "a: at byte 2: expected a width of at least 1, got the end"],
    [ascii("P62 1 255 "), 'a: at byte 2: expected a width of at least 1, got "2"'],
    [ascii("P6 x"), 'a: at byte 3: expected a width of at least 1, got "x"'],
    [ascii("P6 1 0 255 "), 'a: at byte 5: expected a height of at least 1, got "0"'],
    [
      ascii("P6 1 1 65535 ", 0, 0),
      'a: at byte 7: expected a greatest value of 1 to 255, got "65535"',
    ],
    [
      ascii("P6 1 99999999999 255 "),
      'a: at byte 5: expected a height of at least 1, got "9999999999"',
    ],
    [ascii("P6 1 1 255"), "a: at byte 10: expected white space, got the end"],
    [ascii("P6 1 1 255#", 0), "a: at byte 10: expected white space, got 35"],
    [ascii("P6 1 1 255 ", 1, 2), "a: at byte 11: expected 3 values (3 × 1 × 1), got 2 bytes up to"],
    [ascii("P5 2 1 255 ", 1, 2, 3), "a: at byte 11: expected 2 values (1 × 1 × 2), got 3 bytes up"],
    [ascii("P5 9999999999 9999999999 9 "), "expected 99999999980000000000 values (1 × 9999999999"],
    [ascii("P5 2 1 10 ", 1, 11), "a: at byte 11: expected a value of at most 10, got 11"],
  ];
  for (const [bytes, message] of cases) {
    assertThrows(() => parsePpm(bytes, "a"), FormatError, message);
  }
});

Deno.test("parsePpm: 10,000 mutants parse or are rejected", async () => {
  await checkMutants(
    ascii("P6 # a\n3 2\n254\n", ...noise([3, 2, 3]).data.map((v) => v & 127)),
    (bytes) => {
      const { shape, data } = parsePpm(bytes, "mutant");
      assertEquals(data.length, sizeOf(shape));
    },
    { seed: 43 },
  );
});

Deno.test("loadImage goes by the content, saveImage by the name", async () => {
  await withFolder(async (folder) => {
    const image = noise([3, 5, 4]);
    for (const [name, magic] of [["a.png", 0x89], ["a.PPM", 0x50]] as const) {
      await saveImage(`${folder}/${name}`, image);
      assertEquals((await Deno.readFile(`${folder}/${name}`))[0], magic);
      await Deno.rename(`${folder}/${name}`, `${folder}/any`);
      assertEquals(await loadImage(`${folder}/any`), image);
    }
    await Deno.writeFile(`${folder}/none`, ascii("GIF89a"));
    await assertRejects(
      () => loadImage(`${folder}/none`),
      FormatError,
      "expected a PNG, PPM or PGM file",
    );
    await assertRejects(
      () => saveImage(`${folder}/a.jpg`, image),
      OptionError,
      ".png, .ppm or .pgm, got",
    );
  });
});
