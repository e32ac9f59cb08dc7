/**
 * The kernels that a row of the table in `cases.ts` runs, found without running them.
 *
 * @module
 */

import type { Device } from "../src/gpu/device.ts";
import { DryRecorder } from "../src/gpu/dry_recorder.ts";
import type { Gpu } from "../src/gpu/gpu.ts";
import type { Kernel } from "../src/gpu/kernel.ts";
import { kernelFor, type Recorder } from "../src/gpu/recorder.ts";
import { typeOf } from "./case.ts";
import { rowNamed } from "./cases.ts";
import { deviceFor } from "./gpu.ts";
import { drawCases } from "./oracle.ts";

const known = new Map<string, ReadonlySet<Kernel>>();

/** What the first cases of a row run, as drawn from a seed that never changes; by the GPU's kind or as on a card. */
export function kernelsOfRow(
  gpu: Gpu,
  name: string,
  count: number,
  card: boolean,
): ReadonlySet<Kernel> {
  const key = JSON.stringify([name, count, card]);
  let kernels = known.get(key);
  if (kernels === undefined) {
    known.set(key, kernels = list(card ? deviceFor(gpu, true) : gpu.device, name, count));
  }
  return kernels;
}

function list(device: Device, name: string, count: number): ReadonlySet<Kernel> {
  const kernels = new Set<Kernel>();
  const dry = new DryRecorder(device);
  const recorder: Recorder = {
    device,
    recording: true,
    empty: (shape, type) => dry.empty(shape, type),
    dispatch: (dispatch) => void kernels.add(kernelFor(dispatch)),
    release: () => {},
  };
  for (const each of drawCases(rowNamed(name), 1, count)) {
    const tensors = Object.entries(each.inputs).map(([input, { shape, values }]) =>
      [input, dry.empty(shape, typeOf(values))] as const
    );
    each.run(recorder, Object.fromEntries(tensors));
  }
  return kernels;
}
