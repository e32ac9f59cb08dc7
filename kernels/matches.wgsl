// matches[i] = 1 if the prediction of row i is its target, else 0.
//
// outputs (rows, columns) f32; matches (rows) f32. The prediction is the first largest column; with one column it is
// whether the output is above 0. LABELS: targets (rows) u32, else (rows, columns) f32, whose first largest column (or
// whether it is above 0.5) counts. A row with a NaN never matches. One invocation of 64 per row, flat workgroup index.
// No loop runs beyond `columns` trips (at most 65,535, checked by the host).

struct Uniforms {
  rows: u32,
  columns: u32,
}

@group(0) @binding(0) var<storage, read> outputs: array<f32>;
//# if LABELS
@group(0) @binding(1) var<storage, read> targets: array<u32>;
//# else
@group(0) @binding(1) var<storage, read> targets: array<f32>;
//# end
@group(0) @binding(2) var<storage, read_write> matches: array<f32>;
@group(0) @binding(3) var<uniform> u: Uniforms;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (workgroup.y * workgroups.x + workgroup.x) * 64u + lane;
  if (row >= u.rows) {
    return;
  }
  let begin = row * u.columns;
  var predicted = 0u;
  var best = outputs[begin];
  var broken = is_nan(best);
//# if !LABELS
  var expected = 0u;
  var largest = targets[begin];
  broken = broken || is_nan(largest);
//# end
  for (var j = 1u; j < u.columns; j++) {
    let z = outputs[begin + j];
    broken = broken || is_nan(z);
    if (z > best) {
      best = z;
      predicted = j;
    }
//# if !LABELS
    let t = targets[begin + j];
    broken = broken || is_nan(t);
    if (t > largest) {
      largest = t;
      expected = j;
    }
//# end
  }
  if (u.columns == 1u) {
    predicted = select(0u, 1u, best > 0.0);
  }
//# if LABELS
  let expected = targets[row];
//# else
  if (u.columns == 1u) {
    expected = select(0u, 1u, largest > 0.5);
  }
//# end
  matches[row] = select(0.0, 1.0, predicted == expected && !broken);
}
