/**
 * Finds out by trying what the adapter's lists do not say reliably: subgroup functions and timestamps.
 *
 * @module
 */

/** What the trial showed. */
export interface Probed {
  readonly subgroups: boolean;
  /** Invocations of a subgroup; 0 without subgroup functions. */
  readonly subgroupSize: number;
  readonly timestamps: boolean;
}

/** `enable subgroups;` is left out: Deno refuses the line and accepts the functions. */
const SUBGROUP_SUM = `
@group(0) @binding(0) var<storage, read_write> sums: array<u32>;
@compute @workgroup_size(64) fn main(
  @builtin(local_invocation_index) i: u32, @builtin(subgroup_size) size: u32,
) { sums[i] = select(0u, size, subgroupAdd(1u) == size); }`;

/** Runs one small pass with a subgroup sum and two timestamps, and looks at what came of it. */
export async function probe(device: GPUDevice): Promise<Probed> {
  const wantTimestamps = device.features.has("timestamp-query");
  const sums = device.createBuffer({
    size: 256,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  });
  const staging = device.createBuffer({
    size: 272,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  const queries = wantTimestamps
    ? device.createQuerySet({ type: "timestamp", count: 2 })
    : undefined;
  const times = device.createBuffer({
    size: 16,
    usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  });
  try {
    device.pushErrorScope("validation");
    device.queue.writeBuffer(sums, 0, new Uint32Array(64)); // stays if the kernel does not run
    const module = device.createShaderModule({ code: SUBGROUP_SUM });
    const pipeline = device.createComputePipeline({
      layout: "auto",
      compute: { module, entryPoint: "main" },
    });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass(
      queries === undefined ? {} : {
        timestampWrites: {
          querySet: queries,
          beginningOfPassWriteIndex: 0,
          endOfPassWriteIndex: 1,
        },
      },
    );
    pass.setPipeline(pipeline);
    pass.setBindGroup(
      0,
      device.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: [{ binding: 0, resource: { buffer: sums } }],
      }),
    );
    pass.dispatchWorkgroups(1);
    pass.end();
    if (queries !== undefined) encoder.resolveQuerySet(queries, 0, 2, times, 0);
    encoder.copyBufferToBuffer(sums, 0, staging, 0, 256);
    encoder.copyBufferToBuffer(times, 0, staging, 256, 16);
    device.queue.submit([encoder.finish()]);
    if (await device.popErrorScope() !== null) {
      return { subgroups: false, subgroupSize: 0, timestamps: false };
    }
    await staging.mapAsync(GPUMapMode.READ);
    const range = staging.getMappedRange();
    const [begin, end] = new BigUint64Array(range, 256, 2) as unknown as [bigint, bigint];
    const sizes = new Uint32Array(range, 0, 64);
    const subgroupSize = sizes.every((size) => size === sizes[0]) ? sizes[0]! : 0;
    return {
      subgroups: subgroupSize > 0,
      subgroupSize,
      timestamps: wantTimestamps && end > begin,
    };
  } finally {
    for (const buffer of [sums, staging, times]) buffer.destroy();
    queries?.destroy();
  }
}
