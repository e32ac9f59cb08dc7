// Batch normalisation with given statistics, or its gradient to the input (MODE), with x̂ = (x - mean) / √(variance + ε):
//   normalize: y = γ · x̂ + β
//   fixed:     y = γ / √(variance + ε) · dy, the statistics not depending on x
//   batch:     y = γ / √(variance + ε) · (dy - (dβ + x̂ · dγ) / count), the statistics being those of x
//
// x, dy, y (planes, area) f32, or vec4 if VECTOR (area a multiple of 4); planes = rows · channels, all else (channels).
// `workers` invocations of 64 share a plane, so that what belongs to the channel is read once for some values; flat workgroup
// index over planes · workers. Longest loop: area / workers + 1 trips.
// Error: 2 units in the last place of the inverse root, and a rounding of each operation written here.
// Source: S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015.

struct Uniforms {
  length: u32, // planes · workers
  channels: u32,
  area: u32, // in vec4s if VECTOR
  workers: u32,
  count: f32, // values of a channel
  epsilon: f32,
}

//# if VECTOR
alias Value = vec4f;
//# else
alias Value = f32;
//# end
@group(0) @binding(0) var<storage, read_write> y: array<Value>;
@group(0) @binding(1) var<storage, read> variance: array<f32>;
@group(0) @binding(2) var<storage, read> gamma: array<f32>;
@group(0) @binding(3) var<uniform> u: Uniforms;
//# if MODE != fixed
@group(0) @binding(4) var<storage, read> x: array<Value>;
@group(0) @binding(5) var<storage, read> mean: array<f32>;
//# end
//# if MODE == normalize
@group(0) @binding(6) var<storage, read> beta: array<f32>;
//# else
@group(0) @binding(6) var<storage, read> dy: array<Value>;
//# end
//# if MODE == batch
@group(0) @binding(7) var<storage, read> d_gamma: array<f32>;
@group(0) @binding(8) var<storage, read> d_beta: array<f32>;
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
  let plane = i / u.workers;
  let channel = plane % u.channels;
  let begin = plane * u.area;
  let inverse = inverseSqrt(variance[channel] + u.epsilon);
  let scale = gamma[channel];
//# if MODE == normalize
  let center = mean[channel];
  let shift = beta[channel];
  for (var j = i % u.workers; j < u.area; j += u.workers) {
    y[begin + j] = scale * ((x[begin + j] - center) * inverse) + shift;
  }
//# end
//# if MODE == fixed
  for (var j = i % u.workers; j < u.area; j += u.workers) {
    y[begin + j] = (scale * inverse) * dy[begin + j];
  }
//# end
//# if MODE == batch
  let center = mean[channel];
  let slope = d_gamma[channel] / u.count;
  let level = d_beta[channel] / u.count;
  for (var j = i % u.workers; j < u.area; j += u.workers) {
    let normal = (x[begin + j] - center) * inverse;
    y[begin + j] = (scale * inverse) * (dy[begin + j] - (level + normal * slope));
  }
//# end
}
