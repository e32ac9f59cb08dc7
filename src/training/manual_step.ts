/**
 * One training step in the hands of the user: forward, backward, update as three calls.
 *
 * @module
 */

import { GpuError, ShapeError } from "../errors.ts";
import { Program } from "../gpu/program.ts";
import { ScratchPool } from "../gpu/scratch_pool.ts";
import { bytesPerElement, type DataType, type Tensor } from "../gpu/tensor.ts";
import { mean } from "../ops/reductions.ts";
import { takesLabels } from "../losses/losses.ts";
import { formatShape, type Shape, shapesEqual, sizeOf } from "../shape.ts";
import { SECTIONS, type Trainer } from "./trainer.ts";

interface Recorded {
  readonly program: Program;
  readonly x: Tensor;
  readonly y: Tensor<DataType>;
  readonly outputs: Tensor;
  readonly loss: Tensor;
}

/** Element type and shape of one target. */
interface TargetKind {
  readonly type: DataType;
  readonly shape: Shape;
}

/** Batch sizes that keep their programs. */
const KEPT_PROGRAMS = 2;

/**
 * The three steps as calls. Their intermediate results have memory of their own, so that other work on the model may come
 * between the calls.
 */
export class ManualStep {
  readonly #trainer: Trainer;
  readonly #pool: ScratchPool;
  readonly #recorded = new Map<string, Recorded>();
  #input: Tensor | undefined;
  #current: Recorded | undefined;

  /** @param trainer Records the same step as for `fit`. */
  constructor(trainer: Trainer) {
    this.#trainer = trainer;
    this.#pool = new ScratchPool(trainer.network.gpu.device);
  }

  /**
   * Computes the outputs of a batch, in training mode.
   *
   * @returns The outputs [n, k], valid until the next call.
   */
  forward(x: Tensor): Tensor {
    const { loss, network } = this.#trainer;
    return this.#forward(
      x,
      takesLabels(loss)
        ? { type: "u32", shape: [] }
        : { type: "f32", shape: [sizeOf(network.outputShape)] },
      SECTIONS.buffers,
    );
  }

  /**
   * Computes the loss against these targets and all gradients.
   *
   * @returns The mean loss, a scalar, valid until the next call.
   */
  backward(y: Tensor<DataType>): Tensor {
    if (this.#input === undefined || this.#current === undefined) {
      throw new GpuError("backward: call forward first");
    }
    const rows = this.#input.shape[0]!;
    let step = this.#current;
    if (y.type !== step.y.type || !shapesEqual(y.shape, step.y.shape)) {
      // Not the usual targets of this loss: record for them and repeat the forward step, which the buffers know already.
      if (y.shape[0] !== rows || (y.type !== "u32" && y.type !== "f32")) {
        throw new ShapeError(
          `backward: expected ${rows} class indices (u32) or rows of targets (f32), ` +
            `got ${formatShape(y.shape)} (${y.type})`,
        );
      }
      this.#forward(this.#input, { type: y.type, shape: y.shape.slice(1) });
      step = this.#current!;
    }
    const { device } = this.#trainer.network.gpu;
    device.copy(y, 0, step.y, 0, rows * bytesPerElement(y.type) * (y.size / rows));
    step.program.run(SECTIONS.backward);
    return step.loss;
  }

  /** Updates all parameters with the gradients of the last backward step. */
  update(): void {
    if (this.#current === undefined) throw new GpuError("update: call forward and backward first");
    this.#trainer.beginUpdate();
    this.#current.program.run(SECTIONS.update);
    this.#trainer.step.value++;
    this.#current = undefined;
    this.#input = undefined;
  }

  /** Frees everything. */
  dispose(): void {
    for (const step of this.#recorded.values()) disposeStep(step);
    this.#recorded.clear();
    this.#pool.dispose();
  }

  #forward(x: Tensor, targets: TargetKind, ...after: string[]): Tensor {
    const { inputShape } = this.#trainer.network;
    const [rows = 0, ...shape] = x.shape;
    if (!shapesEqual(shape, inputShape) || rows === 0 || x.type !== "f32") {
      throw new ShapeError(
        `forward: expected x of shape [n, ${inputShape.join(", ")}] (f32), ` +
          `got ${formatShape(x.shape)} (${x.type})`,
      );
    }
    const step = this.#record(rows, targets);
    const { device } = this.#trainer.network.gpu;
    device.copy(x, 0, step.x, 0, x.bytes);
    step.program.run(SECTIONS.forward, ...after);
    this.#input = x;
    this.#current = step;
    return step.outputs;
  }

  #record(rows: number, { type, shape }: TargetKind): Recorded {
    const key = `${rows} ${type} ${shape}`;
    let step = this.#recorded.get(key);
    if (step !== undefined) return step;
    const { network } = this.#trainer;
    const x = network.gpu.empty([rows, ...network.inputShape]);
    const y = network.gpu.empty([rows, ...shape], type);
    let outputs: Tensor;
    let loss: Tensor;
    const program = Program.record(network.gpu.device, `step ${rows}`, (recorder) => {
      const recorded = this.#trainer.recordStep(
        recorder,
        { x, y: y as Tensor },
        {},
        ({ losses }) => loss = recorder.keep(mean(recorder, losses)),
      );
      outputs = recorder.keep(recorded);
    }, { pool: this.#pool });
    step = { program, x, y, outputs: outputs!, loss: loss! };
    this.#recorded.set(key, step);
    for (const [oldKey, old] of this.#recorded) {
      if (this.#recorded.size <= KEPT_PROGRAMS) break;
      this.#recorded.delete(oldKey);
      disposeStep(old);
    }
    return step;
  }
}

function disposeStep({ program, x, y }: Recorded): void {
  program.dispose();
  x.dispose();
  y.dispose();
}
