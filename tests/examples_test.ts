/**
 * Every script of examples/, as its readers run it, but small.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { loadImage, saveImage } from "../src/data/image_files.ts";
import { withFolder } from "./folder.ts";
import { writeColours } from "./image_data.ts";
import { DENO_DIR, ROOT, taskCommand } from "./task.ts";

/** How an example is run in seconds, and what its output must be. */
interface Run {
  readonly args: readonly string[];
  readonly output: RegExp;
  /** Puts files into the empty folder that the example runs in. */
  prepare?(folder: string): Promise<void>;
  /** Looks at what it left there. */
  inspect?(folder: string): Promise<void>;
}

const RUNS: Readonly<Record<string, readonly Run[]>> = {
  "cifar_alexnet.ts": [{
    args: ["cifar", "1", "40", "20"],
    output: /^40 images to train on, 20 to test with\n[^]*\nepoch 1 .*\n(\w+ +taken for .*%\n){8}$/,
    prepare: (folder) => writeColours(`${folder}/cifar`, 60, 30),
  }],
  "csv_logistic.ts": [
    {
      args: [],
      output:
        /^\d{3} records to train on, \d{3} to test with\nTest loss \d.* accuracy (9\d\.\d|100\.0)%\n\nInput +common +dwarf +giant\n[^]*\nplace=shore( +-?\d\.\d\d){3}\n\(bias\).*\n$/,
    },
    {
      args: ["stones.csv", "kind of stone", "5"],
      output: /\nInput +flint +slate\n─+\nweight .*\n\(bias\).*\n$/,
      prepare: (folder) =>
        Deno.writeTextFile(
          `${folder}/stones.csv`,
          `weight,kind of stone\n${"1,flint\n2,slate\n".repeat(50)}`,
        ),
    },
  ],
  "image_filtering.ts": [
    {
      args: [],
      output: /^(runs\/image_filtering\/\w+\.png {2}256 × 256, -?\d\.\d+ … \d\.\d+\n){5}$/,
      async inspect(folder) {
        const results = `${folder}/runs/image_filtering`;
        // Where the picture is even, there is no edge; somewhere there is.
        const edges = await loadImage(`${results}/edges.png`);
        assertEquals(edges.shape, [1, 256, 256]);
        assert(edges.data[0]! < 8 && edges.data.some((value) => value > 100));
        const across = await loadImage(`${results}/sobel_x.png`);
        assert(Math.abs(across.data[0]! - 128) <= 1, "gray where there is no edge");
      },
    },
    {
      args: ["step.ppm", "."],
      output: /^(\.\/\w+\.png {2}20 × 10, .*\n){5}$/,
      // Black at the left, white at the right: the step is at column 10.
      prepare: (folder) =>
        saveImage(`${folder}/step.ppm`, {
          shape: [1, 10, 20],
          data: Uint8Array.from({ length: 200 }, (_, i) => i % 20 < 10 ? 0 : 255),
        }),
      async inspect(folder) {
        const { data } = await loadImage(`${folder}/edges.png`);
        assertEquals(
          [...data.subarray(100, 120)],
          [...new Array(20).keys()].map((j) => {
            return j === 9 || j === 10 ? 255 : 0;
          }),
        );
        const smooth = await loadImage(`${folder}/smooth.png`);
        const row = [...smooth.data.subarray(100, 120)];
        assertEquals(row, [...row].sort((a, b) => a - b), "rises from black to white");
        assertEquals([row[0], row[19]], [0, 255]);
      },
    },
  ],
  "inception.ts": [{
    args: [],
    output: /\nepoch 3: loss [^]*\nAccuracy: \d+\.\d%\n$/,
  }],
  "mnist_mlp.ts": [{
    args: ["drawn", "1", "500"],
    output: /\nepoch 1 {2}loss \d\.\d+ .*%\n.*\nThe network reads them as: {8}(\d ){9}\d\n$/,
  }],
  "pegasos_order.ts": [{
    args: [],
    // At chance as printed, with a bias too; above 90% once the order is new in each epoch.
    output:
      /\nas printed .* 4\d\.\d%\n\+ bias.* 50\.0%\n\+ a new.* ≤ 0\.00\d\d .* 9\d\.\d%\n\+ average.* ≤ 0\.00\d\d .* 9\d\.\d%\n[^]* the same weights\.\n$/,
  }],
  "sequence_conv1d.ts": [{
    args: ["1", "300"],
    output: /^sine +[▁-█]{72}\n[^]*\n {2}linear model +\d+\.\d%\n {2}convolutions +\d+\.\d%\n$/,
  }],
  "vgg_block.ts": [{
    args: [],
    output: /\none of 7×7 +7×7 .*\nthree of 3×3 +7×7 .*\n$/,
  }],
  "xor.ts": [{
    args: ["xor.svg"],
    // The network of each of the last columns: right about AND, wrong about some point of XOR, right about XOR.
    output:
      /\n\(0, 0\) +0 +0 +0 +[01] +0\n\(0, 1\) +0 +1 +0 +[01] +1\n\(1, 0\) +0 +1 +0 +[01] +1\n\(1, 1\) +1 +0 +1 +[01] +0\n─+\nAt the end +4 of 4 +[0-3] of 4 +4 of 4\nAt best +4 of 4 +[0-3] of 4 +4 of 4\n\n.*\n([01▒·]{25} {2}[01▒·]{25} {2}[01▒·]{25}\n){13}$/,
    async inspect(folder) {
      const svg = await Deno.readTextFile(`${folder}/xor.svg`);
      assertMatch(svg, /^<svg [^]*<\/svg>\n$/);
      assertEquals(svg.match(/<circle/g)?.length, 12, "four points in each of three squares");
      assertEquals(svg.match(/<path d="(M\d+ \d+h\d+v1h-\d+z)*"/g)?.length, 3, "an area in each");
    },
  }],
};

const EXAMPLES = [...Deno.readDirSync(new URL("examples/", ROOT))].map(({ name }) => name).sort();
// Without the import map: an example needs nothing but the module.
const FLAGS = (await taskCommand("example")).filter((flag) => !flag.startsWith("--import-map"));

Deno.test("every example is run by a test, and named in the README", async () => {
  assertEquals(Object.keys(RUNS).sort(), EXAMPLES);
  const readme = await Deno.readTextFile(new URL("README.md", ROOT));
  for (const name of EXAMPLES) assert(readme.includes(`deno task example examples/${name}`), name);
});

for (const name of EXAMPLES) {
  (RUNS[name] ?? []).forEach(({ args, output, prepare, inspect }) => {
    Deno.test(`examples/${name} ${args.join(" ")}`, async () => {
      await withFolder(async (folder) => {
        await prepare?.(folder);
        const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
          args: [...FLAGS, new URL(`examples/${name}`, ROOT).href, ...args],
          cwd: folder,
          env: { DENO_DIR, NO_COLOR: "1" },
          signal: AbortSignal.timeout(120_000),
        }).output();
        const text = new TextDecoder();
        assertEquals(code, 0, text.decode(stderr));
        assertMatch(text.decode(stdout), output);
        await inspect?.(folder);
      });
    });
  });
}
