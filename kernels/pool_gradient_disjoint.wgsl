// Gradient of maximum pooling whose windows do not overlap (stride = size, no padding before): a window hands dy to its winner,
// 0 to its other elements. dx[i] = dy[o] if the winner of the window o around i lies at i, else 0.
//
// dy, winners (planes, out_h, out_w), dx (planes, in_h, in_w) f32 and u32, as in pool.wgsl; windows of K_H × K_W. What lies
// behind the last window is 0. One invocation of 64 for RUN windows side by side, flat workgroup index: each dy is read once, where
// pool_gradient.wgsl reads it for every element. WHOLE: in_w is a multiple of RUN · K_W, so that no store needs a guard.
// No loops. Exact.

struct Uniforms {
  runs: u32, // planes · strips · runs_w
  runs_w: u32,
  strips: u32, // ⌈in_h / K_H⌉
  in_h: u32, in_w: u32,
  out_h: u32, out_w: u32,
}

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;
@group(0) @binding(2) var<uniform> u: Uniforms;
@group(0) @binding(3) var<storage, read> winners: array<u32>;

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
  let window = run % u.runs_w * ${RUN}u;
  let strip = run / u.runs_w;
  let h = strip % u.strips;
  let plane = strip / u.strips;
  let output = (plane * u.out_h + h) * u.out_w + window;
//# for r in 0..RUN
  var value_${r} = 0.0;
  var winner_${r} = 0u;
  if (h < u.out_h && window + ${r}u < u.out_w) {
    value_${r} = dy[output + ${r}u];
    winner_${r} = winners[output + ${r}u];
  }
//# end
  let column = window * ${K_W}u;
//# for i in 0..K_H
  if (h * ${K_H}u + ${i}u < u.in_h) {
    let at = (plane * u.in_h + h * ${K_H}u + ${i}u) * u.in_w + column;
//# for r in 0..RUN
//# for j in 0..K_W
//# if WHOLE
    dx[at + ${r*K_W+j}u] = select(0.0, value_${r}, winner_${r} == ${i*K_W+j}u);
//# else
    if (column + ${r*K_W+j}u < u.in_w) {
      dx[at + ${r*K_W+j}u] = select(0.0, value_${r}, winner_${r} == ${i*K_W+j}u);
    }
//# end
//# end
//# end
  }
//# end
}
