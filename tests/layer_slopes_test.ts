/**
 * Slopes of activations on the way back: whoever multiplies them, the gradients are the same.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import {
  type ActivationName,
  Conv2d,
  Dense,
  Flatten,
  type Gpu,
  type Layer,
  MaxPool2d,
  Relu,
  Sequential,
  Sgd,
  type Shape,
  Sigmoid,
} from "../mod.ts";
import { ACTIVATION_NAMES } from "../src/ops/activation_source.ts";
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

const NETWORKS: Record<string, (f: ActivationName) => Layer[]> = {
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
async function gradientsOf(gpu: Gpu, layers: Layer[]): Promise<Float32Array[]> {
  using model = new Sequential(layers, { gpu, inputShape: INPUT, seed: 3 });
  model.compile({ loss: "meanSquaredError", optimizer: new Sgd({ learningRate: 0.1 }) });
  const random = new Random(5);
  const draw = (shape: Shape) =>
    gpu.tensor(Float32Array.from({ length: sizeOf(shape) }, () => random.normal()), shape);
  using x = draw([6, ...INPUT]);
  using y = draw([6, 3]);
  model.forward(x);
  model.backward(y);
  return await Promise.all(model.parameters.map(({ gradient }) => gradient!.read()));
}

for (const [name, layersOf] of Object.entries(NETWORKS)) {
  for (const f of ACTIVATION_NAMES) {
    Deno.test(`${name}, ${f}: the same gradients, whoever multiplies the slope`, async () => {
      const gpu = await openGpu();
      const fused = await gradientsOf(gpu, layersOf(f));
      const separate = await gradientsOf(gpu, layersOf(f).flatMap((layer) => [layer, new Plain()]));
      assertEquals(fused, separate);
      if (f !== "step") assert(fused.every((gradient) => gradient.some((value) => value !== 0)));
    });
  }
}
