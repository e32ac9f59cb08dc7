/**
 * Floats of 32 bits as floats of 16 bits, and back.
 *
 * @module
 */

import text from "../../kernels/cast.wgsl" with { type: "text" };
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Float, Tensor } from "../gpu/tensor.ts";
import { checkOneOf } from "../options.ts";
import { formatShape } from "../shape.ts";
import { vectorLength, workgroupsFor } from "./launch.ts";

const FAMILY = new KernelFamily("cast", [{ name: "cast.wgsl", text }]);

/**
 * y = x in another type of floats, or x itself if it has that type already. To the nearest: error ≤ 2⁻¹¹ |x| + 2⁻²⁵ for "f16", whose
 * numbers from 65,520 on are infinite; exact for "f32". NaN stays NaN. Shape: any → same.
 *
 * All operations on floats take both types, compute in 32 bits, and give their results the type of their first argument.
 *
 * @throws {OptionError} if there is no such type; {@linkcode GpuError} if the adapter has no 16-bit floats.
 * @example
 * ```ts
 * import { cast, Gpu } from "@strata/strata";
 *
 * await using gpu = await Gpu.open();
 * const x = gpu.tensor(new Float32Array([1, 1 / 3]));
 * if (gpu.adapter.float16) console.log(await cast(gpu, x, "f16").read()); // Float32Array [1, 0.333251953125]
 * ```
 */
export function cast<T extends Float>(recorder: Recorder, x: Tensor, type: T): Tensor<T> {
  checkOneOf(type, "cast: type", ["f32", "f16"]);
  if (x.type === type) return x as Tensor<T>;
  const { vector, length } = vectorLength(x.size);
  const y = recorder.empty(x.shape, type);
  recorder.dispatch({
    label: `cast ${formatShape(x.shape)} to ${type}`,
    kernel: FAMILY.variant({ VECTOR: vector }),
    tensors: { x, y },
    uniforms: { length },
    workgroups: workgroupsFor(length),
  });
  return y;
}
