/**
 * The profile of a step as text.
 *
 * @module
 */

import { formatTable, type TableColumn } from "../src/text_table.ts";
import { digits, giga, percent } from "./format.ts";
import {
  type DispatchSum,
  type ProfiledDispatch,
  type StepProfile,
  sumBy,
  sumOf,
} from "./step_profile.ts";
import type { SubmissionPhase } from "./submission.ts";

const RIGHT = { align: "right" } as const;

/** The columns that dispatches and sums have in common. */
const FIGURES: readonly TableColumn[] = [
  { heading: "ms", ...RIGHT },
  { heading: "share", ...RIGHT },
  { heading: "GFLOP/s", ...RIGHT },
  { heading: "GB/s", ...RIGHT },
  { heading: "of peak", ...RIGHT },
];

/** What the columns of a dispatch take beside label and kernel, with the space between columns. */
const FIGURES_WIDTH = 56;
/** Labels and kernels are not cut below this, however narrow the terminal is. */
const NARROWEST = 15;
/** Of the room for labels and kernels, what a kernel may take. */
const KERNEL_SHARE = 0.34;

/** Words that labels of dispatches are full of, and what stands for them in the table. */
const SHORT: readonly (readonly [RegExp, string])[] = [
  [/\bconvolution input gradient\b/g, "conv dx"],
  [/\bconvolution weight gradient\b/g, "conv dw"],
  [/^convolution\//, ""], // of a kernel, whose label says the same
  [/\bconvolution\b/g, "conv"],
  [/\bwinograd\b/g, "wino"],
  [/\bgradient\b/g, "grad"],
];

const CLOCKS = {
  gpu: "each in a pass of its own between two timestamps of the GPU",
  wall: "each repeated by itself, by the wall clock",
};

/**
 * The table of dispatches, the sums, and what a step takes.
 *
 * @param width Columns of the terminal.
 */
export function formatProfile(profile: StepProfile, width: number): string {
  const { peaks, dispatches, step, submission, together, clock, repetitions } = profile;
  const total = sumOf("total", dispatches);
  const phases = Map.groupBy(submission.spans, ({ phase }) => phase);
  const phase = (name: SubmissionPhase) =>
    digits((phases.get(name) ?? []).reduce((sum, { begin, end }) => sum + end - begin, 0));
  return `Step    ${profile.model}, batch ${profile.batchSize}, ${profile.optimizer}
GPU     ${profile.adapter}
Peaks   ${giga(peaks.flops.perSecond)} GFLOP/s (${peaks.flops.kernel}), ${
    giga(peaks.bytes.perSecond)
  } GB/s (${peaks.bytes.kernel})
Clock   dispatches ${CLOCKS[clock]}; median of ${repetitions}
Deno    ${profile.deno}
Date    ${profile.date}

${dispatchTable(dispatches, total, width)}

${sumTable("Section", sumBy(dispatches, ({ section }) => section), total, width)}

${sumTable("Kernel", byTime(sumBy(dispatches, ({ family }) => family)), total, width)}

of peak  the least time that the peaks allow for FLOP or bytes, whichever is longer, by the time
Wall     ${digits(step.median)} ms a step, least ${digits(step.minimum)}: ${
    giga(1000 * total.flops / step.median) || 0
  } GFLOP/s, ${step.batches} batches of ${step.repetitions} steps without timestamps
CPU      to encode and submit a step with an idle queue, in µs:
         ${digits(together.median)}, least ${
    digits(together.minimum)
  }, of ${together.repetitions} submitted together, as fit does
         ${digits(submission.median)}, least ${digits(submission.minimum)}, alone: ${
    phase("encode")
  } encoding, ${phase("write")} writing numbers, ${phase("submit")} submitting`;
}

function dispatchTable(
  dispatches: readonly ProfiledDispatch[],
  total: DispatchSum,
  width: number,
): string {
  const labels = dispatches.map(({ label }) => shortLabel(label));
  const families = dispatches.map(({ family }) => shortLabel(family));
  const longest = (texts: readonly string[]) => Math.max(...texts.map((text) => text.length));
  const room = width - FIGURES_WIDTH;
  const kernelWidth = Math.max(
    NARROWEST,
    Math.min(longest(families), Math.floor(room * KERNEL_SHARE)),
  );
  const labelWidth = Math.max(NARROWEST, room - kernelWidth);
  const rows = dispatches.flatMap((dispatch, i) => {
    const { section, milliseconds } = dispatch;
    const row = [
      `${i + 1}`,
      `  ${shorten(labels[i]!, labelWidth)}`,
      shorten(families[i]!, kernelWidth),
      ...figures(dispatch, milliseconds / total.milliseconds),
      milliseconds > 0 ? dispatch.bound : "",
    ];
    const begins = section !== dispatches[i - 1]?.section;
    return begins && section !== "" ? [["", section], row] : [row];
  });
  const footer = [["", `${total.dispatches} dispatches`, "", ...figures(total, 1)]];
  const head = [{ heading: "", ...RIGHT }, { heading: "Dispatch" }, { heading: "Kernel" }];
  return formatTable(rows, [...head, ...FIGURES, { heading: "" }], { footer });
}

function sumTable(
  heading: string,
  sums: readonly DispatchSum[],
  total: DispatchSum,
  width: number,
): string {
  const rows = sums.map((sum) => [
    shorten(sum.name, width - FIGURES_WIDTH),
    `${sum.dispatches}`,
    ...figures(sum, sum.milliseconds / total.milliseconds),
  ]);
  const head = [{ heading }, { heading: "dispatches", ...RIGHT }];
  return formatTable(rows, [...head, ...FIGURES]);
}

function byTime(sums: readonly DispatchSum[]): DispatchSum[] {
  return sums.toSorted((a, b) => b.milliseconds - a.milliseconds);
}

function figures(
  { milliseconds, flops, bytes, share: ofPeak }: Omit<DispatchSum, "name" | "dispatches">,
  share: number,
): string[] {
  if (milliseconds === 0) return ["0"]; // too short for the clock
  const seconds = milliseconds / 1000;
  return [
    milliseconds < 1 ? milliseconds.toFixed(3) : digits(milliseconds),
    `${percent(share)}%`,
    rate(flops / seconds),
    rate(bytes / seconds),
    `${percent(ofPeak)}%`,
  ];
}

/** Thousands of millions, to a hundredth; empty for none. */
function rate(perSecond: number): string {
  const short = giga(perSecond);
  return perSecond === 0 || perSecond >= 1e9 ? short : (perSecond / 1e9).toFixed(2);
}

/** `conv dx 64×16×10×10 16×6×5×5` for `convolution input gradient [64, 16, 10, 10] [16, 6, 5, 5]`. */
export function shortLabel(label: string): string {
  const worded = SHORT.reduce((text, [from, to]) => text.replace(from, to), label);
  return worded.replaceAll(/\[([\d, ]+)\]/g, (_, shape: string) => shape.replaceAll(", ", "×"));
}

/** Cut in the middle: what it is stands at the beginning, and its size at the end. */
export function shorten(text: string, width: number): string {
  if (text.length <= width) return text;
  const tail = Math.floor((width - 1) / 2);
  return `${text.slice(0, width - 1 - tail)}…${text.slice(text.length - tail)}`;
}
