/**
 * The errors of the module. Every one says what could not be done, what was expected and what came.
 *
 * @module
 */

/** The root of all errors that Strata throws on purpose. */
export class StrataError extends Error {
  /** The class, for those who print errors. */
  override name = "StrataError";
}

/** A tensor, layer or dataset has a shape that the operation cannot take. */
export class ShapeError extends StrataError {
  /** The class, for those who print errors. */
  override name = "ShapeError";
}

/** An option of a constructor or function is unknown, of the wrong type, or out of range. */
export class OptionError extends StrataError {
  /** The class, for those who print errors. */
  override name = "OptionError";
}

/** The GPU could not do what was asked: no adapter, an invalid kernel, a failed validation. */
export class GpuError extends StrataError {
  /** The class, for those who print errors. */
  override name = "GpuError";
}

/** The device is gone (driver reset, unplugged, or `dispose` was called); it must be opened anew. */
export class DeviceLostError extends GpuError {
  /** The class, for those who print errors. */
  override name = "DeviceLostError";
}

/** A request for memory is over a limit of the device, or the device has no more. */
export class OutOfMemoryError extends GpuError {
  /** The class, for those who print errors. */
  override name = "OutOfMemoryError";
}

/** A file is malformed. The message names the file, the place (byte, or line and column) and what was expected. */
export class FormatError extends StrataError {
  /** The class, for those who print errors. */
  override name = "FormatError";
}

/** The training loss became NaN or infinite. */
export class NonFiniteError extends StrataError {
  /** The class, for those who print errors. */
  override name = "NonFiniteError";
  /** The training step, counted from 0, at which the loss was first seen to be NaN or infinite. */
  readonly step: number;

  /**
   * Names the step.
   *
   * @param message What happened.
   * @param step The step, from 0, at which it happened.
   */
  constructor(message: string, step: number) {
    super(message);
    this.step = step;
  }
}
