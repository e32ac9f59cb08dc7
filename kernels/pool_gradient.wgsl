// Gradient of pooling to its input, gathered: dx[i] = Σ over the windows o that contain i, of dy[o] if the winner of o lies at i
// (MODE max), or of dy[o] / count of o (MODE average).
//
// dy, winners (planes, out_d, out_h, out_w), dx (planes, in_d, in_h, in_w) f32 and u32, as in pool.wgsl.
// One invocation of 64 per input, flat workgroup index. No loop runs beyond ⌈k / stride⌉ trips in each dimension.
// Order of summation: windows ascending. Error ≤ (windows of an input) · 2⁻²⁴ · Σ|dy|.

struct Uniforms {
  length: u32, // of dx
  in_d: u32, in_h: u32, in_w: u32,
  out_d: u32, out_h: u32, out_w: u32,
  k_d: u32, k_h: u32, k_w: u32,
  stride_d: u32, stride_h: u32, stride_w: u32,
  pad_d: i32, pad_h: i32, pad_w: i32,
  after_d: i32, after_h: i32, after_w: i32,
}

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;
@group(0) @binding(2) var<uniform> u: Uniforms;
//# if MODE == max
@group(0) @binding(3) var<storage, read> winners: array<u32>;
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
  let at_w = i % u.in_w + u32(u.pad_w);
  let at_h = i / u.in_w % u.in_h + u32(u.pad_h);
  let at_d = i / (u.in_w * u.in_h) % u.in_d + u32(u.pad_d);
  let plane = i / (u.in_w * u.in_h * u.in_d) * u.out_d * u.out_h * u.out_w;
  // The first window that ends behind the position, and the last that begins before it.
//# for D in d h w
  let begin_${D} = select(0u, (at_${D} - u.k_${D}) / u.stride_${D} + 1u, at_${D} >= u.k_${D});
  let end_${D} = min(at_${D} / u.stride_${D} + 1u, u.out_${D});
//# end
  var sum = 0.0;
  for (var d = begin_d; d < end_d; d++) {
    for (var h = begin_h; h < end_h; h++) {
      for (var w = begin_w; w < end_w; w++) {
        let o = plane + (d * u.out_h + h) * u.out_w + w;
//# if MODE == max
        let position = ((at_d - d * u.stride_d) * u.k_h + at_h - h * u.stride_h) * u.k_w + at_w - w * u.stride_w;
        if (winners[o] == position) {
          sum += dy[o];
        }
//# else
        let first_d = i32(d * u.stride_d) - u.pad_d;
        let first_h = i32(h * u.stride_h) - u.pad_h;
        let first_w = i32(w * u.stride_w) - u.pad_w;
        sum += dy[o] / window_count(first_d, first_h, first_w);
//# end
      }
    }
  }
  dx[i] = sum;
}
