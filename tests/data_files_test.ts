import { assert, assertEquals, assertRejects } from "@std/assert";
import { toFileUrl } from "@std/path";
import { formatError, joinPath, writeFileAtomic } from "../src/data/files.ts";
import { FormatError } from "../src/errors.ts";
import { withFolder } from "./folder.ts";

const namesIn = (folder: string): string[] =>
  [...Deno.readDirSync(folder)].map((entry) => entry.name).toSorted();
const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

/** Replaces methods of an object while `run` runs. */
async function replacing<T extends object>(
  object: T,
  methods: Partial<T>,
  run: () => Promise<void>,
): Promise<void> {
  const originals = Object.fromEntries(
    Object.keys(methods).map((key) => [key, object[key as keyof T]]),
  );
  Object.assign(object, methods);
  try {
    await run();
  } finally {
    Object.assign(object, originals);
  }
}

Deno.test("writeFileAtomic writes and replaces, and leaves nothing else", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/a.bin`;
    await writeFileAtomic(path, bytes(1, 2, 3));
    assertEquals(await Deno.readFile(path), bytes(1, 2, 3));
    await writeFileAtomic(path, bytes(4));
    assertEquals(await Deno.readFile(path), bytes(4));
    await writeFileAtomic(toFileUrl(`${folder}/ä b.bin`), bytes(5));
    assertEquals(await Deno.readFile(`${folder}/ä b.bin`), bytes(5));
    await writeFileAtomic(`${folder}/empty`, bytes());
    assertEquals(await Deno.readFile(`${folder}/empty`), bytes());
    const large = Uint8Array.from({ length: 3_000_001 }, (_, i) => i * i);
    await writeFileAtomic(path, large.subarray(1));
    assertEquals(await Deno.readFile(path), large.slice(1));
    assertEquals(namesIn(folder), ["a.bin", "empty", "ä b.bin"]);
  });
});

Deno.test("writeFileAtomic takes a bare name as one of the current folder", async () => {
  await withFolder(async (folder) => {
    // In a process of its own: files of tests that run beside this one have the same current folder.
    const module = new URL("../src/data/files.ts", import.meta.url);
    const script = `${folder}/script.ts`;
    await Deno.writeTextFile(
      script,
      `import { writeFileAtomic } from "${module}";\nawait writeFileAtomic("bare", Uint8Array.of(1));\n`,
    );
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-check",
        "--no-lock",
        "--no-config",
        "--allow-read=.",
        "--allow-write=.",
        script,
      ],
      cwd: folder,
    }).output();
    assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
    assertEquals(await Deno.readFile(`${folder}/bare`), bytes(1));
    assertEquals(namesIn(folder), ["bare", "script.ts"]);
  });
});

Deno.test("writeFileAtomic syncs the file before the rename and the folder after it", async () => {
  await withFolder(async (folder) => {
    const events: string[] = [];
    const { write, sync, close } = Deno.FsFile.prototype;
    const rename = Deno.rename;
    const methods = {
      // A system may take a part of what it is given.
      write(this: Deno.FsFile, data: Uint8Array): Promise<number> {
        events.push("write");
        return write.call(this, data.subarray(0, 2));
      },
      sync(this: Deno.FsFile): Promise<void> {
        events.push("sync");
        return sync.call(this);
      },
      close(this: Deno.FsFile): void {
        events.push("close");
        close.call(this);
      },
    };
    const renameLogged: typeof Deno.rename = (from, to) => {
      events.push("rename");
      return rename(from, to);
    };
    await replacing(
      Deno.FsFile.prototype,
      methods,
      () =>
        replacing(
          Deno,
          { rename: renameLogged },
          () => writeFileAtomic(`${folder}/a`, bytes(1, 2, 3)),
        ),
    );
    assertEquals(await Deno.readFile(`${folder}/a`), bytes(1, 2, 3));
    const order = events.filter((event) => event !== "close");
    assertEquals(order, ["write", "write", "sync", "rename", "sync"]);
  });
});

Deno.test("writeFileAtomic leaves the old file when the disk is full or fails", async () => {
  const full = new Error("No space left on device");
  const { write } = Deno.FsFile.prototype;
  let calls = 0;
  const failures: Partial<Deno.FsFile>[] = [
    { write: () => Promise.reject(full) },
    {
      write(this: Deno.FsFile, data: Uint8Array): Promise<number> {
        return calls++ === 0 ? write.call(this, data.subarray(0, 1)) : Promise.reject(full);
      },
    },
    { sync: () => Promise.reject(full) },
  ];
  for (const failure of failures) {
    await withFolder(async (folder) => {
      await writeFileAtomic(`${folder}/a`, bytes(1, 2, 3));
      await replacing(Deno.FsFile.prototype, failure, async () => {
        await assertRejects(() => writeFileAtomic(`${folder}/a`, bytes(9, 9)), Error, full.message);
        await assertRejects(() => writeFileAtomic(`${folder}/b`, bytes(9, 9)), Error, full.message);
      });
      assertEquals(await Deno.readFile(`${folder}/a`), bytes(1, 2, 3));
      assertEquals(namesIn(folder), ["a"]);
    });
  }
  assert(calls > 1, "the second write was reached");
});

Deno.test("writeFileAtomic cleans up when the rename is impossible", async () => {
  await withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/taken/inside`, { recursive: true });
    await assertRejects(() => writeFileAtomic(`${folder}/taken`, bytes(1)));
    assertEquals(namesIn(folder), ["taken"]);
    await assertRejects(() => writeFileAtomic(`${folder}/none/a`, bytes(1)), Deno.errors.NotFound);
    assertEquals(namesIn(folder), ["taken"]);
  });
});

Deno.test("writers of the same path at the same time leave one whole content", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/a`;
    const contents = Array.from({ length: 8 }, (_, i) => new Uint8Array(100_000).fill(i));
    await Promise.all(contents.map((content) => writeFileAtomic(path, content)));
    const left = await Deno.readFile(path);
    assertEquals(left, new Uint8Array(100_000).fill(left[0]!));
    assertEquals(namesIn(folder), ["a"]);
  });
});

Deno.test("formatError and joinPath", () => {
  const error = formatError("f", 4, "x", "y");
  assert(error instanceof FormatError);
  assertEquals(error.message, "f: at byte 4: expected x, got y");
  assertEquals(joinPath("a", "b"), "a/b");
  assertEquals(joinPath("a/", "b"), "a/b");
  assertEquals(String(joinPath(new URL("file:///a"), "b c")), "file:///a/b%20c");
  assertEquals(String(joinPath(new URL("file:///a/"), "b")), "file:///a/b");
});
