/**
 * The comparison with other libraries as text.
 *
 * @module
 */

import { formatTable } from "../../src/text_table.ts";
import { digits, formatError, giga } from "../format.ts";
import { shorten } from "../profile_text.ts";
import type { PeerRow } from "./compare.ts";

/** Characters of a failure that are shown. */
const LONGEST_FAILURE = 200;

/** What is known beside the rows. */
export interface PeersHead {
  readonly adapter: string;
  readonly deno: string;
  readonly date: string;
}

/** A row for each library on each work, then how Strata compares with the best of the others on WebGPU. */
export function formatPeers({ adapter, deno, date }: PeersHead, rows: readonly PeerRow[]): string {
  const works = Map.groupBy(rows, ({ work }) => work.name);
  const lines = [...works.values()].flatMap((group) =>
    group.map((row, i) => [i === 0 ? row.work.name : "", row.peer, ...figures(row, group[0]!)])
  );
  const right = (heading: string) => ({ heading, align: "right" as const });
  const table = formatTable(lines, [
    { heading: "work" },
    { heading: "library" },
    ...["ms", "GFLOP/s", "× Strata", "rounds", "error"].map(right),
  ]);
  const failures = rows.filter(({ failure }) => failure !== undefined).map((
    { work, peer, failure },
  ) => `${peer} failed at ${work.name}: ${shorten(failure!, LONGEST_FAILURE)}\n`);
  const ratios = [...works].map(([name, group]) => [name, ...advantage(group)]);
  const summary = formatTable(ratios, [
    { heading: "work" },
    right("Strata is faster"),
    { heading: "than" },
  ]);
  return `GPU     ${adapter}
Deno    ${deno}
Date    ${date}

${table}

× Strata: its time divided by Strata's. Above 1, Strata is faster.
${failures.join("")}
${summary}`;
}

function figures(row: PeerRow, strata: PeerRow): string[] {
  const { milliseconds, error, work, rounds } = row;
  const accuracy = error === undefined ? "" : formatError(error);
  if (milliseconds === undefined) return ["failed", "", "", "", accuracy];
  const own = strata.milliseconds;
  return [
    digits(milliseconds),
    giga(1000 * work.flops / milliseconds),
    row === strata || own === undefined ? "" : (milliseconds / own).toFixed(2),
    `${rounds.length}`,
    accuracy,
  ];
}

/** By what factor, and the fastest of the others on WebGPU. */
function advantage([strata, ...others]: readonly PeerRow[]): [factor: string, than: string] {
  const best = others
    .filter(({ webgpu, milliseconds }) => webgpu && milliseconds !== undefined)
    .toSorted((a, b) => a.milliseconds! - b.milliseconds!)[0];
  if (strata?.milliseconds === undefined) return ["–", "it failed"];
  if (best === undefined) return ["–", "no other gave right numbers"];
  return [`${(best.milliseconds! / strata.milliseconds).toFixed(2)} ×`, best.peer];
}
