/**
 * A model as a table.
 *
 * @module
 */

import { formatShape, sizeOf } from "../shape.ts";
import { formatTable } from "../text_table.ts";
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
  return formatTable(
    [
      ["", "Input", formatShape(inputShape), "", "", 4 * sizeOf(inputShape)],
      ...rows.map(({ name, shape, numbers }, i) => [`${i}`, name, shape, ...numbers]),
    ],
    [
      { heading: "" },
      { heading: "Layer" },
      { heading: "Output shape" },
      { heading: "Parameters", align: "right" },
      { heading: "FLOPs/example", align: "right" },
      { heading: "Bytes/example", align: "right" },
    ],
    { footer: [["", "Total", "", ...totals]] },
  );
}
