/**
 * Random tensors and dropout from the counter-based generator of `src/random.ts`.
 *
 * @module
 */

import dropoutText from "../../kernels/dropout.wgsl" with { type: "text" };
import fillText from "../../kernels/random_fill.wgsl" with { type: "text" };
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder, Scalar } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkNumber } from "../options.ts";
import { checkSeed } from "../random.ts";
import { formatShape, type Shape, sizeOf } from "../shape.ts";
import {
  type ActivationSlope,
  EPILOGUE_SOURCES,
  epilogueLaunch,
  inPartsWithSlope,
  slopeEpilogue,
} from "./epilogue.ts";
import { RANDOM_SOURCE, workgroupsFor } from "./launch.ts";

/** Selects the random numbers: the same values give the same numbers on every device. */
export interface RandomOptions {
  /** 0 … 2³² − 1. */
  seed: number;
  /** Independent numbers for each stream, 0 … 2³² − 1. Default 0. */
  stream?: number;
  /** Independent numbers for each value, for example the training step. Default 0. */
  counter?: number | Scalar;
}

const FILL = new KernelFamily("random", [RANDOM_SOURCE, {
  name: "random_fill.wgsl",
  text: fillText,
}]);
const DROPOUT = new KernelFamily("dropout", [...EPILOGUE_SOURCES, RANDOM_SOURCE, {
  name: "dropout.wgsl",
  text: dropoutText,
}]);

/**
 * Numbers uniform on [low, high), low + (high − low) · k · 2⁻²⁴.
 *
 * @throws {OptionError} if the seed or stream does not fit 32 bits.
 */
export function randomUniform(
  recorder: Recorder,
  shape: Shape,
  options: RandomOptions & {
    /** Default 0. */
    low?: number;
    /** Default 1. */
    high?: number;
  },
): Tensor {
  const { low = 0, high = 1 } = options;
  return fill(recorder, "uniform", shape, options, low, high - low);
}

/**
 * Normal numbers, by the Box–Muller transform.
 *
 * @throws {OptionError} if the seed or stream does not fit 32 bits.
 */
export function randomNormal(
  recorder: Recorder,
  shape: Shape,
  options: RandomOptions & {
    /** Default 0. */
    mean?: number;
    /** Default 1. */
    deviation?: number;
  },
): Tensor {
  const { mean = 0, deviation = 1 } = options;
  return fill(recorder, "normal", shape, options, mean, deviation);
}

/**
 * yᵢ = xᵢ / (1 − rate) with probability 1 − rate, else 0. The same seed, stream and counter give the same mask, so the
 * gradient is dropout of dy; with `gradient` yᵢ is multiplied with f′. Shape: any → same.
 *
 * @throws {OptionError} if rate is outside [0, 1), or there is no such function; {@linkcode ShapeError} if what was saved has another
 * shape.
 * @see Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15 (2014).
 */
export function dropout(
  recorder: Recorder,
  x: Tensor,
  options: RandomOptions & {
    /** The share of elements that are dropped, 0 ≤ rate < 1. */
    rate: number;
    /** On the way back, the slope of the activation before the dropout. Default: nothing. */
    gradient?: ActivationSlope;
  },
): Tensor {
  const { rate } = options;
  checkNumber(rate, "dropout: rate", { min: 0, max: 1 - 2 ** -24 });
  const selected = randomUniforms(options, "dropout");
  const epilogue = slopeEpilogue(options.gradient, x.shape, "dropout");
  const y = recorder.empty(x.shape, x.type);
  inPartsWithSlope("dropout", x.size, [x, y] as const, epilogue, ([x, y], part, { first }) => {
    const end = epilogueLaunch(part);
    recorder.dispatch({
      label: `dropout ${formatShape(x.shape)}`,
      kernel: DROPOUT.variant(end.parameters),
      tensors: { x, y, ...end.tensors },
      uniforms: {
        ...{ length: x.size, first_pair: first / 2 },
        ...selected,
        ...{ rate, scale: 1 / (1 - rate) },
      },
      workgroups: workgroupsFor(Math.ceil(x.size / 2)),
      flops: x.size,
    });
  });
  return y;
}

function fill(
  recorder: Recorder,
  distribution: "uniform" | "normal",
  shape: Shape,
  options: RandomOptions,
  offset: number,
  scale: number,
): Tensor {
  const length = sizeOf(shape);
  const selected = randomUniforms(options, distribution);
  const y = recorder.empty(shape);
  recorder.dispatch({
    label: `${distribution} ${formatShape(shape)}`,
    kernel: FILL.variant({ DISTRIBUTION: distribution }),
    tensors: { y },
    uniforms: { length, ...selected, offset, scale },
    workgroups: workgroupsFor(Math.ceil(length / 2)),
  });
  return y;
}

/**
 * The uniforms that every kernel of random numbers has: the two words of the key, and the counter.
 *
 * @param what Names the operation in errors.
 * @throws {OptionError} if the seed or stream does not fit 32 bits.
 */
export function randomUniforms(
  { seed, stream = 0, counter = 0 }: RandomOptions,
  what: string,
): { key_0: number; key_1: number; counter: number | Scalar } {
  checkSeed(seed, `${what}: seed`);
  checkSeed(stream, `${what}: stream`);
  return { key_0: seed, key_1: stream, counter };
}
