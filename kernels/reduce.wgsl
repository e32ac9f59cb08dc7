// Reduces a part of the middle dimension of x (outer, length, inner): OPERATION sum | sumOfSquares | max | argmax.
//
// y (outer, parts, inner): part p takes the elements p, p + parts, p + 2·parts, … of `length`. The host calls this
// until one part is left, so a sum has a fixed order on a kind of adapter. 64 invocations a workgroup, one a part.
// sum: y is scaled by `factor` (1/length for a mean, on the last pass). sumOfSquares squares x first.
// max: NaN if any is NaN. argmax: y holds indices (u32) of the first largest, a NaN being larger than all numbers; on
// later passes (INDEXED) the candidates are read from `indices` (outer, length, inner) and their values from x, whose
// middle dimension is `x_length` long.
// No loop runs beyond length / parts + 1 trips. Error of a sum ≤ (trips of all passes) · 2⁻²⁴ · Σ|x|.

struct Uniforms {
  outputs: u32, // outer · parts · inner
  length: u32,
  inner: u32,
  parts: u32,
  factor: f32,
  x_length: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
//# if OPERATION == argmax
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
//# else
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
//# end
@group(0) @binding(2) var<uniform> u: Uniforms;
//# if INDEXED
@group(0) @binding(3) var<storage, read> indices: array<u32>;
//# end

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (workgroup.y * workgroups.x + workgroup.x) * 64u + lane;
  if (i >= u.outputs) {
    return;
  }
  let column = i % u.inner;
  let part = (i / u.inner) % u.parts;
  let outer = i / (u.inner * u.parts);
  let begin = outer * u.length * u.inner + column;
//# if OPERATION == argmax
  let x_begin = outer * u.x_length * u.inner + column;
  var best_index = 0u;
  var best = 0.0;
  for (var j = part; j < u.length; j += u.parts) {
//# if INDEXED
    let index = indices[begin + j * u.inner];
//# else
    let index = j;
//# end
    let v = x[x_begin + index * u.inner];
    // Parts interleave, so among equals the smallest index must be looked for. Equal: ==, or both NaN.
    let larger = v > best || (is_nan(v) && !is_nan(best));
    let equal = v == best || (is_nan(v) && is_nan(best));
    if (j == part || larger || (equal && index < best_index)) {
      best = v;
      best_index = index;
    }
  }
  y[i] = best_index;
//# else
//# if OPERATION == max
  var result = x[begin + part * u.inner];
  for (var j = part; j < u.length; j += u.parts) {
    let v = x[begin + j * u.inner];
    result = select(select(result, v, v > result), v, is_nan(v));
  }
  y[i] = result;
//# else
  var result = 0.0;
  for (var j = part; j < u.length; j += u.parts) {
    let v = x[begin + j * u.inner];
//# if OPERATION == sumOfSquares
    result += v * v;
//# else
    result += v;
//# end
  }
  y[i] = u.factor * result;
//# end
//# end
}
