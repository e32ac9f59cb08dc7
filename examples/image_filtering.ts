/**
 * Filters of image processing on the GPU: Gaussian smoothing, the two Sobel filters, and the strength of edges.
 *
 *     deno task example examples/image_filtering.ts [image.png or .ppm] [folder for the results]
 *
 * Without an image it draws one. The results are PNG files.
 */

import {
  filter2d,
  gaussianKernel,
  Gpu,
  type Image,
  loadImage,
  saveImage,
  sobelKernel,
  type Tensor,
} from "../mod.ts";

const [path, folder = "runs/image_filtering"] = Deno.args;
const image = path === undefined ? drawPicture(256) : await loadImage(path);
const [height, width] = [image.shape[1], image.shape[2]];

// All filters see the brightness. Border pixels are repeated outside, so that the border itself is no edge.
const MARGIN = 8;
const gray = brightness(image);
const [paddedHeight, paddedWidth] = [height + 2 * MARGIN, width + 2 * MARGIN];
const padded = Float32Array.from({ length: paddedHeight * paddedWidth }, (_, i) => {
  const row = clamp(Math.floor(i / paddedWidth) - MARGIN, height - 1);
  return gray[row * width + clamp(i % paddedWidth - MARGIN, width - 1)]!;
});

await using gpu = await Gpu.open();
using x = gpu.tensor(padded, [paddedHeight, paddedWidth]);
using smooth = filter2d(gpu, x, gaussianKernel(13, 2)); // by a column and a row: the Gaussian is separable
using across = filter2d(gpu, x, sobelKernel("x")); // strong at vertical edges
using down = filter2d(gpu, x, sobelKernel("y")); // strong at horizontal edges

const [smoothed, gx, gy] = await Promise.all([smooth, across, down].map(inner));
const magnitude = gx!.map((value, i) => Math.hypot(value, gy![i]!));

await Deno.mkdir(folder, { recursive: true });
if (path === undefined) await saveImage(`${folder}/picture.png`, image);
await save("gray", gray);
await save("smooth", smoothed!);
// The Sobel filters answer a step from black to white with ±4; gray is 0.
await save("sobel_x", gx!.map((value) => 0.5 + value / 8));
await save("sobel_y", gy!.map((value) => 0.5 + value / 8));
await save("edges", magnitude.map((value) => value / 4));

/** Reads a result without its margin. */
async function inner(tensor: Tensor): Promise<Float32Array> {
  const values = await tensor.read();
  return Float32Array.from({ length: height * width }, (_, i) => {
    return values[(Math.floor(i / width) + MARGIN) * paddedWidth + i % width + MARGIN]!;
  });
}

async function save(name: string, data: Float32Array): Promise<void> {
  const file = `${folder}/${name}.png`;
  await saveImage(file, { shape: [1, height, width], data });
  const [low, high] = [
    data.reduce((a, b) => Math.min(a, b)),
    data.reduce((a, b) => Math.max(a, b)),
  ];
  console.log(`${file}  ${width} × ${height}, ${low.toFixed(3)} … ${high.toFixed(3)}`);
}

/** Luma of red, green and blue (ITU-R BT.601), 0 … 1; gray stays. Alpha is left out. */
function brightness({ shape: [channels], data }: Image): Float32Array {
  const plane = height * width;
  const weights = channels < 3 ? [1] : [0.299, 0.587, 0.114];
  return Float32Array.from(
    { length: plane },
    (_, i) => weights.reduce((sum, weight, c) => sum + weight * data[c * plane + i]! / 255, 0),
  );
}

/** A disc, a ring, a slanted square and a gradient, all in colour, with soft edges. */
function drawPicture(size: number): Image {
  const data = new Uint8Array(3 * size * size);
  // How far a point is inside a shape whose edge is one pixel wide: 0 … 1.
  const inside = (distance: number) => Math.min(Math.max(0.5 - distance * size, 0), 1);
  for (let i = 0; i < size * size; i++) {
    const [u, v] = [(i % size + 0.5) / size, (Math.floor(i / size) + 0.5) / size];
    const disc = inside(Math.hypot(u - 0.3, v - 0.32) - 0.18);
    const ring = inside(Math.abs(Math.hypot(u - 0.7, v - 0.35) - 0.17) - 0.035);
    const square = inside(Math.abs(u - 0.4 + 0.3 * (v - 0.74)) + Math.abs(v - 0.74) - 0.2);
    const bars = v > 0.6 && u > 0.65 && Math.floor(24 * u) % 2 === 0 ? 1 : 0;
    const ground = 0.15 + 0.25 * v;
    const colour = [
      ground + 0.75 * disc + 0.2 * ring + 0.1 * square + 0.4 * bars,
      ground + 0.45 * disc + 0.6 * ring + 0.25 * square + 0.4 * bars,
      ground + 0.1 * disc + 0.55 * ring + 0.6 * square + 0.4 * bars,
    ];
    colour.forEach((value, c) =>
      data[c * size * size + i] = Math.min(255, Math.round(255 * value))
    );
  }
  return { shape: [3, size, size], data };
}

function clamp(value: number, max: number): number {
  return Math.min(Math.max(value, 0), max);
}
