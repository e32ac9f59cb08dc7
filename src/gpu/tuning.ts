/**
 * What was measured to be the quickest on this adapter: asked by operations that can compute the same in several ways.
 *
 * @module
 */

import type { TuningEntry, TuningFile } from "./tuning_file.ts";

/**
 * How operations choose between ways to compute the same.
 *
 * - "table": by the module's own tables; nothing is measured, and no file is read
 * - "cache": as a cache file says, where it knows this adapter and shape; else as "table"
 * - "measure": as "cache"; and what is not known can be measured, by `tune` and at the beginning of `fit`, `evaluate` and `predict`
 */
export type TuningMode = "table" | "cache" | "measure";

/** The modes. */
export const TUNING_MODES: readonly TuningMode[] = ["table", "cache", "measure"];

/** Something to be chosen, for one shape. A choice is plain JSON. */
export interface ChoiceRequest<C extends object = object> {
  /** What the choice may be kept under: the family of kernels, orientation, bucket of the shape. */
  readonly key: string;
  /** What the module's own tables choose. */
  builtIn(): C;
  /** All that may be chosen; the same list for all shapes of a key. */
  candidates(): readonly C[];
}

/** The choices of one device. */
export class Tuning {
  /** How operations choose. */
  readonly mode: TuningMode;
  readonly #file: TuningFile | undefined;
  readonly #entries = new Map<string, TuningEntry>();
  /** Choices whose entry was compared with the candidates, undefined where it was found to be stale. */
  readonly #known = new Map<string, object | undefined>();
  /** Keys that the file does not have yet. */
  readonly #unsaved = new Set<string>();
  #collected: Map<string, ChoiceRequest> | undefined;

  /** Begins with nothing known. */
  constructor(mode: TuningMode, file?: TuningFile) {
    this.mode = mode;
    this.#file = file;
  }

  /** Begins with what the file knows of this adapter; without a file, with nothing. */
  static async open(mode: TuningMode, file?: TuningFile): Promise<Tuning> {
    const tuning = new Tuning(mode, file);
    for (const [key, entry] of await file?.read() ?? []) tuning.#entries.set(key, entry);
    return tuning;
  }

  /** What to compute a request with. Never measures. */
  choose<C extends object>(request: ChoiceRequest<C>): C {
    if (this.mode === "table") return request.builtIn();
    this.#collected?.set(request.key, request);
    return this.known(request) ?? request.builtIn();
  }

  /** What was measured to be the best; undefined if that is not known, or the candidates are others now. */
  known<C extends object>(request: ChoiceRequest<C>): C | undefined {
    const { key } = request;
    if (!this.#known.has(key)) {
      const entry = this.#entries.get(key);
      this.#known.set(key, entry === undefined ? undefined : find(entry, request.candidates()));
    }
    return this.#known.get(key) as C | undefined;
  }

  /** What is kept for a request: a choice and its times; undefined as in {@linkcode Tuning.known}. */
  entry(request: ChoiceRequest): TuningEntry | undefined {
    return this.known(request) === undefined ? undefined : this.#entries.get(request.key);
  }

  /**
   * Takes a measured choice, for this device at once and for the file with the next {@linkcode Tuning.save}.
   *
   * @param isFinal Whether all candidates were measured; if not, the choice is not saved, and measured again by the next process.
   */
  learn<C extends object>(
    request: ChoiceRequest<C>,
    choice: C,
    times: Pick<TuningEntry, "milliseconds" | "builtInMilliseconds">,
    isFinal = true,
  ): void {
    const entry = { choice, among: fingerprint(request.candidates()), ...times };
    this.#entries.set(request.key, entry);
    this.#known.set(request.key, choice);
    if (isFinal) this.#unsaved.add(request.key);
  }

  /** Runs `work`, and returns what is chosen in it, each key once. */
  collect(work: () => void): ChoiceRequest[] {
    const outer = this.#collected;
    const collected = new Map<string, ChoiceRequest>();
    this.#collected = collected;
    try {
      work();
    } finally {
      this.#collected = outer;
    }
    return [...collected.values()];
  }

  /**
   * Writes what was learnt into the file, beside what others have written into it.
   *
   * @returns The path; undefined if there is no file or no permission, and the choices stay in memory.
   */
  async save(): Promise<string | undefined> {
    if (this.#file === undefined) return undefined;
    if (this.#unsaved.size === 0) return this.#file.path;
    const keys = [...this.#unsaved];
    const path = await this.#file.write(
      new Map(keys.map((key) => [key, this.#entries.get(key)!])),
    );
    if (path !== undefined) { for (const key of keys) this.#unsaved.delete(key); }
    return path;
  }

  /** Forgets all choices, here and, for this adapter, in the file. */
  async clear(): Promise<void> {
    for (const map of [this.#entries, this.#known]) map.clear();
    this.#unsaved.clear();
    await this.#file?.clear();
  }
}

/** The candidate that an entry means; undefined if it was chosen among others, or is none of them. */
function find<C extends object>({ choice, among }: TuningEntry, candidates: readonly C[]) {
  if (among !== fingerprint(candidates)) return undefined;
  const text = JSON.stringify(choice);
  return candidates.find((candidate) => JSON.stringify(candidate) === text);
}

/** Tells lists of candidates apart: FNV-1a of their JSON, 32 bits. */
function fingerprint(candidates: readonly object[]): string {
  let hash = 0x811c9dc5;
  for (const letter of JSON.stringify(candidates)) {
    hash = Math.imul(hash ^ letter.codePointAt(0)!, 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}
