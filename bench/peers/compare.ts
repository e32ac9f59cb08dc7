/**
 * Measures libraries in turn on the same work, and judges what they computed.
 *
 * @module
 */

import { median } from "../measure.ts";
import { type Library, PeerError, PeerProcess } from "./peer_process.ts";
import type { Prepared, Request } from "./worker.ts";
import type { PeerWork } from "./works.ts";

/** A library of the comparison. */
export interface Peer extends Library {
  /** Whether it competes on WebGPU; another backend is a row by itself. */
  readonly webgpu: boolean;
  /** The kinds of work that it is asked for. */
  readonly kinds: readonly PeerWork["kind"][];
}

const ALL = ["matmul", "convolution", "step"] as const;

/** The first is Strata: times of the others are divided by its own, and losses compared with its own. */
export const PEERS: readonly Peer[] = [
  { name: "Strata", file: "strata.ts", webgpu: true, kinds: ALL },
  { name: "tfjs", file: "tfjs.ts", webgpu: true, kinds: ALL },
  { name: "jax-js", file: "jax.ts", argument: "webgpu", webgpu: true, kinds: ALL },
  { name: "jax-js on WASM", file: "jax.ts", argument: "wasm", webgpu: false, kinds: ["matmul"] },
];

/** A library on some work. */
export interface PeerRow {
  readonly work: PeerWork;
  readonly peer: string;
  readonly webgpu: boolean;
  /** Milliseconds of each round; empty if it failed. */
  readonly rounds: readonly number[];
  /** The median of the rounds. */
  readonly milliseconds?: number;
  /** Against float64, or of a training step's first losses against Strata's. */
  readonly error?: number;
  /** Why there is no time. */
  readonly failure?: string;
}

/** How to measure. */
export interface CompareOptions {
  readonly rounds: number;
  /** Of a batch of repetitions, at least about. */
  readonly milliseconds: number;
  readonly onProgress?: (what: string) => void;
  /** Milliseconds after which a library is given up. Default two minutes. */
  readonly timeout?: number;
}

/** An error up to here is one of rounding, also where a tile of Winograd's algorithm makes it large. */
export const TOLERANCE = 1e-3;
/** A library that has spent as many milliseconds on some work has no further rounds. */
const SPENT = 15_000;

/** All libraries on all work, round by round. Every worker is ended at last. */
export async function comparePeers(
  works: readonly PeerWork[],
  peers: readonly Peer[],
  options: CompareOptions,
): Promise<PeerRow[]> {
  await using workers = new Workers(options.timeout ?? 120_000);
  const rows: PeerRow[] = [];
  for (const work of works) {
    const asked = peers.filter(({ kinds }) => kinds.includes(work.kind));
    rows.push(...await compareOn(work, asked, workers, options));
  }
  return rows;
}

/** A library that is being measured. */
interface Contender {
  readonly peer: Peer;
  readonly rounds: number[];
  prepared?: Prepared;
  error?: number;
  failure?: string;
}

async function compareOn(
  work: PeerWork,
  peers: readonly Peer[],
  workers: Workers,
  { rounds, milliseconds, onProgress = () => {} }: CompareOptions,
): Promise<PeerRow[]> {
  const contenders: Contender[] = peers.map((peer) => ({ peer, rounds: [] }));
  for (const contender of contenders) {
    onProgress(`${work.name}: ${contender.peer.name}`);
    await attempt(contender, async () => {
      contender.prepared = await workers.ask(contender.peer, {
        ask: "prepare",
        work,
        milliseconds,
      });
      const { milliseconds: first } = contender.prepared;
      if (first !== undefined) contender.rounds.push(first);
    });
    // Strata's losses have nothing to be compared with; its own tests do that.
    judge(contender, contender === contenders[0] ? undefined : contenders[0]!.prepared?.losses);
  }
  for (let round = 0; round < rounds; round++) {
    onProgress(`${work.name}: round ${round + 1} of ${rounds}`);
    for (const contender of contenders) {
      const { rounds: done, failure, prepared } = contender;
      if (failure !== undefined || done.length >= rounds) continue;
      const spent = done.reduce((sum, each) => sum + Math.max(each, milliseconds), 0);
      if (prepared?.milliseconds !== undefined && spent + done[0]! > SPENT) continue;
      await attempt(contender, async () => {
        done.push((await workers.ask(contender.peer, { ask: "time" })).milliseconds);
      });
    }
  }
  for (const { peer } of contenders) await workers.ask(peer, { ask: "dispose" }).catch(() => {});
  return contenders.map(({ peer, rounds, error, failure }) => ({
    work,
    peer: peer.name,
    webgpu: peer.webgpu,
    rounds: failure === undefined ? rounds : [],
    ...(failure === undefined ? { milliseconds: median(rounds) } : { failure }),
    ...(error === undefined ? {} : { error }),
  }));
}

async function attempt(contender: Contender, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
    contender.failure = error.message.replaceAll(/\s+/g, " ");
  }
}

/** Nobody is credited with wrong numbers: whose error is too large, has failed. */
function judge(contender: Contender, reference: readonly number[] | undefined): void {
  const { prepared } = contender;
  if (prepared === undefined) return;
  const { losses } = prepared;
  const error = prepared.error ?? (reference && losses && lossError(losses, reference));
  if (error === undefined) return;
  contender.error = error;
  if (!(error <= TOLERANCE)) contender.failure = `wrong numbers: error ${error.toPrecision(2)}`;
}

/** The largest relative difference. */
export function lossError(losses: readonly number[], reference: readonly number[]): number {
  const errors = losses.map((loss, i) => Math.abs(loss - reference[i]!) / Math.abs(reference[i]!));
  return errors.reduce((largest, error) => error <= largest ? largest : error, 0); // NaN stays NaN
}

/** A worker for each library, started when it is first asked, and again after one that ended. */
class Workers {
  readonly #processes = new Map<Library, PeerProcess>();
  readonly #timeout: number;

  constructor(timeout: number) {
    this.#timeout = timeout;
  }

  async ask(library: Library, request: Request): ReturnType<PeerProcess["ask"]> {
    let process = this.#processes.get(library);
    if (process === undefined || process.ended) {
      if (request.ask !== "prepare") throw new PeerError("the process has ended");
      this.#processes.set(library, process = new PeerProcess(library));
    }
    return await process.ask(request, this.#timeout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#processes.values()].map((process) => process.stop()));
  }
}
