// One step of Adam on all parameters at once:
//   g = scale · dp + decay · p                (DECOUPLED: g = scale · dp)
//   m = beta_1 · m + rest_1 · g;              v = beta_2 · v + rest_2 · g²
//   p = p - rate · m / (root_scale · √v + epsilon)
//                                             (NESTEROV: rate · m + ahead · g; DECOUPLED: - decay · p besides)
//
// rest is 1 - beta, rate and ahead contain the corrections of m, root_scale that of v: the host computes them in float64, since
// 1 - beta in float32 would be off by 2⁻²⁵ / (1 - beta), relatively. DECOUPLED has decay times the learning rate as its decay.
//
// p, dp, m, v (n) f32, n a multiple of 4. scale is 1, or clip[0] if CLIP. One invocation of 64 per vec4, flat workgroup index; no
// loop. Error: that of the formulas, 4 roundings in m, 5 in v, and in the step those, a root of 4.5 ulp and a quotient of 2.5 ulp.
// Where dp, m and v are 0, the step is 0 / epsilon: parameters' gaps stay 0. Source: D. Kingma, J. Ba, ICLR 2015; I. Loshchilov,
// F. Hutter, ICLR 2019 (DECOUPLED); T. Dozat, ICLR 2016 workshop (NESTEROV); epsilon outside the corrected root, as in PyTorch.

struct Uniforms {
  length: u32, // in vec4s
  rate: f32,
//# if NESTEROV
  ahead: f32,
//# end
  root_scale: f32,
  decay: f32,
  beta_1: f32,
  rest_1: f32,
  beta_2: f32,
  rest_2: f32,
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read_write> p: array<vec4f>;
@group(0) @binding(1) var<storage, read> dp: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> m: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> v: array<vec4f>;
@group(0) @binding(4) var<uniform> u: Uniforms;
//# if CLIP
@group(0) @binding(5) var<storage, read> clip: array<f32>;
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
//# if !DECOUPLED
  g += u.decay * old;
//# end
  let first = u.beta_1 * m[i] + u.rest_1 * g;
  let second = u.beta_2 * v[i] + u.rest_2 * g * g;
  m[i] = first;
  v[i] = second;
  var step = u.rate * first;
//# if NESTEROV
  step += u.ahead * g;
//# end
  step /= u.root_scale * sqrt(second) + u.epsilon;
//# if DECOUPLED
  step += u.decay * old;
//# end
  p[i] = old - step;
}
