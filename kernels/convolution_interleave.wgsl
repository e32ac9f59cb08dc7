// The channels of a group as the fastest dimension: z[i, pixel, m] = y[first + i, m, pixel] for m < rows, else 0; i counts images
// and groups.
//
// y (n · groups, rows, pixels) f32 → z (n · groups, pixels, padded) f32, padded a multiple of 4.
// One invocation of 64 per element of z, flat workgroup index. Exact.

struct Uniforms {
  length: u32, // of z
  first: u32,
  rows: u32,
  padded: u32,
  pixels: u32,
}

@group(0) @binding(0) var<storage, read> y: array<f32>;
@group(0) @binding(1) var<storage, read_write> z: array<f32>;
@group(0) @binding(2) var<uniform> u: Uniforms;

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
  let m = i % u.padded;
  let pixel = i / u.padded % u.pixels;
  let outer = i / (u.padded * u.pixels);
  let value = y[((u.first + outer) * u.rows + min(m, u.rows - 1u)) * u.pixels + pixel];
  z[i] = select(0.0, value, m < u.rows);
}
