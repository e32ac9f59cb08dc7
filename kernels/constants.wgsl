// Numbers that the host knows as a tensor: result[begin + i] = value_i, for i < count ≤ COUNT. They come as uniforms, so that a
// recorded program has them too.
//
// result f32. One invocation in all; no loop. Exact.

struct Uniforms {
  begin: u32,
  count: u32,
//# for i in 0..COUNT
  value_${i}: f32,
//# end
}

@group(0) @binding(0) var<storage, read_write> result: array<f32>;
@group(0) @binding(1) var<uniform> u: Uniforms;

@compute @workgroup_size(1)
fn main() {
//# for i in 0..COUNT
  if (${i}u < u.count) {
    result[u.begin + ${i}u] = u.value_${i};
  }
//# end
}
