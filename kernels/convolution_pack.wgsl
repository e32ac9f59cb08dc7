// Convolution weights in the order in which the kernels read them, the channels that come out fastest:
//   packed[group, channel, tap_d, tap_h, tap_w, m], or (TAPS_FIRST) packed[group, tap_d, tap_h, tap_w, channel, m]
//
// weight (filters, channels / groups, k_d, k_h, k_w) f32 → packed f32; m is filled up with zeros from `rows` to `padded`, a
// multiple of 4, and channel from `channels` to `summed`.
// Tap t of a dimension is tap first + t · step of the kernel, counted from the other end if TRANSPOSE.
// TRANSPOSE: the roles of filters and channels are swapped, for the gradient to the input; then m counts the channels of a
// group and `channel` its filters. One invocation of 64 per RUN neighbours (a divisor of padded), flat workgroup index: what they
// share is divided out once. Exact.

struct Uniforms {
  runs: u32, // of packed
  padded: u32,
  rows: u32, // m's true range
  summed: u32, // channels in packed, of a group
  channels: u32, // their true range
  k_d: u32, k_h: u32, k_w: u32,
  taps_d: u32, taps_h: u32, taps_w: u32,
  first_d: u32, first_h: u32, first_w: u32,
  step_d: u32, step_h: u32, step_w: u32,
}

@group(0) @binding(0) var<storage, read> weight: array<f32>;
@group(0) @binding(1) var<storage, read_write> packed_weight: array<f32>;
@group(0) @binding(2) var<uniform> u: Uniforms;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (workgroup.y * workgroups.x + workgroup.x) * 64u + lane;
  if (i >= u.runs) {
    return;
  }
  let begin = i * ${RUN}u;
  let m = begin % u.padded;
  var rest = begin / u.padded;
//# if TAPS_FIRST
  let channel = rest % u.summed;
  rest /= u.summed;
//# end
//# for D in w h d
  let tap_${D} = rest % u.taps_${D};
  rest /= u.taps_${D};
//# if TRANSPOSE
  let at_${D} = u.first_${D} + (u.taps_${D} - 1u - tap_${D}) * u.step_${D};
//# else
  let at_${D} = u.first_${D} + tap_${D} * u.step_${D};
//# end
//# end
//# if !TAPS_FIRST
  let channel = rest % u.summed;
  rest /= u.summed;
//# end
  let group = rest;
  let tap = (at_d * u.k_h + at_h) * u.k_w + at_w;
//# for r in 0..RUN
  {
    var value = 0.0;
    if (m + ${r}u < u.rows && channel < u.channels) {
//# if TRANSPOSE
      let outer = group * u.channels + channel;
      let at = outer * u.rows + m + ${r}u;
//# else
      let outer = group * u.rows + m + ${r}u;
      let at = outer * u.channels + channel;
//# end
      value = weight[at * (u.k_d * u.k_h * u.k_w) + tap];
    }
    packed_weight[begin + ${r}u] = value;
  }
//# end
}
