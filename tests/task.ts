/**
 * Tasks of deno.json as processes of their own, with the permissions that they have there.
 *
 * @module
 */

import { assertEquals } from "@std/assert";

/** The repository. */
export const ROOT: URL = new URL("../", import.meta.url);

/** The arguments for Deno of a task's command, as the shell would split it. */
export async function taskCommand(name: string): Promise<readonly string[]> {
  const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const command: string = config.tasks[name].command;
  const words = [...command.matchAll(/'([^']*)'|"([^"]*)"|\S+/g)].map((m) => m[1] ?? m[2] ?? m[0]);
  assertEquals(words.shift(), "deno");
  const flags = (Deno.env.get("STRATA_FLAGS") ?? "").split(" ").filter((flag) => flag !== "");
  return words.flatMap((word) => word === "$STRATA_FLAGS" ? flags : [word]);
}

/** Where a child finds Deno's cache although its own cache folder is another. */
export const DENO_DIR: string = await (async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
})();
