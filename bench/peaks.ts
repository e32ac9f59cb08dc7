/**
 * What the adapter can do at most, measured: arithmetic in registers, and memory traffic beyond the caches. These are
 * peaks of WGSL kernels as Deno compiles them; on a software adapter native code is faster.
 *
 * @module
 */

import type { Gpu } from "../src/gpu/gpu.ts";
import { KernelFamily } from "../src/gpu/kernel.ts";
import type { Tensor } from "../src/gpu/tensor.ts";
import { workgroupsFor } from "../src/ops/launch.ts";
import bandwidthText from "./bandwidth.wgsl" with { type: "text" };
import { type Effort, measure } from "./measure.ts";
import multiplyAddText from "./multiply_add.wgsl" with { type: "text" };
import { PreparedOperation } from "./workload.ts";

/** What a kernel reached, FLOP/s or bytes/s. */
export interface Rate {
  readonly kernel: string;
  readonly perSecond: number;
}

/** The adapter's peaks. */
export interface Peaks {
  readonly flops: Rate;
  readonly bytes: Rate;
}

/** How large the kernels of the peaks are. */
export interface PeakSizes {
  readonly invocations: number;
  /** Updates of an invocation's registers, all chains together, divided by 16. */
  readonly trips: number;
  /** Of each buffer: more than the caches hold. */
  readonly bytes: number;
}

type BandwidthKind = "copy" | "triad" | "read";

const MULTIPLY_ADD = new KernelFamily("multiplyAdd", [
  { name: "multiply_add.wgsl", text: multiplyAddText },
]);
const BANDWIDTH = new KernelFamily("bandwidth", [
  { name: "bandwidth.wgsl", text: bandwidthText },
]);

/** Independent vec4s: too few leave the pipelines idle, too many do not fit in the registers. */
const CHAINS = [2, 3, 4, 8];
/** Kinds of traffic, and vec4s of an invocation. */
const TRAFFIC: readonly (readonly [BandwidthKind, number])[] = [
  ["copy", 4],
  ["triad", 1],
  ["triad", 4],
  ["read", 8],
];

/** Sizes that keep the adapter busy for some milliseconds. */
export function peakSizes(gpu: Gpu): PeakSizes {
  const invocations = gpu.adapter.software ? 2 ** 12 : 2 ** 18;
  return { invocations, trips: 8192, bytes: 2 ** 26 };
}

/** Measures both peaks: the best batch of the best kernel. */
export async function measurePeaks(
  gpu: Gpu,
  effort: Effort,
  sizes: PeakSizes = peakSizes(gpu),
): Promise<Peaks> {
  const arithmetic: Rate[] = [];
  for (const chains of CHAINS) arithmetic.push(await measureArithmetic(gpu, chains, effort, sizes));
  const traffic: Rate[] = [];
  for (const [kind, parts] of TRAFFIC) {
    traffic.push(await measureTraffic(gpu, kind, parts, effort, sizes));
  }
  return { flops: arithmetic.reduce(higher), bytes: traffic.reduce(higher) };
}

/** How near some work came to the peaks. */
export interface PeakShare {
  /** The least time that the peaks allow, divided by the time. */
  readonly share: number;
  /** The peak that sets the least time. */
  readonly bound: "FLOP/s" | "B/s";
}

/** Judges a time by the peaks: the roofline of Williams, Waterman and Patterson (2009). */
export function shareOfPeak(
  { flops, bytes }: { readonly flops: number; readonly bytes: number },
  seconds: number,
  peaks: Peaks,
): PeakShare {
  const arithmetic = flops / peaks.flops.perSecond;
  const traffic = bytes / peaks.bytes.perSecond;
  return {
    share: Math.max(arithmetic, traffic) / seconds,
    bound: arithmetic > traffic ? "FLOP/s" : "B/s",
  };
}

/** The higher of two measurements, which on a busy machine is the better one. */
export function higherPeaks(first: Peaks, second: Peaks): Peaks {
  return { flops: higher(first.flops, second.flops), bytes: higher(first.bytes, second.bytes) };
}

function higher(first: Rate, second: Rate): Rate {
  return second.perSecond > first.perSecond ? second : first;
}

/**
 * FLOP/s of multiply-adds on so many independent vec4s.
 *
 * @throws {Error} if the result shows that work was left out.
 */
export async function measureArithmetic(
  gpu: Gpu,
  chains: number,
  effort: Effort,
  sizes: PeakSizes,
): Promise<Rate> {
  const y = gpu.empty([sizes.invocations]);
  const trips = Math.ceil(sizes.trips / chains);
  const kernel = MULTIPLY_ADD.variant({ CHAINS: chains });
  using workload = new PreparedOperation(gpu, [y], (recorder) =>
    recorder.dispatch({
      label: "multiply-add",
      kernel,
      tensors: { y },
      uniforms: { trips, m: -1, c: 1 },
      workgroups: workgroupsFor(sizes.invocations),
      flops: 128 * chains * trips * sizes.invocations,
    }));
  const { minimum } = await measure(workload, effort);
  const expected = Array.from({ length: chains }, (_, j) => 4 * j + 6).reduce((a, b) => a + b);
  await expectAll(y, expected, kernel.name);
  return {
    kernel: `${chains} vec4s in registers`,
    perSecond: workload.describe()[0]!.flops / minimum * 1000,
  };
}

/**
 * Bytes/s of one kind of traffic.
 *
 * @throws {Error} if the result is wrong.
 */
export async function measureTraffic(
  gpu: Gpu,
  kind: BandwidthKind,
  parts: number,
  effort: Effort,
  { bytes }: PeakSizes,
): Promise<Rate> {
  const vectors = bytes / 16;
  const invocations = vectors / parts;
  const ones = new Float32Array(4 * vectors).fill(1);
  const a = gpu.tensor(ones);
  const b = kind === "triad" ? gpu.tensor(ones) : undefined;
  const y = gpu.empty([4 * (kind === "read" ? invocations : vectors)]);
  const tensors = { a, y, ...(b === undefined ? {} : { b }) };
  const kernel = BANDWIDTH.variant({ KIND: kind, PARTS: parts });
  using workload = new PreparedOperation(
    gpu,
    Object.values(tensors),
    (recorder) =>
      recorder.dispatch({
        label: kind,
        kernel,
        tensors,
        uniforms: { invocations, factor: 2 },
        workgroups: workgroupsFor(invocations),
      }),
  );
  const { minimum } = await measure(workload, effort);
  await expectAll(y, { copy: 1, triad: 3, read: 2 * parts }[kind], kernel.name);
  return {
    kernel: `${kind}, ${parts} vec4 an invocation`,
    perSecond: workload.describe()[0]!.bytes / minimum * 1000,
  };
}

async function expectAll(y: Tensor, expected: number, kernel: string): Promise<void> {
  const wrong = (await y.read()).findIndex((value) => value !== expected);
  if (wrong >= 0) throw new Error(`${kernel}: y[${wrong}] is not ${expected}`);
}
