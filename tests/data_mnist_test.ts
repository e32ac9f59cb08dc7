import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { toFileUrl } from "@std/path";
import { loadMnist, parseMnist } from "../src/data/mnist.ts";
import { FormatError, OptionError, StrataError } from "../src/errors.ts";
import { withFolder } from "./folder.ts";
import { checkMutants } from "./mutants.ts";
import { gzip } from "./gzip.ts";

/** Where the real MNIST may be; the tests that need it are skipped where it is not. */
const REAL = `${Deno.env.get("STRATA_DATA") ?? `${import.meta.dirname}/../../shared/data`}/mnist`;
const hasReal = (() => {
  try {
    return Deno.statSync(REAL).isDirectory;
  } catch {
    return false;
  }
})();

function imageFile(count: number, side = 28): Uint8Array {
  const bytes = new Uint8Array(16 + count * side * side).map((_, i) => i);
  bytes.set([0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, side, 0, 0, 0, side]);
  return bytes;
}

function labelFile(...labels: number[]): Uint8Array {
  return new Uint8Array([0, 0, 8, 1, 0, 0, 0, labels.length, ...labels]);
}

/** Loads from a folder with these files. */
async function load(
  files: Record<string, Uint8Array>,
  split: "train" | "test" = "train",
): ReturnType<typeof loadMnist> {
  return await withFolder(async (folder) => {
    for (const [name, bytes] of Object.entries(files)) {
      await Deno.writeFile(`${folder}/${name}`, bytes);
    }
    const set = await loadMnist(folder, split);
    assertEquals((await loadMnist(toFileUrl(folder), split)).x, set.x);
    assertEquals((await loadMnist(`${folder}/`, split)).y, set.y);
    return set;
  });
}

Deno.test("loadMnist reads plain, gzipped and dotted files, by their content", async () => {
  const [images, labels] = [imageFile(3), labelFile(9, 0, 4)];
  const cases: [Record<string, Uint8Array>, "train" | "test"][] = [
    [{ "train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels }, "train"],
    [{ "t10k-images.idx3-ubyte": images, "t10k-labels.idx1-ubyte": labels }, "test"],
    [{
      "t10k-images-idx3-ubyte.gz": await gzip(images),
      "t10k-labels.idx1-ubyte.gz": await gzip(labels),
    }, "test"],
    // The name lies, either way.
    [{
      "train-images-idx3-ubyte.gz": images,
      "train-labels-idx1-ubyte": await gzip(labels),
    }, "train"],
  ];
  for (const [files, split] of cases) {
    const set = await load(files, split);
    assertEquals([set.length, set.classes, set.inputShape], [3, 10, [1, 28, 28]]);
    assertEquals(set.x, images.slice(16));
    assertEquals(set.y, new Uint32Array([9, 0, 4]));
  }
});

Deno.test("loadMnist says which file is missing, and where it looked", async () => {
  const error = await assertRejects(
    () => load({ "train-images-idx3-ubyte": imageFile(1), "t10k-labels-idx1-ubyte": labelFile(1) }),
    StrataError,
  );
  const { message } = error as Error;
  for (const suffix of ["-idx1-ubyte.gz", "-idx1-ubyte", ".idx1-ubyte.gz", ".idx1-ubyte"]) {
    assert(message.includes(`train-labels${suffix}`), message);
  }
  assert(/folder ".*strata-.*" has no file/.test(message), message);
  await assertRejects(() => loadMnist("no/such/folder", "test"), StrataError, '"no/such/folder"');
  await assertRejects(() => loadMnist("a", "validation" as "test"), OptionError, '"train", "test"');
});

Deno.test("loadMnist names the damaged file", async () => {
  const good = {
    "train-images-idx3-ubyte": imageFile(2),
    "train-labels-idx1-ubyte": labelFile(1, 2),
  };
  const packed = await gzip(imageFile(2));
  packed[packed.length - 6]! ^= 1;
  const cases: [Record<string, Uint8Array>, string][] = [
    [
      { ...good, "train-images-idx3-ubyte.gz": packed },
      "train-images-idx3-ubyte.gz: at byte 0: expected a whole gzip stream",
    ],
    [
      { ...good, "train-labels-idx1-ubyte": labelFile(1) },
      "train-labels-idx1-ubyte: at byte 4: expected 2 labels, one for each image of train-images",
    ],
  ];
  for (const [files, message] of cases) {
    await assertRejects(() => load(files), FormatError, message);
  }
});

Deno.test("parseMnist checks that the files fit together", () => {
  const cases: [Uint8Array, Uint8Array, string][] = [
    [
      imageFile(2, 27),
      labelFile(1, 2),
      "images: at byte 4: expected images of shape [n, 28, 28], got [2",
    ],
    [
      labelFile(1, 2),
      labelFile(1, 2),
      "images: at byte 4: expected images of shape [n, 28, 28], got [2]",
    ],
    [
      imageFile(2),
      imageFile(2),
      "labels: at byte 4: expected labels of shape [n], got [2, 28, 28]",
    ],
    [imageFile(2), labelFile(1, 2, 3), "labels: at byte 4: expected 2 labels"],
    [imageFile(2), labelFile(1, 10), "labels: at byte 9: expected a label of at most 9, got 10"],
    [imageFile(2), labelFile(255, 10), "labels: at byte 8: expected a label of at most 9, got 255"],
  ];
  for (const [images, labels, message] of cases) {
    assertThrows(() => parseMnist(images, labels), FormatError, message);
  }
  assertEquals(parseMnist(imageFile(0), labelFile()).length, 0);
});

Deno.test("parseMnist: 10,000 mutants of either file parse or are rejected", async () => {
  const [images, labels] = [imageFile(2), labelFile(1, 2)];
  const names = { images: "mutant images", labels: "mutant labels" };
  const [first, second] = [{ count: 5000, seed: 21 }, { count: 5000, seed: 22 }];
  await checkMutants(images, (bytes) => parseMnist(bytes, labels, names), first);
  await checkMutants(labels, (bytes) => parseMnist(images, bytes, names), second);
});

Deno.test({
  name: "loadMnist reads the real MNIST",
  ignore: !hasReal,
  fn: async () => {
    const [train, test] = await Promise.all([loadMnist(REAL, "train"), loadMnist(REAL, "test")]);
    assertEquals([train.length, test.length], [60_000, 10_000]);
    assertEquals([...train.y.slice(0, 8)], [5, 0, 4, 1, 9, 2, 1, 3]);
    assertEquals([...test.y.slice(0, 8)], [7, 2, 1, 0, 4, 1, 4, 9]);
    // The mean of the training pixels, as the literature has it.
    let sum = 0;
    for (const value of train.x) sum += value;
    const mean = sum / train.x.length / 255;
    assert(Math.abs(mean - 0.1307) < 5e-5, `mean ${mean}`);
  },
});
