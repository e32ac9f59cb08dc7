/**
 * Faults of normalisation.
 *
 * @module
 */

import { type Fault, fault } from "./fault.ts";

/** The faults of this file. */
export const NORMALIZATION_FAULTS: readonly Fault[] = [
  fault("localResponseNorm", "window too wide", "u - 3u", "u - 2u"),
  fault("localResponseNorm", "window of the channel before", "u - u.before;", "u - u.before - 1u;"),
  fault("localResponseNorm", "channels beyond the last", "area), j < u.channels", "area), true"),
  fault(
    "localResponseNorm",
    "loop: window too wide",
    "first + 0u + u.after",
    "first + 1u + u.after",
  ),
  fault("localResponseNorm", "loop: not cut off in front", "first - min(first, u.before)", "first"),
  fault("localResponseNorm", "loop: last channel dropped", "4u + u.after", "3u + u.after"),
  fault("localResponseNorm", "missing square", "v * v", "v"),
  fault("localResponseNorm", "wrong sign of the exponent", "-u.beta", "u.beta"),
  fault("localResponseNorm", "missing NaN guard", "<= Bits(0x7f800000u)", "<= Bits(0x7fffffffu)"),
  fault("localResponseNorm gradient", "slope of the first channel", "finish(at,", "finish(begin,"),
  fault("localResponseNorm gradient", "exponent not one less", "(power / s)", "power"),
  fault(
    "localResponseNorm gradient",
    "wrong sign of the sum",
    "y[at] - u.factor",
    "y[at] + u.factor",
  ),
  fault("channelStatistics", "not corrected by the second walk", "center + shift", "center"),
  fault(
    "channelStatistics",
    "squares of x",
    "squares += d * d",
    "squares += x[place.at] * x[place.at]",
  ),
  fault("channelStatistics", "row not stepped over", "select(0u, u.skip, over)", "0u"),
  fault("channelStatistics", "position not set back", "position >= u.area", "position > u.area"),
  fault(
    "channelStatistics",
    "part and channel mixed",
    "output % u.channels, first",
    "output / u.channels, first",
  ),
  fault(
    "channelStatistics",
    "last part as long as the others",
    "part + 1u == u.parts",
    "part == u.parts",
  ),
  fault(
    "channelStatistics",
    "spread between the parts dropped",
    "part_variance[at] + d * d",
    "part_variance[at]",
  ),
  fault("channelStatistics", "last step of the tree dropped", "half > 0u", "half > 1u", true),
  fault("updateRunningStatistics", "biased variance", "u.mix_variance *", "u.mix *"),
  fault("updateRunningStatistics", "old and new exchanged", "u.keep * mean[i]", "u.mix * mean[i]"),
  fault(
    "batchNorm",
    "epsilon outside the root",
    "variance[channel] + u.epsilon)",
    "variance[channel]) + u.epsilon",
  ),
  fault("batchNorm", "channel of another row", "plane % u.channels", "plane / u.channels"),
  fault("batchNorm", "missing shift", " + shift", ""),
  fault("batchNorm", "guard one too early", "i >= u.length", "i + 1u >= u.length"),
  fault("batchNorm gradient", "missing mean of dy", "(level + normal * slope)", "normal * slope"),
  fault("batchNorm gradient", "missing term of the variance", "(level + normal * slope)", "level"),
  fault("batchNorm gradient", "sum for mean", "d_gamma[channel] / u.count", "d_gamma[channel]"),
  fault("batchNorm gradient", "x for x̂", "((x[place.at] - center) * inverse)", "x[place.at]"),
];
