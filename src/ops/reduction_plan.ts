/**
 * How reductions are computed: how an axis is shared out among invocations, and in how many passes.
 *
 * @module
 */

/** Something to be reduced along its middle dimension. */
export interface ReductionSize {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
}

/** How one pass of a reduction is computed; what does not fit a size is replaced by the nearest that does. */
export interface ReductionPlan {
  /** Whether loads take four neighbours: of the axis if it is the last, else of the dimension behind it. */
  readonly vector: boolean;
  /** Loads of a trip of the loop: along the axis if it is the last, else beside one another. */
  readonly loads: 1 | 2 | 4 | 8;
  /** Invocations that share a part of a last axis: one, or a workgroup. */
  readonly lanes: 1 | 64 | 256;
  /** Whether parts take turns along the axis, so that neighbours read neighbours; else each has a stretch of its own. */
  readonly turns: boolean;
  /** Parts of the axis; more of them if a loop would get too long. */
  readonly parts: number;
}

/** A pass: its plan for a length. */
export interface ReductionPass extends ReductionPlan {
  /** Length that this pass reduces. */
  readonly length: number;
  /** Neighbouring parts that take turns. */
  readonly block: number;
  /** Loads along the axis of an invocation, at most. */
  readonly trips: number;
  /** Invocations beside one another that reduce a part. */
  readonly columns: number;
}

/** What a plan depends on. */
export interface ReductionAdapter {
  readonly software: boolean;
}

/** Additions to one sum in a pass, at most. */
const LONGEST_SUM = 1024;
/** Invocations that keep an adapter busy: a card, and two cores whose workgroups may take different times. */
const BUSY = { card: 16_384, software: 256 };
/** An invocation is not given fewer loads of an axis than this for the sake of parallelism. */
const SHORTEST = { card: 16, software: 64 };
/** Loads of a last axis from which a workgroup shares it on a card. */
const SHARED = 32;
/** Floats that caches hold: beyond, a software adapter reads rows in wide pieces. */
const CACHED = 2 ** 18;
/** Vectors beside one another, at most: what a group of eight invocations reads of a row is 1 KiB then. */
const WIDEST = 8;

/**
 * The plan of the table.
 *
 * On a software adapter eight invocations read, one after the other, what each asks for, and the next eight begin when these are
 * done. So each has a stretch of the axis of its own, of which it takes a cache line at a time; with turns, a workgroup would walk
 * over the same pages eight times. On a card neighbours read neighbours.
 */
export function chooseReduction(
  { software }: ReductionAdapter,
  size: ReductionSize,
): ReductionPlan {
  const { outer, length, inner } = size;
  const isLast = inner === 1;
  const vector = (isLast ? length : inner) % 4 === 0;
  const loads = isLast ? 4 : software && outer * length * inner > CACHED ? WIDEST : 1;
  const steps = isLast && vector ? length / 4 : length;
  const lanes = isLast && !software && steps >= SHARED ? 64 : 1;
  const plan: ReductionPlan = { vector, loads, lanes, turns: !software, parts: 1 };
  const { columns } = planPass(size, plan);
  const busy = Math.round(
    (software ? BUSY.software : BUSY.card) / Math.max(1, outer * columns * lanes),
  );
  const shortest = lanes * (software ? SHORTEST.software : SHORTEST.card);
  // Up to four of the shortest parts are not worth a second pass, and so many parts not a third one.
  const atOnce = 4 * shortest;
  const parts = steps <= atOnce ? 1 : Math.min(busy, Math.floor(steps / shortest), atOnce);
  return { ...plan, parts: Math.max(1, parts) };
}

/** Plans that may be the quickest, the table's first; no two compute the same. */
export function reductionCandidates(
  adapter: ReductionAdapter,
  size: ReductionSize,
): ReductionPlan[] {
  const table = chooseReduction(adapter, size);
  const isLast = size.inner === 1;
  const plans = [
    table,
    ...([1, 2, 4, 8] as const).map((loads) => ({ ...table, loads })),
    { ...table, vector: false },
    { ...table, turns: !table.turns },
    ...(isLast && !adapter.software
      ? ([1, 64, 256] as const).map((lanes) => ({ ...table, lanes }))
      : []),
    ...[1 / 4, 4, 16].map((factor) => ({
      ...table,
      parts: Math.max(1, Math.round(table.parts * factor)),
    })),
  ];
  const passes = new Map<string, ReductionPlan>();
  for (const plan of plans) {
    const key = JSON.stringify(planPass(size, plan));
    if (!passes.has(key)) passes.set(key, plan);
  }
  return [...passes.values()];
}

/** A plan for a size. Every element lies in a part, and no sum has more than 1,024 additions before it is merged with others. */
export function planPass(
  { length, inner }: ReductionSize,
  { vector: wantsVector, loads: wanted, lanes, turns, parts: wantedParts }: ReductionPlan,
): ReductionPass {
  const isLast = inner === 1;
  const vector = wantsVector && (isLast ? length : inner) % 4 === 0;
  const width = vector ? 4 : 1;
  let loads = wanted;
  while (!isLast && inner / width % loads !== 0) loads = loads / 2 as typeof loads;
  const columns = isLast ? 1 : inner / width / loads;
  const steps = isLast ? length / width : length;
  const unit = isLast ? loads : 1;
  const least = Math.max(wantedParts, Math.ceil(steps / (lanes * unit * LONGEST_SUM)), 1);
  const block = lanes > 1 || !turns ? 1 : Math.min(least, Math.ceil(64 / Math.max(1, columns)));
  const blocks = Math.ceil(least / block);
  const trips = unit * Math.ceil(steps / (blocks * block * lanes * unit));
  const parts = Math.max(1, Math.ceil(steps / Math.max(1, block * lanes * trips))) * block;
  return { vector, loads, lanes, turns: block > 1, parts, length, block, trips, columns };
}

/** The passes that reduce an axis to one, the first as planned; a sum over nothing still takes one, to write its zeros. */
export function planPasses(
  adapter: ReductionAdapter,
  size: ReductionSize,
  plan: ReductionPlan,
): ReductionPass[] {
  const passes = [planPass(size, plan)];
  for (let left = passes[0]!.parts; left > 1; left = passes.at(-1)!.parts) {
    const rest = { ...size, length: left };
    passes.push(planPass(rest, chooseReduction(adapter, rest)));
  }
  return passes;
}
