/**
 * The vector of a subgradient method, and the average of all that it has been.
 *
 * @module
 */

/**
 * Scales below this go into the vector. As v grows by as much as the scale shrinks, S v − u would lose these digits otherwise. Steps
 * that shrink w by 1 − 1 / t come here at 10⁴, 10⁸ … steps, large projections more often.
 */
const LEAST_SCALE = 1e-4;

/**
 * A vector w = scale · v and the sum Σ_t c_t w_t over the steps of a subgradient method. Shrinking all of w costs one
 * multiplication, and a step on a sparse sample its non-zeros, for the sum too: with S_t = Σ_{s ≤ t} c_s scale_s, a change δ of v
 * counts in all later terms, so that
 *
 * Σ_t c_t w_t = S_T v − u, where u gathers S · δ of every change.
 */
export class AveragedVector {
  readonly v: Float64Array;
  readonly u: Float64Array;
  #scale = 1;
  #sum = 0;
  #weight = 0;

  constructor(length: number) {
    this.v = new Float64Array(length);
    this.u = new Float64Array(length);
  }

  /** What `v` is multiplied by. */
  get scale(): number {
    return this.#scale;
  }

  /** To add a change to w, add this times the change to `v`, and … */
  get unit(): number {
    return 1 / this.#scale;
  }

  /** … this times the change to `u`. */
  get share(): number {
    return this.#sum / this.#scale;
  }

  /** w *= factor, above 0. */
  shrink(factor: number): void {
    this.#scale *= factor;
    if (this.#scale >= LEAST_SCALE) return;
    for (let k = 0; k < this.v.length; k++) {
      // S becomes 0, so u takes over what S v was.
      this.u[k]! -= this.#sum * this.v[k]!;
      this.v[k]! *= this.#scale;
    }
    this.#scale = 1;
    this.#sum = 0;
  }

  /** Counts w as it is now in the average. */
  count(weight: number): void {
    this.#sum += weight * this.#scale;
    this.#weight += weight;
  }

  /** w. */
  last(): Float64Array {
    return this.v.map((value) => this.#scale * value);
  }

  /** Σ c_t w_t / Σ c_t. */
  average(): Float64Array {
    return this.v.map((value, k) => (this.#sum * value - this.u[k]!) / this.#weight);
  }
}
