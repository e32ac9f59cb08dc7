/**
 * Words, letters or other things with a number, as vectors that are learnt.
 *
 * @module
 */

import { OptionError, ShapeError } from "../errors.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkKeys, checkNumber } from "../options.ts";
import { cast } from "../ops/cast.ts";
import { embedding, embeddingGradient, LARGEST_VOCABULARY } from "../ops/embedding.ts";
import { formatShape, type Shape } from "../shape.ts";
import {
  type Initializer,
  type InitializerName,
  normal,
  resolveInitializer,
} from "./initializers.ts";
import type { Layer, LayerContext, LayerOutput, ParameterSpec } from "./layer.ts";

/** Options of {@linkcode Embedding}. */
export interface EmbeddingOptions {
  /** How many different ids there are, 1 … 2²⁴: whole numbers up to there are exact in f32. */
  readonly vocabulary: number;
  /** How many numbers stand for an id, 1 or more. */
  readonly dimension: number;
  /** Initial vectors. Default: normal with deviation 1, so that they have the scale of normalised inputs. */
  readonly embeddingsInitializer?: InitializerName | Initializer;
  /** A name for summaries and errors. */
  readonly name?: string;
}

/**
 * y[d, l] = weight[x[l], d]: each id becomes a vector, whose numbers are the channels of its position. So a `Conv1d` can follow.
 *
 * Inputs are ids as floats. One that is no whole number in 0 … vocabulary − 1, such as a byte that was scaled to 0 … 1, gives
 * NaN, never the vector of another id. Ids have no gradient: nothing before this layer may learn.
 *
 * Shape: [length] → [dimension, length]; weight [vocabulary, dimension].
 *
 * Backward: dw[v] = Σ dy[:, l] over all places l of the batch with the id v, always in the same order.
 *
 * @example
 * ```ts
 * import { Conv1d, Dense, Embedding, Gpu, Sequential } from "@strata/strata";
 *
 * await using gpu = await Gpu.open();
 * using model = new Sequential([
 *   new Embedding({ vocabulary: 128, dimension: 16 }),
 *   new Conv1d({ filters: 32, kernelSize: 5, activation: "relu" }),
 *   new Dense({ units: 2 }),
 * ], { gpu, inputShape: [100] });
 * const text = "What a fine day!".padEnd(100);
 * const ids = Float32Array.from(text, (letter) => letter.charCodeAt(0));
 * console.log(await model.predict(ids));
 * ```
 */
export class Embedding implements Layer {
  /** The class. */
  readonly kind = "Embedding";
  /** A name of the user's choice. */
  readonly name: string | undefined;
  /** How many different ids there are. */
  readonly vocabulary: number;
  /** How many numbers stand for an id. */
  readonly dimension: number;
  readonly #initializer: Initializer;

  /**
   * Checks the options.
   *
   * @throws {OptionError} if an option is unknown or out of range.
   */
  constructor(options: EmbeddingOptions) {
    checkKeys(options, "Embedding", ["vocabulary", "dimension", "embeddingsInitializer", "name"]);
    const { vocabulary, dimension, embeddingsInitializer = normal(1) } = options;
    const range = { min: 1, max: LARGEST_VOCABULARY, integer: true };
    checkNumber(vocabulary, "Embedding: vocabulary", range);
    checkNumber(dimension, "Embedding: dimension", { min: 1, integer: true });
    this.vocabulary = vocabulary;
    this.dimension = dimension;
    this.name = options.name;
    this.#initializer = resolveInitializer(
      embeddingsInitializer,
      "Embedding: embeddingsInitializer",
    );
  }

  /** [dimension, length]. @throws {ShapeError} if the input is no list of ids. */
  outputShape(input: Shape): Shape {
    if (input.length !== 1) {
      throw new ShapeError(`expected ids of shape [length], got ${formatShape(input)}`);
    }
    return [this.dimension, input[0]!];
  }

  /** `weight` [vocabulary, dimension]. */
  parameters(): readonly ParameterSpec[] {
    const { vocabulary, dimension } = this;
    const fans = { in: 1, out: dimension }; // an id reaches one row only
    return [{
      name: "weight",
      shape: [vocabulary, dimension],
      fans,
      initializer: this.#initializer,
    }];
  }

  /** None. */
  flops(): number {
    return 0;
  }

  /** Records the look-up. @throws {OptionError} if a layer before it has parameters. */
  forward(x: Tensor, context: LayerContext): LayerOutput {
    const { recorder, parameters, gradients, activationType } = context;
    if (context.inputGradient) {
      throw new OptionError("Embedding: ids have no gradient, so nothing before it may learn");
    }
    const weight = parameters["weight"]!;
    const backward = (dy: Tensor): undefined => {
      const dw = gradients["weight"]!;
      embeddingGradient(recorder, x, dy, { weightShape: weight.shape, dw });
    };
    return { y: cast(recorder, embedding(recorder, x, weight), activationType), backward };
  }

  /** The options, without the initialiser. */
  config(): Record<string, unknown> {
    const { vocabulary, dimension } = this;
    return { vocabulary, dimension };
  }
}
