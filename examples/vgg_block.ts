/**
 * VGG's idea: three convolutions of 3×3 instead of one of 7×7. They see as much of the image, with fewer weights and more
 * rectifiers.
 *
 *     deno run --allow-read examples/vgg_block.ts
 *
 * @module
 */

import {
  Conv2d,
  describeLayers,
  formatTable,
  Gpu,
  type Layer,
  Random,
  Sequential,
  vggBlock,
} from "../mod.ts";

const CHANNELS = 32;
const INPUT = [CHANNELS, 56, 56];
const IMAGES = 4;

/** The best of several measurements, in milliseconds for an image. */
async function timeOf(model: Sequential, images: Float32Array): Promise<number> {
  let best = Infinity;
  for (let i = 0; i < 6; i++) { // the first run compiles the kernels
    const start = performance.now();
    await model.predict(images, { batchSize: IMAGES });
    best = Math.min(best, performance.now() - start);
  }
  return best / IMAGES;
}

await using gpu = await Gpu.open();
const random = new Random(1);
const images = Float32Array.from({ length: IMAGES * CHANNELS * 56 * 56 }, () => random.normal());

const rivals: Record<string, Layer[]> = {
  "one of 7×7": [new Conv2d({ filters: CHANNELS, kernelSize: 7, padding: 3, activation: "relu" })],
  "three of 3×3": vggBlock({ filters: CHANNELS, convolutions: 3, pool: false }),
};
const rows = [];
for (const [name, layers] of Object.entries(rivals)) {
  const described = describeLayers(layers, INPUT);
  const total = (of: "parameters" | "flops") => described.reduce((sum, each) => sum + each[of], 0);
  const { field } = described.at(-1)!;
  using model = new Sequential(layers, { gpu, inputShape: INPUT });
  rows.push([
    name,
    typeof field === "object" ? field.size.join("×") : "everything",
    total("parameters"),
    `${(total("flops") / 1e6).toFixed(0)}`,
    `${(await timeOf(model, images)).toFixed(1)}`,
  ]);
}
console.log(`${CHANNELS} channels of 56×56, before and after; ${gpu.adapter.name}\n`);
console.log(formatTable(rows, [
  { heading: "Convolutions" },
  { heading: "Receptive field" },
  { heading: "Parameters", align: "right" },
  { heading: "MFLOP/image", align: "right" },
  { heading: "ms/image", align: "right" },
]));
