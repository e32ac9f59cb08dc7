/**
 * Progress as one line of text.
 *
 * @module
 */

import type { Progress } from "../training/history.ts";

/** Options of {@linkcode formatProgress}. */
export interface ProgressOptions {
  /** What examples are called, "examples" by default. */
  readonly unit?: string;
  /** Whether the bar is coloured, by escape codes of terminals. Default false. */
  readonly color?: boolean;
}

const MIN_BAR = 8;
const MAX_BAR = 32;
const CYAN = "\x1b[36m";
const DIM = "\x1b[2m";
const RESET = "\x1b[0m";

/** Parts of the line; those with the lowest rank are left out first when there is no room. */
interface Part {
  readonly text: string;
  readonly rank: number;
}

/**
 * One line: the epoch, a bar of its steps, loss, accuracy, speed and time left. The bar takes the room that there is; if there
 * is too little, parts are left out, the speed first and the loss last.
 *
 * @param progress What `fit` reports.
 * @param width The most columns that the line may take.
 *
 * @example
 * ```ts
 * import { formatProgress } from "@strata/strata";
 *
 * const progress = {
 *   epoch: 2,
 *   epochs: 5,
 *   step: 230,
 *   steps: 469,
 *   loss: 0.1234,
 *   accuracy: 0.963,
 *   examplesPerSecond: 15_204,
 *   secondsLeft: 12,
 * };
 * console.log(formatProgress(progress, 80));
 * ```
 */
export function formatProgress(
  progress: Progress,
  width: number,
  options: ProgressOptions = {},
): string {
  const { epoch, epochs, step, steps, loss, accuracy, examplesPerSecond, secondsLeft } = progress;
  const { unit = "examples", color = false } = options;
  const speed = Math.round(examplesPerSecond).toLocaleString("en-US");
  let parts: Part[] = [
    { text: `epoch ${epoch}/${epochs}`, rank: 6 },
    { text: steps === undefined ? `step ${step}` : "━".repeat(MIN_BAR), rank: 2 },
    { text: `loss ${formatLoss(loss)}`, rank: 5 },
    ...(accuracy === undefined ? [] : [{ text: `accuracy ${formatPercent(accuracy)}`, rank: 3 }]),
    { text: `${speed} ${unit}/s`, rank: 1 },
    ...(secondsLeft === undefined
      ? []
      : [{ text: `${formatDuration(secondsLeft)} left`, rank: 4 }]),
  ];
  const length = () => parts.reduce((sum, { text }) => sum + text.length + 2, -2);
  for (let rank = 1; length() > width && parts.length > 1; rank++) {
    parts = parts.filter((part) => part.rank !== rank);
  }
  const room = Math.min(MAX_BAR, MIN_BAR + width - length());
  const texts = parts.map(({ text, rank }) =>
    rank === 2 && steps !== undefined ? formatBar(step / steps, room, color) : text
  );
  return length() > width ? texts[0]!.slice(0, Math.max(0, width)) : texts.join("  ");
}

/** 0.12345 as 0.1235; the very large and the very small as 1.23e+5. */
export function formatLoss(loss: number): string {
  const size = Math.abs(loss);
  return size < 1e3 && (size >= 1e-3 || size === 0) ? loss.toFixed(4) : loss.toExponential(2);
}

/** 12 as 0:12, 3723 as 1:02:03. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number) => `${value}`.padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

function formatBar(fraction: number, width: number, color: boolean): string {
  const done = Math.round(Math.min(1, Math.max(0, fraction)) * width);
  const [full, rest] = ["━".repeat(done), "─".repeat(width - done)];
  return color ? `${CYAN}${full}${RESET}${DIM}${rest}${RESET}` : full + rest;
}

function formatPercent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}
