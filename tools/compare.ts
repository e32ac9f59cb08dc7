/**
 * Prints the lecture's two tables of solvers, for logistic regression and for a network, filled in by measuring: `deno task compare`.
 *
 * @module
 */

import { compareOptimizers, compareSolvers, Dataset, Dense, Gpu, writeFileAtomic } from "../mod.ts";
import { joinPath } from "../src/data/files.ts";
import {
  choice,
  flag,
  helpLines,
  number,
  path,
  readCommandLine,
  reportError,
  text,
  whole,
} from "./command_line.ts";
import { comparisonCharts, type NamedCurve } from "./comparison_charts.ts";
import { type ComparisonData, loadComparisonData } from "./comparison_data.ts";
import { formatLogistic, formatNetwork, METHOD_NAMES } from "./comparison_text.ts";

const OPTIONS = {
  problem: choice(
    ["both", "logistic", "mlp"],
    "both",
    "Logistic regression, or a hidden layer too",
  ),
  data: path("Folder of MNIST, or a CSV file; default drawn digits", "PATH"),
  label: text("NAME", "Column of the CSV file to predict"),
  examples: whole("N", "500", 2, "The first N, or all there are"),
  l2: number("VALUE", "0.01", { min: 0 }, "Weight of |w|² / 2, of logistic regression"),
  hidden: whole("N", "32", 1, "Units of the network's hidden layer"),
  "batch-size": whole("N", "32", 1, "Examples of a step of the network's SGD"),
  passes: whole("N", "50", 1, "Most passes over the data, of SGD and of the network"),
  seed: whole("SEED", "0", 0, "Draws digits and weights, orders the examples", 2 ** 32 - 1),
  out: { ...path("Folder for the pictures"), default: "runs/compare" },
  help: flag("Show this"),
};

const HELP = `Compares solvers on even against odd digits, or on the records of a CSV file.

  deno task compare [option …]

${helpLines(OPTIONS, Object.keys(OPTIONS)).join("\n")}`;

type Options = ReturnType<typeof readCommandLine<typeof OPTIONS>>["options"];

if (import.meta.main) Deno.exitCode = await main(Deno.args);

async function main(args: readonly string[]): Promise<number> {
  try {
    const { options } = readCommandLine(OPTIONS, args);
    if (options.help) console.log(HELP);
    else await compare(options);
    return 0;
  } catch (error) {
    return reportError(error, "compare");
  }
}

async function compare(options: Options): Promise<void> {
  const data = await loadComparisonData(options);
  await using gpu = await Gpu.open();
  const { name, y, features } = data;
  console.log(
    `${name}: ${y.length} examples of ${features} numbers; ${gpu.adapter.name}`,
  );
  if (options.problem !== "mlp") await compareLogistic(gpu, data, options);
  if (options.problem !== "logistic") await compareNetwork(gpu, data, options);
}

async function compareLogistic(gpu: Gpu, data: ComparisonData, options: Options): Promise<void> {
  const { x, y, features, classes } = data;
  const { l2, passes, seed } = options;
  const problem = { x, y, features, classes, l2 };
  const found = await compareSolvers(gpu, problem, { passes, seed });
  console.log(`\nLogistic regression, l2 = ${l2}\n${formatLogistic(found, x.byteLength)}`);
  const curves = found.rows.map(({ options, curve }) => ({
    name: METHOD_NAMES[options.solver],
    curve,
  }));
  await saveCharts("logistic", "Logistic regression", "(f − f*) / f*", curves, options);
}

async function compareNetwork(gpu: Gpu, data: ComparisonData, options: Options): Promise<void> {
  const { x, y, features, classes } = data;
  const { hidden, passes, seed, "batch-size": batchSize } = options;
  const title = `Network ${features}-${hidden}-${classes}`;
  const layers = [
    new Dense({ units: hidden, activation: "tanh" }),
    new Dense({ units: classes }),
  ];
  const examples = new Dataset({ x, y, classes, inputShape: [features] });
  const found = await compareOptimizers(gpu, layers, examples, { passes, seed, batchSize });
  console.log(`\n${title}, tanh\n${formatNetwork(found, x.byteLength)}`);
  const curves = found.rows.map(({ method, curve }) => ({ name: METHOD_NAMES[method], curve }));
  await saveCharts("mlp", title, "f / f₀", curves, options);
}

async function saveCharts(
  problem: string,
  title: string,
  distance: string,
  curves: readonly NamedCurve[],
  { out: folder }: Options,
): Promise<void> {
  const charts = comparisonCharts(title, distance, curves);
  await Deno.mkdir(folder!, { recursive: true });
  const files = Object.entries(charts).map(([axis, svg]) => ({
    path: joinPath(folder!, `${problem}-${axis}.svg`),
    svg,
  }));
  for (const { path, svg } of files) await writeFileAtomic(path, new TextEncoder().encode(svg));
  console.log(`\nCurves: ${files.map(({ path }) => path).join(", ")}`);
}
