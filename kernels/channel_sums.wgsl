// Sums of channels over the batch and all positions: y[c] = Σ_n Σ_p x[n, c, p]; the gradient to the bias of a convolution.
//
// x (n, channels, area) f32, as vec4 if VECTOR (area a multiple of 4); y (channels) f32. A workgroup of THREADS invocations for each
// channel, flat workgroup index; LANES of them share a plane (n, c), the others take other planes. Workgroup memory 4 · THREADS B.
// No loop runs beyond (n · LANES / THREADS + 1) · (area / LANES + 1) trips (≤ 60,000, checked by the host).
// Order of summation: planes and positions of an invocation, the numbers of a vec4, then a tree of HALVES, THREADS / 2 … 1.
// Error ≤ (trips + 2 + log2 THREADS) · 2⁻²⁴ · Σ|x|.

struct Uniforms {
  images: u32,
  channels: u32,
  area: u32, // in vec4s if VECTOR
}

//# if VECTOR
alias Value = vec4f;
//# else
alias Value = f32;
//# end
@group(0) @binding(0) var<storage, read> x: array<Value>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> u: Uniforms;

var<workgroup> sums: array<f32, ${THREADS}>;

@compute @workgroup_size(${THREADS})
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let channel = workgroup.y * workgroups.x + workgroup.x;
  if (channel >= u.channels) {
    return; // a superfluous workgroup of the fold; all its invocations leave, so the barriers below stay legal
  }
  var total = Value();
  for (var n = lane / ${LANES}u; n < u.images; n += ${THREADS}u / ${LANES}u) {
    let begin = (n * u.channels + channel) * u.area;
    for (var p = lane % ${LANES}u; p < u.area; p += ${LANES}u) {
      total += x[begin + p];
    }
  }
//# if VECTOR
  sums[lane] = total.x + total.y + (total.z + total.w);
//# else
  sums[lane] = total;
//# end
//# for HALF in ${HALVES}
  workgroupBarrier();
  if (lane < ${HALF}u) {
    sums[lane] += sums[lane + ${HALF}u];
  }
//# end
  if (lane == 0u) {
    y[channel] = sums[0];
  }
}
