// The windows of an image as the columns of a matrix, as the textbook draws it:
//   columns[i, (c, t), o] = x[first + i, c, o · stride + t · dilation - pad], 0 outside; i counts images and groups
//
// x (n · groups, channels, in_d, in_h, in_w) f32 → columns (i, channels · k_d · k_h · k_w, out_d · out_h · out_w) f32.
// One invocation of 64 per element, flat workgroup index. Exact.

struct Uniforms {
  length: u32, // of columns
  first: u32, // image · groups
  channels: u32, // of a group
  in_d: u32, in_h: u32, in_w: u32,
  out_d: u32, out_h: u32, out_w: u32,
  k_d: u32, k_h: u32, k_w: u32,
  stride_d: u32, stride_h: u32, stride_w: u32,
  dilation_d: u32, dilation_h: u32, dilation_w: u32,
  pad_d: i32, pad_h: i32, pad_w: i32, // before
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> columns: array<f32>;
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
  var rest = i;
//# for D in w h d
  let out_${D} = rest % u.out_${D};
  rest /= u.out_${D};
//# end
//# for D in w h d
  let at_${D} = u32(i32(out_${D} * u.stride_${D} + rest % u.k_${D} * u.dilation_${D}) - u.pad_${D});
  rest /= u.k_${D};
//# end
  let plane = u.first * u.channels + rest; // image, group and channel
  var value = 0.0;
  if (at_d < u.in_d && at_h < u.in_h && at_w < u.in_w) {
    value = x[((plane * u.in_d + at_d) * u.in_h + at_h) * u.in_w + at_w];
  }
  columns[i] = value;
}
