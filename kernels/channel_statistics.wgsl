// Mean and variance of parts of every channel, in two walks over a part's values:
//   m = Σ x / n, d = x - m;   mean = m + Σ d / n,   variance = Σ d² / n - (Σ d / n)²
//
// x (rows, channels, area) f32, or vec4 (VECTOR) → mean, variance (parts, channels). A part is `length` neighbours among the
// `count` values of a channel, as channel_values.wgsl puts them in a line; its last may have fewer. It is shared by LANES
// invocations of a workgroup of 64; flat workgroup index over parts · channels; workgroup memory 256 B if LANES > 1.
// Longest loop: length / LANES trips, twice, at most 32,767 each, as the host checks; 4,096 up to 2²⁶ values of a channel.
// Order of summation: each lane's values in order, a vec4's, then a tree over the lanes: R ≤ n + 8 additions.
// Error, with u = 2⁻²⁴, q² = Σ x² / n, e = (R + 8) · u · q (of m) and s² = variance + e²: mean u · q + (R + 8) · u · s,
// variance (R + 10) · u · s² + 2 (R + 8) · u · e · s. The second walk takes out what the first was off by.
// Source: Chan, Golub, LeVeque, "Algorithms for computing the sample variance", The American Statistician 37 (1983).

struct Uniforms {
  outputs: u32, // parts · channels
  channels: u32,
  area: u32, // in values
  count: u32, // in values
  length: u32, // in values
  step_at: u32,
  step_position: u32,
  skip: u32,
  y_begin: u32, // where mean and variance begin
}

@group(0) @binding(0) var<storage, read> x: array<Value>;
@group(0) @binding(1) var<storage, read_write> mean: array<f32>;
@group(0) @binding(2) var<storage, read_write> variance: array<f32>;
@group(0) @binding(3) var<uniform> u: Uniforms;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let output = (workgroup.y * workgroups.x + workgroup.x) * (64u / ${LANES}u) + lane / ${LANES}u;
  let begin = output / u.channels * u.length;
  // Invocations beyond the last output take part in the barriers and write nothing.
  let end = select(begin, min(begin + u.length, u.count), output < u.outputs);
  let first = begin + lane % ${LANES}u;
  let start = place_of(output % u.channels, first);
//# if VECTOR
  let n = 4.0 * f32(end - begin);
//# else
  let n = f32(end - begin);
//# end
  var total = Value();
  var place = start;
  for (var j = first; j < end; j += ${LANES}u) {
    total += x[place.at];
    place = next_place(place);
  }
  let center = row_sum(sum_of(total), lane) / n;
  var distances = Value();
  var squares = Value();
  place = start;
  for (var j = first; j < end; j += ${LANES}u) {
    let d = x[place.at] - center;
    distances += d;
    squares += d * d;
    place = next_place(place);
  }
  let shift = row_sum(sum_of(distances), lane) / n;
  let spread = row_sum(sum_of(squares), lane) / n - shift * shift;
  if (output < u.outputs && lane % ${LANES}u == 0u) {
    mean[u.y_begin + output] = center + shift;
    variance[u.y_begin + output] = select(spread, 0.0, spread < 0.0); // rounding must not make it negative; NaN stays
  }
}
