/**
 * Mistakes that could be made in the kernels of the adaptive optimisers.
 *
 * @module
 */

import { type Fault, fault } from "./fault.ts";

/** The faults of this file. */
export const UPDATE_FAULTS: readonly Fault[] = [
  ...["sgdUpdate", "Adam", "RmsProp", "Adagrad"].map((row) =>
    fault(row, "skipped step not skipped", "clip[0] < 0.0", "clip[0] < -1e30")
  ),
  fault("updateLossScale", "scale not undone", "norm <= u.limit) / scale", "norm <= u.limit)"),
  fault("updateLossScale", "norm of the scaled", "sqrt(squares) / scale", "sqrt(squares)"),
  fault("updateLossScale", "one step too late", "good >= u.interval", "good > u.interval"),
  fault("updateLossScale", "count not begun anew", "select(good, 0.0, grows)", "good"),
  fault("updateLossScale", "no largest scale", "scale > 0x1p23", "scale > 0x1p30"),
  fault("updateLossScale", "skips at a scale of 1", "-1.0, scale > 1.0", "-1.0, scale > 0.5"),
  fault(
    "updateLossScale",
    "infinity taken for finite",
    "0x7f800000u) != 0x7f800000u",
    "0x7f800000u) < 0x7f800001u",
  ),
  fault("updateLossScale", "below 1", "1.0, scale < 2.0", "1.0, scale < 1.0"),
  fault("Adam", "uncorrected root", "u.root_scale * sqrt", "sqrt"),
  fault("Adam", "missing root", "sqrt(second)", "second"),
  fault("Adam", "missing square", "u.rest_2 * g * g", "u.rest_2 * g"),
  fault(
    "Adam",
    "means exchanged",
    "m[i] = first;\n  v[i] = second;",
    "m[i] = second;\n  v[i] = first;",
  ),
  fault("Adam", "decay in float32", "u.rest_2 *", "(1.0 - u.beta_2) *"),
  fault("Adam", "missing decay", "g += u.decay * old;", ""),
  fault(
    "Adam",
    "epsilon in the root",
    "u.root_scale * sqrt(second) + u.epsilon",
    "u.root_scale * sqrt(second + u.epsilon)",
  ),
  fault("Adam", "clipped by the norm", "clip[0]", "clip[1]"),
  fault("AdamW", "decay grows", "step += u.decay * old", "step -= u.decay * old"),
  fault("AdamW", "decay through the root", "let first", "g += u.decay * old;\n  let first"),
  fault("Nadam", "no look-ahead", "step += u.ahead * g;", ""),
  fault("Nadam", "mean of another step", "var step = u.rate * first", "var step = u.rate * g"),
  fault("RmsProp", "mean not kept", "v[i] = square;", ""),
  fault("RmsProp", "not centred", "square -= average * average;", ""),
  fault("RmsProp", "velocity not kept", "b[i] = step;", ""),
  fault("RmsProp", "missing momentum", "step += u.momentum * b[i]", "step += b[i]"),
  fault(
    "RmsProp",
    "missing NaN guard",
    "select(square, vec4f(), square < vec4f())",
    "max(square, vec4f())",
  ),
  fault("Adagrad", "sum forgotten", "let sum = s[i] + g * g", "let sum = g * g"),
  fault("Adagrad", "missing initial value", "sum + u.initial", "sum"),
  fault("Adagrad", "initial value kept", "s[i] = sum;", "s[i] = sum + u.initial;"),
  fault("Adagrad", "wrong sign", "old - u.rate", "old + u.rate"),
];
