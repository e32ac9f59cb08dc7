/**
 * Faults of what layers that contain layers, embeddings and augmentation are made of.
 *
 * @module
 */

import { type Fault, fault } from "./fault.ts";

/** The faults of this file. */
export const LAYER_FAULTS: readonly Fault[] = [
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
