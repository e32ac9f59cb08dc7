/**
 * Slopes of activations on the way back: whoever multiplies them, the gradients are the same.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import {
  type ActivationName,
  AveragePool2d,
  BatchNorm,
  Branches,
  type BufferSpec,
  Conv2d,
  type ConvolutionAlgorithm,
  Dense,
  Dropout,
  Flatten,
  GlobalAveragePool2d,
  type Gpu,
  type Layer,
  type LayerContext,
  type LayerOutput,
  LocalResponseNorm,
  MaxPool2d,
  Relu,
  Residual,
  SeparableConv2d,
  Sequential,
  Sgd,
  type Shape,
  Sigmoid,
  type Tensor,
} from "../mod.ts";
import { ACTIVATION_NAMES } from "../src/ops/activation_source.ts";
import { activationGradient } from "../src/ops/activations.ts";
import { Random } from "../src/random.ts";
import { sizeOf } from "../src/shape.ts";
import { openGpu } from "./gpu.ts";

/** A layer of somebody who has not heard of `activation`: it hands everything on, but not the slopes. */
class Plain implements Layer {
  readonly kind = "Plain";
  readonly name = undefined;
  outputShape(input: Shape): Shape {
    return input;
  }
  parameters(): [] {
    return [];
  }
  flops(): number {
    return 0;
  }
  forward(x: Parameters<Layer["forward"]>[0]): ReturnType<Layer["forward"]> {
    return { y: x, backward: (dy) => dy };
  }
  config(): Record<string, unknown> {
    return {};
  }
}

const INPUT: Shape = [2, 8, 8];

/** A layer that keeps the slopes to itself: it wants none from others, and multiplies its own with a kernel. */
class Apart implements Layer {
  readonly kind;
  readonly name = undefined;
  readonly branches;
  readonly #layer: Layer;
  constructor(layer: Layer) {
    this.#layer = layer;
    this.kind = layer.kind;
    this.branches = layer.branches ?? [];
  }
  outputShape(input: Shape): Shape {
    return this.#layer.outputShape(input);
  }
  parameters(input: Shape): ReturnType<Layer["parameters"]> {
    return this.#layer.parameters(input);
  }
  buffers(input: Shape): readonly BufferSpec[] {
    return this.#layer.buffers?.(input) ?? [];
  }
  flops(): number {
    return 0;
  }
  forward(x: Tensor, context: LayerContext): LayerOutput {
    const output = this.#layer.forward(x, { ...context, inputActivation: "linear" });
    const { y, activation = "linear" } = output;
    const { recorder } = context;
    return {
      y,
      backward: (dy) => output.backward(activationGradient(recorder, activation, y, dy)),
    };
  }
  config(): Record<string, unknown> {
    return this.#layer.config();
  }
}

const apart = (layers: readonly Layer[]): Layer[] => layers.map((layer) => new Apart(layer));

/** A network, and what is done to the lists of layers in it. */
type Network = (f: ActivationName, wrap: (layers: readonly Layer[]) => Layer[]) => Layer[];

const NETWORKS: Record<string, Network> = {
  "dense layers": (activation) => [
    new Flatten(),
    new Dense({ units: 12, activation }),
    new Dense({ units: 7, activation }),
    new Dense({ units: 3, activation }),
  ],
  "convolutions and pools": (activation) => [
    new Conv2d({ filters: 3, kernelSize: 3, padding: 1, activation }),
    new MaxPool2d({ poolSize: 2 }),
    new Conv2d({ filters: 4, kernelSize: 3, activation }),
    new MaxPool2d({ poolSize: 2 }),
    new Dense({ units: 5, activation }),
    new Dense({ units: 3 }),
  ],
  "strided convolutions, normalisation and average pools": (activation) => [
    new Conv2d({ filters: 4, kernelSize: 3, padding: 1, activation }),
    new LocalResponseNorm({ size: 3, alpha: 0.5 }),
    new AveragePool2d({ poolSize: 3, strides: 2, padding: 1 }),
    new Conv2d({ filters: 5, kernelSize: 3, strides: 2, padding: 1, activation }),
    new LocalResponseNorm({ size: 3, alpha: 0.5 }),
    new Conv2d({ filters: 5, kernelSize: 3, strides: 2, padding: 1, activation }),
    new AveragePool2d({ poolSize: 1 }),
    new GlobalAveragePool2d(),
    new Dense({ units: 3 }),
  ],
  "dropout behind activations": (activation) => [
    new Conv2d({ filters: 3, kernelSize: 3, activation }),
    new Dropout({ rate: 0.4 }),
    new MaxPool2d({ poolSize: 2 }),
    new Dropout({ rate: 0 }),
    new Flatten(),
    new Dense({ units: 6, activation }),
    new Dropout({ rate: 0.4 }),
    new Dense({ units: 3 }),
  ],
  "batch normalisation behind activations": (activation) => [
    new Conv2d({ filters: 3, kernelSize: 3, activation }),
    new BatchNorm(),
    new Conv2d({ filters: 4, kernelSize: 3, activation }),
    new BatchNorm(),
    new MaxPool2d({ poolSize: 2 }),
    new Dense({ units: 3 }),
  ],
  "branches that share an input": (activation, wrap) => [
    new Conv2d({ filters: 3, kernelSize: 3, activation }),
    new Branches([
      wrap([new Conv2d({ filters: 2, kernelSize: 3, padding: 1, activation })]),
      wrap([new AveragePool2d({ poolSize: 3, strides: 1, padding: 1 })]),
      [],
    ]),
    new Residual(wrap([new Conv2d({ filters: 8, kernelSize: 1, activation })]), { activation }),
    new SeparableConv2d({ filters: 4, kernelSize: 3, activation }),
    new Dense({ units: 3 }),
  ],
  "layers of activations": (activation) => [
    new Conv2d({ filters: 3, kernelSize: 3, activation }),
    new Relu(),
    new Sigmoid(),
    new Flatten(),
    new Dense({ units: 3, activation }),
    new Sigmoid(),
  ],
};

/** The gradients of all parameters after a step back, by place among those that have some. */
async function gradientsOf(
  gpu: Gpu,
  layers: Layer[],
  precision: "f32" | "mixed" = "f32",
): Promise<Float32Array[]> {
  using model = new Sequential(layers, { gpu, inputShape: INPUT, seed: 3 });
  const optimizer = new Sgd({ learningRate: 0.1 });
  model.compile({ loss: "meanSquaredError", optimizer, precision });
  const random = new Random(5);
  const draw = (shape: Shape) =>
    gpu.tensor(Float32Array.from({ length: sizeOf(shape) }, () => random.normal()), shape);
  using x = draw([6, ...INPUT]);
  using y = draw([6, 3]);
  model.forward(x);
  model.backward(y);
  return await Promise.all(model.parameters.map(({ gradient }) => gradient!.read()));
}

const asTheyAre = (layers: readonly Layer[]): Layer[] => [...layers];
/** Each layer followed by one that hands on everything but the slopes: then the stack multiplies. */
const spaced = (layers: readonly Layer[]): Layer[] =>
  layers.flatMap((layer) => [layer, new Plain()]);

for (const [name, layersOf] of Object.entries(NETWORKS)) {
  for (const f of ACTIVATION_NAMES) {
    Deno.test(`${name}, ${f}: the same gradients, whoever multiplies the slope`, async () => {
      const gpu = await openGpu();
      const fused = await gradientsOf(gpu, layersOf(f, asTheyAre));
      assertEquals(fused, await gradientsOf(gpu, apart(layersOf(f, apart))));
      const layers = layersOf(f, spaced);
      // More layers would draw other masks.
      if (!layers.some(({ kind }) => kind === "Dropout")) {
        assertEquals(fused, await gradientsOf(gpu, spaced(layers)));
      }
      if (f !== "step") assert(fused.every((gradient) => gradient.some((value) => value !== 0)));
    });
  }

  // The slope of relu is 0 or 1, so that it rounds nothing; others do.
  if (layersOf("relu", asTheyAre).some(({ kind }) => kind === "Sigmoid")) continue;
  Deno.test(`${name}, mixed precision: the same gradients, whoever multiplies the slope`, async () => {
    const gpu = await openGpu();
    const fused = await gradientsOf(gpu, layersOf("relu", asTheyAre), "mixed");
    assertEquals(fused, await gradientsOf(gpu, apart(layersOf("relu", apart)), "mixed"));
    assert(fused.every((gradient) => gradient.some((value) => value !== 0)));
  });
}

/** A network whose middle convolution is computed by an algorithm. */
function convolutions(algorithm: ConvolutionAlgorithm): Layer[] {
  return [
    new Conv2d({ filters: 3, kernelSize: 3, padding: 1, activation: "tanh" }),
    new Conv2d({ filters: 4, kernelSize: 3, activation: "relu", algorithm }),
    new Conv2d({ filters: 3, kernelSize: 3, activation: "relu", algorithm }),
    new Dense({ units: 3 }),
  ];
}

for (const algorithm of ["direct", "gemm", "im2col", "fft", "winograd"] as const) {
  Deno.test(`convolution by ${algorithm}: the same gradients, whoever multiplies the slope`, async () => {
    const gpu = await openGpu();
    const fused = await gradientsOf(gpu, convolutions(algorithm));
    assertEquals(fused, await gradientsOf(gpu, apart(convolutions(algorithm))));
  });
}
