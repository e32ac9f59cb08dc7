/**
 * Synthetic handwritten digits: a data set like MNIST that needs no download.
 *
 * @module
 */

import { checkKeys, checkNumber } from "../options.ts";
import { checkSeed, permute, Random, threefry } from "../random.ts";
import { Dataset } from "./dataset.ts";
import { DIGIT_STROKES, type Stroke } from "./digit_strokes.ts";

/** The options of {@linkcode generateDigits}. */
export interface DigitOptions {
  /** How many images. */
  count: number;
  /** Selects the images, 0 … 2³² − 1. */
  seed: number;
  /** Standard deviation of the noise on each pixel, where 1 is the whole range; 0.05 by default. */
  noise?: number;
  /** Height and width in pixels, 8 … 1024; 28 by default. */
  size?: number;
}

const CLASSES = 10;
/** Stream of the random words that order the labels; the images use the streams 0 … count − 1. */
const LABEL_STREAM = 0xffffffff;
/** Four random bytes add up to this standard deviation: √(4 · (256² − 1) / 12). */
const FOUR_BYTES_DEVIATION = Math.sqrt((256 ** 2 - 1) / 3);
const FOUR_BYTES_MEAN = 4 * 127.5;

/**
 * Draws digits as a hand would: one of several ways to write each, with points displaced, rotated,
 * sheared, scaled and moved at random, by pens of different width, with noise. A stand-in for MNIST in
 * examples and tests: a linear classifier gets most of them right, a network nearly all.
 *
 * Image i depends on the seed, i, `noise` and `size` alone, not on `count`. Images 10k … 10k + 9 are
 * one of each class, in random order.
 *
 * Shape: inputs (1, size, size) of bytes, 0 the background; labels 0 … 9.
 *
 * @throws {OptionError} if an option is out of range.
 *
 * @example
 * ```ts
 * import { generateDigits } from "@strata/strata";
 * import { assertEquals } from "@std/assert";
 *
 * const digits = generateDigits({ count: 20, seed: 1 });
 * assertEquals([digits.length, digits.classes, digits.inputShape], [20, 10, [1, 28, 28]]);
 * assertEquals(generateDigits({ count: 5, seed: 1 }).x, digits.slice(0, 5).x);
 * ```
 */
export function generateDigits(options: DigitOptions): Dataset {
  checkKeys(options, "generateDigits", ["count", "seed", "noise", "size"]);
  const { count, seed, noise = 0.05, size = 28 } = options;
  checkNumber(count, "generateDigits: count", { min: 0, max: LABEL_STREAM, integer: true });
  checkSeed(seed, "generateDigits: seed");
  checkNumber(noise, "generateDigits: noise", { min: 0, max: 1 });
  checkNumber(size, "generateDigits: size", { min: 8, max: 1024, integer: true });
  const x = new Uint8Array(count * size * size);
  const y = new Uint32Array(count);
  const ink = new Float32Array(size * size);
  for (let i = 0; i < count; i++) {
    const block = Math.floor(i / CLASSES);
    const label = permute(i % CLASSES, CLASSES, threefry(seed, LABEL_STREAM, block, 0)[0]);
    const random = new Random(seed, i);
    drawDigit(ink.fill(0), size, label, random);
    develop(ink, x.subarray(i * size * size, (i + 1) * size * size), noise, random);
    y[i] = label;
  }
  return new Dataset({ x, y, inputShape: [1, size, size], classes: CLASSES });
}

/** Draws a random variant of a digit into `ink`, where 1 is full ink. */
function drawDigit(ink: Float32Array, size: number, digit: number, random: Random): void {
  const variants = DIGIT_STROKES[digit]!;
  const strokes = variants[random.integer(variants.length)]!;
  const place = randomPlacement(size, random);
  const radius = size / 28 * between(random, 0.7, 1.7);
  for (const stroke of strokes) {
    const path = placedPath(stroke, place, random);
    for (let i = 2; i < path.length; i += 2) {
      drawSegment(ink, size, path[i - 2]!, path[i - 1]!, path[i]!, path[i + 1]!, radius);
    }
  }
}

/** The affine map (x, y) → (ax + by + c, dx + ey + f) from the box of the strokes to pixels. */
type Placement = readonly [number, number, number, number, number, number];

/** Rotation, shear, scale and translation, such that the digit seldom leaves the image. */
function randomPlacement(size: number, random: Random): Placement {
  const angle = clamped(random.normal(), 2) * 0.14;
  const shear = clamped(random.normal(), 2) * 0.18 - 0.08;
  // Half the height and half the width, as a share of the image; a tall digit has less room to move.
  const height = between(random, 0.28, 0.37);
  const width = height * between(random, 0.75, 1.25);
  const room = Math.min(0.08, 0.4 - height);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const moveX = between(random, -0.08, 0.08);
  const moveY = between(random, -room, room);
  return [
    size * width * cos,
    size * height * (shear * cos - sin),
    size * (0.5 + moveX),
    size * width * sin,
    size * height * (shear * sin + cos),
    size * (0.5 + moveY),
  ];
}

/** The stroke in pixels, as a polyline: its points are displaced a little, then joined. */
function placedPath(stroke: Stroke, [a, b, c, d, e, f]: Placement, random: Random): number[] {
  const points: number[] = [];
  for (let i = 0; i < stroke.points.length; i += 2) {
    const x = stroke.points[i]! + between(random, -0.07, 0.07);
    const y = stroke.points[i + 1]! + between(random, -0.07, 0.07);
    points.push(a * x + b * y + c, d * x + e * y + f);
  }
  return stroke.curved ? smooth(points) : points;
}

/** The Catmull–Rom spline through the points, as a polyline of four segments between each two. */
function smooth(points: number[]): number[] {
  const last = points.length - 2;
  const path = [points[0]!, points[1]!];
  for (let i = 0; i < last; i += 2) {
    const before = Math.max(i - 2, 0);
    const after = Math.min(i + 4, last);
    for (let step = 1; step <= 4; step++) {
      const t = step / 4;
      for (let axis = 0; axis < 2; axis++) {
        const p0 = points[before + axis]!;
        const p1 = points[i + axis]!;
        const p2 = points[i + 2 + axis]!;
        const p3 = points[after + axis]!;
        path.push(
          p1 +
            0.5 * t *
              (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0))),
        );
      }
    }
  }
  return path;
}

/** Inks the pixels near a segment: full up to `radius` from it, none beyond `radius` + 1. */
function drawSegment(
  ink: Float32Array,
  size: number,
  x0: number,
  y0: number,
  x1: number,
  y1: number,
  radius: number,
): void {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const inverse = 1 / Math.max(dx * dx + dy * dy, 1e-12);
  const reach = radius + 0.5;
  // The centre of pixel (column, row) is (column + ½, row + ½).
  const left = Math.max(0, Math.ceil(Math.min(x0, x1) - reach - 0.5));
  const right = Math.min(size - 1, Math.floor(Math.max(x0, x1) + reach - 0.5));
  const top = Math.max(0, Math.ceil(Math.min(y0, y1) - reach - 0.5));
  const bottom = Math.min(size - 1, Math.floor(Math.max(y0, y1) + reach - 0.5));
  for (let row = top; row <= bottom; row++) {
    const py = row + 0.5 - y0;
    for (let column = left; column <= right; column++) {
      const px = column + 0.5 - x0;
      const along = Math.min(1, Math.max(0, (px * dx + py * dy) * inverse));
      const ox = px - along * dx;
      const oy = py - along * dy;
      const value = Math.min(1, reach - Math.sqrt(ox * ox + oy * oy));
      const pixel = row * size + column;
      if (value > ink[pixel]!) ink[pixel] = value;
    }
  }
}

/** Turns ink into bytes, with noise that is nearly normal: the sum of four random bytes. */
function develop(ink: Float32Array, pixels: Uint8Array, noise: number, random: Random): void {
  const contrast = between(random, 0.8, 1) * 255;
  const scale = noise * 255 / FOUR_BYTES_DEVIATION;
  for (let i = 0; i < pixels.length; i++) {
    let value = ink[i]! * contrast + 0.5;
    if (noise > 0) {
      const word = random.word();
      const sum = (word & 255) + (word >>> 8 & 255) + (word >>> 16 & 255) + (word >>> 24);
      value += (sum - FOUR_BYTES_MEAN) * scale;
    }
    pixels[i] = Math.min(255, Math.max(0, value));
  }
}

function between(random: Random, low: number, high: number): number {
  return low + (high - low) * random.uniform();
}

function clamped(value: number, most: number): number {
  return Math.min(most, Math.max(-most, value));
}
