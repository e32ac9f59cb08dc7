/**
 * Descriptions of networks: receptive fields, and the table that shows them.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import {
  AveragePool2d,
  Branches,
  Conv1d,
  Conv2d,
  Dense,
  DepthwiseConv2d,
  describeLayers,
  Dropout,
  Embedding,
  Flatten,
  GlobalAveragePool2d,
  type Layer,
  MaxPool2d,
  OptionError,
  Relu,
  Residual,
  SeparableConv2d,
  type Shape,
  ShapeError,
  summarize,
} from "../mod.ts";
import { ndArray } from "../src/reference/nd_array.ts";
import { ReferenceLayers } from "./reference_layers.ts";

const conv = (kernelSize: number, strides = 1, dilation = 1) =>
  new Conv2d({ filters: 2, kernelSize, strides, dilation, useBias: false });

/** The field behind each outer layer, as the table shows it. */
function fieldsOf(layers: Layer[], input: Shape): string[] {
  return describeLayers(layers, input).map(({ field }) => {
    if (field === undefined || field === "everything") return field ?? "1";
    return `${field.size} / ${field.jump}`;
  });
}

Deno.test("receptive fields grow with windows and strides, and end at layers that see everything", () => {
  assertEquals(
    fieldsOf([
      new Relu(),
      conv(3, 2),
      new MaxPool2d({ poolSize: 3, strides: 2 }),
      new Dropout({ rate: 0.5 }),
      new AveragePool2d({ poolSize: [1, 2] }),
      new SeparableConv2d({ filters: 1, kernelSize: 3 }),
      new DepthwiseConv2d({ kernelSize: 3, dilation: 2 }),
      new GlobalAveragePool2d(),
      new Dense({ units: 1 }),
    ], [1, 63, 127]),
    [
      "1",
      "3,3 / 2,2",
      "7,7 / 4,4",
      "7,7 / 4,4",
      "7,11 / 4,8",
      "15,27 / 4,8",
      "31,59 / 4,8",
      "everything",
      "everything",
    ],
  );
  assertEquals(fieldsOf([conv(3), new Flatten(), new Relu()], [1, 5, 5]), [
    "3,3 / 1,1",
    "everything",
    "everything",
  ]);
  assertEquals(
    fieldsOf([
      new Embedding({ vocabulary: 4, dimension: 2 }),
      new Conv1d({ filters: 1, kernelSize: 5 }),
    ], [9]),
    ["1", "5 / 1"],
  );
});

Deno.test("the receptive field of a container is the largest of its branches", () => {
  const branches = new Branches([[], [
    conv(1),
    new Conv2d({ filters: 2, kernelSize: 5, padding: 2 }),
  ]]);
  const residual = new Residual([conv(3, 2)], { shortcut: [conv(3, 2)] });
  assertEquals(fieldsOf([conv(3, 2), branches, residual], [1, 31, 31]), [
    "3,3 / 2,2",
    "11,11 / 2,2", // the branches
    "3,3 / 2,2",
    "11,11 / 2,2",
    "15,15 / 4,4", // the residual block
    "15,15 / 4,4",
    "15,15 / 4,4",
  ]);
  assertEquals(fieldsOf([new Branches([[new Relu()], []])], [3]), ["1", "1"]);
});

Deno.test("a receptive field is what the gradient of one output reaches", () => {
  const layers = [
    conv(3, 2),
    new Branches([[new AveragePool2d({ poolSize: 3, strides: 1, padding: 1 })], [conv(1)]]),
    new DepthwiseConv2d({ kernelSize: 3, dilation: 2, useBias: false }),
  ];
  const input = [1, 41, 41];
  const described = describeLayers(layers, input);
  const ones = (shape: Shape) => ndArray(shape, new Array(shape.reduce((a, b) => a * b)).fill(1));
  const parameters = new Map(
    layers.flatMap((layer, i) => {
      const { input } = described.filter(({ depth }) => depth === 0)[i]!;
      return layer.parameters(input).map(({ name, shape }) => [`${i}.${name}`, ones(shape)]);
    }),
  );
  const { y, backward } = new ReferenceLayers(parameters, false).stack(
    layers,
    ones([1, ...input]),
    "",
  );
  const { output, field } = described.at(-1)!;
  const [, height, width] = output as [number, number, number];
  const reached = (row: number, column: number) => {
    const dy = ndArray(y.shape, new Float64Array(y.data.length));
    dy.data[row * width + column] = 1;
    const rows = [...backward(dy).data].flatMap((value, i) =>
      value === 0 ? [] : [Math.floor(i / 41)]
    );
    return { first: Math.min(...rows), size: Math.max(...rows) - Math.min(...rows) + 1 };
  };
  const [one, next] = [reached(height >> 1, width >> 1), reached((height >> 1) + 1, width >> 1)];
  assertEquals(field, { size: [one.size, one.size], jump: Array(2).fill(next.first - one.first) });
});

Deno.test("the summary shows layers inside others indented, and counts them once", () => {
  const layers = [
    new Conv2d({ filters: 4, kernelSize: [1, 3], strides: [2, 1], name: "first" }),
    new Branches([[new Conv2d({ filters: 2, kernelSize: 1 })], []], { name: "mix" }),
    new Dense({ units: 3 }),
  ];
  assertEquals(
    summarize(layers, [1, 5, 6]),
    `
       Layer           Output shape  Field      Parameters  FLOPs/example  Bytes/example
────────────────────────────────────────────────────────────────────────────────────────
       Input           [1, 5, 6]                                                     120
0      Conv2d "first"  [4, 3, 4]     1×3 / 2×1          16            336            192
1      Branches "mix"  [6, 3, 4]     1×3 / 2×1          10            216            288
1.0.0    Conv2d        [2, 3, 4]     1×3 / 2×1          10            216             96
2      Dense           [3]           all               219            435             12
────────────────────────────────────────────────────────────────────────────────────────
       Total                                           245            987            492`
      .slice(1),
  );
});

Deno.test("describeLayers: what cannot be a network is an error", () => {
  assertThrows(() => describeLayers([], [3]), OptionError, "at least one layer");
  assertThrows(() => describeLayers([new Relu()], [0]), ShapeError, "inputShape");
  assertThrows(
    () => summarize([new Relu(), conv(3)], [2, 2]),
    ShapeError,
    "Cannot build Conv2d (layer 1): ",
  );
});
