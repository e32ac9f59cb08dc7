/**
 * A model as a table.
 *
 * @module
 */

import { describeLayers, type FieldOfView } from "../layers/description.ts";
import type { Layer } from "../layers/layer.ts";
import { formatShape, type Shape, sizeOf } from "../shape.ts";
import { formatTable } from "../text_table.ts";
import { formatMemory, type MemoryOptions, predictMemory } from "./memory.ts";

/**
 * The table that `model.summary()` gives, without making a model: for each layer its output shape, receptive field, parameters,
 * FLOPs of the forward step and bytes of the output, the last two for one example.
 *
 * A receptive field `11 / 4` says that an output sees 11 × 11 elements of the network's input, and its neighbour the same, 4
 * elements further on; `all`, that it can see everything. It counts elements of the padding, too. Layers inside others are
 * indented; the numbers of the outer layer are the sums of theirs, its receptive field the largest.
 *
 * @param layers As a `Sequential` takes them.
 * @param inputShape The shape of one input.
 * @param memory If it is given, a second table says what the model takes on the GPU; see {@linkcode predictMemory}.
 * @throws {ShapeError} naming the layer that cannot take its input; what {@linkcode predictMemory} throws.
 *
 * @example
 * ```ts
 * import { Conv2d, Dense, MaxPool2d, summarize } from "@strata/strata";
 *
 * const layers = [
 *   new Conv2d({ filters: 6, kernelSize: 5, padding: 2, activation: "relu" }),
 *   new MaxPool2d({ poolSize: 2 }),
 *   new Dense({ units: 10 }),
 * ];
 * console.log(summarize(layers, [1, 28, 28]));
 * ```
 */
export function summarize(
  layers: readonly Layer[],
  inputShape: Shape,
  memory?: MemoryOptions,
): string {
  const described = describeLayers(layers, inputShape);
  const rows = described.map(({ layer, place, depth, output, field, parameters, flops }) => [
    place,
    "  ".repeat(depth) + (layer.name === undefined ? layer.kind : `${layer.kind} "${layer.name}"`),
    formatShape(output),
    formatField(field),
    parameters,
    flops,
    4 * sizeOf(output),
  ]);
  const outer = described.filter(({ depth }) => depth === 0);
  const total = (of: (each: (typeof outer)[number]) => number) =>
    outer.reduce((sum, each) => sum + of(each), 0);
  const totals = [
    total(({ parameters }) => parameters),
    total(({ flops }) => flops),
    total(({ output }) => 4 * sizeOf(output)),
  ];
  const table = formatTable(
    [["", "Input", formatShape(inputShape), "", "", "", 4 * sizeOf(inputShape)], ...rows],
    [
      { heading: "" },
      { heading: "Layer" },
      { heading: "Output shape" },
      { heading: "Field" },
      { heading: "Parameters", align: "right" },
      { heading: "FLOPs/example", align: "right" },
      { heading: "Bytes/example", align: "right" },
    ],
    { footer: [["", "Total", "", "", ...totals]] },
  );
  if (memory === undefined) return table;
  return `${table}\n\n${formatMemory(predictMemory(layers, inputShape, memory))}`;
}

/** `11 / 4`, `all`, or `3×5 / 1×2` where the dimensions differ. */
function formatField(field: FieldOfView | undefined): string {
  if (field === undefined) return "1";
  if (field === "everything") return "all";
  const format = (values: readonly number[]) =>
    values.every((value) => value === values[0]) ? `${values[0]}` : values.join("×");
  return `${format(field.size)} / ${format(field.jump)}`;
}
