/**
 * What the comparison of the ways to compute a convolution says: a table, and sentences that follow from its figures.
 *
 * @module
 */

import { formatTable, type TableColumn } from "../src/text_table.ts";
import { digits, formatBytes } from "./format.ts";

/** A convolution by one algorithm. */
export interface WayRow {
  /** Taps of the filters along an edge. */
  readonly kernelSize: number;
  /** The algorithm, with its tile. */
  readonly algorithm: string;
  /** Of the median. */
  readonly milliseconds: number;
  readonly flopsPerSecond: number;
  /** Bytes of intermediate results at once. */
  readonly workspace: number;
  /** Whether it is what "auto" takes. */
  readonly auto: boolean;
}

/** The ways of the algorithms. An algorithm that is not here is a way of its own. */
const WAYS: Readonly<Record<string, string>> = {
  direct: "direct",
  gemm: "matrix product",
  im2col: "matrix product",
  fft: "FFT",
  "winograd 2": "Winograd",
  "winograd 4": "Winograd",
};

/** Ways that pay off only for some filters. */
const FAST_WAYS = ["FFT", "Winograd"];

/** Times nearer to one another than this are level. */
const LEVEL = 1.03;

const COLUMNS: readonly TableColumn[] = [
  { heading: "filters" },
  { heading: "way" },
  { heading: "algorithm" },
  { heading: "ms", align: "right" },
  { heading: "× the best", align: "right" },
  { heading: "GFLOP/s", align: "right" },
  { heading: "workspace", align: "right" },
  { heading: "auto" },
];

/** The way of an algorithm. */
export function wayOf(algorithm: string): string {
  return WAYS[algorithm] ?? algorithm;
}

/** A line for each algorithm, those of one size of filters together. */
export function formatWays(rows: readonly WayRow[]): string {
  const cells = bySize(rows).flatMap(([kernelSize, ofSize]) => {
    const best = quickest(ofSize);
    return ofSize.map((row, i) => [
      i === 0 ? square(kernelSize) : "",
      wayOf(row.algorithm),
      row.algorithm,
      digits(row.milliseconds),
      (row.milliseconds / best.milliseconds).toFixed(2),
      digits(row.flopsPerSecond / 1e9),
      formatBytes(row.workspace),
      row.auto ? "←" : "",
    ]);
  });
  return formatTable(cells, COLUMNS);
}

/** A sentence for each size of filters, then where FFT and Winograd win. */
export function describeWays(rows: readonly WayRow[]): string[] {
  const sizes = bySize(rows);
  return [
    ...sizes.map(([kernelSize, ofSize]) => `${square(kernelSize)}: ${describeWinner(ofSize)}`),
    ...FAST_WAYS.map((way) => describeFastWay(way, sizes)),
  ];
}

/** Which way wins, and by how much over each of the others. */
function describeWinner(rows: readonly WayRow[]): string {
  const [first, ...others] = bestOfWays(rows);
  if (others.length === 0) return `only ${nameOf(first!)} applies.`;
  const ratio = (row: WayRow) => row.milliseconds / first!.milliseconds;
  const level = others.filter((row) => ratio(row) < LEVEL);
  const behind = others.filter((row) => ratio(row) >= LEVEL)
    .map((row) => `${ratio(row).toFixed(2)} over ${nameOf(row)}`);
  const winner = level.length === 0
    ? `${nameOf(first!)} wins`
    : `${list([first!, ...level].map(nameOf))} are level`;
  if (behind.length === 0) return `${winner}.`;
  return `${winner}${level.length === 0 ? " by" : ", ahead by"} a factor of ${list(behind)}.`;
}

/** Where a way is the best of all, and where it is better than the direct way. */
function describeFastWay(
  way: string,
  sizes: readonly (readonly [number, readonly WayRow[]])[],
): string {
  const applies = sizes.flatMap(([kernelSize, rows]) => {
    const own = bestOfWays(rows).find(({ algorithm }) => wayOf(algorithm) === way);
    return own === undefined ? [] : [{ kernelSize, rows, own }];
  });
  if (applies.length === 0) return `${way} applies to none of these filters.`;
  const all = applies.map(({ kernelSize }) => kernelSize);
  const where = (rival: (rows: readonly WayRow[]) => WayRow | undefined) =>
    applies.filter(({ rows, own }) => {
      const other = rival(rows);
      return other !== undefined && other.milliseconds >= LEVEL * own.milliseconds;
    }).map(({ kernelSize }) => kernelSize);
  const wins = where((rows) => bestOfWays(rows).find(({ algorithm }) => wayOf(algorithm) !== way));
  const overDirect = where((rows) => rows.find(({ algorithm }) => wayOf(algorithm) === "direct"));
  const only = all.length < sizes.length
    ? `${way}, which applies to ${list(all.map(square))} only,`
    : way;
  return `${only} wins ${describeSizes(wins, all)}, and is faster than direct ` +
    `${describeSizes(overDirect, all)}.`;
}

/** Some of the sizes, in words: "from 7×7 on" if all larger ones are among them. */
function describeSizes(some: readonly number[], all: readonly number[]): string {
  if (some.length === 0) return "nowhere";
  const first = some[0]!;
  const rest = all.filter((size) => size >= first);
  if (some.length > 1 && rest.length === some.length) return `from ${square(first)} on`;
  return `at ${list(some.map(square))}`;
}

/** The quickest algorithm of each way, the quickest way first. */
function bestOfWays(rows: readonly WayRow[]): WayRow[] {
  return [...Map.groupBy(rows, ({ algorithm }) => wayOf(algorithm)).values()].map(quickest)
    .sort((a, b) => a.milliseconds - b.milliseconds);
}

function quickest(rows: readonly WayRow[]): WayRow {
  return rows.reduce((best, row) => row.milliseconds < best.milliseconds ? row : best);
}

/** The rows of each size, the smallest first. */
function bySize(rows: readonly WayRow[]): [number, WayRow[]][] {
  return [...Map.groupBy(rows, ({ kernelSize }) => kernelSize)].sort(([a], [b]) => a - b);
}

/** `matrix product (gemm)`, or the algorithm's name if that is its way's. */
function nameOf({ algorithm }: WayRow): string {
  const way = wayOf(algorithm);
  if (way.toLowerCase() === algorithm) return way;
  const tile = algorithm.replace(`${way.toLowerCase()} `, "");
  return tile === algorithm ? `${way} (${algorithm})` : `${way} (tile ${tile})`;
}

function square(size: number): string {
  return `${size}×${size}`;
}

/** `a`, `a and b`, `a, b and c`. */
function list(items: readonly string[]): string {
  return items.length < 2
    ? items.join("")
    : `${items.slice(0, -1).join(", ")} and ${items.at(-1)!}`;
}
