// The transpose of im2col.wgsl, gathered: every element of the image is the sum of the elements of columns that are copies of it,
//   dx[first + i, c, p] = Σ_t columns[i, (c, t), o] over the taps t with o · stride + t · dilation - pad = p
//
// columns (i, channels · k_d · k_h · k_w, out_d · out_h · out_w) f32 → dx (n · groups, channels, in_d, in_h, in_w) f32; i counts
// images and groups. One invocation of 64 per element of the part of dx, flat workgroup index.
// No loop runs beyond k_d · k_h · (k_w + 2) trips (≤ 60,000, checked by the host).
// Order of summation: taps ascending. Error ≤ (taps) · 2⁻²⁴ · Σ|columns|.

struct Uniforms {
  length: u32, // of the part of dx
  first: u32, // image · groups
  channels: u32, // of a group
  in_d: u32, in_h: u32, in_w: u32,
  out_d: u32, out_h: u32, out_w: u32,
  k_d: u32, k_h: u32, k_w: u32,
  stride_d: u32, stride_h: u32, stride_w: u32,
  dilation_d: u32, dilation_h: u32, dilation_w: u32,
  pad_d: i32, pad_h: i32, pad_w: i32, // before
}

@group(0) @binding(0) var<storage, read> columns: array<f32>;
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;
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
  let in_w = i32(i % u.in_w) + u.pad_w;
  let in_h = i32(i / u.in_w % u.in_h) + u.pad_h;
  let in_d = i32(i / (u.in_w * u.in_h) % u.in_d) + u.pad_d;
  let plane = i / (u.in_w * u.in_h * u.in_d); // image, group and channel
  var sum = 0.0;
  for (var d = 0u; d < u.k_d; d++) {
    let begin_d = u32(in_d - i32(d * u.dilation_d)); // of a window that meets the element with this tap; wraps if there is none
    if (begin_d % u.stride_d != 0u || begin_d / u.stride_d >= u.out_d) {
      continue;
    }
    for (var h = 0u; h < u.k_h; h++) {
      let begin_h = u32(in_h - i32(h * u.dilation_h));
      if (begin_h % u.stride_h != 0u || begin_h / u.stride_h >= u.out_h) {
        continue;
      }
      for (var w = 0u; w < u.k_w; w++) {
        let begin_w = u32(in_w - i32(w * u.dilation_w));
        if (begin_w % u.stride_w != 0u || begin_w / u.stride_w >= u.out_w) {
          continue;
        }
        let row = ((plane * u.k_d + d) * u.k_h + h) * u.k_w + w;
        let column = ((begin_d / u.stride_d) * u.out_h + begin_h / u.stride_h) * u.out_w + begin_w / u.stride_w;
        sum += columns[row * (u.out_d * u.out_h * u.out_w) + column];
      }
    }
  }
  let at = u.first * u.channels * (u.in_d * u.in_h * u.in_w) + i;
  dx[at] = finish(at, sum);
}
