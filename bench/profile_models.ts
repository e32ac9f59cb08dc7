/**
 * The networks whose training step `deno task profile` takes apart.
 *
 * @module
 */

import { OptionError } from "../src/errors.ts";
import { Dense } from "../src/layers/dense.ts";
import { googlenetSmallLayers } from "../src/models/inception.ts";
import { vgg11Layers } from "../src/models/vgg.ts";
import { CONVOLUTIONAL_NETWORKS, denseNetwork, type NetworkSize } from "./training_workloads.ts";

/** Examples of a step of dense layers, and of the data set that they are taken from. */
const DENSE = { batch: 128, examples: 60_000 };

/** Units of dense layers, as in `784-128-10`. */
const UNITS = /^[1-9]\d{0,5}(-[1-9]\d{0,5})+$/;

/** The networks by name; any other name that lists units is one of dense layers. */
export const PROFILE_MODELS: readonly NetworkSize[] = [
  { ...denseNetwork([784, 128, 10], DENSE), name: "mlp" },
  { ...DENSE, name: "logistic", layers: [new Dense({ units: 10 })], inputShape: [784] },
  ...CONVOLUTIONAL_NETWORKS,
  { name: "googlenet-small", layers: googlenetSmallLayers(), inputShape: [3, 32, 32], batch: 64 },
  { name: "vgg11", layers: vgg11Layers(), inputShape: [3, 224, 224], batch: 1, batchOnCard: 32 },
];

/**
 * The network of that name.
 *
 * @throws {OptionError} naming what there is.
 */
export function findProfileModel(name: string): NetworkSize {
  const found = PROFILE_MODELS.find((model) => model.name === name);
  if (found !== undefined) return found;
  if (UNITS.test(name)) return denseNetwork(name.split("-").map(Number), DENSE);
  const names = PROFILE_MODELS.map((model) => model.name).join(", ");
  throw new OptionError(
    `--model: expected ${names}, or the units of dense layers as in 784-128-10, got "${name}"`,
  );
}
