/**
 * Layers that contain others, and layers of several operations: outputs, gradients of all parameters and of the input, against
 * float64.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import {
  AveragePool2d,
  Branches,
  Conv1d,
  Conv2d,
  DepthwiseConv2d,
  Embedding,
  type Gpu,
  type Layer,
  type Recorder,
  Residual,
  Scalar,
  SeparableConv2d,
  type Shape,
  type Tensor,
} from "../mod.ts";
import { activationGradient } from "../src/ops/activations.ts";
import { Random } from "../src/random.ts";
import { mapValues, type NdArray, ndArray } from "../src/reference/nd_array.ts";
import { sizeOf } from "../src/shape.ts";
import { assertBackward } from "./check_backward.ts";
import { openGpu, withSeed } from "./gpu.ts";
import { compare } from "./oracle.ts";
import { ReferenceLayers } from "./reference_layers.ts";

/** Images [6, 7, 5]; 1×1 convolutions make the channels few. */
const IMAGE: Shape = [6, 7, 5];
const conv = (filters: number, kernelSize: number, rest = {}) =>
  new Conv2d({ filters, kernelSize, padding: (kernelSize - 1) / 2, ...rest });
const pool = () => new AveragePool2d({ poolSize: 3, strides: 1, padding: 1 });

const LAYERS: Record<string, { layer: Layer; input: Shape; vocabulary?: number }> = {
  "Branches, as in Inception": {
    input: IMAGE,
    layer: new Branches([
      [conv(2, 1)],
      [conv(3, 1), conv(4, 3)],
      [conv(1, 1), conv(3, 5, { useBias: false })],
      [pool(), conv(5, 1)],
    ]),
  },
  "Branches, one empty, one without parameters": {
    input: IMAGE,
    layer: new Branches([[], [conv(2, 3)], [pool()]]),
  },
  "Branches in branches": {
    input: IMAGE,
    layer: new Branches([[new Branches([[conv(2, 1)], [pool(), conv(1, 3)]])], [conv(3, 1)]]),
  },
  "Residual, around nothing": { input: IMAGE, layer: new Residual([conv(4, 3), conv(6, 3)]) },
  "Residual, relu, with a shortcut": {
    input: [3, 5, 5],
    layer: new Residual([conv(2, 3, { strides: 2 }), conv(2, 3)], {
      shortcut: [conv(2, 1, { strides: 2 })],
      activation: "relu",
    }),
  },
  "Branches, slopes that others multiply": {
    input: [3, 5, 5],
    layer: new Branches([
      [conv(2, 3, { activation: "relu" }), conv(2, 3, { activation: "relu" }), pool()],
      [new Residual([conv(3, 1)], { activation: "relu" }), conv(2, 3)],
      [conv(2, 3, { activation: "relu" }), new Branches([[conv(2, 1)], [conv(1, 3)]])],
    ]),
  },
  "DepthwiseConv2d": {
    input: IMAGE,
    layer: new DepthwiseConv2d({ kernelSize: 3, strides: 2, padding: "same" }),
  },
  "DepthwiseConv2d, several filters a channel": {
    input: IMAGE,
    layer: new DepthwiseConv2d({
      kernelSize: [3, 2],
      depthMultiplier: 3,
      dilation: 2,
      useBias: false,
    }),
  },
  "SeparableConv2d": {
    input: IMAGE,
    layer: new SeparableConv2d({ filters: 5, kernelSize: 3, padding: 1, depthMultiplier: 2 }),
  },
  "Embedding, then Conv1d, in branches": {
    input: [11],
    vocabulary: 4,
    layer: new Branches([
      [new Embedding({ vocabulary: 4, dimension: 3 }), new Conv1d({ filters: 2, kernelSize: 3 })],
      [new Embedding({ vocabulary: 4, dimension: 2 }), new Conv1d({ filters: 3, kernelSize: 3 })],
    ]),
  },
};

const BATCH = 3;

/** Float32 numbers of deviation 1, as float64. */
const draw = (shape: Shape, random: Random): NdArray =>
  ndArray(shape, Float32Array.from({ length: sizeOf(shape) }, () => random.normal()));

/** What the GPU computes: y, dx if it is wanted, and the gradients by name. */
async function runOnGpu(
  gpu: Gpu,
  layer: Layer,
  x: NdArray,
  dy: NdArray,
  parameters: ReadonlyMap<string, NdArray>,
  inputGradient: boolean,
  recorder: Recorder = gpu,
): Promise<Map<string, Float32Array>> {
  const upload = ({ shape, data }: NdArray) => gpu.tensor(Float32Array.from(data), shape);
  const values = Object.fromEntries([...parameters].map(([name, array]) => [name, upload(array)]));
  // NaN, so that a gradient that is not assigned is noticed.
  const gradients = Object.fromEntries(
    [...parameters].map(([name, array]) => [name, upload(mapValues(array, () => NaN))]),
  );
  const { y, activation = "linear", backward } = layer.forward(upload(x), {
    recorder,
    parameters: values,
    gradients,
    buffers: {},
    activationType: "f32",
    afterForward: () => {},
    training: true,
    inputGradient,
    inputActivation: "linear",
    random: { seed: 0, stream: 0, counter: new Scalar(0) },
  });
  const dx = backward(activationGradient(recorder, activation, y, upload(dy)));
  assertEquals(dx !== undefined, inputGradient, "dx only if it is wanted");
  const all: [string, Tensor][] = [["y", y], ...Object.entries(gradients)];
  if (dx !== undefined) all.push(["dx", dx]);
  return new Map(await Promise.all(all.map(async ([name, t]) => [name, await t.read()] as const)));
}

for (const [name, { layer, input, vocabulary }] of Object.entries(LAYERS)) {
  Deno.test(`${name}: output and gradients agree with float64`, () =>
    withSeed(async (seed) => {
      const gpu = await openGpu();
      const random = new Random(seed >>> 0);
      const [xShape, yShape] = [input, layer.outputShape(input)].map((shape) => [BATCH, ...shape]);
      const take = (array: NdArray, absolute: boolean) =>
        absolute ? mapValues(array, Math.abs) : array;
      for (;;) {
        const parameters = new Map(
          layer.parameters(input).map((spec) => [spec.name, draw(spec.shape, random)]),
        );
        const x = vocabulary === undefined
          ? draw(xShape!, random)
          : mapValues(draw(xShape!, random), () => random.integer(vocabulary));
        const dy = draw(yShape!, random);
        const run = (absolute: boolean) => {
          const layers = new ReferenceLayers(parameters, absolute);
          const { y, backward } = layers.run(layer, take(x, absolute));
          const dx = backward(take(dy, absolute));
          return { layers, results: new Map([["y", y], ["dx", dx], ...layers.gradients]) };
        };
        const [exact, magnitude] = [run(false), run(true)];
        const unit = exact.layers.roundings * 2 ** -24;
        // Rounding must not decide on which side of its kink a relu is: else draw again.
        const { kinks } = exact.layers;
        if (kinks.some((z, i) => Math.abs(z) <= unit * magnitude.layers.kinks[i]!)) continue;
        const inputGradient = vocabulary === undefined;
        const actual = await runOnGpu(gpu, layer, x, dy, parameters, inputGradient);
        const names = ["y", ...(inputGradient ? ["dx"] : []), ...parameters.keys()];
        assertEquals([...actual.keys()].sort(), names.sort());
        for (const [each, values] of actual) {
          const { shape, data } = exact.results.get(each)!;
          const bounds = magnitude.results.get(each)!.data.map((value) => unit * value);
          assertEquals(compare(values, { shape, values: data, bounds }), undefined, each);
        }
        return;
      }
    }));

  if (vocabulary !== undefined) continue;
  Deno.test(`${name}: the reference agrees with central differences`, () => {
    const random = new Random(5);
    const small = [input[0]!, ...input.slice(1).map((size) => Math.min(size, 5))];
    const parameters = new Map(
      layer.parameters(small).map((spec) => [spec.name, draw(spec.shape, random)]),
    );
    const x = draw([1, ...small], random);
    const forward = (values: NdArray) =>
      new ReferenceLayers(parameters, false).run(layer, values).y;
    const dy = draw(forward(x).shape, random);
    const dx = new ReferenceLayers(parameters, false).run(layer, x).backward(dy);
    assertBackward(name, forward, x, dy, dx);
  });
}

Deno.test("without a wanted input gradient, nothing is recorded before the first layer that learns", async () => {
  const gpu = await openGpu();
  const branches = new Branches([[pool(), conv(2, 1)], [pool()]]);
  const parameters = new Map(
    branches.parameters(IMAGE).map((spec) => [spec.name, draw(spec.shape, new Random(1))]),
  );
  const [x, dy] = [draw([2, ...IMAGE], new Random(2)), draw([2, 8, 7, 5], new Random(3))];
  const run = async (wanted: boolean) => {
    const labels: string[] = [];
    const recorder: Recorder = {
      device: gpu.device,
      recording: false,
      empty: (shape, type) => gpu.empty(shape, type),
      release: (tensor) => gpu.release(tensor),
      dispatch: (dispatch) => {
        labels.push(dispatch.label);
        gpu.dispatch(dispatch);
      },
    };
    const results = await runOnGpu(gpu, branches, x, dy, parameters, wanted, recorder);
    return { results, pools: labels.filter((label) => label.startsWith("average pool gradient")) };
  };
  const [wanted, unwanted] = [await run(true), await run(false)];
  assertEquals([wanted.pools.length, unwanted.pools.length], [2, 0]);
  for (const each of ["y", "0.1.weight", "0.1.bias"]) {
    assertEquals(unwanted.results.get(each), wanted.results.get(each));
  }
});
