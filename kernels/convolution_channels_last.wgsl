// The channels of a group as the fastest dimension, with zeros around the image and behind the channels:
//   z[i, q, m] = y[first + i, m, q - before] where that exists, else 0; i counts images and groups, q positions
//
// y (n · groups, rows, in_d, in_h, in_w) f32 → z (i, ext_d, ext_h, ext_w, padded) f32, padded a multiple of 4.
// One invocation of 64 per vec4 of z, flat workgroup index. Exact.

struct Uniforms {
  length: u32, // of z, in vec4s
  first: u32, // image · groups
  rows: u32,
  padded: u32, // in vec4s
  in_d: u32, in_h: u32, in_w: u32,
  ext_d: u32, ext_h: u32, ext_w: u32,
  before_d: i32, before_h: i32, before_w: i32,
}

@group(0) @binding(0) var<storage, read> y: array<f32>;
@group(0) @binding(1) var<storage, read_write> z: array<vec4f>;
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
  let m = 4u * (i % u.padded);
  let q = i / u.padded;
  let outer = q / (u.ext_d * u.ext_h * u.ext_w);
  let w = u32(i32(q % u.ext_w) - u.before_w);
  let h = u32(i32(q / u.ext_w % u.ext_h) - u.before_h);
  let d = u32(i32(q / (u.ext_w * u.ext_h) % u.ext_d) - u.before_d);
  if (d >= u.in_d || h >= u.in_h || w >= u.in_w) {
    z[i] = vec4f(0.0);
    return;
  }
  let plane = u.in_d * u.in_h * u.in_w;
  let at = (u.first + outer) * u.rows * plane + (d * u.in_h + h) * u.in_w + w;
  var four = vec4f(0.0);
//# for c in 0..4
  if (m + ${c}u < u.rows) {
    four[${c}] = y[at + (m + ${c}u) * plane];
  }
//# end
  z[i] = four;
}
