// Pooling over windows of an image. MODE max: y[o] = max over the window of o, NaN if there is one, and winners[o] = the
// position in the window of the first largest. MODE average: y[o] = Σ over the window / count.
//
// x (planes, in_d, in_h, in_w) → y, winners (planes, out_d, out_h, out_w) f32 and u32; a plane is a channel of an example.
// Padding takes no part in a maximum; in an average it counts if COUNT_PADDING, but never beyond pad_after.
// UNROLL: no window has padding or ends outside, and the loops over a window of K_D × K_H × K_W are written out; the POSITIONS inputs
// of a row that the windows meet are loaded once for all of them, STRIDE_W apart.
// One invocation of 64 per RUN neighbouring outputs of a row, flat workgroup index; 1 without UNROLL. No loop runs beyond k_d · k_h ·
// k_w trips (≤ 60,000, checked by the host). Exact for max; error of an average ≤ (K + 1) · 2⁻²⁴ · mean |x|, K the size of a
// window, summed in its order.

struct Uniforms {
  runs: u32, // planes · out_d · out_h · runs_w
  runs_w: u32, // of a row
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
  if (i >= u.runs) {
    return;
  }
  let column = i % u.runs_w * ${RUN}u;
  let line = i / u.runs_w;
  let first_h = i32(line % u.out_h * u.stride_h) - u.pad_h;
  let first_d = i32(line / u.out_h % u.out_d * u.stride_d) - u.pad_d;
  let plane = line / (u.out_h * u.out_d) * u.in_d * u.in_h * u.in_w;
//# for r in 0..RUN
  let first_w_${r} = i32((column + ${r}u) * u.stride_w) - u.pad_w;
//# if MODE == max
  var winner_${r} = 0u;
  var best_${r} = 0.0;
  var found_${r} = false;
//# else
  var sum_${r} = 0.0;
//# end
//# end
//# if UNROLL
  let corner = plane + (u32(first_d) * u.in_h + u32(first_h)) * u.in_w;
//# for p in 0..POSITIONS
  let at_${p} = min(column * ${STRIDE_W}u + ${p}u, u.in_w - 1u); // beyond the row for outputs that do not exist
//# end
//# for d in 0..K_D
//# for h in 0..K_H
  {
    let row = corner + (${d}u * u.in_h + ${h}u) * u.in_w;
//# for p in 0..POSITIONS
    let x_${p} = x[row + at_${p}];
//# end
//# for r in 0..RUN
//# for w in 0..K_W
    {
      let value = x_${r*STRIDE_W+w};
//# if MODE == max
      if (!found_${r} || value > best_${r} || (is_nan(value) && !is_nan(best_${r}))) {
        best_${r} = value;
        winner_${r} = ${d*K_H*K_W+h*K_W+w}u;
        found_${r} = true;
      }
//# else
      sum_${r} += value;
//# end
    }
//# end
//# end
  }
//# end
//# end
//# else
//# for D in d h w_0
  let begin_${D} = max(first_${D}, 0);
//# end
  let end_d = min(first_d + i32(u.k_d), i32(u.in_d));
  let end_h = min(first_h + i32(u.k_h), i32(u.in_h));
  let end_w = min(first_w_0 + i32(u.k_w), i32(u.in_w));
  for (var d = begin_d; d < end_d; d++) {
    for (var h = begin_h; h < end_h; h++) {
      let row = plane + (u32(d) * u.in_h + u32(h)) * u.in_w;
      for (var w = begin_w_0; w < end_w; w++) {
        let value = x[row + u32(w)];
//# if MODE == max
        if (!found_0 || value > best_0 || (is_nan(value) && !is_nan(best_0))) {
          best_0 = value;
          winner_0 = (u32(d - first_d) * u.k_h + u32(h - first_h)) * u.k_w + u32(w - first_w_0);
          found_0 = true;
        }
//# else
        sum_0 += value;
//# end
      }
    }
  }
//# end
  let at = line * u.out_w + column;
//# for r in 0..RUN
  if (column + ${r}u < u.out_w) {
//# if MODE == max
    y[at + ${r}u] = best_${r};
    winners[at + ${r}u] = winner_${r};
//# else
    y[at + ${r}u] = sum_${r} / window_count(first_d, first_h, first_w_${r});
//# end
  }
//# end
}
