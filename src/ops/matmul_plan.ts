/**
 * Which matmul kernel to use: a small table per kind of adapter and a model of the cost.
 *
 * @module
 */

import type { AdapterInfo } from "../gpu/device.ts";

/** The size and the orientation of a product. */
export interface MatmulSize {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** How the sum over k is split. */
export interface MatmulParts {
  /** Parts into which the sum over k is split; more than one needs a second pass. */
  readonly parts: number;
  /** Steps of k in each part. */
  readonly chunk: number;
}

/** The tile that an invocation computes, and the invocations of a workgroup. */
export interface MatmulTile {
  /** Rows of an invocation's tile, divided by 4. */
  readonly rowGroups: number;
  /** Columns of an invocation's tile, divided by 4. */
  readonly columnGroups: number;
  /** Invocations of a workgroup along the rows. */
  readonly lanesM: number;
  /** Invocations of a workgroup along the columns. */
  readonly lanesN: number;
}

/** A kernel variant and how the sum over k is split. */
export type MatmulPlan =
  & MatmulParts
  & (
    | { readonly family: "plain" }
    | ({ readonly family: "register" } & MatmulTile)
    | (
      & { readonly family: "block"; /** Steps of k in workgroup memory. */ readonly depth: number }
      & MatmulTile
    )
  );

/** A tile and its speed relative to the others where the matrix is large. */
interface Candidate {
  readonly tile: MatmulTile;
  readonly speed: number;
  readonly depth?: number;
}

/**
 * Register tiles on lavapipe with two cores, GFLOP/s at 512³, the mean of NN, NT and TN; only their ratios matter. Measured with
 * `deno bench bench/matmul_tiles_bench.ts`. Eight invocations are one SIMD group of it; lanes along the rows are slower, but waste
 * less where there are few columns.
 */
export const SOFTWARE_TILES: readonly Candidate[] = [
  { tile: { rowGroups: 1, columnGroups: 1, lanesM: 1, lanesN: 8 }, speed: 6.3 },
  { tile: { rowGroups: 1, columnGroups: 1, lanesM: 2, lanesN: 4 }, speed: 5.1 },
  { tile: { rowGroups: 2, columnGroups: 1, lanesM: 1, lanesN: 8 }, speed: 8.2 },
  { tile: { rowGroups: 2, columnGroups: 1, lanesM: 2, lanesN: 4 }, speed: 6.4 },
  { tile: { rowGroups: 2, columnGroups: 2, lanesM: 1, lanesN: 8 }, speed: 10.8 },
  { tile: { rowGroups: 4, columnGroups: 2, lanesM: 1, lanesN: 8 }, speed: 12.2 },
  { tile: { rowGroups: 4, columnGroups: 3, lanesM: 1, lanesN: 8 }, speed: 12.8 },
  { tile: { rowGroups: 4, columnGroups: 4, lanesM: 1, lanesN: 8 }, speed: 13.8 },
];

/** Block tiles for cards: 128×128, 64×64 and 32×32, in the order of their arithmetic per load. */
export const CARD_TILES: readonly Candidate[] = [
  { tile: { rowGroups: 1, columnGroups: 1, lanesM: 8, lanesN: 8 }, speed: 40, depth: 16 },
  { tile: { rowGroups: 2, columnGroups: 2, lanesM: 8, lanesN: 8 }, speed: 80, depth: 16 },
  { tile: { rowGroups: 2, columnGroups: 2, lanesM: 16, lanesN: 16 }, speed: 100, depth: 8 },
];

/** Workgroups that keep all of the adapter busy: two cores, or some hundred multiprocessors. */
const SOFTWARE_PARALLEL = 2;
const CARD_PARALLEL = 128;

/** Longest sum of one part: a quarter of it is loop trips, and lavapipe stops loops at 65,535. */
const MAX_CHUNK = 131_072;
/** Shorter parts than this do not repay the second pass. */
const MIN_CHUNK = 256;

/**
 * Chooses the variant with the least estimated time.
 *
 * @param batches Products of this size that run together.
 */
export function chooseMatmul(
  { software }: Pick<AdapterInfo, "software">,
  { m, n, k }: MatmulSize,
  batches = 1,
): MatmulPlan {
  const candidates = software ? SOFTWARE_TILES : CARD_TILES;
  const parallel = software ? SOFTWARE_PARALLEL : CARD_PARALLEL;
  let best: Candidate = candidates[0]!;
  let bestTime = Infinity;
  for (const candidate of candidates) {
    const { rows, columns } = blockOf(candidate.tile);
    const workgroups = batches * Math.ceil(m / rows) * Math.ceil(n / columns);
    // Workgroups run in rounds of `parallel`; a last round that is not full takes as long as a full one,
    // unless the sum over k can be split to fill it.
    const rounds = k >= 2 * MIN_CHUNK
      ? Math.max(1, workgroups / parallel)
      : Math.ceil(workgroups / parallel);
    const time = rounds * rows * columns / candidate.speed;
    if (time < bestTime) [best, bestTime] = [candidate, time];
  }
  const { tile, depth } = best;
  const { rows, columns } = blockOf(tile);
  const workgroups = batches * Math.ceil(m / rows) * Math.ceil(n / columns);
  const parts = splitSum(k, workgroups, 2 * parallel, depth ?? 4);
  return depth === undefined
    ? { family: "register", ...tile, ...parts }
    : { family: "block", ...tile, depth, ...parts };
}

/** Tiles that are estimated to take this many times as long as the best are not worth a measurement. */
const UNPROMISING = 3;
/** Elements of a result up to which one invocation for each may be the best. */
const PLAIN_OUTPUTS = 4096;

/**
 * The variants that may be the quickest for a size, the one of {@linkcode chooseMatmul} among them: tiles, and for each the sum
 * whole, split as for the table, and split in twice as many parts.
 *
 * @param batches Products of this size that run together.
 */
export function matmulCandidates(
  adapter: Pick<AdapterInfo, "software">,
  size: MatmulSize,
  batches = 1,
): MatmulPlan[] {
  const { m, n, k } = size;
  const { software } = adapter;
  const parallel = software ? SOFTWARE_PARALLEL : CARD_PARALLEL;
  const tiles = (software ? SOFTWARE_TILES : CARD_TILES).map((candidate) => {
    const { rows, columns } = blockOf(candidate.tile);
    const workgroups = batches * Math.ceil(m / rows) * Math.ceil(n / columns);
    return { ...candidate, workgroups, work: workgroups * rows * columns / candidate.speed };
  });
  const least = Math.min(...tiles.map(({ work }) => work));
  const plans = [chooseMatmul(adapter, size, batches)];
  for (const { tile, depth, workgroups, work } of tiles) {
    if (work > UNPROMISING * least) continue;
    for (const wanted of [0, 2 * parallel, 4 * parallel]) {
      const parts = splitSum(k, workgroups, wanted, depth ?? 4);
      plans.push(
        depth === undefined
          ? { family: "register", ...tile, ...parts }
          : { family: "block", ...tile, depth, ...parts },
      );
    }
  }
  if (batches * m * n <= PLAIN_OUTPUTS) plans.push({ family: "plain", ...splitSum(k, 1, 1, 1) });
  return [...new Map(plans.map((plan) => [JSON.stringify(plan), plan])).values()];
}

/** The rows and columns of the result that a workgroup computes. */
export function blockOf(tile: MatmulTile): { rows: number; columns: number } {
  const { rowGroups, columnGroups, lanesM, lanesN } = tile;
  return { rows: 4 * rowGroups * lanesM, columns: 4 * columnGroups * lanesN };
}

/** A block of workgroup memory: the parameters of its kernel text, and what it covers. */
export interface Block {
  readonly parameters: Readonly<Record<string, number>>;
  readonly rows: number;
  readonly columns: number;
}

/** The parameters of a kernel text that keeps a block of each operand in workgroup memory. */
export function blockParameters(tile: MatmulTile, depth: number): Block {
  const { rowGroups, columnGroups, lanesM, lanesN } = tile;
  const { rows, columns } = blockOf(tile);
  const threads = lanesM * lanesN;
  const parameters = {
    ROW_GROUPS: rowGroups,
    COLUMN_GROUPS: columnGroups,
    THREADS: threads,
    THREADS_M: lanesM,
    THREADS_N: lanesN,
    BLOCK_M: rows,
    BLOCK_N: columns,
    DEPTH: depth,
    LOADS_A: rows * depth / 4 / threads,
    LOADS_B: columns * depth / 4 / threads,
  };
  return { parameters, rows, columns };
}

/** The largest block of a card that a number of rows fills at least by half. */
export function blockFor(rows: number): Block {
  const { tile, depth } = CARD_TILES.findLast(({ tile }) => 2 * rows >= blockOf(tile).rows) ??
    CARD_TILES[0]!;
  return blockParameters(tile, depth!);
}

/** Splits the sum over k so that at least `wanted` workgroups run, each with enough to do. */
export function splitSum(k: number, workgroups: number, wanted: number, unit: number): MatmulParts {
  const forParallelism = workgroups >= wanted / 2
    ? 1
    : Math.min(Math.ceil(wanted / Math.max(1, workgroups)), Math.floor(k / MIN_CHUNK));
  const parts = Math.max(1, forParallelism, Math.ceil(k / MAX_CHUNK));
  if (parts === 1) return { parts: 1, chunk: k };
  const chunk = Math.ceil(k / parts / unit) * unit;
  return { parts: Math.ceil(k / chunk), chunk };
}
