// Cross-entropy of softmax from logits, with its gradient in the same pass:
// losses[i] = log Σ_j e^z_ij - Σ_j t_ij z_ij   (Σ_j t_ij = 1),   dz_ij = (softmax(z_i)_j · Σ_j t_ij - t_ij) · factor.
//
// logits z, gradient dz (rows, columns); losses (rows). LABELS: targets are class indices (rows) u32, t being 1 there
// and 0 elsewhere; else targets t (rows, columns) f32. GRADIENT: dz is wanted. An index ≥ columns gives NaN.
// Rows, lanes, workgroup memory and order of summation as in softmax.wgsl. Finite for logits of ±1e4: the largest is
// subtracted first. Error of a loss ≤ (columns / LANES + 14) · 2⁻²⁴ · (|max| + log columns + Σ|t||z|), and
// that of the device's log, which WGSL allows to be 2⁻²¹ near 1.

struct Uniforms {
  rows: u32,
  columns: u32,
  factor: f32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;
//# if LABELS
@group(0) @binding(1) var<storage, read> targets: array<u32>;
//# else
@group(0) @binding(1) var<storage, read> targets: array<f32>;
//# end
@group(0) @binding(2) var<storage, read_write> losses: array<f32>;
@group(0) @binding(3) var<uniform> u: Uniforms;
//# if GRADIENT
@group(0) @binding(4) var<storage, read_write> gradient: array<f32>;
//# end

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (workgroup.y * workgroups.x + workgroup.x) * (64u / ${LANES}u) + lane / ${LANES}u;
  let first = lane % ${LANES}u;
  let end = select(0u, u.columns, row < u.rows);
  let begin = row * u.columns;
  var largest = -3.4028234e38;
  for (var j = first; j < end; j += ${LANES}u) {
    largest = larger(largest, logits[begin + j]);
  }
  let highest = row_max(largest, lane);
  var partial = 0.0;
//# if !LABELS
  var partial_weight = 0.0;
  var partial_dot = 0.0;
//# end
  for (var j = first; j < end; j += ${LANES}u) {
    let z = logits[begin + j] - highest;
    partial += exp(z);
//# if !LABELS
    let t = targets[begin + j];
    partial_weight += t;
    partial_dot += select(t * z, 0.0, t == 0.0);
//# end
  }
  let total = row_sum(partial, lane);
//# if LABELS
  let weight = 1.0;
  let label = targets[min(row, u.rows - 1u)];
  let invalid = bitcast<f32>(0x7fc00000u | min(label, 0u)); // not a constant: the compiler rejects NaN literals
  let dot = select(invalid, logits[min(begin + label, u.rows * u.columns - 1u)] - highest, label < u.columns);
//# else
  let weight = row_sum(partial_weight, lane);
  let dot = row_sum(partial_dot, lane);
//# end
  if (first == 0u && row < u.rows) {
    losses[row] = weight * log(total) - dot;
  }
//# if GRADIENT
  for (var j = first; j < end; j += ${LANES}u) {
//# if LABELS
    let t = select(0.0, 1.0, j == label);
//# else
    let t = targets[begin + j];
//# end
    gradient[begin + j] = (exp(logits[begin + j] - highest) / total * weight - t) * u.factor;
  }
//# end
}
