/**
 * A dense layer whose weights are larger than what many devices bind at once, 128 MiB: it uses them in parts.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Dense, type Initializer, Sequential, Sgd } from "../mod.ts";
import { Random } from "../src/random.ts";
import { openGpu } from "./gpu.ts";

/** Some 135 MB; the second part of the units is smaller than the first. */
const [UNITS, INPUTS] = [4100, 8203];
const BATCH = 2;

/** Cheap to fill in, without a pattern that repeats from row to row. */
const pattern: Initializer = (values) => {
  for (let i = 0; i < values.length; i++) values[i] = ((i * 7919) % 1009 - 504) * 1e-4;
};

Deno.test("Dense: weights larger than a binding, outputs and gradients", async () => {
  const gpu = await openGpu();
  const before = gpu.memory;
  {
    using model = new Sequential([
      new Dense({ units: INPUTS, kernelInitializer: "zeros", biasInitializer: "lecunNormal" }),
      new Dense({ units: UNITS, kernelInitializer: pattern, biasInitializer: "lecunNormal" }),
    ], { gpu, inputShape: [1], seed: 3 });
    model.compile({ loss: "meanSquaredError", optimizer: new Sgd({ learningRate: 0 }) });
    using x = gpu.zeros([BATCH, 1]); // so the first layer's bias is the input of the second
    using zeros = gpu.zeros([BATCH, UNITS]);
    const y = await model.forward(x).read();
    model.backward(zeros);
    const [, hidden, weight, bias] = await Promise.all(
      model.parameters.map(({ value }) => value.read()),
    );
    const [, dHidden, dWeight, dBias] = await Promise.all(
      model.parameters.map(({ gradient }) => gradient!.read()),
    );
    const random = new Random(1);
    // Beside the edges of parts of any size that is a multiple of 64, and anywhere.
    const units = [0, 63, 64, 2047, 2048, 2111, 2112, 4031, 4032, UNITS - 1];
    for (let i = 0; i < 10; i++) units.push(random.integer(UNITS));
    const dy = (unit: number) => 2 * y[unit]! / (BATCH * UNITS);
    for (const unit of units) {
      const row = weight!.subarray(unit * INPUTS, (unit + 1) * INPUTS);
      let [output, magnitude] = [bias![unit]!, Math.abs(bias![unit]!)];
      row.forEach((w, i) => {
        output += w * hidden![i]!;
        magnitude += Math.abs(w * hidden![i]!);
      });
      const bound = (INPUTS + 5) * 2 ** -24 * magnitude;
      for (const got of [y[unit]!, y[UNITS + unit]!]) {
        assert(
          Math.abs(got - output) <= bound,
          `unit ${unit}: ${got}, expected ${output} ± ${bound}`,
        );
      }
      // The gradient sums over two equal examples; a few roundings each.
      const expected = BATCH * dy(unit);
      assert(Math.abs(dBias![unit]! - expected) <= 2 ** -20 * Math.abs(expected), `bias ${unit}`);
      for (const input of [0, 1, random.integer(INPUTS), INPUTS - 1]) {
        const slope = expected * hidden![input]!;
        const got = dWeight![unit * INPUTS + input]!;
        assert(Math.abs(got - slope) <= 2 ** -20 * Math.abs(slope), `weight ${unit}, ${input}`);
      }
    }
    for (const input of [0, 1, random.integer(INPUTS), INPUTS - 1]) {
      let [slope, magnitude] = [0, 0];
      for (let unit = 0; unit < UNITS; unit++) {
        const term = BATCH * dy(unit) * weight![unit * INPUTS + input]!;
        slope += term;
        magnitude += Math.abs(term);
      }
      const bound = (BATCH * UNITS + 16) * 2 ** -24 * magnitude;
      assert(Math.abs(dHidden![input]! - slope) <= bound, `input ${input}`);
    }
  }
  const { buffers, bytes } = gpu.memory;
  assertEquals([buffers, bytes], [before.buffers, before.bytes]);
});
