// Softmax over rows: y = e^(x - max) / Σ e^(x - max), its logarithm (LOG), or the gradient of either (GRADIENT).
//
// x, y, dy, dx (rows, columns) row-major. VALUE: f32, or vec4f, four neighbours; `columns` counts Values. Gradients, from
// y: softmax dx = y · (dy - Σ y·dy); logSoftmax dx = dy - e^y · Σ dy.
// A row is shared by LANES invocations of a workgroup of 64, so a workgroup has 64 / LANES rows; workgroup memory
// 256 B if LANES > 1. Three loops over the Values of a row, columns / LANES trips each (at most 65,535 in all, checked by
// the host).
// Order of summation: strided partial sums, the four of a vec4, then a tree. Error ≤ (columns / LANES + 8 + 8) · 2⁻²⁴
// relative in Σ. A NaN in a row makes the whole row NaN.

struct Uniforms {
  rows: u32,
  columns: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Value>;
@group(0) @binding(1) var<storage, read_write> y: array<Value>;
@group(0) @binding(2) var<uniform> u: Uniforms;
//# if GRADIENT
@group(0) @binding(3) var<storage, read> dy: array<Value>;
//# end

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (workgroup.y * workgroups.x + workgroup.x) * (64u / ${LANES}u) + lane / ${LANES}u;
  let first = lane % ${LANES}u;
  // Invocations beyond the last row take part in the barriers and write nothing.
  let end = select(0u, u.columns, row < u.rows);
  let begin = row * u.columns;
//# if GRADIENT
  var partial = Value();
  for (var j = first; j < end; j += ${LANES}u) {
//# if LOG
    partial += dy[begin + j];
//# else
    partial += x[begin + j] * dy[begin + j];
//# end
  }
  let total = row_sum(sum_of(partial), lane);
  for (var j = first; j < end; j += ${LANES}u) {
//# if LOG
    y[begin + j] = dy[begin + j] - exp(x[begin + j]) * total;
//# else
    y[begin + j] = x[begin + j] * (dy[begin + j] - total);
//# end
  }
//# else
  var largest = Value(-3.4028234e38);
  for (var j = first; j < end; j += ${LANES}u) {
    largest = larger_value(largest, x[begin + j]);
  }
  let highest = row_max(largest_of(largest), lane);
  var partial = Value();
  for (var j = first; j < end; j += ${LANES}u) {
    partial += exp(x[begin + j] - highest);
  }
  let total = row_sum(sum_of(partial), lane);
//# if LOG
  let log_total = log(total);
//# end
  for (var j = first; j < end; j += ${LANES}u) {
//# if LOG
    y[begin + j] = (x[begin + j] - highest) - log_total;
//# else
    y[begin + j] = exp(x[begin + j] - highest) / total;
//# end
  }
//# end
}
