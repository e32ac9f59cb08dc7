/**
 * `deno task train` with CSV files.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { openCsv } from "../src/data/csv.ts";
import { fitTable } from "../src/data/table_fit.ts";
import { loadTable } from "../src/data/table.ts";
import { OptionError } from "../src/errors.ts";
import { Sequential } from "../src/models/sequential.ts";
import { Random } from "../src/random.ts";
import { parseOptions } from "../tools/train_options.ts";
import { withFolder } from "./folder.ts";
import { openGpu } from "./gpu.ts";
import { runTask, type RunTaskOptions } from "./task.ts";

const train = (args: readonly string[], options?: RunTaskOptions) =>
  runTask("train", args, options);

/** Stones of three kinds, which weight and colour tell apart but for a few. */
async function writeStones(path: string, count: number, separator = ","): Promise<void> {
  const random = new Random(5);
  const lines = ["id,weight,colour,kind"];
  for (let i = 0; i < count; i++) {
    const kind = random.integer(3);
    const weight = [10, 20, 20][kind]! + 2 * random.normal();
    const colour = random.integer(20) === 0 ? "white" : ["white", "white", '"dark, gray"'][kind]!;
    lines.push(`stone ${i},${weight},${colour},${["flint", "granite", "slate"][kind]}`);
  }
  const text = `${lines.join("\r\n")}\r\n`;
  await Deno.writeTextFile(
    path,
    separator === "," ? text : text.replaceAll(/,(?! )/g, separator),
  );
}

const COMMON = ["--label=kind", "--ignore=id", "--batch-size=20", "--epochs=5"];

Deno.test("train --data file.csv: told, trained, saved with its encoding", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/stones.csv`;
    await writeStones(path, 400);
    const { code, stdout, stderr } = await train(
      ["--data", path, ...COMMON, "--model=logistic", "--out", `${folder}/out`],
    );
    assertEquals([code, stderr], [0, ""]);
    assert(stdout.includes(`Data      CSV file ${path}\n`), stdout);
    assertMatch(stdout, /\d+ records to train on, \d+ to test with\n/);
    assert(stdout.includes('3 inputs from 2 columns, 3 classes in "kind"\n'), stdout);
    assertMatch(stdout, /5 epochs of \d+ steps, 20 records each\n/);
    assertMatch(stdout, /\nConfusion matrix of the test records: [^]*\nkind +0 +1 +2 +recall\n/);
    for (const name of ["0 flint", "1 granite", "2 slate"]) {
      assertMatch(stdout, new RegExp(`^${name} `, "m"));
    }
    assert(stdout.includes(`Saved     ${folder}/out: model.safetensors, history.json, table.json`));
    assert(!/image/i.test(stdout), stdout);
    const history = JSON.parse(await Deno.readTextFile(`${folder}/out/history.json`));
    assertEquals(history.data.train + history.data.test, 400);
    assertEquals(history.options.label, "kind");
    const { valAccuracy } = history.epochs[4];
    assert(valAccuracy > 0.85, `${valAccuracy}`);

    // What was saved is enough to predict: the test records get the accuracy that was told.
    const table = await loadTable(`${folder}/out/table.json`);
    assertEquals(table.features, ["weight", "colour=dark, gray", "colour=white"]);
    using model = await Sequential.load(`${folder}/out/model.safetensors`, {
      gpu: await openGpu(),
    });
    const [learnt, test] = openCsv(path).split(1 - 0.2, { seed: 7 });
    const expected = await fitTable(learnt, { label: "kind", ignore: ["id"] });
    assertEquals(table.toJSON(), expected.toJSON(), "learnt from the training records alone");
    const scores = await model.predict(table.inputs(test));
    const labels = (await Array.fromAsync(test)).map(({ fields }) => fields[3]!);
    const right = labels.filter((label, i) => {
      const row = scores.subarray(3 * i, 3 * i + 3);
      return table.classNames![row.indexOf(Math.max(...row))] === label;
    }).length;
    assertEquals(right / labels.length, valAccuracy);
  });
});

Deno.test("train --stream: the same records, read anew in each epoch", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/stones.csv`;
    await writeStones(path, 400, "\t");
    const args = ["--data", path, ...COMMON, "--separator=tab", "--hidden=8"];
    const whole = await train([...args, "--out", `${folder}/whole`]);
    assertEquals([whole.code, whole.stderr], [0, ""]);
    const { code, stdout, stderr } = await train([...args, "--stream", "--out", `${folder}/out`]);
    assertEquals([code, stderr], [0, ""]);
    assert(stdout.includes(`CSV file ${path}, read anew in each epoch\n`), stdout);
    const [first, second] = await Promise.all(["whole", "out"].map(async (name) => {
      const table = await Deno.readTextFile(`${folder}/${name}/table.json`);
      return { table, ...JSON.parse(await Deno.readTextFile(`${folder}/${name}/history.json`)) };
    }));
    assertEquals(second.table, first.table);
    assertEquals(second.data.train, first.data.train);
    assertEquals(second.data.test, first.data.test);
    assertEquals(second.stepLosses.length, first.stepLosses.length);
    assert(second.epochs[4].valAccuracy > 0.85, stdout);
    const [test] = /^Confusion[^]*\n─+\nprecision/m.exec(stdout)!;
    const counts = [...test.matchAll(/^\d \w+((?: +[\d·]+)+) +[\d.]+$/gm)]
      .flatMap(([, row]) => row!.trim().split(/ +/).map((cell) => cell === "·" ? 0 : Number(cell)));
    assertEquals(counts.length, 9);
    assertEquals(counts.reduce((sum, count) => sum + count, 0), second.data.test);
  });
});

Deno.test("train refuses what does not go with a CSV file, or with none", async (t) => {
  await withFolder(async (folder) => {
    const path = `${folder}/stones.csv`;
    await writeStones(path, 100);
    await Deno.writeTextFile(`${folder}/one.csv`, "a,b\n1,x\n2,x\n");
    await Deno.writeTextFile(`${folder}/bad.csv`, "a,b\n1,x\n2,y\nthree,x\n");
    const data = ["--data", path];
    const columns = `a column of ${path} ("id", "weight", "colour", "kind")`;
    const cases: [args: string[], code: number, message: string][] = [
      [data, 2, `--label: expected ${columns}, got none`],
      [[...data, "--label=Kind"], 2, `--label: expected ${columns}, got "Kind"`],
      [[...data, "--label=kind", "--ignore=no"], 2, `--ignore: expected ${columns}, got "no"`],
      [
        [...data, "--label=kind", "--model=lenet5"],
        2,
        "--model: expected mlp or logistic with a CSV file, got lenet5, whose convolutions need images",
      ],
      [[...data, "--label=kind", "--augment"], 2, "--augment: expected images as --data with it"],
      [
        [...data, "--label=kind", "--ignore=id", "--test-fraction=0"],
        2,
        "--test-fraction: expected one that leaves records",
      ],
      [
        ["--data", `${folder}/one.csv`, "--label=b"],
        2,
        "--label: expected a column with several values",
      ],
      [
        ["--data", `${folder}/bad.csv`, "--label=b", "--test-fraction=0"],
        1,
        `${folder}/bad.csv: line 4, column "a": expected a number as in line 2`,
      ],
      [
        ["--offline", "--label=kind"],
        2,
        "--label: expected a CSV file as --data with it, got none",
      ],
      [["--data", folder, "--stream"], 2, "--stream: expected a CSV file as --data with it"],
    ];
    for (const [args, expected, message] of cases) {
      await t.step(message.replaceAll(folder, ""), async () => {
        const { code, stderr } = await train(args);
        assert(stderr.startsWith(message), stderr);
        assertEquals(code, expected);
      });
    }
  });
});

Deno.test("train reads the options of CSV files", () => {
  const options = parseOptions(["--categorical=a,b c", "--separator", ";", "--test-fraction=0.5"]);
  assertEquals([options.categorical, options.ignore], [["a", "b c"], undefined]);
  assertEquals([options.separator, options["test-fraction"]], [";", 0.5]);
  assertEquals(parseOptions(["--separator=tab"]).separator, "\t");
  assertThrows(
    () => parseOptions(["--separator=;;"]),
    OptionError,
    '--separator: expected one character or tab, got ";;"',
  );
  assertThrows(() => parseOptions(["--test-fraction=2"]), OptionError, "--test-fraction: expected");
});
