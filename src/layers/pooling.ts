/**
 * Pooling layers.
 *
 * @module
 */

import { poolGeometry, type WindowGeometry } from "../convolution_shape.ts";
import { ShapeError } from "../errors.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkKeys } from "../options.ts";
import {
  averagePool,
  averagePoolGradient,
  type AveragePoolOptions,
  maxPool,
  maxPoolGradient,
} from "../ops/pooling.ts";
import { formatShape, type Shape, sizeOf } from "../shape.ts";
import { checkPoolOptions, type PoolOptions } from "../window_options.ts";
import { slopeOf } from "./fused_activation.ts";
import type { LayerContext, LayerOutput, LayerWindow } from "./layer.ts";
import { ParameterlessLayer } from "./parameterless_layer.ts";

/** Options of {@linkcode MaxPool2d} and its relatives. */
export interface MaxPoolLayerOptions extends PoolOptions {
  /** A name for summaries and errors. */
  name?: string;
}

/** Options of {@linkcode AveragePool2d} and its relatives. */
export interface AveragePoolLayerOptions extends AveragePoolOptions {
  /** A name for summaries and errors. */
  name?: string;
}

/** What pooling layers have in common. */
export abstract class PoolLayer extends ParameterlessLayer {
  /** The size of the window, and how it moves. */
  readonly options: AveragePoolOptions;
  readonly #dims: number;

  /**
   * Checks the options.
   *
   * @param dims Dimensions of space.
   * @throws {OptionError} if an option is unknown or out of range.
   */
  constructor(
    dims: number,
    options: AveragePoolOptions & { name?: string },
    known: readonly string[],
  ) {
    checkKeys(options, new.target.name, [...known, "name"]);
    checkPoolOptions(dims, options, new.target.name);
    const { name, ...own } = options;
    super(name);
    this.#dims = dims;
    this.options = own;
  }

  /** [channels, …output]. */
  override outputShape(input: Shape): Shape {
    return [input[0]!, ...this.geometry(input).output];
  }

  /** How the window moves over an input [channels, …]. @throws {ShapeError} if it does not fit. */
  geometry(input: Shape): WindowGeometry {
    if (input.length !== this.#dims + 1) {
      throw new ShapeError(
        `expected an input of ${this.#dims + 1} dimensions (channels, ${this.#dims} of space), ` +
          `got ${formatShape(input)}`,
      );
    }
    return poolGeometry(input, this.options, this.constructor.name);
  }

  /** The window. */
  window(input: Shape): LayerWindow {
    return this.geometry(input);
  }

  /** One for each element of each window. */
  override flops(input: Shape): number {
    const { kernel, output } = this.geometry(input);
    return input[0]! * sizeOf(output) * sizeOf(kernel);
  }

  /** The options. */
  override config(): Record<string, unknown> {
    return { ...this.options };
  }
}

const POOL_OPTIONS = ["poolSize", "strides", "padding", "ceilMode"];

/** y[o] = the maximum of a window. */
export abstract class MaxPoolLayer extends PoolLayer {
  /** Checks the options. */
  constructor(dims: number, options: MaxPoolLayerOptions) {
    super(dims, options, POOL_OPTIONS);
  }

  /**
   * Records the pool and its gradient. An output is one of the inputs, so the slope f′ of an activation before the pool is the
   * same for both, and is left to be multiplied with the smaller gradient.
   */
  override forward(x: Tensor, { recorder, inputActivation }: LayerContext): LayerOutput {
    const { y, winners } = maxPool(recorder, x, this.options);
    const options = { ...this.options, inputShape: x.shape };
    return {
      y,
      backward: (dy) => maxPoolGradient(recorder, dy, winners, options),
      activation: inputActivation,
      appliesInputActivation: true,
    };
  }
}

/** Records an average pool, and the way back. */
function averagePoolOf(
  x: Tensor,
  options: AveragePoolOptions,
  { recorder, inputActivation }: LayerContext,
): LayerOutput {
  const slope = slopeOf(inputActivation, x);
  return {
    y: averagePool(recorder, x, options),
    backward: (dy) =>
      averagePoolGradient(recorder, dy, { ...options, ...slope, inputShape: x.shape }),
    appliesInputActivation: true,
  };
}

/** y[o] = the mean of a window. */
export abstract class AveragePoolLayer extends PoolLayer {
  /** Checks the options. */
  constructor(dims: number, options: AveragePoolLayerOptions) {
    super(dims, options, [...POOL_OPTIONS, "countPadding"]);
  }

  /** Records the pool and its gradient, which is multiplied with the slope of an activation before the pool. */
  override forward(x: Tensor, context: LayerContext): LayerOutput {
    return averagePoolOf(x, this.options, context);
  }
}

/** y[c, o] = the maximum of a window; NaN if it has one, and the padding takes no part. Shape: [c, w] → [c, ow]. */
export class MaxPool1d extends MaxPoolLayer {
  /** The class. */
  override readonly kind = "MaxPool1d";

  /** Checks the options. */
  constructor(options: MaxPoolLayerOptions) {
    super(1, options);
  }
}

/** y[c, o] = the maximum of a window; NaN if it has one, and the padding takes no part. Shape: [c, h, w] → [c, oh, ow]. */
export class MaxPool2d extends MaxPoolLayer {
  /** The class. */
  override readonly kind = "MaxPool2d";

  /** Checks the options. */
  constructor(options: MaxPoolLayerOptions) {
    super(2, options);
  }
}

/** y[c, o] = the maximum of a window; NaN if it has one, and the padding takes no part. Shape: [c, d, h, w] → [c, od, oh, ow]. */
export class MaxPool3d extends MaxPoolLayer {
  /** The class. */
  override readonly kind = "MaxPool3d";

  /** Checks the options. */
  constructor(options: MaxPoolLayerOptions) {
    super(3, options);
  }
}

/** y[c, o] = the mean of a window. Shape: [c, w] → [c, ow]. */
export class AveragePool1d extends AveragePoolLayer {
  /** The class. */
  override readonly kind = "AveragePool1d";

  /** Checks the options. */
  constructor(options: AveragePoolLayerOptions) {
    super(1, options);
  }
}

/** y[c, o] = the mean of a window. Shape: [c, h, w] → [c, oh, ow]. */
export class AveragePool2d extends AveragePoolLayer {
  /** The class. */
  override readonly kind = "AveragePool2d";

  /** Checks the options. */
  constructor(options: AveragePoolLayerOptions) {
    super(2, options);
  }
}

/** y[c, o] = the mean of a window. Shape: [c, d, h, w] → [c, od, oh, ow]. */
export class AveragePool3d extends AveragePoolLayer {
  /** The class. */
  override readonly kind = "AveragePool3d";

  /** Checks the options. */
  constructor(options: AveragePoolLayerOptions) {
    super(3, options);
  }
}

/** y[c] = the mean over an image. Shape: [c, h, w] → [c]. */
export class GlobalAveragePool2d extends ParameterlessLayer {
  /** The class. */
  override readonly kind = "GlobalAveragePool2d";

  /**
   * Takes a name.
   *
   * @throws {OptionError} if an option is unknown.
   */
  constructor(options: { name?: string } = {}) {
    checkKeys(options, "GlobalAveragePool2d", ["name"]);
    super(options.name);
  }

  /** [channels]. */
  override outputShape(input: Shape): Shape {
    if (input.length !== 3) {
      throw new ShapeError(`expected an input [c, h, w], got ${formatShape(input)}`);
    }
    return [input[0]!];
  }

  /** The whole image. */
  window(): LayerWindow {
    return "everything";
  }

  /** One for each element. */
  override flops(input: Shape): number {
    return sizeOf(input);
  }

  /** Records the pool and its gradient, which is multiplied with the slope of an activation before the pool. */
  override forward(x: Tensor, context: LayerContext): LayerOutput {
    const [n, c, h, w] = x.shape as [number, number, number, number];
    const output = averagePoolOf(x, { poolSize: [h, w] }, context);
    return {
      ...output,
      y: output.y.reshape([n, c]),
      backward: (dy) => output.backward(dy.reshape([n, c, 1, 1])),
    };
  }
}
