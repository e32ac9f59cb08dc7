/**
 * What all file formats share: the error that names the place, and writing that survives interruption.
 *
 * @module
 */

import { FormatError } from "../errors.ts";

/**
 * The error of a malformed file: `name: at byte 4: expected …, got …`.
 *
 * @param file Name of the file.
 * @param offset Byte at which the file stops making sense, from 0.
 * @param expected What a well-formed file has there.
 * @param got What this file has there.
 */
export function formatError(
  file: string,
  offset: number,
  expected: string,
  got: string,
): FormatError {
  return new FormatError(`${file}: at byte ${offset}: expected ${expected}, got ${got}`);
}

/**
 * Writes a file so that at every moment, also after a crash or a power cut, the path holds either all of
 * the old bytes or all of the new ones: the bytes go to a new file in the same folder, which is synced,
 * renamed over the path, and made durable by syncing the folder. If anything fails, the old file stays
 * as it was and the new one is removed (a killed process can leave a `.strata-….tmp` behind).
 *
 * Needs permission to write the folder, and to read it for the sync. A symbolic link at the path is
 * replaced, not followed.
 *
 * @param path The file to write or replace; its folder must exist.
 * @param bytes The whole new content.
 * @throws {Deno.errors.NotFound} if the folder does not exist; other errors of the file system alike.
 *
 * @example
 * ```ts
 * import { writeFileAtomic } from "@strata/strata";
 *
 * async function saveNote(text: string): Promise<void> {
 *   await writeFileAtomic("note.txt", new TextEncoder().encode(text));
 * }
 * ```
 */
export async function writeFileAtomic(path: string | URL, bytes: Uint8Array): Promise<void> {
  const folder = folderOf(path);
  const temporary = joinPath(folder, `.strata-${crypto.randomUUID()}.tmp`);
  // Opened before anything is written: a folder that cannot be synced is reported while the old file is
  // still in place. Windows cannot open folders, and makes the rename durable by itself.
  using directory = Deno.build.os === "windows" ? undefined : await Deno.open(folder);
  try {
    {
      using file = await Deno.open(temporary, { write: true, createNew: true });
      for (let written = 0; written < bytes.length;) {
        written += await file.write(bytes.subarray(written));
      }
      await file.sync();
    }
    await Deno.rename(temporary, path);
  } catch (error) {
    // The first error is the one to report; the file may not even have been created.
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
  await directory?.sync();
}

/** All parts, one after the other. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let start = 0;
  for (const part of parts) {
    whole.set(part, start);
    start += part.length;
  }
  return whole;
}

/** The path of the file `name` in `folder`, which is a URL or a path of the file system. */
export function joinPath(folder: string | URL, name: string): string | URL {
  if (folder instanceof URL) {
    const base = new URL(folder);
    if (!base.pathname.endsWith("/")) base.pathname += "/";
    return new URL(encodeURIComponent(name), base);
  }
  return /[/\\]$/.test(folder) ? folder + name : `${folder}/${name}`;
}

/** The folder in which the file at `path` lies. */
function folderOf(path: string | URL): string | URL {
  if (path instanceof URL) return new URL(".", path);
  const separators = Deno.build.os === "windows" ? /[/\\]/ : /\//;
  let end = path.length;
  while (end > 0 && !separators.test(path[end - 1]!)) end--;
  return end === 0 ? "." : path.slice(0, end);
}
