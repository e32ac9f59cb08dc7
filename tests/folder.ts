/**
 * Empty folders for tests.
 *
 * @module
 */

/** Calls `body` with an empty folder, which is removed in the end. */
export async function withFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "strata-" });
  try {
    return await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
