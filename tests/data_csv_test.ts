import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { parse, stringify } from "@std/csv";
import {
  CsvRecords,
  type CsvSource,
  openCsv,
  readCsv,
  type ReadCsvOptions,
} from "../src/data/csv.ts";
import { FormatError, OptionError } from "../src/errors.ts";
import { Random } from "../src/random.ts";
import { checkMutants } from "./mutants.ts";

/** Fields, the header's first. */
async function fieldsOf(source: CsvSource, options: ReadCsvOptions = {}): Promise<string[][]> {
  const records = await Array.fromAsync(readCsv(source, { ...options, header: false }));
  return records.map(({ fields }) => [...fields]);
}

/** The text in pieces of random lengths, as UTF-8 that may be cut inside a character. */
function* cut(text: string, random: Random, longest: number): Generator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) {
    const end = at + random.integer(longest + 1);
    yield bytes.slice(at, end);
    at = end;
  }
}

async function assertRefused(
  source: CsvSource,
  message: string,
  options: ReadCsvOptions = {},
): Promise<void> {
  const read = () => Array.fromAsync(readCsv(source, { name: "a.csv", ...options }));
  const { message: text } = await assertRejects(read, FormatError);
  assertEquals(text, message);
}

Deno.test("readCsv reads random tables as @std/csv does, in whatever pieces they come", async () => {
  const random = new Random(1);
  const characters = ["a", "Z", "7", ",", ";", '"', "\n", " ", "é", "😀", "\t", "."];
  const word = () =>
    Array.from({ length: random.integer(6) }, () => characters[random.integer(12)]).join("");
  let quotedFields = 0;
  for (let i = 0; i < 500; i++) {
    // One column more than is random: a record of one empty field is an empty line.
    const columns = 1 + random.integer(4);
    const table = Array.from(
      { length: 1 + random.integer(6) },
      () => [`${i}`, ...Array.from({ length: columns }, word)],
    );
    const separator = [",", ";", "\t"][i % 3]!;
    const crlf = i % 2 === 0;
    const text = stringify(table, { separator, crlf });
    quotedFields += text.split('"').length - 1;
    assertEquals(parse(text, { separator }), table, "the reference");
    assertEquals(await fieldsOf(text, { separator }), table);
    for (const longest of [1, 3, 50]) {
      assertEquals(await fieldsOf(cut(text, random, longest), { separator }), table);
    }
    // Without the last line end.
    assertEquals(await fieldsOf(text.replace(/\r?\n$/, ""), { separator }), table);
  }
  assert(quotedFields > 1000);
});

Deno.test("readCsv: header, lines, mark of UTF-8 and empty lines", async () => {
  const text = '\ufeffname,note\r\n\r\nAda,"two\nlines"\n"",\n\n  ,x\n';
  const records = readCsv(text, { name: "a.csv" });
  assertEquals([records.file, await records.columns()], ["a.csv", ["name", "note"]]);
  const expected = [
    [3, ["Ada", "two\nlines"]],
    [5, ["", ""]],
    [7, ["  ", "x"]],
  ];
  for (const source of [text, new TextEncoder().encode(text)]) {
    const chunks = typeof source === "string" ? source : [source.slice(0, 2), source.slice(2)];
    const all = await Array.fromAsync(readCsv(chunks, { name: "a.csv" }));
    assertEquals(all.map(({ line, fields }) => [line, fields]), expected);
    assert(all.every(({ file, columns }) => file === "a.csv" && columns === all[0]!.columns));
  }
  const unnamed = await Array.fromAsync(readCsv("1,2\n", { header: false }));
  assertEquals(unnamed[0]!.columns, ["1", "2"]);
  assertEquals(await Array.fromAsync(readCsv("only,a,header\n")), []);
  assertEquals(await fieldsOf('a\n\n""\nb'), [["a"], [""], ["b"]], "quotes make a record");
});

Deno.test("readCsv refuses what is no CSV, with file, line and column", async (t) => {
  const cases: [text: string, message: string][] = [
    ["", "line 1: expected a header, got the end of the file"],
    ["\n\n", "line 3: expected a header, got the end of the file"],
    ["a,b,a\n", 'line 1, column "a": expected a name that no other column has, got it twice'],
    ["a,b\n1\n", 'line 2, column "b": expected 2 fields, as in the header, got 1'],
    ["a,b\n1,2\n\n1,2,3\n", "line 4: expected 2 fields, as in the header, got 3"],
    [
      'a,b\n1,"2\n3\n',
      'line 2, column "b": expected a quote that ends the field, got the end of the file',
    ],
    [
      'a,b\n1,"2\n"x\n',
      'line 2, column "b": expected a separator or a new line after the quotes, got "x"',
    ],
    [
      'a,b\n1,2"\n',
      'line 2, column "b": expected quotes around the whole field, the inner ones doubled, got a quote',
    ],
    [
      "a,b\n1\r,2\n",
      'line 2, column "a": expected a line feed after the carriage return, got none',
    ],
    [
      "a,b\n1,2\r",
      'line 2, column "b": expected a line feed after the carriage return, got none',
    ],
  ];
  for (const [text, message] of cases) {
    await t.step(JSON.stringify(text), async () => {
      await assertRefused(text, `a.csv: ${message}`);
      await assertRefused([...text], `a.csv: ${message}`);
    });
  }
  await t.step("not UTF-8", async () => {
    const bytes = new TextEncoder().encode("a,b\né,2\n3,4\n");
    bytes[9] = 0xff;
    const message = "a.csv: line 3: expected text in UTF-8, got bytes that are none";
    await assertRefused([bytes], message);
    await assertRefused([bytes.slice(0, 5), bytes.slice(5)], message);
    await assertRefused(
      [new Uint8Array([0x61, 0x0a, 0xc3])],
      message.replace("line 3", "line 2"),
    );
  });
});

Deno.test("readCsv: a record that is too long is refused before all of it is read", async () => {
  let taken = 0;
  function* endless() {
    yield 'a,b\n1,"';
    for (;; taken++) yield "no end to this\n";
  }
  const expected = "a.csv: line 2: expected a record of at most 1000 characters " +
    "(are all quotes closed?), got a longer one";
  await assertRefused(endless(), expected, { maxRecord: 1000 });
  assert(taken < 200, `${taken} pieces were taken`);
  await assertRefused(`a,b\n1,${"2".repeat(1000)}\n`, expected, { maxRecord: 1000 });
  const long = "x".repeat(1_000_000);
  assertEquals((await fieldsOf(`${long},1\n`))[0]![0], long);
});

Deno.test("readCsv: pieces of one character take linear time", async () => {
  const long = `"${"x".repeat(200_000)}"`;
  const start = performance.now();
  assertEquals((await fieldsOf([...long]))[0]![0]!.length, 200_000);
  // Parsing anew with each piece would look at 2 · 10¹⁰ characters.
  assert(performance.now() - start < 5000);
});

Deno.test("readCsv: mutants are read, or refused with their place", async () => {
  const text = 'name,"size, in cm",kind\nAda,1.5e0,"a ""b"""\r\nBob,22,c\n"Cid\n",3,é\n';
  const outcome = await checkMutants(
    new TextEncoder().encode(text),
    async (bytes) => {
      for await (const { columns, fields } of readCsv([bytes], { name: "mutant" })) {
        assertEquals(fields.length, columns.length);
      }
    },
    { place: 'line \\d+(, column ".*")?', leastRejected: 0.2 },
  );
  assert(outcome.parsed > 1000, JSON.stringify(outcome));
});

Deno.test("openCsv reads a file again with each pass, and closes it when left early", async () => {
  const path = await Deno.makeTempFile({ prefix: "strata-", suffix: ".csv" });
  try {
    const lines = Array.from({ length: 50_000 }, (_, i) => `${i},${i * i}\n`);
    await Deno.writeTextFile(path, `n,square\n${lines.join("")}`);
    const records = openCsv(path);
    assert(records instanceof CsvRecords);
    assertEquals(await records.columns(), ["n", "square"]);
    for (let pass = 0; pass < 2; pass++) {
      let count = 0;
      for await (const { line, fields } of records) {
        if (fields[0] !== `${count}` || line !== count + 2) throw new Error(`${line}: ${fields}`);
        count++;
      }
      assertEquals(count, 50_000);
    }
    for await (const { fields } of records) {
      assertEquals(fields, ["0", "0"]);
      break; // the file must be closed now, which the test's sanitizer sees
    }
  } finally {
    await Deno.remove(path);
  }
  await assertRejects(() => openCsv(path).columns(), Deno.errors.NotFound);
});

Deno.test("CsvRecords.split: disjoint, together everything, the same for the same seed", async () => {
  const text = `n\n${Array.from({ length: 4000 }, (_, i) => `${i}\n`).join("")}`;
  const numbers = async (records: CsvRecords) =>
    (await Array.fromAsync(records)).map(({ fields }) => Number(fields[0]));
  const parts = async (source: CsvSource, fraction: number, seed: number) =>
    await Promise.all(readCsv(source).split(fraction, { seed }).map(numbers));
  const [first, second] = await parts(text, 0.8, 7) as [number[], number[]];
  assertEquals([...first, ...second].sort((a, b) => a - b), [...Array(4000).keys()]);
  // Binomial: 3200 with a deviation of 25.3; six of them.
  assert(Math.abs(first.length - 3200) < 152, `${first.length}`);
  assertEquals(await parts(() => [...text.matchAll(/.{1,99}/gs)].map(String), 0.8, 7), [
    first,
    second,
  ]);
  const [other] = await parts(text, 0.8, 8) as [number[], number[]];
  const both = other.filter((n) => first.includes(n)).length;
  assert(Math.abs(both - 0.64 * 4000) < 200, `${both} in both`);
  // A part is split, and filtered, like the whole.
  const [, half] = readCsv(text).split(0.8, { seed: 7 });
  const quarters = await Promise.all(half.split(0.5, { seed: 8 }).map(numbers));
  assertEquals(quarters.flat().sort((a, b) => a - b), second);
  const even = half.filter(({ fields }) => Number(fields[0]) % 2 === 0);
  assertEquals(await numbers(even), second.filter((n) => n % 2 === 0));
  assertEquals((await parts(text, 1, 7))[1], []);
  assertEquals((await parts(text, 0, 7))[0], []);
});

Deno.test("readCsv: a stream is read once, a function's again and again", async () => {
  const open = () => new Blob(["a,b\n1,2\n"]).stream();
  for (const once of [open(), [open()].values().flatMap(() => ["a,b\n1,2\n"])]) {
    const records = readCsv(once);
    assertEquals((await Array.fromAsync(records))[0]!.fields, ["1", "2"]);
    await assertRejects(() => Array.fromAsync(records), OptionError, "which was read already");
  }
  for (const again of [open, () => Promise.resolve(open()), ["a,b\n", "1,2"]]) {
    const records = readCsv(again);
    assertEquals(await records.columns(), ["a", "b"]);
    for (let pass = 0; pass < 2; pass++) {
      assertEquals((await Array.fromAsync(records))[0]!.fields, ["1", "2"]);
    }
  }
});

Deno.test("readCsv, openCsv and split check their options", () => {
  for (const separator of ["", ",,", '"', "\n"]) {
    assertThrows(
      () => readCsv("a", { separator }),
      OptionError,
      "readCsv: separator: expected one",
    );
  }
  assertThrows(() => readCsv("a", { maxRecord: 0 }), OptionError, "readCsv: maxRecord");
  assertThrows(() => readCsv("a", { delimiter: ";" } as object), OptionError, '"delimiter"');
  assertThrows(() => openCsv("a", { name: "b" } as object), OptionError, '"name"');
  assertThrows(() => readCsv("a").split(2, { seed: 1 }), OptionError, "split: fraction");
  assertThrows(() => readCsv("a").split(0.5, { seed: -1 }), OptionError, "split: seed");
});
