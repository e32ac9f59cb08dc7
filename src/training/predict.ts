/**
 * The outputs of a model for any number of examples.
 *
 * @module
 */

import { ShapeError } from "../errors.ts";
import { Program } from "../gpu/program.ts";
import { ScratchPool } from "../gpu/scratch_pool.ts";
import { Scalar } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { gatherRows } from "../ops/gather.ts";
import { softmax } from "../ops/softmax.ts";
import { checkKeys, checkNumber } from "../options.ts";
import { formatShape, sizeOf } from "../shape.ts";
import type { Network } from "./network.ts";

/** Options of {@linkcode Sequential.predict}. */
export interface PredictOptions {
  /** Examples that are computed together. Default 128. */
  batchSize?: number;
  /** Whether to apply softmax to the outputs, giving probabilities of classes. Default false. */
  softmax?: boolean;
}

/** Inputs of any number, in one array. Bytes are scaled by 1/255. */
export type Inputs = Float32Array | Uint8Array;

/** Inputs that come one array, or one batch, after the other. */
export type InputSource =
  | Iterable<Inputs | { readonly x: Inputs }>
  | AsyncIterable<Inputs | { readonly x: Inputs }>;

/**
 * Computes the outputs.
 *
 * @param source Arrays, or batches whose targets are not looked at.
 * @returns Row-major, n × outputs.
 * @throws {ShapeError} if an array is no whole number of inputs.
 */
export async function predict(
  network: Network,
  source: InputSource,
  options: PredictOptions,
): Promise<Float32Array> {
  checkKeys(options, "predict", ["batchSize", "softmax"]);
  checkNumber(options.batchSize ?? 128, "predict: batchSize", { min: 1, integer: true });
  const predictor = new Predictor(network, options);
  try {
    const parts: Float32Array[] = [];
    for await (const item of source) {
      const array = "x" in item ? item.x : item;
      for (const [input, rows] of predictor.slices(array)) {
        parts.push(await predictor.run(input, rows));
      }
    }
    const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  } finally {
    predictor.dispose();
  }
}

/**
 * Takes the memory that {@linkcode predict} would take for one array, and frees it: to plan it.
 *
 * @param examples How many inputs, and whether they are bytes.
 */
export function rehearsePredict(
  network: Network,
  examples: { readonly length: number; readonly bytes: boolean },
  options: PredictOptions,
): void {
  const predictor = new Predictor(network, options);
  predictor.rehearse(examples.length, examples.bytes);
  predictor.dispose();
}

/** One recorded batch: where its inputs go and its outputs come from. */
interface Stage {
  readonly program: Program;
  readonly start: Scalar;
  readonly outputs: Tensor;
}

/** Bytes of inputs that are uploaded together; one reading follows for each, which costs 11 ms. */
const UPLOAD_BYTES = 2 ** 25;

class Predictor {
  readonly #network: Network;
  readonly #batchSize: number;
  readonly #softmax: boolean;
  readonly #pool: ScratchPool;

  constructor(network: Network, { batchSize = 128, softmax = false }: PredictOptions) {
    this.#network = network;
    this.#batchSize = batchSize;
    this.#softmax = softmax;
    this.#pool = new ScratchPool(network.gpu.device);
  }

  /** Cuts an array into uploads of whole batches. */
  *slices(array: Inputs): Generator<[input: Inputs, rows: number]> {
    const { inputShape } = this.#network;
    const size = sizeOf(inputShape);
    if (array.length % size !== 0) {
      throw new ShapeError(
        `predict: expected a multiple of ${size} values (inputs of shape ${
          formatShape(inputShape)
        }), ` +
          `got ${array.length}`,
      );
    }
    const most = this.#examplesPerUpload(array.BYTES_PER_ELEMENT);
    for (let begin = 0; begin < array.length; begin += most * size) {
      const input = array.subarray(begin, begin + most * size);
      yield [input, input.length / size];
    }
  }

  async run(input: Inputs, rows: number): Promise<Float32Array> {
    const { memory, result } = this.#compute(rows, input instanceof Uint8Array, input);
    using _ = memory;
    return await result.read();
  }

  /** Takes the memory that so many inputs would take, and frees it. */
  rehearse(examples: number, bytes: boolean): void {
    const most = this.#examplesPerUpload(bytes ? 1 : 4);
    for (const rows of new Set([Math.min(most, examples), examples % most || most])) {
      const { memory, result } = this.#compute(rows, bytes, undefined);
      void result.read();
      memory.dispose();
    }
  }

  /** Examples of the largest upload, a number of whole batches. */
  #examplesPerUpload(bytesPerElement: number): number {
    const bytesPerBatch = bytesPerElement * this.#batchSize * sizeOf(this.#network.inputShape);
    return Math.max(1, Math.floor(UPLOAD_BYTES / bytesPerBatch)) * this.#batchSize;
  }

  /** Submits what computes the outputs of an upload; `memory` is all that it has taken. */
  #compute(
    rows: number,
    bytes: boolean,
    input: Inputs | undefined,
  ): { memory: DisposableStack; result: Tensor } {
    const { gpu, inputShape, outputShape } = this.#network;
    const width = sizeOf(outputShape);
    using memory = new DisposableStack();
    const x = memory.use(
      gpu.empty([rows, ...inputShape], bytes ? "u8" : "f32", "inputs", "data"),
    ) as Tensor;
    if (input !== undefined) x.write(input as Float32Array);
    const result = memory.use(gpu.empty([rows, width], "f32", "predictions", "results"));
    const stages = new Map<number, Stage>();
    for (let start = 0; start < rows; start += this.#batchSize) {
      const count = Math.min(this.#batchSize, rows - start);
      let stage = stages.get(count);
      if (stage === undefined) {
        stages.set(count, stage = this.#record(x, count));
        memory.use(stage.program);
      }
      stage.start.value = start;
      stage.program.run();
      gpu.device.copy(stage.outputs, 0, result, 4 * start * width, 4 * count * width);
    }
    return { memory: memory.move(), result };
  }

  dispose(): void {
    this.#pool.dispose();
  }

  #record(x: Tensor, rows: number): Stage {
    const start = new Scalar(0);
    let outputs: Tensor;
    const program = Program.record(this.#network.gpu.device, `predict ${rows}`, (recorder) => {
      const batch = gatherRows(recorder, x, { rows, start });
      const result = this.#network.record(recorder, batch, false, new Scalar(0)).outputs;
      outputs = recorder.keep(this.#softmax ? softmax(recorder, result) : result);
    }, { pool: this.#pool });
    return { program, start, outputs: outputs! };
  }
}
