import { assertEquals, assertNotEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { type Batch, checkBatch, Dataset, type DatasetOptions } from "../src/data/dataset.ts";
import { OptionError, ShapeError } from "../src/errors.ts";

/** n examples of two values each: x = [10i, 10i + 1], class i mod 3. */
function numbered(n: number): Dataset {
  return new Dataset({
    x: Float32Array.from({ length: 2 * n }, (_, i) => 10 * (i >> 1) + (i & 1)),
    y: Array.from({ length: n }, (_, i) => i % 3),
    inputShape: [2],
    classes: 3,
    classNames: ["a", "b", "c"],
  });
}

/** The numbers of the examples of a batch; checks that x and y belong together. */
function identities({ x, y, length }: Batch): number[] {
  assertEquals([x.length, y.length], [2 * length, length]);
  return Array.from({ length }, (_, i) => {
    const identity = x[2 * i]! / 10;
    assertEquals([x[2 * i + 1], y[i]], [10 * identity + 1, identity % 3]);
    return identity;
  });
}

Deno.test("Dataset keeps x as it is and stores class indices as 32-bit numbers", () => {
  const x = new Uint8Array(6);
  for (
    const y of [[0, 4], new Uint8Array([0, 4]), new Uint16Array([0, 4]), new Int32Array([0, 4])]
  ) {
    const set = new Dataset({ x, y, inputShape: [1, 3] });
    assertStrictEquals(set.x, x);
    assertEquals(set.y, new Uint32Array([0, 4]));
    assertEquals([set.length, set.classes, set.targetShape, set.inputShape], [2, 5, [], [1, 3]]);
  }
  const y = new Uint32Array([1, 0]);
  assertStrictEquals(new Dataset({ x, y, inputShape: [3], classes: 9 }).y, y);
  assertEquals(new Dataset({ x, y, inputShape: [3], classNames: ["a", "b", "c"] }).classes, 3);
});

Deno.test("Dataset of targets", () => {
  const x = new Float32Array(8);
  const y = new Float32Array(12);
  const set = new Dataset({ x, y, inputShape: [2] });
  assertEquals([set.length, set.classes, set.targetShape], [4, 0, [3]]);
  const shaped = new Dataset({ x, y, inputShape: [2], targetShape: [1, 3] });
  assertEquals(shaped.slice(1, 3).targetShape, [1, 3]);
  assertEquals(shaped.slice(4).y.length, 0);
  assertEquals(set.batch([2]).y, new Float32Array(3));
});

Deno.test("Dataset rejects what does not fit together", () => {
  const x = new Float32Array(6);
  const y = [0, 1, 2];
  const cases: [unknown, new (message: string) => Error, string][] = [
    [
      { x, y, inputShape: [4] },
      ShapeError,
      "expected a multiple of 4 values (inputShape [4]), got 6",
    ],
    [{ x, y, inputShape: [0] }, ShapeError, "expected a multiple of 0 values"],
    [{ x, y, inputShape: [-2] }, ShapeError, "inputShape"],
    [{ x, y, inputShape: 2 }, ShapeError, "inputShape: expected an array of dimensions, got 2"],
    [{ x, y: [0], inputShape: [2] }, ShapeError, "has 3 inputs of shape [2], but y has 1 class"],
    [{ x, inputShape: [2] }, ShapeError, "but y has undefined class indices"],
    [
      { x: [1, 2], y, inputShape: [2] },
      OptionError,
      "x: expected a Float32Array or a Uint8Array, got an",
    ],
    [
      { x, y: [0, 1, 3], inputShape: [2], classes: 3 },
      OptionError,
      "y[2]: expected a whole number of at",
    ],
    [{ x, y: [0, 0.5, 2], inputShape: [2] }, OptionError, "y[1]"],
    [{ x, y: [0, NaN, 2], inputShape: [2] }, OptionError, "y[1]"],
    [{ x, y: new Int32Array([0, 0, -1]), inputShape: [2] }, OptionError, "y[2]"],
    [{ x, y, inputShape: [2], classes: 0 }, OptionError, "classes"],
    [
      { x, y, inputShape: [2], classNames: ["a"], classes: 3 },
      OptionError,
      "expected 3 names, got 1",
    ],
    [{ x, y, inputShape: [2], targetShape: [1] }, OptionError, "targetShape"],
    [
      { x, y: new Float32Array(3), inputShape: [2], classes: 3 },
      OptionError,
      "Float32Array of targets",
    ],
    [{ x, y: new Float32Array(4), inputShape: [2] }, ShapeError, "for each of the 3 inputs, got 4"],
    [
      { x, y: new Float32Array(3), inputShape: [2], targetShape: [2] },
      ShapeError,
      "of shape [2] for",
    ],
    [{ x: new Float32Array(), y: [], inputShape: [2] }, OptionError, "must be given"],
    [{ x, y, inputShape: [2], labels: 3 }, OptionError, 'unknown option "labels"'],
  ];
  for (const [options, type, message] of cases) {
    assertThrows(() => new Dataset(options as DatasetOptions), type, message);
  }
});

Deno.test("slice gives views", () => {
  const set = numbered(7);
  const part = set.slice(2, 5);
  assertEquals(identities({ x: part.x, y: part.y, length: part.length }), [2, 3, 4]);
  assertStrictEquals(part.x.buffer, set.x.buffer);
  assertStrictEquals(part.y.buffer, set.y.buffer);
  assertEquals([part.classes, part.classNames], [3, ["a", "b", "c"]]);
  assertEquals(part.slice(1).length, 2);
  assertEquals(set.slice(7).length, 0);
  assertEquals(set.slice(7).classes, 3);
  for (const [start, end] of [[-1, 2], [0, 8], [3, 2], [0.5, 2]] as const) {
    assertThrows(() => set.slice(start, end), OptionError, "slice: ");
  }
});

Deno.test("split gives two disjoint parts that the seed decides", () => {
  const set = numbered(101);
  const all = Array.from({ length: 101 }, (_, i) => i);
  const ids = (seed: number, fraction = 0.8): number[][] =>
    set.split(fraction, { seed }).map(({ x, y, length }) => identities({ x, y, length }));
  const [first, second] = ids(1) as [number[], number[]];
  assertEquals([first.length, second.length], [81, 20]);
  assertEquals([...first, ...second].toSorted((a, b) => a - b), all);
  assertNotEquals([...first, ...second], all);
  assertEquals(ids(1), [first, second]);
  assertNotEquals(ids(2), [first, second]);
  assertEquals(ids(1, 0).map((part) => part.length), [0, 101]);
  assertEquals(ids(1, 1).map((part) => part.length), [101, 0]);
  assertEquals(set.split(0.5, { seed: 1 })[1].classNames, ["a", "b", "c"]);
  assertThrows(() => set.split(1.5, { seed: 1 }), OptionError, "split: fraction");
  assertThrows(() => set.split(0.5, {} as { seed: number }), OptionError, "split: seed");
});

Deno.test("batch gathers the examples of its indices", () => {
  const set = numbered(5);
  assertEquals(identities(set.batch([4, 0, 4])), [4, 0, 4]);
  assertEquals(set.batch([]).length, 0);
  for (const index of [-1, 5, 0.5]) {
    assertThrows(() => set.batch([index]), OptionError, "batch: index");
  }
  const bytes = new Dataset({ x: new Uint8Array([1, 2, 3]), y: [0, 1, 0], inputShape: [] });
  assertEquals(bytes.batch([2, 1]), {
    x: new Uint8Array([3, 2]),
    y: new Uint32Array([0, 1]),
    length: 2,
  });
});

Deno.test("batches goes over all examples once, in order or shuffled", () => {
  const set = numbered(23);
  const all = Array.from({ length: 23 }, (_, i) => i);
  const plain = [...set.batches(5)];
  assertEquals(plain.map((batch) => batch.length), [5, 5, 5, 5, 3]);
  assertEquals(plain.flatMap(identities), all);
  assertStrictEquals(plain[1]!.x.buffer, set.x.buffer);
  const shuffled = (key: number): number[] =>
    [...set.batches(5, { shuffle: key })].flatMap(identities);
  assertEquals(shuffled(1).toSorted((a, b) => a - b), all);
  assertNotEquals(shuffled(1), all);
  assertNotEquals(shuffled(2), shuffled(1));
  assertEquals(shuffled(1), shuffled(1));
  // The order is that of the key alone, whatever the size of a batch.
  assertEquals([...set.batches(23, { shuffle: 1 })].flatMap(identities), shuffled(1));
  assertEquals([...set.slice(0, 0).batches(5, { shuffle: 1 })], []);
  // Mistakes are reported by the call, not by the first batch.
  assertThrows(() => set.batches(0), OptionError, "batchSize");
  assertThrows(() => set.batches(5, { shuffle: -1 }), OptionError, "shuffle");
  assertThrows(() => set.batches(5, { suffle: 1 } as { shuffle?: number }), OptionError, "suffle");
});

Deno.test("checkBatch accepts good batches", () => {
  const x = new Uint8Array(6);
  checkBatch({ x, y: new Uint32Array([0, 2]), length: 2 }, { inputShape: [3] }, 0);
  checkBatch({ x, y: new Uint32Array([0, 2]), length: 2 }, { inputShape: [3], classes: 3 }, 0);
  checkBatch({ x, y: new Float32Array(8), length: 2 }, { inputShape: [1, 3] }, 0);
  checkBatch({ x, y: new Float32Array(8), length: 2 }, { inputShape: [3], targetShape: [4] }, 0);
});

Deno.test("checkBatch names the batch, what was expected and what came", () => {
  const x = new Float32Array(6);
  const y = new Uint32Array([0, 2]);
  const targets = new Float32Array(4);
  const inputShape = [3];
  const cases: [unknown, Parameters<typeof checkBatch>[1], string][] = [
    [{ x, y, length: 0 }, { inputShape }, "length: expected a whole number of at least 1, got 0"],
    [{ x, y }, { inputShape }, "length: expected a whole number of at least 1, got undefined"],
    [
      { x: [1], y, length: 2 },
      { inputShape },
      "x: expected a Float32Array or a Uint8Array, got an Array",
    ],
    [{ x, y, length: 3 }, { inputShape }, "x: expected 9 values (3 of shape [3]), got 6"],
    [{ x, y: y.subarray(1), length: 2 }, { inputShape }, "y: expected 2 class indices, got 1"],
    [
      { x, y, length: 2 },
      { inputShape, classes: 2 },
      "y[1]: expected a class index below 2, got 2",
    ],
    [
      { x, y, length: 2 },
      { inputShape, targetShape: [1] },
      "y: expected targets in a Float32Array, got a Uint32Array",
    ],
    [
      { x, y: targets, length: 2 },
      { inputShape, classes: 3 },
      "y: expected class indices in a Uint32Array, got a Float32Array",
    ],
    [
      { x, y: targets, length: 2 },
      { inputShape, targetShape: [3] },
      "y: expected 6 values (2 of shape [3]), got 4",
    ],
    [
      { x, y: targets.subarray(1), length: 2 },
      { inputShape },
      "y: expected a multiple of 2 values, got 3",
    ],
    [
      { x, length: 2 },
      { inputShape },
      "y: expected class indices in a Uint32Array or targets in a Float32Array, got undefined",
    ],
  ];
  for (const [batch, expectation, message] of cases) {
    const error = assertThrows(() => checkBatch(batch as Batch, expectation, 7), ShapeError);
    assertEquals((error as Error).message, `Cannot use batch 7: ${message}`);
  }
});

Deno.test("Dataset of sixty thousand images: every batch is there, the last one shorter", () => {
  const set = new Dataset({
    x: new Uint8Array(60_000 * 784),
    y: new Uint8Array(60_000),
    inputShape: [784],
  });
  const lengths = [...set.batches(128, { shuffle: 3 })].map(({ length }) => length);
  assertEquals(lengths, [...new Array<number>(468).fill(128), 96]);
});
