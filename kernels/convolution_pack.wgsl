// Convolution weights in the order in which the direct kernels read them:
//   packed[group, channel, tap_d, tap_h, tap_w, m] = weight, for m < filters of the group, else 0.
//
// weight (filters, channels / groups, k_d, k_h, k_w) f32 → packed f32, m padded to `padded`, a multiple of 4.
// Tap t of a dimension is tap first + t · step of the kernel, or counted from the other end (FLIP).
// TRANSPOSE: the roles of filters and channels are swapped, for the gradient to the input; then m counts the channels of a
// group and `channel` its filters. One invocation of 64 per element, flat workgroup index. Exact.

struct Uniforms {
  length: u32, // of packed
  padded: u32,
  rows: u32, // m's true range
  channels: u32, // in the packed order, of a group
  weight_channels: u32, // second dimension of weight
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
  if (i >= u.length) {
    return;
  }
  let m = i % u.padded;
  var rest = i / u.padded;
//# for D in w h d
  let tap_${D} = rest % u.taps_${D};
  rest /= u.taps_${D};
//# if FLIP
  let at_${D} = u.first_${D} + (u.taps_${D} - 1u - tap_${D}) * u.step_${D};
//# else
  let at_${D} = u.first_${D} + tap_${D} * u.step_${D};
//# end
//# end
  let channel = rest % u.channels;
  let group = rest / u.channels;
//# if TRANSPOSE
  let filter_index = group * u.channels + channel;
  let inner = m;
//# else
  let filter_index = group * u.rows + m;
  let inner = channel;
//# end
  if (m >= u.rows) {
    packed_weight[i] = 0.0;
    return;
  }
  let tap = (at_d * u.k_h + at_h) * u.k_w + at_w;
  packed_weight[i] = weight[(filter_index * u.weight_channels + inner) * (u.k_d * u.k_h * u.k_w) + tap];
}
