/**
 * Models as safetensors files: the parameters and buffers under PyTorch's names, and the layers as JSON in the metadata.
 *
 * @module
 */

import { writeFileAtomic } from "../data/files.ts";
import { encodeSafetensors, parseSafetensors, type SafeTensors } from "../data/safetensors.ts";
import { FormatError } from "../errors.ts";
import type { Layer } from "../layers/layer.ts";
import { layersFromConfig, layerToConfig } from "../layers/registry.ts";
import { formatShape, type Shape, shapesEqual } from "../shape.ts";
import type { Network } from "../training/network.ts";
import type { LayerBuffer, ParameterStore } from "../training/parameters.ts";

/** The metadata key of the layers, and the version of what it holds. */
const KEY = "strata";
const VERSION = 1;

/** A model's architecture as a file keeps it. */
export interface Architecture {
  readonly inputShape: Shape;
  readonly layers: readonly Layer[];
}

/** Writes a model; the file is replaced only when the new one is complete. */
export async function saveModel(path: string | URL, network: Network): Promise<void> {
  const { parameters } = network;
  const [values, state] = await Promise.all([
    parameters.values.read(),
    parameters.bufferValues?.read(),
  ]);
  const cut = (flat: Float32Array, { name, shape, value }: LayerBuffer) => {
    const begin = value.offset / 4;
    return [name, { shape, data: flat.subarray(begin, begin + value.size) }] as const;
  };
  const tensors = new Map([
    ...parameters.list().map((each) => cut(values, each)),
    ...parameters.listBuffers().map((each) => cut(state!, each)),
  ]);
  const architecture = JSON.stringify({
    version: VERSION,
    inputShape: network.inputShape,
    layers: network.layers.map(layerToConfig),
  });
  await writeFileAtomic(path, encodeSafetensors(tensors, { format: "pt", [KEY]: architecture }));
}

/** Reads a file whole. @throws {FormatError} if it is no safetensors file. */
export async function readModelFile(path: string | URL): Promise<SafeTensors> {
  return parseSafetensors(await Deno.readFile(path), String(path));
}

/** @throws {FormatError} if the file has no architecture, or one that cannot be built. */
export function architectureOf({ metadata }: SafeTensors, file: string): Architecture {
  const text = metadata[KEY];
  if (text === undefined) {
    throw new FormatError(
      `${file}: the metadata has no "${KEY}", so the layers are unknown; ` +
        "build the model and use its loadParameters instead",
    );
  }
  let json: { version?: unknown; inputShape?: unknown; layers?: unknown };
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new FormatError(`${file}: metadata "${KEY}": ${(error as Error).message}`);
  }
  const { version, inputShape, layers } = json ?? {};
  if (version !== VERSION) {
    throw new FormatError(`${file}: expected version ${VERSION} of the layers, got ${version}`);
  }
  const isSize = (value: unknown) => Number.isSafeInteger(value) && (value as number) > 0;
  if (!Array.isArray(inputShape) || !inputShape.every(isSize)) {
    throw new FormatError(
      `${file}: inputShape: expected dimensions, got ${JSON.stringify(inputShape)}`,
    );
  }
  return { inputShape, layers: layersFromConfig(layers, file) };
}

/** What PyTorch's batch normalisation counts and this module does not need. */
const BATCHES = "num_batches_tracked";

/**
 * Writes the file's tensors into the parameters and buffers. Each may have the name of its place, `0.weight`, or that of its
 * layer, `features.0.weight`. PyTorch's `num_batches_tracked` beside a buffer is passed over.
 *
 * @throws {FormatError} if a parameter or buffer is missing, has another shape, or is one too many; nothing is changed then.
 */
export function loadParameters(
  { tensors }: SafeTensors,
  parameters: ParameterStore,
  file: string,
): void {
  const buffers = parameters.listBuffers();
  const all = [...parameters.list(), ...buffers];
  const names = namesInFiles(all);
  const found = all.map((each, i) => {
    const own = names[i]!;
    const name = own.find((candidate) => tensors.has(candidate));
    const tensor = name === undefined ? undefined : tensors.get(name);
    if (name === undefined || tensor === undefined || !shapesEqual(tensor.shape, each.shape)) {
      const quoted = (name === undefined ? own : [name]).map((candidate) => `"${candidate}"`);
      const got = tensor === undefined ? "nothing" : formatShape(tensor.shape);
      throw new FormatError(
        `${file}: expected ${quoted.join(" or ")} of shape ${formatShape(each.shape)}, got ${got}`,
      );
    }
    return { name, tensor, value: each.value };
  });
  const known = new Set([
    ...found.map(({ name }) => name),
    ...found.slice(all.length - buffers.length).map(({ name }) => name.replace(/[^.]*$/, BATCHES)),
  ]);
  const extra = [...tensors.keys()].find((name) => !known.has(name));
  if (extra !== undefined) throw new FormatError(`${file}: the model has no parameter "${extra}"`);
  for (const { value, tensor } of found) value.write(tensor.data);
}

/** The names that a file may use for each: that of its place, and that of its layer if no other has the same. */
function namesInFiles(all: readonly LayerBuffer[]): string[][] {
  const uses = new Map<string, number>();
  for (const { name, alias } of all) {
    for (const each of new Set([name, alias])) uses.set(each, (uses.get(each) ?? 0) + 1);
  }
  return all.map(({ name, alias }) =>
    alias === name || uses.get(alias)! > 1 ? [name] : [name, alias]
  );
}
