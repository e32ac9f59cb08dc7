// Fills y with random numbers. DISTRIBUTION uniform: offset + scale · U[0, 1); normal: offset + scale · N(0, 1).
//
// y (n) f32. Numbers 2i and 2i + 1 come from block i = threefry(key, (i, counter)): one invocation of 64 per block,
// flat workgroup index; the numbers do not depend on the launch geometry. Normal: the Box-Muller transform
// √(-2 ln u) · (cos 2πv, sin 2πv), whose error follows log, cos and sin of the device (by WGSL's table 2^-21 absolute
// for the logarithm near 1, 2^-11 for cosine and sine within ±π).

struct Uniforms {
  length: u32,
  key_0: u32,
  key_1: u32,
  counter: u32,
  offset: f32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@group(0) @binding(1) var<uniform> u: Uniforms;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (workgroup.y * workgroups.x + workgroup.x) * 64u + lane;
  if (2u * i >= u.length) {
    return;
  }
  let words = threefry(vec2u(u.key_0, u.key_1), vec2u(i, u.counter));
//# if DISTRIBUTION == uniform
  let pair = vec2f(unit_interval(words.x), unit_interval(words.y));
//# else
  // The logarithm of a number just below 1 may come out above 0.
  let radius = sqrt(max(-2.0 * log(unit_interval(words.x) + 0x1p-24), 0.0));
  // From -π to π, where the device's sine and cosine are most accurate.
  let v = unit_interval(words.y);
  let angle = 6.283185307179586 * select(v, v - 1.0, v >= 0.5);
  let pair = radius * vec2f(cos(angle), sin(angle));
//# end
  y[2u * i] = u.offset + u.scale * pair.x;
  if (2u * i + 1u < u.length) {
    y[2u * i + 1u] = u.offset + u.scale * pair.y;
  }
}
