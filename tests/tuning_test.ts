/**
 * Tuning: what shares a choice, that a choice is really used, that wrong candidates never win, and that nothing is measured or
 * read without being asked for. No test looks at a time.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { OptionError } from "../src/errors.ts";
import { Gpu } from "../src/gpu/gpu.ts";
import { Program } from "../src/gpu/program.ts";
import type { Recorder } from "../src/gpu/recorder.ts";
import type { Tensor } from "../src/gpu/tensor.ts";
import { tune } from "../src/gpu/tune.ts";
import type { ChoiceRequest } from "../src/gpu/tuning.ts";
import type { Trial, TuningRequest } from "../src/gpu/tuning_trial.ts";
import { Dense } from "../src/layers/dense.ts";
import { Sequential } from "../src/models/sequential.ts";
import { conv2d, convolutionPlan } from "../src/ops/convolution.ts";
import { matmul } from "../src/ops/matmul.ts";
import type { MatmulPlan } from "../src/ops/matmul_plan.ts";
import { sum } from "../src/ops/reductions.ts";
import { logSoftmax } from "../src/ops/softmax.ts";
import { bucketOf } from "../src/ops/tuned_choice.ts";
import { Sgd } from "../src/optimizers/sgd.ts";
import type { Shape } from "../src/shape.ts";
import { withFolder } from "./folder.ts";
import { MULTIPLY, requestsOf, withGpu } from "./tuning.ts";

/** The first candidate that is not the built-in choice and fits. */
function another(request: ChoiceRequest, fits: (text: string) => boolean = () => true): object {
  const builtIn = JSON.stringify(request.builtIn());
  return request.candidates().find((choice) => {
    const text = JSON.stringify(choice);
    return text !== builtIn && fits(text);
  })!;
}

/** The kernels of what is recorded. */
function kernelsOf(gpu: Gpu, record: (recorder: Recorder) => void): string[] {
  const program = Program.record(gpu.device, "test", record);
  try {
    return program.describe().map(({ kernel }) => kernel);
  } finally {
    program.dispose();
  }
}

Deno.test("buckets: exact up to 32, then within a quarter, and never of another alignment", () => {
  for (let size = 0; size <= 32; size++) assertEquals(bucketOf(size), size);
  const aligned = [33, 34, 36, 40, 41, 44, 48, 64, 65, 68, 80, 128, 4096, 4100, 5120].map(bucketOf);
  assertEquals(aligned, [39, 39, 40, 40, 47, 48, 48, 64, 79, 80, 80, 128, 4096, 5120, 5120]);
  for (let size = 1; size < 3000; size++) {
    const bucket = bucketOf(size);
    assertEquals(bucket % 4 === 0, size % 4 === 0, `${size}`);
    assert(bucket >= size && bucket < 1.25 * size, `${size} → ${bucket}`);
    assertEquals(bucketOf(bucket), bucket);
    if (size >= 4) assert(bucketOf(size) >= bucketOf(size - 4));
  }
});

Deno.test("a kept choice is used by matmul, for the sizes of its bucket, by a later Gpu that reads the file", async () => {
  await withFolder(async (folder) => {
    let wanted = "";
    await withGpu(folder, "measure", async (gpu) => {
      const [request] = requestsOf(gpu, (recorder) => void MULTIPLY(recorder, 100));
      const choice = another(
        request!,
        (text) => !text.includes('"plain"') && !text.includes("true") && text.includes('"parts":1'),
      );
      const plan = { ...choice, chunk: 300 } as MatmulPlan;
      using a = gpu.zeros([100, 300]);
      using b = gpu.zeros([24, 300]);
      wanted = kernelsOf(
        gpu,
        (recorder) => void matmul(recorder, a, b, { transposeB: true, plan }),
      )[0]!;
      gpu.device.tuning.learn(request!, choice, {});
      assertEquals(await gpu.device.tuning.save(), `${folder}/tuning.json`);
    });
    const kernel = async (tuning: "table" | "cache", m: number): Promise<string> => {
      let found = "";
      await withGpu(folder, tuning, (gpu) => {
        using a = gpu.zeros([m, 300]);
        using b = gpu.zeros([24, 300]);
        found = kernelsOf(gpu, (recorder) => void matmul(recorder, a, b, { transposeB: true }))[0]!;
      });
      return found;
    };
    assertEquals(await kernel("cache", 100), wanted);
    assertEquals(await kernel("cache", 112), wanted, "of the same bucket");
    assertNotEquals(await kernel("cache", 116), wanted, "of the next bucket");
    assertNotEquals(await kernel("table", 100), wanted, "the table does not look");
  });
});

Deno.test("a choice with a split sum gives the same numbers, for every size of its bucket", async () => {
  await withFolder(async (folder) => {
    await withGpu(folder, "measure", async (gpu) => {
      const [request] = requestsOf(gpu, (recorder) => void MULTIPLY(recorder, 8, 8, 1000));
      const split = another(request!, (text) => !text.includes('"parts":1'));
      gpu.device.tuning.learn(request!, split, {});
      for (const k of [1000, 1024, 900]) {
        using a = gpu.tensor(Float32Array.from({ length: 8 * k }, (_, i) => i % 7 - 3), [8, k]);
        using b = gpu.tensor(Float32Array.from({ length: 8 * k }, (_, i) => i % 5 - 2), [8, k]);
        const names = kernelsOf(
          gpu,
          (recorder) => void matmul(recorder, a, b, { transposeB: true }),
        );
        assertEquals(names.length, 2, `${k}`);
        using c = matmul(gpu, a, b, { transposeB: true });
        using expected = matmul(gpu, a, b, {
          transposeB: true,
          plan: { family: "plain", parts: 1, chunk: k },
        });
        assertEquals(await c.read(), await expected.read(), `${k}`);
      }
    });
  });
});

Deno.test("a kept choice is used by convolutions, unless it does not fit the workspace", async () => {
  await withFolder(async (folder) => {
    const x: Shape = [4, 3, 12, 12];
    const weight: Shape = [5, 3, 3, 3];
    const record = (recorder: Recorder) =>
      void conv2d(recorder, recorder.empty(x), recorder.empty(weight));
    await withGpu(folder, "measure", async (gpu) => {
      const request = requestsOf(gpu, record).find(({ key }) => key.startsWith("convolution"))!;
      gpu.device.tuning.learn(request, { algorithm: "im2col" }, {});
      await gpu.device.tuning.save();
    });
    const options = { pass: "forward", inputShape: x, weightShape: weight } as const;
    await withGpu(folder, "cache", (gpu) => {
      using input = gpu.zeros(x);
      using filters = gpu.zeros(weight);
      const names = kernelsOf(gpu, (recorder) => void conv2d(recorder, input, filters));
      assertMatch(names[0]!, /^convolution\/im2col/);
      assertEquals(convolutionPlan(gpu, options).algorithm, "im2col");
      const three = convolutionPlan(gpu, { ...options, inputShape: [3, ...x.slice(1)] });
      assertEquals(three.algorithm, "im2col", "up to four images are one bucket");
      for (
        const other of [
          { inputShape: [5, ...x.slice(1)] },
          { strides: 2 },
          { workspaceLimit: 2 ** 16 },
          { winogradTile: 4 },
        ] as const
      ) {
        assertEquals(convolutionPlan(gpu, { ...options, ...other }).algorithm, "direct");
      }
      const direct = convolutionPlan(gpu, { ...options, algorithm: "direct" });
      assertEquals(direct.algorithm, "direct", "what the user asks for is not replaced");
    });
    await withGpu(folder, "table", (gpu) => {
      assertEquals(convolutionPlan(gpu, options).algorithm, "direct");
    });
  });
});

Deno.test("convolutions from buffers are candidates where they could read from textures", async () => {
  await withFolder(async (folder) => {
    await withGpu(folder, "measure", (gpu) => {
      const { software, readableTextures, subgroupSize } = gpu.device.adapter;
      const able = software && readableTextures && subgroupSize === 8;
      using weight = gpu.zeros([9, 3, 3, 3]);
      using wide = gpu.zeros([4, 3, 9, 13]);
      using whole = gpu.zeros([4, 3, 9, 12]);
      const record = (x: Tensor) => (recorder: Recorder) => void conv2d(recorder, x, weight);
      const buffers = { algorithm: "direct", textures: false };
      const has = (x: Tensor) => {
        const [request] = requestsOf(gpu, record(x));
        const text = JSON.stringify(buffers);
        return request!.candidates().some((choice) => JSON.stringify(choice) === text);
      };
      assertEquals([has(whole), has(wide)], [able, false]);
      if (!able) return;
      const copies = () => kernelsOf(gpu, record(whole)).filter((name) => name === "textureCopy");
      assertEquals(copies().length, 1);
      gpu.device.tuning.learn(requestsOf(gpu, record(whole))[0]!, buffers, {});
      assertEquals(copies().length, 0);
    });
  });
});

Deno.test("a choice among other candidates, or one that is none of them, does not count", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/tuning.json`;
    const record = (recorder: Recorder) => void MULTIPLY(recorder, 50);
    let key = "";
    await withGpu(folder, "measure", async (gpu) => {
      const [request] = requestsOf(gpu, record);
      key = request!.key;
      gpu.device.tuning.learn(request!, another(request!), {});
      await gpu.device.tuning.save();
    });
    const sound = await Deno.readTextFile(path);
    const known = async (change: (entry: Record<string, unknown>) => void): Promise<boolean> => {
      const content = JSON.parse(sound);
      change(content.sections[0].choices[key]);
      await Deno.writeTextFile(path, JSON.stringify(content));
      let result = false;
      await withGpu(folder, "cache", (gpu) => {
        const [request] = requestsOf(gpu, record);
        result = gpu.device.tuning.known(request!) !== undefined;
        kernelsOf(gpu, (recorder) => {
          recorder.device.tuning.choose(request!);
        });
      });
      return result;
    };
    assert(await known(() => {}));
    assert(!await known((entry) => entry["among"] = "00000000"));
    assert(!await known((entry) => entry["choice"] = { family: "register", parts: -1 }));
    assert(!await known((entry) => entry["choice"] = {}));
  });
});

/** A product with the given candidates, each with a name. */
function requestOf(
  gpu: Gpu,
  candidates: Record<string, (recorder: Recorder, right: Trial) => ReturnType<Trial["run"]>>,
  builtIn: string,
): TuningRequest<{ name: string }> {
  const [real] = requestsOf(gpu, (recorder) => void MULTIPLY(recorder, 17, 9, 40));
  return {
    key: `test ${Object.keys(candidates)}`,
    label: "test",
    flops: 1,
    builtIn: () => ({ name: builtIn }),
    candidates: () => Object.keys(candidates).map((name) => ({ name })),
    describe: ({ name }) => name,
    trial(gpu) {
      const right = real!.trial(gpu);
      return {
        run: (recorder, { name }) => candidates[name]!(recorder, right),
        reference: (recorder) => right.reference(recorder),
        tolerance: () => 0,
        [Symbol.dispose]: () => right[Symbol.dispose](),
      };
    },
  };
}

const PLAIN = { family: "plain", parts: 1 };

/** A recorder in whose products the last of 40 terms is missing. */
function withoutLastTerm(recorder: Recorder): Recorder {
  return {
    device: recorder.device,
    recording: recorder.recording,
    empty: (shape, type) => recorder.empty(shape, type),
    dispatch: (dispatch) =>
      recorder.dispatch({ ...dispatch, uniforms: { ...dispatch.uniforms, k: 39, chunk: 39 } }),
    release: (tensor) => recorder.release(tensor),
  };
}

Deno.test("a wrong candidate never wins, however fast it is", async () => {
  await withFolder(async (folder) => {
    await withGpu(folder, "measure", async (gpu) => {
      const request = requestOf(gpu, {
        right: (recorder, right) => right.run(recorder, PLAIN),
        // Nothing is faster than to compute nothing.
        idle: (recorder) => recorder.empty([1, 17, 9]),
        short: (recorder, right) => right.run(withoutLastTerm(recorder), PLAIN),
        broken: () => {
          throw new OptionError("does not apply");
        },
      }, "short");
      const report = await tune(gpu, ({ device }) => void device.tuning.choose(request));
      const [result] = report.results;
      assertEquals(result!.rejected.map((text) => text.split(":")[0]), ["short", "idle", "broken"]);
      assertMatch(
        result!.rejected[1]!,
        /element 0 is NaN, expected -?\d+ ± 0 \(153 of 153 are wrong\)/,
      );
      assertEquals([result!.best, result!.tried, report.left], ["right", 1, 0]);
      assertEquals(gpu.device.tuning.choose(request), { name: "right" });
      assertEquals(report.file, `${folder}/tuning.json`);
    });
    await withGpu(folder, "cache", (gpu) => {
      const request = requestOf(
        gpu,
        { right: () => assertNever(), idle: () => assertNever() },
        "idle",
      );
      assertEquals(gpu.device.tuning.choose(request), { name: "idle" }, "other candidates");
    });
  });
});

function assertNever(): never {
  throw new Error("it was run");
}

Deno.test("what was cut short holds for this process, and is not written", async () => {
  await withFolder(async (folder) => {
    await withGpu(folder, "measure", async (gpu) => {
      const stop = new AbortController();
      const request = requestOf(gpu, {
        first: (recorder, right) => {
          stop.abort();
          return right.run(recorder, PLAIN);
        },
        second: () => assertNever(),
      }, "first");
      const record = ({ device }: Recorder) => void device.tuning.choose(request);
      const { results, file } = await tune(gpu, record, { signal: stop.signal });
      assertEquals([results[0]!.best, results[0]!.tried], ["first", 1]);
      assertEquals(gpu.device.tuning.known(request), { name: "first" });
      assertEquals(file, `${folder}/tuning.json`);
      assertEquals((await tune(gpu, record)).results[0]!.measured, false);
    });
    assertEquals(await Array.fromAsync(Deno.readDir(folder)), []);
  });
});

Deno.test("where every candidate is wrong, nothing is kept", async () => {
  await withFolder(async (folder) => {
    await withGpu(folder, "measure", async (gpu) => {
      const before = gpu.memory;
      const request = requestOf(gpu, {
        idle: (recorder) => recorder.empty([1, 17, 9]),
        other: (recorder) => recorder.empty([1, 17, 9]),
      }, "other");
      const { results } = await tune(gpu, ({ device }) => void device.tuning.choose(request));
      assertEquals([results[0]!.tried, results[0]!.rejected.length], [0, 2]);
      assertEquals(results[0]!.bestMilliseconds, undefined);
      assertEquals(gpu.device.tuning.known(request), undefined);
      assertEquals(gpu.memory.buffers, before.buffers, "no buffer is left");
    });
  });
});

Deno.test("a kept plan is used by sums, within their bucket, and by all functions over rows", async () => {
  await withFolder(async (folder) => {
    await withGpu(folder, "measure", (gpu) => {
      const kernelOf = (length: number) => {
        using x = gpu.zeros([length]);
        return kernelsOf(gpu, (r) => void sum(r, x))[0]!;
      };
      const [request] = requestsOf(gpu, (r) => void sum(r, r.empty([80_000])));
      gpu.device.tuning.learn(
        request!,
        another(request!, (text) => text.includes('"vector":false')),
        {},
      );
      assertMatch(kernelOf(80_000), /VALUE=f32/);
      assertMatch(kernelOf(76_000), /VALUE=f32/, "of the same bucket");
      assertMatch(kernelOf(90_000), /VALUE=vec4f/, "of the next bucket");
      using x = gpu.zeros([100, 1000]);
      const rows = (r: Recorder) => void logSoftmax(r, x);
      const [softmaxRequest] = requestsOf(gpu, rows);
      gpu.device.tuning.learn(softmaxRequest!, { vector: false, lanes: 8 }, {});
      assertMatch(kernelsOf(gpu, rows)[0]!, /LANES=8 VALUE=f32 LOG=true/);
    });
  });
});

Deno.test("the table measures nothing, and touches no file", async () => {
  const names = ["readTextFile", "stat", "writeTextFile", "mkdir", "rename"] as const;
  const originals = names.map((name) => Deno[name]);
  const query = Deno.permissions.query;
  const forbid = () => {
    throw new Error("the file system was touched");
  };
  for (const name of names) Object.assign(Deno, { [name]: forbid });
  Deno.permissions.query = forbid;
  try {
    await using gpu = await Gpu.open();
    assertEquals(gpu.device.tuning.mode, "table");
    using a = gpu.tensor(new Float32Array(12).fill(1), [3, 4]);
    using b = gpu.tensor(new Float32Array(12).fill(1), [4, 3]);
    using c = matmul(gpu, a, b);
    assertEquals(await c.read(), new Float32Array(9).fill(4));
    assertEquals(requestsOf(gpu, (recorder) => void matmul(recorder, a, b)), []);
    await assertRejects(
      () => tune(gpu, () => {}),
      OptionError,
      'tuning: "measure", got one with "table"',
    );
    assertEquals(await gpu.device.tuning.save(), undefined);
  } finally {
    names.forEach((name, i) => Object.assign(Deno, { [name]: originals[i] }));
    Deno.permissions.query = query;
  }
});

Deno.test("Gpu.open refuses another kind of tuning; only a Gpu that measures can be tuned", async () => {
  const wrong = { tuning: "fast" } as unknown as { tuning: "table" };
  await assertRejects(
    () => Gpu.open(wrong),
    OptionError,
    'Gpu.open: tuning: expected one of "table"',
  );
  await withFolder(async (folder) => {
    await withGpu(folder, "cache", async (gpu) => {
      await assertRejects(() => tune(gpu, () => {}), OptionError, 'got one with "cache"');
    });
    await withGpu(folder, "measure", async (gpu) => {
      const options = { second: 3 } as object;
      await assertRejects(
        () => tune(gpu, () => {}, options),
        OptionError,
        'unknown option "second"',
      );
      assertEquals((await tune(gpu, () => {})).results, []);
    });
  });
});

Deno.test("a model's requests are those of its training step; without time they are left", async () => {
  await withFolder(async (folder) => {
    await withGpu(folder, "measure", async (gpu) => {
      using model = new Sequential([new Dense({ units: 5 }), new Dense({ units: 3 })], {
        gpu,
        inputShape: [6],
      });
      const predicting = await model.tune({ batchSize: 8, seconds: 0 });
      assertEquals([predicting.results, predicting.left], [[], 2]);
      model.compile({ loss: "softmaxCrossEntropy", optimizer: new Sgd({ learningRate: 0.1 }) });
      const before = gpu.memory;
      const training = await model.tune({ batchSize: 8, seconds: 0 });
      assertEquals([training.results, training.left], [[], 5]); // two forward, two to weights, one to inputs
      assertEquals(gpu.memory, before, "nothing is allocated for it");
      const stopped = await model.tune({ batchSize: 8, signal: AbortSignal.abort() });
      assertEquals(stopped.left, 5);
    });
  });
});

Deno.test("fit, evaluate and predict collect before they record, on a Gpu that measures; what is known is not measured", async () => {
  await withFolder(async (folder) => {
    await withGpu(folder, "measure", async (gpu) => {
      const { tuning } = gpu.device;
      using model = new Sequential([new Dense({ units: 2 })], { gpu, inputShape: [4] });
      model.compile({ loss: "softmaxCrossEntropy", optimizer: new Sgd({ learningRate: 0.1 }) });
      let collections = 0;
      const collect = tuning.collect.bind(tuning);
      tuning.collect = (work) => {
        collections++;
        const requests = collect(work);
        for (const request of requests) tuning.learn(request, request.builtIn(), {});
        return requests;
      };
      const batch = { x: new Float32Array(8), y: new Uint32Array(2), length: 2 };
      await model.fit([batch], { batchSize: 2 });
      await model.evaluate([batch], { batchSize: 2 });
      await model.predict(batch.x, { batchSize: 2 });
      assertEquals(collections, 3);
    });
  });
});
