/**
 * Pooling in one, two and three dimensions.
 *
 * @module
 */

import blocksText from "../../kernels/pool_gradient_blocks.wgsl" with { type: "text" };
import countText from "../../kernels/pool_count.wgsl" with { type: "text" };
import gradientText from "../../kernels/pool_gradient.wgsl" with { type: "text" };
import poolText from "../../kernels/pool.wgsl" with { type: "text" };
import { poolGeometry, type WindowGeometry } from "../convolution_shape.ts";
import { ShapeError } from "../errors.ts";
import type { KernelParameters } from "../gpu/expand.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Dispatch, Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkKeys } from "../options.ts";
import { formatShape, type Shape, sizeOf } from "../shape.ts";
import type { PoolOptions } from "../window_options.ts";
import { inParts } from "./binding_parts.ts";
import {
  type ActivationSlope,
  EPILOGUE_SOURCES,
  epilogueLaunch,
  inPartsWithSlope,
  NO_EPILOGUE,
  slopeEpilogue,
} from "./epilogue.ts";
import { expectShape, NAN_SOURCE } from "./launch.ts";
import { blocksLaunch, gradientLaunch, poolLaunch } from "./pooling_launch.ts";

/** Options of {@linkcode averagePool}. */
export interface AveragePoolOptions extends PoolOptions {
  /**
   * Whether the padding counts as elements of a window. Default false, as in Keras; PyTorch's default is true. What a window has
   * beyond the padding (`ceilMode`) never counts.
   */
  readonly countPadding?: boolean;
}

/** The maxima, and where they were. */
export interface MaxPoolResult {
  /** Shape: [n, c, …out]. */
  readonly y: Tensor;
  /** For each output the position of its maximum in the window. Shape: that of y. */
  readonly winners: Tensor<"u32">;
}

const COUNT_SOURCE = { name: "pool_count.wgsl", text: countText };
const MAX_POOL = new KernelFamily("pool", [
  NAN_SOURCE,
  { name: "pool.wgsl", text: poolText },
]);
const AVERAGE_POOL = new KernelFamily("pool", [
  COUNT_SOURCE,
  { name: "pool.wgsl", text: poolText },
]);
const GRADIENT_SOURCE = { name: "pool_gradient.wgsl", text: gradientText };
const BLOCKS_SOURCE = { name: "pool_gradient_blocks.wgsl", text: blocksText };
const GRADIENTS = {
  max: {
    blocks: new KernelFamily("poolGradient/blocks", [...EPILOGUE_SOURCES, BLOCKS_SOURCE]),
    any: new KernelFamily("poolGradient", [...EPILOGUE_SOURCES, GRADIENT_SOURCE]),
  },
  average: {
    blocks: new KernelFamily("poolGradient/blocks", [
      ...EPILOGUE_SOURCES,
      COUNT_SOURCE,
      BLOCKS_SOURCE,
    ]),
    any: new KernelFamily("poolGradient", [...EPILOGUE_SOURCES, COUNT_SOURCE, GRADIENT_SOURCE]),
  },
};

const OPTION_NAMES = ["poolSize", "strides", "padding", "ceilMode"];

/** Elements of a window, at most: one invocation walks over all of them. */
const LARGEST_WINDOW = 60_000;

/**
 * y[n, c, o] = max_t x[n, c, o · stride − pad + t]; NaN if the window has one. The padding takes no part.
 *
 * Shape: x [n, c, …in] with 1 to 3 dimensions of space → y, winners [n, c, …out].
 *
 * @throws {ShapeError} if the window does not fit; {@linkcode OptionError} for a wrong option.
 */
export function maxPool(recorder: Recorder, x: Tensor, options: PoolOptions): MaxPoolResult {
  const geometry = geometryOf("maxPool", x.shape, options, OPTION_NAMES);
  const y = recorder.empty([...x.shape.slice(0, 2), ...geometry.output], x.type);
  const winners = recorder.empty(y.shape, "u32");
  inParts("maxPool", x.shape[0]!, [x, y, winners] as const, ([x, y, winners]) => {
    recorder.dispatch({
      label: `max pool ${formatShape(x.shape)}`,
      ...poolLaunch(MAX_POOL, { MODE: "max" }, geometry, y.shape),
      tensors: { x, y, winners },
      flops: y.size * sizeOf(geometry.kernel),
    });
  });
  return { y, winners };
}

/**
 * dx[i] = Σ dy[o] over the windows whose maximum lies at i.
 *
 * Shape: dy [n, c, …out], winners of {@linkcode maxPool} → [n, c, …in].
 *
 * @param options Those of the pool, and the shape of x.
 */
export function maxPoolGradient(
  recorder: Recorder,
  dy: Tensor,
  winners: Tensor<"u32">,
  options: PoolOptions & { readonly inputShape: Shape },
): Tensor {
  const what = "maxPoolGradient";
  const { inputShape } = options;
  const geometry = geometryOf(what, inputShape, options, [...OPTION_NAMES, "inputShape"]);
  expectShape(dy, [...inputShape.slice(0, 2), ...geometry.output], `${what}: dy`);
  expectShape(winners, dy.shape, `${what}: winners`);
  const dx = recorder.empty(inputShape, dy.type);
  inParts(what, inputShape[0]!, [dy, winners, dx] as const, ([dy, winners, dx]) => {
    recorder.dispatch({
      label: `max pool gradient ${formatShape(dx.shape)}`,
      ...launchOf("max", epilogueLaunch(NO_EPILOGUE).parameters, geometry, dx.shape),
      tensors: { dy, winners, dx },
      flops: dy.size,
    });
  });
  return dx;
}

/**
 * y[n, c, o] = Σ_t x[n, c, o · stride − pad + t] / count.
 *
 * Shape: x [n, c, …in] with 1 to 3 dimensions of space → [n, c, …out].
 *
 * @throws {ShapeError} if the window does not fit; {@linkcode OptionError} for a wrong option.
 */
export function averagePool(recorder: Recorder, x: Tensor, options: AveragePoolOptions): Tensor {
  const names = [...OPTION_NAMES, "countPadding"];
  const geometry = geometryOf("averagePool", x.shape, options, names);
  const y = recorder.empty([...x.shape.slice(0, 2), ...geometry.output], x.type);
  inParts("averagePool", x.shape[0]!, [x, y] as const, ([x, y]) => {
    recorder.dispatch({
      label: `average pool ${formatShape(x.shape)}`,
      ...poolLaunch(
        AVERAGE_POOL,
        { MODE: "average", COUNT_PADDING: options.countPadding ?? false },
        geometry,
        y.shape,
      ),
      tensors: { x, y },
      flops: y.size * sizeOf(geometry.kernel),
    });
  });
  return y;
}

/** Options of {@linkcode averagePoolGradient}: those of the pool, and more. */
export interface AveragePoolGradientOptions extends AveragePoolOptions {
  /** The shape of x. */
  readonly inputShape: Shape;
  /** What dx is multiplied with: the slope of the activation that made x. Default: nothing. */
  readonly gradient?: ActivationSlope;
}

/**
 * dx[i] = Σ dy[o] / count of o, over the windows that contain i; with `gradient` times f′(z) for x = f(z), which is ∂C/∂z.
 *
 * Shape: dy [n, c, …out] → [n, c, …in].
 *
 * @throws {ShapeError} if the shapes do not fit; {@linkcode OptionError} for a wrong option.
 */
export function averagePoolGradient(
  recorder: Recorder,
  dy: Tensor,
  options: AveragePoolGradientOptions,
): Tensor {
  const what = "averagePoolGradient";
  const { inputShape } = options;
  const names = [...OPTION_NAMES, "countPadding", "inputShape", "gradient"];
  const geometry = geometryOf(what, inputShape, options, names);
  expectShape(dy, [...inputShape.slice(0, 2), ...geometry.output], `${what}: dy`);
  const epilogue = slopeEpilogue(options.gradient, inputShape, what);
  const dx = recorder.empty(inputShape, dy.type);
  inPartsWithSlope(what, inputShape[0]!, [dy, dx] as const, epilogue, ([dy, dx], part) => {
    const end = epilogueLaunch(part);
    const parameters = { ...end.parameters, COUNT_PADDING: options.countPadding ?? false };
    recorder.dispatch({
      label: `average pool gradient ${formatShape(dx.shape)}`,
      ...launchOf("average", parameters, geometry, dx.shape),
      tensors: { dy, dx, ...end.tensors },
      flops: dy.size * sizeOf(geometry.kernel),
    });
  });
  return dx;
}

/** The kernel and the launch of a gradient: block by block where that is possible. */
function launchOf(
  mode: "max" | "average",
  parameters: KernelParameters,
  geometry: WindowGeometry,
  inputShape: Shape,
): Pick<Dispatch, "kernel" | "uniforms" | "workgroups"> {
  const { blocks, any } = GRADIENTS[mode];
  const all = { ...parameters, MODE: mode };
  return blocksLaunch(blocks, all, geometry, inputShape) ??
    gradientLaunch(any, all, geometry, inputShape);
}

function geometryOf(
  what: string,
  inputShape: Shape,
  options: PoolOptions,
  names: readonly string[],
): WindowGeometry {
  checkKeys(options, what, names);
  if (inputShape.length < 3 || inputShape.length > 5) {
    throw new ShapeError(
      `${what}: expected x [n, c, …] with 1 to 3 dimensions of space, got ${
        formatShape(inputShape)
      }`,
    );
  }
  const geometry = poolGeometry(inputShape.slice(1), options, what);
  if (sizeOf(geometry.kernel) > LARGEST_WINDOW) {
    throw new ShapeError(
      `${what}: a window may have ${LARGEST_WINDOW} elements, got ${
        formatShape(geometry.kernel)
      }; ` +
        "use mean over the axes of space",
    );
  }
  return geometry;
}

/** The maximum of every window of a sequence; see {@linkcode maxPool}. Shape: [n, c, w] → [n, c, ow]. */
export function maxPool1d(recorder: Recorder, x: Tensor, options: PoolOptions): Tensor {
  return maxPoolOf(recorder, "maxPool1d", 3, x, options);
}

/**
 * The maximum of every window of an image; see {@linkcode maxPool}. Shape: [n, c, h, w] → [n, c, oh, ow].
 *
 * @throws {ShapeError} if the window does not fit; {@linkcode OptionError} for a wrong option.
 */
export function maxPool2d(recorder: Recorder, x: Tensor, options: PoolOptions): Tensor {
  return maxPoolOf(recorder, "maxPool2d", 4, x, options);
}

/** The maximum of every window of a volume; see {@linkcode maxPool}. Shape: [n, c, d, h, w] → [n, c, od, oh, ow]. */
export function maxPool3d(recorder: Recorder, x: Tensor, options: PoolOptions): Tensor {
  return maxPoolOf(recorder, "maxPool3d", 5, x, options);
}

/** The mean of every window of a sequence; see {@linkcode averagePool}. Shape: [n, c, w] → [n, c, ow]. */
export function averagePool1d(recorder: Recorder, x: Tensor, options: AveragePoolOptions): Tensor {
  checkRank("averagePool1d", x, 3);
  return averagePool(recorder, x, options);
}

/** The mean of every window of an image; see {@linkcode averagePool}. Shape: [n, c, h, w] → [n, c, oh, ow]. */
export function averagePool2d(recorder: Recorder, x: Tensor, options: AveragePoolOptions): Tensor {
  checkRank("averagePool2d", x, 4);
  return averagePool(recorder, x, options);
}

/** The mean of every window of a volume; see {@linkcode averagePool}. Shape: [n, c, d, h, w] → [n, c, od, oh, ow]. */
export function averagePool3d(recorder: Recorder, x: Tensor, options: AveragePoolOptions): Tensor {
  checkRank("averagePool3d", x, 5);
  return averagePool(recorder, x, options);
}

function maxPoolOf(
  recorder: Recorder,
  what: string,
  rank: number,
  x: Tensor,
  options: PoolOptions,
): Tensor {
  checkRank(what, x, rank);
  const { y, winners } = maxPool(recorder, x, options);
  recorder.release(winners);
  return y;
}

function checkRank(what: string, x: Tensor, rank: number): void {
  if (x.shape.length !== rank) {
    throw new ShapeError(
      `${what}: expected x of ${rank} dimensions (batch, channels, ${rank - 2} of space), got ${
        formatShape(x.shape)
      }`,
    );
  }
}
