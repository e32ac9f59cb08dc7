/**
 * The GPU of a test file: opened by the first test that asks for it, closed after the last.
 *
 * @module
 */

import type { Device } from "../src/gpu/device.ts";
import { Gpu } from "../src/gpu/gpu.ts";

let opened: Promise<Gpu> | undefined;

/** The file's GPU. */
export function openGpu(): Promise<Gpu> {
  return opened ??= Gpu.open();
}

Deno.test.afterAll(async () => {
  await (await opened)?.close();
});

/** What a run is drawn from; `STRATA_TEST_SEED` replays one that failed. */
export const SEED: number = Number(
  Deno.env.get("STRATA_TEST_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]!,
);

/** Runs `body` and, if it fails, says how to draw the same numbers again. */
export async function withSeed(body: (seed: number) => Promise<void> | void): Promise<void> {
  try {
    await body(SEED);
  } catch (error) {
    console.error(`Drawn with seed ${SEED}; replay with STRATA_TEST_SEED=${SEED}`);
    throw error;
  }
}

/** The GPU's device as operations see it that should choose the variants for a graphics card, or those for a software adapter. */
export function deviceFor(gpu: Gpu, card: boolean): Device {
  return Object.create(gpu.device, { adapter: { value: { ...gpu.adapter, software: !card } } });
}

/** The GPU as if its adapter had no 16-bit floats. */
export function withoutFloat16(gpu: Gpu): Gpu {
  const adapter = { ...gpu.adapter, name: "old card", float16: false };
  const device = Object.create(gpu.device, { adapter: { value: adapter } });
  return Object.create(gpu, { device: { value: device } });
}
