/**
 * Times single dispatches on the GPU with timestamp queries.
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

/**
 * Runs the launches in order, each in a pass of its own between two timestamps.
 *
 * @returns Milliseconds of each, the median over the repetitions.
 * @throws {GpuError} if the adapter has no timestamps.
 */
export async function profileDispatches(
  device: Device,
  launches: readonly Launch[],
  repetitions: number,
): Promise<number[]> {
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
  const samples: number[][] = launches.map(() => []);
  try {
    for (let repetition = 0; repetition < repetitions; repetition++) {
      const encoder = device.raw.createCommandEncoder();
      launches.forEach(({ pipeline, bindGroup, grid, copy }, i) => {
        if (pipeline === undefined) {
          // Copies are no part of a pass; they are timed from the end of one to the beginning of the next.
          timestamp(encoder, { querySet: queries, endOfPassWriteIndex: 2 * i });
          copy(encoder);
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
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, bindGroup!);
        pass.dispatchWorkgroups(...grid);
        pass.end();
      });
      encoder.resolveQuerySet(queries, 0, count, resolved, 0);
      device.raw.queue.submit([encoder.finish()]);
      const times = new BigUint64Array(await device.read(resolved, 0, 8 * count));
      samples.forEach((list, i) => list.push(Number(times[2 * i + 1]! - times[2 * i]!) / 1e6));
    }
  } finally {
    queries.destroy();
    device.memory.free(resolved);
  }
  return samples.map((list) => list.sort((a, b) => a - b)[list.length >> 1]!);
}

/** A pass with nothing but a timestamp. */
function timestamp(
  encoder: GPUCommandEncoder,
  timestampWrites: GPUComputePassTimestampWrites,
): void {
  encoder.beginComputePass({ timestampWrites }).end();
}
