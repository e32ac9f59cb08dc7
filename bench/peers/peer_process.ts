/**
 * A worker process, seen from outside.
 *
 * @module
 */

import { fromFileUrl } from "@std/path";
import { ANSWER, lines, type Prepared, type Request, type Timed } from "./worker.ts";

/** A library on a backend: a file, relative to this folder, with an argument. */
export interface Library {
  readonly name: string;
  readonly file: string;
  readonly argument?: string;
}

/** Why a library did not do some work. */
export class PeerError extends Error {}

/** What a worker's errors leave of its other output. */
const KEPT_CHARACTERS = 4000;

/** A running worker. Requests come one after the other. */
export class PeerProcess {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #output: AsyncGenerator<string>;
  readonly #errors: Promise<string>;
  #ended = false;

  /** Starts the worker, with the packages of `deno.json` in this folder and no permission to do anything but compute. */
  constructor({ file, argument }: Library) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--quiet",
        `--config=${fromFileUrl(new URL("deno.json", import.meta.url))}`,
        new URL(file, import.meta.url).href,
        ...(argument === undefined ? [] : [argument]),
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#output = lines(this.#child.stdout);
    this.#errors = tail(this.#child.stderr);
  }

  /** Whether it can take no more requests. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Waits for an answer.
   *
   * @param timeout Milliseconds after which the worker is ended.
   * @throws {PeerError} saying what the library threw, or how the worker ended.
   */
  async ask(request: Request, timeout: number): Promise<Prepared & Timed> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#child.kill("SIGKILL");
    }, timeout);
    try {
      await this.#input.write(new TextEncoder().encode(JSON.stringify(request) + "\n"))
        .catch(() => {}); // it has ended, as the reading will show
      for (let line = await this.#output.next(); !line.done; line = await this.#output.next()) {
        if (!line.value.startsWith(ANSWER)) continue;
        const answer = JSON.parse(line.value.slice(ANSWER.length));
        if (answer.failure !== undefined) throw new PeerError(answer.failure);
        return answer;
      }
    } finally {
      clearTimeout(timer);
    }
    this.#ended = true;
    const { code, signal } = await this.#child.status;
    if (late) throw new PeerError(`no answer in ${Math.round(timeout / 1000)} s`);
    const said = firstError(await this.#errors);
    throw new PeerError(said ?? `the process ended with ${signal ?? `code ${code}`}`);
  }

  /** Ends the worker and waits for that. */
  async stop(): Promise<void> {
    this.#ended = true;
    await this.#input.close().catch(() => {});
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 5000);
    await this.#child.status;
    clearTimeout(timer);
    await Promise.all([this.#output.return(undefined), this.#errors]);
  }
}

/** The last characters of a stream. */
async function tail(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  let text = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    text = (text + part).slice(-KEPT_CHARACTERS);
  }
  return text;
}

/** The line of an error output that says what was wrong. */
function firstError(text: string): string | undefined {
  // deno-lint-ignore no-control-regex -- the colours of a terminal
  const plain = text.replaceAll(/\x1b\[[0-9;]*m/g, "").split("\n").map((line) => line.trim());
  return plain.find((line) => /^error\b/i.test(line)) ?? plain.findLast((line) => line !== "");
}
