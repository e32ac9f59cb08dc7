/**
 * The grammar of CSV files (RFC 4180), for text that comes in pieces.
 *
 * @see Shafranovich, "Common format and MIME type for comma-separated values (CSV) files", RFC 4180, 2005.
 * @module
 */

import { FormatError } from "../errors.ts";

/** One record of a CSV file, with the place that it comes from. */
export interface CsvRecord {
  /** The name of the file. */
  readonly file: string;
  /** The line on which the record begins, from 1. */
  readonly line: number;
  /** The names of the columns; the same array for all records of a pass over the file. */
  readonly columns: readonly string[];
  /** The text of each field, without its quotes; as many as there are columns. */
  readonly fields: readonly string[];
}

/** What the parser must know of a file; all of it is checked. */
export interface CsvFormat {
  readonly file: string;
  /** One UTF-16 unit. */
  readonly separator: string;
  readonly header: boolean;
  /** The most UTF-16 units of a record. */
  readonly maxRecord: number;
}

/** Where in a file: a record, or a line of which no more is known. */
export type CsvPlace = Pick<CsvRecord, "file" | "line">;

const QUOTE = 0x22;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * The error of a malformed CSV file: `name: line 4, column "width": expected …, got …`.
 *
 * @param column The name of the column, if it is known.
 */
export function csvError(
  { file, line }: CsvPlace,
  column: string | undefined,
  expected: string,
  got: string,
): FormatError {
  const place = column === undefined ? "" : `, column ${quoted(column)}`;
  return new FormatError(`${file}: line ${line}${place}: expected ${expected}, got ${got}`);
}

/** A text from a file, in quotes and cut to a length that an error can show. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 39)}…` : text);
}

/**
 * Turns pieces of text into records. It keeps no more than the record that has begun, and refuses one that
 * is too long, so that a quote that is never closed cannot fill the memory.
 *
 * A field that begins with a quote goes on to the next quote that is not doubled, over separators and line
 * ends. Lines end with LF or CRLF; empty ones are no records.
 */
export class CsvParser {
  readonly #format: CsvFormat;
  readonly #separator: number;
  #columns: readonly string[] | undefined;
  /** What is not yet parsed, from a record's first character on. */
  #text = "";
  #at = 0;
  /** The line of the character at `#at`. */
  #line = 1;
  /** The length of `#text` when it last ended within a record. */
  #tried = 0;
  #begun = false;

  constructor(format: CsvFormat) {
    this.#format = format;
    this.#separator = format.separator.charCodeAt(0);
  }

  /** The names of the columns; undefined until the header is read. */
  get columns(): readonly string[] | undefined {
    return this.#columns;
  }

  /** The line that the next text belongs to, if it ends no line. */
  get line(): number {
    return this.#line + count(this.#text, this.#at, this.#text.length);
  }

  /**
   * The records that end with this text.
   *
   * @throws {FormatError} if the text cannot be a CSV file, whatever follows.
   */
  push(text: string): CsvRecord[] {
    if (!this.#begun && text !== "") {
      this.#begun = true;
      if (text.charCodeAt(0) === 0xfeff) text = text.slice(1); // the mark of UTF-8, written by spreadsheets
    }
    this.#text += text;
    // A record is begun again with more text; waiting until there is twice as much keeps the work linear.
    return this.#text.length < 2 * this.#tried ? [] : this.#parse(false);
  }

  /**
   * The records that end with the file.
   *
   * @throws {FormatError} if it ends within quotes, or has no header.
   */
  end(): CsvRecord[] {
    const records = this.#parse(true);
    if (this.#columns === undefined) {
      const expected = this.#format.header ? "a header" : "a record";
      throw csvError(this.#place(), undefined, expected, "the end of the file");
    }
    return records;
  }

  #parse(last: boolean): CsvRecord[] {
    const records: CsvRecord[] = [];
    for (;;) {
      const [start, line] = [this.#at, this.#line];
      const fields = this.#scan(last);
      this.#checkLength((fields === undefined ? this.#text.length : this.#at) - start, line);
      if (fields === undefined) break;
      if (fields.length > 0) this.#take(fields, line, records);
    }
    this.#text = this.#text.slice(this.#at);
    this.#at = 0;
    this.#tried = this.#text.length;
    return records;
  }

  /** Makes the first fields the header, and others a record. */
  #take(fields: readonly string[], line: number, records: CsvRecord[]): void {
    const { file, header } = this.#format;
    if (this.#columns === undefined) {
      this.#columns = header ? fields : fields.map((_, i) => `${i + 1}`);
      if (header) {
        const twice = fields.find((name, i) => fields.indexOf(name) !== i);
        if (twice === undefined) return;
        throw csvError({ file, line }, twice, "a name that no other column has", "it twice");
      }
    }
    const columns = this.#columns;
    if (fields.length !== columns.length) {
      const as = header ? "the header" : "the first record";
      throw csvError(
        { file, line },
        columns[fields.length],
        `${columns.length} fields, as in ${as}`,
        `${fields.length}`,
      );
    }
    records.push({ file, line, columns, fields });
  }

  /**
   * The fields of the record at `#at`, which is moved behind it; none for an empty line. Undefined if the
   * text ends before the record does.
   */
  #scan(last: boolean): string[] | undefined {
    const text = this.#text;
    const fields: string[] = [];
    let at = this.#at;
    let lines = 1;
    if (at === text.length) return undefined;
    for (;;) {
      const start = at;
      const isQuoted = text.charCodeAt(at) === QUOTE;
      if (isQuoted) {
        const end = closingQuote(text, at + 1);
        if (end < 0 && !last) return undefined;
        if (end < 0) {
          throw this.#error(fields, "a quote that ends the field", "the end of the file");
        }
        const field = text.slice(start + 1, end);
        lines += count(field, 0, field.length);
        fields.push(field.includes('"') ? field.replaceAll('""', '"') : field);
        at = end + 1;
      } else {
        at = this.#endOfField(at);
        fields.push(text.slice(start, at));
      }
      // More of the field may follow; a quote at the very end may turn out to be the first of two.
      if (at >= text.length && !last) return undefined;
      const next = text.charCodeAt(at);
      at++;
      if (next === this.#separator) continue;
      if (next === CARRIAGE_RETURN) {
        if (at === text.length && !last) return undefined;
        if (text.charCodeAt(at) !== LINE_FEED) {
          fields.pop();
          throw this.#error(fields, "a line feed after the carriage return", "none");
        }
        at++;
      } else if (next !== LINE_FEED && at <= text.length) {
        fields.pop();
        throw isQuoted
          ? this.#error(fields, "a separator or a new line after the quotes", quoted(text[at - 1]!))
          : this.#error(fields, "quotes around the whole field, the inner ones doubled", "a quote");
      }
      this.#at = Math.min(at, text.length);
      this.#line += lines;
      return fields.length === 1 && fields[0] === "" && !isQuoted ? [] : fields;
    }
  }

  /** The position of the character that ends an unquoted field, or cannot be in it. */
  #endOfField(start: number): number {
    const text = this.#text;
    const separator = this.#separator;
    let at = start;
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (
        code === separator || code === LINE_FEED || code === CARRIAGE_RETURN || code === QUOTE
      ) break;
    }
    return at;
  }

  #checkLength(length: number, line: number): void {
    const { file, maxRecord } = this.#format;
    if (length <= maxRecord) return;
    const expected = `a record of at most ${maxRecord} characters (are all quotes closed?)`;
    throw csvError({ file, line }, undefined, expected, "a longer one");
  }

  #place(): CsvPlace {
    return { file: this.#format.file, line: this.#line };
  }

  /** An error in the field after these. */
  #error(fields: readonly string[], expected: string, got: string): FormatError {
    return csvError(this.#place(), this.#columns?.[fields.length], expected, got);
  }
}

/** The position of the first quote from `start` that is not doubled; −1 if there is none. */
function closingQuote(text: string, start: number): number {
  let end = text.indexOf('"', start);
  while (end >= 0 && text.charCodeAt(end + 1) === QUOTE) end = text.indexOf('"', end + 2);
  return end;
}

/** The line feeds in text[start … end − 1]. */
function count(text: string, start: number, end: number): number {
  let found = 0;
  for (let at = text.indexOf("\n", start); at >= 0 && at < end; at = text.indexOf("\n", at + 1)) {
    found++;
  }
  return found;
}
