/**
 * Figures in files, which are whole or not there.
 *
 * @module
 */

import { writeFileAtomic } from "../src/data/files.ts";
import { OptionError } from "../src/errors.ts";

/**
 * Tries whether a file could be written, since that is better known before the measurements.
 *
 * @throws {OptionError} if it is a folder.
 * @throws {Error} of the system, if it cannot be written there.
 */
export async function checkWritable(file: string): Promise<void> {
  const found = await Deno.stat(file).catch(() => undefined);
  if (found?.isDirectory) throw new OptionError(`${file} is a folder: expected a file`);
  const probe = `${file}.${crypto.randomUUID()}`;
  await Deno.writeTextFile(probe, "");
  await Deno.remove(probe);
}

/** Writes a file at once. */
export async function writeJson(file: string, content: unknown): Promise<void> {
  const text = JSON.stringify(content, undefined, 2) + "\n";
  await writeFileAtomic(file, new TextEncoder().encode(text));
}
