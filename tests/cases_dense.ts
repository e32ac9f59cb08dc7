/**
 * Cases of matrix multiplication, in every family of kernels and with every tile.
 *
 * Compiling a variant takes 0.1 to 0.4 s on a software adapter, so the cases go through a fixed list of
 * variants, each with several shapes.
 *
 * @module
 */

import { matmul } from "../src/ops/matmul.ts";
import type { MatmulPlan } from "../src/ops/matmul_plan.ts";
import { denseBackward, denseForward } from "../src/reference/dense.ts";
import { sum } from "../src/reference/reductions.ts";
import { type Expected, floats, type Input, makeCase, pick, reference, type Row } from "./case.ts";
import { expectMatmul } from "./cases_matmul.ts";
import { expectReduction } from "./cases_reductions.ts";
import { sum as sumOp } from "../src/ops/reductions.ts";

/** The gradients of a dense layer, as three calls of operations. */
const denseRow: Row = {
  name: "dense gradients",
  kernels: [],
  draws: 16,
  draw: (random) => {
    const [n, inputs, outputs] = [8, 16, 16].map((limit) =>
      pick(random, [1, 2, 3, limit - 1, limit, limit + 1])
    ) as [number, number, number];
    const plan: MatmulPlan = { family: "plain", parts: 1, chunk: 32 };
    return makeCase(
      "",
      {
        x: floats(random, [n, inputs]),
        w: floats(random, [outputs, inputs]),
        dy: floats(random, [n, outputs]),
      },
      (recorder, { x, w, dy }) => ({
        y: matmul(recorder, x, w, { transposeB: true, plan }),
        dx: matmul(recorder, dy, w, { plan }),
        dw: matmul(recorder, dy, x, { transposeA: true, plan }),
        db: sumOp(recorder, dy, { axis: 0 }),
      }),
      (given) => {
        const [x, w, dy] = [reference(given.x), reference(given.w), reference(given.dy)];
        const { dx, dw, db } = denseBackward(x, w, dy);
        const options = { transposeA: false, transposeB: false, activation: "linear" } as const;
        const product = (a: Input<Float32Array>, b: Input<Float32Array>, changes: object) =>
          expectMatmul({ a, b }, { ...options, ...changes }).bounds!;
        const y = denseForward(x, w, sum({ shape: [0, outputs], data: new Float64Array() }, 0));
        return {
          y: of(y, product(given.x, given.w, { transposeB: true })),
          dx: of(dx, product(given.dy, given.w, {})),
          dw: of(dw, product(given.dy, given.x, { transposeA: true })),
          db: of(db, expectReduction("sum", given.dy, 0).bounds!),
        };
      },
    );
  },
};

const of = (
  { shape, data }: { shape: readonly number[]; data: Float64Array },
  bounds: ArrayLike<number>,
): Expected => ({ shape, values: data, bounds });

/** The rows of this file. */
export const DENSE_ROWS: readonly Row[] = [denseRow];
