// One step of RMSProp on all parameters at once:
//   g = scale · dp + decay · p;               v = alpha · v + rest · g²
//   d = √v + epsilon                          (CENTERED: a = alpha · a + rest · g; d = √max(v - a², 0) + epsilon)
//   p = p - rate · g / d                      (MOMENTUM: b = momentum · b + g / d; p = p - rate · b)
//
// rest is 1 - alpha, computed by the host in float64. v - a² is a variance; rounding may take it below 0, where it counts as 0
// instead of making the parameter NaN.
//
// p, dp, v, a, b (n) f32, n a multiple of 4; a only if CENTERED, b only if MOMENTUM. scale is 1, or clip[0] if CLIP. One
// invocation of 64 per vec4, flat workgroup index; no loop. Error: 5 roundings in v, 4 in a, and in the step those, a root of
// 4.5 ulp and a quotient of 2.5 ulp; CENTERED, the difference is off by the roundings of v and a². Source: G. Hinton, Lecture 6e
// of "Neural networks for machine learning", 2012; A. Graves, arXiv 1308.0850 (CENTERED); PyTorch's order of operations.

struct Uniforms {
  length: u32, // in vec4s
  rate: f32,
  decay: f32,
  alpha: f32,
  rest: f32,
  epsilon: f32,
//# if MOMENTUM
  momentum: f32,
//# end
}

@group(0) @binding(0) var<storage, read_write> p: array<vec4f>;
@group(0) @binding(1) var<storage, read> dp: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> v: array<vec4f>;
@group(0) @binding(3) var<uniform> u: Uniforms;
//# if CENTERED
@group(0) @binding(4) var<storage, read_write> a: array<vec4f>;
//# end
//# if MOMENTUM
@group(0) @binding(5) var<storage, read_write> b: array<vec4f>;
//# end
//# if CLIP
@group(0) @binding(6) var<storage, read> clip: array<f32>;
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
  var square = u.alpha * v[i] + u.rest * g * g;
  v[i] = square;
//# if CENTERED
  let average = u.alpha * a[i] + u.rest * g;
  a[i] = average;
  square -= average * average;
  square = select(square, vec4f(), square < vec4f());
//# end
  var step = g / (sqrt(square) + u.epsilon);
//# if MOMENTUM
  step += u.momentum * b[i];
  b[i] = step;
//# end
  p[i] = old - u.rate * step;
}
