/**
 * Turns a kernel into a pipeline of one device, and the compiler's messages into errors that show the line.
 *
 * @module
 */

import { GpuError } from "../errors.ts";
import type { Kernel } from "./kernel.ts";

/** A kernel's pipeline and the layout that its buffers are bound with. */
export interface CompiledKernel {
  /** Compiled. */
  readonly pipeline: GPUComputePipeline;
  /** Of bind group 0. */
  readonly layout: GPUBindGroupLayout;
  /** Resolves when it is known, and reported, whether the text compiles. */
  readonly checked: Promise<void>;
}

/**
 * Compiles a kernel. The call blocks (0.02 … 0.6 s on a software adapter); what is wrong with the text is
 * known a little later and reported through `fail`.
 */
export function compile(
  device: GPUDevice,
  kernel: Kernel,
  fail: (error: GpuError) => void,
): CompiledKernel {
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ code: kernel.code, label: kernel.name });
  const entries: GPUBindGroupLayoutEntry[] = kernel.bindings.map((
    { index, access, texture },
  ) => ({
    binding: index,
    visibility: GPUShaderStage.COMPUTE,
    ...texture
      ? {
        storageTexture: {
          access: access === "read" ? "read-only" as const : "write-only" as const,
          format: "rgba32float" as const,
        },
      }
      : { buffer: { type: access === "read" ? "read-only-storage" as const : "storage" as const } },
  }));
  if (kernel.uniformIndex !== undefined) {
    entries.push({
      binding: kernel.uniformIndex,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: "uniform" },
    });
  }
  const layout = device.createBindGroupLayout({ entries, label: kernel.name });
  const pipeline = device.createComputePipeline({
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: { module, entryPoint: "main", constants: { ...kernel.constants } },
    label: kernel.name,
  });
  const checked = device.popErrorScope().then(async (error) => {
    if (error === null) return;
    const { messages } = await module.getCompilationInfo();
    fail(new GpuError(compileMessage(kernel, messages, error.message)));
  }, () => {}); // rejects only when the device is lost, which is reported by itself
  return { pipeline, layout, checked };
}

/** The compiler's messages with the line that each is about, in the file where it was written. */
function compileMessage(
  kernel: Kernel,
  messages: readonly GPUCompilationMessage[],
  fallback: string,
): string {
  const errors = messages.filter((message) => message.type === "error");
  if (errors.length === 0) return `Cannot compile kernel ${kernel.name}: ${fallback}`;
  const lines = kernel.code.split("\n");
  const details = errors.map(({ lineNum, linePos, message }) => {
    const origin = kernel.origins[lineNum - 1];
    const place = origin === undefined
      ? `line ${lineNum}, column ${linePos}`
      : `${origin.name}, line ${origin.line}, column ${linePos}`;
    const text = lines[lineNum - 1] ?? "";
    return `${place}: ${message.trim()}\n  ${text}\n  ${" ".repeat(Math.max(0, linePos - 1))}^`;
  });
  return `Cannot compile kernel ${kernel.name}:\n${details.join("\n")}`;
}
