/**
 * Cases of matrix multiplication, in every family of kernels and with every tile.
 *
 * Compiling a variant takes 0.1 to 0.4 s on a software adapter, so the cases go through a fixed list of
 * variants, each with several shapes.
 *
 * @module
 */

import { OptionError, ShapeError } from "../src/errors.ts";
import { ACTIVATION_NAMES, type ActivationName } from "../src/ops/activation_source.ts";
import { matmul, type MatmulOptions } from "../src/ops/matmul.ts";
import type { CopiedOperands, MatmulPlan, MatmulTile } from "../src/ops/matmul_plan.ts";
import type { Random } from "../src/random.ts";
import * as reference64 from "../src/reference/matmul.ts";
import type { Shape } from "../src/shape.ts";
import {
  blank,
  type Case,
  dimension,
  type Expected,
  floats,
  type Input,
  makeCase,
  pick,
  reference,
  type Refusal,
  type Row,
  type TensorsOf,
  within,
} from "./case.ts";
import { roundedActivation } from "./rounded_activations.ts";
import { TINY, UNIT } from "./rounding.ts";

/** How the operands lie, and what follows the sum: what a kernel variant depends on besides its tile. */
interface Variant {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly bias: boolean;
  readonly activation: ActivationName;
  /** Whether m, n, k are multiples of 4: then memory is read and written as vec4. */
  readonly whole: readonly [m: boolean, n: boolean, k: boolean];
}

interface MatmulInputs extends Record<string, Input<Float32Array>> {
  a: Input<Float32Array>;
  b: Input<Float32Array>;
}

type MatmulTensors = TensorsOf<MatmulInputs>;

/** Besides k additions: the bias, up to 16 steps of a block's depth beyond k, 4 of the kernels' headers. */
const EXTRA_ROUNDINGS = 16 + 4;

/** The expected product: (k + c) · 2⁻²⁴ · Σ|a||b|, carried through the activation. */
export function expectMatmul(
  inputs: MatmulInputs,
  options: Omit<Variant, "bias" | "whole">,
): Expected {
  const { transposeA, transposeB, activation } = options;
  const [a, b] = [reference(inputs.a), reference(inputs.b)];
  const bias = inputs.bias === undefined ? {} : { bias: reference(inputs.bias) };
  const given = { transposeA, transposeB, ...bias };
  const linear = reference64.matmul(a, b, given);
  const magnitude = reference64.matmulMagnitude(a, b, given);
  const k = a.shape[transposeA ? 0 : 1]!;
  const rounded = Array.from(linear.data, (value, i) =>
    roundedActivation(activation, {
      value,
      error: (k + EXTRA_ROUNDINGS) * UNIT * magnitude.data[i]! + TINY,
    }));
  return within(reference64.matmul(a, b, { ...given, activation }), rounded);
}

/** A dimension around the tile, or a small one, that is or is not a multiple of 4. */
function side(random: Random, tile: number, whole: boolean, least = 0): number {
  if (whole) return pick(random, [least === 0 ? 0 : 4, 4, 8, tile - 4, tile, tile, tile + 4, 20]);
  const choices = [1, 2, 3, 5, 7, 13, 31, 37, tile - 1, tile + 1, tile + 2];
  return pick(random, choices.filter((choice) => choice > 0 && choice % 4 !== 0));
}

/** Splits k into two or three parts, if it is long enough. */
function split(plan: MatmulPlan, k: number, random: Random): MatmulPlan {
  const unit = plan.family === "block" ? plan.depth : 4;
  const wanted = 2 + random.integer(2);
  const chunk = Math.max(unit, Math.ceil(k / wanted / unit) * unit);
  return { ...plan, chunk, parts: Math.max(1, Math.ceil(k / chunk)) };
}

function describe(variant: Variant, plan: MatmulPlan | undefined): string {
  const kind = `${variant.transposeA ? "T" : "N"}${variant.transposeB ? "T" : "N"}`;
  const parts = plan === undefined ? "default plan" : `${plan.parts} parts of ${plan.chunk}`;
  return `${kind} ${variant.activation}, ${parts}`;
}

function productShape({ a, b }: MatmulTensors, { transposeA, transposeB }: Variant): Shape {
  return [a.shape[transposeA ? 1 : 0]!, b.shape[transposeB ? 0 : 1]!];
}

/** A call of the variant with the given sides; `plan` undefined leaves the choice to the operation. */
export function matmulCase(
  random: Random,
  variant: Variant,
  [m, n, k]: readonly [number, number, number],
  plan: MatmulPlan | undefined,
): Case {
  const { transposeA, transposeB, activation, bias } = variant;
  const inputs: MatmulInputs = {
    a: floats(random, transposeA ? [k, m] : [m, k]),
    b: floats(random, transposeB ? [n, k] : [k, n]),
    ...(bias ? { bias: floats(random, [n], 3) } : {}),
  };
  const given = random.integer(3) === 0;
  return makeCase(
    `${describe(variant, plan)}${given ? ", out given" : ""}`,
    inputs,
    (recorder, tensors) => {
      const options: MatmulOptions = {
        transposeA,
        transposeB,
        activation,
        ...(tensors.bias === undefined ? {} : { bias: tensors.bias }),
        ...(plan === undefined ? {} : { plan }),
        ...(given ? { out: recorder.empty(productShape(tensors, variant)) } : {}),
      };
      return { c: matmul(recorder, tensors.a, tensors.b, options) };
    },
    (current) => ({ c: expectMatmul(current, variant) }),
  );
}

const ORIENTATIONS = [[false, false], [false, true], [true, false], [true, true]] as const;
const WHOLE = [true, true, true] as const;
const ODD = [false, false, false] as const;

/** Both kinds of memory access in all orientations; bias and activations on some. */
const VARIANTS: readonly Variant[] = [WHOLE, ODD].flatMap((whole, half) =>
  ORIENTATIONS.map(([transposeA, transposeB], i): Variant => {
    const plain = (i + half) % 2 === 0;
    const activation = pickActivation(plain, i);
    return { transposeA, transposeB, bias: !plain, activation, whole };
  })
);

function pickActivation(plain: boolean, i: number): ActivationName {
  return plain ? "linear" : (["relu", "relu", "tanh", "gelu"] as const)[i]!;
}

/** Memory access that differs between the operands. */
const MIXED: readonly Variant[] = [
  [true, false, true],
  [false, true, true],
  [true, true, false],
  [false, false, true],
].flatMap(([m, n, k]) => {
  const whole = [m!, n!, k!] as const;
  return ORIENTATIONS.map(([transposeA, transposeB]): Variant => {
    return { transposeA, transposeB, bias: false, activation: "linear", whole };
  });
});

const tile = (
  rowGroups: number,
  columnGroups: number,
  lanesM: number,
  lanesN: number,
): MatmulTile => ({ rowGroups, columnGroups, lanesM, lanesN });

/** The tiles of src/ops/matmul_plan.ts. */
const REGISTER_TILES: readonly MatmulTile[] = [
  tile(1, 1, 1, 8),
  tile(1, 1, 2, 4),
  tile(2, 1, 1, 8),
  tile(2, 1, 2, 4),
  tile(2, 2, 1, 8),
  tile(4, 2, 1, 8),
];
const BROADCAST_TILES: readonly MatmulTile[] = [
  tile(2, 1, 1, 8),
  tile(1, 2, 8, 1),
  tile(4, 2, 1, 8),
  tile(2, 4, 8, 1),
];
const BLOCK_TILES: readonly (MatmulTile & { depth: number })[] = [
  { ...tile(1, 1, 8, 8), depth: 16 },
  { ...tile(2, 2, 8, 8), depth: 16 },
  { ...tile(2, 2, 16, 16), depth: 8 },
];

function drawTiled(
  random: Random,
  variant: Variant,
  family: "register" | "broadcast" | "block",
  { depth, ...sizes }: MatmulTile & { depth?: number },
  textures: CopiedOperands = "",
): Case {
  const [rows, columns] = [
    4 * sizes.rowGroups * sizes.lanesM,
    4 * sizes.columnGroups * sizes.lanesN,
  ];
  const [wholeM, wholeN, wholeK] = variant.whole;
  const m = side(random, rows, wholeM);
  const n = side(random, columns, wholeN);
  // Two rows of k numbers and more are more than a row of a texture; an activation would make the bound too wide.
  const long = textures !== "" && variant.activation === "linear" ? 8208 : 64;
  const k = side(random, pick(random, [depth ?? 8, long]), wholeK);
  const one = { parts: 1, chunk: k };
  const plan: MatmulPlan = family === "block"
    ? { family, ...sizes, depth: depth!, ...one }
    : family === "broadcast"
    ? { family, ...sizes, textures, ...one }
    : { family, ...sizes, ...one };
  // Only the kernel without bias and activation writes parts.
  const splits = !variant.bias && variant.activation === "linear" && random.integer(2) === 0;
  return matmulCase(random, variant, [m, n, k], splits ? split(plan, k, random) : plan);
}

const name = ({ rowGroups, columnGroups, lanesM, lanesN }: MatmulTile): string =>
  `${4 * rowGroups}×${4 * columnGroups} by ${lanesM}×${lanesN}`;

const KERNELS = ["matmul_parts.wgsl", "matmul_store.wgsl"];

const rowsOf = (family: "register" | "broadcast", tiles: readonly MatmulTile[]): Row[] =>
  tiles.map((sizes) => ({
    name: `matmul ${family} ${name(sizes)}`,
    kernels: [`matmul_${family}.wgsl`, ...KERNELS],
    draws: 3 * VARIANTS.length,
    draw: (random, index) => drawTiled(random, VARIANTS[index % VARIANTS.length]!, family, sizes),
  }));

/**
 * The operands come through textures, with rows of whole texels or not; of one kind each, or only one of them, only for small tiles,
 * which compile fast.
 */
const textureRows: Row[] = BROADCAST_TILES.map((sizes) => {
  const small = sizes.rowGroups * sizes.columnGroups <= 2;
  const variants = small ? [...VARIANTS, ...MIXED] : VARIANTS;
  const copied: CopiedOperands[] = small ? ["ab", "a", "b"] : ["ab"];
  return {
    name: `matmul broadcast from textures ${name(sizes)}`,
    kernels: ["matmul_broadcast.wgsl", "texels.wgsl", "texture_copy.wgsl", ...KERNELS],
    draws: 3 * variants.length,
    draw: (random, index) => {
      const variant = variants[index % variants.length]!;
      const textures = copied[Math.floor(index / variants.length) % copied.length]!;
      return drawTiled(random, variant, "broadcast", sizes, textures);
    },
  };
});

/** A small tile of each family; of eight lanes both ways. */
const SMALL_TILES = [
  ["register", REGISTER_TILES[1]!],
  ["broadcast", BROADCAST_TILES[0]!],
  ["broadcast", BROADCAST_TILES[1]!],
  ["block", BLOCK_TILES[0]!],
] as const;

const mixedRows: Row[] = SMALL_TILES.map(([family, sizes]) => ({
  name: `matmul ${family} ${name(sizes)}, mixed alignment`,
  kernels: [`matmul_${family}.wgsl`, ...KERNELS],
  draws: 2 * MIXED.length,
  draw: (random, index) => drawTiled(random, MIXED[index % MIXED.length]!, family, sizes),
}));

const blockRows: Row[] = BLOCK_TILES.map((sizes) => ({
  name: `matmul block ${name(sizes)}`,
  kernels: ["matmul_block.wgsl", ...KERNELS],
  draws: 4 * VARIANTS.length,
  draw: (random, index) => drawTiled(random, VARIANTS[index % VARIANTS.length]!, "block", sizes),
}));

const plainRow: Row = {
  name: "matmul plain",
  kernels: ["matmul_plain.wgsl", ...KERNELS],
  draws: 112,
  draw: (random, index) => {
    const sides = [16, 16, 40].map((limit) => dimension(random, limit)) as [number, number, number];
    const variant: Variant = {
      transposeA: random.integer(2) === 0,
      transposeB: random.integer(2) === 0,
      bias: index % 2 === 0,
      activation: ACTIVATION_NAMES[(index >> 1) % ACTIVATION_NAMES.length]!,
      whole: ODD,
    };
    const plan: MatmulPlan = { family: "plain", parts: 1, chunk: sides[2] };
    const splits = random.integer(3) === 0;
    return matmulCase(random, variant, sides, splits ? split(plan, sides[2], random) : plan);
  },
  refusals: refusals(),
};

/** The operation's own choice, sizes that go through several tiles and splits. */
const defaultRow: Row = {
  name: "matmul",
  kernels: [],
  draws: 24,
  draw: (random, index) => {
    const variant = VARIANTS[index % VARIANTS.length]!;
    const [m, n] = variant.whole.map((whole) => side(random, pick(random, [16, 64]), whole));
    const k = random.integer(3) === 0
      ? (variant.whole[2] ? 1024 : 1027)
      : side(random, 32, variant.whole[2]);
    return matmulCase(
      random,
      { ...variant, bias: false, activation: "linear" },
      [m!, n!, k],
      undefined,
    );
  },
};

function refusals(): Refusal[] {
  return [
    {
      what: "a vector",
      error: ShapeError,
      message: /^matmul: expected two matrices, got \[3\] and \[3, 2\]/,
      call: (gpu) => matmul(gpu, blank(gpu, 3), blank(gpu, 3, 2)),
    },
    {
      what: "inner dimensions that differ",
      error: ShapeError,
      message:
        /op\(a\) is \[2, 3\] and op\(b\) is \[2, 3\]; the inner dimensions 3 and 2 must be equal/,
      call: (gpu) => matmul(gpu, blank(gpu, 2, 3), blank(gpu, 2, 3)),
    },
    {
      what: "inner dimensions that differ once transposed",
      error: ShapeError,
      message: /op\(a\) is \[3, 2\] and op\(b\) is \[3, 4\]; the inner dimensions 2 and 3/,
      call: (gpu) => matmul(gpu, blank(gpu, 2, 3), blank(gpu, 3, 4), { transposeA: true }),
    },
    {
      what: "a bias of another length",
      error: ShapeError,
      message: /^matmul: bias: expected shape \[4\], got \[2\]/,
      call: (gpu) => matmul(gpu, blank(gpu, 2, 3), blank(gpu, 3, 4), { bias: blank(gpu, 2) }),
    },
    {
      what: "out of another shape",
      error: ShapeError,
      message: /^matmul: out: expected shape \[2, 4\], got \[4, 2\]/,
      call: (gpu) => matmul(gpu, blank(gpu, 2, 3), blank(gpu, 3, 4), { out: blank(gpu, 4, 2) }),
    },
    {
      what: "a misspelt option",
      error: OptionError,
      message: /^matmul: unknown option "transpose"; the options are transposeA, transposeB/,
      call: (gpu) =>
        matmul(gpu, blank(gpu, 2, 3), blank(gpu, 3, 4), { transpose: true } as MatmulOptions),
    },
    {
      what: "an unknown activation",
      error: OptionError,
      message: /^matmul: activation: expected one of .*got "swish"/,
      call: (gpu) => {
        const activation = "swish" as ActivationName;
        matmul(gpu, blank(gpu, 2, 3), blank(gpu, 3, 4), { activation });
      },
    },
  ];
}

/** The rows of this file. */
export const MATMUL_ROWS: readonly Row[] = [
  plainRow,
  ...rowsOf("register", REGISTER_TILES),
  ...rowsOf("broadcast", BROADCAST_TILES),
  ...textureRows,
  ...mixedRows,
  ...blockRows,
  defaultRow,
];
