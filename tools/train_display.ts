/**
 * What `deno task train` shows while it runs: on a terminal one line that is drawn anew, elsewhere plain lines.
 *
 * The cursor is never hidden, so that no way of ending, not even a crash, can leave a terminal without one.
 *
 * @module
 */

import { type DownloadProgress, type EpochRecord, formatDuration, formatProgress, type Progress } from "../mod.ts";

/** What is shown. */
export interface Display {
  /** A line that stays. */
  line(text: string): void;
  /** What is going on until the next call; of no interest later. */
  status(text: string): void;
  /** How far the download is. */
  download(progress: DownloadProgress): void;
  /** How far training is. */
  progress(progress: Progress): void;
  /** Removes what does not stay. */
  end(): void;
}

/** The display that suits the standard output. */
export function openDisplay(): Display {
  const terminal = Deno.stdout.isTerminal() && Deno.env.get("TERM") !== "dumb";
  return terminal ? new TerminalDisplay(!Deno.env.get("NO_COLOR")) : new PlainDisplay();
}

/** One line, drawn anew in a single write, so that it does not flicker. */
class TerminalDisplay implements Display {
  readonly #color: boolean;
  /** The columns that the line on the screen takes, 0 if there is none. */
  #drawn = 0;

  constructor(color: boolean) {
    this.#color = color;
  }

  line(text: string): void {
    this.#write(`${this.#back()}${text}\x1b[K\n`);
    this.#drawn = 0;
  }

  status(text: string): void {
    this.#draw(text.slice(0, this.#width()));
  }

  download({ file, received, total }: DownloadProgress): void {
    const of = total === undefined ? "" : ` of ${megabytes(total)}`;
    this.status(`  ${file}: ${megabytes(received)}${of} MB`);
  }

  progress(progress: Progress): void {
    this.#draw(formatProgress(progress, this.#width(), { unit: "images", color: this.#color }));
  }

  end(): void {
    if (this.#drawn > 0) this.#write(`${this.#back()}\x1b[K`);
    this.#drawn = 0;
  }

  #draw(text: string): void {
    this.#write(`${this.#back()}${text}\x1b[K`);
    // deno-lint-ignore no-control-regex
    this.#drawn = text.replace(/\x1b\[\d*m/g, "").length;
  }

  /** Moves to where the line on the screen begins, which may have been wrapped since by a narrower window. */
  #back(): string {
    const rows = Math.floor(Math.max(0, this.#drawn - 1) / (this.#width() + 1));
    return rows > 0 ? `\r\x1b[${rows}A\x1b[J` : "\r";
  }

  /** All columns but the last, which some terminals wrap after. */
  #width(): number {
    try {
      return Math.max(1, Deno.consoleSize().columns - 1);
    } catch {
      return 79;
    }
  }

  #write(text: string): void {
    const bytes = new TextEncoder().encode(text);
    for (let written = 0; written < bytes.length;) {
      written += Deno.stdout.writeSync(bytes.subarray(written));
    }
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
      `loss ${loss.toFixed(4)}`,
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
    `loss ${both(loss, valLoss, (value) => value.toFixed(4))}`,
    ...(accuracy === undefined ? [] : [`accuracy ${both(accuracy, valAccuracy, percent)}`]),
    `${seconds.toFixed(1)} s`,
    ...(stopped ? [`stopped after ${steps} steps`] : []),
  ].join("  ");
}

/** 0.9612 as 96.12%. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(2)}%`;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
