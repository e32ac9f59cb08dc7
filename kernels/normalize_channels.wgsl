// Up to CHANNELS channels of an image, each with its own mean and scale: y = scale[c] · (x - mean[c]); the gradient is
// dx = scale[c] · dy, this kernel with means of 0.
//
// x, y (n, c, inner) f32, as vec4 if VECTOR (inner a multiple of 4); a dispatch covers the channels first ... first + count - 1,
// count ≤ CHANNELS, whose numbers are uniforms, so that no buffer is needed for them.
// LANES invocations of a workgroup of 64 share a plane (n, c), flat workgroup index. No loop runs beyond inner / LANES + 1 trips
// (≤ 60,001, checked by the host).
// Error: the rounding of mean and scale, one rounding of the difference and one of the product.

struct Uniforms {
  planes: u32, // n · count
  channels: u32,
  inner: u32, // in vec4s if VECTOR
  first: u32,
  count: u32,
//# for c in 0..CHANNELS
  mean_${c}: f32,
  scale_${c}: f32,
//# end
}

//# if VECTOR
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
//# else
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
//# end
@group(0) @binding(2) var<uniform> u: Uniforms;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let plane = (workgroup.y * workgroups.x + workgroup.x) * (64u / ${LANES}u) + lane / ${LANES}u;
  if (plane >= u.planes) {
    return;
  }
  let channel = plane % u.count;
  var mean = 0.0;
  var scale = 0.0;
//# for c in 0..CHANNELS
  if (channel == ${c}u) {
    mean = u.mean_${c};
    scale = u.scale_${c};
  }
//# end
  let begin = (plane / u.count * u.channels + u.first + channel) * u.inner;
  for (var j = lane % ${LANES}u; j < u.inner; j += ${LANES}u) {
    y[begin + j] = scale * (x[begin + j] - mean);
  }
}
