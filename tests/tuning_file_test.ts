/**
 * The cache file of tuning: what it keeps, for whom, and what it bears.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import {
  defaultTuningPath,
  type TuningEntry,
  TuningFile,
  type TuningIdentity,
  tuningIdentity,
} from "../src/gpu/tuning_file.ts";
import { withFolder } from "./folder.ts";

const HERE: TuningIdentity = { adapter: "card", runtime: "Deno 2", kernels: "abc" };

function entry(choice: object): TuningEntry {
  return { choice, among: "01234567", milliseconds: 2, builtInMilliseconds: 3 };
}

function entries(...keys: string[]): Map<string, TuningEntry> {
  return new Map(keys.map((key) => [key, entry({ key })]));
}

async function keysOf(file: TuningFile): Promise<string[]> {
  return [...(await file.read()).keys()].sort();
}

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
}

Deno.test("tuning file: what is written is read, in a folder that is made, with no other file left", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/new/deep/tuning.json`;
    const file = new TuningFile(path, HERE);
    assertEquals(await keysOf(file), []);
    assertEquals(await file.write(entries("a", "b")), path);
    assertEquals(await new TuningFile(path, HERE).read(), entries("a", "b"));
    assertEquals(await namesIn(`${folder}/new/deep`), ["tuning.json"]);
    await file.clear();
    assertEquals(await keysOf(file), []);
  });
});

Deno.test("tuning file: another adapter, runtime or version of the kernels has choices of its own", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/tuning.json`;
    const here = new TuningFile(path, HERE);
    await here.write(entries("here"));
    for (const name of ["adapter", "runtime", "kernels"] as const) {
      const other = new TuningFile(path, { ...HERE, [name]: "other" });
      assertEquals(await keysOf(other), [], name);
      await other.write(entries(name));
      assertEquals(await keysOf(other), [name]);
      await other.clear();
      assertEquals(await keysOf(other), []);
    }
    assertEquals(await keysOf(here), ["here"]);
  });
});

Deno.test("tuning file: only the youngest sections stay", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/tuning.json`;
    for (let i = 0; i < 20; i++) {
      await new TuningFile(path, { ...HERE, kernels: `${i}` }).write(entries("a"));
    }
    const { sections } = JSON.parse(await Deno.readTextFile(path));
    assertEquals(sections.length, 16);
    assertEquals(sections[0].kernels, "19");
  });
});

/** What may stand in the file instead: nothing, half of it, other people's, and wrong parts. */
const DAMAGED: readonly string[] = [
  "",
  "\0\0\0\0",
  "{",
  '{"sections":[{"adapter":"card","runtime":"Deno 2","kern',
  "null",
  "[]",
  "3",
  '{"name":"@somebody/else"}',
  '{"sections":{"length":1}}',
  '{"sections":[null,3,"text",[],{}]}',
  JSON.stringify({ sections: [{ ...HERE, written: "today", choices: {} }] }),
  JSON.stringify({ sections: [{ ...HERE, written: 1, choices: [] }] }),
  JSON.stringify({ sections: [{ ...HERE, written: 1, choices: { a: null, b: 3, c: {} } }] }),
  JSON.stringify({
    sections: [{ ...HERE, written: 1, choices: { a: { choice: 3, among: "x" } } }],
  }),
  JSON.stringify({ sections: [{ ...HERE, written: 1, choices: { a: { choice: {}, among: 3 } } }] }),
];

Deno.test("tuning file: a damaged or foreign one is no file, and the next write makes it whole", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/tuning.json`;
    for (const text of DAMAGED) {
      await Deno.writeTextFile(path, text);
      const file = new TuningFile(path, HERE);
      assertEquals(await keysOf(file), [], text);
      assertEquals(await file.write(entries("a")), path);
      assertEquals(await keysOf(file), ["a"], text);
    }
  });
});

Deno.test("tuning file: of a damaged section the sound choices stay", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/tuning.json`;
    const choices = { sound: entry({ a: 1 }), wrong: 3 };
    const section = { ...HERE, written: 1, choices };
    await Deno.writeTextFile(path, JSON.stringify({ sections: [7, section] }));
    assertEquals(await keysOf(new TuningFile(path, HERE)), ["sound"]);
  });
});

Deno.test("tuning file: who writes keeps what others have written meanwhile", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/tuning.json`;
    const [first, second] = [new TuningFile(path, HERE), new TuningFile(path, HERE)];
    await Promise.all([first.read(), second.read()]);
    await first.write(entries("a", "both"));
    await second.write(new Map([["both", entry({ younger: true })], ["b", entry({})]]));
    assertEquals(await keysOf(first), ["a", "b", "both"]);
    assertEquals((await first.read()).get("both")!.choice, { younger: true });
  });
});

Deno.test("tuning file: whoever reads while others write sees a whole file", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/tuning.json`;
    await new TuningFile(path, HERE).write(entries("first"));
    const writers = Array.from(
      { length: 12 },
      (_, i) => new TuningFile(path, HERE).write(entries(`${i}`)),
    );
    const readers = Array.from({ length: 40 }, async () => {
      JSON.parse(await Deno.readTextFile(path)); // throws if it is not whole
      assert((await keysOf(new TuningFile(path, HERE))).includes("first"));
    });
    await Promise.all([...writers, ...readers]);
    assertEquals(await namesIn(folder), ["tuning.json"]);
  });
});

Deno.test("tuning file: where it cannot be written, the old one stays and nothing is thrown", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "mine");
    const inFile = new TuningFile(`${folder}/file/tuning.json`, HERE); // its folder is a file
    assertEquals(await inFile.write(entries("a")), undefined);
    assertEquals(await Deno.readTextFile(`${folder}/file`), "mine");
    await Deno.mkdir(`${folder}/tuning.json/sub`, { recursive: true });
    assertEquals(
      await new TuningFile(`${folder}/tuning.json`, HERE).write(entries("a")),
      undefined,
    );
    assertEquals((await namesIn(folder)).sort(), ["file", "tuning.json"]);
  });
});

Deno.test("tuning file: without permissions, nobody is asked and nothing is touched", async () => {
  await withFolder(async (folder) => {
    const module = new URL("../src/gpu/tuning_file.ts", import.meta.url).href;
    const script = `import { defaultTuningPath, TuningFile } from ${JSON.stringify(module)};
      const file = new TuningFile(${JSON.stringify(`${folder}/tuning.json`)}, ${
      JSON.stringify(HERE)
    });
      const entries = new Map([["a", { choice: {}, among: "" }]]);
      console.log(await defaultTuningPath(), (await file.read()).size, await file.write(entries));`;
    const path = `${folder}/script.ts`;
    await Deno.writeTextFile(path, script);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--no-lock", "--no-config", path],
      env: { NO_COLOR: "1" },
      stdout: "piped",
      stderr: "piped",
    }).output();
    assertEquals(new TextDecoder().decode(stderr), "");
    assertEquals(new TextDecoder().decode(stdout), "undefined 0 undefined\n");
    assertEquals(code, 0);
    assertEquals(await namesIn(folder), ["script.ts"]);
  });
});

Deno.test("tuning file: the user's cache folder", async () => {
  if (Deno.build.os !== "linux") return;
  const get = Deno.env.get;
  try {
    // The variable itself stays: files of tests that run beside this one have the same environment.
    for (
      const [folder, path] of [
        ["/caches", /^\/caches\/strata\/tuning-1\.json$/],
        ["", /\/\.cache\/strata\/tuning-1\.json$/],
      ] as const
    ) {
      Deno.env.get = (name) => name === "XDG_CACHE_HOME" ? folder : get.call(Deno.env, name);
      assertMatch((await defaultTuningPath())!, path);
    }
  } finally {
    Deno.env.get = get;
  }
});

Deno.test("tuning identity: all that tells adapters apart", async () => {
  const info = {
    vendor: "v",
    architecture: "a",
    device: "d",
    description: "driver 1",
    isFallbackAdapter: false,
  } as GPUAdapterInfo;
  const identity = await tuningIdentity(info);
  assertEquals(identity.adapter, "v | a | d | driver 1");
  assertEquals(identity.runtime, `Deno ${Deno.version.deno}`);
  assertMatch(identity.kernels, /^[0-9a-f]{64}$/);
  for (const name of ["vendor", "architecture", "device", "description"] as const) {
    assertNotEquals((await tuningIdentity({ ...info, [name]: "other" })).adapter, identity.adapter);
  }
  const software = await tuningIdentity({ ...info, isFallbackAdapter: true } as GPUAdapterInfo);
  assertMatch(software.adapter, / \| \d+ threads$/);
});

Deno.test("tuning identity: another text of a kernel is another version", async () => {
  const { KernelFamily } = await import("../src/gpu/kernel.ts");
  const info = {} as GPUAdapterInfo;
  const before = await tuningIdentity(info);
  assertEquals(await tuningIdentity(info), before);
  new KernelFamily("test/tuning", [{ name: "a.wgsl", text: "// a" }]);
  const after = await tuningIdentity(info);
  assertNotEquals(after.kernels, before.kernels);
});
