/**
 * `deno task compare` as its users run it: as a process of its own, with the permissions of deno.json.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { withFolder } from "./folder.ts";
import { writeColours, writeDigits } from "./image_data.ts";
import { runTask } from "./task.ts";

const compare = (args: readonly string[]) => runTask("compare", args);
const SMALL = ["--examples=40", "--passes=2", "--hidden=4", "--l2=0.1"];

Deno.test("compare: both tables and four pictures, of digits in a folder", async () => {
  await withFolder(async (folder) => {
    await writeDigits(`${folder}/digits`, 50, 1);
    const out = `${folder}/new/out`;
    const args = [...SMALL, "--data", `${folder}/digits`, "--out", out];
    const { code, stdout, stderr } = await compare(args);
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^Even or odd, MNIST files in .*digits: 40 examples of 784 numbers; /);
    for (
      const line of [
        /^Logistic regression, l2 = 0.1$/m,
        /^Newton +reached +9.9 MB/m,
        /^Network 784-4-2, tanh$/m,
        /^Newton +not run +79 MB/m, // 3,150 parameters
        /^Adam, 32 a step, rate /m,
      ]
    ) assertMatch(stdout, line);
    const names = ["logistic-passes", "logistic-time", "mlp-passes", "mlp-time"];
    const files = (await Array.fromAsync(Deno.readDir(out))).map(({ name }) => name).sort();
    assertEquals(files, names.map((name) => `${name}.svg`));
    for (const file of files) {
      const svg = await Deno.readTextFile(`${out}/${file}`);
      const methods = file.startsWith("mlp") ? ["Momentum", "Adam"] : ["Newton", "L-BFGS"];
      for (const name of methods) assert(svg.includes(`>${name}</text>`), `${name} in ${file}`);
    }
  });
});

Deno.test("compare: one problem of a CSV file", async () => {
  await withFolder(async (folder) => {
    const records = Array.from({ length: 30 }, (_, i) => `${i % 7},${i % 3},${"abc"[i * i % 3]}`);
    await Deno.writeTextFile(`${folder}/t.csv`, ["p,q,kind", ...records].join("\n"));
    const data = [`--data=${folder}/t.csv`, "--label=kind", `--out=${folder}/out`];
    const { code, stdout, stderr } = await compare([...SMALL, ...data, "--problem=logistic"]);
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^"kind" of .*t\.csv: 30 examples of 2 numbers; /);
    assert(!stdout.includes("Network"), stdout);
  });
});

Deno.test("compare refuses, and leaves nothing", async () => {
  await withFolder(async (folder) => {
    await writeColours(`${folder}/colours`, 2, 1);
    await Deno.writeTextFile(`${folder}/t.csv`, "p,kind\n1,a\n2,b\n");
    const cases: [args: string[], code: number, message: string][] = [
      [["--problem=svm"], 2, '--problem: expected one of "both", "logistic", "mlp", got "svm"\n'],
      [["--example=3"], 2, "Unknown option --example; did you mean --examples?\n"],
      [["--label=kind"], 2, "--label: expected a CSV file as --data with it, got none\n"],
      [[`--data=${folder}/t.csv`], 2, `--label: expected a column of ${folder}/t.csv to predict`],
      [[`--data=${folder}/t.csv`, "--label=q"], 2, '("p", "kind"), got "q"\n'],
      [[`--data=${folder}/colours`], 2, "--data: expected digits or a CSV file, got CIFAR-10"],
      [[`--data=${folder}/none`], 2, "which does not exist\n"],
    ];
    for (const [args, expected, message] of cases) {
      const { code, stdout, stderr } = await compare([...args, `--out=${folder}/out`]);
      assertEquals([code, stdout], [expected, ""], args.join(" "));
      assert(stderr.includes(message), stderr);
      assert(!stderr.includes("    at "), stderr);
    }
    const { stdout } = await compare(["--help"]);
    for (const name of ["problem", "data", "hidden", "out"]) assert(stdout.includes(`--${name}`));
    assert(stdout.split("\n").every((line) => line.length <= 100), stdout);
    assert(await Deno.stat(`${folder}/out`).then(() => false, () => true));
  });
});
