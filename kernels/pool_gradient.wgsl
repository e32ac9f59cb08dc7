// Gradient of pooling to its input, gathered: dx[i] = Σ over the windows o that contain i, of dy[o] if the winner of o lies at i
// (MODE max), or of dy[o] / count of o (MODE average); times a slope, see epilogue.wgsl. For large windows, and for volumes.
//
// dy, winners (planes, out_d, out_h, out_w), dx (planes, in_d, in_h, in_w) f32 and u32, as in pool.wgsl.
// One invocation of 64 for RUN neighbours of a row, flat workgroup index. K_W and STRIDE_W are parameters of the text: a division by
// a constant is cheap. UNROLL: a position lies in at most WINDOWS windows along the width.
// No loop runs beyond ⌈k / stride⌉ trips in each dimension, RUN times. Order of summation: windows ascending.
// Error ≤ (windows of an input) · 2⁻²⁴ · Σ|dy|.

struct Uniforms {
  runs: u32, // planes · in_d · in_h · runs_w
  runs_w: u32, // of a row
  in_d: u32, in_h: u32, in_w: u32,
  out_d: u32, out_h: u32, out_w: u32,
  k_d: u32, k_h: u32, k_w: u32,
  stride_d: u32, stride_h: u32, stride_w: u32, // k_w and stride_w as in the text
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
  let run = (workgroup.y * workgroups.x + workgroup.x) * 64u + lane;
  if (run >= u.runs) {
    return;
  }
  let column = run % u.runs_w * ${RUN}u;
  let row = run / u.runs_w;
  let at_h = row % u.in_h + u32(u.pad_h);
  let at_d = row / u.in_h % u.in_d + u32(u.pad_d);
  let plane = row / (u.in_h * u.in_d);
  // The first window that ends behind the position, and the last that begins before it.
//# for D in d h
  let begin_${D} = select(0u, (at_${D} - u.k_${D}) / u.stride_${D} + 1u, at_${D} >= u.k_${D});
  let end_${D} = min(at_${D} / u.stride_${D} + 1u, u.out_${D});
//# end
//# for r in 0..RUN
  let at_w_${r} = column + ${r}u + u32(u.pad_w);
  let begin_w_${r} = select(0u, (at_w_${r} - ${K_W}u) / ${STRIDE_W}u + 1u, at_w_${r} >= ${K_W}u);
  let end_w_${r} = min(at_w_${r} / ${STRIDE_W}u + 1u, u.out_w);
  var sum_${r} = 0.0;
//# end
  for (var d = begin_d; d < end_d; d++) {
    for (var h = begin_h; h < end_h; h++) {
      let outputs = ((plane * u.out_d + d) * u.out_h + h) * u.out_w;
//# if MODE == max
      let position = ((at_d - d * u.stride_d) * u.k_h + at_h - h * u.stride_h) * u.k_w;
//# else
      let first_d = i32(d * u.stride_d) - u.pad_d;
      let first_h = i32(h * u.stride_h) - u.pad_h;
//# end
//# for r in 0..RUN
//# if UNROLL
//# for i in 0..WINDOWS
      {
        let w = begin_w_${r} + ${i}u;
        if (w < end_w_${r}) {
//# if MODE == max
          if (winners[outputs + w] == position + at_w_${r} - w * ${STRIDE_W}u) {
            sum_${r} += dy[outputs + w];
          }
//# else
          sum_${r} += dy[outputs + w] / window_count(first_d, first_h, i32(w * ${STRIDE_W}u) - u.pad_w);
//# end
        }
      }
//# end
//# else
      for (var w = begin_w_${r}; w < end_w_${r}; w++) {
//# if MODE == max
        if (winners[outputs + w] == position + at_w_${r} - w * ${STRIDE_W}u) {
          sum_${r} += dy[outputs + w];
        }
//# else
        sum_${r} += dy[outputs + w] / window_count(first_d, first_h, i32(w * ${STRIDE_W}u) - u.pad_w);
//# end
      }
//# end
//# end
    }
  }
  let at = row * u.in_w + column;
//# for r in 0..RUN
  if (column + ${r}u < u.in_w) {
    dx[at + ${r}u] = finish(at + ${r}u, sum_${r});
  }
//# end
}
