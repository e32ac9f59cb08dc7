/**
 * The curves of a comparison of solvers as pictures.
 *
 * @module
 */

import { type ConvergencePoint, lineChart } from "../mod.ts";

/** A method's curve. */
export interface NamedCurve {
  readonly name: string;
  readonly curve: readonly ConvergencePoint[];
}

/** Distances below this are rounding. */
const LEAST = 1e-9;

/**
 * Two charts of the distance to the optimum: against time, and against passes over the data.
 *
 * @param distance What the distance is: `(f − f*) / f*`.
 */
export function comparisonCharts(
  title: string,
  distance: string,
  curves: readonly NamedCurve[],
): { time: string; passes: string } {
  const chart = (label: string, place: (point: ConvergencePoint) => number) =>
    lineChart({
      title,
      x: { label, scale: "log" },
      y: { label: distance, scale: "log" },
      series: curves.map(({ name, curve }) => ({
        name,
        points: shown(curve).map((point) => [place(point), point.gap] as const),
      })),
    });
  return {
    time: chart("milliseconds", ({ milliseconds }) => milliseconds),
    passes: chart("passes over the data", ({ passes }) => passes),
  };
}

/** The points that have a place on logarithmic axes, as far as the first that is an optimum but for rounding. */
function shown(curve: readonly ConvergencePoint[]): ConvergencePoint[] {
  const end = curve.findIndex(({ gap }) => gap < LEAST);
  return curve
    .slice(0, end < 0 ? curve.length : end + 1)
    .filter(({ passes, milliseconds }) => passes > 0 && milliseconds > 0)
    .map((point) => ({ ...point, gap: point.gap < LEAST ? LEAST : point.gap }));
}
