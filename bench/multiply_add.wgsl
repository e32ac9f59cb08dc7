// The peak of arithmetic: x ← m · x + c on CHAINS independent vec4s in registers, and nothing else.
//
// y (n) f32, one value an invocation: the sum of all its components, so that no update can be left out. m and c are
// numbers that the compiler does not know; with m = −1 and c = 1 an even number of updates gives every x its first
// value back. Vec4 j begins as (j, j + 1, j + 2, j + 3), so y = Σⱼ (4 j + 6), exactly.
// 64 invocations a workgroup, flat workgroup index, no workgroup memory. A trip updates each vec4 16 times, which is
// 128 · CHAINS FLOP, a multiply-add counted as two. At most 65,535 trips.

struct Uniforms {
  trips: u32,
  m: f32,
  c: f32,
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
  if (i >= arrayLength(&y)) {
    return;
  }
  let m = vec4f(u.m);
  let c = vec4f(u.c);
//# for j in 0..CHAINS
  var x_${j} = vec4f(${j}.0) + vec4f(0.0, 1.0, 2.0, 3.0);
//# end
  for (var trip = 0u; trip < u.trips; trip++) {
//# for update in 0..16
//# for j in 0..CHAINS
    x_${j} = m * x_${j} + c;
//# end
//# end
  }
  var sum = 0.0;
//# for j in 0..CHAINS
  sum += dot(x_${j}, vec4f(1.0));
//# end
  y[i] = sum;
}
