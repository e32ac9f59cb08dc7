import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  type DownloadFile,
  downloadFiles,
  downloadMnist,
  type DownloadProgress,
} from "../src/data/mnist_download.ts";
import { OptionError, StrataError } from "../src/errors.ts";
import { withFolder } from "./folder.ts";

const REAL = `${Deno.env.get("STRATA_DATA") ?? `${import.meta.dirname}/../../shared/data`}/mnist`;
const hasReal = (() => {
  try {
    return Deno.statSync(REAL).isDirectory;
  } catch {
    return false;
  }
})();

const content = Uint8Array.from({ length: 200_000 }, (_, i) => (i * i) >>> 5);
const packed = new Uint8Array(
  await new Response(new Blob([content]).stream().pipeThrough(new CompressionStream("gzip")))
    .arrayBuffer(),
);
const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
const files: DownloadFile[] = ["one-idx1", "two-idx1"].map(
  (name) => ({ name, length: content.length, sha256 }),
);

/** A stream that gives the first bytes and then nothing, for as long as the client waits. */
function stuck(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.enqueue(bytes) });
}

/** A stream that ends without an error, too early, and without a stated length. */
function ended(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller): void {
      controller.enqueue(bytes);
      controller.close();
    },
  });
}

/** A stream that never ends. */
function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65536)) });
}

/** What the mirror of each name answers. */
const mirrors: Record<string, () => Response | Promise<Response>> = {
  good: () => new Response(packed),
  plain: () => new Response(content),
  missing: () => new Response("no such file", { status: 404 }),
  wrong: () => new Response(new Uint8Array([...content.slice(1), 0])),
  corrupt: () => new Response(packed.map((byte, i) => i === packed.length >> 1 ? byte ^ 1 : byte)),
  cut: () => new Response(ended(packed.subarray(0, packed.length - 100))),
  endless: () => new Response(endless()),
  stuck: () => new Response(stuck(packed.subarray(0, 1000))),
};

/** What a test works with. */
interface Bench {
  folder: string;
  mirror: (name: string) => string;
  requests: string[];
}

/** Runs a test with a server of all mirrors and an empty folder. */
async function withServer(test: (bench: Bench) => Promise<void>): Promise<void> {
  const requests: string[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {}, onError: () => new Response() },
    (request) => {
      const path = new URL(request.url).pathname;
      requests.push(path);
      const real = /^\/real\/([\w-]+\.gz)$/.exec(path);
      if (real !== null) return Deno.readFile(`${REAL}/${real[1]}`).then((b) => new Response(b));
      return mirrors[path.split("/")[1]!]!();
    },
  );
  try {
    const mirror = (name: string): string => `http://127.0.0.1:${server.addr.port}/${name}/`;
    await withFolder((folder) => test({ folder, mirror, requests }));
  } finally {
    await server.shutdown();
  }
}

const namesIn = (folder: string): string[] =>
  [...Deno.readDirSync(folder)].map((entry) => entry.name).toSorted();

Deno.test("downloadFiles writes what it received and reports its progress", async () => {
  await withServer(async ({ folder, mirror, requests }) => {
    const progress: DownloadProgress[] = [];
    const inside = `${folder}/new/folder`;
    await downloadFiles(inside, files, {
      mirrors: [mirror("good").slice(0, -1)],
      onProgress: (p) => progress.push(p),
    });
    assertEquals(namesIn(inside), ["one-idx1.gz", "two-idx1.gz"]);
    assertEquals(await Deno.readFile(`${inside}/one-idx1.gz`), packed);
    assertEquals(requests, ["/good/one-idx1.gz", "/good/two-idx1.gz"]);
    for (const { name } of files) {
      const own = progress.filter(({ file }) => file === name);
      assertEquals(own.at(-1), { file: name, received: packed.length, total: packed.length });
      assert(own.every((p, i) => i === 0 || p.received > own[i - 1]!.received));
    }
  });
});

Deno.test("downloadFiles tries the next mirror after every kind of failure", async () => {
  await withServer(async ({ folder, mirror, requests }) => {
    const bad = ["missing", "wrong", "corrupt", "cut", "endless", "stuck"];
    await downloadFiles(folder, files.slice(0, 1), {
      mirrors: ["http://127.0.0.1:1/", ...[...bad, "good"].map(mirror)],
      stallTimeout: 200,
    });
    assertEquals(await Deno.readFile(`${folder}/one-idx1.gz`), packed);
    assertEquals(namesIn(folder), ["one-idx1.gz"]);
    assertEquals(requests.map((path) => path.split("/")[1]), [...bad, "good"]);
  });
});

Deno.test("downloadFiles says for each mirror why it failed", async () => {
  await withServer(async ({ folder, mirror }) => {
    const reasons: Record<string, string> = {
      missing: "status 404",
      wrong: `one-idx1: at byte 0: expected bytes with SHA-256 ${sha256}, got `,
      corrupt: "one-idx1: at byte 0: expected a whole gzip stream",
      endless: "more than 201224 bytes",
      stuck: "nothing arrived for 1500 ms",
    };
    const error = await assertRejects(
      () =>
        downloadFiles(folder, files, {
          mirrors: Object.keys(reasons).map(mirror),
          stallTimeout: 1500,
        }),
      StrataError,
      "Cannot download one-idx1.gz from any mirror",
    );
    for (const [name, reason] of Object.entries(reasons)) {
      const line = `${mirror(name)}one-idx1.gz: ${reason}`;
      assert((error as Error).message.includes(line), `${error}\n  should include ${line}`);
    }
    assertEquals(namesIn(folder), []);
  });
});

Deno.test("downloadFiles uses what is there, and replaces what is damaged", async () => {
  await withServer(async ({ folder, mirror, requests }) => {
    await Deno.writeFile(`${folder}/one.idx1`, content);
    await Deno.writeFile(`${folder}/two-idx1.gz`, packed);
    await downloadFiles(folder, files, { mirrors: [mirror("missing")] });
    assertEquals(requests, []);
    await Deno.writeFile(`${folder}/one.idx1`, content.subarray(1));
    await Deno.writeFile(`${folder}/two-idx1.gz`, packed.subarray(0, 5000));
    await downloadFiles(folder, files, { mirrors: [mirror("good")] });
    assertEquals(requests.length, 2);
    assertEquals(await Deno.readFile(`${folder}/two-idx1.gz`), packed);
    assertEquals(namesIn(folder), ["one-idx1.gz", "one.idx1", "two-idx1.gz"]);
  });
});

Deno.test("downloadFiles takes a file that the server has unpacked", async () => {
  await withServer(async ({ folder, mirror }) => {
    await downloadFiles(folder, files.slice(1), { mirrors: [mirror("plain")] });
    assertEquals(await Deno.readFile(`${folder}/two-idx1.gz`), content);
    await downloadFiles(folder, files.slice(1), { mirrors: [] });
  });
});

Deno.test("downloadFiles stops when its signal says so, with no other mirror and no file", async () => {
  await withServer(async ({ folder, mirror, requests }) => {
    const reason = new Error("enough");
    const controller = new AbortController();
    const error = await assertRejects(() =>
      downloadFiles(folder, files, {
        mirrors: [mirror("stuck"), mirror("good")],
        signal: controller.signal,
        onProgress: () => controller.abort(reason),
      })
    );
    assertStrictEquals(error, reason);
    assertEquals(requests, ["/stuck/one-idx1.gz"]);
    assertEquals(namesIn(folder), []);
    const signal = AbortSignal.abort(reason);
    await assertRejects(() => downloadFiles(folder, files, { signal }), Error, "enough");
  });
});

Deno.test("downloadMnist looks for the four files and trusts no other content", async () => {
  await withServer(async ({ folder, mirror, requests }) => {
    await assertRejects(
      () => downloadMnist(folder, { mirrors: [mirror("good")] }),
      StrataError,
      "expected bytes with SHA-256 ba891046e6505d7a",
    );
    assertEquals(requests, ["/good/train-images-idx3-ubyte.gz"]);
    const options = { mirror: "x" } as Record<string, unknown>;
    await assertRejects(() => downloadMnist(folder, options), OptionError, '"mirror"');
    await assertRejects(
      () => downloadMnist(folder, { stallTimeout: 0 }),
      OptionError,
      "stallTimeout",
    );
  });
});

Deno.test({
  name: "downloadMnist fetches the real MNIST, once",
  ignore: !hasReal,
  fn: async () => {
    await withServer(async ({ folder, mirror, requests }) => {
      assertEquals(await downloadMnist(folder, { mirrors: [mirror("real")] }), folder);
      const parts = [
        "t10k-images-idx3",
        "t10k-labels-idx1",
        "train-images-idx3",
        "train-labels-idx1",
      ];
      assertEquals(namesIn(folder), parts.map((part) => `${part}-ubyte.gz`));
      assertEquals(requests.length, 4);
      await downloadMnist(folder, { mirrors: [] });
      assertEquals(requests.length, 4);
    });
  },
});
