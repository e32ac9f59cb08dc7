/**
 * Augmentation of images: how each image of a batch moves, the moves, and the normalisation of channels.
 *
 * @module
 */

import { ShapeError } from "../errors.ts";
import { threefry } from "../random.ts";
import { formatShape, sizeOf } from "../shape.ts";
import { mapValues, type NdArray, zeros } from "./nd_array.ts";

/** What selects the moves of a batch. */
export interface MoveOptions {
  /** Whether images are mirrored with probability ½. */
  readonly flip: boolean;
  /** The greatest shift in each direction. */
  readonly shift: number;
  /** The key of the random numbers: seed and stream, and the number of the step. */
  readonly seed: number;
  readonly stream: number;
  readonly counter: number;
}

/** How one image moves. */
export interface Move {
  /** Whether it is mirrored left to right, before it is shifted. */
  readonly mirrored: boolean;
  /** y[i, j] = mirrored x[i + down, j + right]. */
  readonly down: number;
  readonly right: number;
}

/** The moves of the first `count` images of a batch, each uniform on all that the options allow. */
export function imageMoves(count: number, options: MoveOptions): Move[] {
  const { flip, shift, seed, stream, counter } = options;
  const offset = (half: number) => Math.floor(half * (2 * shift + 1) / 2 ** 16) - shift;
  return Array.from({ length: count }, (_, image) => {
    const [first, second] = threefry(seed, stream, image, counter);
    return {
      mirrored: flip && first >= 2 ** 31,
      down: offset(second >>> 16),
      right: offset(second % 2 ** 16),
    };
  });
}

/**
 * Every image moved: y[n, c, i, j] = f[n, c, i + down, j + right], 0 outside, f[…, j] = x[…, w − 1 − j] if mirrored, else x.
 *
 * Shape: [n, c, h, w] → same.
 *
 * @param moves One for each image.
 * @throws {ShapeError} if x is no batch of images.
 */
export function moveImages(x: NdArray, moves: readonly Move[]): NdArray {
  const y = zeros(x.shape);
  forEachMove(x, moves, (from, to) => y.data[to] = x.data[from]!);
  return y;
}

/**
 * The gradient of {@linkcode moveImages}: dx at the place that a pixel came from is dy at the place it went to, 0 for the
 * pixels that were moved out.
 *
 * Shape: dy [n, c, h, w] → same.
 *
 * @param moves One for each image.
 * @throws {ShapeError} if dy is no batch of images.
 */
export function moveImagesBackward(dy: NdArray, moves: readonly Move[]): NdArray {
  const dx = zeros(dy.shape);
  forEachMove(dy, moves, (from, to) => dx.data[from]! += dy.data[to]!);
  return dx;
}

/** Calls `visit` for each pixel that stays inside, with its index in x and in y. */
function forEachMove(
  { shape }: NdArray,
  moves: readonly Move[],
  visit: (from: number, to: number) => void,
): void {
  if (shape.length !== 4 || shape[0] !== moves.length) {
    throw new ShapeError(
      `moveImages: expected ${moves.length} images [n, c, h, w], got ${formatShape(shape)}`,
    );
  }
  const [images, channels, height, width] = shape as [number, number, number, number];
  for (let n = 0; n < images; n++) {
    const { mirrored, down, right } = moves[n]!;
    for (let c = 0; c < channels; c++) {
      const plane = (n * channels + c) * height;
      for (let i = 0; i < height; i++) {
        for (let j = 0; j < width; j++) {
          const [line, column] = [i + down, j + right];
          if (line < 0 || line >= height || column < 0 || column >= width) continue;
          const source = mirrored ? width - 1 - column : column;
          visit((plane + line) * width + source, (plane + i) * width + j);
        }
      }
    }
  }
}

/** y[n, c, …] = (x[n, c, …] − mean[c]) / deviation[c]. Shape: [n, c, …] → same. */
export function normalizeChannels(
  x: NdArray,
  mean: readonly number[],
  deviation: readonly number[],
): NdArray {
  return mapValues(x, (value, i) => {
    const c = channelOf(x, i);
    return (value - mean[c]!) / deviation[c]!;
  });
}

/** The gradient of {@linkcode normalizeChannels}: dx[n, c, …] = dy[n, c, …] / deviation[c]. Shape: [n, c, …] → same. */
export function normalizeChannelsBackward(dy: NdArray, deviation: readonly number[]): NdArray {
  return mapValues(dy, (value, i) => value / deviation[channelOf(dy, i)]!);
}

/** The channel of the element of a row-major index. */
export function channelOf({ shape }: Pick<NdArray, "shape">, index: number): number {
  return Math.floor(index / sizeOf(shape.slice(2))) % shape[1]!;
}
