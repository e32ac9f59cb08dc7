// Losses that treat each output by itself; the loss of an example is the mean over its columns.
//   LOSS meanSquaredError:    (z - t)²                          gradient 2 (z - t)
//   LOSS sigmoidCrossEntropy: max(z, 0) - z·t + log(1 + e^-|z|) gradient sigmoid(z) - t
//   LOSS hinge:               max(0, 1 - t·z), t = ±1           gradient -t where t·z < 1, else 0
//
// outputs z, targets t, gradient (rows, columns) f32; losses (rows). LABELS: targets (rows) u32 for one column: 0 or 1,
// read as -1 or 1 by hinge. GRADIENT: gradient · factor is wanted. Rows, lanes and summation as in softmax.wgsl.
// Error of a loss ≤ (columns / LANES + 12) · 2⁻²⁴ · mean of the terms' magnitudes.

struct Uniforms {
  rows: u32,
  columns: u32,
  factor: f32,
}

@group(0) @binding(0) var<storage, read> outputs: array<f32>;
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
  var partial = 0.0;
  for (var j = first; j < end; j += ${LANES}u) {
    let z = outputs[begin + j];
//# if LABELS
//# if LOSS == hinge
    let t = select(-1.0, 1.0, targets[begin + j] != 0u);
//# else
    let t = f32(targets[begin + j]);
//# end
//# else
    let t = targets[begin + j];
//# end
//# if LOSS == meanSquaredError
    partial += (z - t) * (z - t);
    let slope = 2.0 * (z - t);
//# end
//# if LOSS == sigmoidCrossEntropy
    let value = (max(z, 0.0) - z * t) + log_one_plus(exp(-abs(z)));
    partial += select(value, z, is_nan(z));
    let slope = sigmoid(z) - t;
//# end
//# if LOSS == hinge
    let margin = 1.0 - t * z;
    partial += select(margin, 0.0, margin < 0.0);
    let slope = select(-t, 0.0, margin <= 0.0) + select(0.0, margin, is_nan(margin));
//# end
//# if GRADIENT
    gradient[begin + j] = slope * u.factor;
//# end
  }
  let total = row_sum(partial, lane);
  if (first == 0u && row < u.rows) {
    losses[row] = total / f32(u.columns);
  }
}
