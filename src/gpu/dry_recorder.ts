/**
 * A recorder that computes nothing, to find out what an operation or a model would ask for.
 *
 * @module
 */

import { checkShape, formatShape, type Shape, sizeOf } from "../shape.ts";
import type { Device } from "./device.ts";
import { Storage } from "./memory.ts";
import type { ProgramRecorder } from "./program.ts";
import { bytesPerElement, type DataType, Tensor } from "./tensor.ts";

/** Makes tensors that have no memory, and takes dispatches that do not run. */
export class DryRecorder implements ProgramRecorder {
  /** The device, for its limits and its kind. */
  readonly device: Device;
  /** As for a program. */
  readonly recording = true;

  /** @param device Nothing is allocated on it. */
  constructor(device: Device) {
    this.device = device;
  }

  /** A tensor without memory. */
  empty<T extends DataType = "f32">(shape: Shape, type: T = "f32" as T): Tensor<T> {
    const label = `dry ${formatShape(shape)}`;
    checkShape(shape, label);
    const bytes = sizeOf(shape) * bytesPerElement(type);
    return new Tensor(
      this.device,
      new Storage(this.device.memory, bytes, label, undefined, false, type === "texture"),
      shape,
      type,
    );
  }

  /** Nothing. */
  dispatch(): void {}
  /** Nothing. */
  release(): void {}
  /** Nothing. */
  section(): void {}

  /** The tensor. */
  keep<T extends DataType>(tensor: Tensor<T>): Tensor<T> {
    return tensor;
  }
}
