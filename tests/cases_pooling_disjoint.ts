/**
 * Cases of maximum pools whose windows lie side by side, and of their gradients.
 *
 * @module
 */

import { maxPool, maxPoolGradient } from "../src/ops/pooling.ts";
import type { Random } from "../src/random.ts";
import * as pools from "../src/reference/pooling.ts";
import { type Shape, sizeOf } from "../src/shape.ts";
import type { PoolOptions } from "../src/window_options.ts";
import { type Case, floats, makeCase, pick, reference, type Row } from "./case.ts";

/** Rows and images whose ends no window reaches, or one hangs over. */
function draw(random: Random, index: number): Case {
  const dims = 1 + index % 2;
  const each = (values: readonly number[]) =>
    Array.from({ length: dims }, () => pick(random, values));
  const poolSize = each([1, 2, 2, 3, 4]);
  const options: PoolOptions = { poolSize, strides: poolSize, ceilMode: random.integer(2) === 0 };
  const xShape = [
    pick(random, [0, 1, 2, 5]),
    pick(random, [1, 3]),
    ...poolSize.map((size) => size * pick(random, [1, 2, 3, 4, 6]) + random.integer(size)),
  ];
  const yShape: Shape = pools.averagePool(
    reference({ shape: xShape, values: new Float32Array(sizeOf(xShape)) }),
    options,
  ).shape;
  return makeCase(
    JSON.stringify(options),
    { x: floats(random, xShape), dy: floats(random, yShape) },
    (recorder, { x, dy }) => {
      const { y, winners } = maxPool(recorder, x, options);
      const dx = maxPoolGradient(recorder, dy, winners, { ...options, inputShape: xShape });
      recorder.release(winners);
      return { y, dx };
    },
    (inputs) => {
      const [x, dy] = [reference(inputs.x), reference(inputs.dy)];
      const [y, dx] = [pools.maxPool(x, options), pools.maxPoolBackward(x, dy, options)];
      return {
        y: { shape: y.shape, values: y.data },
        dx: { shape: dx.shape, values: dx.data },
      };
    },
  );
}

/** The rows of this file. */
export const DISJOINT_POOL_ROWS: readonly Row[] = [{
  name: "max pool, windows side by side",
  kernels: ["pool.wgsl", "pool_gradient_blocks.wgsl"],
  draws: 120,
  draw,
}];
