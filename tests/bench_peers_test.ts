/**
 * `deno task bench:peers` as far as it needs no npm: the work, Strata's worker, the judge, the text and the command line.
 *
 * @module
 */

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { toFileUrl } from "@std/path";
import { comparePeers, lossError, type Peer, type PeerRow, PEERS } from "../bench/peers/compare.ts";
import { parsePeersOptions } from "../bench/peers/main.ts";
import { formatPeers } from "../bench/peers/peers_text.ts";
import {
  convolutionShapes,
  convolutionWork,
  listPeerWorks,
  matmulWork,
  stepFloats,
  stepLayers,
  stepWork,
  transposed,
  workError,
  workInputs,
} from "../bench/peers/works.ts";
import { convolutionElement } from "../bench/convolution_samples.ts";
import { OptionError } from "../src/errors.ts";
import { sizeOf } from "../src/shape.ts";
import { withFolder } from "./folder.ts";
import { ROOT } from "./task.ts";

const SMALL = {
  inputShape: [2, 3, 7, 7],
  filters: 4,
  kernelSize: 3,
  strides: 2,
  padding: 1,
} as const;
const TINY_STEP = { name: "tiny", filters: [2], units: [5, 10], batch: 3 };

Deno.test("bench:peers: the work", async (t) => {
  await t.step("its FLOPs are those of the report", () => {
    const flops = new Map(listPeerWorks().map(({ name, flops }) => [name, flops]));
    assertEquals(flops.size, listPeerWorks().length);
    assertEquals(flops.get("matmul 512×512×512"), 2 * 512 ** 3);
    const strided = flops.get("conv 8×3×227×227 → 96, 11×11 stride 4, dx");
    assertEquals(strided, 2 * (8 * 55 * 55 * 96) * 3 * 121);
    const dense = flops.get("step 784-128-10 batch 128");
    assertEquals(dense, 2 * 128 * (2 * 784 * 128 + 3 * 128 * 10));
    const convolutions = [2 * 28 * 28 * 25 * 32, 3 * 14 * 14 * 25 * 32 * 64] as const;
    const products = convolutions[0] + convolutions[1] + 3 * (7 * 7 * 64 * 512 + 512 * 10);
    assertEquals(flops.get("step c32-c64-fc512 batch 64"), 2 * 64 * products);
  });
  await t.step("a right product has no error, and a wrong one has", () => {
    const work = matmulWork(8);
    const [a, b] = workInputs(work).values;
    const product = Float32Array.from({ length: 64 }, (_, i) => {
      let sum = 0;
      for (let k = 0; k < 8; k++) sum += a[8 * (i >> 3) + k]! * b[8 * k + i % 8]!;
      return sum;
    });
    assert(workError(work, product) < 1e-6);
    assert(workError(work, transposed(product, [8, 8], [1, 0])) > 0.1);
    assertEquals(workError(work, product.fill(NaN)), NaN);
  });
  await t.step("a convolution's result is looked at in each pass", () => {
    for (const pass of ["forward", "inputGradient", "weightGradient"] as const) {
      const work = convolutionWork(SMALL, pass);
      const { weightShape, outputShape, geometry } = convolutionShapes(SMALL);
      assertEquals(outputShape, [2, 4, 4, 4]);
      const shape = { forward: outputShape, inputGradient: SMALL.inputShape }[pass as "forward"] ??
        weightShape;
      const { values } = workInputs(work);
      const right = Float32Array.from(
        { length: sizeOf(shape) },
        (_, i) => convolutionElement(pass, geometry, 2, values, i),
      );
      assert(workError(work, right) < 1e-6);
      assert(workError(work, right.map((value, i) => i === 5 ? value + 1 : value)) > 0.01);
    }
  });
  await t.step("a step's layers and batch", () => {
    const work = stepWork(TINY_STEP);
    const shapes = stepLayers(work).map(({ weightShape }) => weightShape);
    assertEquals(shapes, [[2, 1, 5, 5], [5, 2 * 14 * 14], [10, 5]]);
    const { x, y } = stepFloats(work);
    assertEquals([x.length, y.length], [3 * 784, 30]);
    assert(x.every((value) => value >= 0 && value <= 1) && x.some((value) => value > 0.5));
    assertEquals(y.reduce((sum, value) => sum + value), 3);
  });
  await t.step("axes in another order", () => {
    const values = Float32Array.of(0, 1, 2, 3, 4, 5);
    assertEquals([...transposed(values, [1, 2, 3], [2, 0, 1])], [0, 3, 1, 4, 2, 5]);
    const there = transposed(values, [1, 2, 3], [2, 0, 1]);
    assertEquals(transposed(there, [3, 1, 2], [1, 2, 0]), values);
  });
});

Deno.test("bench:peers: losses are compared relatively", () => {
  assertAlmostEquals(lossError([1, 2.2], [1, 2]), 0.1, 1e-9);
  assertEquals(lossError([1, NaN], [1, 2]), NaN);
});

/** A worker with the text given, in a file of a folder. */
async function fake(folder: string, name: string, text: string): Promise<Peer> {
  const path = `${folder}/${name}.ts`;
  await Deno.writeTextFile(path, text);
  const file = toFileUrl(path).href;
  return { name, file, webgpu: true, kinds: ["matmul", "convolution", "step"] };
}

Deno.test("bench:peers: workers", (t) =>
  withFolder(async (folder) => {
    const strata = PEERS[0]!;
    const options = { rounds: 2, milliseconds: 10, timeout: 60_000 };
    const works = [
      matmulWork(8),
      ...(["forward", "inputGradient", "weightGradient"] as const).map((pass) =>
        convolutionWork(SMALL, pass)
      ),
      stepWork(TINY_STEP),
    ];
    await t.step("Strata does all work, and what fails is a row", async () => {
      const worker = new URL("bench/peers/worker.ts", ROOT);
      const serve = (body: string) =>
        `import { serve } from "${worker}"; await serve(() => (${body}));`;
      const wrong = serve(`{
      run: () => Promise.resolve(),
      result: () => Promise.resolve(new Float32Array(1e4).fill(1)),
      dispose() {},
    }`);
      const peers = [
        strata,
        await fake(folder, "wrong", wrong),
        await fake(folder, "thrower", serve(`(() => { throw new Error("not\\n registered"); })()`)),
        await fake(folder, "broken", `throw new Error("no such package");`),
      ];
      const rows = await comparePeers(works, peers, options);
      assertEquals(rows.length, 4 * works.length);
      for (const { peer, work, rounds, milliseconds, error, failure } of rows) {
        const about = `${peer}, ${work.name}`;
        if (peer === "Strata") {
          assertEquals([failure, rounds.length], [undefined, 2], about);
          assert(milliseconds! > 0, about);
          if (work.kind !== "step") assert(error! < 1e-5, about);
        } else {
          assertEquals([milliseconds, rounds], [undefined, []], about);
          const expected = {
            wrong: /^wrong numbers: error \d/,
            thrower: /^not registered$/,
            broken: /^error: .*no such package/,
          }[peer]!;
          assertMatch(failure!, expected, about);
        }
      }
    });
    await t.step("one that never answers is ended", async () => {
      const silent = await fake(folder, "silent", "setInterval(() => {}, 1000);");
      const [row] = await comparePeers([matmulWork(4)], [silent], { ...options, timeout: 500 });
      assertMatch(row!.failure!, /^no answer in \d+ s$/);
    });
  }));

Deno.test("bench:peers: the text", () => {
  const row = (peer: string, given: Partial<PeerRow>): PeerRow => ({
    ...{ work: { ...matmulWork(4), flops: 4e6 }, peer, webgpu: true, rounds: [1, 2, 3] },
    ...given,
  });
  const rows = [
    row("Strata", { milliseconds: 2, error: 1e-7 }),
    row("tfjs", { milliseconds: 5, error: 2e-7 }),
    row("jax-js", { rounds: [], failure: "wrong numbers: error 0.50", error: 0.5 }),
    row("jax-js on WASM", { milliseconds: 1, webgpu: false }),
  ];
  const head = { adapter: "some adapter", deno: "2", date: "2026-01-02" };
  const text = formatPeers(head, rows);
  assertStringIncludes(text, "GPU     some adapter\n");
  assertMatch(text, /^matmul 4×4×4 +Strata +2\.00 +2\.00 +3 +1\.0e-7$/m);
  assertMatch(text, /^ +tfjs +5\.00 +0\.800 +2\.50 +3 +2\.0e-7$/m);
  assertMatch(text, /^ +jax-js +failed +5\.0e-1$/m);
  assertMatch(text, /^jax-js failed at matmul 4×4×4: wrong numbers: error 0\.50$/m);
  assertMatch(text, /^ +jax-js on WASM +1\.00 +4\.00 +0\.50 +3$/m);
  assertMatch(text, /^matmul 4×4×4 +2\.50 × +tfjs$/m);
  const alone = formatPeers(head, [rows[0]!, rows[2]!]);
  assertMatch(alone, /^matmul 4×4×4 +– +no other gave right numbers$/m);
});

Deno.test("bench:peers: options", async (t) => {
  await t.step("what is selected", () => {
    const count = (...args: string[]) => parsePeersOptions(args).works.length;
    assertEquals(count(), listPeerWorks().length);
    assertEquals([count("--only", "matmul"), count("--only", "steps")], [2, 3]);
    assertEquals(count("--only", "convolution", "--filter", "dw"), 4);
    assertEquals(parsePeersOptions(["--rounds", "3", "--json=a.json"]).rounds, 3);
  });
  for (
    const [args, message] of [
      [["--peers"], "Unknown option --peers"],
      [["--only", "pooling"], "--only: expected one of "],
      [["--rounds", "0"], "--rounds: expected "],
      [["--rounds="], "--rounds: expected "],
      [["--json"], "--json: expected a value (FILE), got none"],
      [["--filter", "no such work"], '--filter: expected a part of the name of some work, got "no'],
    ] as const
  ) {
    await t.step(`refuses ${args.join(" ")}`, () => {
      assertThrows(() => parsePeersOptions(args), OptionError, message);
    });
  }
});

Deno.test("bench:peers: nothing else knows its packages", async () => {
  const { imports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  assertEquals(Object.keys(imports).filter((name) => !name.startsWith("@std/")), []);
  const own = JSON.parse(await Deno.readTextFile(new URL("bench/peers/deno.json", ROOT)));
  for (const [name, target] of Object.entries(own.imports)) {
    assertMatch(`${target}`, /^npm:.+@\d+\.\d+\.\d+$/, `${name} is pinned`);
  }
});
