/**
 * Tensors in textures. A software adapter loads from a storage buffer lane by lane, number by number, and from a texture whole
 * vec4s, four times as fast; copying there is nearly free.
 *
 * A tensor of type "texture" holds floats, four to a texel, in rows of {@linkcode TEXELS_PER_ROW} texels. Kernels declare it as
 * `texture_storage_2d<rgba32float, read>` or `write` and find texel i at `texel(i)` of texels.wgsl.
 *
 * @module
 */

import texelsText from "../../kernels/texels.wgsl" with { type: "text" };
import copyText from "../../kernels/texture_copy.wgsl" with { type: "text" };
import wholeRowsText from "../../kernels/whole_rows.wgsl" with { type: "text" };
import { GpuError } from "../errors.ts";
import { sizeOf } from "../shape.ts";
import type { SourceText } from "./expand.ts";
import { Kernel } from "./kernel.ts";
import { TEXELS_PER_ROW, textureBytes } from "./memory.ts";
import type { BoundDispatch, Recorder } from "./recorder.ts";
import type { Tensor } from "./tensor.ts";
import type { CopiedRange } from "./texture_copies.ts";

/** `texel`. */
export const TEXELS_SOURCE: SourceText = { name: "texels.wgsl", text: texelsText };

/** The kernel whose dispatches are encoded as the command that copies from a buffer to a texture. */
export const TEXTURE_COPY = new Kernel("textureCopy", [
  TEXELS_SOURCE,
  { name: "texture_copy.wgsl", text: copyText },
]);

const WHOLE_ROWS = new Kernel("wholeRows", [{ name: "whole_rows.wgsl", text: wholeRowsText }]);

/** Bytes of a texel. */
const TEXEL = 16;

/**
 * Copies a part of a tensor into a texture, or takes the copy that the recorder has. If its size is no multiple of 4, the rest of
 * the last texel has no meaning.
 *
 * @param first The first number to be copied, a multiple of 4.
 * @param shape Of the part.
 * @throws {GpuError} if the part does not begin with a texel.
 */
export function copyToTexture(
  recorder: Recorder,
  label: string,
  tensor: Tensor,
  first: number,
  shape: readonly number[],
): Tensor<"texture"> {
  if (first % 4 !== 0) {
    throw new GpuError(`${label}: expected whole texels of 4 numbers, got those from ${first} on`);
  }
  const range = { first, size: sizeOf(shape) };
  return once(recorder, tensor, range, () => copied(recorder, label, tensor, first, shape));
}

/**
 * Copies a part of a tensor into a texture, with zeros behind each row, the last dimension, so that it begins with a texel; or takes
 * the copy that the recorder has.
 *
 * @param first The first number to be copied.
 * @param shape Of the part.
 * @returns The copy. Shape: that of the part, the last dimension rounded up to a multiple of 4.
 * @throws {GpuError} if there is nothing to be filled up and the part does not begin with a texel.
 */
export function copyRowsToTexture(
  recorder: Recorder,
  label: string,
  tensor: Tensor,
  first: number,
  shape: readonly number[],
): Tensor<"texture"> {
  const width = shape.at(-1)!;
  if (width % 4 === 0) return copyToTexture(recorder, label, tensor, first, shape);
  return once(recorder, tensor, { first, size: sizeOf(shape), width }, () => {
    const rows = wholeRows(recorder, `${label}, whole rows`, tensor, first, shape);
    const texture = copied(recorder, label, rows, 0, rows.shape);
    recorder.release(rows);
    return texture;
  });
}

/** A shape whose rows are filled up to whole texels. */
export function filledShape(shape: readonly number[]): number[] {
  return [...shape.slice(0, -1), 4 * Math.ceil(shape.at(-1)! / 4)];
}

/** Bytes of the tensors that {@linkcode copyRowsToTexture} takes: the texture, and while it is made the filled rows, if any. */
export function rowCopyBytes(shape: readonly number[]): { copy: number; filled: number[] } {
  const bytes = 4 * sizeOf(filledShape(shape));
  return { copy: textureBytes(bytes), filled: shape.at(-1)! % 4 === 0 ? [] : [bytes] };
}

function once(
  recorder: Recorder,
  tensor: Tensor,
  range: CopiedRange,
  make: () => Tensor<"texture">,
): Tensor<"texture"> {
  return recorder.copyOnce?.(tensor, range, make) ?? make();
}

function copied(
  recorder: Recorder,
  label: string,
  tensor: Tensor,
  first: number,
  shape: readonly number[],
): Tensor<"texture"> {
  const texture = recorder.empty(shape, "texture");
  const length = Math.ceil(sizeOf(shape) / 4); // a buffer is padded to as many
  recorder.dispatch({
    label,
    kernel: TEXTURE_COPY,
    tensors: { numbers: tensor, texels: texture },
    uniforms: { first: first / 4, length },
    workgroups: Math.ceil(length / 64),
  });
  return texture;
}

function wholeRows(
  recorder: Recorder,
  label: string,
  tensor: Tensor,
  first: number,
  shape: readonly number[],
): Tensor {
  const z = recorder.empty(filledShape(shape));
  const length = z.size / 4;
  recorder.dispatch({
    label,
    kernel: WHOLE_ROWS,
    tensors: { numbers: tensor, z },
    uniforms: { length, first, width: shape.at(-1)!, vectors: z.shape.at(-1)! / 4 },
    workgroups: Math.ceil(length / 64),
  });
  return z;
}

/** Encodes a dispatch of {@linkcode TEXTURE_COPY}: whole rows, and what is left. */
export function encodeTextureCopy(
  encoder: GPUCommandEncoder,
  { dispatch, tensors }: BoundDispatch,
): void {
  const [from, to] = tensors as [Tensor, Tensor<"texture">];
  const { first, length } = dispatch.uniforms as { first: number; length: number };
  const rows = Math.floor(length / TEXELS_PER_ROW);
  const bytesPerRow = TEXEL * TEXELS_PER_ROW;
  const { buffer } = from.storage;
  const offset = from.offset + TEXEL * first;
  const { texture } = to.storage;
  if (rows > 0) {
    encoder.copyBufferToTexture(
      { buffer, offset, bytesPerRow },
      { texture },
      [TEXELS_PER_ROW, rows],
    );
  }
  const rest = length % TEXELS_PER_ROW;
  if (rest > 0) {
    encoder.copyBufferToTexture(
      { buffer, offset: offset + rows * bytesPerRow },
      { texture, origin: [0, rows] },
      [rest, 1],
    );
  }
}
