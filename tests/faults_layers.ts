/**
 * Faults of what layers that contain layers, embeddings and augmentation are made of.
 *
 * @module
 */

import { type Fault, fault } from "./fault.ts";

const LAYERS: readonly Fault[] = [
  fault("concatenate", "row and place exchanged", "let row = i / u.width", "let row = i % u.width"),
  fault("concatenate", "start ignored", "u.to_start + j", "j"),
  fault("concatenate", "rows of the piece's length", "row * u.to_stride", "row * u.width"),
  fault("concatenate", "guard one too early", "i >= u.length", "i + 1u >= u.length"),
  fault("split", "start ignored", "u.from_start + j", "j"),
  fault("split", "rows of the piece's length", "row * u.from_stride", "row * u.width"),
  fault("embedding", "row of the position", "i % u.positions]", "i / u.positions]"),
  fault("embedding", "example ignored", "example * u.positions + i", "i"),
  fault("embedding", "fractions rounded", "f32(row) == id && ", ""),
  fault("embedding", "rows that do not exist", " && row < rows", ""),
  fault("embedding", "0 for what is no row", "0x7fc00000u | ", ""),
  fault("embedding gradient", "sum not accumulated", "sum += dy", "sum = dy"),
  fault("embedding gradient", "parts not added", "+= sum", "= sum"),
  fault("embedding gradient", "not cleared", "dw[i] = 0.0;", ""),
  fault("embedding gradient", "every place a head", "head = false;", ""),
  fault("embedding gradient", "place counted twice", "var q = place + 1u", "var q = place + 2u"),
  fault("embedding gradient", "search leaves the part", "2048u, u.places)", "4096u, u.places)"),
  fault("embedding gradient", "wrong row", "(head - 1u) * u.dimension", "head * u.dimension"),
  fault(
    "embedding gradient",
    "channels transposed",
    "u.dimension + d) * u.positions",
    "u.dimension) * u.positions + d",
  ),
];

const AUGMENT: readonly Fault[] = [
  fault("augmentImages", "mirrored about the wrong axis", "width - 1 - (j", "width - (j"),
  fault("augmentImages", "always mirrored", "(words.x >> 31u) == 1u", "true"),
  fault("augmentImages", "another bit mirrors", "words.x >> 31u", "words.x & 1u"),
  fault("augmentImages", "one offset for both directions", "words.y & 0xffffu", "words.y >> 16u"),
  fault("augmentImages", "no offset down and right", "2u * u.shift + 1u", "2u * u.shift"),
  fault("augmentImages", "offsets not centred", " - i32(u.shift)", ""),
  fault("augmentImages", "the step ignored", "image, u.counter)", "image, 0u)"),
  fault(
    "augmentImages",
    "channels move by themselves",
    "row / (u.channels * u.height)",
    "row / u.height",
  ),
  fault("augmentImages", "a row too many at the bottom", "line < height", "line <= height"),
  fault("augmentImages", "border repeated", "var value = 0.0", "var value = x[from_row]"),
  fault("augmentImages gradient", "moved on, not back", "-offset(words.y", "offset(words.y"),
  fault("augmentImages gradient", "mirrored images moved on", "select(-1, 1,", "select(-1, -1,"),
  fault("normalizeChannels", "missing mean", "x[begin + j] - mean", "x[begin + j]"),
  fault("normalizeChannels", "channels not offset", "u.first + channel", "channel"),
  fault("normalizeChannels", "the first channel's scale", "scale = u.scale_1", "scale = u.scale_0"),
  fault("normalizeChannels", "image for channel", "plane % u.count", "plane / u.count"),
  fault("normalizeChannels gradient", "missing scale", "scale * (", "("),
];

/** The faults of this file. */
export const LAYER_FAULTS: readonly Fault[] = [...LAYERS, ...AUGMENT];
