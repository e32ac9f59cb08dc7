/**
 * `deno task bench:peers`: the same work in Strata, TensorFlow.js and jax-js, one after the other in turn.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { OptionError } from "../../src/errors.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { checkOneOf } from "../../src/options.ts";
import { parseNumber, reportError } from "../../tools/command_line.ts";
import { showProgress } from "../format.ts";
import { checkWritable, writeJson } from "../json_file.ts";
import { describeAdapter } from "../measure.ts";
import { comparePeers, PEERS } from "./compare.ts";
import { formatPeers } from "./peers_text.ts";
import { listPeerWorks, type PeerWork, WORK_KINDS } from "./works.ts";

const HELP = `Usage: deno task bench:peers [options]

Times the same work in Strata, TensorFlow.js and jax-js on WebGPU, and matrix products in jax-js on
WebAssembly, each library in a process of its own. All results are checked. The other libraries come
from npm when the task first runs.

  --only KIND      matmul, convolution or steps (all three)
  --filter TEXT    only work whose name contains TEXT: 512, "3×3", dx, 784-128-10, …
  --rounds N       batches of each library, in turn, of which the median counts (5)
  --json FILE      also writes the figures into FILE, below this folder
  --help           prints this`;

/** Of a batch: a wait of 11 ms is 3% of it. */
const BATCH_MILLISECONDS = 400;

type Only = keyof typeof WORK_KINDS;

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
  const unknown: string[] = [];
  const parsed = parseArgs([...args], {
    boolean: ["help"],
    string: ["only", "filter", "rounds", "json"],
    default: { filter: "", rounds: "5" },
    alias: { help: "h" },
    unknown: (arg: string) => {
      unknown.push(arg);
      return false;
    },
  });
  if (unknown.length > 0) throw new OptionError(`Unknown: ${unknown.join(" ")}`);
  const { only, filter, json, help } = parsed;
  if (only !== undefined) checkOneOf(only, "--only", Object.keys(WORK_KINDS) as Only[]);
  if (json === "") throw new OptionError("--json: expected the name of a file, got none");
  const rounds = parseNumber(parsed.rounds, "--rounds", { min: 1, integer: true });
  const works = listPeerWorks().filter(({ kind, name }) =>
    (only === undefined || kind === WORK_KINDS[only as Only]) && name.includes(filter)
  );
  if (works.length === 0) {
    throw new OptionError(`--filter: expected a part of the name of some work, got "${filter}"`);
  }
  return { works, rounds, json, help };
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
