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

/** The operands that are copied into textures. */
export type CopiedOperands = "" | "a" | "b" | "ab";

/** A kernel variant and how the sum over k is split. */
export type MatmulPlan =
  & MatmulParts
  & (
    | { readonly family: "plain" }
    | ({ readonly family: "register" } & MatmulTile)
    /** Eight lanes, all along the rows or along the columns, whose tile has a multiple of 8 along the other side. */
    | (
      & {
        readonly family: "broadcast";
        readonly textures: CopiedOperands;
      }
      & MatmulTile
    )
    | (
      & { readonly family: "block"; /** Steps of k in workgroup memory. */ readonly depth: number }
      & MatmulTile
    )
  );

/** What the choice of a variant depends on. */
export type MatmulAdapter = Pick<AdapterInfo, "software" | "subgroupSize" | "readableTextures">;

/** A tile and its speed, GFLOP/s at 512³. */
interface Candidate {
  readonly tile: MatmulTile;
  readonly speed: number;
  /** The speed where both operands lie in textures, without the copying. */
  readonly textureSpeed?: number;
  readonly depth?: number;
}

const tile = (
  rowGroups: number,
  columnGroups: number,
  lanesM: number,
  lanesN: number,
): MatmulTile => ({ rowGroups, columnGroups, lanesM, lanesN });

/**
 * Register tiles on lavapipe with two cores, the mean of NN, NT and TN; only the ratios of speeds matter. Measured with
 * `deno bench bench/matmul_tiles_bench.ts`. Eight invocations are one SIMD group of it; lanes along the rows are slower, but waste
 * less where there are few columns.
 */
export const SOFTWARE_TILES: readonly Candidate[] = [
  { tile: tile(1, 1, 1, 8), speed: 6.3 },
  { tile: tile(1, 1, 2, 4), speed: 5.1 },
  { tile: tile(2, 1, 1, 8), speed: 8.2 },
  { tile: tile(2, 1, 2, 4), speed: 6.4 },
  { tile: tile(2, 2, 1, 8), speed: 10.8 },
  { tile: tile(4, 2, 1, 8), speed: 12.2 },
  { tile: tile(4, 3, 1, 8), speed: 12.8 },
  { tile: tile(4, 4, 1, 8), speed: 13.8 },
];

/**
 * Tiles of eight invocations that share their loads, on the same adapter, where the largest register tile reached 20. Larger ones
 * are slower, and so are more steps of k at a time: their text does not fit the cache for instructions.
 */
export const BROADCAST_TILES: readonly Candidate[] = [
  { tile: tile(2, 1, 1, 8), speed: 26.7, textureSpeed: 50.9 },
  { tile: tile(1, 2, 8, 1), speed: 27.3, textureSpeed: 52.7 },
  { tile: tile(4, 1, 1, 8), speed: 37.0, textureSpeed: 60.9 },
  { tile: tile(1, 4, 8, 1), speed: 36.9, textureSpeed: 62.9 },
  { tile: tile(4, 2, 1, 8), speed: 41.5, textureSpeed: 66.1 },
  { tile: tile(2, 4, 8, 1), speed: 44.0, textureSpeed: 66.9 },
  { tile: tile(8, 2, 1, 8), speed: 47.7, textureSpeed: 70.6 },
  { tile: tile(2, 8, 8, 1), speed: 53.0, textureSpeed: 71.4 },
];
/** Invocations of a broadcast tile: fewer in a subgroup cannot share their loads. */
const BROADCAST_LANES = 8;
/**
 * Nanoseconds that a copy into a texture takes: for itself with the interruption of the pass, and for each number. Less than a copy
 * alone takes, because in the step of a network one serves two products.
 */
const COPY_TIME = { each: 20_000, number: 0.3 };
/** Numbers of an operand from which on it is copied: the CPU takes as long over the command as is gained with fewer. */
const LEAST_COPIED = 2 ** 15;

/**
 * The share of the time that each operand adds whose rows are no whole vec4s: its numbers are read one by one from a buffer, or taken
 * out of two texels.
 */
const RAGGED_TIME = { buffer: 0.4, texture: 0.1 };

/** Block tiles for cards: 128×128, 64×64 and 32×32, in the order of their arithmetic per load. */
export const CARD_TILES: readonly Candidate[] = [
  { tile: tile(1, 1, 8, 8), speed: 40, depth: 16 },
  { tile: tile(2, 2, 8, 8), speed: 80, depth: 16 },
  { tile: tile(2, 2, 16, 16), speed: 100, depth: 8 },
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
  adapter: MatmulAdapter,
  size: MatmulSize,
  batches = 1,
): MatmulPlan {
  const { planOf, workgroups, unit } = estimate(adapter, size, batches)[0]!;
  return planOf(splitSum(size.k, workgroups, 2 * parallelOf(adapter), unit));
}

/** Tiles that are estimated to take this many times as long as the best are not worth a measurement. */
const UNPROMISING = 3;
/** Elements of a result up to which one invocation for each may be the best. */
const PLAIN_OUTPUTS = 4096;

/**
 * The variants that may be the quickest for a size, that of {@linkcode chooseMatmul} first: tiles in the order of their estimated time,
 * and for each the sum split as for the table, whole, and split in twice as many parts.
 *
 * @param batches Products of this size that run together.
 */
export function matmulCandidates(
  adapter: MatmulAdapter,
  size: MatmulSize,
  batches = 1,
): MatmulPlan[] {
  const { m, n, k } = size;
  const parallel = parallelOf(adapter);
  const estimated = estimate(adapter, size, batches);
  const plans = estimated
    .filter(({ time }) => time <= UNPROMISING * estimated[0]!.time)
    .flatMap(({ planOf, workgroups, unit }) =>
      [2 * parallel, 0, 4 * parallel].map((wanted) => planOf(splitSum(k, workgroups, wanted, unit)))
    );
  if (batches * m * n <= PLAIN_OUTPUTS) plans.push({ family: "plain", ...splitSum(k, 1, 1, 1) });
  return [...new Map(plans.map((plan) => [JSON.stringify(plan), plan])).values()];
}

/** The ways to use a tile with their estimated times in nanoseconds, the quickest first. */
function estimate(
  adapter: MatmulAdapter,
  size: MatmulSize,
  batches: number,
): (TileOption & { readonly workgroups: number; readonly time: number })[] {
  const parallel = parallelOf(adapter);
  const options = optionsOf(adapter, size, batches).map((option) => {
    const { rows, columns } = blockOf(option.tile);
    const workgroups = batches * Math.ceil(size.m / rows) * Math.ceil(size.n / columns);
    // Workgroups run in rounds of `parallel`; a last round that is not full takes as long as a full one,
    // unless the sum over k can be split to fill it.
    const rounds = size.k >= 2 * MIN_CHUNK
      ? Math.max(1, workgroups / parallel)
      : Math.ceil(workgroups / parallel);
    const time = 2 * rounds * parallel * rows * columns * size.k / option.speed + option.before;
    return { ...option, workgroups, time };
  });
  return options.sort((a, b) => a.time - b.time);
}

function parallelOf({ software }: MatmulAdapter): number {
  return software ? SOFTWARE_PARALLEL : CARD_PARALLEL;
}

/** A tile in a way to use it. */
interface TileOption {
  readonly tile: MatmulTile;
  /** GFLOP/s. */
  readonly speed: number;
  /** Nanoseconds that pass before. */
  readonly before: number;
  /** Steps of k that a part is a multiple of. */
  readonly unit: number;
  planOf(parts: MatmulParts): MatmulPlan;
}

function optionsOf(
  { software, subgroupSize, readableTextures }: MatmulAdapter,
  size: MatmulSize,
  batches: number,
): TileOption[] {
  if (!software) {
    return CARD_TILES.map(({ tile, speed, depth }) => ({
      ...{ tile, speed, before: 0, unit: depth! },
      planOf: (parts) => ({ family: "block", ...tile, depth: depth!, ...parts }),
    }));
  }
  if (subgroupSize < BROADCAST_LANES) {
    return SOFTWARE_TILES.map(({ tile, speed }) => ({
      ...{ tile, speed, before: 0, unit: 4 },
      planOf: (parts) => ({ family: "register", ...tile, ...parts }),
    }));
  }
  const { m, n, k, transposeA, transposeB } = size;
  const copied = { a: batches * m * k, b: batches * k * n };
  const names = (["a", "b"] as const).filter((name) => copied[name] >= LEAST_COPIED);
  const textures = names.join("") as CopiedOperands;
  const copying = names.reduce(
    (time, name) => time + COPY_TIME.each + COPY_TIME.number * copied[name],
    0,
  );
  const ragged = [transposeA ? m : k, transposeB ? k : n].filter((row) => row % 4 !== 0).length;
  const options: CopiedOperands[] = readableTextures && textures !== "" ? ["", textures] : [""];
  return BROADCAST_TILES.flatMap(({ tile, speed, textureSpeed }) =>
    options.map((textures) => {
      const share = textures.length / 2;
      const time = (1 - share) * (1 + ragged * RAGGED_TIME.buffer) / speed +
        share * (1 + ragged * RAGGED_TIME.texture) / textureSpeed!;
      return {
        tile,
        speed: 1 / time,
        before: textures === "" ? 0 : copying,
        unit: 4,
        planOf: (parts) => ({ family: "broadcast", ...tile, textures, ...parts }),
      };
    })
  );
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
