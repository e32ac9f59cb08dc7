/**
 * Sums over channels as something to be tuned: how the values of each are shared out, tried on the gradients of batch normalisation.
 *
 * @module
 */

import type { Gpu } from "../gpu/gpu.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import type { ChoiceRequest } from "../gpu/tuning.ts";
import { exactMagnitude, type TuningRequest, wholeNumbers } from "../gpu/tuning_trial.ts";
import {
  channelCandidates,
  type ChannelPlan,
  type ChannelView,
  chooseChannels,
} from "./channels.ts";
import type { ReductionPlace } from "./reduction_tuning.ts";
import { bucketOf, FEWEST_TUNED, tunedChoice } from "./tuned_choice.ts";

/** Sums x, and products with `factor`, over each channel as planned; returns the sums of x. `zeros` are numbers of the channels. */
export type SumChannels = (
  recorder: Recorder,
  factor: Tensor,
  x: Tensor,
  zeros: Tensor,
  plan: ChannelPlan,
) => Tensor;

/** What plans are compared with. */
const PLAINEST: ChannelPlan = { lanes: 1, parts: 1 };

/**
 * The plan of sums over channels: what was measured, or else what the table says.
 *
 * @param sums Given where they are about to be recorded, and so are something to be measured.
 */
export function planChannels(
  place: ReductionPlace,
  view: ChannelView,
  sums?: SumChannels,
): ChannelPlan {
  const known = view.count * view.channels < FEWEST_TUNED ? undefined : tunedChoice(
    place.tuning,
    () => requestOf(place, view),
    sums && (() => trialOf(view, sums)),
  );
  return known ?? chooseChannels(place, view);
}

/** The choice for all sizes of a bucket: its candidates are those of the largest. */
function requestOf(
  place: ReductionPlace,
  { rows, channels, area }: ChannelView,
): ChoiceRequest<ChannelPlan> {
  const [n, c, a] = [rows, channels, area].map(bucketOf) as [number, number, number];
  const largest: ChannelView = { rows: n, channels: c, area: a, count: n * a };
  return {
    key: `channels ${n}×${c}×${a}`,
    builtIn: () => chooseChannels(place, largest),
    candidates: () => channelCandidates(place, largest),
  };
}

/** On whole numbers so small that every sum of them is exact in any order. */
function trialOf(
  { rows, channels, area, count }: ChannelView,
  sums: SumChannels,
): Omit<TuningRequest<ChannelPlan>, keyof ChoiceRequest> {
  return {
    label: `sums over channels of ${rows}×${channels}×${area}`,
    flops: 5 * channels * count,
    describe: ({ lanes, parts }) => `${lanes} lanes, ${parts} parts`,
    trial(gpu: Gpu) {
      const magnitude = exactMagnitude(count);
      const factor = wholeNumbers(gpu, [rows, channels, area], magnitude, 1);
      const x = wholeNumbers(gpu, [rows, channels, area], magnitude, 2);
      const zeros = gpu.zeros([channels]);
      return {
        run: (recorder, plan) => sums(recorder, factor, x, zeros, plan),
        reference: (recorder) => sums(recorder, factor, x, zeros, PLAINEST),
        tolerance: () => magnitude >= 1 ? 0 : undefined,
        [Symbol.dispose]() {
          for (const tensor of [factor, x, zeros]) tensor.dispose();
        },
      };
    },
  };
}
