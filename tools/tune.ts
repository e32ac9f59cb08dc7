/**
 * `deno task tune`: measures ahead which kernels are the quickest for a network on this adapter, and prints what it found.
 *
 * @module
 */

import {
  formatTable,
  Gpu,
  OptionError,
  type Sequential,
  Sgd,
  type TuningReport,
  type TuningResult,
} from "../mod.ts";
import {
  choice,
  flag,
  helpLines,
  number,
  type Option,
  type OptionTable,
  type OptionValues,
  parseNumber,
  path,
  readCommandLine,
  reportError,
  whole,
} from "./command_line.ts";
import { type ModelChoice, MODELS } from "./train_models.ts";

const OPTIONS = {
  model: choice(Object.keys(MODELS) as (keyof typeof MODELS)[], "mlp", "Network"),
  hidden: sizes("N,N,…", "128", "Units of each hidden layer, with --model mlp"),
  input: sizes("N,N,…", undefined, "Shape of an input, as 3,32,32; default the network's own"),
  classes: whole("N", "10", 2, "Outputs"),
  "batch-size": whole("N", "128", 1, "Examples of a training step"),
  seconds: number("S", "120", { min: 0 }, "Time after which no more is measured"),
  cache: path("Cache file; default in the user's cache folder", "FILE"),
  clear: flag("Forget what is known of this adapter, and measure nothing"),
  help: flag("Show this"),
} satisfies OptionTable;

/** The options by their names on the command line. */
export type TuneTaskOptions = OptionValues<typeof OPTIONS>;

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (error) {
    Deno.exitCode = reportError(error, "tune");
  }
}

async function main(args: readonly string[]): Promise<void> {
  const options = parseOptions(args);
  if (options.help) return console.log(helpText());
  const { cache } = options;
  await using gpu = await Gpu.open({
    tuning: "measure",
    ...(cache === undefined ? {} : { tuningFile: cache }),
  });
  console.log(`Adapter  ${gpu.adapter.name}${gpu.adapter.software ? ", software" : ""}`);
  if (options.clear) {
    await gpu.device.tuning.clear();
    return console.log("Nothing is known of this adapter now.");
  }
  using model = createModel(options, gpu);
  const batchSize = options["batch-size"];
  console.log(`Network  ${options.model}, ${batchSize} examples a step\n`);
  const terminal = Deno.stderr.isTerminal();
  const report = await model.tune({
    batchSize,
    seconds: options.seconds,
    onRequest: (label, index, count) => {
      if (terminal) console.error(`${index + 1}/${count}  ${label}`);
    },
  });
  console.log(reportText(report));
}

/** Reads a command line. @throws {OptionError} naming the option that is wrong. */
export function parseOptions(args: readonly string[]): TuneTaskOptions {
  const { options, isGiven } = readCommandLine(OPTIONS, args);
  if (isGiven("hidden") && options.model !== "mlp") {
    throw new OptionError(`--hidden: expected none with --model ${options.model}, got one`);
  }
  return options;
}

/** What `--help` prints. */
export function helpText(): string {
  return `Measures which kernels are the quickest for the training steps of a network on this adapter.

  deno task tune [option …]

${helpLines(OPTIONS, Object.keys(OPTIONS)).join("\n")}

The networks: ${Object.keys(MODELS).join(", ")}.

What is found is kept in a file, which a script uses with Gpu.open({ tuning: "cache" }), and
deno task train with --tuning cache. What the file knows already is not measured again.`;
}

/** What was found, as a table. */
export function reportText({ results, left, seconds, file }: TuningReport): string {
  const rows = results.map((result) => [
    result.label,
    result.builtIn,
    milliseconds(result.builtInMilliseconds),
    result.best === result.builtIn ? "the same" : result.best,
    milliseconds(result.bestMilliseconds),
    gainOf(result),
    result.measured ? `${result.tried}` : "known",
    result.rejected.length > 0 ? `${result.rejected.length}` : "",
  ]);
  const table = formatTable(rows, [
    { heading: "Operation" },
    { heading: "Built-in choice" },
    { heading: "ms", align: "right" },
    { heading: "Best" },
    { heading: "ms", align: "right" },
    { heading: "Gain", align: "right" },
    { heading: "Tried", align: "right" },
    { heading: "Rejected", align: "right" },
  ]);
  const rejected = results.flatMap(({ label, rejected }) =>
    rejected.map((reason) => `  ${label}: ${reason}`)
  );
  const measured = results.filter((result) => result.measured).length;
  return [
    table,
    ...(rejected.length === 0 ? [] : ["", "Rejected, and never used:", ...rejected]),
    "",
    `Measured ${measured} of ${results.length + left} in ${seconds.toFixed(1)} s` +
    (left === 0 ? "." : `; for ${left} the time was too short: they use the built-in choice.`),
    file === undefined
      ? "Kept in memory only: the cache file cannot be written, or may not."
      : `Kept in ${file}`,
  ].join("\n");
}

/** How many times as fast the best is, `1.25×`. */
function gainOf({ builtInMilliseconds, bestMilliseconds }: TuningResult): string {
  if (builtInMilliseconds === undefined || bestMilliseconds === undefined) return "";
  return `${(builtInMilliseconds / bestMilliseconds).toFixed(2)}×`;
}

function milliseconds(time: number | undefined): string {
  return time === undefined ? "–" : time.toFixed(time < 10 ? 3 : 1);
}

function createModel(
  { model: name, hidden, input, classes }: TuneTaskOptions,
  gpu: Gpu,
): Sequential {
  const { create }: ModelChoice = MODELS[name];
  const model = create({
    ...{ gpu, classes, hidden: hidden ?? [], activation: "relu", dropout: 0 },
    ...(input === undefined ? {} : { inputShape: input }),
  });
  model.compile({ loss: "softmaxCrossEntropy", optimizer: new Sgd({ learningRate: 0.1 }) });
  return model;
}

function sizes<D extends string | undefined>(
  value: string,
  fallback: D,
  help: string,
): Option<readonly number[] | (D extends string ? never : undefined)> {
  const parse = (text: string, option: string) =>
    text.split(",").map((size) => parseNumber(size, option, { min: 1, integer: true }));
  return { value, help, parse, ...(fallback === undefined ? {} : { default: fallback }) };
}
