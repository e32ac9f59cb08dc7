/**
 * Ctrl-C, as a signal that long work can look at.
 *
 * @module
 */

/** The reason of {@linkcode Stop.signal}. */
export class StoppedError extends Error {
  /** The class, for those who print errors. */
  override name = "StoppedError";
}

/** SIGTERM is what a supervisor sends; Windows has none. */
const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM"];

/** Turns the first Ctrl-C into an `AbortSignal`. The second one ends the process at once, as it does without this. */
export class Stop {
  readonly #controller = new AbortController();
  readonly #listener: () => void;

  /** @param onStop Called at the first Ctrl-C. */
  constructor(onStop: () => void) {
    this.#listener = () => {
      // Without a listener the system ends the process, even while it computes and hears of no event.
      this.dispose();
      onStop();
      this.#controller.abort(new StoppedError("Stopped before the first step; nothing was saved."));
    };
    for (const signal of SIGNALS) Deno.addSignalListener(signal, this.#listener);
  }

  /** Aborted by the first Ctrl-C. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Leaves Ctrl-C to the system again; doing it twice is harmless. */
  dispose(): void {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, this.#listener);
  }

  /** Leaves Ctrl-C to the system at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
