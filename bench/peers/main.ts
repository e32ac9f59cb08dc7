/**
 * `deno task bench:peers`: the same work in Strata, TensorFlow.js and jax-js, one after the other in turn.
 *
 * @module
 */

import { OptionError } from "../../src/errors.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import {
  flag,
  helpLines,
  type Option,
  type OptionTable,
  path,
  readCommandLine,
  reportError,
  text,
  whole,
} from "../../tools/command_line.ts";
import { checkOneOf } from "../../src/options.ts";
import { showProgress } from "../format.ts";
import { checkWritable, writeJson } from "../json_file.ts";
import { describeAdapter } from "../measure.ts";
import { comparePeers, PEERS } from "./compare.ts";
import { formatPeers } from "./peers_text.ts";
import { listPeerWorks, type PeerWork, WORK_KINDS } from "./works.ts";

type Only = keyof typeof WORK_KINDS;

const OPTIONS = {
  only: kind("matmul, convolution or steps; default all three"),
  filter: text("TEXT", 'Only work whose name contains TEXT: 512, "3×3", dx, 784-128-10, …'),
  rounds: whole("N", "5", 1, "Batches of each library, in turn, of which the median counts"),
  json: path("Also write the figures into FILE, below this folder", "FILE"),
  help: flag("Show this"),
} satisfies OptionTable;

const HELP =
  `Times the same work in Strata, TensorFlow.js and jax-js on WebGPU, and matrix products in jax-js on
WebAssembly, each library in a process of its own. All results are checked. The other libraries come
from npm when the task first runs.

  deno task bench:peers [option …]

${helpLines(OPTIONS, Object.keys(OPTIONS)).join("\n")}`;

/** Of a batch: a wait of 11 ms is 3% of it. */
const BATCH_MILLISECONDS = 400;

/** What the command line asks for. */
export interface PeersOptions {
  readonly works: readonly PeerWork[];
  readonly rounds: number;
  readonly json: string | undefined;
  readonly help: boolean;
}

/**
 * Reads the command line.
 *
 * @throws {OptionError} naming the option that is unknown or has a wrong value.
 */
export function parsePeersOptions(args: readonly string[]): PeersOptions {
  const { rounds, json, help, only, filter = "" } = readCommandLine(OPTIONS, args).options;
  const works = listPeerWorks().filter(({ kind, name }) =>
    (only === undefined || kind === WORK_KINDS[only]) && name.includes(filter)
  );
  if (works.length === 0) {
    throw new OptionError(`--filter: expected a part of the name of some work, got "${filter}"`);
  }
  return { works, rounds, json, help };
}

function kind(help: string): Option<Only | undefined> {
  const parse = (text: string, option: string) => {
    const names = Object.keys(WORK_KINDS) as Only[];
    checkOneOf(text as Only, option, names);
    return text as Only;
  };
  return { value: "KIND", help, parse };
}

async function compare({ works, rounds, json }: PeersOptions): Promise<void> {
  if (json !== undefined) await checkWritable(json);
  const adapter = await adapterName();
  const rows = await comparePeers(works, PEERS, {
    rounds,
    milliseconds: BATCH_MILLISECONDS,
    onProgress: showProgress,
  });
  showProgress("");
  const head = {
    adapter,
    deno: `${Deno.version.deno}, ${Deno.build.target}`,
    date: new Date().toISOString().slice(0, 10),
  };
  console.log(formatPeers(head, rows));
  if (json !== undefined) await writeJson(json, { ...head, rows });
}

async function adapterName(): Promise<string> {
  await using gpu = await Gpu.open();
  return describeAdapter(gpu.adapter);
}

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parsePeersOptions(args);
    if (options.help) console.log(HELP);
    else await compare(options);
    return 0;
  } catch (error) {
    showProgress("");
    return reportError(error, "bench:peers");
  }
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
