/**
 * What `deno task train` shows while it runs: on a terminal one line that is drawn anew, elsewhere plain lines.
 *
 * The cursor is never hidden, so that no way of ending, not even a crash, can leave a terminal without one.
 *
 * @module
 */

import type { DownloadProgress, EpochRecord, Progress } from "../mod.ts";
import { formatDuration, formatLoss, formatProgress } from "../src/report/progress_bar.ts";

/** What is shown. */
export interface Display {
  /** A line that stays. */
  line(text: string): void;
  /** What is going on until the next call; of no interest later. */
  status(text: string): void;
  /** How far the download is. */
  download(progress: DownloadProgress): void;
  /** How far training is; `unit`: what the examples are called, images by default. */
  progress(progress: Progress, unit?: string): void;
  /** Removes what does not stay. */
  end(): void;
}

/** The display that suits the standard output. */
export function openDisplay(): Display {
  const isTerminal = Deno.stdout.isTerminal() && Deno.env.get("TERM") !== "dumb";
  if (!isTerminal) return new PlainDisplay();
  return new TerminalDisplay({ write, columns, color: !Deno.env.get("NO_COLOR") });
}

/** A terminal. */
export interface Terminal {
  write(text: string): void;
  /** Its width now. */
  columns(): number;
  readonly color: boolean;
}

/** One line, drawn anew in a single write, so that it does not flicker. */
export class TerminalDisplay implements Display {
  readonly #terminal: Terminal;
  /** The columns that the line on the screen takes, 0 if there is none. */
  #drawn = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  line(text: string): void {
    this.#terminal.write(`${this.#clear()}${text}\n`);
    this.#drawn = 0;
  }

  status(text: string): void {
    this.#draw(text.slice(0, this.#width()));
  }

  download({ file, received, total }: DownloadProgress): void {
    const of = total === undefined ? "" : ` of ${megabytes(total)}`;
    this.status(`  ${file}: ${megabytes(received)}${of} MB`);
  }

  progress(progress: Progress, unit = "images"): void {
    const { color } = this.#terminal;
    this.#draw(formatProgress(progress, this.#width(), { unit, color }));
  }

  end(): void {
    this.#terminal.write(this.#clear());
    this.#drawn = 0;
  }

  #draw(text: string): void {
    // Written over the old line, whose rest is cleared then: it is never blank in between.
    this.#terminal.write(
      `${this.#drawn > this.#terminal.columns() ? this.#clear() : "\r"}${text}\x1b[K`,
    );
    // deno-lint-ignore no-control-regex
    this.#drawn = text.replace(/\x1b\[\d*m/g, "").length;
  }

  /** Clears the line on the screen, which a window made narrower since may have wrapped. */
  #clear(): string {
    if (this.#drawn === 0) return "";
    const rows = Math.ceil(this.#drawn / this.#terminal.columns());
    return rows > 1 ? `\r\x1b[${rows - 1}A\x1b[J` : "\r\x1b[K";
  }

  /** Columns that a line may take, such that the cursor stays on it, also after the ^C of an impatient user. */
  #width(): number {
    return this.#terminal.columns() - 3;
  }
}

function columns(): number {
  try {
    return Math.max(4, Deno.consoleSize().columns);
  } catch {
    return 80;
  }
}

function write(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let written = 0; written < bytes.length;) {
    written += Deno.stdout.writeSync(bytes.subarray(written));
  }
}

/** Seconds between two lines about the same epoch. */
const LINE_SECONDS = 10;

/** Lines of text, few enough for a log. */
class PlainDisplay implements Display {
  #last = performance.now();
  #file = "";

  line(text: string): void {
    console.log(text);
    this.#last = performance.now();
  }

  status(): void {}

  download({ file, total }: DownloadProgress): void {
    if (file === this.#file) return;
    this.#file = file;
    this.line(`  ${file}${total === undefined ? "" : `: ${megabytes(total)} MB`}`);
  }

  progress(progress: Progress): void {
    if (performance.now() - this.#last < LINE_SECONDS * 1000) return;
    const { epoch, epochs, step, steps, loss, accuracy, secondsLeft } = progress;
    this.line([
      `epoch ${epoch}/${epochs}`,
      `step ${step}${steps === undefined ? "" : `/${steps}`}`,
      `loss ${formatLoss(loss)}`,
      ...(accuracy === undefined ? [] : [`accuracy ${percent(accuracy)}`]),
      ...(secondsLeft === undefined ? [] : [`${formatDuration(secondsLeft)} left`]),
    ].join("  "));
  }

  end(): void {}
}

/** An epoch as a line. */
export function formatEpoch(record: EpochRecord, epochs: number, stopped: boolean): string {
  const { epoch, steps, loss, accuracy, valLoss, valAccuracy, seconds } = record;
  const both = (train: number, test: number | undefined, format: (value: number) => string) =>
    test === undefined ? format(train) : `${format(train)}, test ${format(test)}`;
  return [
    `epoch ${epoch}/${epochs}`,
    `loss ${both(loss, valLoss, formatLoss)}`,
    ...(accuracy === undefined ? [] : [`accuracy ${both(accuracy, valAccuracy, percent)}`]),
    `${seconds.toFixed(1)} s`,
    ...(stopped ? [`stopped after ${steps} steps`] : []),
  ].join("  ");
}

/** Columns of what stands at the left of a fact, with the space after it. */
export const LABEL_WIDTH = 10;

/** A label at the left of lines. */
export function labelled(label: string, lines: readonly string[]): string {
  return lines.map((line, i) => (i === 0 ? label : "").padEnd(LABEL_WIDTH) + line).join("\n");
}

/** 0.9612 as 96.12%. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(2)}%`;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
