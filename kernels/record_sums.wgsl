// record[slot, j] = Σ_i values_j[i]: the statistics of one step, kept on the GPU until somebody reads them.
//
// values_j (n) f32, j < COLUMNS; record (slots, COLUMNS). One workgroup of 64; workgroup memory 256 B.
// Order of summation: strided partial sums, then a tree. Error ≤ (n / 64 + 7) · 2⁻²⁴ · Σ|values|.
// No loop runs beyond n / 64 + 1 trips (n ≤ 2²⁰, checked by the host).

struct Uniforms {
  length: u32,
  slot: u32,
}

@group(0) @binding(8) var<storage, read_write> record: array<f32>;
@group(0) @binding(9) var<uniform> u: Uniforms;
//# for j in 0..COLUMNS
@group(0) @binding(${j}) var<storage, read> values_${j}: array<f32>;
//# end

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
//# for j in 0..COLUMNS
  var partial_${j} = 0.0;
  for (var i = lane; i < u.length; i += 64u) {
    partial_${j} += values_${j}[i];
  }
  let total_${j} = row_sum(partial_${j}, lane);
  if (lane == 0u) {
    record[u.slot * ${COLUMNS}u + ${j}u] = total_${j};
  }
//# end
}
