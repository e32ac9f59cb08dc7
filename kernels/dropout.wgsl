// y[i] = x[i] / (1 - rate) where the random number of i is at least rate, else 0, NaN staying NaN; times a slope, see
// epilogue.wgsl.
//
// x, y (n) f32. Random numbers as in random_fill.wgsl: the same key and counter give the same mask, so the gradient
// is this kernel applied to dy and no mask is stored. One invocation of 64 per two elements, flat workgroup index.
// Error: 1 rounding, and that of the slope. Source: N. Srivastava et al., JMLR 15 (2014), in the inverted form.

struct Uniforms {
  length: u32,
  first_pair: u32, // of these elements in a larger tensor, of whose pairs the random numbers are
  key_0: u32,
  key_1: u32,
  counter: u32,
  rate: f32,
  scale: f32, // 1 / (1 - rate)
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> u: Uniforms;

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
  let words = threefry(vec2u(u.key_0, u.key_1), vec2u(u.first_pair + i, u.counter));
//# for j in 0..2
  if (2u * i + ${j}u < u.length) {
    let v = x[2u * i + ${j}u];
    let dropped = unit_interval(words[${j}]) < u.rate && !is_nan(v);
    y[2u * i + ${j}u] = finish(2u * i + ${j}u, select(u.scale * v, 0.0, dropped));
  }
//# end
}
