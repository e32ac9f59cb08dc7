/**
 * The candidates of tuning, and their checks: each passes, and each check sees what is wrong. No test looks at a time.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { resolveConvolution } from "../src/convolution_shape.ts";
import { DryRecorder } from "../src/gpu/dry_recorder.ts";
import type { Gpu } from "../src/gpu/gpu.ts";
import type { Recorder } from "../src/gpu/recorder.ts";
import { firstFault, TrialCheck } from "../src/gpu/tuning_check.ts";
import { exactMagnitude, isTunable } from "../src/gpu/tuning_trial.ts";
import { conv2d, conv2dInputGradient, conv2dWeightGradient } from "../src/ops/convolution.ts";
import type { ConvolutionPass } from "../src/ops/convolution_method.ts";
import { tolerance } from "../src/ops/convolution_tuning.ts";
import { batchNormScaleGradients } from "../src/ops/batch_norm_scale.ts";
import { batchedMatmul, matmul } from "../src/ops/matmul.ts";
import { chooseMatmul, matmulCandidates } from "../src/ops/matmul_plan.ts";
import { argmax, max, mean, sum, sumOfSquares } from "../src/ops/reductions.ts";
import { softmax } from "../src/ops/softmax.ts";
import type { Shape } from "../src/shape.ts";
import { withFolder } from "./folder.ts";
import { deviceFor } from "./gpu.ts";
import { MULTIPLY, requestsOf, withGpu } from "./tuning.ts";

Deno.test("matmul candidates: the table's choice first, no two alike, and every part of k covered", () => {
  for (
    const adapter of [
      { software: true, subgroupSize: 8, readableTextures: true },
      { software: true, subgroupSize: 0, readableTextures: false },
      { software: false, subgroupSize: 32, readableTextures: true },
    ]
  ) {
    for (const m of [0, 1, 7, 128, 1000]) {
      for (const [n, k] of [[10, 784], [784, 0], [65, 1], [128, 300_000]] as const) {
        for (const batches of [1, 3]) {
          const size = { m, n, k, transposeA: false, transposeB: true };
          const plans = matmulCandidates(adapter, size, batches);
          assertEquals(plans[0], chooseMatmul(adapter, size, batches));
          assertEquals(new Set(plans.map((plan) => JSON.stringify(plan))).size, plans.length);
          for (const { parts, chunk } of plans) {
            assert(parts * chunk >= k && (parts - 1) * chunk <= k, `${k} in ${parts} of ${chunk}`);
          }
        }
      }
    }
  }
});

Deno.test("numbers to try choices on: their sums are exact in float32", () => {
  for (const terms of [1, 9, 576, 1000, 50_000, 1_000_000]) {
    const magnitude = exactMagnitude(terms);
    assert(magnitude >= 1 && terms * magnitude ** 2 <= 2 ** 24, `${terms}`);
  }
  assertEquals(exactMagnitude(2 ** 25), 0);
});

Deno.test("results are compared element by element, and NaN is never right", () => {
  const expected = new Float32Array([1, 2, 3]);
  assertEquals(firstFault(expected, expected, 0), undefined);
  assertEquals(firstFault(new Float32Array([1, 2.5, 3]), expected, 0.5), undefined);
  const text = firstFault(new Float32Array([1, 2.5, NaN]), expected, 0.25);
  assertEquals(text, "element 1 is 2.5, expected 2 ± 0.25 (2 of 3 are wrong)");
  assertEquals(firstFault(new Float32Array([1, 2]), expected, 9) === undefined, false);
});

/** Every candidate of what is recorded has to pass its own check. */
async function checkAll(
  gpu: Gpu,
  record: (recorder: Recorder) => void,
  requests = requestsOf(gpu, record),
): Promise<string[]> {
  const checked: string[] = [];
  for (const request of requests) {
    using trial = request.trial(gpu);
    const check = new TrialCheck(gpu, trial);
    for (const choice of request.candidates()) {
      const what = `${request.label}: ${request.describe(choice)}`;
      assertEquals(await check.fault(choice), undefined, what);
      checked.push(request.describe(choice));
    }
  }
  return checked;
}

Deno.test("every candidate of products passes its check: exact sums, edges, splits, stacks", async () => {
  await withFolder(async (folder) => {
    await withGpu(folder, "measure", async (gpu) => {
      const products: ((recorder: Recorder) => void)[] = [
        (r) => MULTIPLY(r, 17, 9, 40),
        (r) => MULTIPLY(r, 13, 10, 1026),
        (r) => matmul(r, r.empty([33, 5]), r.empty([33, 12]), { transposeA: true }),
        (r) => batchedMatmul(r, r.empty([2, 6, 11]), r.empty([4, 11, 9])),
      ];
      for (const record of products) assert((await checkAll(gpu, record)).length >= 3);
    });
  });
});

function scaleGradients(recorder: Recorder, shape: Shape): void {
  const [mean, variance] = [recorder.empty([shape[1]!]), recorder.empty([shape[1]!])];
  const [x, dy] = [recorder.empty(shape), recorder.empty(shape)];
  batchNormScaleGradients(recorder, x, dy, { statistics: { mean, variance } });
}

Deno.test("every plan of reductions, softmax and sums over channels passes its check, on a card's variants too", async () => {
  await withFolder(async (folder) => {
    await withGpu(folder, "measure", async (gpu) => {
      // What a card would choose between, computed by this adapter.
      const card = deviceFor(gpu, true);
      const reductions: ((recorder: Recorder) => void)[] = [
        (r) => sum(r, r.empty([70_000])),
        (r) => sumOfSquares(r, r.empty([66_001])),
        (r) => mean(r, r.empty([700, 96]), { axis: 0 }),
        (r) => max(r, r.empty([3, 23_000]), { axis: 1 }),
        (r) => argmax(r, r.empty([2, 800, 42]), { axis: 1 }),
        (r) => argmax(r, r.empty([129, 512]), { axis: 1 }),
        (r) => softmax(r, r.empty([70, 1000])),
        (r) => scaleGradients(r, [6, 3, 74, 52]),
        (r) => scaleGradients(r, [9000, 10]),
        (r) => softmax(r, r.empty([3, 33_001])),
      ];
      let checked = 0;
      for (const record of reductions) {
        checked += (await checkAll(gpu, record)).length;
        const requests = gpu.device.tuning.collect(() => record(new DryRecorder(card)));
        checked += (await checkAll(gpu, record, requests.filter(isTunable))).length;
      }
      assert(checked >= 80, `${checked}`);
      assertEquals(requestsOf(gpu, (r) => void sum(r, r.empty([65_535]))), [], "too few numbers");
    });
  });
});

const PASSES: readonly ConvolutionPass[] = ["forward", "inputGradient", "weightGradient"];

/** Records a pass of a convolution. */
function recordPass(pass: ConvolutionPass, x: Shape, weight: Shape, options: object = {}) {
  return (recorder: Recorder) => {
    const { output } = resolveConvolution(x.slice(1), weight, options);
    const dy = () => recorder.empty([x[0]!, weight[0]!, ...output]);
    if (pass === "forward") {
      conv2d(recorder, recorder.empty(x), recorder.empty(weight), options);
    } else if (pass === "inputGradient") {
      conv2dInputGradient(recorder, dy(), recorder.empty(weight), { ...options, inputShape: x });
    } else {
      conv2dWeightGradient(recorder, recorder.empty(x), dy(), { ...options, weightShape: weight });
    }
  };
}

Deno.test("every method of convolution passes its check, in every pass", async () => {
  await withFolder(async (folder) => {
    await withGpu(folder, "measure", async (gpu) => {
      const checked = new Set<string>();
      for (const pass of PASSES) {
        const records = [
          recordPass(pass, [3, 8, 11, 9], [6, 8, 3, 3], { padding: 1 }),
          recordPass(pass, [2, 4, 13, 13], [4, 2, 5, 5], { strides: 2, groups: 2 }),
        ];
        for (const record of records) {
          for (const name of await checkAll(gpu, record)) checked.add(`${pass} ${name}`);
        }
      }
      const methods = new Set([...checked].map((name) => name.replace(" from buffers", "")));
      assertEquals(methods.size, 15, [...checked].join());
    });
  });
});

Deno.test("the check of convolutions sees one wrong product in one element, whatever the method", async () => {
  await withFolder(async (folder) => {
    await withGpu(folder, "measure", async (gpu) => {
      const record = recordPass("forward", [2, 8, 20, 20], [4, 8, 3, 3], { padding: 1 });
      const request = requestsOf(gpu, record).find(({ key }) => key.startsWith("convolution"))!;
      using trial = request.trial(gpu);
      using expected = trial.reference(gpu);
      const numbers = await expected.read();
      for (const choice of request.candidates()) {
        using result = trial.run(gpu, choice);
        const values = await result.read();
        const limit = trial.tolerance(choice)!;
        assertEquals(firstFault(values, numbers, limit), undefined);
        // The sum of 72 products of numbers up to 100 and more, wrong by one of them.
        const wrong = values.slice();
        wrong[values.length - 1]! += 2 * 100 * 100;
        assertMatch(firstFault(wrong, numbers, limit)!, /\(1 of \d+ are wrong\)$/);
      }
    });
  });
});

Deno.test("tolerances: exact where sums are, derived where they are not, none where they would say nothing", () => {
  const geometry = resolveConvolution([64, 56, 56], [64, 64, 3, 3], { padding: 1 });
  for (const algorithm of ["direct", "gemm", "im2col"]) {
    assertEquals(tolerance("forward", geometry, 16, algorithm, 100), 0);
  }
  assertEquals(tolerance("forward", geometry, 16, "winograd", 32), 0); // 64 · 32² = 2¹⁶
  assertEquals(tolerance("forward", geometry, 16, "winograd", 33), undefined);
  assertEquals(tolerance("weightGradient", geometry, 128, "winograd", 1), undefined); // 100,352 tiles
  const fft = tolerance("forward", geometry, 16, "fft", 32)!;
  assert(fft > 0 && fft <= 32 ** 2 / 3 * Math.sqrt(64 * 9) / 4);
  assertEquals(tolerance("forward", geometry, 16, "direct", 0), undefined);
});
