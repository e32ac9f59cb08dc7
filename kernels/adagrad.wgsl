// One step of Adagrad on all parameters at once:
//   g = scale · dp + decay · p;   s = s + g²;   p = p - rate · g / (√(s + initial) + epsilon)
//
// s begins as zeros; the initial value of the accumulator is added where it is read.
//
// p, dp, s (n) f32, n a multiple of 4. scale is 1, or clip[0] if CLIP. One invocation of 64 per vec4, flat workgroup index; no
// loop. Error: 5 roundings in s, 1 more in its sum with initial, and in the step those, a root of 4.5 ulp and a quotient of
// 2.5 ulp. Source: J. Duchi, E. Hazan, Y. Singer, JMLR 12, 2011; epsilon outside the root, as in PyTorch.

struct Uniforms {
  length: u32, // in vec4s
  rate: f32,
  decay: f32,
  initial: f32,
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read_write> p: array<vec4f>;
@group(0) @binding(1) var<storage, read> dp: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> s: array<vec4f>;
@group(0) @binding(3) var<uniform> u: Uniforms;
//# if CLIP
@group(0) @binding(4) var<storage, read> clip: array<f32>;
//# end

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
//# if CLIP
  if (clip[0] < 0.0) { // a step to be skipped
    return;
  }
//# end
  let old = p[i];
  var g = dp[i];
//# if CLIP
  g *= clip[0];
//# end
  g += u.decay * old;
  let sum = s[i] + g * g;
  s[i] = sum;
  p[i] = old - u.rate * g / (sqrt(sum + u.initial) + u.epsilon);
}
