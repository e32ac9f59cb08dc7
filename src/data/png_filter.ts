/**
 * The filters of PNG: each row is stored as differences from a prediction, which pack better than the bytes themselves.
 *
 * @see https://www.w3.org/TR/png-3/#9Filters
 * @module
 */

/** The filter that {@linkcode addFilter} uses, for photographs and drawings the best single one. */
const PAETH = 4;

/**
 * The bytes of rows whose first byte says which filter was used.
 *
 * @param rowBytes Bytes of a row, with the first one.
 * @param step Bytes of a pixel.
 * @param reject Called for a filter that does not exist; must throw.
 */
export function removeFilters(
  rows: Uint8Array,
  rowBytes: number,
  step: number,
  reject: (row: number, filter: number) => never,
): Uint8Array<ArrayBuffer> {
  const width = rowBytes - 1;
  const count = rows.length / rowBytes;
  const bytes = new Uint8Array(count * width);
  for (let row = 0; row < count; row++) {
    const filter = rows[row * rowBytes]!;
    if (filter > PAETH) reject(row, filter);
    for (let i = 0; i < width; i++) {
      const at = row * width + i;
      const left = i >= step ? bytes[at - step]! : 0;
      const above = row > 0 ? bytes[at - width]! : 0;
      const corner = i >= step && row > 0 ? bytes[at - width - step]! : 0;
      // Kept modulo 256 by the array.
      bytes[at] = rows[row * rowBytes + 1 + i]! + predict(filter, left, above, corner);
    }
  }
  return bytes;
}

/** Rows with a filter: its number, then the differences. */
export function addFilter(
  bytes: Uint8Array,
  width: number,
  step: number,
): Uint8Array<ArrayBuffer> {
  const count = bytes.length / width;
  const rows = new Uint8Array(count * (1 + width));
  for (let row = 0; row < count; row++) {
    rows[row * (1 + width)] = PAETH;
    for (let i = 0; i < width; i++) {
      const at = row * width + i;
      const left = i >= step ? bytes[at - step]! : 0;
      const above = row > 0 ? bytes[at - width]! : 0;
      const corner = i >= step && row > 0 ? bytes[at - width - step]! : 0;
      rows[row * (1 + width) + 1 + i] = bytes[at]! - predict(PAETH, left, above, corner);
    }
  }
  return rows;
}

/** None, the byte at the left, the one above, their mean, or of left, above and corner the nearest to left + above − corner. */
function predict(filter: number, left: number, above: number, corner: number): number {
  switch (filter) {
    case 0:
      return 0;
    case 1:
      return left;
    case 2:
      return above;
    case 3:
      return (left + above) >> 1;
    default: {
      const [toLeft, toAbove] = [Math.abs(above - corner), Math.abs(left - corner)];
      const toCorner = Math.abs(left + above - 2 * corner);
      if (toLeft <= toAbove && toLeft <= toCorner) return left;
      return toAbove <= toCorner ? above : corner;
    }
  }
}
