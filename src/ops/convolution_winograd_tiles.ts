/**
 * How Winograd's convolution cuts images into tiles, and the transform of the tiles that go into its products.
 *
 * @module
 */

import inputsText from "../../kernels/convolution_winograd_inputs.wgsl" with { type: "text" };
import transformsText from "../../kernels/convolution_winograd_transforms.wgsl" with {
  type: "text",
};
import type { SourceText } from "../gpu/expand.ts";
import { KernelFamily } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { formatShape } from "../shape.ts";
import type { ImageRange } from "./convolution_method.ts";
import type { Pass } from "./convolution_passes.ts";
import { workgroupsFor } from "./launch.ts";

/** The transforms along one dimension, for the parameters VALUE, TILE and SIDE. */
export const TRANSFORMS_SOURCE: SourceText = {
  name: "convolution_winograd_transforms.wgsl",
  text: transformsText,
};
const INPUTS = new KernelFamily("convolution/winogradInputs", [
  TRANSFORMS_SOURCE,
  { name: "convolution_winograd_inputs.wgsl", text: inputsText },
]);

/** Taps of a filter along an edge. */
export const TAPS = 3;

/** A number of rows or columns of a matrix, filled up to a multiple of 4. */
const four = (size: number): number => 4 * Math.ceil(size / 4);

/** What a part of the batch looks like in tiles, and the matrices of its products. */
export interface Tiling {
  /** Outputs of a tile along an edge; its inputs along an edge. */
  readonly tile: number;
  readonly side: number;
  /** Tiles of an image, in a column and in a row. */
  readonly tilesH: number;
  readonly tilesW: number;
  /** Tiles of all images. */
  readonly tiles: number;
  /** Channels that come out of a group, and tiles, filled up: rows and columns of a product. */
  readonly rows: number;
  readonly columns: number;
  /** Products: one for each position in a tile and group. */
  readonly batches: number;
}

/** The tiling of a part of the batch. */
export function tilingOf({ axes, groups, produced }: Pass, count: number, tile: number): Tiling {
  const side = tile + TAPS - 1;
  const [, tilesH, tilesW] = axes.map(({ grid }) => Math.ceil(grid / tile)) as [
    number,
    number,
    number,
  ];
  const tiles = count * tilesH * tilesW;
  const [rows, columns] = [four(produced), four(tiles)];
  return { tile, side, tilesH, tilesW, tiles, rows, columns, batches: side * side * groups };
}

/** Images whose tiles are transformed. */
export interface TiledImages {
  /** Of all groups. */
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Before the image; negative if its first elements are in no tile. */
  readonly padH: number;
  readonly padW: number;
  /** Whether they are dy, of which a tile has as many elements as outputs, for the gradient to the weights. */
  readonly gradient: boolean;
}

/** The inputs of a pass. */
export function inputsOf({ axes: [, h, w], groups, summed }: Pass): TiledImages {
  return {
    channels: groups * summed,
    height: h.input,
    width: w.input,
    padH: h.pad,
    padW: w.pad,
    gradient: false,
  };
}

/** The outputs of a pass, as what its gradient to the weights begins with. */
export function gradientsOf({ axes: [, h, w], groups, produced }: Pass): TiledImages {
  return {
    channels: groups * produced,
    height: h.output,
    width: w.output,
    padH: 0,
    padW: 0,
    gradient: true,
  };
}

/** Transforms the tiles of a part of the batch. Shape: x → [positions · groups, channels of a group, columns]. */
export function transformTiles(
  recorder: Recorder,
  what: string,
  { tile, side, tilesH, tilesW, tiles, columns, batches }: Tiling,
  { first }: ImageRange,
  x: Tensor,
  { channels, height, width, padH, padW, gradient }: TiledImages,
): Tensor {
  const groups = batches / (side * side);
  const transformed = recorder.empty([batches, channels / groups, columns]);
  const quads = columns / 4;
  const adjacent = tilesW % 4 === 0;
  const loaded = gradient ? tile : side;
  recorder.dispatch({
    label: `${what} winograd inputs ${formatShape(x.shape)}`,
    kernel: INPUTS.variant({
      VALUE: "vec4f",
      TILE: tile,
      SIDE: side,
      LOADED: loaded,
      GRADIENT: gradient,
      ADJACENT: adjacent,
      TILES_LOADED: adjacent ? 1 : 4,
      SPAN: adjacent ? 3 * tile + loaded : loaded,
    }),
    tensors: { x, transformed },
    uniforms: {
      quads,
      channels,
      first,
      in_h: height,
      in_w: width,
      tiles,
      tiles_h: tilesH,
      tiles_w: tilesW,
      pad_h: padH,
      pad_w: padW,
    },
    workgroups: workgroupsFor(channels * quads),
  });
  return transformed;
}
