// One step of stochastic gradient descent on all parameters at once:
//   g = scale · dp + decay · p;   v = momentum · v + g;   p = p - rate · v      (NESTEROV: p - rate · (g + momentum · v))
//
// p, dp, v (n) f32, n a multiple of 4; v only if MOMENTUM. scale is 1, or clip[0] if CLIP. One invocation of 64 per vec4,
// flat workgroup index. Error: 4 roundings of the step's terms. Source: I. Sutskever et al., ICML 2013, with PyTorch's
// convention that the rate multiplies the velocity.

struct Uniforms {
  length: u32, // in vec4s
  rate: f32,
  momentum: f32,
  decay: f32,
}

@group(0) @binding(0) var<storage, read_write> p: array<vec4f>;
@group(0) @binding(1) var<storage, read> dp: array<vec4f>;
@group(0) @binding(2) var<uniform> u: Uniforms;
//# if MOMENTUM
@group(0) @binding(3) var<storage, read_write> v: array<vec4f>;
//# end
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
//# if CLIP
  var g = clip[0] * dp[i] + u.decay * old;
//# else
  var g = dp[i] + u.decay * old;
//# end
//# if MOMENTUM
  let velocity = u.momentum * v[i] + g;
  v[i] = velocity;
//# if NESTEROV
  g += u.momentum * velocity;
//# else
  g = velocity;
//# end
//# end
  p[i] = old - u.rate * g;
}
