/**
 * Images as planes, one for each channel, as tensors have them; and as pixels, as files have them.
 *
 * @module
 */

import { OptionError, ShapeError } from "../errors.ts";
import { formatShape, type Shape, sizeOf } from "../shape.ts";
import { kindOf } from "./batch.ts";

/** An image of bytes, 0 black or transparent, 255 full. */
export interface Image {
  /** Channels, height and width. */
  readonly shape: readonly [channels: number, height: number, width: number];
  /** The planes of the channels, each row by row. */
  readonly data: Uint8Array<ArrayBuffer>;
}

/** What can be written as an image: bytes, or floats of which 0 … 1 is the whole range. */
export interface ImageSource {
  /** Channels, height and width. */
  readonly shape: Shape;
  /** The planes of the channels, each row by row. */
  readonly data: Uint8Array | Float32Array;
}

/** The planes of an image that is given pixel by pixel. */
export function toPlanes(pixels: Uint8Array, shape: Image["shape"]): Image {
  const [channels, height, width] = shape;
  const plane = height * width;
  const data = new Uint8Array(channels * plane);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < plane; i++) data[c * plane + i] = pixels[i * channels + c]!;
  }
  return { shape, data };
}

/**
 * The bytes of an image pixel by pixel; floats beyond 0 … 1 become 0 or 255.
 *
 * @param channels The numbers of channels that the file can have.
 * @param what Names the function in errors.
 * @throws {ShapeError} if the shape is not [c, h, w] with such a number of channels, or does not fit the data.
 * @throws {OptionError} if a value is NaN, or the data of another type.
 */
export function toPixels(
  { shape, data }: ImageSource,
  channels: readonly number[],
  what: string,
): { pixels: Uint8Array<ArrayBuffer>; shape: Image["shape"] } {
  const isWhole = shape.every((side) => Number.isSafeInteger(side) && side > 0);
  if (shape.length !== 3 || !isWhole || !channels.includes(shape[0]!)) {
    throw new ShapeError(
      `${what}: shape: expected [c, h, w] with ${channels.join(", ")} channels, got ${
        formatShape(shape)
      }`,
    );
  }
  if (!(data instanceof Uint8Array || data instanceof Float32Array)) {
    throw new OptionError(
      `${what}: data: expected a Uint8Array or a Float32Array, got ${kindOf(data)}`,
    );
  }
  if (data.length !== sizeOf(shape)) {
    throw new ShapeError(
      `${what}: data: expected ${sizeOf(shape)} values for shape ${
        formatShape(shape)
      }, got ${data.length}`,
    );
  }
  const plane = shape[1]! * shape[2]!;
  const pixels = new Uint8Array(data.length);
  for (let at = 0; at < data.length; at++) {
    const value = data[at]!;
    if (Number.isNaN(value)) {
      throw new OptionError(`${what}: data[${at}]: expected a number, got NaN`);
    }
    const byte = data instanceof Uint8Array
      ? value
      : Math.round(255 * Math.min(Math.max(value, 0), 1));
    pixels[at % plane * shape[0]! + Math.floor(at / plane)] = byte;
  }
  return { pixels, shape: shape as unknown as Image["shape"] };
}
