// Losses that treat each output by itself; the loss of an example is the mean over its columns.
//   LOSS meanSquaredError:    (z - t)²                          gradient 2 (z - t)
//   LOSS sigmoidCrossEntropy: max(z, 0) - z·t + log(1 + e^-|z|) gradient sigmoid(z) - t
//   LOSS hinge:               max(0, 1 - t·z), t = ±1           gradient -t where t·z < 1, else 0
//
// outputs z, targets t, gradient (rows, columns) f32; losses (rows). GRADIENT: gradient · factor is wanted. Values, rows,
// lanes and summation as in softmax.wgsl; `columns` counts Values. ALONE: outputs have one column. Then a Value is a row,
// or four of them, and `rows` counts Values; LABELS, only then: targets (rows) u32, 0 or 1, read as -1 or 1 by hinge.
// Error of a loss ≤ (columns / LANES + 14) · 2⁻²⁴ · mean of the terms' magnitudes.

struct Uniforms {
  rows: u32,
  columns: u32,
  factor: f32,
}

@group(0) @binding(0) var<storage, read> outputs: array<Value>;
//# if LABELS
@group(0) @binding(1) var<storage, read> targets: array<Index>;
//# else
@group(0) @binding(1) var<storage, read> targets: array<Value>;
//# end
//# if ALONE
@group(0) @binding(2) var<storage, read_write> losses: array<Value>;
//# else
@group(0) @binding(2) var<storage, read_write> losses: array<f32>;
//# end
@group(0) @binding(3) var<uniform> u: Uniforms;
//# if GRADIENT
@group(0) @binding(4) var<storage, read_write> gradient: array<Value>;
//# end

struct Term {
  value: f32,
  slope: f32,
}

// What an output amounts to by itself.
fn term_of(z: f32, t: f32) -> Term {
//# if LOSS == meanSquaredError
  return Term((z - t) * (z - t), 2.0 * (z - t));
//# end
//# if LOSS == sigmoidCrossEntropy
  let value = (max(z, 0.0) - z * t) + log_one_plus(exp(-abs(z)));
  return Term(select(value, z, is_nan(z)), sigmoid(z) - t);
//# end
//# if LOSS == hinge
  let margin = 1.0 - t * z;
  let slope = select(-t, 0.0, margin <= 0.0) + select(0.0, margin, is_nan(margin));
  return Term(select(margin, 0.0, margin < 0.0), slope);
//# end
}

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
  var partial = Value();
  for (var j = first; j < end; j += ${LANES}u) {
    let z = outputs[begin + j];
//# if LABELS
//# if LOSS == hinge
    let t = select(Value(-1.0), Value(1.0), targets[begin + j] != Index());
//# else
    let t = Value(targets[begin + j]);
//# end
//# else
    let t = targets[begin + j];
//# end
//# if VALUE == vec4f
//# for c in x y z w
    let of_${c} = term_of(z.${c}, t.${c});
//# end
    partial += vec4f(of_x.value, of_y.value, of_z.value, of_w.value);
    let slope = vec4f(of_x.slope, of_y.slope, of_z.slope, of_w.slope);
//# else
    let term = term_of(z, t);
    partial += term.value;
    let slope = term.slope;
//# end
//# if GRADIENT
    gradient[begin + j] = slope * u.factor;
//# end
  }
//# if ALONE
  if (row < u.rows) {
    losses[row] = partial;
  }
//# else
  let total = row_sum(sum_of(partial), lane);
  if (first == 0u && row < u.rows) {
    losses[row] = total / f32(WIDTH * u.columns);
  }
//# end
}
