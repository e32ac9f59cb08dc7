// Reduces parts of the middle dimension of x (outer, length, inner): OPERATION sum | sumOfSquares | max | argmax.
//
// y (outer, parts, inner), each part reduced to one. The host calls this until one part is left, so a sum has a fixed
// order wherever the same plan is taken. VALUE: f32, or vec4f, four neighbours; `length` and `inner` count Values.
// COLUMNS (inner > 1): an invocation reduces LOADS neighbours of `inner`, a multiple of that. Else inner is 1, and it
// takes LOADS Values of the axis at a time, `step` apart.
// LANES 1: 64 invocations a workgroup, each with a part; `block` neighbouring parts take turns along the axis, with 1
// each has a stretch of its own. Else LANES invocations, a whole workgroup, share a part and take turns; workgroup memory
// 4 B each, for argmax 8 B. Flat workgroup index. An invocation has at most `trips` Values of the axis.
// sum: y is scaled by `factor` (1/length for a mean, on the last pass). sumOfSquares squares x first.
// max: NaN if any is NaN. argmax: y holds indices (u32) of the first largest, a NaN being larger than all numbers;
// CONTINUED, if another pass follows, `best` holds the values there, which that pass (INDEXED) gets as x, with `indices`.
// No loop runs beyond 1,024 trips, as the host plans.
// Order of summation: with COLUMNS one Value after the other. Else LOADS sums, each of every LOADS-th Value; then these,
// one after the other, the four of a vec4 in pairs, and a tree over the lanes. Error of a pass ≤
// (trips / LOADS + 2 · LOADS + 2 + log2 LANES) · 2⁻²⁴ · Σ|x|, with COLUMNS trips · 2⁻²⁴ · Σ|x|; `factor` rounds once more.

struct Uniforms {
  outputs: u32, // invocations, or with LANES > 1 workgroups
  length: u32,
  inner: u32,
  parts: u32,
  block: u32,
  trips: u32,
  factor: f32,
  x_begin: u32, // where x begins on an axis of which it is a part
  y_begin: u32, // where y begins, in its elements
}

alias Value = ${VALUE};

@group(0) @binding(0) var<storage, read> x: array<Value>;
//# if OPERATION == argmax
@group(0) @binding(1) var<storage, read_write> y: array<u32_${OUTPUT}>;
//# else
@group(0) @binding(1) var<storage, read_write> y: array<${OUTPUT}>;
//# end
@group(0) @binding(2) var<uniform> u: Uniforms;
//# if INDEXED
@group(0) @binding(3) var<storage, read> indices: array<u32_${VALUE}>;
//# end
//# if CONTINUED
@group(0) @binding(4) var<storage, read_write> best: array<${OUTPUT}>;
//# end

// What x[at] alone amounts to, which stands at `j` on the axis.
fn take(at: u32, j: u32) -> Result_${VALUE} {
  let v = x[at];
//# if OPERATION == argmax
//# if INDEXED
  return Result_${VALUE}(v, indices[at]);
//# else
//# if COLUMNS || VALUE == f32
  return Result_${VALUE}(v, u32_${VALUE}(u.x_begin + j));
//# else
  return Result_${VALUE}(v, vec4u(u.x_begin + 4u * j) + vec4u(0u, 1u, 2u, 3u));
//# end
//# end
//# else
//# if OPERATION == sumOfSquares
  return Result_${VALUE}(v * v);
//# else
  return Result_${VALUE}(v);
//# end
//# end
}

//# if LANES != 1
var<workgroup> results: array<Result_f32, ${LANES}>;
//# end

@compute @workgroup_size(${INVOCATIONS})
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
//# if LANES == 1
  let i = (workgroup.y * workgroups.x + workgroup.x) * ${INVOCATIONS}u + lane;
//# else
  let i = workgroup.y * workgroups.x + workgroup.x;
//# end
  if (i >= u.outputs) {
    return;
  }
//# if COLUMNS
  let columns = u.inner / ${LOADS}u;
//# else
  let columns = 1u;
//# end
  let part = (i / columns) % u.parts;
  let begin = i / (columns * u.parts) * u.length * u.inner + (i % columns) * ${LOADS}u;
//# if LANES == 1
  let step = u.block;
  let first = part / step * step * u.trips + part % step;
//# else
  let step = ${LANES}u;
  let first = part * step * u.trips + lane;
//# end
  let end = min(u.length, first + step * u.trips);
  // A part that is left with nothing gives a sum of 0, and a maximum of the last Value.
  let start = min(first, max(u.length, 1u) - 1u);
//# for k in 0..LOADS
//# if OPERATION == sum || OPERATION == sumOfSquares
  var result_${k} = Result_${VALUE}();
//# else
//# if COLUMNS
  var result_${k} = take(begin + start * u.inner + ${k}u, start);
//# else
  var result_${k} = take(begin + start, start);
//# end
//# end
//# end
//# if COLUMNS
  for (var j = first; j < end; j += step) {
    let at = begin + j * u.inner;
//# for k in 0..LOADS
    result_${k} = merge_${VALUE}(result_${k}, take(at + ${k}u, j));
//# end
  }
//# for k in 0..LOADS
  let total_${k} = result_${k};
//# end
//# else
  var j = first;
  for (; j + ${LOADS}u * step < end + step; j += ${LOADS}u * step) {
//# for k in 0..LOADS
    result_${k} = merge_${VALUE}(result_${k}, take(begin + j + ${k}u * step, j + ${k}u * step));
//# end
  }
//# if LOADS != 1
  for (; j < end; j += step) {
    result_0 = merge_${VALUE}(result_0, take(begin + j, j));
  }
//# end
//# for k in 1..LOADS
  result_0 = merge_${VALUE}(result_0, result_${k});
//# end
//# if VALUE == vec4f
//# for c in x y z w
//# if OPERATION == argmax
  let of_${c} = Result_f32(result_0.value.${c}, result_0.index.${c});
//# else
  let of_${c} = Result_f32(result_0.value.${c});
//# end
//# end
  var total_0 = merge_f32(merge_f32(of_x, of_y), merge_f32(of_z, of_w));
//# else
  var total_0 = result_0;
//# end
//# if LANES != 1
  results[lane] = total_0;
  for (var half = ${LANES}u / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      results[lane] = merge_f32(results[lane], results[lane + half]);
    }
  }
  if (lane > 0u) {
    return;
  }
  total_0 = results[0];
//# end
//# end
//# for k in 0..RESULTS
  let to_${k} = u.y_begin + ${RESULTS}u * i + ${k}u;
//# if OPERATION == argmax
  y[to_${k}] = total_${k}.index;
//# if CONTINUED
  best[to_${k}] = total_${k}.value;
//# end
//# else
//# if OPERATION == max
  y[to_${k}] = total_${k}.value;
//# else
  y[to_${k}] = u.factor * total_${k}.value;
//# end
//# end
//# end
}
