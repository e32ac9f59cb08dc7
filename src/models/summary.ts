/**
 * A model as a table.
 *
 * @module
 */

import { formatShape, sizeOf } from "../shape.ts";
import type { Network } from "../training/network.ts";

/**
 * The table that `model.summary()` gives: for each layer its output shape, parameters, FLOPs of the forward step and bytes of
 * the output, the last two for one example.
 */
export function summarize({ layers, shapes, inputShape }: Network): string {
  const rows = layers.map((layer, i) => {
    const input = shapes[i]!;
    const output = shapes[i + 1]!;
    const parameters = layer.parameters(input).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    return {
      name: layer.name === undefined ? layer.kind : `${layer.kind} "${layer.name}"`,
      shape: formatShape(output),
      numbers: [parameters, layer.flops(input), 4 * sizeOf(output)],
    };
  });
  const totals = [0, 1, 2].map((i) => rows.reduce((sum, row) => sum + row.numbers[i]!, 0));
  const cells = [
    ["", "Layer", "Output shape", "Parameters", "FLOPs/example", "Bytes/example"],
    ["", "Input", formatShape(inputShape), "", "", grouped(4 * sizeOf(inputShape))],
    ...rows.map(({ name, shape, numbers }, i) => [`${i}`, name, shape, ...numbers.map(grouped)]),
    ["", "Total", "", ...totals.map(grouped)],
  ];
  const widths = cells[0]!.map((_, i) => Math.max(...cells.map((row) => row[i]!.length)));
  const lines = cells.map((row) =>
    row.map((cell, i) => i >= 3 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)).join("  ")
      .trimEnd()
  );
  const rule = "─".repeat(Math.max(...lines.map((line) => line.length)));
  return [lines[0], rule, ...lines.slice(1, -1), rule, lines.at(-1)].join("\n");
}

/** 101770 as 101,770. */
function grouped(value: number): string {
  return value.toLocaleString("en-US");
}
