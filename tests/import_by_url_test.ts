/**
 * The module is used as the README says: a script in an empty folder imports `mod.ts` from a web
 * server, which sends every file as plain text. No configuration, no import map, an empty cache, and
 * no permission but that of the import.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { withFolder } from "./folder.ts";

/** Trains XOR and prints the four predictions as the last line. `MODULE` stands for the URL. */
const SCRIPT = `
import { Dataset, Dense, Gpu, Sequential, Sgd } from "MODULE";

using gpu = await Gpu.open();
const x = new Float32Array([0, 0, 0, 1, 1, 0, 1, 1]);
const xor = new Dataset({ x, y: [0, 1, 1, 0], inputShape: [2], classes: 2 });
const model = new Sequential([
  new Dense({ units: 8, activation: "tanh" }),
  new Dense({ units: 2 }),
], { gpu, inputShape: [2], seed: 7 });
model.compile({
  loss: "softmaxCrossEntropy",
  optimizer: new Sgd({ learningRate: 0.2, momentum: 0.9 }),
  metrics: ["accuracy"],
});
await model.fit(xor, { epochs: 300, batchSize: 4 });
const scores = await model.predict(x);
console.log(JSON.stringify([0, 1, 2, 3].map((i) => Number(scores[2 * i + 1] > scores[2 * i]))));
`;

/** Serves the files of the repository as plain text, and notes which were asked for. */
function serve(): { server: Deno.HttpServer<Deno.NetAddr>; requests: string[] } {
  const root = new URL("../", import.meta.url);
  const requests: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const path = new URL(request.url).pathname;
    requests.push(path);
    const headers = { "content-type": "text/plain; charset=utf-8" };
    try {
      return new Response(await Deno.readFile(new URL(`.${path}`, root)), { headers });
    } catch {
      return new Response("not found", { status: 404, headers });
    }
  });
  return { server, requests };
}

Deno.test("a script in an empty folder imports mod.ts by URL and trains XOR", async () => {
  const { server, requests } = serve();
  await withFolder(async (folder) => {
    const address = `127.0.0.1:${server.addr.port}`;
    await Deno.mkdir(`${folder}/empty`);
    await Deno.writeTextFile(
      `${folder}/empty/xor.ts`,
      SCRIPT.replace("MODULE", `http://${address}/mod.ts`),
    );
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-config", "--no-prompt", `--allow-import=${address}`, "xor.ts"],
      cwd: `${folder}/empty`,
      env: { DENO_DIR: `${folder}/cache`, NO_COLOR: "1" },
      signal: AbortSignal.timeout(120_000),
    }).output();
    const [output, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assert(success, `${output}\n${errors}`);
    assertEquals(output!.trim().split("\n").at(-1), "[0,1,1,0]", errors);
    assert(requests.includes("/mod.ts"));
    assert(requests.some((path) => path.startsWith("/kernels/")), "no kernel was fetched");
  }).finally(() => server.shutdown());
});
