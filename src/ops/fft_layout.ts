/**
 * Where Fourier transforms find and leave their numbers: elements of images, and places of spectra.
 *
 * @module
 */

import type { Tensor } from "../gpu/tensor.ts";

/** Height and width. */
export type Pair = readonly [height: number, width: number];

/** The numbers of two axes as a pair. */
export function pairOf([height, width]: readonly number[]): Pair {
  return [height!, width!];
}

/** Transforms of the same size. */
export interface FftSize {
  readonly height: number;
  readonly width: number;
  /** Images that are transformed. */
  readonly items: number;
  /** Rows that are not 0, or forward; that are wanted, inverse. */
  readonly rows: number;
}

/** Which element of a real tensor [planes, h, w] a position of a transform is; outside of it there is 0. */
export interface ImagePlacement {
  readonly tensor: Tensor;
  /** Height and width of a plane. */
  readonly size: Pair;
  /** Items are [image, tile, inner], planes [image, inner]. */
  readonly inner: number;
  /** The plane of the first item. Default 0. */
  readonly first?: number;
  /** Tiles of a plane, and the distance between them. Default: one. */
  readonly tiles?: Pair;
  readonly step?: Pair;
  /** The place of position 0 of tile 0. Default: 0, 0. */
  readonly origin?: Pair;
  /** Whether places run against positions. Default false. */
  readonly flip?: boolean;
  /** Positions that have to do with the image. */
  readonly extent: Pair;
  /** Places from an element to the next. Default 1, 1. */
  readonly spread?: Pair;
}

/** Where the spectrum of item [outer, inner] lies in a real tensor, in floats. */
export interface SpectrumPlacement {
  readonly tensor: Tensor;
  readonly inner: number;
  /** Item [p · outerGroup + q, r · innerGroup + s] begins at p, q, r, s times these. Groups default to one that holds all. */
  readonly outerGroup?: number;
  readonly outerGroupStep?: number;
  readonly outerStep?: number;
  readonly innerGroup?: number;
  readonly innerGroupStep?: number;
  readonly innerStep?: number;
  /** From a frequency to the next, [y, v] with v ≤ width / 2. */
  readonly frequencyStep: number;
  /** From the real part to the imaginary part. */
  readonly imaginaryStep: number;
  /** Whether the conjugate is written. Default false. */
  readonly conjugate?: boolean;
  /** Where the real part is written again, and the imaginary part with the other sign. */
  readonly second?: { readonly realStep: number; readonly minusStep: number };
}

/** A spectrum that is a sum of products: Σ a · b over terms. Its items, and their groups, are those of a. */
export interface SpectrumProduct {
  readonly a: SpectrumPlacement;
  readonly b: SpectrumPlacement;
  readonly terms: number;
  /** From one term to the next. */
  readonly aTermStep: number;
  readonly bTermStep: number;
}

/** What a transform reads or writes in place of an image. */
export type Spectra = SpectrumPlacement | SpectrumProduct;

/** Columns of the half spectrum of rows of this width. */
export function halfOf(width: number): number {
  return Math.floor(width / 2) + 1;
}

/** The uniforms of `fft_access.wgsl` that say where images are. */
export function imageUniforms(image: ImagePlacement): Record<string, number> {
  const { size, inner, first = 0, tiles = [1, 1], step = [0, 0], origin = [0, 0] } = image;
  const { flip = false, extent, spread = [1, 1] } = image;
  return {
    inner,
    first,
    tiles: tiles[0] * tiles[1],
    tiles_w: tiles[1],
    direction: flip ? -1 : 1,
    ...pair("step", step),
    ...pair("origin", origin),
    ...pair("extent", extent),
    ...pair("spread", spread),
    ...pair("size", size),
  };
}

/** The uniforms of `fft_access.wgsl` that say where spectra are. */
export function spectrumUniforms(spectra: Spectra): Record<string, number> {
  if (!("terms" in spectra)) return { ...groupUniforms(spectra), ...stepUniforms("a", spectra, 0) };
  const { a, b, terms, aTermStep, bTermStep } = spectra;
  return {
    ...groupUniforms(a),
    terms,
    ...stepUniforms("a", a, aTermStep),
    ...stepUniforms("b", b, bTermStep),
  };
}

function groupUniforms(spectrum: SpectrumPlacement): Record<string, number> {
  const { inner, innerGroup = inner, outerGroup = 2 ** 31 } = spectrum;
  return { inner, inner_group: innerGroup, outer_group: outerGroup };
}

function stepUniforms(
  name: string,
  spectrum: SpectrumPlacement,
  termStep: number,
): Record<string, number> {
  const { innerGroupStep = 0, innerStep = 0, outerGroupStep = 0, outerStep = 0 } = spectrum;
  return {
    [`inner_group_step_${name}`]: innerGroupStep,
    [`inner_step_${name}`]: innerStep,
    [`outer_group_step_${name}`]: outerGroupStep,
    [`outer_step_${name}`]: outerStep,
    [`frequency_step_${name}`]: spectrum.frequencyStep,
    [`imaginary_step_${name}`]: spectrum.imaginaryStep,
    [`term_step_${name}`]: termStep,
  };
}

function pair(name: string, [h, w]: Pair): Record<string, number> {
  return { [`${name}_h`]: h, [`${name}_w`]: w };
}
