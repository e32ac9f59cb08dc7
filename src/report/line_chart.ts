/**
 * Line charts as SVG.
 *
 * @module
 */

import { OptionError } from "../errors.ts";

/** One of the two axes. */
export interface ChartAxis {
  /** What it shows, with its unit. */
  readonly label: string;
  /** Default "linear". A logarithmic axis takes numbers above 0. */
  readonly scale?: "linear" | "log";
  /** Where it begins. Default: at the least value. */
  readonly min?: number;
  /** Where it ends. Default: at the largest value. Points beyond are crosses at the edge. */
  readonly max?: number;
}

/** A line. */
export interface ChartSeries {
  /** For the legend. Default: not in it. */
  readonly name?: string;
  /** Pairs x, y, in order. y may be infinite or NaN: a cross at the top, and a gap in the line. */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Whether each point has a dot. Default false. */
  readonly dots?: boolean;
}

/** A vertical line that is named. */
export interface ChartMark {
  /** Where. */
  readonly x: number;
  /** What stands beside it. */
  readonly label: string;
}

/** What a chart shows. */
export interface LineChart {
  /** Stands above it. */
  readonly title: string;
  /** The horizontal axis. */
  readonly x: ChartAxis;
  /** The vertical axis. */
  readonly y: ChartAxis;
  /** At most six lines. */
  readonly series: readonly ChartSeries[];
  /** Default: none. */
  readonly marks?: readonly ChartMark[];
}

const WIDTH = 720;
const HEIGHT = 420;
/** Room around the plot, for title and labels. */
const PLOT = { left: 76, right: WIDTH - 20, top: 48, bottom: HEIGHT - 58 };

/** Colours that can be told apart by most people, on white and on near-black. */
const LIGHT = ["#0072b2", "#d55e00", "#00805f", "#a3447c", "#8a6d00", "#555555"];
const DARK = ["#56b4e9", "#ff9d5c", "#3fcf9f", "#e79ac9", "#f0e442", "#bbbbbb"];

/** An axis with its scale and where it lies on the picture. */
interface Placed {
  readonly ticks: readonly { readonly at: number; readonly text: string }[];
  /** From a value to a coordinate. */
  place(value: number): number;
  /** Whether a value lies on the axis. */
  holds(value: number): boolean;
}

/**
 * A picture of lines over labelled axes, as SVG text. It has a background of its own, and colours that follow the viewer's choice
 * of light or dark where the viewer knows of it.
 *
 * @throws {OptionError} if there is no finite point to show, or a number of a logarithmic axis is not above 0.
 * @example
 * ```ts
 * import { lineChart } from "@strata/strata";
 *
 * const svg = lineChart({
 *   title: "Loss",
 *   x: { label: "step" },
 *   y: { label: "mean loss", min: 0 },
 *   series: [{ name: "training", points: [[0, 2.3], [1, 1.7], [2, 1.2]] }],
 * });
 * console.log(svg.length);
 * ```
 */
export function lineChart(chart: LineChart): string {
  const { title, series, marks = [] } = chart;
  if (series.length > LIGHT.length) {
    throw new OptionError(
      `lineChart: expected at most ${LIGHT.length} lines, got ${series.length}`,
    );
  }
  const points = series.flatMap(({ points }) => points);
  const x = placeAxis(
    chart.x,
    [...points.map(([x]) => x), ...marks.map((mark) => mark.x)],
    [PLOT.left, PLOT.right],
    "lineChart: x",
  );
  const y = placeAxis(chart.y, points.map(([, y]) => y), [PLOT.bottom, PLOT.top], "lineChart: y");
  const legend = drawLegend(series);
  const height = HEIGHT + legend.height;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" \
width="${WIDTH}" height="${height}" role="img" aria-label="${escape(title)}">
<style>
${styles()}
</style>
<rect class="background" width="${WIDTH}" height="${height}"/>
<text class="title" x="${PLOT.left}" y="28">${escape(title)}</text>
<g transform="translate(0 ${legend.height})">
${drawAxes(chart, x, y)}
${marks.map((mark) => drawMark(mark, x)).join("\n")}
${series.map((each, i) => drawSeries(each, i, x, y)).join("\n")}
</g>
${legend.text}
</svg>
`;
}

function placeAxis(
  axis: ChartAxis,
  values: readonly number[],
  [begin, end]: readonly [number, number],
  what: string,
): Placed {
  const logarithmic = axis.scale === "log";
  const finite = values.filter(Number.isFinite);
  const low = axis.min ?? Math.min(...finite);
  const high = axis.max ?? Math.max(...finite);
  if (!(low <= high && high < Infinity)) {
    throw new OptionError(`${what}: expected finite values, got ${low} to ${high}`);
  }
  if (logarithmic && !(low > 0)) {
    throw new OptionError(`${what}: expected values above 0 on a logarithmic axis, got ${low}`);
  }
  const scale = logarithmic ? Math.log10 : (value: number) => value;
  // An axis of one value has some room on both sides of it.
  const room = low === high ? (logarithmic ? 0.5 : Math.abs(low) / 2 || 1) : 0;
  const [first, last] = [scale(low) - room, scale(high) + room];
  const place = (value: number) => begin + (scale(value) - first) / (last - first) * (end - begin);
  const slack = 1e-9 * (last - first);
  const holds = (value: number) => scale(value) >= first - slack && scale(value) <= last + slack;
  const ticks = logarithmic ? logarithmicTicks(first, last) : linearTicks(first, last);
  return { place, holds, ticks: ticks.filter(({ at }) => holds(at)) };
}

/** Powers of ten, and where there are few of them, twice and five times them. */
function logarithmicTicks(first: number, last: number): Placed["ticks"] {
  const ticks = [];
  const every = Math.ceil((last - first) / 12);
  const factors = last - first < 2.5 ? [1, 2, 5] : [1];
  for (let power = Math.floor(first); power <= last; power += every) {
    for (const factor of factors) {
      const text = factor === 1 ? `10${superscript(power)}` : `${factor}·10${superscript(power)}`;
      ticks.push({ at: factor * 10 ** power, text });
    }
  }
  return ticks;
}

/** Five or so round numbers. */
function linearTicks(first: number, last: number): Placed["ticks"] {
  const rough = (last - first) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999)!;
  const digits = Math.min(20, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  const ticks = [];
  for (let i = Math.ceil(first / step - 1e-9); i * step <= last + 1e-9 * step; i++) {
    const text = Math.abs(last) < 1e6 ? (i * step).toFixed(digits) : (i * step).toPrecision(3);
    ticks.push({ at: i * step, text: text.replace("-", "−") });
  }
  return ticks;
}

function superscript(power: number): string {
  return [...`${power}`].map((digit) => digit === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)]).join("");
}

function drawAxes(chart: LineChart, x: Placed, y: Placed): string {
  const { left, right, top, bottom } = PLOT;
  const middle = (top + bottom) / 2;
  return [
    ...x.ticks.map(({ at, text }) => {
      const place = round(x.place(at));
      return `<path class="grid" d="M${place} ${top}V${bottom}"/>` +
        `<text class="tick" x="${place}" y="${bottom + 20}" text-anchor="middle">${text}</text>`;
    }),
    ...y.ticks.map(({ at, text }) => {
      const place = round(y.place(at));
      return `<path class="grid" d="M${left} ${place}H${right}"/>` +
        `<text class="tick" x="${left - 8}" y="${place + 4}" text-anchor="end">${text}</text>`;
    }),
    `<path class="axis" d="M${left} ${top}V${bottom}H${right}"/>`,
    `<text class="label" x="${(left + right) / 2}" y="${HEIGHT - 14}" text-anchor="middle">` +
    `${escape(chart.x.label)}</text>`,
    `<text class="label" transform="translate(22 ${middle}) rotate(-90)" text-anchor="middle">` +
    `${escape(chart.y.label)}</text>`,
  ].join("\n");
}

/** A dashed line with its name on the side that has room. */
function drawMark({ x: value, label }: ChartMark, x: Placed): string {
  if (!x.holds(value)) return "";
  const place = round(x.place(value));
  const isRight = place > (PLOT.left + PLOT.right) / 2;
  const anchor = isRight ? "end" : "start";
  return `<path class="mark" d="M${place} ${PLOT.top}V${PLOT.bottom}"/>` +
    `<text class="label" x="${place + (isRight ? -6 : 6)}" y="${PLOT.bottom - 10}" ` +
    `text-anchor="${anchor}">${escape(label)}</text>`;
}

function drawSeries({ points, dots = false }: ChartSeries, i: number, x: Placed, y: Placed) {
  let path = "";
  let isDown = false;
  const shapes: string[] = [];
  for (const [valueX, valueY] of points) {
    if (!x.holds(valueX)) continue;
    const across = round(x.place(valueX));
    const isShown = Number.isFinite(valueY) && y.holds(valueY);
    if (isShown) {
      const down = round(y.place(valueY));
      path += `${isDown ? "L" : "M"}${across} ${down}`;
      if (dots) shapes.push(`<circle class="dot-${i}" cx="${across}" cy="${down}" r="3.5"/>`);
    } else {
      const edge = valueY < 0 || valueY === -Infinity ? PLOT.bottom - 6 : PLOT.top + 6;
      shapes.push(
        `<path class="line-${i}" d="M${round(across - 5)} ${edge - 5}l10 10m-10 0l10 -10"/>`,
      );
    }
    isDown = isShown;
  }
  return [path === "" ? "" : `<path class="line-${i}" d="${path}"/>`, ...shapes].join("\n");
}

/** The names in rows below the title, and the room that they take. */
function drawLegend(series: readonly ChartSeries[]): { text: string; height: number } {
  let x = PLOT.left;
  let row = 0;
  const entries: string[] = [];
  series.forEach(({ name }, i) => {
    if (name === undefined) return;
    // No font has wider letters on average, so names never touch.
    const width = 34 + 8 * name.length + 16;
    if (x > PLOT.left && x + width - 16 > PLOT.right) [x, row] = [PLOT.left, row + 1];
    const y = 50 + 22 * row;
    entries.push(
      `<path class="line-${i}" d="M${x} ${y - 5}h24"/>` +
        `<text class="label" x="${x + 32}" y="${y}">${escape(name)}</text>`,
    );
    x += width;
  });
  return { text: entries.join("\n"), height: entries.length === 0 ? 0 : 22 * (row + 1) };
}

function styles(): string {
  const rules = (colors: readonly string[], ink: string, paper: string, grid: string) =>
    [
      `.background { fill: ${paper} } text { fill: ${ink} } .grid { stroke: ${grid} }`,
      `.axis, .mark { stroke: ${ink} }`,
      ...colors.map((color, i) => `.line-${i} { stroke: ${color} } .dot-${i} { fill: ${color} }`),
    ].join("\n");
  return `text { font: 13px system-ui, "DejaVu Sans", sans-serif } .title { font-size: 16px; font-weight: 600 }
path { fill: none; stroke-width: 2; stroke-linejoin: round } .grid, .axis { stroke-width: 1 }
.mark { stroke-width: 1.5; stroke-dasharray: 5 4 }
${rules(LIGHT, "#222222", "#ffffff", "#e2e2e2")}
@media (prefers-color-scheme: dark) {
${rules(DARK, "#e6e6e6", "#161616", "#3a3a3a")}
}`;
}

function round(value: number): number {
  return Math.round(10 * value) / 10;
}

function escape(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
  };
  return text.replace(/[&<>"]/g, (letter) => entities[letter]!);
}
