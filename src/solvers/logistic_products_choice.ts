/**
 * Where products with the matrix of all examples are computed.
 *
 * @module
 */

import type { Gpu } from "../gpu/gpu.ts";
import type { Examples } from "./logistic_examples.ts";
import { CpuProducts, type Products } from "./logistic_products.ts";
import { GpuProducts } from "./logistic_products_gpu.ts";

/**
 * Multiply-adds that the CPU does in less than the 11 ms that it takes to read a result back from the GPU; a product with fewer is
 * computed on the CPU. Measured: 1.2 · 10⁹ a second, at 20,000 × 400 and at 60,000 × 784.
 *
 * A software adapter never gets a product of logits or gradients, which read X once for each output: it was eight times slower
 * for the logits of 60,000 × 784 (309 to 39 ms).
 */
const CPU_WORK = 2 ** 23;
/** The same for XᵀWX and a software adapter: 20 to 31 ms for 1,024 × 256, 0.54 to 2.3 s for 8,192 × 784. */
const SOFTWARE_GRAM_WORK = 2 ** 25;

/** Each product where it is done sooner. */
class MixedProducts implements Products {
  readonly #examples: Examples;
  readonly #software: boolean;
  readonly #cpu: CpuProducts;
  readonly #gpu: GpuProducts;

  constructor(gpu: Gpu, examples: Examples) {
    this.#examples = examples;
    this.#software = gpu.adapter.software;
    this.#cpu = new CpuProducts(examples);
    this.#gpu = new GpuProducts(gpu, examples);
  }

  get rounds(): boolean {
    const { outputs, features, length } = this.#examples;
    return this.#choose(outputs * features * length).rounds;
  }

  get gramError(): number {
    return this.#gramOf(1).gramError;
  }

  forward(p: Float64Array): Promise<Float64Array> {
    return this.#choose(p.length * this.#examples.length).forward(p);
  }

  backward(r: Float64Array): Promise<Float64Array> {
    return this.#choose(r.length * this.#examples.features).backward(r);
  }

  gram(weights: readonly Float64Array[]): Promise<Float64Array[]> {
    return this.#gramOf(weights.length).gram(weights);
  }

  dispose(): void {
    this.#gpu.dispose();
  }

  #gramOf(count: number): Products {
    const { length, features } = this.#examples;
    const multiplyAdds = count * length * features * (features + 1) / 2;
    if (this.#software) return multiplyAdds <= SOFTWARE_GRAM_WORK ? this.#cpu : this.#gpu;
    return this.#choose(multiplyAdds);
  }

  #choose(multiplyAdds: number): Products {
    return this.#software || multiplyAdds <= CPU_WORK ? this.#cpu : this.#gpu;
  }
}

/** The products where the option says. */
export function openProducts(
  gpu: Gpu,
  examples: Examples,
  where: "auto" | "gpu" | "cpu" = "auto",
): Products {
  if (where === "cpu") return new CpuProducts(examples);
  return where === "gpu" ? new GpuProducts(gpu, examples) : new MixedProducts(gpu, examples);
}
