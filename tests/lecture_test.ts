/**
 * What docs/lecture.md says of the lecture's slips: each claim that can be computed, with what is printed beside what is right.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { gaussianKernel } from "../src/filter_kernels.ts";
import { Program } from "../src/gpu/program.ts";
import { Conv2d } from "../src/layers/convolution.ts";
import { describeLayers } from "../src/layers/description.ts";
import { MaxPool2d } from "../src/layers/pooling.ts";
import { alexnetLayers } from "../src/models/alexnet.ts";
import { conv2d, convolutionPlan } from "../src/ops/convolution.ts";
import type { ConvolutionMethodName } from "../src/ops/convolution_plan.ts";
import { filter2d } from "../src/ops/filter2d.ts";
import {
  constantRate,
  cosineDecay,
  exponentialDecay,
  inverseTimeDecay,
  type Schedule,
  stepDecay,
} from "../src/optimizers/schedules.ts";
import { permute, Random } from "../src/random.ts";
import { convolution, convolutionWeightGradient } from "../src/reference/convolution.ts";
import { filter2d as referenceFilter } from "../src/reference/fourier.ts";
import { checkGradient } from "../src/reference/gradient_check.ts";
import { logisticRegression } from "../src/reference/logistic.ts";
import { type NdArray, ndArray } from "../src/reference/nd_array.ts";
import { maxPool } from "../src/reference/pooling.ts";
import { type Shape, sizeOf } from "../src/shape.ts";
import { cholesky, solveCholesky } from "../src/solvers/cholesky.ts";
import { smo } from "../src/solvers/smo.ts";
import { openGpu } from "./gpu.ts";
import { clouds, dot, kernelOf, rowsOf } from "./svm.ts";

/** Standard normal values. */
function normals(shape: Shape, seed: number): NdArray {
  const random = new Random(seed);
  return ndArray(shape, Array.from({ length: sizeOf(shape) }, () => random.normal()));
}

Deno.test("1: the gradient of logistic regression is Xᵀ(p − y); the printed one climbs", () => {
  const [n, d] = [40, 3];
  const { x, y: signs } = clouds({ samples: n, features: d, shift: 0.4, seed: 1 });
  const [rows, y] = [rowsOf(x, d), Array.from(signs, (sign) => (sign + 1) / 2)];
  const p = (beta: Float64Array) => rows.map((row) => 1 / (1 + Math.exp(-dot(row, beta))));
  const loss = (beta: Float64Array) =>
    -p(beta).reduce((sum, q, i) => sum + y[i]! * Math.log(q) + (1 - y[i]!) * Math.log(1 - q), 0);
  const right = (beta: Float64Array) => {
    const q = p(beta);
    return Float64Array.from(
      { length: d },
      (_, k) => rows.reduce((sum, row, i) => sum + row[k]! * (q[i]! - y[i]!), 0),
    );
  };
  const beta = Float64Array.of(0.3, -0.2, 0.1);
  const gradient = right(beta);
  assert(checkGradient(loss, beta, gradient) < 1e-9);
  assert(checkGradient(loss, beta, gradient.map((value) => -value)) > 0.5);

  // β ← β − α · gradient: with the right one every step descends, with the printed one every step climbs.
  const move = (from: Float64Array, rate: number) => {
    const slope = right(from);
    return from.map((value, k) => value - rate * slope[k]!);
  };
  let [down, up] = [beta, beta];
  for (let step = 0; step < 20; step++) {
    const [better, worse] = [move(down, 0.01), move(up, -0.01)];
    assert(loss(better) < loss(down) && loss(worse) > loss(up));
    [down, up] = [better, worse];
  }

  // Newton's step with both printed signs: −(−XᵀWX)⁻¹ Xᵀ(y − p) = −(XᵀWX)⁻¹ Xᵀ(p − y). It ends at the minimum.
  const samples = ndArray([n, d], x);
  let newton = beta;
  for (let step = 0; step < 8; step++) {
    const { hessian } = logisticRegression(samples, y, [...newton, 0], { outputs: 1 });
    const block = Float64Array.from(
      { length: d * d },
      (_, k) => n * hessian.data[Math.floor(k / d) * (d + 1) + k % d]!,
    );
    const change = solveCholesky(cholesky(block, d, 0)!, right(newton));
    newton = newton.map((value, k) => value - change[k]!);
  }
  assert(right(newton).every((value) => Math.abs(value) < 1e-10));
  assert(loss(newton) < loss(down));
});

Deno.test("2: the gradient to the weights is x ⋆ dy; dy ⋆ x is its mirror image", () => {
  const [x, w, dy] = [normals([1, 1, 6, 7], 1), normals([1, 1, 3, 2], 2), normals([1, 1, 4, 6], 3)];
  const loss = (data: Float64Array) => dot(dy.data, convolution(x, { ...w, data }).data);
  const right = convolution(x, dy);
  assertEquals(right.shape, w.shape);
  assert(checkGradient(loss, w.data, right.data) < 1e-9);
  const { dw } = convolutionWeightGradient(x, dy, { weightShape: w.shape });
  dw.data.forEach((value, i) => assertAlmostEquals(value, right.data[i]!, 1e-12));
  // All the places at which x lies on dy with the offsets of the filter's elements, in their order.
  const printed = convolution(dy, x, { padding: [2, 1] });
  assertEquals(printed.shape, w.shape);
  assert(checkGradient(loss, w.data, printed.data) > 0.1);
  printed.data.reverse();
  assert(checkGradient(loss, w.data, printed.data) < 1e-9);
});

Deno.test("3: the textbook's convolution flips the filter, layers do not", async () => {
  const impulse = ndArray([3, 3], [0, 0, 0, 0, 1, 0, 0, 0, 0]);
  const filter = ndArray([3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  // y[m, n] = Σ_i Σ_j x[i, j] h[m − i, n − j], with the middle of h at [0, 0]: the impulse becomes the filter itself.
  const textbook = impulse.data.map((_, at) => {
    const [m, n] = [Math.floor(at / 3), at % 3];
    return impulse.data.reduce((sum, value, k) => {
      const [row, column] = [m - Math.floor(k / 3) + 1, n - k % 3 + 1];
      const inside = row >= 0 && row < 3 && column >= 0 && column < 3;
      return inside ? sum + value * filter.data[3 * row + column]! : sum;
    }, 0);
  });
  assertEquals(textbook, filter.data);
  assertEquals(referenceFilter(impulse, filter, "convolution").data, textbook);
  const flipped = textbook.toReversed();
  assertEquals(referenceFilter(impulse, filter, "correlation").data, flipped);

  const gpu = await openGpu();
  using x = gpu.tensor(Float32Array.from(impulse.data), [1, 1, 3, 3]);
  using weight = gpu.tensor(Float32Array.from(filter.data), [1, 1, 3, 3]);
  using y = conv2d(gpu, x, weight, { padding: 1 });
  assertEquals(Float64Array.from(await y.read()), flipped);
});

Deno.test("4: convolution is equivariant to shifts; pooling adds the local invariance", () => {
  const filter = ndArray([1, 1, 3], [1, 3, 2]);
  const responses = (at: number) => {
    const x = ndArray([1, 1, 16], Array.from({ length: 16 }, (_, i) => i === at ? 1 : 0));
    return convolution(x, filter, { padding: 1 });
  };
  const pooled = (at: number) => maxPool(responses(at), { poolSize: 4, strides: 4 }).data;
  const first = responses(5).data;
  for (const shift of [1, 2, 5]) {
    const moved = Float64Array.from(first, (_, i) => first[i - shift] ?? 0);
    assertEquals(responses(5 + shift).data, moved);
    assertNotEquals(moved, first);
  }
  // One step inside a window of the pool changes nothing, one out of it does.
  assertEquals(pooled(6), pooled(5));
  assertNotEquals(pooled(9), pooled(5));
});

Deno.test("5, 6: AlexNet needs 227 × 227, and its filters count the same by both conventions", () => {
  const first = (size: number) => describeLayers(alexnetLayers(), [3, size, size])[0]!.output;
  assertEquals(first(227), [96, 55, 55]);
  assertEquals(first(224), [96, 54, 54]);
  const layers = describeLayers(alexnetLayers(), [3, 227, 227]);
  assertEquals(layers.reduce((sum, { parameters }) => sum + parameters, 0), 60_965_224);
  // The lecture's "4x4" is the stride of this layer, and the pools are 3 × 3 with stride 2.
  const conv = layers[0]!.layer as Conv2d;
  assertEquals(conv.parameters([3, 227, 227])[0]!.shape, [96, 3, 11, 11]);
  assertEquals(conv.options.strides, 4);
  const pools = layers.map(({ layer }) => layer).filter((layer) => layer instanceof MaxPool2d);
  assertEquals(pools.map(({ options }) => [options.poolSize, options.strides]), [[3, 2], [3, 2], [
    3,
    2,
  ]]);
  const weights = layers.filter(({ layer }) => layer instanceof Conv2d)
    .map(({ layer, input }) => sizeOf(layer.parameters(input)[0]!.shape));
  const printed = [[3, 96, 11], [96, 128, 5], [256, 384, 3], [384, 192, 3], [384, 128, 3]];
  assertEquals(weights, printed.map(([inputs, filters, side]) => inputs! * filters! * side! ** 2));
  assertEquals(weights.reduce((sum, count) => sum + count), 2_332_704);
});

Deno.test("7: the SVM's classifier needs y and the bias, and its objective is to be maximised", async () => {
  const kernel = { type: "rbf", gamma: 0.5 } as const;
  const { x, y, features } = clouds({ samples: 60, features: 2, shift: 1.2, seed: 1 });
  const svm = await smo({ x, y, features }, { kernel, c: 1, tolerance: 1e-9 });
  const rows = rowsOf(x, features);
  const k = rows.map((a) => rows.map((b) => kernelOf(kernel, a, b)));
  const beta = svm.alphas.map((alpha, i) => alpha * y[i]!);
  svm.decision(x).forEach((value, i) =>
    assertAlmostEquals(value, dot(beta, k[i]!) + svm.bias, 1e-12)
  );
  const share = (score: (i: number) => number) =>
    rows.filter((_, i) => score(i) * y[i]! > 0).length / rows.length;
  assert(share((i) => dot(beta, k[i]!) + svm.bias) > 0.9);
  // Without y all terms are positive, and so is every answer.
  assertEquals(share((i) => dot(svm.alphas, k[i]!)), 0.5);
  // Without the bias the boundary of a linear machine goes through the origin, here far from both points.
  const line = await smo({ x: [3, 5], y: [-1, 1], features: 1 }, {
    kernel: { type: "linear" },
    c: 10,
  });
  assertEquals([3, 5].map((z) => z * line.weights![0]! > 0), [true, true]);
  assertEquals(Array.from(line.decision([3, 5]), (value) => value > 0), [false, true]);

  const dual = (alphas: Float64Array) => {
    const signed = alphas.map((alpha, i) => alpha * y[i]!);
    return alphas.reduce((sum, alpha) => sum + alpha, 0) -
      k.reduce((sum, row, i) => sum + signed[i]! * dot(signed, row), 0) / 2;
  };
  assertAlmostEquals(dual(svm.alphas), svm.objective, 1e-9);
  const random = new Random(2);
  for (let trial = 0; trial < 20; trial++) {
    // The classes take turns and are as large, so equal values of neighbours keep Σ α y = 0.
    const pairs = Array.from({ length: 30 }, () => random.uniform());
    assert(dual(Float64Array.from(y, (_, i) => pairs[i >> 1]!)) < svm.objective);
  }
});

Deno.test("8: which schedules meet Σα = ∞ and Σα² < ∞, and what becomes of the others", () => {
  const known = (schedule: Schedule) => Object.values(schedule.robbinsMonro!);
  const [constant, exponential, inverse] = [
    constantRate(0.5),
    exponentialDecay({ rate: 0.5, steps: 2 }),
    inverseTimeDecay({ rate: 1, steps: 1 }),
  ];
  assertEquals(known(constant), [true, false]);
  assertEquals(known(exponential), [false, true]);
  assertEquals(known(stepDecay({ rate: 1, every: 10, factor: 0.5 })), [false, true]);
  assertEquals(known(cosineDecay({ rate: 1, steps: 10 })), [false, true]);
  assertEquals(known(inverse), [true, true]);

  // Descent on ½ (w − 10)² with noisy gradients: the root mean square of w − 10 in the last tenth of the steps.
  const error = (schedule: Schedule) => {
    const random = new Random(1);
    let [w, squares] = [0, 0];
    for (let step = 0; step < 20_000; step++) {
      w -= schedule(step) * (w - 10 + random.normal());
      if (step >= 18_000) squares += (w - 10) ** 2;
    }
    return Math.sqrt(squares / 2000);
  };
  // A constant rate hovers, with the variance α / (2 − α); a finite Σα stops at least 10 e^(−2 Σα) short; the third averages.
  assertAlmostEquals(error(constant), Math.sqrt(0.5 / 1.5), 0.1);
  assert(error(exponential) > 0.5);
  assert(error(inverse) < 0.05);
});

Deno.test("9: Pegasos on samples sorted by class, in the stored order and shuffled", () => {
  const [samples, features, lambda, epochs] = [1000, 5, 0.01, 5];
  const random = new Random(1);
  const y = Array.from({ length: samples }, (_, i) => i < samples / 2 ? 1 : -1);
  // Moved by 1 from the origin, as data that nobody has centred; the last feature is always 1, for the bias.
  const x = y.map((c) => [
    ...Array.from({ length: features }, () => random.normal() + 1 + 0.8 * c),
    1,
  ]);
  const descend = (shuffled: boolean, initial: number) => {
    let [w, t] = [new Array<number>(features + 1).fill(initial), 1];
    for (let epoch = 0; epoch < epochs; epoch++) {
      const key = random.word();
      for (let tau = 0; tau < y.length; tau++) {
        const i = shuffled ? permute(tau, y.length, key) : tau;
        const pull = y[i]! * dot(x[i]!, w) < 1 ? y[i]! / (lambda * t) : 0;
        w = w.map((value, k) => (1 - 1 / t) * value + pull * x[i]![k]!);
        t++;
      }
    }
    return w;
  };
  const right = (w: number[]) => x.filter((row, i) => y[i]! * dot(row, w) > 0).length / y.length;
  // The last class seen takes all.
  assert(Math.abs(right(descend(false, 0)) - 0.5) < 0.05);
  assert(right(descend(true, 0)) > 0.8);
  // The first step multiplies the initial weights by 1 − 1/1.
  assertEquals(descend(false, 7), descend(false, 1));
});

Deno.test("10: a separable filter costs M·N·(m + n) multiplications, not M·N·m·n", async () => {
  const gpu = await openGpu();
  const [height, width] = [20, 30];
  using image = gpu.zeros([height, width]);
  const flops = (kernel: number[][], separable: boolean) => {
    using program = Program.record(gpu.device, "filter", (recorder) => {
      filter2d(recorder, image, kernel, { separable, algorithm: "direct" });
    });
    return program.describe().reduce((sum, row) => sum + row.flops, 0);
  };
  const wide = [1, 2, 1].map((a) => [1, 2, 3, 4, 3, 2, 1].map((b) => a * b));
  // A multiplication comes with an addition.
  assertEquals(flops(wide, true), 2 * height * width * (3 + 7));
  assertEquals(flops(wide, false), 2 * height * width * (3 * 7));
  assertNotEquals(flops(wide, true), 2 * height * width * (2 * 3));
  assertEquals(flops(gaussianKernel(5, 1), true), 2 * height * width * (2 * 5));
});

Deno.test("11: of the ways to convolve, the direct one needs the least memory", async () => {
  const gpu = await openGpu();
  const bytes = (algorithm: ConvolutionMethodName) =>
    convolutionPlan(gpu, {
      pass: "forward",
      inputShape: [8, 64, 28, 28],
      weightShape: [64, 64, 5, 5],
      padding: 2,
      algorithm,
    }).workspaceBytes;
  const direct = bytes("direct");
  for (const other of ["gemm", "im2col", "fft"] as const) {
    assert(direct < bytes(other), `${other}: ${bytes(other)}, direct ${direct} bytes`);
  }
  // The matrix of windows holds every input about k² times.
  const input = 4 * 8 * 64 * 28 * 28;
  assert(bytes("im2col") >= 0.9 * 25 * input, `im2col: ${bytes("im2col")} bytes`);
});

Deno.test("docs/lecture.md: every link leads to a file, and the names it links are in it", async () => {
  const page = new URL("../docs/lecture.md", import.meta.url);
  const text = await Deno.readTextFile(page);
  const links = [...text.matchAll(/\[([^\]]+)\]\(([^)#]+)\)/g)];
  assert(links.length > 80, `only ${links.length} links`);
  for (const [link, name, path] of links) {
    const target = new URL(path!, page);
    if ((await Deno.stat(target)).isDirectory) continue;
    const source = await Deno.readTextFile(target);
    for (const [, word] of name!.matchAll(/`(\w+)`/g)) {
      assert(new RegExp(`\\b${word}\\b`).test(source), link);
    }
  }
});
