/**
 * Cases of what matrix multiplication does besides on the way back: the derivative of an activation, and the sums of rows that are
 * the gradient to a bias.
 *
 * @module
 */

import { OptionError, ShapeError } from "../src/errors.ts";
import { ACTIVATION_NAMES, type ActivationName } from "../src/ops/activation_source.ts";
import { matmul, type MatmulOptions } from "../src/ops/matmul.ts";
import type { MatmulPlan } from "../src/ops/matmul_plan.ts";
import type { Random } from "../src/random.ts";
import {
  blank,
  type Case,
  floats,
  type Input,
  makeCase,
  pick,
  type Refusal,
  type Row,
} from "./case.ts";
import { expectMatmul } from "./cases_matmul.ts";
import { expectReduction } from "./cases_reductions.ts";
import { drawSlope, withSlopeOf } from "./rounded_slopes.ts";

const TILE = { rowGroups: 1, columnGroups: 1 } as const;

/** One tile of each family, and the operation's own choice. */
const PLANS: readonly (((k: number) => MatmulPlan) | undefined)[] = [
  (k) => ({ family: "plain", parts: 1, chunk: k }),
  (k) => ({ family: "register", ...TILE, lanesM: 2, lanesN: 4, ...parts(k, 4) }),
  (k) => ({ family: "block", ...TILE, lanesM: 8, lanesN: 8, depth: 16, ...parts(k, 16) }),
  (k) => ({
    family: "broadcast",
    ...{ rowGroups: 2, columnGroups: 1, lanesM: 1, lanesN: 8, textures: "ab" },
    ...parts(k, 4),
  }),
  undefined,
];

/** Two parts where that is possible. */
function parts(k: number, unit: number): { parts: number; chunk: number } {
  const chunk = Math.ceil(k / 2 / unit) * unit;
  return k > unit ? { parts: Math.ceil(k / chunk), chunk } : { parts: 1, chunk: k };
}

interface EpilogueInputs extends Record<string, Input<Float32Array>> {
  a: Input<Float32Array>;
  b: Input<Float32Array>;
}

const F: readonly ActivationName[] = ACTIVATION_NAMES.filter((name) => name !== "linear");

function draw(random: Random, index: number): Case {
  const plan = PLANS[index % PLANS.length]!;
  const whole = Math.floor(index / PLANS.length) % 2 === 0;
  const transposeA = random.integer(3) > 0;
  const transposeB = !transposeA && random.integer(2) === 0;
  // Few functions with each family: compiling takes time.
  const name = plan?.(0).family === "plain" ? pick(random, F) : F[whole ? 0 : 3]!;
  const withSlope = !transposeA || random.integer(2) === 0;
  const side = () => pick(random, whole ? [4, 8, 20, 36, 68] : [0, 1, 2, 3, 5, 13, 33, 65]);
  const [m, n, k] = [side(), side(), side()];
  const slope = drawSlope(random, name, [m, n]);
  const inputs: EpilogueInputs = {
    a: floats(random, transposeA ? [k, m] : [m, k]),
    b: floats(random, transposeB ? [n, k] : [k, n]),
    ...(withSlope ? { saved: slope.saved } : {}),
  };
  return makeCase(
    `${JSON.stringify({ transposeA, transposeB })} ${name} ${
      plan === undefined ? "" : plan(k).family
    }`,
    inputs,
    (recorder, { a, b, saved }) => {
      const rowSums = transposeA ? recorder.empty([m]) : undefined;
      const options: MatmulOptions = {
        transposeA,
        transposeB,
        ...(saved === undefined ? {} : { gradient: { activation: name, saved } }),
        ...(rowSums === undefined ? {} : { rowSums }),
        ...(plan === undefined ? {} : { plan: plan(k) }),
      };
      const c = matmul(recorder, a, b, options);
      return rowSums === undefined ? { c } : { c, rowSums };
    },
    ({ a, b, saved }) => {
      const sum = expectMatmul({ a, b }, { transposeA, transposeB, activation: "linear" });
      const c = saved === undefined ? sum : withSlopeOf(slope, saved, sum);
      return transposeA ? { c, rowSums: expectReduction("sum", a, 0) } : { c };
    },
  );
}

const refusals: readonly Refusal[] = [
  {
    what: "a derivative and an activation",
    error: OptionError,
    message: /^matmul: activation excludes gradient/,
    call: (gpu) => {
      const gradient = { activation: "relu", saved: blank(gpu, 2, 4) } as const;
      matmul(gpu, blank(gpu, 2, 3), blank(gpu, 3, 4), { gradient, activation: "relu" });
    },
  },
  {
    what: "saved values of another shape",
    error: ShapeError,
    message: /^matmul: gradient.saved: expected shape \[2, 4\], got \[4, 2\]/,
    call: (gpu) => {
      const gradient = { activation: "relu", saved: blank(gpu, 4, 2) } as const;
      matmul(gpu, blank(gpu, 2, 3), blank(gpu, 3, 4), { gradient });
    },
  },
  {
    what: "sums of the rows of a matrix that is not transposed",
    error: OptionError,
    message: /^matmul: rowSums need transposeA and at most 1024 steps, got 3/,
    call: (gpu) => matmul(gpu, blank(gpu, 2, 3), blank(gpu, 3, 4), { rowSums: blank(gpu, 2) }),
  },
  {
    what: "sums of another length",
    error: ShapeError,
    message: /^matmul: rowSums: expected shape \[2\], got \[3\]/,
    call: (gpu) => {
      const rowSums = blank(gpu, 3);
      matmul(gpu, blank(gpu, 3, 2), blank(gpu, 3, 4), { transposeA: true, rowSums });
    },
  },
];

/** The rows of this file. */
export const MATMUL_EPILOGUE_ROWS: readonly Row[] = [{
  name: "matmul on the way back",
  kernels: [],
  draws: 130,
  draw,
  refusals,
}];
