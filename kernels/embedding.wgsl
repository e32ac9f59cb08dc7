// Looks up rows: y[n, d, l] = weight[ids[n, l], d]; NaN where ids[n, l] is no whole number below `rows`.
//
// ids (examples, positions) f32, weight (rows, dimension) f32, y (examples, dimension, positions) f32. One invocation for each
// element of y, 64 a workgroup, flat workgroup index. No loop. Exact.

struct Uniforms {
  length: u32, // examples · dimension · positions
  positions: u32,
  dimension: u32,
  rows: u32,
}

@group(0) @binding(0) var<storage, read> ids: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> u: Uniforms;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (workgroup.y * workgroups.x + workgroup.x) * 64u + lane;
  if (i >= u.length) {
    return;
  }
  let line = i / u.positions; // example · dimension + d
  let example = line / u.dimension;
  let row = row_of(ids[example * u.positions + i % u.positions], u.rows);
  if (row == u.rows) {
    y[i] = bitcast<f32>(0x7fc00000u | min(row, 0u)); // not a constant: the compiler rejects NaN literals
    return;
  }
  y[i] = weight[row * u.dimension + line % u.dimension];
}
