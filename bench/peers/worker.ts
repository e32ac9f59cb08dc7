/**
 * A library in a process of its own: it reads requests from its input and answers on its output, a line each.
 *
 * @module
 */

import { type PeerWork, workError } from "./works.ts";

/** Work that a library is ready for. */
export interface PreparedWork {
  /** Does it so often, and ends when it is done. */
  run(repetitions: number): Promise<void>;
  /** The last result in Strata's layout; of a training step, its loss, before the update. */
  result(): Promise<Float32Array>;
  /** Frees everything. */
  dispose(): void;
}

/** Makes a library ready for some work, without doing it. @throws {Error} if it cannot do it. */
export type Prepare = (work: PeerWork) => Promise<PreparedWork> | PreparedWork;

/** What a worker is asked: to get ready, to be timed once more, or to free everything. */
export type Request =
  | { readonly ask: "prepare"; readonly work: PeerWork; readonly milliseconds: number }
  | { readonly ask: "time" }
  | { readonly ask: "dispose" };

/** The answer to "prepare". */
export interface Prepared {
  /** Of a result against float64. */
  readonly error?: number;
  /** Of the first training steps. */
  readonly losses?: readonly number[];
  /** What the first repetition took, if it is so slow that it counts although it contains the compilation. */
  readonly milliseconds?: number;
}

/** The answer to "time": milliseconds of one repetition, by a batch of them. */
export interface Timed {
  readonly milliseconds: number;
}

/** What begins the line of an answer; libraries print lines too. */
export const ANSWER = "answer ";
/** The first losses that are compared. */
const LOSSES = 4;
/** A repetition that is as long is not repeated for the sake of accuracy, in milliseconds. */
const SLOW = 3000;
/** A batch that is long enough for an estimate: several times the 11 ms of a wait. */
const ESTIMATE = 60;

/** Answers requests until there are no more. */
export async function serve(prepare: Prepare): Promise<void> {
  const state = new Worker(prepare);
  for await (const line of lines(Deno.stdin.readable)) {
    let answer: unknown;
    try {
      answer = await state.answer(JSON.parse(line));
    } catch (error) {
      answer = { failure: error instanceof Error ? error.message : String(error) };
    }
    console.log(ANSWER + JSON.stringify(answer));
  }
  Deno.exit(0); // whatever a library keeps running
}

class Worker {
  readonly #prepare: Prepare;
  #prepared: PreparedWork | undefined;
  #repetitions = 1;

  constructor(prepare: Prepare) {
    this.#prepare = prepare;
  }

  async answer(request: Request): Promise<Prepared | Timed | Record<string, never>> {
    if (request.ask === "prepare") return await this.#start(request.work, request.milliseconds);
    if (request.ask === "time") return { milliseconds: await this.#time(this.#repetitions) };
    this.#prepared?.dispose();
    this.#prepared = undefined;
    return {};
  }

  async #start(work: PeerWork, milliseconds: number): Promise<Prepared> {
    this.#prepared = await this.#prepare(work);
    this.#repetitions = 1;
    const first = await this.#time(1);
    const checked = await this.#check(work);
    if (first > SLOW) return { ...checked, milliseconds: first };
    for (let repetitions = 1;; repetitions *= 4) {
      const each = await this.#time(repetitions);
      if (each * repetitions < ESTIMATE) continue;
      this.#repetitions = Math.max(1, Math.round(milliseconds / each));
      return checked;
    }
  }

  async #check(work: PeerWork): Promise<Prepared> {
    const prepared = this.#prepared!;
    if (work.kind !== "step") {
      const error = workError(work, await prepared.result());
      return { error: Number.isFinite(error) ? error : 1 };
    }
    const losses = [(await prepared.result())[0]!];
    while (losses.length < LOSSES) {
      await prepared.run(1);
      losses.push((await prepared.result())[0]!);
    }
    return { losses };
  }

  async #time(repetitions: number): Promise<number> {
    const start = performance.now();
    await this.#prepared!.run(repetitions);
    return (performance.now() - start) / repetitions;
  }
}

/** The lines of a stream of bytes, without their ends. */
export async function* lines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
}
