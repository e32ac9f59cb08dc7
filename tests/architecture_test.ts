/**
 * The architecture, as a table and three rules: imports point one way, nothing imports itself by a
 * detour, and no specifier needs an import map. The rules are functions of a list of modules, so that
 * the tests below can show that they catch what they are for.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";

/** Every part of the module: its files or folders, and the parts that these may import besides. */
const PARTS: Record<string, [files: string, imports: string]> = {
  kernels: ["kernels/", ""],
  pure: [
    "src/errors.ts src/shape.ts src/options.ts src/random.ts src/text_table.ts " +
    "src/window_options.ts src/convolution_shape.ts src/singular_values.ts src/filter_kernels.ts " +
    "src/convergence.ts",
    "",
  ],
  reference: ["src/reference/", "pure"],
  data: ["src/data/", "pure"],
  gpu: ["src/gpu/", "pure kernels"],
  ops: ["src/ops/", "pure gpu kernels"],
  layers: ["src/layers/", "pure gpu ops"],
  losses: ["src/losses/", "pure gpu ops"],
  optimizers: ["src/optimizers/", "pure gpu ops"],
  solvers: ["src/solvers/", "pure gpu ops optimizers"],
  training: ["src/training/", "pure data gpu layers losses optimizers ops"],
  models: ["src/models/", "pure data reference gpu ops layers losses optimizers solvers training"],
  report: [
    "src/report/",
    "pure data reference gpu ops layers losses optimizers solvers models training",
  ],
  public: [
    "mod.ts",
    "pure data reference gpu ops layers losses optimizers solvers models training report",
  ],
};

/** A file of the module, named from the repository's root, and what it imports, types included. */
interface Module {
  file: string;
  imports: { specifier: string; file: string }[];
}

/** The part of {@linkcode PARTS} that a file belongs to. */
function partOf(file: string): string | undefined {
  const holds = (name: string) => name.endsWith("/") ? file.startsWith(name) : file === name;
  return Object.keys(PARTS).find((part) => PARTS[part]![0].split(" ").some(holds));
}

/** Imports that are not relative, or that lead out of the repository. */
function foreignImports(modules: Module[]): string[] {
  return modules.flatMap(({ file, imports }) =>
    imports
      .filter((to) => !/^\.\.?\//.test(to.specifier) || to.file.includes(":"))
      .map(({ specifier }) => `${file} imports ${specifier}: only relative files are allowed`)
  );
}

/** Imports that {@linkcode PARTS} does not allow, and files that it does not know. */
function forbiddenImports(modules: Module[]): string[] {
  return modules.filter(({ file }) => !file.includes(":")).flatMap(({ file, imports }) => {
    const part = partOf(file);
    if (part === undefined) return [`${file} belongs to no part: add it to the table`];
    return imports.flatMap((to) => {
      const other = partOf(to.file);
      if (other === undefined || other === part) return [];
      return PARTS[part]![1].split(" ").includes(other)
        ? []
        : [`${file} imports ${to.file}: ${part} must not know ${other}`];
    });
  });
}

/** Circles of imports, each written once, from its first file back to it. */
function cycles(modules: Module[]): string[] {
  const imports = new Map(modules.map((module) => [module.file, module.imports]));
  const found: string[] = [];
  const finished = new Set<string>();
  function visit(file: string, path: string[]): void {
    const start = path.indexOf(file);
    if (start >= 0) found.push([...path.slice(start), file].join(" → "));
    if (start >= 0 || finished.has(file)) return;
    for (const to of imports.get(file) ?? []) visit(to.file, [...path, file]);
    finished.add(file);
  }
  for (const { file } of modules) visit(file, []);
  return found;
}

/** Files outside `src/gpu` whose text mentions the entry point of WebGPU. */
function gpuMentions(texts: Iterable<[file: string, text: string]>): string[] {
  return [...texts]
    .filter(([file, text]) => partOf(file) !== "gpu" && /\bnavigator\s*\??\.\s*gpu\b/.test(text))
    .map(([file]) => `${file} mentions navigator.gpu: only src/gpu may`);
}

/** What `deno info --json` says, as far as it is used here. */
interface Info {
  modules: {
    specifier: string;
    error?: string;
    dependencies?: {
      specifier: string;
      code?: { specifier?: string };
      type?: { specifier?: string };
    }[];
  }[];
}

/** The modules of `deno info --json`; a file inside `root` loses that prefix. */
function modulesOf(info: Info, root: string): Module[] {
  const local = (url: string) => url.startsWith(root) ? url.slice(root.length) : url;
  return info.modules.map((module) => ({
    file: local(module.specifier),
    imports: (module.dependencies ?? []).map(({ specifier, code, type }) => ({
      specifier,
      file: local(code?.specifier ?? type?.specifier ?? `unresolved:${specifier}`),
    })),
  }));
}

const ROOT = new URL("../", import.meta.url);

/** The graph of one file of the repository, read without configuration and without a network. */
async function readGraph(file: string): Promise<Module[]> {
  const args = ["info", "--json", "--no-config", "--no-remote", "--no-npm", file];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT })
    .output();
  assert(success, new TextDecoder().decode(stderr));
  const info: Info = JSON.parse(new TextDecoder().decode(stdout));
  const broken = info.modules.filter(({ specifier, error }) =>
    error !== undefined && specifier.startsWith(ROOT.href)
  );
  assertEquals(broken.map(({ error }) => error), [], `the graph of ${file} is broken`);
  return modulesOf(info, ROOT.href);
}

/** All TypeScript files below a folder of the repository. */
async function sourceFiles(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of Deno.readDir(new URL(folder, ROOT))) {
    if (entry.isDirectory) files.push(...await sourceFiles(`${folder}${entry.name}/`));
    else if (entry.name.endsWith(".ts")) files.push(folder + entry.name);
  }
  return files.sort();
}

/** All files that mod.ts reaches, and the files of src that it does not. */
async function readModules(): Promise<Module[]> {
  const modules = new Map<string, Module>();
  for (const root of ["mod.ts", ...await sourceFiles("src/")]) {
    if (modules.has(root)) continue;
    for (const module of await readGraph(root)) modules.set(module.file, module);
  }
  return [...modules.values()];
}

Deno.test("architecture", async (t) => {
  const modules = await readModules();
  const sources = modules.filter(({ file }) => /\.ts$/.test(file) && !file.includes(":"));
  await t.step("the graph is that of the module", () => {
    assert(sources.some(({ file, imports }) => file === "mod.ts" && imports.length > 0));
  });
  await t.step("every specifier is relative", () => assertEquals(foreignImports(modules), []));
  await t.step("every import points down", () => assertEquals(forbiddenImports(modules), []));
  await t.step("no import leads back", () => assertEquals(cycles(modules), []));
  await t.step("only src/gpu touches navigator.gpu", async () => {
    const texts = sources.map(async ({ file }): Promise<[string, string]> => [
      file,
      await Deno.readTextFile(new URL(file, ROOT)),
    ]);
    assertEquals(gpuMentions(await Promise.all(texts)), []);
  });
});

/** A list of modules from lines like "src/ops/sum.ts: ../gpu/device.ts". */
function modules(...lines: string[]): Module[] {
  return lines.map((line) => {
    const [file = "", specifiers = ""] = line.split(":", 2);
    return {
      file,
      imports: specifiers.split(" ").filter((specifier) => specifier !== "").map((specifier) => ({
        specifier,
        file: new URL(specifier, `file:///${file}`).href.replace("file:///", ""),
      })),
    };
  });
}

Deno.test("architecture: a sound list of modules passes", () => {
  const sound = modules(
    "mod.ts: ./src/report/chart.ts ./src/errors.ts ./src/data/idx.ts",
    "src/report/chart.ts: ../training/history.ts",
    "src/training/history.ts: ../data/idx.ts ../layers/layer.ts",
    "src/models/sequential.ts: ../layers/dense.ts ../losses/mse.ts ../optimizers/sgd.ts ../training/fit.ts",
    "src/layers/dense.ts: ./layer.ts ../ops/matmul.ts ../errors.ts",
    "src/ops/matmul.ts: ../gpu/device.ts ../../kernels/matmul.wgsl",
    "src/gpu/device.ts: ../errors.ts ../../kernels/probe.wgsl",
    "src/errors.ts: ./shape.ts",
    "src/reference/matmul.ts: ../shape.ts",
    "src/data/idx.ts: ../errors.ts ./files.ts",
    "kernels/matmul.wgsl",
  );
  assertEquals([...foreignImports(sound), ...forbiddenImports(sound), ...cycles(sound)], []);
});

Deno.test("architecture: an import that points up is caught", async (t) => {
  const up = [
    "src/errors.ts: ./gpu/device.ts",
    "src/gpu/device.ts: ../ops/matmul.ts",
    "src/ops/matmul.ts: ../layers/dense.ts",
    "src/layers/dense.ts: ../models/sequential.ts",
    "src/layers/dense.ts: ../optimizers/sgd.ts",
    "src/layers/dense.ts: ../training/fit.ts",
    "src/layers/dense.ts: ../data/idx.ts",
    "src/optimizers/sgd.ts: ../layers/dense.ts",
    "src/training/fit.ts: ../models/sequential.ts",
    "src/training/fit.ts: ../report/chart.ts",
    "src/data/idx.ts: ../gpu/device.ts",
    "src/data/idx.ts: ../reference/matmul.ts",
    "src/reference/matmul.ts: ../ops/matmul.ts",
    "src/report/chart.ts: ../../mod.ts",
    "src/layers/dense.ts: ../../kernels/matmul.wgsl",
    "src/models/sequential.ts: ../../kernels/matmul.wgsl",
    "mod.ts: ./kernels/matmul.wgsl",
  ];
  for (const line of up) {
    await t.step(line, () => {
      const problems = forbiddenImports(modules(line));
      assertEquals(problems.length, 1);
      assertMatch(problems[0]!, / must not know /);
    });
  }
  await t.step("a file that the table does not know", () => {
    assertEquals(forbiddenImports(modules("src/utils.ts", "src/extra/file.ts")).length, 2);
  });
});

Deno.test("architecture: a circle of imports is caught", () => {
  const circle = modules(
    "src/shape.ts: ./errors.ts",
    "src/errors.ts: ./options.ts",
    "src/options.ts: ./shape.ts",
    "src/gpu/device.ts: ../shape.ts ./device.ts",
  );
  assertEquals(cycles(circle), [
    "src/shape.ts → src/errors.ts → src/options.ts → src/shape.ts",
    "src/gpu/device.ts → src/gpu/device.ts",
  ]);
  assertEquals(cycles(circle.slice(1)).length, 1);
});

Deno.test("architecture: a specifier that is not relative is caught", async (t) => {
  for (
    const specifier of [
      "@std/assert",
      "@strata/strata",
      "jsr:@std/assert@1",
      "npm:deno-std",
      "node:fs",
      "https://example.com/mod.ts",
      "/src/shape.ts",
      "../../outside.ts",
    ]
  ) {
    await t.step(specifier, () => {
      const root = "file:///root/";
      const info = {
        modules: [{
          specifier: `${root}src/shape.ts`,
          dependencies: [
            { specifier: "./errors.ts", code: { specifier: `${root}src/errors.ts` } },
            { specifier, code: { specifier: new URL(specifier, "file:///root/src/").href } },
            { specifier, type: {} },
          ],
        }],
      };
      assertEquals(foreignImports(modulesOf(info, root)).length, 2);
    });
  }
});

Deno.test("architecture: a mention of navigator.gpu outside src/gpu is caught", () => {
  const texts: [string, string][] = [
    ["src/gpu/device.ts", "await navigator.gpu.requestAdapter()"],
    ["src/ops/matmul.ts", "navigator?.gpu"],
    ["src/layers/dense.ts", "navigator\n  .gpu"],
    ["src/models/sequential.ts", "navigator.gpus; gpu.navigator"],
  ];
  assertEquals(gpuMentions(texts).length, 2);
});
