/**
 * Layers in float64: what a layer computes and its gradients, composed of the reference's operations, and how far float32 may be
 * off.
 *
 * The bound: run the same layers on absolute values, without the functions that make numbers smaller. That gives M, at least as
 * large as all that is added up on the way to a number. Each sum of K terms is off by (K + 4) · 2⁻²⁴ of its M, an error that
 * arrives in an output as part of its M, so all together are off by at most Σ (K + 4) · 2⁻²⁴ · M, over all sums of the layers.
 *
 * @module
 */

import { resolveConvolution } from "../src/convolution_shape.ts";
import {
  AveragePool2d,
  Branches,
  Conv1d,
  Conv2d,
  DepthwiseConv2d,
  Embedding,
  type Layer,
  Residual,
  SeparableConv2d,
} from "../mod.ts";
import { concatenate, split } from "../src/reference/concatenate.ts";
import * as convolutions from "../src/reference/convolution.ts";
import { add } from "../src/reference/elementwise.ts";
import * as table from "../src/reference/embedding.ts";
import { mapValues, type NdArray } from "../src/reference/nd_array.ts";
import * as pools from "../src/reference/pooling.ts";
import { sizeOf } from "../src/shape.ts";
import type { ConvolutionOptions, FilterOptions } from "../src/window_options.ts";

/** An output, and the way back from its gradient to that of the input. */
interface Run {
  readonly y: NdArray;
  readonly backward: (dy: NdArray) => NdArray;
}

const abs = (x: NdArray) => mapValues(x, Math.abs);

/** Runs layers. */
export class ReferenceLayers {
  /** The gradients of the parameters, by name. */
  readonly gradients = new Map<string, NdArray>();
  /** Σ (K + 4) over all sums so far. */
  roundings = 0;
  /** What went into a relu: a gradient that is cut off or not must not depend on rounding. */
  readonly kinks: number[] = [];
  readonly #parameters: ReadonlyMap<string, NdArray>;
  readonly #absolute: boolean;

  /** @param absolute Whether to compute magnitudes. */
  constructor(parameters: ReadonlyMap<string, NdArray>, absolute: boolean) {
    this.#parameters = parameters;
    this.#absolute = absolute;
  }

  /** Runs a layer on [n, …]. */
  run(layer: Layer, x: NdArray, prefix = ""): Run {
    if (layer instanceof Conv2d || layer instanceof Conv1d) {
      return this.#activated(layer, this.#convolution(layer.options, layer.useBias, x, prefix));
    }
    if (layer instanceof DepthwiseConv2d) {
      const { depthMultiplier = 1, ...move } = layer.options;
      const channels = x.shape[1]!;
      const options = { ...move, filters: channels * depthMultiplier, groups: channels };
      return this.#activated(layer, this.#convolution(options, layer.useBias, x, prefix));
    }
    if (layer instanceof SeparableConv2d) return this.#separable(layer, x, prefix);
    if (layer instanceof AveragePool2d) return this.#pool(layer, x);
    if (layer instanceof Embedding) return this.#embedding(layer, x, prefix);
    if (layer instanceof Branches) {
      const runs = layer.branches.map((branch, i) => this.stack(branch, x, `${prefix}${i}.`));
      return {
        y: concatenate(runs.map(({ y }) => y)),
        backward: (dy) => {
          const pieces = split(dy, runs.map(({ y }) => y.shape[1]!));
          return this.#sum(runs.map((run, i) => run.backward(pieces[i]!)));
        },
      };
    }
    if (layer instanceof Residual) {
      const runs = layer.branches.map((branch, i) => this.stack(branch, x, `${prefix}${i}.`));
      return this.#activated(layer, {
        y: this.#sum(runs.map(({ y }) => y)),
        backward: (dy) => this.#sum(runs.map((run) => run.backward(dy))),
      });
    }
    throw new Error(`The reference has no ${layer.kind}`);
  }

  /** Runs layers one after the other. */
  stack(layers: readonly Layer[], x: NdArray, prefix: string): Run {
    const runs: Run[] = [];
    let y = x;
    layers.forEach((layer, i) => {
      runs.push(this.run(layer, y, `${prefix}${i}.`));
      y = runs[i]!.y;
    });
    return { y, backward: (dy) => runs.reduceRight((gradient, run) => run.backward(gradient), dy) };
  }

  #parameter(name: string): NdArray {
    const parameter = this.#parameters.get(name)!;
    return this.#absolute ? abs(parameter) : parameter;
  }

  #sum(terms: readonly NdArray[]): NdArray {
    this.roundings += terms.length;
    return terms.reduce(add);
  }

  #activated(layer: { activation: string }, { y: z, backward }: Run): Run {
    if (layer.activation === "linear") return { y: z, backward };
    if (layer.activation !== "relu") throw new Error("The reference has linear and relu");
    this.kinks.push(...z.data);
    if (this.#absolute) return { y: z, backward };
    return {
      y: mapValues(z, (value) => Math.max(value, 0)),
      backward: (dy) => backward(mapValues(dy, (value, i) => z.data[i]! > 0 ? value : 0)),
    };
  }

  #convolution(
    given: FilterOptions & ConvolutionOptions,
    useBias: boolean,
    x: NdArray,
    prefix: string,
  ): Run {
    const { filters: _, kernelSize: __, ...options } = given;
    const weight = this.#parameter(`${prefix}weight`);
    const { output } = resolveConvolution(x.shape.slice(1), weight.shape, options);
    const bias = useBias ? { bias: this.#parameter(`${prefix}bias`) } : {};
    const terms = sizeOf(weight.shape.slice(1)) + 1;
    this.roundings += terms + 4;
    return {
      y: convolutions.convolution(x, weight, { ...options, ...bias }),
      backward: (dy) => {
        const weightOptions = { ...options, weightShape: weight.shape };
        const { dw, db } = convolutions.convolutionWeightGradient(x, dy, weightOptions);
        this.gradients.set(`${prefix}weight`, dw);
        if (useBias) this.gradients.set(`${prefix}bias`, db);
        this.roundings += x.shape[0]! * sizeOf(output) + 4 + sizeOf(weight.shape) + 4;
        return convolutions.convolutionInputGradient(dy, weight, {
          ...options,
          inputShape: x.shape,
        });
      },
    };
  }

  #separable(layer: SeparableConv2d, x: NdArray, prefix: string): Run {
    const { filters, activation, useBias, depthMultiplier, ...move } = layer.config() as
      & { filters: number; activation: "linear" | "relu"; useBias: boolean }
      & DepthwiseConv2d["options"];
    const multiplier = depthMultiplier === undefined ? {} : { depthMultiplier };
    const depthwise = new DepthwiseConv2d({ ...move, ...multiplier, useBias: false });
    const pointwise = new Conv2d({ filters, kernelSize: 1, activation, useBias });
    const first = this.run(depthwise, x, `${prefix}depthwise.`);
    const second = this.run(pointwise, first.y, `${prefix}pointwise.`);
    return { y: second.y, backward: (dy) => first.backward(second.backward(dy)) };
  }

  #pool({ options }: AveragePool2d, x: NdArray): Run {
    this.roundings += 2 * (sizeOf([options.poolSize].flat()) ** 2 + 5);
    return {
      y: pools.averagePool(x, options),
      backward: (dy) => pools.averagePoolBackward(dy, { ...options, inputShape: x.shape }),
    };
  }

  #embedding({ vocabulary }: Embedding, ids: NdArray, prefix: string): Run {
    return {
      y: table.embedding(ids, this.#parameter(`${prefix}weight`)),
      backward: (dy) => {
        this.roundings += sizeOf(ids.shape) + 4;
        this.gradients.set(`${prefix}weight`, table.embeddingGradient(ids, dy, vocabulary));
        return mapValues(ids, () => 0);
      },
    };
  }
}
