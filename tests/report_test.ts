import { assert, assertEquals, assertThrows } from "@std/assert";
import { OptionError, ShapeError } from "../src/errors.ts";
import { ConfusionMatrix, formatConfusionMatrix } from "../src/report/confusion_matrix.ts";
import { formatDuration, formatLoss, formatProgress } from "../src/report/progress_bar.ts";
import { formatTable } from "../src/text_table.ts";
import type { Progress } from "../src/training/history.ts";

Deno.test("formatTable aligns columns between rules", () => {
  const columns = [
    { heading: "Layer" },
    { heading: "Parameters", align: "right" },
    { heading: "Note" },
  ] as const;
  const rows = [["Dense", 100_480, "wide"], ["Σ²", 7]];
  assertEquals(
    formatTable(rows, columns, { footer: [["Total", 100_487]] }),
    `
Layer  Parameters  Note
───────────────────────
Dense     100,480  wide
Σ²              7
───────────────────────
Total     100,487`.slice(1),
  );
  assertEquals(formatTable([], columns), "Layer  Parameters  Note");
  assertEquals(formatTable([["a"]], [{ heading: "x" }], { footer: [] }), "x\n─\na");
});

Deno.test("ConfusionMatrix counts by class", () => {
  const labels = [0, 0, 0, 1, 1, 3];
  const matrix = new ConfusionMatrix(labels, [0, 0, 1, 1, 1, 1], 4);
  assertEquals([...matrix.counts], [2, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]);
  assertEquals([matrix.classes, matrix.examples, matrix.count(0, 1)], [4, 6, 1]);
  assertEquals([0, 1, 2, 3].map((k) => matrix.recall(k)), [2 / 3, 1, NaN, 0]);
  assertEquals([0, 1, 2, 3].map((k) => matrix.precision(k)), [1, 1 / 2, NaN, NaN]);
  assertEquals(matrix.accuracy, 4 / 6);
  assertEquals(new ConfusionMatrix([], [], 1).accuracy, NaN);
  const typed = new ConfusionMatrix(Uint32Array.from(labels), new Uint8Array(6), 4);
  assertEquals(typed.recall(0), 1);
});

Deno.test("ConfusionMatrix refuses what does not fit", () => {
  assertThrows(() => new ConfusionMatrix([0], [], 2), ShapeError, "each of 1 labels, got 0");
  for (const wrong of [2, -1, 0.5, NaN]) {
    assertThrows(() => new ConfusionMatrix([wrong], [0], 2), OptionError, "labels[0]: expected");
    assertThrows(() => new ConfusionMatrix([0], [wrong], 2), OptionError, "predictions[0]");
  }
  assertThrows(() => new ConfusionMatrix([], [], 0), OptionError, "classes");
});

Deno.test("formatConfusionMatrix shows counts, recall and precision", () => {
  const matrix = new ConfusionMatrix([0, 0, 0, 1, 1, 3], [0, 0, 1, 1, 1, 1], 4);
  assertEquals(
    formatConfusionMatrix(matrix),
    `
class        0     1  2  3  recall
──────────────────────────────────
0            2     1  ·  ·    66.7
1            ·     2  ·  ·     100
2            ·     ·  ·  ·       –
3            ·     1  ·  ·     0.0
──────────────────────────────────
precision  100  50.0  –  –`.slice(1),
  );
  const named = formatConfusionMatrix(matrix, {
    classNames: ["A", "B", "C", "D"],
    label: "letter",
  });
  assert(named.startsWith("letter ") && named.includes("\n3 D  "), named);
  assertThrows(
    () => formatConfusionMatrix(matrix, { classNames: ["A"] }),
    OptionError,
    "expected 4 names, got 1",
  );
});

Deno.test("formatConfusionMatrix: ten classes fit 80 columns, and nearly all is not all", () => {
  const labels = Array.from({ length: 99_990 }, (_, i) => i % 10);
  const predictions = labels.map((label, i) => i < 10 ? 9 : label);
  const lines = formatConfusionMatrix(new ConfusionMatrix(labels, predictions, 10)).split("\n");
  assert(lines.every((line) => [...line].length <= 80), lines.join("\n"));
  assert(lines[2]!.endsWith(" 99.9") && lines[11]!.endsWith(" 100"), lines.join("\n"));
});

const PROGRESS: Progress = {
  epoch: 2,
  epochs: 5,
  step: 235,
  steps: 470,
  loss: 0.12345,
  accuracy: 0.963,
  examplesPerSecond: 15_204.4,
  secondsLeft: 12.3,
};

Deno.test("formatProgress fills the line with a bar", () => {
  assertEquals(
    formatProgress(PROGRESS, 79, { unit: "images" }),
    "epoch 2/5  ━━━━━━─────  loss 0.1235  accuracy 96.3%  15,204 images/s  0:12 left",
  );
  const wide = formatProgress(PROGRESS, 200);
  assert(wide.includes(`  ${"━".repeat(16)}${"─".repeat(16)}  `), wide);
  const colored = formatProgress(PROGRESS, 79, { color: true });
  // deno-lint-ignore no-control-regex
  assertEquals(colored.replace(/\x1b\[\d+m/g, ""), formatProgress(PROGRESS, 79));
  assert(colored.includes("\x1b[0m"));
});

Deno.test("formatProgress never exceeds the width, and gives up the least important first", () => {
  const parts = ["examples/s", "━", "accuracy", "left", "loss"];
  let before: boolean[] = [];
  for (let width = 0; width <= 120; width++) {
    const line = formatProgress(PROGRESS, width);
    assert(line.length <= width, `${width}: ${line}`);
    const shown = parts.map((part) => line.includes(part));
    // What is shown stays shown in a wider line, and whatever is shown, so is all that matters more.
    assert(shown.every((is, i) => is || !before[i]), line);
    assertEquals(shown.toSorted((a, b) => Number(a) - Number(b)), shown, line);
    before = shown;
  }
  assert(before.every((is) => is));
});

Deno.test("formatProgress does without what is not known", () => {
  const { accuracy: _, ...rest } = PROGRESS;
  assertEquals(
    formatProgress({ ...rest, steps: undefined, secondsLeft: undefined, loss: 12345 }, 79),
    "epoch 2/5  step 235  loss 1.23e+4  15,204 examples/s",
  );
});

Deno.test("formatLoss and formatDuration", () => {
  const losses = [0, 0.12345, 999.9, 1234.5, 4.2e28, 0.00012, -0.5];
  assertEquals(losses.map(formatLoss), [
    "0.0000",
    "0.1235",
    "999.9000",
    "1.23e+3",
    "4.20e+28",
    "1.20e-4",
    "-0.5000",
  ]);
  assertEquals([0, 12.4, 59.6, 3599, 3723, -1].map(formatDuration), [
    "0:00",
    "0:12",
    "1:00",
    "59:59",
    "1:02:03",
    "0:00",
  ]);
});
