/**
 * Tensors [n, channels, …] as channels: how the values of each are shared out among invocations.
 *
 * @module
 */

import valuesText from "../../kernels/channel_values.wgsl" with { type: "text" };
import { ShapeError } from "../errors.ts";
import type { SourceText } from "../gpu/expand.ts";
import { formatShape, type Shape, sizeOf } from "../shape.ts";

/** `Value`, `place_of`, `next_place` and `sum_of` for the parameters VECTOR and LANES. */
export const CHANNEL_SOURCE: SourceText = { name: "channel_values.wgsl", text: valuesText };

/** A tensor [n, channels, …], all dimensions after the second taken together. */
export interface ChannelView {
  readonly rows: number;
  readonly channels: number;
  /** Values of a channel in a row. */
  readonly area: number;
  /** Values of a channel in all rows. */
  readonly count: number;
}

/** The values of every channel cut into parts. */
export interface ChannelParts {
  readonly parts: number;
  /** Values of a part; the last one may have fewer. */
  readonly length: number;
  /** Invocations that share a part. */
  readonly lanes: 1 | 64;
  /** Whether values are read as vec4. */
  readonly vector: boolean;
  /** The kernel's numbers, lengths in vec4s if `vector`. */
  readonly uniforms: Readonly<Record<string, number>>;
}

/** Values of a part, at most; only a channel of more than 2²⁶ values has longer ones. */
const LONGEST_PART = 4096;
/** A lane is not given fewer values than this for the sake of parallelism. */
const SHORTEST_LANE = 16;
/** Parts of a channel, at most: one invocation may have to walk over all, twice. */
const MOST_PARTS = 16_384;
/** Values (or vec4s) of a part for each of its lanes, at most: they are walked over twice. */
const LONGEST_WALK = 32_767;
/** Invocations that keep an adapter busy: a card, and two cores of eight lanes each. */
const BUSY = { card: 4096, software: 64 };

/** @throws {ShapeError} if the tensor has less than two dimensions. */
export function channelsOf(shape: Shape, what: string): ChannelView {
  const [rows, channels, ...rest] = shape;
  if (rows === undefined || channels === undefined) {
    throw new ShapeError(
      `${what}: expected a tensor [n, channels, …], got ${formatShape(shape)}`,
    );
  }
  const area = sizeOf(rest);
  return { rows, channels, area, count: rows * area };
}

/** How the values of a channel are shared out; what does not fit a size is replaced by the nearest that does. */
export interface ChannelPlan {
  /** Invocations that share a part. */
  readonly lanes: 1 | 64;
  /** Parts of a channel; more of them if they would get too long. */
  readonly parts: number;
}

/**
 * The plan of the table. A workgroup shares a part on a card, where its lanes read neighbouring values; with few values in a row,
 * and on software adapters, where barriers are dear, a part has one invocation.
 */
export function chooseChannels(
  { software }: { readonly software: boolean },
  { channels, area, count }: ChannelView,
): ChannelPlan {
  const lanes = !software && area >= 8 && count >= 64 * SHORTEST_LANE ? 64 : 1;
  const busy = software ? BUSY.software : BUSY.card;
  const parts = Math.min(
    Math.ceil(busy / (lanes * Math.max(1, channels))),
    Math.floor(count / (lanes * SHORTEST_LANE)),
  );
  return { lanes, parts: Math.max(1, parts) };
}

/** Plans that may be the quickest, the table's first; no two compute the same. */
export function channelCandidates(
  adapter: { readonly software: boolean },
  view: ChannelView,
): ChannelPlan[] {
  const table = chooseChannels(adapter, view);
  const plans = [table.lanes, 1 as const, 64 as const].flatMap((lanes) =>
    [1, 1 / 4, 4, 16].map((factor) => ({ lanes, parts: Math.ceil(factor * table.parts) }))
  );
  const cuts = plans.map((plan) => [JSON.stringify(cut(view, plan)), plan] as const);
  return [...new Map(cuts.toReversed()).values()].toReversed();
}

/**
 * Cuts the channels into parts.
 *
 * @throws {ShapeError} if a channel has so many values that a loop would pass 65,535 trips: above 5 · 10⁸.
 */
export function cutChannels(view: ChannelView, plan: ChannelPlan, what: string): ChannelParts {
  const parts = cut(view, plan);
  if (parts.length / (parts.vector ? 4 : 1) / parts.lanes > LONGEST_WALK) {
    throw new ShapeError(`${what}: a channel of ${view.count} values is too long`);
  }
  return parts;
}

function cut({ channels, area, count }: ChannelView, plan: ChannelPlan): ChannelParts {
  const { lanes } = plan;
  const vector = area % 4 === 0 && area > 0;
  const width = vector ? 4 : 1;
  const most = Math.max(Math.ceil(count / LONGEST_PART), plan.parts, 1);
  const length = width * Math.ceil(count / width / Math.min(most, MOST_PARTS));
  const parts = Math.max(1, Math.ceil(count / Math.max(1, length)));
  const row = area / width;
  const stepPosition = row === 0 ? 0 : lanes % row;
  const uniforms = {
    outputs: parts * channels,
    channels,
    area: row,
    count: count / width,
    length: length / width,
    step_at: row === 0 ? 0 : (lanes - stepPosition) * channels + stepPosition,
    step_position: stepPosition,
    skip: Math.max(0, channels - 1) * row,
  };
  return { parts, length, lanes, vector, uniforms };
}
