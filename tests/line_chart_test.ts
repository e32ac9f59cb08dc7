/**
 * Charts as SVG: axes, lines, and what does not fit on them.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { OptionError } from "../src/errors.ts";
import { learningRateChart } from "../src/report/learning_rate_chart.ts";
import { type LineChart, lineChart } from "../src/report/line_chart.ts";

const chart: LineChart = {
  title: "Loss & rate",
  x: { label: "rate <α>", scale: "log" },
  y: { label: "loss", min: 0, max: 3 },
  series: [
    { name: "first", points: [[1e-3, 2], [1e-2, 1], [0.1, Infinity], [1, 5], [10, 3]], dots: true },
    { name: "second", points: [[1e-3, 3], [10, 0]] },
  ],
  marks: [{ x: 1e-2, label: "best" }],
};

/** The texts of a picture. */
function texts(svg: string): string[] {
  return [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text!);
}

/** What an element of a class is drawn as, the first in the picture. */
function attributes(svg: string, name: string): string {
  return new RegExp(`<[^>]*class="${name}"[^>]*>`).exec(svg)![0];
}

/** Whether every element is closed, in order. */
function isBalanced(svg: string): boolean {
  const open: string[] = [];
  for (const [, slash, name, end] of svg.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)) {
    if (end === "/") continue;
    if (slash === "") open.push(name!);
    else if (open.pop() !== name) return false;
  }
  return open.length === 0;
}

Deno.test("lineChart: title, labels, ticks and legend, escaped", () => {
  const svg = lineChart(chart);
  assert(isBalanced(svg) && !/NaN|undefined|Infinity/.test(svg), svg);
  const shown = texts(svg);
  for (const text of ["Loss &amp; rate", "rate &lt;α&gt;", "loss", "best", "first", "second"]) {
    assert(shown.includes(text), `${text} in ${shown}`);
  }
  assertEquals(shown.filter((text) => text.startsWith("10")), [
    "10⁻³",
    "10⁻²",
    "10⁻¹",
    "10⁰",
    "10¹",
  ]);
  assertEquals(shown.filter((text) => /^\d(\.\d)?$/.test(text)), ["0", "1", "2", "3"]);
  assertMatch(svg, /prefers-color-scheme: dark/);
});

Deno.test("lineChart: powers of ten are equally far apart, and lines lie between their axes", () => {
  const svg = lineChart(chart);
  const grid = [...svg.matchAll(/class="grid" d="M([\d.]+) 48V/g)].map(([, x]) => Number(x));
  assertEquals(grid.length, 5);
  const widths = grid.slice(1).map((x, i) => x - grid[i]!);
  for (const width of widths) assert(Math.abs(width - widths[0]!) <= 0.2, `${widths}`);
  // The second line runs from corner to corner.
  assertMatch(attributes(svg, "line-1"), /d="M76 48L700 362"/);
  assertEquals([...svg.matchAll(/class="dot-0"/g)].length, 3);
});

Deno.test("lineChart: points beyond the axis and numbers that are none become crosses, with a gap", () => {
  const svg = lineChart(chart);
  const crosses = [...svg.matchAll(/class="line-0" d="M[\d.]+ 49l10 10m-10 0l10 -10"/g)];
  assertEquals(crosses.length, 2);
  assertEquals(attributes(svg, "line-0").match(/M/g)!.length, 2, "the line is in two parts");
});

Deno.test("lineChart: small ranges and single values have ticks, too", () => {
  const tight = lineChart({
    title: "",
    x: { label: "", scale: "log" },
    y: { label: "" },
    series: [{ points: [[0.1, 0.123], [0.3, 0.125]] }],
  });
  const shown = texts(tight);
  assert(shown.includes("2·10⁻¹") && shown.includes("0.1240"), `${shown}`);
  const single = lineChart({
    title: "",
    x: { label: "" },
    y: { label: "" },
    series: [{ points: [[0, 5]] }],
  });
  assert(!/NaN/.test(single) && texts(single).includes("5"), `${texts(single)}`);
});

Deno.test("lineChart refuses what it cannot draw", () => {
  const with_ = (points: [number, number][], scale: "linear" | "log") =>
    lineChart({
      ...chart,
      x: { label: "", scale },
      y: { label: "" },
      series: [{ points }],
      marks: [],
    });
  assertThrows(() => with_([[0, 1]], "log"), OptionError, "lineChart: x: expected values above 0");
  assertThrows(() => with_([], "linear"), OptionError, "lineChart: x: expected finite values");
  assertThrows(() => with_([[1, NaN]], "linear"), OptionError, "lineChart: y: expected finite");
  const series = Array.from({ length: 7 }, () => ({ points: [[1, 1] as const] }));
  assertThrows(() => lineChart({ ...chart, series }), OptionError, "at most 6 lines, got 7");
});

Deno.test("learningRateChart shows no loss far above the first", () => {
  const svg = learningRateChart({
    method: "trials",
    points: [{ rate: 0.1, loss: 2 }, { rate: 1, loss: 1 }, { rate: 10, loss: 90 }],
    startLoss: 2.5,
    recommendation: undefined,
    rule: "",
  });
  assertEquals([...svg.matchAll(/l10 10m-10 0/g)].length, 1);
  assert(!svg.includes("recommended") && texts(svg).includes("learning rate; ✕ diverged"), svg);
});
