// Cross-entropy of softmax from logits, with its gradient in the same pass:
// losses[i] = log Σ_j e^z_ij - Σ_j t_ij z_ij   (Σ_j t_ij = 1),   dz_ij = (softmax(z_i)_j · Σ_j t_ij - t_ij) · factor.
//
// logits z, gradient dz (rows, columns); losses (rows). LABELS: targets are class indices (rows) u32, t being 1 there
// and 0 elsewhere; else targets t (rows, columns) f32. GRADIENT: dz is wanted. An index ≥ columns gives NaN.
// Values, rows, lanes, workgroup memory and order of summation as in softmax.wgsl; `columns` counts Values. Finite for
// logits of ±1e4: the largest is subtracted first. Error of a loss ≤ (columns / LANES + 16) · 2⁻²⁴ ·
// (|max| + log columns + Σ|t||z|), and that of the device's log, which WGSL allows to be 2⁻²¹ near 1.
//
// KEPT (LANES 1): a row has so few Values that an invocation loads it once and keeps it, with no loop; else 0. COPIES:
// how often what is done with a Value stands in the text, KEPT times or once.
//
// RECORD: one workgroup takes all rows in ROUNDS (a constant: with an end that the text does not know this loop took ten
// times as long on lavapipe) and writes record[slot, 0] = Σ losses, and with MATCHES (only LABELS)
// record[slot, 1] = the number of rows whose first largest column is their label, or with one column whether it is
// above 0; a row with a NaN never counts. record (slots, 1 or 2). Order: rows of a lane ascending, then a tree: error ≤
// (rows · LANES / 64 + 7) · 2⁻²⁴ · Σ|losses|. 512 B of workgroup memory more. No loops run beyond 65,535 trips in all
// (the host looks at rows · columns).

struct Uniforms {
  rows: u32,
  columns: u32,
  factor: f32,
//# if RECORD
  slot: u32,
//# end
}

@group(0) @binding(0) var<storage, read> logits: array<Value>;
//# if LABELS
@group(0) @binding(1) var<storage, read> targets: array<u32>;
//# else
@group(0) @binding(1) var<storage, read> targets: array<Value>;
//# end
@group(0) @binding(2) var<storage, read_write> losses: array<f32>;
@group(0) @binding(3) var<uniform> u: Uniforms;
//# if GRADIENT
@group(0) @binding(4) var<storage, read_write> gradient: array<Value>;
//# end
//# if RECORD
@group(0) @binding(5) var<storage, read_write> record: array<f32>;

var<workgroup> totals: array<vec2f, 64>;
//# end

// Loss of a row, and 1 if it matches (with MATCHES); 0 beyond the last row.
fn take_row(row: u32, lane: u32) -> vec2f {
  let first = lane % ${LANES}u;
  let end = select(0u, u.columns, row < u.rows);
  let begin = min(row, u.rows - 1u) * u.columns;
//# for k in 0..KEPT
  let kept_${k} = logits[begin + ${k}u];
//# end
  var largest = Value(-3.4028234e38);
//# for k in 0..COPIES
//# if KEPT
  largest = larger_value(largest, kept_${k});
//# else
  for (var j = first; j < end; j += ${LANES}u) {
    largest = larger_value(largest, logits[begin + j]);
  }
//# end
//# end
  let highest = row_max(largest_of(largest), lane);
  var partial = Value();
//# if !LABELS
  var partial_weight = Value();
  var partial_dot = Value();
//# end
//# if MATCHES
  var place = Index(WIDTH * u.columns); // of the first largest
//# end
//# for k in 0..COPIES
//# if KEPT
  {
    let j = ${k}u;
    let value = kept_${k};
//# else
  for (var j = first; j < end; j += ${LANES}u) {
    let value = logits[begin + j];
//# end
    let z = value - highest;
    partial += exp(z);
//# if !LABELS
    let t = targets[begin + j];
    partial_weight += t;
    partial_dot += select(t * z, Value(), t == Value());
//# end
//# if MATCHES
    place = select(place, min(place, indices_of(j)), value == Value(highest));
//# end
  }
//# end
  let total = row_sum(sum_of(partial), lane);
//# if LABELS
  let weight = 1.0;
  let label = targets[min(row, u.rows - 1u)];
  let invalid = bitcast<f32>(0x7fc00000u | min(label, 0u)); // not a constant: the compiler rejects NaN literals
  let chosen = number_of(logits[min(begin + label / WIDTH, u.rows * u.columns - 1u)], label % WIDTH);
  let dot = select(invalid, chosen - highest, label < WIDTH * u.columns);
//# else
  let weight = row_sum(sum_of(partial_weight), lane);
  let dot = row_sum(sum_of(partial_dot), lane);
//# end
  let loss = weight * log(total) - dot;
  var result = vec2f(0.0);
  if (first == 0u && row < u.rows) {
    losses[row] = loss;
    result.x = loss;
  }
//# if MATCHES
  let predicted = u32(-row_max(-f32(least_of(place)), lane));
  let prediction = select(predicted, select(0u, 1u, highest > 0.0), WIDTH * u.columns == 1u);
  result.y = select(0.0, 1.0, prediction == label && !is_nan(highest) && first == 0u && row < u.rows);
//# end
//# if GRADIENT
//# for k in 0..COPIES
//# if KEPT
  if (${k}u < end) {
    let j = ${k}u;
    let value = kept_${k};
//# else
  for (var j = first; j < end; j += ${LANES}u) {
    let value = logits[begin + j];
//# end
//# if LABELS
    let t = select(Value(), Value(1.0), indices_of(j) == Index(label));
//# else
    let t = targets[begin + j];
//# end
    gradient[begin + j] = (exp(value - highest) / total * weight - t) * u.factor;
  }
//# end
//# end
  return result;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
//# if RECORD
  var sum = vec2f(0.0);
  for (var round = 0u; round < ${ROUNDS}u; round++) {
    sum += take_row(round * (64u / ${LANES}u) + lane / ${LANES}u, lane);
  }
  totals[lane] = sum;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      totals[lane] += totals[lane + half];
    }
  }
  if (lane == 0u) {
//# if MATCHES
    record[2u * u.slot] = totals[0].x;
    record[2u * u.slot + 1u] = totals[0].y;
//# else
    record[u.slot] = totals[0].x;
//# end
  }
//# else
  take_row((workgroup.y * workgroups.x + workgroup.x) * (64u / ${LANES}u) + lane / ${LANES}u, lane);
//# end
}
