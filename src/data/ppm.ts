/**
 * PPM and PGM: a line of text, then the bytes of the pixels. The simplest image files that other programs read.
 *
 * @see https://netpbm.sourceforge.net/doc/ppm.html
 * @module
 */

import { formatError } from "./files.ts";
import { type Image, type ImageSource, toPixels, toPlanes } from "./image_planes.ts";

/** Channels by the second letter of the file. */
const CHANNELS: Readonly<Record<string, number>> = { "5": 1, "6": 3 };
/** More digits than a number of the header needs. */
const MAX_DIGITS = 10;

/** Whether the bytes begin like a PGM or PPM file of bytes: `P5` or `P6`. */
export function isPpm(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && (bytes[1] === 0x35 || bytes[1] === 0x36);
}

/**
 * Reads a PGM (P5, gray) or PPM (P6, red, green, blue) file of one image. A greatest value below 255 is scaled to 255.
 *
 * Shape: [1, h, w] or [3, h, w].
 *
 * @param bytes The whole file.
 * @param name Name of the file, for errors.
 * @throws {FormatError} if the file is anything else, has values of two bytes, is too short, or goes on after the pixels.
 *
 * @example
 * ```ts
 * import { parsePpm } from "@strata/strata";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new Uint8Array([...new TextEncoder().encode("P6 1 2 255\n"), 1, 2, 3, 4, 5, 6]);
 * const { shape, data } = parsePpm(bytes, "two.ppm");
 * assertEquals([shape, [...data]], [[3, 2, 1], [1, 4, 2, 5, 3, 6]]);
 * ```
 */
export function parsePpm(bytes: Uint8Array, name: string): Image {
  if (!isPpm(bytes)) {
    const got = JSON.stringify(String.fromCharCode(...bytes.subarray(0, 2)));
    throw formatError(name, 0, "P5 or P6", got);
  }
  const channels = CHANNELS[String.fromCharCode(bytes[1]!)]!;
  const header = new Header(bytes, name);
  const width = header.number("a width of at least 1", 1);
  const height = header.number("a height of at least 1", 1);
  const greatest = header.number("a greatest value of 1 to 255", 1, 255);
  const start = header.end();
  const expected = channels * height * width;
  if (bytes.length - start !== expected) {
    const got = `${bytes.length - start} bytes up to the end of the file`;
    throw formatError(name, start, `${expected} values (${channels} × ${height} × ${width})`, got);
  }
  const pixels = bytes.subarray(start);
  if (greatest === 255) return toPlanes(pixels, [channels, height, width]);
  const wrong = pixels.findIndex((value) => value > greatest);
  if (wrong >= 0) {
    throw formatError(name, start + wrong, `a value of at most ${greatest}`, `${pixels[wrong]}`);
  }
  const scaled = pixels.map((value) => Math.round(255 * value / greatest));
  return toPlanes(scaled, [channels, height, width]);
}

/**
 * The bytes of a PGM file for one channel, of a PPM file for three.
 *
 * @param image Bytes, or floats of which 0 … 1 is the whole range; what is beyond becomes 0 or 255.
 * @throws {ShapeError} if the shape is not [1, h, w] or [3, h, w], or does not fit the data.
 * @throws {OptionError} if a value is NaN.
 *
 * @example
 * ```ts
 * import { encodePpm } from "@strata/strata";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = encodePpm({ shape: [1, 1, 2], data: new Float32Array([0, 1]) });
 * assertEquals([...bytes.subarray(-2)], [0, 255]);
 * ```
 */
export function encodePpm(image: ImageSource): Uint8Array<ArrayBuffer> {
  const { pixels, shape: [channels, height, width] } = toPixels(image, [1, 3], "encodePpm");
  const magic = channels === 1 ? "P5" : "P6";
  const header = new TextEncoder().encode(`${magic}\n${width} ${height}\n255\n`);
  const bytes = new Uint8Array(header.length + pixels.length);
  bytes.set(header);
  bytes.set(pixels, header.length);
  return bytes;
}

/** The numbers after the magic, with white space and comments before each. */
class Header {
  readonly #bytes: Uint8Array;
  readonly #name: string;
  #at = 2;

  constructor(bytes: Uint8Array, name: string) {
    this.#bytes = bytes;
    this.#name = name;
  }

  /** The next number, which must lie in a range. */
  number(expected: string, min: number, max = Infinity): number {
    const before = this.#at;
    this.#skipSpace();
    const start = this.#at;
    let value = 0;
    while (isDigit(this.#bytes[this.#at]) && this.#at - start < MAX_DIGITS) {
      value = 10 * value + this.#bytes[this.#at++]! - 0x30;
    }
    const isNumber = start > before && this.#at > start && !isDigit(this.#bytes[this.#at]);
    if (!isNumber || value < min || value > max) {
      const end = Math.max(this.#at, start + 1);
      const text = String.fromCharCode(...this.#bytes.subarray(start, end));
      throw formatError(
        this.#name,
        start,
        expected,
        text === "" ? "the end" : JSON.stringify(text),
      );
    }
    return value;
  }

  /** Where the pixels begin: after one white space. */
  end(): number {
    if (!isSpace(this.#bytes[this.#at])) {
      const got = this.#bytes[this.#at];
      throw formatError(
        this.#name,
        this.#at,
        "white space",
        got === undefined ? "the end" : `${got}`,
      );
    }
    return this.#at + 1;
  }

  #skipSpace(): void {
    while (true) {
      while (isSpace(this.#bytes[this.#at])) this.#at++;
      if (this.#bytes[this.#at] !== 0x23) return; // #: a comment to the end of the line
      while (this.#at < this.#bytes.length && this.#bytes[this.#at] !== 0x0a) this.#at++;
    }
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** Blank, tab, line feed, vertical tab, form feed, carriage return. */
function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || (byte !== undefined && byte >= 0x09 && byte <= 0x0d);
}
