// Pooling over windows of an image. MODE max: y[o] = max over the window of o, NaN if there is one, and winners[o] = the
// position in the window of the first largest. MODE average: y[o] = Σ over the window / count.
//
// x (planes, in_d, in_h, in_w) → y, winners (planes, out_d, out_h, out_w) f32 and u32; a plane is a channel of an example.
// Padding takes no part in a maximum; in an average it counts if COUNT_PADDING, but never beyond pad_after.
// UNROLL: no window has padding or ends outside, and the loops over a window of K_D × K_H × K_W are written out.
// One invocation of 64 per output, flat workgroup index. No loop runs beyond k_d · k_h · k_w trips (≤ 60,000, checked by the
// host). Exact for max; error of an average ≤ (K + 1) · 2⁻²⁴ · mean |x|, K the size of a window, summed in its order.

struct Uniforms {
  length: u32, // of y
  in_d: u32, in_h: u32, in_w: u32,
  out_d: u32, out_h: u32, out_w: u32,
  k_d: u32, k_h: u32, k_w: u32,
  stride_d: u32, stride_h: u32, stride_w: u32,
  pad_d: i32, pad_h: i32, pad_w: i32, // before
  after_d: i32, after_h: i32, after_w: i32, // padding after
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> u: Uniforms;
//# if MODE == max
@group(0) @binding(3) var<storage, read_write> winners: array<u32>;
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
  let first_w = i32(i % u.out_w * u.stride_w) - u.pad_w;
  let first_h = i32(i / u.out_w % u.out_h * u.stride_h) - u.pad_h;
  let first_d = i32(i / (u.out_w * u.out_h) % u.out_d * u.stride_d) - u.pad_d;
  let plane = i / (u.out_w * u.out_h * u.out_d) * u.in_d * u.in_h * u.in_w;
//# if !UNROLL
//# for D in d h w
  let begin_${D} = max(first_${D}, 0);
  let end_${D} = min(first_${D} + i32(u.k_${D}), i32(u.in_${D}));
//# end
//# end
//# if MODE == max
  var winner = 0u;
  var best = 0.0;
  var found = false;
//# else
  var sum = 0.0;
//# end
//# if UNROLL
  let corner = plane + (u32(first_d) * u.in_h + u32(first_h)) * u.in_w + u32(first_w);
//# for d in 0..K_D
//# for h in 0..K_H
  {
    let row = corner + (${d}u * u.in_h + ${h}u) * u.in_w;
//# for w in 0..K_W
    {
      let value = x[row + ${w}u];
//# if MODE == max
      if (!found || value > best || (is_nan(value) && !is_nan(best))) {
        best = value;
        winner = ${d*K_H*K_W+h*K_W+w}u;
        found = true;
      }
//# else
      sum += value;
//# end
    }
//# end
  }
//# end
//# end
//# else
  for (var d = begin_d; d < end_d; d++) {
    for (var h = begin_h; h < end_h; h++) {
      let row = plane + (u32(d) * u.in_h + u32(h)) * u.in_w;
      for (var w = begin_w; w < end_w; w++) {
        let value = x[row + u32(w)];
//# if MODE == max
        if (!found || value > best || (is_nan(value) && !is_nan(best))) {
          best = value;
          winner = (u32(d - first_d) * u.k_h + u32(h - first_h)) * u.k_w + u32(w - first_w);
          found = true;
        }
//# else
        sum += value;
//# end
      }
    }
  }
//# end
//# if MODE == max
  y[i] = best;
  winners[i] = winner;
//# else
  y[i] = sum / window_count(first_d, first_h, first_w);
//# end
}
