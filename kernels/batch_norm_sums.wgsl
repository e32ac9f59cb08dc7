// Gradients of batch normalisation to its scale and shift, over parts of every channel:
//   d_beta = Σ dy,   d_gamma = Σ dy · x̂  with x̂ = (x - mean) / √(variance + ε)
//
// x, dy (rows, channels, area) f32, or vec4 (VECTOR); mean, variance (channels) → d_gamma, d_beta (parts, channels), which are
// added up afterwards. Parts, lanes, launch and loops as in channel_statistics.wgsl, with one walk.
// Order of summation: each lane's values in order, a vec4's, then a tree over the lanes.
// Error ≤ (length + 8) · 2⁻²⁴ · Σ|terms|, and that of x̂: 2 units in the last place of the inverse root, and 4 roundings.

struct Uniforms {
  outputs: u32, // parts · channels
  channels: u32,
  area: u32, // in values
  count: u32, // in values
  length: u32, // in values
  step_at: u32,
  step_position: u32,
  skip: u32,
  y_begin: u32, // where d_gamma and d_beta begin
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Value>;
@group(0) @binding(1) var<storage, read> dy: array<Value>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> variance: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_gamma: array<f32>;
@group(0) @binding(5) var<storage, read_write> d_beta: array<f32>;
@group(0) @binding(6) var<uniform> u: Uniforms;

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
  let channel = output % u.channels;
  let center = mean[channel];
  let inverse = inverseSqrt(variance[channel] + u.epsilon);
  var place = place_of(channel, first);
  var slopes = Value();
  var levels = Value();
  for (var j = first; j < end; j += ${LANES}u) {
    let change = dy[place.at];
    levels += change;
    slopes += change * ((x[place.at] - center) * inverse);
    place = next_place(place);
  }
  let slope = row_sum(sum_of(slopes), lane);
  let level = row_sum(sum_of(levels), lane);
  if (output < u.outputs && lane % ${LANES}u == 0u) {
    d_gamma[u.y_begin + output] = slope;
    d_beta[u.y_begin + output] = level;
  }
}
