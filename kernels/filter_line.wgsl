// Filter of one dimension along one axis of a tensor [outer, length, inner], beyond which everything is 0:
//   y[o, i, k] = Σ_t x[o, i + t - before, k] · taps[t],  0 ≤ t < count
//
// x, taps (count), y f32. An invocation computes 8 neighbours along the axis, for which it loads count + 7 elements and slides them
// through registers; 64 invocations a workgroup, flat workgroup index, `inner` fastest, then blocks of 8. The loop takes 8 taps a
// trip, ⌊count / 8⌋ trips (≤ 60,000, checked by the host), and REST = count mod 8 follow unrolled.
// Order of summation: t. Error ≤ (count + 1) · 2⁻²⁴ · Σ|x||taps|.

struct Uniforms {
  invocations: u32,
  inner: u32,
  blocks: u32, // of 8 outputs along the axis
  length: u32,
  count: u32,
  before: i32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> taps: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> u: Uniforms;

fn load(begin: u32, at: i32) -> f32 {
  let inside = u32(at) < u.length;
  return select(0.0, x[begin + select(0u, u32(at), inside) * u.inner], inside);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (workgroup.y * workgroups.x + workgroup.x) * 64u + lane;
  if (i >= u.invocations) {
    return;
  }
  let line = i / u.inner / u.blocks * u.inner;
  let begin = line * u.length + i % u.inner;
  let first = i / u.inner % u.blocks * 8u;
  var at = i32(first) - u.before;
//# for p in 0..8
  var y_${p} = 0.0;
//# end
  // The inputs that the outputs meet at the tap in hand, and at the next seven.
//# for p in 0..7
  var x_${p} = load(begin, at + ${p});
//# end
  var t = 0u;
  for (; t + 8u <= u.count; t += 8u) {
//# for p in 7..15
    let x_${p} = load(begin, at + ${p});
//# end
//# for j in 0..8
    let tap_${j} = taps[t + ${j}u];
//# end
//# for j in 0..8
//# for p in 0..8
    y_${p} += tap_${j} * x_${p+j};
//# end
//# end
//# for p in 0..7
    x_${p} = x_${p+8};
//# end
    at += 8;
  }
//# for j in 0..REST
  let x_${j+7} = load(begin, at + ${j} + 7);
  let tap_${j} = taps[t + ${j}u];
//# for p in 0..8
  y_${p} += tap_${j} * x_${p+j};
//# end
//# end
//# for p in 0..8
  if (first + ${p}u < u.length) {
    y[begin + (first + ${p}u) * u.inner] = y_${p};
  }
//# end
}
