/**
 * What kernels do with a sum before they store it: add a bias, apply an activation function, or multiply with the slope of one.
 *
 * @module
 */

import epilogueText from "../../kernels/epilogue.wgsl" with { type: "text" };
import type { KernelParameters, SourceText } from "../gpu/expand.ts";
import type { DataType, Tensor } from "../gpu/tensor.ts";
import { checkOneOf } from "../options.ts";
import type { Shape } from "../shape.ts";
import { ACTIVATION_NAMES, ACTIVATION_SOURCE, type ActivationName } from "./activation_source.ts";
import { inParts, type Range } from "./binding_parts.ts";
import { expectShape, NAN_SOURCE } from "./launch.ts";

/** The derivative of an activation function where its value was y: what a gradient is multiplied with on the way back. */
export interface ActivationSlope {
  /** f. */
  readonly activation: ActivationName;
  /** y = f(z); but z for softplus and gelu. */
  readonly saved: Tensor;
}

/** What follows a sum: y = f(sum + bias), or with `saved` y = f′(saved) · (sum + bias). */
export interface Epilogue {
  readonly bias: Tensor | undefined;
  /** f. */
  readonly activation: ActivationName;
  /** As in {@linkcode ActivationSlope}. Shape: that of y. */
  readonly saved?: Tensor;
}

/** Nothing follows. */
export const NO_EPILOGUE: Epilogue = { bias: undefined, activation: "linear" };

/** Function `finish` for the parameters ACTIVATION, GRADIENT and STORE, and what it needs. */
export const EPILOGUE_SOURCES: readonly SourceText[] = [
  NAN_SOURCE,
  ACTIVATION_SOURCE,
  { name: "epilogue.wgsl", text: epilogueText },
];

/** An epilogue as parameters of a kernel's text, which stores numbers one by one, and the tensors that it binds. */
export function epilogueLaunch(
  { bias, activation, saved }: Epilogue,
): { readonly parameters: KernelParameters; readonly tensors: Readonly<Record<string, Tensor>> } {
  return {
    parameters: {
      BIAS: bias !== undefined,
      ACTIVATION: activation,
      GRADIENT: saved !== undefined,
      STORE: 1,
    },
    tensors: {
      ...(bias === undefined ? {} : { bias }),
      ...(saved === undefined ? {} : { saved }),
    },
  };
}

/**
 * The epilogue of a gradient of this shape: the slope that it is multiplied with, if there is one.
 *
 * @param what Names the operation in errors.
 * @throws {OptionError} if there is no such function; {@linkcode ShapeError} if `saved` has another shape.
 */
export function slopeEpilogue(
  slope: ActivationSlope | undefined,
  shape: Shape,
  what: string,
): Epilogue {
  if (slope === undefined) return NO_EPILOGUE;
  checkOneOf(slope.activation, `${what}: gradient.activation`, ACTIVATION_NAMES);
  expectShape(slope.saved, shape, `${what}: gradient.saved`);
  return { bias: undefined, ...slope };
}

/**
 * Like `inParts`, with what an epilogue has saved cut like the other tensors.
 *
 * @param record Records one part: these rows of the tensors, and of what was saved.
 */
export function inPartsWithSlope<T extends readonly Tensor<DataType>[]>(
  what: string,
  rows: number,
  tensors: T,
  epilogue: Epilogue,
  record: (tensors: T, epilogue: Epilogue, rows: Range) => void,
): void {
  const { saved: whole } = epilogue;
  if (whole === undefined) {
    inParts(what, rows, tensors, (part, range) => record(part, epilogue, range));
    return;
  }
  inParts(what, rows, [whole, ...tensors] as const, ([saved, ...part], range) => {
    record(part as unknown as T, { ...epilogue, saved }, range);
  });
}
