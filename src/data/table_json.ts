/**
 * An encoding of a table as JSON.
 *
 * @module
 */

import { FormatError } from "../errors.ts";
import { quoted } from "./csv_parser.ts";
import type { FeatureColumn, LabelColumn, TableParts } from "./table_columns.ts";

/** The names of what the JSON says it is, so that another file is not taken for one. */
const FORMAT = "strata-table";
const VERSION = 1;

/** A {@linkcode TableEncoding} as JSON. */
export interface TableJson extends TableParts {
  /** That it is one. */
  readonly format: "strata-table";
  /** The version of the format. */
  readonly version: 1;
}

/** What there is to save. */
export function tableJson({ columns, label, records }: TableParts): TableJson {
  return { format: FORMAT, version: VERSION, records, label, columns };
}

/**
 * Checks that a value from JSON describes an encoding, and copies what belongs to it.
 *
 * @throws {FormatError} naming the file, the member and what was expected.
 */
export function parseTable(json: unknown, file: string): TableParts {
  const table = new Member(json, "the table", file);
  table.member("format").mustBe(FORMAT);
  table.member("version").mustBe(VERSION);
  const records = table.member("records").number(1);
  const label = labelOf(table.member("label"));
  const columns = table.member("columns").list().map(columnOf);
  const names = [label.name, ...columns.map(({ name }) => name)];
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw table.member("columns").error("different names", `${quoted(twice)} twice`);
  }
  return { columns, label, records };
}

function labelOf(json: Member): LabelColumn {
  const name = json.member("name").text();
  if (json.member("kind").oneOf("class", "number") === "number") return { kind: "number", name };
  return { kind: "class", name, classes: json.member("classes").names() };
}

function columnOf(json: Member): FeatureColumn {
  const name = json.member("name").text();
  if (json.member("kind").oneOf("category", "number") === "category") {
    return { kind: "category", name, categories: json.member("categories").names() };
  }
  const mean = json.member("mean").number(-Infinity);
  return { kind: "number", name, mean, deviation: json.member("deviation").number(0) };
}

/** A value in the JSON, with its place for errors. */
class Member {
  readonly #value: unknown;
  readonly #place: string;
  readonly #file: string;

  constructor(value: unknown, place: string, file: string) {
    this.#value = value;
    this.#place = place;
    this.#file = file;
  }

  error(expected: string, got: string): FormatError {
    return new FormatError(`${this.#file}: ${this.#place}: expected ${expected}, got ${got}`);
  }

  member(name: string): Member {
    const value = this.#value;
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) {
      throw this.error(`an object with "${name}"`, this.#shown());
    }
    return new Member(
      (value as Record<string, unknown>)[name],
      `${this.#place}: ${name}`,
      this.#file,
    );
  }

  mustBe(expected: string | number): void {
    if (this.#value !== expected) throw this.error(JSON.stringify(expected), this.#shown());
  }

  oneOf<T extends string>(...names: readonly T[]): T {
    if ((names as readonly unknown[]).includes(this.#value)) return this.#value as T;
    throw this.error(`one of ${names.map(quoted).join(", ")}`, this.#shown());
  }

  text(): string {
    if (typeof this.#value !== "string") throw this.error("a text", this.#shown());
    return this.#value;
  }

  /** A finite number, as JSON has no others. */
  number(min: number): number {
    const value = this.#value;
    if (typeof value === "number" && Number.isFinite(value) && value >= min) return value;
    throw this.error(min === -Infinity ? "a number" : `a number of at least ${min}`, this.#shown());
  }

  list(): readonly Member[] {
    const value = this.#value;
    if (!Array.isArray(value) || value.length === 0) throw this.error("a list", this.#shown());
    return value.map((item, i) => new Member(item, `${this.#place}[${i}]`, this.#file));
  }

  names(): readonly string[] {
    const names = this.list().map((member) => member.text());
    if (new Set(names).size < names.length) throw this.error("different names", "one twice");
    return names;
  }

  #shown(): string {
    const value = this.#value;
    if (Array.isArray(value)) return `a list of ${value.length}`;
    if (typeof value === "object" && value !== null) return "an object without it";
    return typeof value === "string" ? quoted(value) : String(value);
  }
}
