// The windows of an image as the columns of a matrix, as the textbook draws it:
//   columns[i, (c, t), o] = x[first + i, c, o · stride + t · dilation - pad], 0 outside; i counts images and groups
//
// x (n · groups, channels, in_d, in_h, in_w) f32 → columns (i, channels · k_d · k_h · k_w, out_d · out_h · out_w) f32.
// One invocation of 64 for RUN neighbours of an output row, so that positions are divided once for all of them; flat workgroup
// index. Exact.

struct Uniforms {
  runs: u32, // i · channels · taps · out_d · out_h · runs_w
  runs_w: u32, // of an output row
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
  let run = (workgroup.y * workgroups.x + workgroup.x) * 64u + lane;
  if (run >= u.runs) {
    return;
  }
  let column = run % u.runs_w * ${RUN}u;
  let row = run / u.runs_w; // of columns, cut into rows of outputs
  let out_h = row % u.out_h;
  let out_d = row / u.out_h % u.out_d;
  var rest = row / (u.out_h * u.out_d);
  let tap_w = rest % u.k_w * u.dilation_w;
  rest /= u.k_w;
  let h = u32(i32(out_h * u.stride_h + rest % u.k_h * u.dilation_h) - u.pad_h);
  rest /= u.k_h;
  let d = u32(i32(out_d * u.stride_d + rest % u.k_d * u.dilation_d) - u.pad_d);
  let plane = u.first * u.channels + rest / u.k_d; // image, group and channel
  let exists = d < u.in_d && h < u.in_h;
  let begin = select(0u, ((plane * u.in_d + d) * u.in_h + h) * u.in_w, exists);
  let at = row * u.out_w + column;
//# for r in 0..RUN
  if (column + ${r}u < u.out_w) {
    let w = u32(i32((column + ${r}u) * u.stride_w + tap_w) - u.pad_w);
    var value = 0.0;
    if (exists && w < u.in_w) {
      value = x[begin + w];
    }
    columns[at + ${r}u] = value;
  }
//# end
}
