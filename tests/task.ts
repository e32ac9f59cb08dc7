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

/** What a process left. */
export interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

/** Options of {@linkcode runTask}. */
export interface RunTaskOptions {
  env?: Record<string, string>;
  /** Sees the lines of the output as they come. */
  onLine?: (line: string, child: Deno.ChildProcess) => void;
}

/** Runs a task, for a minute at most. */
export async function runTask(
  name: string,
  args: readonly string[],
  options: RunTaskOptions = {},
): Promise<Result> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...await taskCommand(name), ...args],
    cwd: ROOT,
    env: { DENO_DIR, ...options.env },
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(60_000),
  }).spawn();
  const stderr = new Response(child.stderr).text();
  let stdout = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const line = stdout.lastIndexOf("\n") + 1;
    stdout += text;
    const complete = stdout.slice(line, stdout.lastIndexOf("\n") + 1).split("\n").slice(0, -1);
    for (const done of complete) options.onLine?.(done, child);
  }
  // Vulkan's remark about a variable that has nothing to do with this.
  const errors = (await stderr).replaceAll(/^error: XDG_RUNTIME_DIR .*\n/gm, "");
  return { code: (await child.status).code, stdout, stderr: errors };
}
