/**
 * Batch normalisation.
 *
 * @module
 */

import { ShapeError } from "../errors.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkKeys, checkNumber } from "../options.ts";
import { batchNorm, batchNormInputGradient } from "../ops/batch_norm.ts";
import { batchNormScaleGradients } from "../ops/batch_norm_scale.ts";
import { channelStatistics, updateRunningStatistics } from "../ops/channel_statistics.ts";
import { type Shape, sizeOf } from "../shape.ts";
import { type Initializer, zeros } from "./initializers.ts";
import type { BufferSpec, Layer, LayerContext, LayerOutput, ParameterSpec } from "./layer.ts";

/** Options of {@linkcode BatchNorm}. */
export interface BatchNormLayerOptions {
  /** ε, added to the variance before the root is taken, 0 or more. Default 1e-5. */
  readonly epsilon?: number;
  /** How much a batch counts in the running statistics, 0 … 1, in PyTorch's convention. Default 0.1. */
  readonly momentum?: number;
  /** A name for summaries and errors. */
  readonly name?: string;
}

const ones: Initializer = (values) => {
  values.fill(1);
};

/**
 * y[c, i] = γ[c] · (x[c, i] − mean[c]) / √(variance[c] + ε) + β[c]: every channel gets mean β and deviation γ.
 *
 * In training, mean and variance are those of the batch, and running statistics follow them:
 * mean ← (1 − momentum) · mean + momentum · batch mean, and so the variance, with the batch's made unbiased. Evaluation and
 * prediction normalise with the running statistics. They are buffers: saved with the parameters, but not trained.
 *
 * Shape: [c, …] → same; weight γ [c], bias β [c], running_mean [c], running_var [c].
 *
 * Backward, with x̂ = (x − mean) / √(variance + ε) and m elements of a channel in the batch: dβ = Σ dy, dγ = Σ dy · x̂,
 * dx = γ / √(variance + ε) · (dy − (dβ + x̂ · dγ) / m).
 *
 * @example
 * ```ts
 * import { BatchNorm, Conv2d, Gpu, Relu, Sequential } from "@strata/strata";
 *
 * await using gpu = await Gpu.open();
 * using model = new Sequential([
 *   new Conv2d({ filters: 8, kernelSize: 3, useBias: false }), // the shift of BatchNorm is a bias
 *   new BatchNorm(),
 *   new Relu(),
 * ], { gpu, inputShape: [1, 28, 28] });
 * console.log(model.buffers.map(({ name }) => name)); // ["1.running_mean", "1.running_var"]
 * ```
 * @see Ioffe, Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate shift", ICML
 * 2015.
 */
export class BatchNorm implements Layer {
  /** The class. */
  readonly kind = "BatchNorm";
  /** A name of the user's choice. */
  readonly name: string | undefined;
  /** ε. */
  readonly epsilon: number;
  /** How much a batch counts in the running statistics. */
  readonly momentum: number;

  /**
   * Checks the options.
   *
   * @throws {OptionError} if an option is unknown or out of range.
   */
  constructor(options: BatchNormLayerOptions = {}) {
    checkKeys(options, "BatchNorm", ["epsilon", "momentum", "name"]);
    const { epsilon = 1e-5, momentum = 0.1 } = options;
    checkNumber(epsilon, "BatchNorm: epsilon", { min: 0 });
    checkNumber(momentum, "BatchNorm: momentum", { min: 0, max: 1 });
    this.epsilon = epsilon;
    this.momentum = momentum;
    this.name = options.name;
  }

  /** The input's. @throws {ShapeError} if it has no channels. */
  outputShape(input: Shape): Shape {
    if (input.length === 0) throw new ShapeError("expected an input [channels, …], got a scalar");
    return input;
  }

  /** `weight` [c], at first 1, and `bias` [c], at first 0. */
  parameters(input: Shape): readonly ParameterSpec[] {
    const shape = [input[0]!];
    const fans = { in: 1, out: 1 };
    return [
      { name: "weight", shape, fans, initializer: ones },
      { name: "bias", shape, fans, initializer: zeros() },
    ];
  }

  /** `running_mean` [c], at first 0, and `running_var` [c], at first 1. */
  buffers(input: Shape): readonly BufferSpec[] {
    const shape = [input[0]!];
    return [
      { name: "running_mean", shape, initial: 0 },
      { name: "running_var", shape, initial: 1 },
    ];
  }

  /** Four for each element. */
  flops(input: Shape): number {
    return 4 * sizeOf(input);
  }

  /** Records the statistics when training, and the normalisation. */
  forward(x: Tensor, context: LayerContext): LayerOutput {
    const { recorder, parameters, gradients, buffers, training } = context;
    const { epsilon, momentum } = this;
    const [gamma, beta] = [parameters["weight"]!, parameters["bias"]!];
    const running = { mean: buffers["running_mean"]!, variance: buffers["running_var"]! };
    const statistics = training ? channelStatistics(recorder, x) : running;
    if (training) {
      const count = x.size / gamma.size;
      context.afterForward(() =>
        updateRunningStatistics(recorder, running, statistics, count, momentum)
      );
    }
    const backward = (dy: Tensor): Tensor | undefined => {
      const dGamma = gradients["weight"]!;
      const dBeta = gradients["bias"]!;
      const common = { statistics, epsilon };
      const sums = batchNormScaleGradients(recorder, x, dy, { ...common, dGamma, dBeta });
      if (!context.inputGradient) return undefined;
      return batchNormInputGradient(recorder, x, gamma, dy, { ...common, gradients: sums });
    };
    return { y: batchNorm(recorder, x, gamma, beta, { statistics, epsilon }), backward };
  }

  /** The options. */
  config(): Record<string, unknown> {
    const { epsilon, momentum } = this;
    return { epsilon, momentum };
  }
}
