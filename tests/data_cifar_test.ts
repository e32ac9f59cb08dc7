import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { toFileUrl } from "@std/path";
import { CIFAR10_CLASSES, loadCifar10, parseCifar10 } from "../src/data/cifar.ts";
import { FormatError, OptionError, StrataError } from "../src/errors.ts";
import { withFolder } from "./folder.ts";
import { checkMutants } from "./mutants.ts";
import { gzip } from "./gzip.ts";

const RECORD = 3073;

/** Where a real CIFAR-10, or a part of it, may be; the test that needs it is skipped where it is not. */
const DATA = Deno.env.get("STRATA_DATA") ?? `${import.meta.dirname}/../../shared/data`;
const REAL = `${DATA}/cifar10-subset`;
const hasReal = (() => {
  try {
    return Deno.statSync(REAL).isDirectory;
  } catch {
    return false;
  }
})();

/** A file with one record for each label; every pixel is its position plus the label. */
function batchFile(...labels: number[]): Uint8Array {
  const bytes = new Uint8Array(labels.length * RECORD);
  labels.forEach((label, i) => {
    for (let j = 0; j < RECORD; j++) bytes[i * RECORD + j] = j - 1 + label;
    bytes[i * RECORD] = label;
  });
  return bytes;
}

/** Loads from a folder with these files. */
async function load(
  files: Record<string, Uint8Array>,
  split: "train" | "test" = "train",
): ReturnType<typeof loadCifar10> {
  return await withFolder(async (folder) => {
    for (const [name, bytes] of Object.entries(files)) {
      await Deno.writeFile(`${folder}/${name}`, bytes);
    }
    const set = await loadCifar10(folder, split);
    assertEquals((await loadCifar10(toFileUrl(folder), split)).x, set.x);
    return set;
  });
}

Deno.test("parseCifar10: labels, planes and class names", () => {
  const bytes = batchFile(3, 0, 9);
  const before = bytes.slice();
  const set = parseCifar10(bytes, "a.bin");
  assertEquals([set.length, set.classes, set.inputShape], [3, 10, [3, 32, 32]]);
  assertEquals(set.y, new Uint32Array([3, 0, 9]));
  assertEquals(set.classNames, CIFAR10_CLASSES);
  assertEquals([CIFAR10_CLASSES.length, CIFAR10_CLASSES[3], CIFAR10_CLASSES[9]], [
    10,
    "cat",
    "truck",
  ]);
  const x = set.x as Uint8Array;
  assertEquals(x.length, 3 * 3072);
  assertEquals(x.subarray(3072, 6144), bytes.subarray(RECORD + 1, 2 * RECORD));
  assertEquals([x[0], x[1024], x[2 * 3072]], [3, (1024 + 3) % 256, 9]);
  assertEquals(bytes, before);
});

Deno.test("loadCifar10 joins the training files that are there, plain or gzipped, in their order", async () => {
  const one = batchFile(1, 2);
  const cases: [Record<string, Uint8Array>, number[]][] = [
    [{ "data_batch_1.bin": one }, [1, 2]],
    [{ "data_batch_1.bin.gz": await gzip(one) }, [1, 2]],
    [{
      "data_batch_5.bin.gz": await gzip(batchFile(5)),
      "data_batch_2.bin": batchFile(3, 4),
      "data_batch_1.bin.gz": await gzip(one),
      "test_batch.bin": batchFile(9),
    }, [1, 2, 3, 4, 5]],
    // The name lies, either way.
    [{ "data_batch_3.bin.gz": batchFile(7), "data_batch_4.bin": await gzip(one) }, [7, 1, 2]],
  ];
  for (const [files, labels] of cases) {
    const set = await load(files);
    assertEquals([...set.y], labels);
    assertEquals(set.x, parseCifar10(batchFile(...labels), "all").x);
  }
  const test = await load(
    { "test_batch.bin.gz": await gzip(one), "data_batch_1.bin": one },
    "test",
  );
  assertEquals([...test.y], [1, 2]);
});

Deno.test("loadCifar10 says which files are missing, and where it looked", async () => {
  const onlyTest = { "test_batch.bin": batchFile(1), "data_batch_6.bin": batchFile(1) };
  const { message } = await assertRejects(() => load(onlyTest), StrataError) as Error;
  assertMatch(message, /folder ".*strata-.*" has no file data_batch_1\.bin … data_batch_5\.bin, /);
  const onlyTrain = { "data_batch_1.bin": batchFile(1) };
  await assertRejects(() => load(onlyTrain, "test"), StrataError, "has no file test_batch.bin, ");
  await assertRejects(() => loadCifar10("no/such/folder", "test"), StrataError, "no/such/folder");
  await assertRejects(() => loadCifar10("a", "all" as "test"), OptionError, '"train", "test"');
});

Deno.test("parseCifar10 and loadCifar10 name the file, the offset and what was expected", async () => {
  const cases: [Uint8Array, string][] = [
    [new Uint8Array(), "a: at byte 0: expected a record of 3073 bytes, got 0 bytes up to the end"],
    [batchFile(1).subarray(1), "a: at byte 0: expected a record of 3073 bytes, got 3072 bytes"],
    [
      new Uint8Array([...batchFile(1, 2), 3]),
      "a: at byte 6146: expected a record of 3073 bytes, got 1 bytes up to the end of the file",
    ],
    [batchFile(0, 9, 10), "a: at byte 6146: expected a label of at most 9, got 10"],
    [batchFile(255), "a: at byte 0: expected a label of at most 9, got 255"],
  ];
  for (const [bytes, message] of cases) {
    assertThrows(() => parseCifar10(bytes, "a"), FormatError, message);
  }
  const packed = await gzip(batchFile(2));
  packed[packed.length - 6]! ^= 1;
  const files = { "data_batch_1.bin": batchFile(1), "data_batch_2.bin.gz": packed };
  await assertRejects(
    () => load(files),
    FormatError,
    "data_batch_2.bin.gz: at byte 0: expected a whole gzip stream",
  );
  const cut = { "data_batch_1.bin": batchFile(1), "data_batch_4.bin": batchFile(1).slice(5) };
  await assertRejects(() => load(cut), FormatError, "data_batch_4.bin: at byte 0: expected a");
});

Deno.test("loadCifar10 takes no memory that the file cannot fill", async () => {
  const packed = await gzip(batchFile(2));
  packed.fill(0xff, packed.length - 4); // the unpacked length that the file states: 4 GiB
  await assertRejects(
    () => load({ "test_batch.bin.gz": packed }, "test"),
    FormatError,
    `test_batch.bin.gz: at byte ${packed.length - 4}: expected an unpacked length of at most `,
  );
});

Deno.test("parseCifar10: 10,000 mutants parse or are rejected", async () => {
  await checkMutants(batchFile(1), (bytes) => {
    const { x, y, length } = parseCifar10(bytes, "mutant");
    assert(length * RECORD === bytes.length && x.length + y.length === bytes.length);
  }, { seed: 31 });
});

Deno.test({
  name: "loadCifar10 reads a real part of CIFAR-10",
  ignore: !hasReal,
  fn: async () => {
    for (const [split, each] of [["train", 1000], ["test", 200]] as const) {
      const { x, y, length } = await loadCifar10(REAL, split);
      assertEquals([length, x.length], [10 * each, 10 * each * 3072]);
      const counts = new Array<number>(10).fill(0);
      for (const label of y) counts[label]!++;
      assertEquals(counts, new Array(10).fill(each));
      // The means of red, green and blue, as the literature has them for all images.
      const means = [0, 1, 2].map((plane) => {
        let sum = 0;
        for (let i = 0; i < length; i++) {
          const start = i * 3072 + plane * 1024;
          for (let j = start; j < start + 1024; j++) sum += x[j]!;
        }
        return sum / (length * 1024) / 255;
      });
      [0.491, 0.482, 0.447].forEach((mean, i) => {
        assert(Math.abs(means[i]! - mean) < 0.01, `${split}: means ${means}`);
      });
    }
  },
});
