/**
 * The picture of a search for a learning rate.
 *
 * @module
 */

import type { LearningRateCurve } from "../training/learning_rate_search.ts";
import { lineChart } from "./line_chart.ts";

/** Losses up to so many times the first are shown; beyond them only that they are. */
const SHOWN = 1.5;

/** How far the axis reaches beyond the largest of them. */
const HEADROOM = 1.08;

const TITLES = {
  trials: "Loss after short trials at each learning rate",
  range: "Loss while the learning rate rises",
};

/**
 * The loss over the learning rate, on a logarithmic axis, with the rate that is recommended, as SVG. A cross at the top is a
 * rate that made the loss more than 1.5 times the first, or no number.
 *
 * @throws {OptionError} if the first loss was no number.
 */
export function learningRateChart(curve: LearningRateCurve): string {
  const { method, points, startLoss, recommendation } = curve;
  const losses = points.map(({ loss }) => loss).filter((loss) => loss <= SHOWN * startLoss);
  const isBeyond = losses.length < points.length;
  return lineChart({
    title: TITLES[method],
    x: { label: `learning rate${isBeyond ? "; ✕ diverged" : ""}`, scale: "log" },
    y: {
      label: method === "trials" ? "mean loss of the last quarter" : "smoothed loss",
      min: Math.min(0, ...losses),
      max: HEADROOM * Math.max(startLoss, ...losses),
    },
    series: [{
      points: points.map(({ rate, loss }) => [rate, loss]),
      dots: method === "trials",
    }],
    marks: recommendation === undefined
      ? []
      : [{ x: recommendation, label: `recommended: ${Number(recommendation.toPrecision(2))}` }],
  });
}
