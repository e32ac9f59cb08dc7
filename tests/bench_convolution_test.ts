/**
 * The benchmarks of convolution: that every algorithm computes what is asked, that the error column is right, and what
 * the comparison of the ways says. Nothing here looks at the clock.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { convolutionElement, sampledError } from "../bench/convolution_samples.ts";
import {
  type ConvolutionSize,
  type ConvolutionWorkload,
  convolutionWorkloads,
} from "../bench/convolution_workloads.ts";
import { formatBytes } from "../bench/format.ts";
import { normals } from "../bench/inputs.ts";
import { measureWays, parseWaysOptions } from "../bench/three_ways.ts";
import { describeWays, formatWays, type WayRow } from "../bench/three_ways_text.ts";
import { resolveConvolution } from "../src/convolution_shape.ts";
import type { ConvolutionPass } from "../src/ops/convolution_method.ts";
import { CONVOLUTION_ALGORITHMS } from "../src/ops/convolution_plan.ts";
import {
  convolution,
  convolutionInputGradient,
  convolutionInputGradientMagnitude,
  convolutionMagnitude,
  convolutionWeightGradient,
  convolutionWeightGradientMagnitude,
} from "../src/reference/convolution.ts";
import type { NdArray } from "../src/reference/nd_array.ts";
import { type Shape, sizeOf } from "../src/shape.ts";
import { openGpu } from "./gpu.ts";

const PASSES: readonly ConvolutionPass[] = ["forward", "inputGradient", "weightGradient"];

/** Small enough for all results to be looked at. */
const SIZES: readonly ConvolutionSize[] = [
  { inputShape: [2, 3, 6, 7], filters: 4, kernelSize: 3, padding: 1 },
  { inputShape: [2, 4, 9, 8], filters: 6, kernelSize: 3, strides: 2, groups: 2 },
  { inputShape: [1, 2, 8, 9], filters: 3, kernelSize: 5, padding: "same" },
];

/** The three passes by the reference, on the inputs of the workloads. */
function referencePass(size: ConvolutionSize, pass: ConvolutionPass) {
  const { inputShape, filters, kernelSize, strides = 1, padding = 0, groups = 1 } = size;
  const options = { strides, padding, groups };
  const weightShape = [filters, inputShape[1] / groups, kernelSize, kernelSize];
  const geometry = resolveConvolution(inputShape.slice(1), weightShape, options);
  const outputShape = [inputShape[0], filters, ...geometry.output];
  const input = (shape: Shape, seed: number): NdArray => ({
    shape,
    data: Float64Array.from(normals(sizeOf(shape), seed)),
  });
  const shapes = {
    forward: [inputShape, weightShape] as const,
    inputGradient: [outputShape, weightShape] as const,
    weightGradient: [inputShape, outputShape] as const,
  }[pass];
  const [a, b] = [input(shapes[0], 1), input(shapes[1], 2)];
  const compute = {
    forward: () => [convolution(a, b, options), convolutionMagnitude(a, b, options)] as const,
    inputGradient: () => {
      const all = { ...options, inputShape };
      return [
        convolutionInputGradient(a, b, all),
        convolutionInputGradientMagnitude(a, b, all),
      ] as const;
    },
    weightGradient: () => {
      const all = { ...options, weightShape };
      return [
        convolutionWeightGradient(a, b, all).dw,
        convolutionWeightGradientMagnitude(a, b, all).dw,
      ] as const;
    },
  };
  const [expected, magnitude] = compute[pass]();
  const terms = {
    forward: sizeOf(weightShape) / filters,
    inputGradient: sizeOf(weightShape) / weightShape[1]! / groups,
    weightGradient: inputShape[0] * sizeOf(geometry.output),
  }[pass];
  return { geometry, images: inputShape[0], a, b, expected, magnitude, terms };
}

/**
 * Algorithms that do more than to sum products: by how much the products of their transforms may exceed terms · max|a| · max|b|,
 * and how many roundings there are on the longest path besides one for each term.
 *
 * - Winograd in two dimensions: the largest row sums of |Aᵀ|, |G| and |Bᵀ|, squared: (3 · 1.5 · 2)² and (19 · 1 · 10)²
 * - FFT: ‖a‖ · ‖b‖ over tiles with N = 32 elements along an edge at most, where Σ|a||b| has at least one; the transforms
 *   have 10 levels of butterflies each, of 6 roundings at most
 */
const TRANSFORMS: Readonly<Record<string, { growth: number; roundings: number }>> = {
  "winograd 2": { growth: 81, roundings: 40 },
  "winograd 4": { growth: 36_100, roundings: 60 },
  fft: { growth: 32, roundings: 200 },
};

/** How large the error column of a workload may be. */
function errorBound(
  algorithm: string,
  { a, b, expected, magnitude, terms }: ReturnType<typeof referencePass>,
): number {
  const largest = (data: Iterable<number>) => Math.max(...Array.from(data, Math.abs));
  const rms = Math.sqrt(expected.data.reduce((sum, v) => sum + v * v, 0) / expected.data.length);
  const transform = TRANSFORMS[algorithm];
  const bound = transform === undefined
    ? (terms + 4) * largest(magnitude.data)
    : (terms + transform.roundings) * transform.growth * terms * largest(a.data) * largest(b.data);
  return bound * 2 ** -24 / rms;
}

Deno.test("bench convolution: every algorithm that applies, its error below its bound", async (t) => {
  const gpu = await openGpu();
  const seen = new Set<string>();
  for (const size of SIZES) {
    for (const pass of PASSES) {
      const reference = referencePass(size, pass);
      const workloads = convolutionWorkloads(gpu, size, [pass]);
      assertEquals(workloads.slice(0, 2).map(({ choice }) => choice), ["auto", "direct"]);
      assertEquals(workloads.map(({ askedBy }) => askedBy === undefined).indexOf(true), 0);
      for (const workload of workloads) {
        seen.add(workload.plan.algorithm);
        await t.step(workload.name, () => runsWithin(workload, reference));
      }
    }
  }
  assertEquals(new Set(["auto", ...seen]), new Set(CONVOLUTION_ALGORITHMS));

  async function runsWithin(
    workload: ConvolutionWorkload,
    reference: ReturnType<typeof referencePass>,
  ): Promise<void> {
    const before = gpu.memory;
    const prepared = workload.prepare(gpu);
    try {
      prepared.run(3);
      await prepared.wait();
      const name = workload.choice === "auto" ? workload.plan.algorithm : workload.choice;
      const error = await prepared.error!();
      const bound = errorBound(name, reference);
      assert(error <= bound, `${error} > ${bound}`);
      const dispatches = prepared.describe();
      assert(dispatches.length > 0);
      const bytes = dispatches.reduce((sum, dispatch) => sum + dispatch.bytes, 0);
      assert(bytes >= workload.bytes, "not all inputs were read");
      assertEquals(workload.workspace, workload.plan.workspaceBytes);
    } finally {
      prepared.dispose();
    }
    assertEquals([gpu.memory.buffers, gpu.memory.bytes], [before.buffers, before.bytes]);
  }
});

Deno.test("bench convolution: samples are the reference's results", async (t) => {
  for (const size of SIZES) {
    for (const pass of PASSES) {
      await t.step(`${JSON.stringify(size)} ${pass}`, () => {
        const { geometry, images, a, b, expected } = referencePass(size, pass);
        const inputs = [Float32Array.from(a.data), Float32Array.from(b.data)] as const;
        expected.data.forEach((value, i) => {
          const sample = convolutionElement(pass, geometry, images, inputs, i);
          assertAlmostEquals(sample, value, 1e-12);
        });
        const results = Float32Array.from(expected.data);
        assert(sampledError(pass, geometry, images, inputs, results) < 1e-6);
        results[3]! += 1;
        assert(sampledError(pass, geometry, images, inputs, results) > 1e-2);
        results[3] = NaN;
        assertEquals(sampledError(pass, geometry, images, inputs, results), NaN);
      });
    }
  }
  await t.step("dilation and uneven padding", () => {
    const options = { dilation: [2, 1], strides: [1, 2], padding: [[2, 0], [0, 1]] } as const;
    const geometry = resolveConvolution([1, 6, 5], [2, 1, 2, 3], options);
    const x = { shape: [1, 1, 6, 5], data: Float64Array.from(normals(30, 1)) };
    const weight = { shape: [2, 1, 2, 3], data: Float64Array.from(normals(12, 2)) };
    const inputs = [Float32Array.from(x.data), Float32Array.from(weight.data)] as const;
    convolution(x, weight, options).data.forEach((value, i) =>
      assertAlmostEquals(convolutionElement("forward", geometry, 1, inputs, i), value, 1e-12)
    );
  });
});

Deno.test("bench convolution: the ways are measured at every size of filters", async () => {
  const args = "--kernels 3,1 --batch 1 --channels 2 --size 5 --filters 3 --pass dw".split(" ");
  const gpu = await openGpu();
  const before = gpu.memory;
  const rows = await measureWays(gpu, parseWaysOptions(args), { milliseconds: 1, batches: 1 });
  for (const kernelSize of [1, 3]) {
    const ofSize = rows.filter((row) => row.kernelSize === kernelSize);
    assertEquals(ofSize[0]!.algorithm, "direct");
    assertEquals(ofSize.filter(({ auto }) => auto).length, 1);
    for (const { milliseconds, flopsPerSecond } of ofSize) {
      const flops = 2 * 25 * 3 * 2 * kernelSize ** 2;
      assertAlmostEquals(flopsPerSecond * milliseconds / 1000, flops, 1e-6 * flops);
    }
  }
  assertEquals(gpu.memory.bytes, before.bytes);
});

Deno.test("bench convolution: the command line of the ways", async (t) => {
  await t.step("options", () => {
    const { kernels, batch, channels, size, filters, pass, json } = parseWaysOptions([]);
    assertEquals(kernels, [3, 5, 7, 11, 15]);
    assertEquals([batch, channels, size, filters, pass, json], [
      8,
      16,
      64,
      16,
      "forward",
      undefined,
    ]);
    assertEquals(parseWaysOptions(["--kernels", "5,3,5", "--pass=dx"]).kernels, [3, 5]);
    assertEquals(parseWaysOptions(["--pass=dx"]).pass, "inputGradient");
  });
  for (
    const [args, message] of [
      [["--fast"], "Unknown option --fast"],
      [["5"], "Expected options only"],
      [["--json"], "--json: expected a value (FILE), got none"],
      [["--pass", "backward"], "--pass: expected one of"],
      [["--kernels", "3,,5"], "--kernels: expected a whole number"],
      [["--size", "0"], "--size: expected a whole number of at least 1"],
    ] as const
  ) {
    await t.step(`refuses ${args.join(" ")}`, () => {
      assertThrows(() => parseWaysOptions(args), Error, message);
    });
  }
});

/** Made-up figures: milliseconds of each algorithm at each size. */
function wayRows(figures: Record<number, Record<string, number>>): WayRow[] {
  return Object.entries(figures).flatMap(([size, times]) =>
    Object.entries(times).map(([algorithm, milliseconds]) => ({
      kernelSize: Number(size),
      algorithm,
      milliseconds,
      flopsPerSecond: 1e12 / milliseconds,
      workspace: 2 ** 20,
      auto: algorithm === "direct",
    }))
  );
}

Deno.test("bench convolution: what the ways' figures say", async (t) => {
  await t.step("a winner for each size, the best of each way beside it", () => {
    const rows = wayRows({
      11: { direct: 30, gemm: 24, im2col: 25, fft: 12 },
      3: { direct: 10, gemm: 9.8, "winograd 2": 7, "winograd 4": 5, fft: 20 },
      5: { direct: 15, gemm: 12, im2col: 10, fft: 14 },
    });
    assertEquals(describeWays(rows), [
      "3×3: Winograd (tile 4) wins by a factor of 1.96 over matrix product (gemm), 2.00 over direct " +
      "and 4.00 over FFT.",
      "5×5: matrix product (im2col) wins by a factor of 1.40 over FFT and 1.50 over direct.",
      "11×11: FFT wins by a factor of 2.00 over matrix product (gemm) and 2.50 over direct.",
      "FFT wins at 11×11, and is faster than direct from 5×5 on.",
      "Winograd, which applies to 3×3 only, wins at 3×3, and is faster than direct at 3×3.",
    ]);
  });
  await t.step("times that are level", () => {
    const [sentence, fft, winograd] = describeWays(
      wayRows({ 7: { direct: 10, gemm: 10.1, fft: 9.9, im2col: 30 } }),
    );
    assertEquals(sentence, "7×7: FFT, direct and matrix product (gemm) are level.");
    assertEquals(fft, "FFT wins nowhere, and is faster than direct nowhere.");
    assertEquals(winograd, "Winograd applies to none of these filters.");
  });
  await t.step("times that are level, ahead of another", () => {
    assertEquals(
      describeWays(wayRows({ 7: { direct: 10, gemm: 20, fft: 10.1 } }))[0],
      "7×7: direct and FFT are level, ahead by a factor of 2.00 over matrix product (gemm).",
    );
  });
  await t.step("sizes with a gap", () => {
    const rows = wayRows({
      3: { direct: 10, fft: 5 },
      5: { direct: 10, fft: 20 },
      7: { direct: 10, fft: 5 },
      9: { direct: 10, fft: 4 },
    });
    assertEquals(
      describeWays(rows).at(-2),
      "FFT wins at 3×3, 7×7 and 9×9, and is faster than direct at 3×3, 7×7 and 9×9.",
    );
    assertEquals(
      describeWays(rows.filter(({ kernelSize }) => kernelSize !== 3)).at(-2),
      "FFT wins from 7×7 on, and is faster than direct from 7×7 on.",
    );
  });
  await t.step("one algorithm alone", () => {
    assertEquals(describeWays(wayRows({ 3: { direct: 1 } }))[0], "3×3: only direct applies.");
  });
  await t.step("the table", () => {
    const text = formatWays(wayRows({ 3: { direct: 10, gemm: 25, "winograd 4": 5 } }));
    assertMatch(text, /^3×3 +direct +direct +10\.0 +2\.00 +100 +1\.00 MiB +←$/m);
    assertMatch(text, /^ +matrix product +gemm +25\.0 +5\.00 +40\.0 +1\.00 MiB$/m);
    assertMatch(text, /^ +Winograd +winograd 4 +5\.00 +1\.00 +200 +1\.00 MiB$/m);
  });
});

Deno.test("bench convolution: bytes as text", () => {
  const texts = [0, 999, 1000, 3136, 5 * 2 ** 20, 2 ** 38].map(formatBytes);
  assertEquals(texts, ["0 B", "999 B", "0.977 KiB", "3.06 KiB", "5.00 MiB", "256 GiB"]);
});
