/**
 * How Fourier transforms are cut into passes, and how exact the roots of unity are.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { resolveConvolution } from "../src/convolution_shape.ts";
import type { ConvolutionPass } from "../src/ops/convolution_method.ts";
import { fftConvolutionPlan } from "../src/ops/convolution_fft_plan.ts";
import { fftTiling } from "../src/ops/convolution_fft_tiling.ts";
import { fft2d } from "../src/ops/fft.ts";
import { fftError, fftPasses, smoothLengths } from "../src/ops/fft_plan.ts";
import { openGpu } from "./gpu.ts";

const product = (numbers: readonly number[]) => numbers.reduce((a, b) => a * b, 1);

Deno.test("the radices multiply to the length, and are few", () => {
  for (let length = 1; length <= 2000; length++) {
    const passes = fftPasses(length);
    assertEquals(product(passes.map(({ radix }) => radix)), length);
    for (const { radix, factors } of passes) {
      if (factors !== undefined) assertEquals(product(factors), radix);
      else assert(radix > 5 && fftPasses(radix).length === 1, `${radix} is a prime beyond 5`);
    }
  }
  const radices = (length: number) => fftPasses(length).map(({ radix }) => radix);
  assertEquals(radices(1), [1]);
  assertEquals(radices(32), [32]);
  assertEquals(radices(64), [8, 8]);
  assertEquals(radices(1024), [32, 32]);
  assertEquals(radices(7 * 7 * 12), [12, 7, 7]);
  assertEquals(radices(59_999), [59_999]);
});

Deno.test("lengths with the primes 2, 3 and 5, up to the first that is enough", () => {
  assertEquals(smoothLengths(1, 7), [1, 2, 3, 4, 5, 6, 8]);
  assertEquals(smoothLengths(11, 25), [12, 15, 16, 18, 20, 24, 25]);
  assertEquals(smoothLengths(7, 3), [8]);
});

Deno.test("tiles cover the outputs, and their transforms the filter", () => {
  for (const pass of ["forward", "inputGradient", "weightGradient"] as ConvolutionPass[]) {
    for (
      const [side, taps, padding] of [[512, 31, 15], [28, 5, 0], [7, 7, 3], [9, 3, 6]] as const
    ) {
      const geometry = resolveConvolution([3, side, side + 1], [4, 3, taps, taps], { padding });
      const { size, span, tile, tiles } = fftTiling(pass, geometry, 2);
      const outputs = pass === "inputGradient" ? geometry.input : geometry.output;
      for (const axis of [0, 1] as const) {
        assertEquals(tile[axis], size[axis] - span[axis] + 1);
        assert(tile[axis] >= 1 && tile[axis] * tiles[axis] >= outputs[axis]!);
        assert(tile[axis] * (tiles[axis] - 1) < outputs[axis]!, "no tile is superfluous");
      }
    }
  }
  const large = resolveConvolution([1, 512, 512], [1, 1, 31, 31], { padding: 15 });
  assert(fftTiling("forward", large, 1).size[0] < 512, "a large image is cut into tiles");
});

Deno.test("the smaller factor is stored twice, and small products are not stored at all", () => {
  const plan = (x: number[], weight: number[]) =>
    fftConvolutionPlan("forward", resolveConvolution(x.slice(1), weight), x[0]!, x[0]!);
  const fewFilters = plan([64, 16, 9, 9], [8, 16, 3, 3]);
  assertEquals([fewFilters.fused, fewFilters.a.form, fewFilters.b.form], [
    false,
    "beside",
    "turned",
  ]);
  const fewImages = plan([2, 16, 9, 9], [256, 16, 3, 3]);
  assertEquals([fewImages.fused, fewImages.a.form, fewImages.b.form], [false, "full", "stacked"]);
  const depthwise = plan([2, 1, 9, 9], [4, 1, 3, 3]);
  assertEquals([depthwise.fused, depthwise.a.form, depthwise.b.form], [true, "stacked", "stacked"]);
});

Deno.test("the error grows with the logarithm of the length", () => {
  assertEquals(fftError(1, 1), 1.001 * 3 * 2 ** -24);
  for (const length of smoothLengths(2, 4096)) {
    assert(fftError(length, length) <= (3 + 9 * Math.log2(length ** 2)) * 2 ** -24, `${length}`);
  }
});

Deno.test("the roots of unity are exact to 4 units of 2⁻²⁴", async () => {
  const gpu = await openGpu();
  // Two passes: the impulse at 1 becomes, before the second, an impulse in every butterfly, and so the roots themselves.
  for (const [first, second] of [[32, 31], [8, 41], [32, 59], [1, 1009]] as const) {
    const length = first * second;
    const impulse = new Float32Array(length);
    impulse[1] = 1;
    using x = gpu.tensor(impulse, [1, length]);
    using spectrum = fft2d(gpu, x);
    const values = await spectrum.read();
    let worst = 0;
    for (let v = 0; 2 * v < values.length; v++) {
      const angle = -2 * Math.PI * v / length;
      const [re, im] = [values[2 * v]! - Math.cos(angle), values[2 * v + 1]! - Math.sin(angle)];
      worst = Math.max(worst, Math.hypot(re, im));
    }
    assert(worst <= 4 * 2 ** -24, `${length}: ${worst * 2 ** 24} units`);
  }
});
