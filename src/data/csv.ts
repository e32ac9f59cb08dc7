/**
 * CSV files, read record by record.
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import { checkKeys, checkNumber } from "../options.ts";
import { checkSeed, threefry } from "../random.ts";
import { csvError, type CsvFormat, CsvParser, type CsvRecord } from "./csv_parser.ts";

export type { CsvRecord } from "./csv_parser.ts";

/** A CSV file in pieces, of text or of UTF-8; a `ReadableStream` is one. */
export type CsvChunks =
  | Iterable<string | Uint8Array>
  | AsyncIterable<string | Uint8Array>;

/** Where a CSV file comes from: all of its text, its pieces, or a function that gives the pieces anew for each pass. */
export type CsvSource = string | CsvChunks | (() => CsvChunks | Promise<CsvChunks>);

/** Options of {@linkcode openCsv}. */
export interface CsvOptions {
  /** The character between two fields, neither a quote nor a line end. Default a comma. */
  separator?: string;
  /** Whether the first record names the columns. Default true; otherwise they are named 1, 2, 3 … */
  header?: boolean;
  /** The longest record that is accepted, in UTF-16 units; of these, memory holds a few at most. Default 2²⁰. */
  maxRecord?: number;
}

/** Options of {@linkcode readCsv}. */
export interface ReadCsvOptions extends CsvOptions {
  /** Name of the file, for errors. Default "CSV". */
  name?: string;
}

const OPTION_NAMES = ["separator", "header", "maxRecord"];
const MAX_RECORD = 2 ** 20;
/** Characters of a text that are parsed together. */
const PIECE = 2 ** 16;
/** Sources that can be read once, and were. */
const spent = new WeakSet<object>();
/** The stream of random numbers that splits files. */
const SPLIT_STREAM = 0x0ffffffd;

/**
 * The records of a CSV file. Nothing is read before they are iterated, and each pass reads the file anew,
 * holding one piece of it at a time.
 *
 * @see {@linkcode openCsv} and {@linkcode readCsv}, which make one.
 */
export class CsvRecords implements AsyncIterable<CsvRecord> {
  readonly #source: CsvSource;
  readonly #options: ReadCsvOptions;
  readonly #format: CsvFormat;
  /** Which records there are; the others are read and checked, but skipped. */
  #keep: (record: CsvRecord) => boolean = () => true;

  /**
   * The records of a source, as {@linkcode readCsv} returns them.
   *
   * @throws {OptionError} if an option is wrong.
   */
  constructor(source: CsvSource, options: ReadCsvOptions = {}) {
    checkKeys(options, "readCsv", ["name", ...OPTION_NAMES]);
    const { name: file = "CSV", separator = ",", header = true, maxRecord = MAX_RECORD } = options;
    if (typeof separator !== "string" || separator.length !== 1 || /["\r\n]/.test(separator)) {
      throw new OptionError(
        "readCsv: separator: expected one character, neither a quote nor a line end, " +
          `got ${JSON.stringify(separator)}`,
      );
    }
    checkNumber(maxRecord, "readCsv: maxRecord", { min: 1, integer: true });
    this.#source = source;
    this.#options = options;
    this.#format = { file, separator, header, maxRecord };
  }

  /** The name of the file, as errors give it. */
  get file(): string {
    return this.#format.file;
  }

  /**
   * The names of the columns. Reads no further than the first record.
   *
   * @throws {FormatError} if the file has no header, or it is malformed.
   */
  async columns(): Promise<readonly string[]> {
    const parser = new CsvParser(this.#format);
    for await (const _ of parse(this.#source, parser, this.file)) if (parser.columns) break;
    return parser.columns!;
  }

  /**
   * The records, many at a time: as many as come in one piece of the file, in its order.
   *
   * @throws {FormatError} naming the file, the line and the column, if the file is malformed.
   */
  async *blocks(): AsyncGenerator<readonly CsvRecord[], void, void> {
    for await (const records of parse(this.#source, new CsvParser(this.#format), this.file)) {
      const kept = records.filter(this.#keep);
      if (kept.length > 0) yield kept;
    }
  }

  /**
   * The records one by one.
   *
   * @throws {FormatError} naming the file, the line and the column, if the file is malformed.
   * @throws {OptionError} if the source is a stream that was read already.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<CsvRecord, void, void> {
    for await (const records of this.blocks()) yield* records;
  }

  /**
   * Only the records for which `keep` is true.
   *
   * @example
   * ```ts
   * import { readCsv } from "@strata/strata";
   * import { assertEquals } from "@std/assert";
   *
   * const records = readCsv("name,age\nAda,36\nAlan,\n");
   * const known = records.filter(({ fields }) => fields[1] !== "");
   * assertEquals((await Array.fromAsync(known)).map(({ fields }) => fields[0]), ["Ada"]);
   * ```
   */
  filter(keep: (record: CsvRecord) => boolean): CsvRecords {
    const before = this.#keep;
    const part = new CsvRecords(this.#source, this.#options);
    part.#keep = (record) => before(record) && keep(record);
    return part;
  }

  /**
   * Two disjoint parts, which together are all records. Each record is drawn by its line number: the first
   * part has it with probability `fraction`, so the parts are only about as large as asked for, but
   * nothing has to be held or counted, and the same seed gives the same parts.
   *
   * @param fraction Expected share of the first part, 0 … 1.
   * @throws {OptionError} if an option is out of range.
   */
  split(fraction: number, options: { seed: number }): [CsvRecords, CsvRecords] {
    checkNumber(fraction, "split: fraction", { min: 0, max: 1 });
    checkKeys(options, "split", ["seed"]);
    const { seed } = options;
    checkSeed(seed, "split: seed");
    const isFirst = ({ line }: CsvRecord) =>
      threefry(seed, SPLIT_STREAM, line >>> 0, Math.floor(line / 2 ** 32))[0] <
        fraction * 2 ** 32;
    return [this.filter(isFirst), this.filter((record) => !isFirst(record))];
  }
}

/**
 * The records of a CSV file (RFC 4180) on disk, in UTF-8: fields may stand in quotes, with quotes inside
 * doubled, and then contain separators and line ends; lines end with LF or CRLF; empty lines are skipped.
 *
 * @param path The file. It is opened for each pass, not before.
 *
 * @example
 * ```ts
 * import { openCsv } from "@strata/strata";
 *
 * async function printNames(): Promise<void> {
 *   for await (const { line, columns, fields } of openCsv("people.csv")) {
 *     console.log(line, fields[columns.indexOf("name")]);
 *   }
 * }
 * ```
 */
export function openCsv(path: string | URL, options: CsvOptions = {}): CsvRecords {
  checkKeys(options, "openCsv", OPTION_NAMES);
  const open = async () => (await Deno.open(path)).readable;
  return new CsvRecords(open, { ...options, name: String(path) });
}

/**
 * The records of a CSV file that is in memory, or comes in pieces from anywhere.
 *
 * @param source A text, or pieces. If there are to be several passes, as training and `fitTable` need them, then a
 * function that gives the pieces anew: a stream can be read only once.
 * @throws {OptionError} if an option is wrong.
 *
 * @example
 * ```ts
 * import { readCsv } from "@strata/strata";
 * import { assertEquals } from "@std/assert";
 *
 * const records = readCsv('name;note\nAda;"first ""program"";\n1843"\n', { separator: ";" });
 * const [ada] = await Array.fromAsync(records);
 * assertEquals(ada!.fields, ["Ada", 'first "program";\n1843']);
 * assertEquals([ada!.line, ada!.columns], [2, ["name", "note"]]);
 * ```
 */
export function readCsv(source: CsvSource, options: ReadCsvOptions = {}): CsvRecords {
  return new CsvRecords(source, options);
}

/** The records of each piece. */
async function* parse(
  source: CsvSource,
  parser: CsvParser,
  file: string,
): AsyncGenerator<CsvRecord[], void, void> {
  const chunks = await open(source, file);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const decode = (chunk: Uint8Array, stream: boolean) => {
    try {
      return decoder.decode(chunk as Uint8Array<ArrayBuffer>, { stream });
    } catch {
      const line = parser.line + linesBeforeFault(chunk);
      throw csvError({ file, line }, undefined, "text in UTF-8", "bytes that are none");
    }
  };
  for await (const chunk of chunks) {
    yield parser.push(typeof chunk === "string" ? chunk : decode(chunk, true));
  }
  const rest = decode(new Uint8Array(), false);
  yield [...parser.push(rest), ...parser.end()];
}

/**
 * The chunks, from the first one on.
 *
 * @throws {OptionError} if they came before and cannot come again.
 */
async function open(source: CsvSource, file: string): Promise<CsvChunks> {
  if (typeof source === "function") return await source();
  if (typeof source === "string") return pieces(source);
  if (source instanceof ReadableStream || "next" in source) {
    if (spent.has(source)) {
      throw new OptionError(
        `readCsv: ${file}: expected a function that gives its pieces anew for each pass, ` +
          "got a stream, which was read already",
      );
    }
    spent.add(source);
  }
  return source;
}

/** The line ends in a chunk before the bytes that are no UTF-8; 0 if these belong to a character that began before. */
function linesBeforeFault(chunk: Uint8Array): number {
  const begun = Math.max(0, chunk.findIndex((byte) => byte < 0x80 || byte >= 0xc0));
  const text = new TextDecoder().decode(chunk.slice(begun));
  return text.slice(0, Math.max(0, text.indexOf("\ufffd"))).split("\n").length - 1;
}

function* pieces(text: string): Generator<string> {
  for (let at = 0; at < text.length; at += PIECE) yield text.slice(at, at + PIECE);
}
