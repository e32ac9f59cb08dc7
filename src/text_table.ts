/**
 * Tables of text, for terminals.
 *
 * @module
 */

/** One column of a table. */
export interface TableColumn {
  /** What stands above it. */
  readonly heading: string;
  /** The side at which its cells are flush, "left" by default. */
  readonly align?: "left" | "right";
}

/** What a table holds: text, or numbers, which are grouped by thousands. */
export type TableCell = string | number;

/**
 * The rows, in columns as wide as they have to be, two spaces apart, below a heading and a rule.
 *
 * @param rows The cells, row by row; a cell that is missing at the end of a row is empty.
 * @param columns The columns, from left to right.
 * @param options `footer`: rows below a second rule, such as sums.
 * @returns Lines without spaces at their ends, joined by line feeds; none at the end.
 *
 * @example
 * ```ts
 * import { formatTable } from "@strata/strata";
 *
 * const columns = [{ heading: "City" }, { heading: "Inhabitants", align: "right" }] as const;
 * const rows = [["Oslo", 717_710], ["Bergen", 291_940]];
 * console.log(formatTable(rows, columns, { footer: [["Both", 1_009_650]] }));
 * ```
 */
export function formatTable(
  rows: readonly (readonly TableCell[])[],
  columns: readonly TableColumn[],
  options: { readonly footer?: readonly (readonly TableCell[])[] } = {},
): string {
  const text = (cells: readonly TableCell[]) =>
    columns.map((_, i) => {
      const cell = cells[i] ?? "";
      return typeof cell === "number" ? cell.toLocaleString("en-US") : cell;
    });
  const groups = [[columns.map(({ heading }) => heading)], rows.map(text)];
  if (options.footer !== undefined) groups.push(options.footer.map(text));
  const widths = columns.map((_, i) =>
    Math.max(...groups.flatMap((group) => group.map((cells) => widthOf(cells[i]!))))
  );
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => {
      const space = " ".repeat(widths[i]! - widthOf(cell));
      return columns[i]!.align === "right" ? space + cell : cell + space;
    }).join("  ").trimEnd();
  const lines = groups.map((group) => group.map(line));
  const rule = "─".repeat(Math.max(0, ...lines.flat().map(widthOf)));
  return lines.filter((group) => group.length > 0).map((group) => group.join("\n"))
    .join(`\n${rule}\n`);
}

/** Columns of a terminal that a text takes, if its characters take one each. */
function widthOf(text: string): number {
  return [...text].length;
}
