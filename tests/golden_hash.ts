/**
 * The numbers of the golden runs: an integer hash that tools/golden_mlp.py computes too, so that the
 * fixtures need not hold inputs and initial weights.
 *
 * @module
 */

/** Numbers on [0, 1), multiples of 2⁻²⁴: a hash of the positions 0 … count − 1. */
export function uniform(seed: number, count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    let h = (i + Math.imul(seed, 0x9e3779b9)) >>> 0;
    h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
    h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
    h ^= h >>> 15;
    return (h >>> 8) * 2 ** -24;
  });
}
