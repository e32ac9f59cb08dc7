import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertThrows,
} from "@std/assert";
import type { Batch } from "../src/data/batch.ts";
import { type CsvRecords, readCsv } from "../src/data/csv.ts";
import { loadTable, TableEncoding } from "../src/data/table.ts";
import type { NumberColumn } from "../src/data/table_columns.ts";
import { fitTable, type TableOptions } from "../src/data/table_fit.ts";
import { FormatError, OptionError } from "../src/errors.ts";
import { Random } from "../src/random.ts";
import { checkMutants } from "./mutants.ts";

const FRUIT = "size,colour,fruit\n3,red,cherry\n9,green,apple\n9,red,apple\n3,red,cherry\n";

/** Flowers: two numbers around means that depend on the kind, and a site. */
function flowers(count: number, seed = 1): string {
  const random = new Random(seed);
  const rows = Array.from({ length: count }, (_, i) => {
    const kind = random.integer(3);
    const site = ["hill", "shore"][random.integer(2)];
    const [a, b] = [5 + kind + random.normal(), 100 - 10 * kind + random.normal()];
    return `${i},${a.toFixed(3)},${b},${site},kind ${kind}\n`;
  });
  return `id,length,weight,site,kind\n${rows.join("")}`;
}

const FLOWERS: TableOptions = { label: "kind", ignore: ["id"] };

function read(text: string): CsvRecords {
  return readCsv(text, { name: "a.csv" });
}

async function assertRefused(action: () => Promise<unknown>, message: string): Promise<void> {
  const { message: text } = await assertRejects(action, FormatError);
  assertEquals(text, `a.csv: ${message}`);
}

function numberColumn(table: TableEncoding, place: number): NumberColumn {
  const column = table.columns[place];
  if (column?.kind !== "number") throw new Error(`column ${place} has no numbers`);
  return column;
}

/** All batches of a source as one. */
async function joined(batches: AsyncIterable<Batch>): Promise<{ x: number[]; y: number[] }> {
  const all = await Array.fromAsync(batches);
  return { x: all.flatMap(({ x }) => [...x]), y: all.flatMap(({ y }) => [...y]) };
}

Deno.test("fitTable: numbers standardised, names one-hot in their order", async () => {
  const table = await fitTable(read(FRUIT), { label: "fruit" });
  assertEquals(table.columns, [
    { kind: "number", name: "size", mean: 6, deviation: 3 },
    { kind: "category", name: "colour", categories: ["green", "red"] },
  ]);
  assertEquals(table.label, { kind: "class", name: "fruit", classes: ["apple", "cherry"] });
  assertEquals([table.inputShape, table.records], [[3], 4]);
  assertEquals(table.features, ["size", "colour=green", "colour=red"]);
  const set = await table.encode(read(FRUIT));
  assertEquals(set.x, new Float32Array([-1, 0, 1, 1, 1, 0, 1, 0, 1, -1, 0, 1]));
  assertEquals([set.y, set.classNames], [new Uint32Array([1, 0, 0, 1]), ["apple", "cherry"]]);
});

Deno.test("fitTable: mean and deviation of random numbers, as two passes over them give", async () => {
  const random = new Random(3);
  const values = Array.from({ length: 5000 }, () => 1e6 + random.normal());
  const text = `x,y\n${values.map((value, i) => `${value},${i % 2}\n`).join("")}`;
  const column = numberColumn(await fitTable(read(text), { label: "y" }), 0);
  const mean = values.reduce((sum, value) => sum + value, 0) / 5000;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 5000;
  // Each of the 5,000 roundings is at most 2⁻⁵³ · 10⁶.
  assertAlmostEquals(column.mean, mean, 5000 * 1e6 * 2 ** -53);
  assertAlmostEquals(column.deviation, Math.sqrt(variance), 1e-6);
});

Deno.test("fitTable learns from the training data only", async () => {
  const all = read(flowers(600));
  const [train, test] = all.split(0.7, { seed: 7 });
  const table = await fitTable(train, FLOWERS);
  // From the training rows alone, by other code.
  const rows = (await Array.fromAsync(train)).map(({ fields }) => fields);
  assertEquals(table.records, rows.length);
  for (const [i, place] of [[0, 1], [1, 2]] as const) {
    const values = rows.map((fields) => Number(fields[place]));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    assertAlmostEquals(numberColumn(table, i).mean, mean, 1e-10);
  }
  // Encoded, the training rows have mean 0 and deviation 1, which those of the test do not have.
  const moments = async (records: CsvRecords) => {
    const { x, length } = await table.encode(records);
    const values = Array.from({ length }, (_, i) => x[4 * i]!);
    const mean = values.reduce((sum, value) => sum + value, 0) / length;
    return [mean, values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / length];
  };
  const [mean, variance] = await moments(train) as [number, number];
  assert(Math.abs(mean) < 1e-6 && Math.abs(variance - 1) < 1e-6, `${mean}, ${variance}`);
  const [testMean, testVariance] = await moments(test) as [number, number];
  assert(Math.abs(testMean) > 1e-3 && Math.abs(testVariance - 1) > 1e-3);
  // Whatever the test rows hold does not matter: with their numbers multiplied, the encoding stays.
  const isTest = new Set((await Array.fromAsync(test)).map(({ line }) => line));
  const changed = flowers(600).split("\n").map((text, i) =>
    isTest.has(i + 1) ? text.replace(/^(\d+),/, "$1,9") : text
  ).join("\n");
  assert(changed !== flowers(600));
  const again = await fitTable(read(changed).split(0.7, { seed: 7 })[0], FLOWERS);
  assertEquals(again.toJSON(), table.toJSON());
  assert(JSON.stringify(await fitTable(read(changed), FLOWERS)) !== JSON.stringify(table));
});

Deno.test("fitTable: constant columns, numbers that are names, order of names", async () => {
  const text = "zip,one,kind\n10,5,10\n9,5,9\nx9,5,b\n10,5,a\n";
  const options = { label: "kind", categorical: ["zip"] };
  const table = await fitTable(read(text), options);
  assertEquals(table.features, ["zip=9", "zip=10", "zip=x9", "one"]);
  assertEquals(table.classNames, ["9", "10", "a", "b"]);
  assertEquals(table.columns[1], { kind: "number", name: "one", mean: 5, deviation: 0 });
  const { x } = await table.encode(read("zip,one,kind\n10,7,a\n"));
  assertEquals(x, new Float32Array([0, 1, 0, 2]));
});

Deno.test("fitTable: a label that is a number", async () => {
  const text = "a,b,price\n1,u,10.5\n3,v,-2\n";
  const table = await fitTable(read(text), { label: "price", labelKind: "number" });
  assertEquals([table.label, table.classNames], [{ kind: "number", name: "price" }, undefined]);
  const set = await table.encode(read(text));
  assertEquals([set.y, set.targetShape, set.classes], [new Float32Array([10.5, -2]), [1], 0]);
  assertEquals((await table.encode(read("a,b,price\n"))).length, 0);
  const batches = table.batches(read(text), { batchSize: 1 });
  assertEquals([batches.classes, batches.classNames, batches.inputShape], [0, undefined, [3]]);
  assertEquals((await joined(batches)).y, [10.5, -2]);
});

Deno.test("fitTable refuses what it cannot learn from, with line and column", async (t) => {
  const cases: [text: string, message: string][] = [
    ["a,b\n", "expected records to learn from, got none"],
    [
      "a,b\n1,x\n,x\n",
      'line 3, column "a": expected a number as in line 2 (or list the column in "categorical"), got nothing',
    ],
    [
      "a,b\n1,x\n2,x\nNA,y\n",
      'line 4, column "a": expected a number as in line 2 (or list the column in "categorical"), got "NA"',
    ],
    [
      "a,b\n1,x\n0x10,x\n",
      'line 3, column "a": expected a number as in line 2 (or list the column in "categorical"), got "0x10"',
    ],
    [
      "a,b\n1,x\n1e39,x\n",
      'line 3, column "a": expected a number as in line 2 (or list the column in "categorical"), got "1e39"',
    ],
    ["a,b\n,x\n", 'line 2, column "a": expected a value, got nothing'],
    ["a,b\n1,x\n2, \n", 'line 3, column "b": expected a value, got nothing'],
    [
      `a,b\n${"pqrs".split("").map((a) => `${a},x\n`).join("")}`,
      'line 5, column "a": expected at most 3 different values (or the column among those to "ignore"), got one more, "s"',
    ],
  ];
  for (const [text, message] of cases) {
    await t.step(message, async () => {
      await assertRefused(() => fitTable(read(text), { label: "b", maxCategories: 3 }), message);
    });
  }
  // What is ignored may be missing.
  await fitTable(read("a,b,c\n,x,1\nu,y,2\n"), { label: "b", ignore: ["a"] });
});

Deno.test("fitTable checks its options", async (t) => {
  const cases: [options: object, message: string][] = [
    [{}, 'fitTable: label: expected one of "size", "colour", "fruit", got undefined'],
    [{ label: "kind" }, 'fitTable: label: expected one of "size", "colour", "fruit", got "kind"'],
    [{ label: "fruit", ignore: ["id"] }, "fitTable: ignore[0]: expected one of"],
    [{ label: "fruit", categorical: ["id"] }, "fitTable: categorical[0]: expected one of"],
    [{ label: "fruit", ignore: ["fruit"] }, 'expected other columns than the label, got "fruit"'],
    [{ label: "fruit", ignore: ["size", "colour"] }, "expected a column besides the label"],
    [{ label: "fruit", labelKind: "text" }, "fitTable: labelKind: expected one of"],
    [{ label: "fruit", maxCategories: 0 }, "fitTable: maxCategories: expected"],
    [{ label: "fruit", target: "size" }, 'fitTable: unknown option "target"'],
  ];
  for (const [options, message] of cases) {
    await t.step(message, async () => {
      await assertRejects(
        () => fitTable(read(FRUIT), options as TableOptions),
        OptionError,
        message,
      );
    });
  }
});

Deno.test("TableEncoding refuses records that do not fit, with line and column", async (t) => {
  const table = await fitTable(read(FRUIT), { label: "fruit" });
  const cases: [text: string, message: string][] = [
    [
      "size,colour,fruit\n1,red,apple\n1,blue,apple\n",
      'line 3, column "colour": expected one of the training data\'s values ("green", "red"), got "blue"',
    ],
    [
      "size,colour,fruit\n1,red,plum\n",
      'line 2, column "fruit": expected one of the training data\'s values ("apple", "cherry"), got "plum"',
    ],
    ["size,colour,fruit\n1,,apple\n", 'line 2, column "colour": expected a value, got nothing'],
    ["size,colour,fruit\n,red,apple\n", 'line 2, column "size": expected a number, got nothing'],
    ["size,colour,fruit\nbig,red,apple\n", 'line 2, column "size": expected a number, got "big"'],
    ["size,fruit\n1,apple\n", 'line 2: expected a column "colour", got none'],
    ["size,colour\n1,red\n", 'line 2: expected a column "fruit", got none'],
  ];
  for (const [text, message] of cases) {
    await t.step(message, async () => {
      await assertRefused(() => table.encode(read(text)), message);
      await assertRefused(() => joined(table.batches(read(text))), message);
    });
  }
  await t.step("a number far beyond a small deviation", async () => {
    const small = await fitTable(read("a,b\n1e-30,x\n2e-30,y\n"), { label: "b" });
    const { message } = await assertRejects(
      () => small.encode(read("a,b\n1e30,x\n")),
      FormatError,
    );
    assert(message.startsWith('a.csv: line 2, column "a": expected a number near those'), message);
  });
  await t.step("many categories are not all listed", async () => {
    const names = Array.from({ length: 57 }, (_, i) => `name ${i},${i % 2}\n`);
    const many = await fitTable(read(`a,b\n${names.join("")}`), { label: "b" });
    const { message } = await assertRejects(() => many.encode(read("a,b\nx,1\n")), FormatError);
    assert(message.includes(' and 47 more), got "x"') && message.length < 300, message);
  });
});

Deno.test("TableEncoding: batches of a stream are the whole, pass after pass", async () => {
  const text = flowers(500);
  const table = await fitTable(read(text), FLOWERS);
  const whole = await table.encode(read(text));
  assertEquals(whole.inputShape, [4]);
  const pieces = readCsv(() => [...text.matchAll(/.{1,999}/gs)].map(String));
  for (const records of [read(text), pieces]) {
    const batches = table.batches(records, { batchSize: 32 });
    for (let pass = 0; pass < 2; pass++) {
      const all = await Array.fromAsync(batches);
      assertEquals(all.map(({ length }) => length), [...Array(15).fill(32), 20]);
      assertEquals(all.flatMap(({ x }) => [...x]), [...whole.x]);
      assertEquals(all.flatMap(({ y }) => [...y]), [...whole.y]);
    }
  }
});

Deno.test("TableEncoding: shuffled batches hold each record once, within its window, in another order each pass", async () => {
  const numbers = Array.from({ length: 230 }, (_, i) => `${i},${i % 3}\n`).join("");
  const table = await fitTable(read(`n,kind\n${numbers}`), { label: "kind" });
  const records = read(`n,kind\n${numbers}`);
  const { x: ordered, y: labels } = await table.encode(records);
  const order = [...ordered];
  // 90 is rounded up to 100, ten batches.
  const newBatches = () => table.batches(records, { batchSize: 10, shuffle: 5, window: 91 });
  const batches = newBatches();
  const both = [await joined(batches), await joined(batches)];
  for (const { x, y } of both) {
    assertEquals(y, x.map((value) => labels[order.indexOf(value)]!), "labels stay at their inputs");
  }
  const passes = both.map(({ x }) => x);
  assert(passes[0]!.join() !== passes[1]!.join() && passes[0]!.join() !== order.join());
  for (const x of passes) {
    for (const [start, end] of [[0, 100], [100, 200], [200, 230]] as const) {
      const sorted = x.slice(start, end).sort((a, b) => a - b);
      assertEquals(sorted, order.slice(start, end));
    }
    const places = x.map((value) => order.indexOf(value) % 100);
    assert(places.slice(0, 100).join() !== places.slice(100, 200).join(), "each window its own");
  }
  const again = newBatches();
  assertEquals([(await joined(again)).x, (await joined(again)).x], passes);
  assertThrows(() => table.batches(records, { window: 9 }), OptionError, "window");
  assertThrows(() => table.batches(records, { batchSize: 0 }), OptionError, "batchSize");
  assertThrows(() => table.batches(records, { shuffle: -1 }), OptionError, "shuffle");
});

Deno.test("TableEncoding: inputs without a label, columns in another order", async () => {
  const table = await fitTable(read(FRUIT), { label: "fruit" });
  const parts = await Array.fromAsync(
    table.inputs(read("note,colour,size\n,red,9\n,green,3\n,red,6\n"), { batchSize: 2 }),
  );
  assertEquals(parts, [new Float32Array([1, 0, 1, -1, 1, 0]), new Float32Array([0, 0, 1])]);
});

Deno.test("TableEncoding: JSON and back, bit for bit; damaged, a FormatError", async () => {
  const text = flowers(50);
  const table = await fitTable(read(text), FLOWERS);
  const json = JSON.stringify(table);
  const path = await Deno.makeTempFile({ prefix: "strata-" });
  try {
    await Deno.writeTextFile(path, json);
    const again = await loadTable(path);
    assertEquals(again.toJSON(), table.toJSON());
    assertEquals((await again.encode(read(text))).x, (await table.encode(read(text))).x);
    await Deno.writeTextFile(path, json.slice(1));
    await assertRejects(() => loadTable(path), FormatError, `${path}: expected JSON, got none`);
  } finally {
    await Deno.remove(path);
  }
  const damaged = { ...table.toJSON(), columns: [{ kind: "number", name: "a", mean: "1" }] };
  assertThrows(
    () => TableEncoding.fromJSON(damaged, "t.json"),
    FormatError,
    't.json: the table: columns[0]: mean: expected a number, got "1"',
  );
  const twice = { ...table.toJSON(), columns: [table.columns[0], table.columns[0]] };
  assertThrows(() => TableEncoding.fromJSON(twice), FormatError, '"length" twice');
  const [number] = table.columns;
  for (const wrong of [{ records: 0 }, { columns: [{ ...number, deviation: -1 }] }]) {
    const broken = { ...table.toJSON(), ...wrong };
    assertThrows(
      () => TableEncoding.fromJSON(broken),
      FormatError,
      "expected a number of at least",
    );
  }
  assertThrows(() => TableEncoding.fromJSON(null), FormatError, 'an object with "format"');
});

Deno.test("tables: mutants are encoded, or refused with their place", async () => {
  const table = await fitTable(read(FRUIT), { label: "fruit" });
  await checkMutants(new TextEncoder().encode(FRUIT), async (bytes) => {
    const records = readCsv([bytes], { name: "mutant" });
    const { x, length } = await table.encode(records);
    assertEquals(x.length, 3 * length);
    assert(x.every(Number.isFinite));
  }, { place: 'line \\d+(, column ".*")?' });
});

Deno.test("TableEncoding: mutants of its JSON are read, or refused with their place", async () => {
  const table = await fitTable(read(FRUIT), { label: "fruit" });
  await checkMutants(new TextEncoder().encode(JSON.stringify(table)), async (bytes) => {
    let json: unknown;
    try {
      json = JSON.parse(new TextDecoder().decode(bytes));
    } catch {
      throw new FormatError("mutant: the table: expected JSON, got none"); // as loadTable does
    }
    const again = TableEncoding.fromJSON(json, "mutant");
    // It may be another table now, which these records do not fit.
    await again.encode(read(FRUIT)).catch((error) => assertInstanceOf(error, FormatError));
  }, { place: "the table.*" });
});
