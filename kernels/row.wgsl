// Sum and maximum over the LANES invocations of a workgroup of 64 that share a row; every one gets the result.
// Functions only. Must be called in uniform control flow. Workgroup memory: 256 B if LANES > 1.

// The larger of two; NaN if either is NaN.
fn larger(p: f32, q: f32) -> f32 {
  return select(select(p, q, q > p), q, is_nan(q));
}

//# if LANES != 1
var<workgroup> shared_values: array<f32, 64>;
//# end

//# for OP in sum max
fn row_${OP}(value: f32, lane: u32) -> f32 {
//# if LANES == 1
  return value;
//# else
  workgroupBarrier(); // the memory may still be read from the last call
  shared_values[lane] = value;
  for (var half = ${LANES}u / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane % ${LANES}u < half) {
//# if OP == sum
      shared_values[lane] += shared_values[lane + half];
//# else
      shared_values[lane] = larger(shared_values[lane], shared_values[lane + half]);
//# end
    }
  }
  workgroupBarrier();
  return shared_values[lane / ${LANES}u * ${LANES}u];
//# end
}
//# end
