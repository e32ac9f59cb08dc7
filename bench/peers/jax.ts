/**
 * jax-js as a worker of `deno task bench:peers`; its argument is the device, `webgpu` or `wasm`.
 *
 * Its arrays are freed when they are used, unless it is by `ref`. It is lazy: a result that is freed before somebody waits for it
 * is never computed, so the results of a batch are kept until the end.
 *
 * @module
 */

import type { Shape } from "../../src/shape.ts";
import { type PreparedWork, serve } from "./worker.ts";
import {
  type ConvolutionWork,
  type MatmulWork,
  stepFloats,
  stepLayers,
  type StepWork,
  transposed,
  workInputs,
} from "./works.ts";

/** An array. */
interface JaxArray {
  readonly ref: JaxArray;
  reshape(shape: Shape): JaxArray;
  add(other: JaxArray): JaxArray;
  sub(other: JaxArray): JaxArray;
  mul(other: JaxArray | number): JaxArray;
  sum(): JaxArray;
  data(): Promise<Float32Array>;
  dispose(): void;
}

type Pads = readonly (readonly [number, number])[];

/** What is used of the library. */
interface Jax {
  init(): Promise<string[]>;
  defaultDevice(device: string): void;
  jit<F>(compute: F): F;
  grad<A extends unknown[]>(f: (...args: A) => JaxArray): (...args: A) => JaxArray;
  valueAndGrad(
    f: (parameters: JaxArray[]) => JaxArray,
  ): (parameters: JaxArray[]) => [JaxArray, JaxArray[]];
  blockUntilReady(arrays: JaxArray[]): Promise<unknown>;
  readonly numpy: {
    array(values: Float32Array): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
    max(x: JaxArray): JaxArray;
  };
  readonly lax: {
    convGeneralDilated(x: JaxArray, w: JaxArray, strides: number[], pads: Pads): JaxArray;
    reduceWindow(
      x: JaxArray,
      reduce: (x: JaxArray) => JaxArray,
      window: number[],
      strides: number[],
    ): JaxArray;
  };
  readonly nn: {
    relu(x: JaxArray): JaxArray;
    logSoftmax(x: JaxArray, axis: number): JaxArray;
  };
}

// A name that the type checker does not look up: the package is there in this task alone.
const PACKAGE = "@jax-js/jax" as string;
const jax: Jax = await import(PACKAGE);
const { numpy: np, lax, nn } = jax;
const device = Deno.args[0]!;
const devices = await jax.init();
if (!devices.includes(device)) throw new Error(`jax-js: expected ${devices}, got ${device}`);
jax.defaultDevice(device);

function array(values: Float32Array, shape: Shape): JaxArray {
  return np.array(values).reshape(shape);
}

/** Repeats a computation, of which the last result is kept. */
function repeated(compute: () => JaxArray, inputs: readonly JaxArray[]): PreparedWork {
  let last: JaxArray | undefined;
  return {
    run: async (repetitions) => {
      const results: JaxArray[] = [];
      for (let repetition = 0; repetition < repetitions; repetition++) {
        results.push(compute());
        // On the CPU nothing is gained by waiting for all at once.
        if (device === "wasm") await jax.blockUntilReady(results.slice(-1));
      }
      await jax.blockUntilReady(results);
      last?.dispose();
      last = results.pop();
      for (const result of results) result.dispose();
    },
    result: async () => await last!.ref.data(),
    dispose: () => {
      last?.dispose();
      for (const input of inputs) input.dispose();
    },
  };
}

function prepareMatmul(work: MatmulWork): PreparedWork {
  const { shapes, values } = workInputs(work);
  const [a, b] = [array(values[0], shapes[0]), array(values[1], shapes[1])];
  const product = jax.jit((a: JaxArray, b: JaxArray) => np.matmul(a, b));
  return repeated(() => product(a.ref, b.ref), [a, b]);
}

/** Gradients are those of ⟨conv(x, w), dy⟩; inside `jit` the forward pass, which they do not need, is left out. */
function prepareConvolution(work: ConvolutionWork): PreparedWork {
  const { strides = 1, padding = 0, inputShape, filters, kernelSize } = work.size;
  const { shapes, values } = workInputs(work);
  const [a, b] = [array(values[0], shapes[0]), array(values[1], shapes[1])];
  const pads: Pads = [[padding, padding], [padding, padding]];
  const convolve = (x: JaxArray, w: JaxArray) =>
    lax.convGeneralDilated(x, w, [strides, strides], pads);
  if (work.pass === "forward") {
    const forward = jax.jit(convolve);
    return repeated(() => forward(a.ref, b.ref), [a, b]);
  }
  // The gradient does not depend on where it is taken: the pass is linear.
  const isInput = work.pass === "inputGradient";
  const shape = isInput ? inputShape : [filters, inputShape[1], kernelSize, kernelSize];
  const length = shape.reduce((product, size) => product * size, 1);
  const at = array(new Float32Array(length), shape);
  const gradient = jax.jit((at: JaxArray, a: JaxArray, b: JaxArray) =>
    jax.grad((at: JaxArray) =>
      isInput ? convolve(at, b).mul(a).sum() : convolve(a, at).mul(b).sum()
    )(at)
  );
  return repeated(() => gradient(at.ref, a.ref, b.ref), [at, a, b]);
}

function prepareStep(work: StepWork): PreparedWork {
  const { filters, batch, learningRate } = work;
  const floats = stepFloats(work);
  const x = array(floats.x, filters.length === 0 ? [batch, 784] : [batch, 1, 28, 28]);
  const y = array(floats.y, [batch, 10]);
  const layers = stepLayers(work);
  let parameters = layers.flatMap(({ kind, weightShape, weights }) => {
    const [outputs, inputs] = weightShape as [number, number];
    const bias = new Float32Array(outputs);
    return kind === "convolution"
      ? [array(weights(), weightShape), array(bias, [outputs, 1, 1])]
      : [
        array(transposed(weights(), weightShape, [1, 0]), [inputs, outputs]),
        array(bias, [outputs]),
      ];
  });
  const pool = (h: JaxArray) => lax.reduceWindow(h, (window) => np.max(window), [2, 2], [2, 2]);
  const cost = (parameters: JaxArray[], x: JaxArray, y: JaxArray) => {
    let h = x;
    layers.forEach(({ kind, weightShape }, i) => {
      const [weight, bias] = [parameters[2 * i]!, parameters[2 * i + 1]!];
      if (kind === "convolution") {
        h = lax.convGeneralDilated(h, weight, [1, 1], [[2, 2], [2, 2]]).add(bias);
        h = pool(nn.relu(h));
      } else {
        h = np.matmul(h.reshape([batch, weightShape[1]!]), weight).add(bias);
        if (i < layers.length - 1) h = nn.relu(h);
      }
    });
    return nn.logSoftmax(h, -1).mul(y).sum().mul(-1 / batch);
  };
  const step = jax.jit(
    (parameters: JaxArray[], x: JaxArray, y: JaxArray): [JaxArray, JaxArray[]] => {
      const [loss, gradients] = jax.valueAndGrad((parameters) => cost(parameters, x, y))(
        parameters.map((parameter) => parameter.ref),
      );
      return [
        loss,
        parameters.map((parameter, i) => parameter.sub(gradients[i]!.mul(learningRate))),
      ];
    },
  );
  let loss: JaxArray | undefined;
  return {
    run: async (repetitions) => {
      for (let repetition = 0; repetition < repetitions; repetition++) {
        loss?.dispose();
        [loss, parameters] = step(parameters, x.ref, y.ref);
      }
      await jax.blockUntilReady([loss!, ...parameters]);
    },
    result: async () => await loss!.ref.data(),
    dispose: () => {
      for (const each of [x, y, ...parameters, ...(loss === undefined ? [] : [loss])]) {
        each.dispose();
      }
    },
  };
}

await serve((work) => {
  if (work.kind === "matmul") return prepareMatmul(work);
  return work.kind === "convolution" ? prepareConvolution(work) : prepareStep(work);
});
