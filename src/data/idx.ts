/**
 * The IDX format of MNIST and its relatives, plain or gzipped.
 *
 * @module
 */

import { sizeOf } from "../shape.ts";
import { formatError } from "./files.ts";
import { inflate, MAX_DEFLATE_RATIO } from "./inflate.ts";

/** The content of an IDX file of unsigned bytes. */
export interface IdxFile {
  /** The dimensions, outermost first; `[60000, 28, 28]` for the images of MNIST. */
  shape: number[];
  /** The values, row-major; a view of the bytes that were parsed, not a copy. */
  data: Uint8Array;
}

const UNSIGNED_BYTE = 0x08;
const MAX_RANK = 4;
const GZIP_MIN_LENGTH = 18;

/**
 * Reads an IDX file of unsigned bytes: two zero bytes, the type 8, the rank r, then r dimensions as
 * big-endian 32-bit numbers, then the values.
 *
 * Shape: 1 to 4 dimensions, as the file says.
 *
 * @param bytes The whole file, unpacked.
 * @param name Name of the file, for errors.
 * @throws {FormatError} if the file is anything else, is too short, or goes on after the values.
 *
 * @example
 * ```ts
 * import { parseIdx } from "@strata/strata";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new Uint8Array([0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 3, 7, 8, 9]);
 * assertEquals(parseIdx(bytes, "three.idx"), { shape: [1, 3], data: new Uint8Array([7, 8, 9]) });
 * ```
 */
export function parseIdx(bytes: Uint8Array, name: string): IdxFile {
  if (bytes.length < 4) {
    throw formatError(name, 0, "an IDX header of at least 4 bytes", `${bytes.length} bytes`);
  }
  const [zero0, zero1, type, rank] = bytes as unknown as [number, number, number, number];
  if (zero0 !== 0 || zero1 !== 0) {
    throw formatError(name, 0, "the IDX magic 00 00", hex(bytes.subarray(0, 2)));
  }
  if (type !== UNSIGNED_BYTE) {
    throw formatError(name, 2, "IDX type 08 (unsigned bytes)", hex(bytes.subarray(2, 3)));
  }
  if (rank < 1 || rank > MAX_RANK) {
    throw formatError(name, 3, `a rank of 1 to ${MAX_RANK}`, String(rank));
  }
  const start = 4 + 4 * rank;
  if (bytes.length < start) {
    throw formatError(name, 4, `${rank} dimensions of 4 bytes each`, `${bytes.length - 4} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  // Four dimensions can overflow a double's 53 bits, but then the product is far above any file's length
  // and stays so when rounded.
  const expected = sizeOf(shape);
  if (bytes.length - start !== expected) {
    throw formatError(
      name,
      start,
      `${expected} values (${shape.join(" × ")})`,
      `${bytes.length - start} bytes up to the end of the file`,
    );
  }
  return { shape, data: bytes.subarray(start) };
}

/** Whether the bytes begin like a gzip file (1f 8b); the name of a file is no evidence. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * Unpacks a gzip file of one member. Memory is bounded before anything is unpacked: the length that the
 * file states in its last four bytes must be at most the limit and 1032 times the length of the file,
 * more than which no DEFLATE stream can hold; unpacking stops as soon as it yields more than that.
 *
 * @param bytes The whole file.
 * @param name Name of the file, for errors.
 * @param limit The most bytes to unpack to.
 * @throws {FormatError} if the file is no gzip file, is damaged or cut, or unpacks to more than `limit`.
 *
 * @example
 * ```ts
 * import { gunzip } from "@strata/strata";
 * import { assertEquals } from "@std/assert";
 *
 * const stream = new Blob(["strata"]).stream().pipeThrough(new CompressionStream("gzip"));
 * const packed = new Uint8Array(await new Response(stream).arrayBuffer());
 * const unpacked = await gunzip(packed, "strata.gz", 100);
 * assertEquals(new TextDecoder().decode(unpacked), "strata");
 * ```
 */
export async function gunzip(
  bytes: Uint8Array,
  name: string,
  limit: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!isGzip(bytes) || bytes.length < GZIP_MIN_LENGTH) {
    const got = `${hex(bytes.subarray(0, 2))} of ${bytes.length} bytes`;
    throw formatError(name, 0, `the gzip magic 1f 8b and ${GZIP_MIN_LENGTH} bytes or more`, got);
  }
  const trailer = bytes.length - 4;
  const stated = new DataView(bytes.buffer, bytes.byteOffset + trailer, 4).getUint32(0, true);
  const most = Math.min(limit, bytes.length * MAX_DEFLATE_RATIO);
  if (stated > most) {
    throw formatError(name, trailer, `an unpacked length of at most ${most}`, String(stated));
  }
  return await inflate(bytes, "gzip", stated, {
    damaged: (message) => formatError(name, 0, "a whole gzip stream", message),
    wrongLength: (got) =>
      formatError(name, trailer, `${stated} unpacked bytes, as stated here`, got),
  });
}

function hex(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return text === "" ? "nothing" : text;
}
