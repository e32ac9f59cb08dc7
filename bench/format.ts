/**
 * Figures as text, and what is shown while they are measured.
 *
 * @module
 */

/** Three digits, more before the point. */
export function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** A rate, in thousands of millions; empty for none. */
export function giga(perSecond: number): string {
  return perSecond === 0 ? "" : digits(perSecond / 1e9);
}

/** A share in percent, `53` or `4.2`. */
export function percent(share: number): string {
  return (100 * share).toFixed(share < 0.1 ? 1 : 0);
}

/** `12.3 MiB`; whole below 1000 bytes. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1024;
  return `${unit === 0 ? value : digits(value)} ${units[unit]}`;
}

/** `2.3e-7`. */
export function formatError(error: number): string {
  return error.toExponential(1);
}

/** Says on a terminal what is being measured; "" takes the line away. */
export function showProgress(what: string): void {
  if (!Deno.stderr.isTerminal()) return;
  Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${what === "" ? "" : `${what} …`}`));
}
