/**
 * `deno task train` as a process of its own, for the tests of the task.
 *
 * @module
 */

import { DENO_DIR, ROOT, taskCommand } from "./task.ts";

const COMMAND = await taskCommand("train");

/** What a process left. */
export interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs the task. `onLine` sees the lines of its output as they come. */
export async function train(
  args: readonly string[],
  options: {
    env?: Record<string, string>;
    onLine?: (line: string, child: Deno.ChildProcess) => void;
  } = {},
): Promise<Result> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...COMMAND, ...args],
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

/** Calls `body` with an empty folder, which is removed in the end. */
export async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "strata-" });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
