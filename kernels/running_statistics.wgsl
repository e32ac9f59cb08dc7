// Running statistics after a further batch, in place:
//   mean = keep · mean + mix · batch_mean;   variance = keep · variance + mix_variance · batch_variance
//
// All (n) f32. keep = 1 - momentum, mix = momentum, mix_variance = momentum · m / (m - 1) for m values of a channel, which
// makes the batch's variance unbiased. One invocation of 64 per channel, flat workgroup index. Error: 3 roundings of the terms,
// one of them the host's. Source: S. Ioffe, C. Szegedy, ICML 2015, with PyTorch's convention for the momentum.

struct Uniforms {
  length: u32,
  keep: f32,
  mix: f32,
  mix_variance: f32,
}

@group(0) @binding(0) var<storage, read_write> mean: array<f32>;
@group(0) @binding(1) var<storage, read_write> variance: array<f32>;
@group(0) @binding(2) var<storage, read> batch_mean: array<f32>;
@group(0) @binding(3) var<storage, read> batch_variance: array<f32>;
@group(0) @binding(4) var<uniform> u: Uniforms;

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
  mean[i] = u.keep * mean[i] + u.mix * batch_mean[i];
  variance[i] = u.keep * variance[i] + u.mix_variance * batch_variance[i];
}
