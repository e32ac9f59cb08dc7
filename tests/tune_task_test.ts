/**
 * `deno task tune`: its command line and its report; and as a process that has no time to measure.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { OptionError } from "../src/errors.ts";
import type { TuningResult } from "../src/gpu/tuner.ts";
import { helpText, parseOptions, reportText } from "../tools/tune.ts";
import { withFolder } from "./folder.ts";
import { DENO_DIR, ROOT, taskCommand } from "./task.ts";

Deno.test("tune: the help names every option, and fits a terminal", () => {
  const text = helpText();
  for (const option of Object.keys(parseOptions([]))) assert(text.includes(`--${option}`), option);
  for (const line of text.split("\n")) assert(line.length <= 100, line);
});

Deno.test("tune: every option is checked", () => {
  assertEquals(parseOptions(["--input", "3,32,32", "--model", "alexnet-small"]).input, [3, 32, 32]);
  for (
    const [args, message] of [
      ["--model resnet", '--model: expected one of "mlp"'],
      ["--batch-size 0", "--batch-size: expected a whole number of at least 1, got 0"],
      ["--input 3,,32", "--input: expected a whole number of at least 1"],
      ["--seconds -1", "--seconds: expected a number of at least 0, got -1"],
      ["--model lenet5 --hidden 5", "--hidden: expected none with --model lenet5, got one"],
      ["--batch 3", "Unknown option --batch; did you mean --batch-size?"],
    ] as const
  ) {
    assertThrows(() => parseOptions(args.split(" ")), OptionError, message);
  }
});

Deno.test("tune: the report says what was chosen, what was rejected, and what is left", () => {
  const result: TuningResult = {
    measured: true,
    label: "matmul NN 2×3×4",
    builtIn: "plain",
    builtInMilliseconds: 2,
    best: "register 4×4",
    bestMilliseconds: 1,
    tried: 3,
    abandoned: 1,
    rejected: ["block 8×8: element 0 is NaN"],
  };
  const known = { ...result, measured: false, tried: 0, rejected: [], best: "plain" };
  const text = reportText({ results: [known, result], left: 4, seconds: 1.25, file: undefined });
  assertMatch(text, /^matmul NN 2×3×4 +plain +2\.000 +register 4×4 +1\.000 +2\.00× +3 +1$/m);
  assertMatch(text, /^matmul NN 2×3×4 +plain +2\.000 +the same +1\.000 +2\.00× +known$/m);
  assertMatch(text, /^ {2}matmul NN 2×3×4: block 8×8: element 0 is NaN$/m);
  assertMatch(text, /^Measured 1 of 6 in 1\.3 s; for 4 the time was too short/m);
  assertMatch(text, /^Kept in memory only/m);
});

Deno.test("tune: as a process, with the permissions of the task", async () => {
  const command = await taskCommand("tune");
  const run = async (folder: string, ...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...command, ...args],
      cwd: ROOT,
      env: { DENO_DIR, XDG_CACHE_HOME: folder, LOCALAPPDATA: folder, NO_COLOR: "1" },
      stdout: "piped",
      stderr: "piped",
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  };
  await withFolder(async (folder) => {
    const text = await run(folder, "--hidden", "8", "--batch-size", "4", "--seconds", "0");
    assertMatch(text, /^Network {2}mlp, 4 examples a step$/m);
    assertMatch(text, /^Measured 0 of 5 in \d\.\d s; for 5 the time was too short/m);
    assertMatch(await run(folder, "--clear"), /^Nothing is known of this adapter now\.$/m);
  });
});
