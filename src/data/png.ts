/**
 * PNG images of eight bits a channel.
 *
 * @see https://www.w3.org/TR/png-3/
 * @module
 */

import { formatError, joinBytes } from "./files.ts";
import { type Image, type ImageSource, toPixels, toPlanes } from "./image_planes.ts";
import { inflate, MAX_DEFLATE_RATIO } from "./inflate.ts";
import { addFilter, removeFilters } from "./png_filter.ts";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Channels by colour type: gray, red green blue, both also with alpha. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 4: 2, 6: 4 };
const COLOUR_TYPES = [0, 4, 2, 6]; // by channels − 1
/** The largest width and height of the format. */
const MAX_SIDE = 2 ** 31 - 1;

/** Whether the bytes begin like a PNG file. */
export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, i) => bytes[i] === byte);
}

/**
 * Reads a PNG file of eight bits a channel, gray or red, green, blue, with or without alpha, not interlaced. Checksums are
 * checked, chunks that may be ignored are. Memory is bounded: the pixels must be at most 1032 times as many bytes as they are
 * packed, more than which no DEFLATE stream can hold.
 *
 * Shape: [c, h, w]; 1 channel is gray, 2 with alpha, 3 red, green, blue, 4 with alpha.
 *
 * @param bytes The whole file.
 * @param name Name of the file, for errors.
 * @throws {FormatError} if the file is malformed, or another kind of PNG.
 *
 * @example
 * ```ts
 * import { encodePng, parsePng } from "@strata/strata";
 * import { assertEquals } from "@std/assert";
 *
 * const image = { shape: [3, 1, 2] as const, data: new Uint8Array([255, 0, 0, 255, 7, 8]) };
 * assertEquals(await parsePng(await encodePng(image), "two.png"), image);
 * ```
 */
export async function parsePng(bytes: Uint8Array, name: string): Promise<Image> {
  const { shape, packed, dataStart } = readChunks(bytes, name);
  const [channels, height, width] = shape;
  const rowBytes = 1 + channels * width;
  const length = height * rowBytes;
  const most = packed.length * MAX_DEFLATE_RATIO;
  if (length > most || packed.length < 4) {
    const expected = `pixels that unpack to ${length} bytes (${channels} × ${height} × ${width})`;
    throw formatError(name, dataStart, expected, `${packed.length} packed bytes, too few`);
  }
  const rows = await inflate(packed, "deflate", length, {
    damaged: (message) => formatError(name, dataStart, "a whole zlib stream", message),
    wrongLength: (got) => formatError(name, dataStart, `${length} unpacked bytes`, got),
  });
  checkEnd(packed, rows, dataStart, name);
  const pixels = removeFilters(rows, rowBytes, channels, (row, filter) => {
    const expected = `a filter of 0 to 4 for row ${row}`;
    throw formatError(name, dataStart, expected, `${filter}`);
  });
  return toPlanes(pixels, shape);
}

/**
 * The bytes of a PNG file of eight bits a channel.
 *
 * @param image Bytes, or floats of which 0 … 1 is the whole range; what is beyond becomes 0 or 255. 1 channel is gray, 2 with
 * alpha, 3 red, green, blue, 4 with alpha.
 * @throws {ShapeError} if the shape is not [c, h, w] with 1 to 4 channels, or does not fit the data.
 * @throws {OptionError} if a value is NaN.
 */
export async function encodePng(image: ImageSource): Promise<Uint8Array<ArrayBuffer>> {
  const { pixels, shape: [channels, height, width] } = toPixels(image, [1, 2, 3, 4], "encodePng");
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, 8);
  header.setUint8(9, COLOUR_TYPES[channels - 1]!);
  const rows = addFilter(pixels, channels * width, channels);
  const stream = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
  const packed = new Uint8Array(await new Response(stream).arrayBuffer());
  const parts = [
    Uint8Array.from(SIGNATURE),
    chunk("IHDR", new Uint8Array(header.buffer)),
    chunk("IDAT", packed),
    chunk("IEND", new Uint8Array()),
  ];
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** What the chunks of a file say. */
interface Chunks {
  readonly shape: Image["shape"];
  /** The pixels, packed. */
  readonly packed: Uint8Array;
  /** Where they begin in the file. */
  readonly dataStart: number;
}

function readChunks(bytes: Uint8Array, name: string): Chunks {
  if (!isPng(bytes)) throw formatError(name, 0, "the signature of PNG", "something else");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let shape: Image["shape"] | undefined;
  const parts: Uint8Array[] = [];
  let dataStart = 0;
  let dataEnd = 0; // where the next part of the pixels must begin: they are not interrupted
  let at = SIGNATURE.length;
  while (true) {
    const { type, data } = readChunk(bytes, view, at, name);
    const end = at + 12 + data.length;
    if ((type === "IHDR") !== (shape === undefined)) {
      throw formatError(name, at, shape === undefined ? "IHDR first" : "one IHDR", type);
    }
    if (type === "IHDR") shape = readHeader(data, at + 8, name);
    else if (type === "IDAT") {
      if (parts.length === 0) dataStart = at + 8;
      else if (at !== dataEnd) {
        throw formatError(name, at, "all IDAT together", "another chunk between");
      }
      parts.push(data);
      dataEnd = end;
    } else if (type === "IEND") {
      if (parts.length === 0) throw formatError(name, at, "IDAT before IEND", "none");
      if (end !== bytes.length) {
        throw formatError(name, end, "the end of the file", `${bytes.length - end} more bytes`);
      }
      return { shape: shape!, packed: joinBytes(parts), dataStart };
    } else if (/^[A-Z]/.test(type) && type !== "PLTE") { // a palette is a mere suggestion here
      throw formatError(name, at + 4, "a chunk that is known or may be ignored", type);
    }
    at = end;
  }
}

/** The chunk at a place of the file, its checksum checked. */
function readChunk(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  name: string,
): { type: string; data: Uint8Array } {
  const left = bytes.length - at;
  if (left < 12) throw formatError(name, at, "a chunk of at least 12 bytes", `${left} bytes`);
  const length = view.getUint32(at);
  if (length > left - 12) {
    throw formatError(name, at, `a chunk of at most ${left - 12} bytes`, `${length}`);
  }
  const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
  if (!/^[A-Za-z]{4}$/.test(type)) {
    throw formatError(name, at + 4, "four letters", JSON.stringify(type));
  }
  const stated = view.getUint32(at + 8 + length);
  const actual = checksum(bytes.subarray(at + 4, at + 8 + length));
  if (stated !== actual) {
    throw formatError(name, at + 8 + length, `the checksum ${hex(actual)}`, hex(stated));
  }
  return { type, data: bytes.subarray(at + 8, at + 8 + length) };
}

function readHeader(data: Uint8Array, at: number, name: string): Image["shape"] {
  if (data.length !== 13) throw formatError(name, at, "IHDR of 13 bytes", `${data.length}`);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const side = (offset: number, what: string): number => {
    const value = view.getUint32(offset);
    if (value >= 1 && value <= MAX_SIDE) return value;
    throw formatError(name, at + offset, `a ${what} of 1 to ${MAX_SIDE}`, `${value}`);
  };
  const [width, height] = [side(0, "width"), side(4, "height")];
  const [depth, type, compression, filter, interlace] = data.subarray(8) as unknown as number[];
  const check = (valid: boolean, offset: number, expected: string, got: number): void => {
    if (!valid) throw formatError(name, at + offset, expected, `${got}`);
  };
  check(depth === 8, 8, "8 bits a channel", depth!);
  check(CHANNELS[type!] !== undefined, 9, "colour type 0, 2, 4 or 6 (no palette)", type!);
  check(compression === 0, 10, "compression method 0", compression!);
  check(filter === 0, 11, "filter method 0", filter!);
  check(interlace === 0, 12, "no interlacing (0)", interlace!);
  return [CHANNELS[type!]!, height, width];
}

/** Checks that the packed pixels end with the checksum: the platform takes a stream that is cut before it. */
function checkEnd(packed: Uint8Array, rows: Uint8Array, dataStart: number, name: string): void {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const stated = view.getUint32(packed.length - 4);
  let [a, b] = [1, 0]; // Adler-32
  for (let i = 0; i < rows.length; i++) {
    a = (a + rows[i]!) % 65_521;
    b = (b + a) % 65_521;
  }
  const actual = (b << 16 | a) >>> 0;
  if (stated === actual) return;
  const expected = `pixels that end with the checksum ${hex(actual)}`;
  throw formatError(name, dataStart, expected, hex(stated));
}

/** A chunk: the length of its data, its type, the data, their checksum. */
function chunk(type: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, checksum(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

/** The remainders of the polynomial division, by byte. */
const CRC_TABLE: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) {
    remainder = (remainder & 1) === 1 ? 0xedb88320 ^ (remainder >>> 1) : remainder >>> 1;
  }
  return remainder;
});

/** CRC-32, as gzip and PNG use it. */
function checksum(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = CRC_TABLE[(crc ^ bytes[i]!) & 255]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

function hex(word: number): string {
  return word.toString(16).padStart(8, "0");
}
