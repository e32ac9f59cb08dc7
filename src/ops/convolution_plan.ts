/**
 * Which method computes a convolution, and in how many parts of the batch, so that its workspace stays within a limit.
 *
 * @module
 */

import type { ConvolutionGeometry } from "../convolution_shape.ts";
import { OptionError } from "../errors.ts";
import type { Device } from "../gpu/device.ts";
import { paddedBytes } from "../gpu/memory.ts";
import { checkNumber, checkOneOf } from "../options.ts";
import { sizeOf } from "../shape.ts";
import { DIRECT_METHOD, readsTextures } from "./convolution_direct.ts";
import { GEMM_METHOD } from "./convolution_gemm.ts";
import { IM2COL_METHOD } from "./convolution_im2col.ts";
import { FFT_METHOD } from "./convolution_fft.ts";
import {
  type ConvolutionMethod,
  type ConvolutionPass,
  type ConvolutionTask,
  type MethodOptions,
  sharesLoads,
} from "./convolution_method.ts";
import { type ConvolutionChoice, convolutionRequest } from "./convolution_tuning.ts";
import { WINOGRAD_METHOD } from "./convolution_winograd.ts";
import { NO_EPILOGUE } from "./epilogue.ts";
import { placeOf } from "./matmul_tuning.ts";

/**
 * A method of convolution.
 *
 * - "direct": outputs in registers, each input loaded once for all taps of a row; the least memory
 * - "gemm": an implicit matrix product, on a copy of the images with the channels last
 * - "im2col": a matrix product with the windows written down as columns, for comparison; about k² times the input in memory
 * - "fft": by Fourier transforms of tiles, with stride 1 in one or two dimensions
 * - "winograd": for filters of 3 × 3 with strides and dilation of 1 in two dimensions, with fewer multiplications and other rounding
 *   errors, see `winogradTile`; a NaN reaches the whole tile, and so does an infinity, as NaN
 */
export type ConvolutionMethodName = "direct" | "gemm" | "im2col" | "fft" | "winograd";

const METHODS: Readonly<Record<ConvolutionMethodName, ConvolutionMethod>> = {
  direct: DIRECT_METHOD,
  gemm: GEMM_METHOD,
  im2col: IM2COL_METHOD,
  fft: FFT_METHOD,
  winograd: WINOGRAD_METHOD,
};

/** How a convolution is computed; "auto" takes what suits its shape best. */
export type ConvolutionAlgorithm = "auto" | ConvolutionMethodName;

/** The names of the algorithms. */
export const CONVOLUTION_ALGORITHMS: readonly ConvolutionAlgorithm[] = [
  "auto",
  ...Object.keys(METHODS) as ConvolutionMethodName[],
];

/** Choices that all passes of a convolution have. */
export interface AlgorithmOptions {
  /** Default "auto". */
  algorithm?: ConvolutionAlgorithm;
  /** Bytes of intermediate results at once, at most; the batch is split when it would take more. Default 256 MiB. */
  workspaceLimit?: number;
  /**
   * Outputs of a Winograd tile along an edge: 2, with 2.25 times fewer multiplications than the sum itself, or 4, with 4 times
   * fewer and larger rounding errors. With 64 channels or more, the root mean square of the errors of outputs and input gradients
   * was 0.6 to 0.8 times that of "direct" with 2, and 4 to 5 times with 4 (2 to 3 · 10⁻⁶ of the outputs'); that of weight
   * gradients 1.8 times with 2, and 6 times with 4. Default 2.
   */
  winogradTile?: 2 | 4;
}

/** The names of {@linkcode AlgorithmOptions}. */
export const ALGORITHM_OPTIONS = ["algorithm", "workspaceLimit", "winogradTile"] as const;

/** What a convolution will do. */
export interface ConvolutionPlan {
  /** The method. */
  readonly algorithm: ConvolutionMethodName;
  /** Bytes of intermediate results at once. */
  readonly workspaceBytes: number;
  /** Images that are computed at once. */
  readonly imagesPerPart: number;
}

const DEFAULT_LIMIT = 2 ** 28;

/**
 * Chooses the method and the parts of the batch.
 *
 * @param what Names the operation in errors.
 * @throws {OptionError} if an option is wrong, the algorithm does not apply, or not even one image fits the workspace.
 */
export function planConvolution(
  device: Device,
  pass: ConvolutionPass,
  geometry: ConvolutionGeometry,
  images: number,
  options: AlgorithmOptions,
  what: string,
): ConvolutionPlan {
  return chooseMethod(device, pass, geometry, images, options, what).plan;
}

/** A plan, and what its method needs to know to follow it. */
interface ChosenMethod {
  readonly plan: ConvolutionPlan;
  readonly methodOptions: MethodOptions;
}

function chooseMethod(
  device: Device,
  pass: ConvolutionPass,
  geometry: ConvolutionGeometry,
  images: number,
  options: AlgorithmOptions,
  what: string,
  textures?: false,
): ChosenMethod {
  const { algorithm = "auto" } = options;
  checkAlgorithmOptions(options, what);
  const attempt = (name: ConvolutionMethodName, textures?: false) => {
    // The other methods copy other things than the images.
    const methodOptions = methodOptionsOf(
      device,
      options,
      name === "direct" ? textures : undefined,
    );
    const plan = attemptMethod(name, pass, geometry, images, methodOptions);
    return typeof plan === "string" ? plan : { plan, methodOptions };
  };
  if (algorithm !== "auto") {
    const result = attempt(algorithm, textures);
    if (typeof result !== "string") return result;
    throw new OptionError(`${what}: algorithm "${algorithm}": ${result}`);
  }
  const reasons: string[] = [];
  const tuned = tunedMethod(device, pass, geometry, images, options);
  const choices: ConvolutionChoice<ConvolutionMethodName>[] = [
    ...(tuned === undefined ? [] : [tuned]),
    ...preference(pass, geometry, images, methodOptionsOf(device, options, textures))
      .map((algorithm) => ({ algorithm })),
  ];
  for (const choice of choices) {
    const { algorithm } = choice;
    const result = attempt(algorithm, choice.textures ?? textures);
    if (typeof result !== "string") return result;
    reasons.push(`${algorithm}: ${result}`);
  }
  throw new OptionError(`${what}: no algorithm applies: ${reasons.join("; ")}`);
}

/** What the methods need to know besides the geometry. */
function methodOptionsOf(
  device: Device,
  { winogradTile = 2, workspaceLimit = DEFAULT_LIMIT }: AlgorithmOptions,
  textures = true,
): MethodOptions {
  const place = placeOf(device);
  const readableTextures = place.readableTextures && textures;
  const bindingLimit = device.limits.maxStorageBufferBindingSize;
  return { ...place, readableTextures, winogradTile, workspaceLimit, bindingLimit };
}

/**
 * The method that was measured to be the quickest; undefined if none was. Winograd's tiles of 4, with their larger errors, are the
 * user's decision: where they are asked for, the table says when to take them.
 */
function tunedMethod(
  device: Device,
  pass: ConvolutionPass,
  geometry: ConvolutionGeometry,
  images: number,
  { workspaceLimit = DEFAULT_LIMIT, winogradTile = 2 }: AlgorithmOptions,
): ConvolutionChoice<ConvolutionMethodName> | undefined {
  const { tuning } = device;
  if (tuning.mode === "table" || winogradTile !== 2) return undefined;
  const methodOptions = methodOptionsOf(device, { workspaceLimit });
  const names = Object.keys(METHODS) as ConvolutionMethodName[];
  const able = names.filter((name) =>
    METHODS[name].refusal(pass, geometry, methodOptions) === undefined
  );
  if (able.length === 0) return undefined;
  const request = convolutionRequest<ConvolutionMethodName>({
    ...{ pass, geometry, images, workspaceLimit, plainest: able[0]! },
    builtIn: () =>
      preference(pass, geometry, images, methodOptions).find((name) => able.includes(name))!,
    candidates: () =>
      able.flatMap((algorithm) =>
        algorithm === "direct" && readsTextures(pass, geometry, images, methodOptions)
          ? [{ algorithm }, { algorithm, textures: false }]
          : [{ algorithm }]
      ),
    compute(recorder, { algorithm, textures }, a, b, out) {
      const options = { algorithm, workspaceLimit };
      const { method, task, methodOptions } = prepareConvolution(
        device,
        pass,
        geometry,
        images,
        options,
        "tune",
        textures,
      );
      if (pass === "weightGradient") {
        method.weightGradient(recorder, task, a, b, out, methodOptions);
      } else method[pass](recorder, task, a, b, NO_EPILOGUE, out, methodOptions);
    },
  });
  tuning.choose(request); // says that it is wanted
  return tuning.known(request);
}

/** @throws {OptionError} if an option is wrong for every convolution. */
export function checkAlgorithmOptions(options: AlgorithmOptions, what: string): void {
  const { algorithm = "auto", workspaceLimit = DEFAULT_LIMIT, winogradTile = 2 } = options;
  checkOneOf(algorithm, `${what}: algorithm`, CONVOLUTION_ALGORITHMS);
  checkNumber(workspaceLimit, `${what}: workspaceLimit`, { min: 0 });
  if (winogradTile !== 2 && winogradTile !== 4) {
    throw new OptionError(`${what}: winogradTile: expected 2 or 4, got ${winogradTile}`);
  }
}

/**
 * Checks that the algorithm of a layer can compute its convolution, before there is a GPU.
 *
 * @throws {OptionError} if it does not apply.
 */
export function checkAlgorithm(
  geometry: ConvolutionGeometry,
  { algorithm = "auto", winogradTile = 2 }: AlgorithmOptions,
  what: string,
): void {
  if (algorithm === "auto") return;
  const passes: ConvolutionPass[] = ["forward", "inputGradient", "weightGradient"];
  for (const pass of passes) {
    const refusal = METHODS[algorithm].refusal(pass, geometry, {
      software: false,
      subgroupSize: 0,
      readableTextures: false,
      winogradTile,
      workspaceLimit: DEFAULT_LIMIT,
      bindingLimit: Infinity,
    });
    if (refusal === undefined) continue;
    throw new OptionError(`${what}: algorithm "${algorithm}": ${refusal}`);
  }
}

/**
 * Plans a pass: the method that computes it, and what that is given.
 *
 * @param textures False if images must not be copied into textures.
 * @throws {OptionError} as {@linkcode planConvolution} does.
 */
export function prepareConvolution(
  device: Device,
  pass: ConvolutionPass,
  geometry: ConvolutionGeometry,
  images: number,
  options: AlgorithmOptions,
  what: string,
  textures?: false,
): { method: ConvolutionMethod; task: ConvolutionTask; methodOptions: MethodOptions } {
  const { plan, methodOptions } = chooseMethod(
    device,
    pass,
    geometry,
    images,
    options,
    what,
    textures,
  );
  const { algorithm, imagesPerPart } = plan;
  const parts = Array.from({ length: Math.max(1, Math.ceil(images / imagesPerPart)) }, (_, i) => {
    const first = i * imagesPerPart;
    return { first, count: Math.min(imagesPerPart, images - first) };
  });
  return { method: METHODS[algorithm], task: { geometry, parts }, methodOptions };
}

/**
 * The methods, the best for this convolution first. Measured on lavapipe with two cores, on 60 shapes of 4 to 256 channels, taps of
 * 1×1 to 31×31 and 14 to 64 pixels; docs/performance.md has some of the figures. On cards nothing could be measured: there the matrix
 * product is taken, as in other libraries, unless there are few channels.
 */
function preference(
  pass: ConvolutionPass,
  geometry: ConvolutionGeometry,
  images: number,
  options: MethodOptions,
): readonly ConvolutionMethodName[] {
  const { channels, filters, groups, kernel, output } = geometry;
  const { software } = options;
  const shared = sharesLoads(options);
  const texels = shared && readsTextures(pass, geometry, images, options);
  const gradient = pass === "weightGradient";
  // What a transform costs is shared by the channels or filters that it serves.
  const served = Math.min(channels, filters) / groups;
  const few = served < 16;
  const inSpace: ConvolutionMethodName[] = few || shared || (software && !gradient)
    ? ["direct", "gemm"]
    : ["gemm", "direct"];
  if (!software) return inSpace;
  const taps = sizeOf(kernel);
  if (taps === 9 && served >= (texels ? 96 : shared && !gradient ? 64 : 48)) {
    return ["winograd", ...inSpace];
  }
  // Where invocations share what they load, transforms pay later, as the sum itself is faster; the bounds are from 51 shapes, those
  // where it loads texels from 22.
  if (shared) {
    const worthwhile = !texels ? 1500 : gradient ? 2400 : 2000;
    return served * taps >= worthwhile ? ["fft", ...inSpace] : inSpace;
  }
  // Large images are cut into tiles of the best size, of which less is overlap.
  const worthwhile = Math.min(...output) >= 48 ? 400 : 784;
  if (served * taps >= worthwhile) return ["fft", ...inSpace];
  return inSpace;
}

/** The plan with this method, or why there is none. */
function attemptMethod(
  algorithm: ConvolutionMethodName,
  pass: ConvolutionPass,
  geometry: ConvolutionGeometry,
  images: number,
  options: MethodOptions,
): ConvolutionPlan | string {
  const { workspaceLimit: limit, bindingLimit: binding } = options;
  const method = METHODS[algorithm];
  const refusal = method.refusal(pass, geometry, options);
  if (refusal !== undefined) return refusal;
  const bytesOf = (count: number) => {
    // The last part may be smaller, and its sums be split into more partial sums.
    const needs = [count, images % count || count].map((part) => {
      const tensors = method.workspace(pass, geometry, part, options, images);
      const total = tensors.reduce((sum, bytes) => sum + paddedBytes(bytes), 0);
      return { total, fits: total <= limit && tensors.every((bytes) => bytes <= binding) };
    });
    return {
      total: Math.max(...needs.map(({ total }) => total)),
      fits: needs.every(({ fits }) => fits),
    };
  };
  // As few parts as can be, all of about the same size.
  for (let count = Math.max(1, images);;) {
    const { total, fits } = bytesOf(count);
    if (fits) return { algorithm, imagesPerPart: count, workspaceBytes: total };
    if (count === 1) {
      return `one image needs ${total} bytes of workspace, the limit is ${
        Math.min(limit, binding)
      }`;
    }
    const parts = Math.ceil(images / count) + 1;
    count = Math.min(count - 1, Math.ceil(images / parts));
  }
}
