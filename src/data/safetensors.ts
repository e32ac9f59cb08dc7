/**
 * The safetensors format: named tensors in one file, read without running any code of it.
 *
 * A file is the length n of the header (8 bytes, little-endian), n bytes of JSON
 * `{name: {dtype, shape, data_offsets: [begin, end]}, …, "__metadata__": {key: text}}`, and the data,
 * which the tensors fill without gaps. This module works on little-endian machines, as Deno does.
 *
 * @see https://github.com/huggingface/safetensors
 * @module
 */

import { OptionError, ShapeError } from "../errors.ts";
import { checkShape, formatShape, type Shape, sizeOf } from "../shape.ts";
import { formatError } from "./files.ts";
import { checkUniqueKeys } from "./json_keys.ts";

/** A tensor of a safetensors file. */
export interface SafeTensor {
  /** How the file stores the values. */
  dtype: SafeTensorType;
  /** The dimensions, outermost first. */
  shape: number[];
  /** The values, row-major, converted to 32 bits; its own memory, not a view of the file. */
  data: Float32Array<ArrayBuffer>;
}

/** The number formats that can be read. */
export type SafeTensorType = "F32" | "F64" | "F16" | "BF16" | "I64";

/** The content of a safetensors file. */
export interface SafeTensors {
  /** The tensors by name, in the order of their data. */
  tensors: Map<string, SafeTensor>;
  /** Free text by key; empty if the file has none. */
  metadata: Record<string, string>;
}

const METADATA = "__metadata__";
const HEADER_START = 8;
const BYTES_PER_VALUE: Record<SafeTensorType, number> = {
  F32: 4,
  F64: 8,
  F16: 2,
  BF16: 2,
  I64: 8,
};

/**
 * Reads a safetensors file. F16 and BF16 are widened to 32 bits, which is exact; F64 is rounded to the
 * nearest 32-bit number, and so are the counters (I64) that PyTorch saves beside them.
 *
 * @param bytes The whole file.
 * @param name Name of the file, for errors.
 * @throws {FormatError} if the file breaks any rule of the format, or has a dtype other than F32, F64,
 * F16, BF16 and I64. All lengths are checked before memory is taken.
 *
 * @example
 * ```ts
 * import { encodeSafetensors, parseSafetensors } from "@strata/strata";
 * import { assertEquals } from "@std/assert";
 *
 * const weight = { shape: [1, 2], data: new Float32Array([0.5, -1]) };
 * const bytes = encodeSafetensors(new Map([["0.weight", weight]]), { format: "pt" });
 * const { tensors, metadata } = parseSafetensors(bytes, "model.safetensors");
 * assertEquals(tensors.get("0.weight"), { dtype: "F32", ...weight });
 * assertEquals(metadata, { format: "pt" });
 * ```
 */
export function parseSafetensors(bytes: Uint8Array, name: string): SafeTensors {
  const { header, dataStart } = parseHeader(bytes, name);
  const dataLength = bytes.length - dataStart;
  let metadata: Record<string, string> = {};
  const entries: (readonly [string, Entry])[] = [];
  for (const [key, value] of Object.entries(header)) {
    if (key === METADATA) metadata = checkMetadata(value, name);
    else entries.push([key, checkEntry(value, key, dataLength, name)]);
  }
  // An empty tensor lies before the one that begins where it does.
  entries.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let end = 0;
  for (const [key, entry] of entries) {
    if (entry.begin !== end) {
      throw formatError(
        name,
        dataStart + Math.min(end, entry.begin),
        `tensors without gaps or overlaps, ${quote(key)} to begin at data offset ${end}`,
        `${entry.begin}`,
      );
    }
    end = entry.end;
  }
  if (end !== dataLength) {
    throw formatError(
      name,
      dataStart + end,
      "the end of the file",
      `${dataLength - end} more bytes`,
    );
  }
  const tensors = new Map<string, SafeTensor>();
  for (const [key, { dtype, shape, begin, end }] of entries) {
    const data = decode(bytes.subarray(dataStart + begin, dataStart + end), dtype);
    tensors.set(key, { dtype, shape, data });
  }
  return { tensors, metadata };
}

/**
 * The bytes of a safetensors file of 32-bit tensors, in the order given; the header is padded with
 * spaces so that the data begin at a multiple of 8.
 *
 * @param tensors Shape and values by name.
 * @param metadata Free text by key.
 * @throws {ShapeError} if a tensor has not as many values as its shape says.
 * @throws {OptionError} if a name is `__metadata__`, or a metadata value is no string.
 *
 * @example
 * ```ts
 * import { encodeSafetensors } from "@strata/strata";
 * import { assertEquals } from "@std/assert";
 *
 * const bias = { shape: [2], data: new Float32Array([1, 2]) };
 * const bytes = encodeSafetensors(new Map([["bias", bias]]));
 * assertEquals(bytes.length % 8, 0);
 * ```
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, { readonly shape: Shape; readonly data: Float32Array }>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== "string") {
      throw new OptionError(
        `Safetensors metadata ${quote(key)}: expected text, got ${kind(value)}`,
      );
    }
  }
  // Joined by hand: an object would move names like "0" to the front.
  const fields = Object.keys(metadata).length === 0
    ? []
    : [`${quote(METADATA)}:${JSON.stringify(metadata)}`];
  let end = 0;
  for (const [name, { shape, data }] of tensors) {
    if (name === METADATA) throw new OptionError(`A tensor cannot have the name ${METADATA}`);
    checkShape(shape, `Tensor ${quote(name)}`);
    if (sizeOf(shape) !== data.length) {
      throw new ShapeError(
        `Cannot save tensor ${quote(name)}: shape ${formatShape(shape)} has ${
          sizeOf(shape)
        } values, ` +
          `but there are ${data.length}`,
      );
    }
    const begin = end;
    end += data.byteLength;
    const entry = JSON.stringify({ dtype: "F32", shape, data_offsets: [begin, end] });
    fields.push(`${JSON.stringify(name)}:${entry}`);
  }
  const header = new TextEncoder().encode(`{${fields.join(",")}}`);
  const dataStart = HEADER_START + Math.ceil(header.length / 8) * 8;
  const bytes = new Uint8Array(dataStart + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(dataStart - HEADER_START), true);
  bytes.set(header, HEADER_START);
  bytes.fill(0x20, HEADER_START + header.length, dataStart);
  let position = dataStart;
  for (const { data } of tensors.values()) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    position += data.byteLength;
  }
  return bytes;
}

interface Entry {
  dtype: SafeTensorType;
  shape: number[];
  begin: number;
  end: number;
}

function parseHeader(
  bytes: Uint8Array,
  name: string,
): { header: Record<string, unknown>; dataStart: number } {
  if (bytes.length < HEADER_START) {
    throw formatError(name, 0, "the header's length in 8 bytes", `${bytes.length} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getBigUint64(0, true);
  const most = bytes.length - HEADER_START;
  if (length > most) {
    throw formatError(name, 0, `a header of at most the file's other ${most} bytes`, `${length}`);
  }
  const dataStart = HEADER_START + Number(length);
  if (bytes[HEADER_START] !== 0x7b || length === 0n) {
    const got = length === 0n ? "an empty header" : `byte ${bytes[HEADER_START]}`;
    throw formatError(name, HEADER_START, "a header that begins with {", got);
  }
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(
      bytes.subarray(HEADER_START, dataStart) as Uint8Array<ArrayBuffer>,
    );
    header = JSON.parse(text);
  } catch (error) {
    const got = error instanceof Error ? error.message : String(error);
    throw formatError(name, HEADER_START, "a header of JSON in UTF-8", got);
  }
  // JSON.parse keeps the last of equal names, so that two readers could see two different files.
  checkUniqueKeys(text, (key, position) => {
    const offset = HEADER_START + new TextEncoder().encode(text.slice(0, position)).length;
    return formatError(name, offset, "each name once", `${quote(key)} again`);
  });
  return { header: header as Record<string, unknown>, dataStart };
}

function checkMetadata(value: unknown, name: string): Record<string, string> {
  const ok = isObject(value) && Object.values(value).every((text) => typeof text === "string");
  if (ok) return value as Record<string, string>;
  const got = isObject(value) ? "a value that is no text" : kind(value);
  throw formatError(name, HEADER_START, `${METADATA} of texts by key`, got);
}

function checkEntry(value: unknown, key: string, dataLength: number, name: string): Entry {
  const fail = (what: string, expected: string, got: string): never => {
    throw formatError(name, HEADER_START, `${what} of tensor ${quote(key)} to be ${expected}`, got);
  };
  if (!isObject(value)) return fail("the entry", "an object", kind(value));
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string" || !Object.hasOwn(BYTES_PER_VALUE, dtype)) {
    return fail("dtype", `one of ${Object.keys(BYTES_PER_VALUE).join(", ")}`, kind(dtype));
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    return fail("shape", "a list of whole numbers, 0 or more", kind(shape));
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    return fail("data_offsets", "two whole numbers, 0 or more", kind(offsets));
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataLength) {
    const expected = `in order and at most ${dataLength}, the bytes of data`;
    return fail("data_offsets", expected, `[${begin}, ${end}]`);
  }
  // A product beyond 2⁵³ may be rounded, but not to a length that passed the test above.
  const bytes = sizeOf(shape) * BYTES_PER_VALUE[dtype as SafeTensorType];
  if (bytes !== end - begin) {
    const expected = `${bytes} bytes apart, as dtype and shape say`;
    return fail("data_offsets", expected, `[${begin}, ${end}]`);
  }
  return { dtype: dtype as SafeTensorType, shape, begin, end };
}

function decode(bytes: Uint8Array, dtype: SafeTensorType): Float32Array<ArrayBuffer> {
  // Copied, so that the numbers are aligned and the file's memory can be freed.
  const buffer = new Uint8Array(bytes).buffer;
  if (dtype === "F32") return new Float32Array(buffer);
  if (dtype === "F64") return new Float32Array(new Float64Array(buffer));
  if (dtype === "I64") return Float32Array.from(new BigInt64Array(buffer), Number);
  const halves = new Uint16Array(buffer);
  const values = new Float32Array(halves.length);
  if (dtype === "BF16") {
    // The upper half of a 32-bit number.
    const bits = new Uint32Array(values.buffer);
    for (let i = 0; i < halves.length; i++) bits[i] = halves[i]! << 16;
  } else {
    for (let i = 0; i < halves.length; i++) values[i] = halfToNumber(halves[i]!);
  }
  return values;
}

/** The value of a 16-bit float: sign 1, exponent 5 (bias 15), fraction 10 bits. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Text in quotes, cut to a length that fits an error message. */
function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

/** What a value of the header is; never its whole content, which may be as large as the file. */
function kind(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return isObject(value) ? "an object" : String(value);
}
