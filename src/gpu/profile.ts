/**
 * Times single dispatches: on the GPU with timestamp queries or, where there are none, by the wall clock.
 *
 * @module
 */

import { GpuError } from "../errors.ts";
import type { Device } from "./device.ts";

/** A dispatch ready to be encoded. */
export interface Launch {
  /** Undefined for a copy into a texture. */
  readonly pipeline: GPUComputePipeline | undefined;
  readonly bindGroup: GPUBindGroup | undefined;
  readonly grid: readonly [number, number];
  /** Encodes the copy, where there is no pipeline. */
  copy(encoder: GPUCommandEncoder): void;
}

/** When a launch ran, in milliseconds. */
export interface LaunchTime {
  /** What it took, the median over the repetitions. */
  readonly milliseconds: number;
  /** In one repetition, that of median length: from the beginning of its first launch to that of this one, … */
  readonly begin: number;
  /** … and to its end. */
  readonly end: number;
}

/**
 * Runs the launches in order, each in a pass of its own between two timestamps.
 *
 * @throws {GpuError} if the adapter has no timestamps.
 */
export async function profileDispatches(
  device: Device,
  launches: readonly Launch[],
  repetitions: number,
): Promise<LaunchTime[]> {
  device.check();
  if (!device.adapter.timestamps) {
    throw new GpuError(`Cannot profile: ${device.adapter.name} has no timestamp queries`);
  }
  if (launches.length === 0) return [];
  const count = 2 * launches.length;
  const queries = device.raw.createQuerySet({ type: "timestamp", count });
  const resolved = device.memory.allocate(
    8 * count,
    GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    "timestamps",
  );
  const replays: number[][] = [];
  try {
    for (let repetition = 0; repetition < repetitions; repetition++) {
      const encoder = device.raw.createCommandEncoder();
      launches.forEach((launch, i) => {
        if (launch.pipeline === undefined) {
          // Copies are no part of a pass; they are timed from the end of one to the beginning of the next.
          timestamp(encoder, { querySet: queries, endOfPassWriteIndex: 2 * i });
          launch.copy(encoder);
          timestamp(encoder, { querySet: queries, beginningOfPassWriteIndex: 2 * i + 1 });
          return;
        }
        const pass = encoder.beginComputePass({
          timestampWrites: {
            querySet: queries,
            beginningOfPassWriteIndex: 2 * i,
            endOfPassWriteIndex: 2 * i + 1,
          },
        });
        encode(pass, launch);
        pass.end();
      });
      encoder.resolveQuerySet(queries, 0, count, resolved, 0);
      device.raw.queue.submit([encoder.finish()]);
      const times = new BigUint64Array(await device.read(resolved, 0, 8 * count));
      replays.push(Array.from(times, (time) => Number(time - times[0]!) / 1e6));
    }
  } finally {
    queries.destroy();
    device.memory.free(resolved);
  }
  const typical = middle(replays, (times) => times.at(-1)!);
  return launches.map((_, i) => ({
    milliseconds: middle(replays.map((times) => times[2 * i + 1]! - times[2 * i]!), Number),
    begin: typical[2 * i]!,
    end: typical[2 * i + 1]!,
  }));
}

/** A batch of one launch is at least as long, in milliseconds: four times a wait, whose length varies by less than 1. */
const BATCH_MILLISECONDS = 45;

/**
 * Times launches by the wall clock, each repeated in a pass of its own until that buries the wait. What they write is
 * meaningless afterwards: an update in place was made many times.
 *
 * The times contain the launch itself, and data may lie in caches that the launch before would have filled otherwise.
 */
export async function profileByWallClock(
  device: Device,
  launches: readonly Launch[],
  repetitions: number,
): Promise<LaunchTime[]> {
  device.check();
  const batch = async (launch: Launch | undefined, count: number) => {
    const start = performance.now();
    const encoder = device.raw.createCommandEncoder();
    if (launch?.pipeline === undefined) {
      for (let i = 0; launch !== undefined && i < count; i++) launch.copy(encoder);
    } else {
      const pass = encoder.beginComputePass();
      for (let i = 0; i < count; i++) encode(pass, launch);
      pass.end();
    }
    device.raw.queue.submit([encoder.finish()]);
    await device.synchronize();
    return performance.now() - start;
  };
  const waits: number[] = [];
  for (let i = 0; i < 5; i++) waits.push(await batch(undefined, 0));
  const wait = middle(waits, Number);
  const times: LaunchTime[] = [];
  let begin = 0;
  for (const launch of launches) {
    let count = 1;
    for (let spent = 0; (spent = await batch(launch, count)) < BATCH_MILLISECONDS;) {
      // Too short to estimate from, or as many as it takes.
      const enough = Math.ceil(1.1 * count * BATCH_MILLISECONDS / (spent - wait));
      count = spent < wait + 2 ? 16 * count : Math.max(count + 1, enough);
    }
    const samples: number[] = [];
    for (let i = 0; i < repetitions; i++) {
      samples.push(Math.max(0, await batch(launch, count) - wait) / count);
    }
    const milliseconds = middle(samples, Number);
    times.push({ milliseconds, begin, end: begin + milliseconds });
    begin += milliseconds;
  }
  return times;
}

function encode(pass: GPUComputePassEncoder, { pipeline, bindGroup, grid }: Launch): void {
  pass.setPipeline(pipeline!);
  pass.setBindGroup(0, bindGroup!);
  pass.dispatchWorkgroups(...grid);
}

/** The one in the middle of the order by a key. */
function middle<T>(values: readonly T[], key: (value: T) => number): T {
  return values.toSorted((a, b) => key(a) - key(b))[values.length >> 1]!;
}

/** A pass with nothing but a timestamp. */
function timestamp(
  encoder: GPUCommandEncoder,
  timestampWrites: GPUComputePassTimestampWrites,
): void {
  encoder.beginComputePass({ timestampWrites }).end();
}
