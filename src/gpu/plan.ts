/**
 * Which intermediate results may share memory: a pure calculation over lifetimes.
 *
 * @module
 */

/** An intermediate result: its size and the first and last dispatch that use it. */
export interface Lifetime {
  /** Its size. */
  readonly bytes: number;
  /** The dispatch that writes it first. */
  readonly first: number;
  /** The last dispatch that uses it. */
  readonly last: number;
}

/** The answer: a slot for each lifetime, and the slots' sizes. */
export interface Plan {
  /** For each lifetime, the index of its slot. */
  readonly slots: readonly number[];
  /** Bytes of each slot; the given ones come first, unchanged. */
  readonly slotBytes: readonly number[];
}

/**
 * Assigns lifetimes to slots so that no two in one slot overlap: the largest first, each into the smallest
 * slot that is large enough and free, else into a new one of its own size. Largest-first keeps the sum within
 * a few percent of the lower bound for networks' programs.
 *
 * @param existing Bytes of slots that are there already (of other programs that never run at the same time).
 */
export function planLifetimes(lifetimes: readonly Lifetime[], existing: readonly number[]): Plan {
  const slotBytes = [...existing];
  const users: Lifetime[][] = slotBytes.map(() => []);
  const slots = new Array<number>(lifetimes.length);
  const order = lifetimes.map((_, i) => i).sort((a, b) =>
    lifetimes[b]!.bytes - lifetimes[a]!.bytes || lifetimes[a]!.first - lifetimes[b]!.first || a - b
  );
  for (const index of order) {
    const lifetime = lifetimes[index]!;
    let best = -1;
    for (let slot = 0; slot < slotBytes.length; slot++) {
      const bytes = slotBytes[slot]!;
      if (bytes < lifetime.bytes || (best >= 0 && bytes >= slotBytes[best]!)) continue;
      if (users[slot]!.every((user) => user.last < lifetime.first || lifetime.last < user.first)) {
        best = slot;
      }
    }
    if (best < 0) {
      best = slotBytes.length;
      slotBytes.push(lifetime.bytes);
      users.push([]);
    }
    users[best]!.push(lifetime);
    slots[index] = best;
  }
  return { slots, slotBytes };
}
