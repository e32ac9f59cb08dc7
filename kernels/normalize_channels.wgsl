// Up to CHANNELS channels of an image, each with its own mean and scale: y = scale[c] · (x - mean[c]); the gradient is
// dx = scale[c] · dy, this kernel with means of 0.
//
// x, y (n, c, inner) f32; a dispatch covers the channels first ... first + count - 1, count ≤ CHANNELS, whose numbers are
// uniforms, so that no buffer is needed for them. One invocation of 64 per element, flat workgroup index. No loop.
// Error: the rounding of mean and scale, one rounding of the difference and one of the product.

struct Uniforms {
  length: u32, // n · count · inner
  channels: u32,
  inner: u32,
  first: u32,
  count: u32,
//# for c in 0..CHANNELS
  mean_${c}: f32,
  scale_${c}: f32,
//# end
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
  if (i >= u.length) {
    return;
  }
  let plane = i / u.inner;
  let channel = plane % u.count;
  let at = (plane / u.count * u.channels + u.first + channel) * u.inner + i % u.inner;
  var mean = 0.0;
  var scale = 0.0;
//# for c in 0..CHANNELS
  if (channel == ${c}u) {
    mean = u.mean_${c};
    scale = u.scale_${c};
  }
//# end
  y[at] = scale * (x[at] - mean);
}
